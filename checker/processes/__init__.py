"""Several fences at once, each searched in a process of its own.

From outside: `matrix`.
"""

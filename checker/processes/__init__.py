"""Several fences at once, each searched in a process of its own.

From outside: `matrix`; `alone` is one search in this process; `worker` is a process that others give tasks.
"""

"""What a search leaves out because nobody can tell.

From outside: `symmetry` (equal servers that change places).
"""

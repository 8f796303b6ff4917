"""What a search leaves out because nobody can tell.

From outside: `folding` (times that no step can tell apart), `symmetry` (equal servers that change places),
`reduction` (what is said of each).
"""

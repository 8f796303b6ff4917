"""What a search leaves out because nobody can tell.

From outside: `folding` (times that no step can tell apart), `symmetry` (equal servers that change places),
`merging` (steps that nobody can tell from the one before), `reduction` (what is said of each), `kept` (where
what was found is kept for a user).
"""

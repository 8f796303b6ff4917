"""States in packed words, and the functions that expand them: generated Python, and the same as machine code.

From outside: `expand` (Python), `native_code` (machine code), and for what compiles functions of its own:
`trie`, `packing`, `folding`, `table`, `room`, `machine_code`.
"""

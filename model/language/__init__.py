"""The language of systems (expressions, transitions) and its interpreters: plain Python, z3, TLA+."""

"""Runs as files: written, kept, read, and judged again.

From outside: `files`, `last` (what was found last), `rerun` and `document` (the type of such a file).
"""

"""Runs as files: written, read, and judged again.

From outside: `files`, `rerun` and `document` (the type of such a file).
"""

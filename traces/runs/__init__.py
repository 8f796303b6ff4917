"""Runs as files: written, kept, read, and judged again.

From outside: `files` and `pairs`, `folders` (what lies in one), `last` (what was found last), `rerun`, and
`document` (the type of such a file).
"""

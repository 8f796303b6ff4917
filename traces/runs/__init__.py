"""Runs as files: written, read, and judged again.

From outside: `files`, `folders` and `rerun`.
"""

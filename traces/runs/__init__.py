"""Runs as files: written, read, and judged again.

From outside: `files` and `rerun`.
"""

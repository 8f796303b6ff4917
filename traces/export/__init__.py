"""What others' tools read: runs as traces in Apalache's format, systems as TLA+ modules.

From outside: `itf` (a run), `export` (a system: its module, and configurations for TLC).
"""

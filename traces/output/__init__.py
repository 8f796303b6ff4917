"""What leaves: nothing that a terminal could obey, no half a file, no fault that looks like a verdict.

From outside: `terminal`, `writing` (files), `faults` (held back until the rest is told), `endings` (exit
statuses) and `document` (of what types for scripts are made).
"""

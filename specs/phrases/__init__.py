"""Conditions over states as people type them: `pd1.role == leader and any s in tso: s.serving`.

Each module imports only from those above it:

- `names`: what a scenario or a run calls its servers, variables and definitions
- `spelling`: a condition as it may be typed
- `reading`: what somebody typed, as a condition
- `sought`: a condition as what a search looks for
"""

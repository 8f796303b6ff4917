"""A system stepped through by hand: one state after the other, each step chosen.

Each module imports only from those above it:

- `start`: where it begins, from a scenario or a run
- `session`: the present state, what can happen there, the ways that were tried
- `screen`: that as text
- `app`: the terminal's view
"""

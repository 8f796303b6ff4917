"""The system, written once: state, transitions, faults, fences and observers.

- `language`, `pd`: how systems are written, PD and its TSO servers
- `behaviours`, `builds`, `variants`: what they may do beside that, what builds do otherwise, fences
"""

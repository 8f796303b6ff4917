"""The system, written once: state, transitions, faults, fences and observers.

- `language`, `pd`, `variants`: how systems are written, PD and its TSO servers, what may be changed of them
"""

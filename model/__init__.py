"""The system, written once: state, transitions, faults, fences and observers."""

"""Model, prove and replay the fencing of PD's timestamp oracle."""

__version__ = "0.1.0"

"""What to say where a name is none of those that there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: so many names are read; of more, these and how many others there are
_FEW = 8


def no_such(what: str, name: str, there: Iterable[str], listed: str = "") -> str:
    """One line: those that look like it, or else the first ones; ``listed``: the command that lists all."""
    known = list(there)
    if near := get_close_matches(name, known, 3):
        return (
            f"unknown {what} {name!r}; did you mean {' or '.join(near)}?{listed and f' {listed} lists all'}"
        )
    if len(known) <= _FEW or not listed:
        return f"unknown {what} {name!r}; choose from {', '.join(known)}"
    more = f"and {len(known) - _FEW} more ({listed})"
    return f"unknown {what} {name!r}; choose from {', '.join(known[:_FEW])} {more}"

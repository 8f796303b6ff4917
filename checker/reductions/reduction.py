"""What a report says of a reduction."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reduction:
    """One that a search used, by the name under which it can be left out.

    ``obligations``: how many were proved, in so many ``seconds``; ``kept``: at an earlier time; ``note``:
    what was not used, or not proved, and why.
    """

    name: str
    proved: bool
    obligations: int = 0
    seconds: float = field(default=0.0, compare=False)
    kept: bool = False
    note: str = ""

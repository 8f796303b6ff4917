"""What a search may use to be smaller, and how it is known that no verdict depends on it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reduction:
    """A reduction of one system: ``proved``: may it be used? ``obligations``: how many questions were
    answered for that, in ``seconds``; ``note``: what of it is not used, and why."""

    name: str
    proved: bool
    obligations: int = 0
    seconds: float = field(default=0.0, compare=False)
    note: str = ""

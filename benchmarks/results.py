"""What one search was, and the table that compares several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

#: whom the last columns compare with
CPP, SPIN = "C++", "Spin"


@dataclass(frozen=True, slots=True)
class Result:
    """One search, compilation apart; ``levels`` and ``memory`` (in bytes) are 0 where nobody counted."""

    who: str
    states: int
    transitions: int
    levels: int
    seconds: float
    compiling: float = 0.0
    memory: int = 0


def disagree(results: Sequence[Result]) -> bool:
    """Do the counts of searches of the same thing differ?"""
    levels = {result.levels for result in results if result.levels}
    return len({(result.states, result.transitions) for result in results}) > 1 or len(levels) > 1


def quickest(results: Iterable[Result]) -> list[Result]:
    """Of the searches of each engine the one that other load on the machine disturbed least."""
    best: dict[str, Result] = {}
    for result in results:
        if result.who not in best or result.seconds < best[result.who].seconds:
            best[result.who] = result
    return list(best.values())


class Comparison:
    """A table, one row a search."""

    def __init__(self) -> None:
        self.table = Table(box=None, pad_edge=False)
        left = ("searched", "by")
        numbers = (
            "states",
            "transitions",
            "s",
            "M states/s",
            "B/state",
            "compiling",
            f"x {CPP}",
            f"x {SPIN}",
        )
        for column in (*left, *numbers):
            self.table.add_column(column, no_wrap=True, justify="left" if column in left else "right")

    def add(self, what: str, results: Sequence[Result]) -> None:
        """Searches of the same thing, of each engine the quickest; times are compared among them."""
        best = quickest(results)
        seconds = {result.who: result.seconds for result in best}
        for result in best:
            self.table.add_row(
                what,
                result.who,
                f"{result.states:,}",
                f"{result.transitions:,}",
                f"{result.seconds:.2f}",
                f"{result.states / result.seconds / 1e6:.2f}",
                f"{result.memory / result.states:.1f}" if result.memory else "",
                f"{result.compiling:.2f}" if result.compiling >= 0.01 else "",
                *(f"{result.seconds / seconds[who]:.2f}" if who in seconds else "" for who in (CPP, SPIN)),
            )

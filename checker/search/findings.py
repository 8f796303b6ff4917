"""What a search says: how far it is, what became of each property, and of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..reductions.reduction import Reduction
from ..run import Run

#: what ends a search that somebody stops
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is; ``left`` is the estimated number of states to come, once levels shrink;
    ``memory`` and its ``bound`` are in bytes; ``violated``: in how many steps, once that is known; ``doing``:
    what is done before the search begins, if anything."""

    states: int
    transitions: int
    depth: int
    frontier: int
    left: int | None
    seconds: float
    memory: int
    bound: int
    violated: dict[str, int | None]
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one property: ``steps`` and ``run`` where violated; ``tested``: how many steps met
    its premise; ``note``: why a verdict is worth less than it looks; ``fairness``: what a liveness property
    assumes of each transition."""

    property: str
    verdict: str
    steps: int | None = None
    run: Run | None = None
    tested: int = 0
    note: str = ""
    fairness: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exploration:
    """A finished search: ``cut_by`` says what ended it early, ``never_fired`` and ``never_refused`` what
    the scenario did not exercise, ``spent`` which of its limits stopped some run; ``reductions``: what the
    search used, ``exchanged``: equal servers, ``merged``: transitions that it took at once; ``outside``: by
    property, the constraints of its proof under this fence that the scenario does not meet; ``notes``: what
    else went wrong, without making a verdict worth less."""

    scenario: str
    fence: str
    states: int
    transitions: int
    depth: int
    seconds: float
    cut_by: tuple[str, ...]
    never_fired: tuple[str, ...]
    never_refused: tuple[str, ...]
    spent: tuple[str, ...]
    findings: tuple[Finding, ...]
    reductions: tuple[Reduction, ...] = ()
    exchanged: tuple[tuple[str, ...], ...] = ()
    merged: tuple[str, ...] = ()
    outside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Every reachable state was expanded."""
        return not self.cut_by

"""The runs that are kept, found anew: the shortest that a search finds soon, else any that there is.

``make known`` runs it, some minutes of a core; where a step or a guard has changed, runs of before may not be
taken any more, which costs time and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ...model.builds import known as builds
from ...model.variants import fences
from ...specs.properties import PROPERTIES, named
from ..interruption import deferred, noted
from ..run import Run
from . import known
from .induct import Induction
from .runs import FEW, Found, Passed, Sought, searched

SYSTEMS = (*fences.ALL, *(name for name in builds.SHIPPED if name != builds.DEFAULT))


def in_doubt(fence: str) -> list[str]:
    """The properties that lemmas alone do not give."""
    whole = fences.whole(fence)
    return [prop.name for prop in PROPERTIES if Induction(whole, prop).is_in_doubt()]


def find() -> list[Run]:
    """All of them; Ctrl-C ends it with those that are found."""
    runs: list[Run] = []
    for fence in SYSTEMS:
        doubted = [named(name) for name in in_doubt(fence)]
        there = known.breaking(fence, doubted, runs=runs)
        enough: set[str] = set()
        for told in searched(Sought(fence, (), (), None, ()), doubted, enough, noted):
            match told:
                case Passed(states) if states == FEW:
                    enough |= there.keys()
                case Found(name, run) if name not in there or len(run.moves) < len(there[name].moves):
                    runs.append(run)
                    sys.stderr.write(f"{name} under {fence}: {len(run.moves)} steps\n")
    return runs


def main() -> int:
    """Write the file."""
    with deferred():
        runs = find()
    Path(__file__).with_name(known.FILE).write_text(known.written(runs), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

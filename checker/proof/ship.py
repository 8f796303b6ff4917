"""The runs that are kept, found anew: the shortest that a search finds soon, else any that there is.

``make known`` runs it, some minutes of a core; where a step or a guard has changed, runs of before may not be
taken any more, which costs time and nothing else.  One that can be is left where no shorter one is found:
which states a search comes to first is chance.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

from ...model.builds import known as builds
from ...model.builds import master_2026_08, release_8_5
from ...model.variants import fences
from ...specs import liveness, ranks
from ...specs.properties import PROPERTIES, named
from ...specs.scenario import parse
from ..interruption import deferred, noted
from ..liveness.liveness import Cut, States, decide
from ..run import Run
from . import known
from .induct import Induction
from .runs import FEW, MANY, Found, Passed, Sought, searched

#: fences of somebody's own, of which this repository has examples
OWN = Path(__file__).parents[2] / "docs" / "own-fence"
SYSTEMS = (*fences.ALL, *(name for name in builds.SHIPPED if name != builds.DEFAULT))

#: builds on which a PD that a fence refuses tries again, and may do so forever
RANKED = tuple(each.build.name for each in (master_2026_08, release_8_5))

#: where a fence may refuse a PD again and again, and bytes that its states may take
BESIDE = """
    [servers]
    pd = 1
    tso = 1
    [time]
    window = 3
    lease = 2
    [faults.pd]
    term = 1
    [faults.tso]
    term = 1
    """
_MEMORY = 1 << 30


def in_doubt(fence: str) -> list[str]:
    """The properties that lemmas alone do not give."""
    whole = fences.whole(fence)
    return [prop.name for prop in PROPERTIES if Induction(whole, prop).is_in_doubt()]


def _unproved(fence: str) -> list[str]:
    """And those that follow from lemmas which some step does not keep."""
    doubted, whole = in_doubt(fence), fences.whole(fence)
    sure = (Induction(whole, prop) for prop in PROPERTIES if prop.name not in doubted)
    failing = (each for each in sure if any(made.obligation.result != "proved" for made in each.decide()))
    return [*doubted, *(each.prop.name for each in failing)]


def _is_shorter(run: Run, there: Run | None) -> bool:
    return there is None or len(run.moves) < len(there.moves)


def find() -> list[Run]:
    """All of them; Ctrl-C ends it with those that are found."""
    runs: list[Run] = []
    for fence in SYSTEMS:
        doubted = [named(name) for name in _unproved(fence)]
        there = known.breaking(fence, doubted, runs=runs)
        before = known.breaking(fence, doubted, runs=[run for run in known.kept() if run.fence == fence])
        left = {name: run for name, run in before.items() if _is_shorter(run, there.get(name))}
        there |= left
        runs += left.values()
        enough: set[str] = set()
        for told in searched(Sought(fence, (), (), None, ()), doubted, enough, noted):
            match told:
                case Passed(states) if states == FEW:
                    enough |= there.keys()
                case Found(name, run) if _is_shorter(run, there.get(name)):
                    runs.append(run)
                    sys.stderr.write(f"{name} under {fence}: {len(run.moves)} steps\n")
    return runs


def find_stricter(there: Sequence[Run], files: Iterable[Path]) -> list[Run]:
    """Runs of somebody's own fences that can be taken without any fence, where none of those there breaks the
    property, and those of before that are shorter; Ctrl-C ends it with those that are found."""
    runs: list[Run] = []
    for file in files:
        fence = fences.take(str(file))
        doubted = [named(name) for name in in_doubt(fence)]
        broken = known.breaking(fence, doubted, runs=[*there, *runs])
        before = known.breaking(fence, doubted, runs=known.stricter())
        shorter = [run for name, run in before.items() if _is_shorter(run, broken.get(name))]
        runs += [free for run in shorter if (free := _freed(run)) is not None]
        left = [prop for prop in doubted if prop.name not in broken.keys() | before.keys()]
        for told in searched(Sought(fence, (), (), None, ()), left, (), noted):
            match told:
                case Passed(states) if states == MANY:
                    break
                case Found(name, run) if (free := _freed(run)) is not None:
                    runs.append(free)
                    sys.stderr.write(f"{name} under {fence}: {len(free.moves)} steps\n")
    return runs


def _freed(run: Run) -> Run | None:
    """The run without its fence, if it breaks the same then."""
    free = replace(run, fence=fences.NONE, title=run.title.replace(run.fence, fences.NONE))
    return free if known.breaking(fences.NONE, [named(str(run.breaks))], runs=[free]) else None


def find_lasting(of_fences: Iterable[str] = fences.SHIPPED) -> list[Run]:
    """Runs that go on forever under a fence on a build that has a rank, beside a TSO primary; Ctrl-C ends it
    with those that are found."""
    runs: list[Run] = []
    world = parse(dedent(BESIDE), "pd-beside-primary", "pd-beside-primary")
    for fence in (fences.of_build(build, each) for build in RANKED for each in of_fences):
        for prop in map(liveness.named, ranks.NAMES):
            if noted():
                return runs
            if known.starving(fence, prop, runs=runs) is not None:
                continue
            try:
                states = States(world, fence, properties=[prop], max_states=MANY, memory=_MEMORY, stop=noted)
            except Cut:
                continue
            run = decide(states, prop).run
            if run is not None:
                runs.append(run)
                sys.stderr.write(f"{prop.name} under {fence}: {len(run.moves)} steps\n")
    return runs


def main() -> int:
    """Write the files."""
    with deferred():
        runs = find()
        more = find_stricter(runs, sorted(OWN.glob("*.py")))
        lasting = find_lasting()
    for name, found in ((known.FILE, runs), (known.STRICTER, more), (known.LASTING, lasting)):
        Path(__file__).with_name(name).write_text(known.written(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

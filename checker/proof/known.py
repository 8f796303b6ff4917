"""Real runs that are kept, and tried of every system before anything is searched.

What one build or fence does, another often does as well, and a run is taken again in hundredths of a second
where a search takes seconds.  Where a system has not some step of it, or asks for others before one, the run
is taken without that step, and with those.  Nothing rests on where a run comes from: it counts once the plain
interpreter takes its steps in the system that is asked about, and the last of them breaks the property there.
`make known` finds them anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

from ...model.language.layout import State
from ...model.language.python import Machine
from ...model.language.transition import Kind
from ...specs.assumptions import Assumption
from ...specs.liveness import Liveness
from ...specs.properties import Property
from ..interruption import heed
from ..liveness.forever import starves
from ..run import Move, Run, RunError, breaks, repeats
from .witness import met

#: the files beside this one: of what comes with tsofence; of stricter fences (those of docs/own-fence), whose
#: runs can be taken without them as well: tried where none of the others breaks the property
FILE, STRICTER = "known.json", "stricter.json"
#: runs that go on forever, as `explore` found them: where the saves of two servers go on, that takes a table
#: of times that is proved, for which nobody waits while a proof is made
LASTING = "lasting.json"
#: as many steps may be taken before one of a run that is refused
_BETWEEN = 2


def breaking(
    fence: str,
    properties: Sequence[Property],
    *,
    assumptions: Sequence[Assumption] = (),
    nodes: int | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    runs: Iterable[Run] | None = None,
) -> dict[str, Run]:
    """By property a run of this system that breaks it and meets these assumptions, the first of those that
    are kept (or of ``runs``), the shortest of which are tried first; those of stricter fences come last.

    Raises:
        KeyboardInterrupt: see `interruption`.
    """
    found: dict[str, Run] = {}
    tried = [*_shortest(kept()), *_shortest(stricter())] if runs is None else _shortest(runs)
    for taking in (_as_it_is, carried):  # first all as they are, which takes less
        for run in tried:
            heed()
            prop = next((prop for prop in properties if prop.name == run.breaks), None)
            if prop is None or prop.name in found or (nodes is not None and len(run.kinds) > nodes):
                continue
            title = run.title.replace(run.fence, fence)
            try:
                theirs = taking(replace(run, title=title, fence=fence, dropped=tuple(dropped)))
                meets = not assumptions or len(met(theirs, assumptions)) == len(assumptions)
                if meets and breaks(theirs, prop):
                    found[prop.name] = theirs
            except (RunError, KeyError):  # it refuses a step, has none of that name or other constants
                continue
    return found


def _as_it_is(run: Run) -> Run:
    return run


def taken(run: Run, prop: Property) -> Run | None:
    """The run as it is or, where its system refuses that, as it is `carried`, if it breaks the property."""
    for taking in (_as_it_is, carried):
        try:
            theirs = taking(run)
            if breaks(theirs, prop):
                return theirs
        except (RunError, KeyError):  # as above
            continue
    return None


def carried(run: Run) -> Run:
    """The run in a system that has not all of its steps, or asks the same server for others before one.

    Those may be neither faults nor choices, and are as few as can be.

    Raises:
        RunError: no such steps let it go on.
        KeyError: the system has other constants.
    """
    machine = run.machine()
    state = machine.layout.initial(run.first, {})
    moves: list[Move] = []
    for move in run.moves:
        try:
            index = machine.find(move.transition, move.server)
        except KeyError:
            continue
        if machine.refused(state, index, move.inputs):
            for at in _steps_to(machine, state, index, move):
                state = machine.apply(state, at)
                moves.append(Move(machine.instances[at].name, move.server))
        state = machine.apply(state, index, move.inputs)
        moves.append(move)
    return replace(run, moves=tuple(moves))


def _steps_to(machine: Machine, state: State, index: int, move: Move) -> tuple[int, ...]:
    """The fewest steps of the same server, neither faults nor choices, after which it can take this one.

    Raises:
        RunError: as many as may be do not lead there.
    """
    own = [
        at
        for at, each in enumerate(machine.instances)
        if each.number == move.server
        and each.transition.rule.budget is None
        and not each.transition.rule.inputs
    ]
    seen = {state}
    ways: list[tuple[State, tuple[int, ...]]] = [(state, ())]
    for _ in range(_BETWEEN):
        longer: list[tuple[State, tuple[int, ...]]] = []
        for before, way in ways:
            for at in own:
                if machine.refused(before, at):
                    continue
                after = machine.apply(before, at)
                if after in seen:
                    continue
                seen.add(after)
                if not machine.refused(after, index, move.inputs):
                    return (*way, at)
                longer.append((after, (*way, at)))
        ways = longer
    raise RunError("no few steps lead on")


def starving(
    fence: str,
    prop: Liveness,
    *,
    assumptions: Sequence[Assumption] = (),
    nodes: int | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    runs: Iterable[Run] | None = None,
) -> Run | None:
    """The first of the runs that are kept (or of ``runs``) which this system can take forever, fairly, and
    never come to the goal, with these assumptions met.

    Raises:
        KeyboardInterrupt: see `interruption`.
    """
    for run in lasting() if runs is None else runs:
        heed()
        if run.breaks != prop.name or (nodes is not None and len(run.kinds) > nodes):
            continue
        title = run.title.replace(run.fence, fence)
        theirs = replace(run, title=title, fence=fence, dropped=tuple(dropped))
        try:
            if (
                repeats(theirs)
                and starves(theirs, prop)
                and len(met(theirs, assumptions)) == len(assumptions)
            ):
                return theirs
        except (RunError, KeyError):  # as above
            continue
    return None


def _shortest(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: len(run.moves))


@cache
def kept() -> tuple[Run, ...]:
    """Those of what comes with tsofence."""
    return _file(FILE)


@cache
def stricter() -> tuple[Run, ...]:
    """Those of stricter fences."""
    return _file(STRICTER)


@cache
def lasting() -> tuple[Run, ...]:
    """Those that go on forever."""
    return _file(LASTING)


def _file(name: str) -> tuple[Run, ...]:
    return read(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


def read(content: str) -> tuple[Run, ...]:
    """Those of such a file."""
    return tuple(map(_read, json.loads(content)))


def written(runs: Iterable[Run]) -> str:
    """Such a file, a line a run."""
    lines = ",\n".join(json.dumps(_plain(run), separators=(",", ":")) for run in runs)
    return f"[\n{lines}\n]\n"


def _plain(run: Run) -> Mapping[str, Any]:
    return {
        "title": run.title,
        "fence": run.fence,
        "breaks": run.breaks,
        "servers": {name: kind.name for name, kind in zip(run.names, run.kinds, strict=True)},
        "constants": dict(run.constants),
        "first": [[*key, value] for key, value in run.first.items()],
        "moves": [[move.transition, move.server, dict(move.inputs)] for move in run.moves],
    } | ({} if run.cycle_from is None else {"cycle_from": run.cycle_from})


def _read(plain: Mapping[str, Any]) -> Run:
    return Run(
        title=plain["title"],
        fence=plain["fence"],
        kinds=tuple(Kind[kind] for kind in plain["servers"].values()),
        names=tuple(plain["servers"]),
        constants=plain["constants"],
        first={(name, server): value for name, server, value in plain["first"]},
        moves=tuple(Move(*move) for move in plain["moves"]),
        breaks=plain["breaks"],
        cycle_from=plain.get("cycle_from"),
    )

"""A run file judged again: which fences allow it, and which properties its steps break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...checker.liveness.forever import starves
from ...checker.run import Run, RunError, follow
from ...specs import liveness
from ...specs.properties import NAMES, judged, named
from ..sources.observation import NS_PER_MS
from . import pairs
from .files import check

#: what is said of grants; an explanation of a recording has only some of them
_OF_GRANTS = (*pairs.NAMES, "window", "one-live")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a fence allows every step; else ``refused`` says which step it refuses, and why."""

    fence: str
    allows: bool
    refused: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A property of a run.

    ``steps`` are the numbers of the steps that break it, each by itself or with one before it; of a liveness
    property the step from which on the run repeats without what the property asks for. ``note`` says why a
    verdict is unknown.
    """

    property: str
    verdict: Literal["violated", "holds", "unknown"]
    steps: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rerun:
    """A run with what the fences and the properties say of it."""

    run: Run
    fences: tuple[Verdict, ...]
    properties: tuple[Judged, ...]


def rerun(run: Run, fences: Sequence[str], properties: Sequence[str]) -> Rerun:
    """Take the run's steps again, under its own fence and under others.

    No properties: all of safety, and what the run is there to break.

    Raises:
        RunError: its own fence refuses a step.
        ValueError: an unknown fence or property.
    """
    asked = list(dict.fromkeys(properties or (*NAMES, *filter(None, [run.breaks]))))
    safety = [name for name in asked if name not in liveness.known()]
    lively = [name for name in asked if name in liveness.known() and run.cycle_from is not None]
    return Rerun(
        run,
        tuple(_verdict(run, fence) for fence in fences or (run.fence,)),
        (*_safety(run, safety), *(_lively(run, name) for name in lively)),
    )


def _safety(run: Run, names: Sequence[str]) -> Iterator[Judged]:
    machine = run.machine()
    # what replay writes counts in ns, and is not there to break anything
    explains = run.breaks is None and run.constants["unit"] == NS_PER_MS
    grants = pairs.Grants(run, machine, NS_PER_MS if explains else 1)
    broken: dict[str, list[int]] = {name: [] for name in names}
    single = [(broken[name], named(name).broken_by) for name in names if name not in pairs.NAMES]
    for number, frame in enumerate(follow(run, machine), 1):
        index = machine.find(frame.move.transition, frame.move.server)
        for steps, broken_by in single:
            if judged(broken_by, machine, index, frame.before, frame.move.inputs):
                steps.append(number)
        for name in grants.broken_by(frame):
            if name in broken:
                broken[name].append(number)
    for name, steps in broken.items():
        yield _explained(name, steps) if explains else Judged(name, _word(steps), tuple(steps))


def _explained(name: str, steps: Sequence[int]) -> Judged:
    """The verdict on a run that explains a recording.

    It has some of the calls, each at a moment in which it may have been answered.
    """
    if steps and name in (pairs.REAL_TIME, pairs.SESSION):
        note = (
            f"step {steps[0]} grants less than one before it; only the recording tells whether they overlap"
        )
        return Judged(name, "unknown", note=note)
    if not steps and name in _OF_GRANTS:
        note = "the run has only some of the calls that it explains; replay the recording"
        return Judged(name, "unknown", note=note)
    return Judged(name, _word(steps), tuple(steps))


def _word(steps: Sequence[int]) -> Literal["violated", "holds"]:
    return "violated" if steps else "holds"


def _lively(run: Run, name: str) -> Judged:
    starved = run.cycle_from is not None and starves(run, liveness.named(name))
    steps = (run.cycle_from + 1,) if starved and run.cycle_from is not None else ()
    return Judged(name, _word(steps), steps)


def _verdict(run: Run, fence: str) -> Verdict:
    dropped = run.dropped if fence == run.fence else ()
    theirs = replace(run, fence=fence, dropped=dropped)
    try:
        check(theirs)
    except RunError as error:
        return Verdict(fence, False, str(error))
    return Verdict(fence, True, "")

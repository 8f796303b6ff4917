"""A run file judged again: which fences allow it, and which properties its steps break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..checker.forever import starves
from ..checker.run import Run, RunError, follow, repeats
from ..specs import liveness
from ..specs.properties import NAMES, judged, named


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a fence allows every step; else ``refused`` says which step it refuses, and why."""

    fence: str
    allows: bool
    refused: str


@dataclass(frozen=True, slots=True)
class Rerun:
    """``broken`` lists, by property, the numbers of the steps that break it; of a liveness property the step
    from which on the run repeats without what the property asks for."""

    run: Run
    fences: tuple[Verdict, ...]
    broken: dict[str, tuple[int, ...]]


def rerun(run: Run, fences: Sequence[str], properties: Sequence[str]) -> Rerun:
    """Take the run's steps again, under its own fence and under others.

    No properties: all of safety, and what the run is there to break.

    Raises:
        RunError: its own fence refuses a step.
        ValueError: an unknown fence or property.
    """
    properties = properties or (*NAMES, *filter(None, [run.breaks]))
    machine = run.machine()
    broken: dict[str, list[int]] = {name: [] for name in properties if name not in liveness.NAMES}
    for number, frame in enumerate(follow(run, machine), 1):
        index = machine.find(frame.move.transition, frame.move.server)
        for name, steps in broken.items():
            if judged(named(name).broken_by, machine, index, frame.before, frame.move.inputs):
                steps.append(number)
    if run.cycle_from is not None:
        for name in sorted(set(properties) & set(liveness.NAMES)):
            broken[name] = [run.cycle_from + 1] if starves(run, liveness.named(name)) else []
    return Rerun(
        run,
        tuple(_verdict(run, fence) for fence in fences or (run.fence,)),
        {name: tuple(steps) for name, steps in broken.items()},
    )


def _verdict(run: Run, fence: str) -> Verdict:
    dropped = run.dropped if fence == run.fence else ()
    theirs = replace(run, fence=fence, dropped=dropped)
    try:
        for _ in follow(theirs):
            pass
        if run.cycle_from is not None:
            repeats(theirs)
    except RunError as error:
        return Verdict(fence, False, str(error))
    return Verdict(fence, True, "")

"""Why a run that repeats never gets out: the steps that would end it, and which guards refuse them.

A way out is a step after which what the property asks for is there, or one that is what it asks for. It is
tried in each state that comes again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...checker.run import Frame, Run
from ...model.language.expr import TIME
from ...model.language.layout import State
from ...model.language.python import Machine
from ...specs import liveness
from ...specs.liveness import Fairness, Liveness
from .otherwise import least

#: of the ways out, those that fewest guards refuse are told
MAX_WAYS = 6


@dataclass(frozen=True, slots=True)
class WayOut:
    """A step of ``server`` (0: the cluster) that would end it.

    ``refused``: by guard, in how many of the ``states`` that come again it refuses; ``possible``: the numbers
    of the steps in whose place it could be taken. ``owed``: it would be unfair to put it off forever.
    ``counts``: empty, or the condition without which the step is none that the property asks for.
    """

    transition: str
    server: int
    refused: tuple[tuple[str, int], ...]
    states: int
    possible: tuple[int, ...]
    owed: bool
    counts: str = ""


@dataclass(frozen=True, slots=True)
class Forever:
    """What repeats: the steps ``first`` to ``last``, each round ``shift`` later than the one before.

    ``differ``: the variables, with their servers, that are not the same after a round, later by the shift;
    no step can tell the difference.
    """

    first: int
    last: int
    shift: int
    differ: tuple[tuple[str, int], ...]
    ways: tuple[WayOut, ...]


def forever(run: Run, machine: Machine, frames: Sequence[Frame]) -> Forever | None:
    """Why the end of a run repeats; None: the run ends."""
    if run.cycle_from is None or not frames:
        return None
    cycle = frames[run.cycle_from :]
    before, after = cycle[0].before, cycle[-1].after
    shift = machine.layout.read(after, "now") - machine.layout.read(before, "now")
    prop = liveness.named(run.breaks) if run.breaks in liveness.known() else None
    ways = [] if prop is None else sorted(_ways(run, prop, machine, cycle), key=_how_far)
    return Forever(
        run.cycle_from + 1,
        len(frames),
        shift,
        tuple(_differ(machine, before, after, shift)),
        tuple(ways[:MAX_WAYS]),
    )


def _differ(machine: Machine, before: State, after: State, shift: int) -> Iterator[tuple[str, int]]:
    for place, slot in machine.layout.slots.items():
        variable = machine.layout.variables[slot]
        if variable is None:
            continue
        moves = variable.sort is TIME and before[slot]
        if after[slot] != before[slot] + (shift if moves else 0):
            yield place


def _ways(run: Run, prop: Liveness, machine: Machine, cycle: Sequence[Frame]) -> Iterator[WayOut]:
    assert run.cycle_from is not None
    numbered = [(run.cycle_from + at, frame.before) for at, frame in enumerate(cycle, 1)]
    asked = prop.asked_of(len(run.kinds))
    for index, instance in enumerate(machine.instances):
        inputs = least(instance, run.constants["unit"])
        said = prop.reached_by(instance.transition)
        leads, other = [], []
        for number, state in numbered:
            if said is not None and machine.value(state, said, instance.number, inputs):
                leads.append((number, state))
            elif said is not None:
                other.append((number, state))
            elif any(_arrives(prop, machine, state, index, inputs, n) for n in asked):
                leads.append((number, state))
        tried = leads or other
        if not tried:
            continue
        refusals = {number: machine.refused(state, index, inputs) for number, state in tried}
        possible = tuple(number for number, labels in refusals.items() if not labels)
        if not leads and not possible:
            continue
        by_guard = Counter(label for labels in refusals.values() for label in labels)
        yield WayOut(
            instance.name,
            instance.number,
            tuple(by_guard.most_common()),
            len(tried),
            possible,
            prop.fairness.get(instance.name) in (Fairness.WEAK, Fairness.STRONG),
            "" if leads else str(said),
        )


def _arrives(
    prop: Liveness, machine: Machine, state: State, index: int, inputs: dict[str, int], number: int
) -> bool:
    """Is what it asks for there after the step, and not before?"""
    if prop.goal.op == "literal" or machine.value(state, prop.goal, number):
        return False
    return bool(machine.value(machine.apply(state, index, inputs), prop.goal, number))


def _how_far(way: WayOut) -> tuple[bool, int, int, str, int]:
    """What is owed first, then what fewest guards refuse."""
    always = sum(count == way.states for _, count in way.refused)
    return not way.owed, always, len(way.refused), way.transition, way.server

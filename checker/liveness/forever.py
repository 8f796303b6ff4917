"""Does a run that repeats break a liveness property?  The plain interpreter judges it, step by step.

`liveness.py` finds such runs on the graph of a scenario; here one is judged by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...model.language.expr import BOOL, Expr
from ...model.language.layout import State
from ...model.language.python import Machine
from ...specs.liveness import Fairness, Judge, Liveness
from ..run import Frame, Run, follow


def starves(run: Run, prop: Liveness) -> bool:
    """Does repeating the moves from ``cycle_from`` on, fairly, keep what the property asks for away forever?

    That they can be repeated is `run.repeats`.

    Raises:
        RunError: a guard refuses a step.
    """
    if run.cycle_from is None:
        return False
    machine = run.machine()
    frames = list(follow(run, machine))
    return any(
        _starves(frames, run.cycle_from, prop, machine, number) for number in prop.asked_of(len(run.kinds))
    )


def _starves(frames: list[Frame], cycle_from: int, prop: Liveness, machine: Machine, number: int) -> bool:
    cycle = frames[cycle_from:]
    kept = frames[_kept_from(frames, prop, machine, number) :]
    return (
        len(cycle) <= len(kept)
        and any(machine.value(frame.before, prop.premise, number) for frame in kept)
        and (prop.repeated is None or any(_is(prop.repeated, frame, machine) for frame in cycle))
        and all(_fair(cycle, machine, index, prop.fairness) for index in range(len(machine.instances)))
    )


def _kept_from(frames: list[Frame], prop: Liveness, machine: Machine, number: int) -> int:
    """The step from which on the run stays away from the goal."""
    for at in range(len(frames), 0, -1):
        frame = frames[at - 1]
        stays = machine.value(frame.before, prop.during, number)
        arrived = machine.value(frame.before, prop.goal, number)
        if not stays or arrived or _is(prop.reached_by, frame, machine):
            return at
    return 0


def _is(judge: Judge, frame: Frame, machine: Machine) -> bool:
    """Is the step of that kind?"""
    index = machine.find(frame.move.transition, frame.move.server)
    condition = judge(machine.instances[index].transition)
    return condition is not None and bool(
        machine.value(frame.before, condition, frame.move.server, frame.move.inputs)
    )


def _fair(cycle: list[Frame], machine: Machine, index: int, fairness: Mapping[str, Fairness]) -> bool:
    """Is that server's transition taken in the cycle, or is it no wonder that it is not?"""
    instance = machine.instances[index]
    how = fairness.get(instance.name)
    if how is None or any(
        (frame.move.transition, frame.move.server) == (instance.name, instance.number) for frame in cycle
    ):
        return True
    able = [_possible(machine, frame.before, index) for frame in cycle]
    return not (all(able) if how is Fairness.WEAK else any(able))


def _possible(machine: Machine, state: State, index: int) -> bool:
    """Can the step be taken, with the least that it may choose?"""
    inputs = {chosen.name: _least(chosen) for chosen in machine.instances[index].transition.rule.inputs}
    return not machine.refused(state, index, inputs)


def _least(chosen: Expr) -> int:
    """One timestamp, one unit of time, nothing noted."""
    return 0 if chosen.sort is BOOL else 1

"""What else could have happened in place of a step, and what one guard alone refused.

Of what is refused, faults are left out, and steps that only come later in a save than it has got.

Scenarios limit how often a fault may strike; a run does not say how often, so no limit is applied here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...checker.run import Frame, Move
from ...model.language.expr import BOOL, Expr
from ...model.language.instance import Instance
from ...model.language.layout import State
from ...model.language.python import Machine
from ...model.pd.state import SLOTS
from ...specs.liveness import every_step
from .words import WORDS

#: a run that is longer is told without this: each step tries everything that any server could do
MOST_STEPS = 300
#: how far a save is
_PLACES = {"job", *(f"{slot.prefix}stage" for slot in SLOTS)}


@dataclass(frozen=True, slots=True)
class Option:
    """A step that was not taken: ``lane`` of its server (None: the cluster), in words; ``guard``: what alone
    refuses it, empty if nothing does; ``fault``: no server wants it."""

    lane: int | None
    transition: str
    text: str
    guard: str
    fault: bool


@dataclass(frozen=True, slots=True)
class Otherwise:
    """At one step: what was possible, what one guard refused, and how many more steps there are."""

    possible: tuple[Option, ...]
    refused: tuple[Option, ...]
    further: int


class Options:
    """What every state of a run allows; ``words`` tells a step."""

    def __init__(self, machine: Machine, unit: int, words: Callable[[Frame], str]) -> None:
        self._machine = machine
        self._words = words
        self._able = every_step()
        self._inputs = [least(each, unit) for each in machine.instances]

    def at(self, frame: Frame) -> Otherwise:
        """What else could have happened in place of that step."""
        taken = frame.move.transition, frame.move.server
        possible, refused = [], []
        for index, (instance, inputs) in enumerate(zip(self._machine.instances, self._inputs, strict=True)):
            if (instance.name, instance.number) == taken:
                continue
            labels = self._machine.refused(frame.before, index, inputs)
            if not labels:
                possible.append(self._option(index, frame.before, ""))
            elif len(labels) == 1 and not self._fault(instance) and not _of_a_save(instance.tests[labels[0]]):
                refused.append(self._option(index, frame.before, labels[0]))
        further = len(self._machine.instances) - 1 - len(possible) - len(refused)
        refused.sort(key=lambda option: option.guard)
        return Otherwise(tuple(possible), tuple(refused), further)

    def refused(self, state: State) -> Iterator[Option]:
        """Every step that something refuses, faults as well, with the first guard that does."""
        for index, inputs in enumerate(self._inputs):
            labels = self._machine.refused(state, index, inputs)
            if labels:
                yield self._option(index, state, labels[0])

    def _option(self, index: int, state: State, guard: str) -> Option:
        instance, inputs = self._machine.instances[index], self._inputs[index]
        move = Move(instance.name, instance.number, inputs)
        told = self._words(Frame(move, tuple(state), self._machine.apply(state, index, inputs)))
        lane = instance.number - 1 if instance.number else None
        return Option(lane, instance.name, told, guard, self._fault(instance))

    def _fault(self, instance: Instance) -> bool:
        words = WORDS.get(instance.name)
        return words.fault if words else instance.name not in self._able


def _of_a_save(guard: Expr) -> bool:
    """Does it only say how far a save is?"""
    names = {part.name for part in guard.walk() if part.op in ("var", "field")}
    return bool(names) and names <= _PLACES


def least(instance: Instance, unit: int) -> dict[str, int]:
    """The least that a step may choose: one timestamp, one unit of time, nothing noted."""
    return {
        chosen.name: 0 if chosen.sort is BOOL else unit if chosen.name == "by" else 1
        for chosen in instance.transition.rule.inputs
    }

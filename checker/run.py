"""A run: a first state and the steps taken from it, enough to take every step again.

Whatever found it (exploration, a proof that failed, a replay), a run is shown only after the plain
interpreter has gone through it with absolute times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..model import fence as fences
from ..model import system
from ..model.instance import Configuration
from ..model.python import Machine
from ..model.transition import Kind
from ..specs.properties import Property, judged


class RunError(ValueError):
    """A run that its own transitions refuse; says at which step and which guards."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step: a transition, the server that takes it (0: none in particular) and what it chooses."""

    transition: str
    server: int
    inputs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the system under a fence.

    ``kinds`` and ``names`` are of the servers 1, 2, …; ``constants`` in the unit of the times of the
    run; ``first`` gives, by (variable, server), what differs from a cluster that was never used,
    ``("now", 0)`` included; ``reachable``: the first state is one that a cluster starts in.
    """

    title: str
    fence: str
    kinds: tuple[Kind, ...]
    names: tuple[str, ...]
    constants: Mapping[str, int]
    first: Mapping[tuple[str, int], int]
    moves: tuple[Move, ...]
    breaks: str | None = None
    dropped: tuple[tuple[str, str], ...] = ()
    reachable: bool = True

    def machine(self) -> Machine:
        """The plain interpreter of this run: absolute times, no limit on faults.

        Raises:
            ValueError: unknown fence.
            KeyError: an unknown guard was dropped.
        """
        transitions = system.transitions(fences.parse(self.fence), self.dropped)
        return Machine(
            Configuration(system.VOCABULARY, transitions, self.kinds, self.constants, relative=False)
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of a run as it happened: the states before and after, places as in the layout."""

    move: Move
    before: tuple[int, ...]
    after: tuple[int, ...]


def follow(run: Run, machine: Machine | None = None) -> Iterator[Frame]:
    """Take every step of the run again.

    Raises:
        RunError: a guard refuses a step, or there is no such step.
    """
    machine = machine or run.machine()
    state = machine.layout.initial(run.first, {})
    for number, move in enumerate(run.moves, 1):
        try:
            index = machine.find(move.transition, move.server)
            refused = machine.refused(state, index, move.inputs)
        except KeyError as error:
            raise RunError(f"step {number}: {error.args[0]}") from None
        if refused:
            raise RunError(f"step {number}: {move.transition} is refused: {', '.join(refused)}")
        after = machine.apply(state, index, move.inputs)
        yield Frame(move, state, after)
        state = after


def breaks(run: Run, prop: Property) -> bool:
    """Does the last step of the run break the property?

    Raises:
        RunError: a guard refuses a step.
    """
    machine = run.machine()
    frames = list(follow(run, machine))
    if not frames:
        return False
    last = frames[-1]
    index = machine.find(last.move.transition, last.move.server)
    return judged(prop.broken_by, machine, index, last.before, last.move.inputs)

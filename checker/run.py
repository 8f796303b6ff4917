"""A run: a first state and the steps taken from it, enough to take every step again.

Whatever found it (exploration, a proof that failed, a replay), a run is shown only after the plain
interpreter has gone through it with absolute times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..model.behaviours import known as behaviours
from ..model.language.instance import Configuration
from ..model.language.layout import Layout, State
from ..model.language.python import Machine
from ..model.language.transition import Kind, Transition
from ..model.language.variant import Variant
from ..model.pd import past, system
from ..model.variants import fences
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
    ``cycle_from``: the moves from this place on repeat forever (None: the run ends).
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
    cycle_from: int | None = None

    def machine(self) -> Machine:
        """The plain interpreter of this run: absolute times, no limit on faults.

        Raises:
            ValueError: unknown fence.
            KeyError: an unknown guard was dropped.
        """
        fence = self.variant()
        return Machine(
            Configuration(
                system.vocabulary(fence),
                self.transitions(fence),
                self.kinds,
                self.constants,
                relative=False,
            )
        )

    def transitions(self, variant: Variant) -> tuple[Transition, ...]:
        """The steps of its `variant`, without the guards that were left out, as far as it has them.

        Raises:
            KeyError: an unknown guard was dropped.
        """
        return system.transitions(variant, self.dropped, self._whole())

    def _whole(self) -> Variant:
        return fences.configured(fences.whole(self.fence), self.constants)

    def variant(self) -> Variant:
        """Its build and fence, with what its own steps show that servers may do beside that.

        Raises:
            ValueError: unknown fence.
        """
        if not self.reachable:  # its first state may have whatever there is
            return self._whole()
        rules = {made.name: made.rule for made in system.transitions(self._whole())}
        taken = [rules[move.transition] for move in self.moves if move.transition in rules]
        faults = {fault for rule in taken for fault in (rule.budget, rule.needs)}
        behaving = behaviours.behaving(fences.parse(self.fence), faults.__contains__)
        return fences.configured(behaving, self.constants)


#: the true time at which a run that was found is told; far enough from PD's zero time
_START = 1000


def told_from(layout: Layout, first: State) -> dict[tuple[str, int], int]:
    """What a run needs to know of the first state that a search started from."""
    servers = range(1, layout.servers + 1)
    given = {(name, n): layout.read(first, name, n) for name in ("skew", "api") for n in servers}
    return {("now", 0): _START, **{key: value for key, value in given.items() if value}}


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


def breaks(run: Run, prop: Property, machine: Machine | None = None) -> bool:
    """Does the last step of the run break the property?

    Raises:
        RunError: a guard refuses a step.
    """
    machine = machine or run.machine()
    frames = list(follow(run, machine))
    if not frames:
        return False
    last = frames[-1]
    index = machine.find(last.move.transition, last.move.server)
    return judged(prop.broken_by, machine, index, last.before, last.move.inputs)


def repeats(run: Run) -> bool:
    """Can the moves from ``cycle_from`` on be taken forever?

    They are taken again, with times relative to now, until a round begins in a state in which one began.

    Raises:
        RunError: a guard refuses a step.
    """
    if run.cycle_from is None or run.cycle_from >= len(run.moves):
        return False
    for _ in follow(run):
        pass
    fence = run.variant()
    configuration = Configuration(
        system.vocabulary(fence),
        run.transitions(fence),
        run.kinds,
        run.constants,
        relative=True,
        domains={**choices(run), "by": (run.constants["max_reset"] - 1,)},
    )
    machine = Machine(replace(configuration, folding=past.generously(configuration)), choose=True)
    steps = {(i.name, i.number, tuple(sorted(i.inputs.items()))): n for n, i in enumerate(machine.instances)}
    given = {key: value for key, value in run.first.items() if key != ("now", 0)}
    state = machine.layout.initial(given, {})

    def take(moves: tuple[Move, ...], state: tuple[int, ...]) -> tuple[int, ...]:
        for move in moves:
            index = steps[move.transition, move.server, tuple(sorted(move.inputs.items()))]
            refused = machine.refused(state, index)
            if refused:
                raise RunError(f"{move.transition} is refused at last: {', '.join(refused)}")
            state = machine.apply(state, index)
        return state

    state = take(run.moves[: run.cycle_from], state)
    begun: set[tuple[int, ...]] = set()
    while state not in begun:
        begun.add(state)
        state = take(run.moves[run.cycle_from :], state)
    return True


def choices(run: Run) -> dict[str, tuple[int, ...]]:
    """The inputs that occur in a run."""
    found: dict[str, set[int]] = {}
    for move in run.moves:
        for name, value in move.inputs.items():
            found.setdefault(f"{move.transition}.{name}", set()).add(value)
    return {name: tuple(sorted(values)) for name, values in found.items()}

"""From the states on a search's way to steps that a cluster takes, one after the other.

A search holds states settled: folded, equal servers exchanged, some steps taken at once.  Each step is
found again, with those taken at once after it, and told of the servers that it is really about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ...model.language.layout import State
from ...specs.properties import Property, judged
from ..machine.expand import Expander
from ..run import Move


class Retold:
    """The steps along settled states; ``first`` is the state in which they begin.

    Raises:
        AssertionError: no step leads from one state of the way to the next.
    """

    def __init__(self, expander: Expander, way: Sequence[bytes]) -> None:
        self._expander = expander
        self._machine = expander.machine
        #: by server as the search names it: the server that the run is about
        self._really = list(range(len(expander.configuration.kinds) + 1))
        self.moves: list[Move] = []
        self.first = next(state for state in expander.first if expander.settled(state) == way[0])
        self._go(self.first, [])
        for before, after in pairwise(way):
            found = (each for each in self._onwards(before) if expander.settled(each[0]) == after)
            state, steps = next(found, (None, []))
            if state is None:
                raise AssertionError("no step leads on from a state of a run: reductions are wrong")
            self._go(state, steps)
        self._at = way[-1]

    def breaking(self, prop: Property) -> list[Move]:
        """The steps, and one more that breaks the property.

        Raises:
            AssertionError: none does.
        """
        for index, instance in enumerate(self._machine.instances):
            if not self._machine.refused(self._at, index) and judged(
                prop.broken_by, self._machine, index, self._at, instance.inputs
            ):
                return [*self.moves, self._move(index)]
        raise AssertionError(f"no step breaks {prop.name} where the search says so: reductions are wrong")

    def _onwards(self, state: State) -> Iterator[tuple[State, list[int]]]:
        """What each step leads to."""
        for index in range(len(self._machine.instances)):
            if not self._machine.refused(state, index):
                yield self._machine.apply(state, index), [index]

    def _go(self, state: State, steps: list[int]) -> None:
        """These steps, which lead to a state, and what is taken at once there; then servers are exchanged."""
        for index, when in self._expander.merged:
            if self._machine.value(state, when):
                steps = [*steps, index]
                state = self._machine.apply(state, index)
        self.moves += map(self._move, steps)
        names = self._expander.renamed(state)
        self._really = [self._really[names.index(number)] for number in range(len(names))]

    def _move(self, index: int) -> Move:
        instance = self._machine.instances[index]
        return Move(instance.name, self._really[instance.number], dict(instance.inputs))

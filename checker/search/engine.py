"""What expands states: plain Python here, machine code in `native.py`, alike to the last state.

States are numbered in the order in which a breadth first search meets them, so that the states still
to be expanded are those from some number on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...model.language.layout import State
from ..machine.expand import Expander, Watch


class WorkerLost(ConnectionError):
    """States that another process held are gone: nothing can be said of the search any more."""


class Engine(ABC):
    """The states found so far, and from which one each was found."""

    expander: Expander
    #: states to expand between two looks at the clock: few at first, more in a large search
    chunk, large_chunk = 4096, 1 << 17
    #: states to expand between two looks at whether anybody still waits: none takes longer than that
    stride = large_chunk
    #: how many threads may take part in `expand`; the answer does not depend on it
    threads: int = 1

    def piece(self, states: int) -> int:
        """How many states to expand in one go where there are so many; all engines of one kind agree."""
        return max(self.chunk, min(self.large_chunk, states // 4))

    @abstractmethod
    def __len__(self) -> int:
        """How many states were found."""

    @property
    @abstractmethod
    def memory(self) -> int:
        """Bytes in use for states."""

    @property
    @abstractmethod
    def watch(self) -> Watch:
        """What was noted so far."""

    @abstractmethod
    def states(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """The states of these numbers, one after the other."""

    def values(self, first: int, last: int) -> NDArray[np.uint8]:
        """The states of these numbers, a row each."""
        return np.frombuffer(b"".join(self.states(first, last)), np.uint8).reshape(last - first, -1)

    def state(self, index: int) -> bytes:
        """The state of that number."""
        return next(self.states(index, index + 1))

    @abstractmethod
    def expand(self, first: int, last: int) -> None:
        """Take every step from these states; each state is to be expanded once, in the order of numbers.

        Raises:
            MemoryError: there is no room for what they lead to.
        """

    @abstractmethod
    def before(self, index: int) -> int | None:
        """The state from which that one was found; None: it is a first state."""

    def path(self, index: int) -> list[int]:
        """The states on the way to that one, from a first state on, itself included."""
        way = [index]
        while (before := self.before(way[-1])) is not None:
            way.append(before)
        return way[::-1]


#: bytes that plain Python takes for a state beside its variables: the object, its number, its entry in
#: the dictionary (which doubles as it grows), and the two lists; about what tracemalloc says, rounded up
_PLAIN_STATE = 240


class Plain(Engine):
    """The reference: generated Python over bytes."""

    stride = Engine.chunk

    def __init__(self, expander: Expander, first: Sequence[State] | None = None) -> None:
        """Begin at the expander's first states, or at these."""
        self.expander = expander
        self._watch = expander.watch()
        self.order = [bytes(state) for state in (expander.starts if first is None else first)]
        self._seen = {state: index for index, state in enumerate(self.order)}
        self.parent = array("l", [-1] * len(self.order))

    def __len__(self) -> int:
        return len(self.order)

    @property
    def memory(self) -> int:
        """An estimate, on the high side."""
        return len(self) * (_PLAIN_STATE + len(self.expander.layout))

    @property
    def watch(self) -> Watch:
        return self._watch

    def states(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        return iter(self.order[first:last])

    def expand(self, first: int, last: int) -> None:
        states, found = self.order[first:last], self.order
        self.expander.expand(states, self._seen, self.parent, found, None, self._watch, first)

    def before(self, index: int) -> int | None:
        parent = self.parent[index]
        return None if parent < 0 else parent

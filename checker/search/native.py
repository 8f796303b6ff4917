"""The engine that runs machine code over packed states; `engine.Plain` is what it has to agree with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..machine.expand import Watch
from ..machine.native_code import NativeCode
from ..machine.table import MOST_ROWS, SLOT_BYTES, Table
from .engine import Engine, Plain
from .team import BATCH, Lane, Team, from_watch, to_watch

#: states that numpy looks at in one go
_BLOCK = 1 << 16


class _Writes(Protocol):
    def write(self, data: Any, /) -> object: ...


class _Reads(Protocol):
    def readinto(self, into: Any, /) -> object: ...


class Native(Engine):
    """Machine code over packed states.

    A state costs its words, its share of the table's slots, and one or two bytes: how many states were
    first found from it.  As states are numbered in the order in which they are found, that tells the
    predecessor of each.
    """

    def __init__(self, plain: Plain, most: int, memory: int | None = None) -> None:
        """Go on where the plain engine stopped; hold ``most`` states, or what fits into ``memory`` bytes.

        Raises:
            MemoryError: not even the states so far fit.
        """
        self.expander = plain.expander
        starts = [state for state, parent in zip(plain.order, plain.parent, strict=False) if parent < 0]
        self._starts = len(starts)
        self._code = code = NativeCode(self.expander)
        self._packing = code.packing
        if memory is not None:
            most = min(most, int(memory / (8 * self._packing.words + SLOT_BYTES + code.child_bits / 8)))
        most = min(most, MOST_ROWS)
        if most < len(plain):
            raise MemoryError(f"there is no room for {len(plain)} states")
        self._states = Table(code.compiled, self._packing.words, most)
        self._room = self._states.beside(1, f"u{code.child_bits // 8}")
        width = len(self.expander.layout)
        self._states.fill(
            self._packing.pack(np.frombuffer(b"".join(plain.order), np.uint8).reshape(-1, width))
        )
        parents = np.asarray(plain.parent)[self._starts :]
        self._children[: len(plain)] = np.bincount(parents, minlength=len(plain))
        self._notes = from_watch(plain.watch)
        self._lanes = [Lane(code, self._states, self._room, most)]
        self._most = most
        self._counted = 0, np.empty(0, np.int64)  # of how many states, and see `_ends`
        self._team: Team | None = None

    @property
    def _children(self) -> NDArray[Any]:
        """How many states each was the first to lead to, and room for more."""
        return self._room.rows[:, 0]

    @property
    def watch(self) -> Watch:
        return to_watch(self._notes)

    def __len__(self) -> int:
        return len(self._states)

    @property
    def starts(self) -> list[bytes]:
        """The first states."""
        return list(self.states(0, self._starts))

    @property
    def rows(self) -> NDArray[np.uint64]:
        """The states so far, packed."""
        return self._states.rows

    @property
    def memory(self) -> int:
        lanes = sum(lane.memory for lane in self._lanes)
        return self._states.memory + lanes + len(self) * self._children.itemsize

    def states(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        rows = self._states.rows[first:last]
        for start in range(0, len(rows), _BLOCK):
            for values in self._packing.unpack(rows[start : start + _BLOCK]):
                yield values.tobytes()

    def values(self, first: int, last: int) -> NDArray[np.uint8]:
        return self._packing.unpack(self._states.rows[first:last])

    def expand(self, first: int, last: int) -> None:
        self._code.optimise(len(self))
        if self.threads > 1 and last - first > BATCH:
            self._together().expand(first, last)
            return
        lane = self._lanes[0]
        lane.note_in(self._notes)
        while True:
            first = lane.expand(first, last)
            if first == last:
                return
            self._states.make_room(len(self.expander.instances))

    def _together(self) -> Team:
        if self._team is None or self._team.size != self.threads:
            while len(self._lanes) < self.threads:
                self._lanes.append(Lane(self._code, self._states, self._room, self._most))
            lanes = self._lanes[: self.threads]
            self._team = Team(self._code, self._states, self._room, lanes, self._notes)
        return self._team

    # Checkpoints: rows, counts of children, and notes, one after the other.

    @cached_property
    def fingerprint(self) -> str:
        """Tells this search from others: its code, how states are packed, its steps, guards and properties by
        name, what counts as one state, and its first states."""
        expander = self.expander
        told = (
            self._code.compiled.digest,
            self._packing.fields,
            expander.source,
            [(step.name, step.number, step.inputs) for step in expander.instances],
            expander.guards,
            [prop.name for prop in expander.properties],
            sorted(expander.configuration.reductions),
            self.starts,
        )
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def _parts(self, states: int) -> Iterator[NDArray[np.uint8]]:
        parts = [self._states.blank(states), self._room.rows[:states], *self._notes.values()]
        return (part.reshape(-1).view(np.uint8) for part in parts)

    def written_bytes(self, states: int) -> int:
        """How long the file of so many states is."""
        row = 8 * self._packing.words + self._children.itemsize
        return states * row + sum(values.nbytes for values in self._notes.values())

    def write(self, file: _Writes) -> None:
        """Write all states and what was noted."""
        for part in self._parts(len(self)):
            file.write(part)

    def read(self, file: _Reads, states: int) -> None:
        """Read what was written, which nothing may look at before `take_in`.

        Raises:
            MemoryError: there is no room for so many states.
        """
        if states > self._most:
            raise MemoryError(f"there is no room for {states} states")
        for part in self._parts(states):
            file.readinto(part)

    def take_in(self, states: int) -> bool:
        """Hold what was read instead of what was held; False: it cannot be a search."""
        children, hits = self._children[:states], self._notes["hit_at"]
        # each state but the first ones was found from one before it
        if self._starts + int(children.sum(dtype=np.int64)) != states or (hits >= states).any():
            return False
        self._states.filled(states)
        return True

    def before(self, index: int) -> int | None:
        born = index - self._starts
        if born < 0:
            return None
        block = int(np.searchsorted(self._ends(), born, side="right"))
        earlier = int(self._ends()[block - 1]) if block else 0
        within = np.cumsum(self._children[block * _BLOCK : (block + 1) * _BLOCK], dtype=np.int64)
        return block * _BLOCK + int(np.searchsorted(within, born - earlier, side="right"))

    def _ends(self) -> NDArray[np.int64]:
        """How many states the states of each block and those before it led to."""
        if self._counted[0] != len(self):
            children = self._children[: len(self)]
            many = np.add.reduceat(children, np.arange(0, len(self), _BLOCK), dtype=np.int64)
            self._counted = len(self), np.cumsum(many)
        return self._counted[1]

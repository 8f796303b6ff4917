"""The engine that runs machine code over packed states; `engine.Plain` is what it has to agree with."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engine import Engine, Plain
from .expand import Watch
from .native_code import NativeCode, Shared
from .table import MOST_ROWS, SLOT_BYTES, Table

#: states that numpy looks at in one go
_BLOCK = 1 << 16


class Native(Engine):
    """Machine code over packed states.

    A state costs its words, its share of the table's slots, and one or two bytes: how many states were
    first found from it.  As states are numbered in the order in which they are found, that tells the
    predecessor of each; which step it was, the plain engine says.
    """

    def __init__(self, plain: Plain, most: int, memory: int | None = None) -> None:
        """Go on where the plain engine stopped; hold ``most`` states, or what fits into ``memory`` bytes.

        Raises:
            MemoryError: not even the states so far fit.
        """
        self.expander = plain.expander
        starts = [state for state, parent in zip(plain.order, plain.parent, strict=False) if parent < 0]
        self._starts = len(starts)
        self._code = code = NativeCode(self.expander, starts)
        self._packing = code.packing
        if memory is not None:
            most = min(most, int(memory / (8 * self._packing.words + SLOT_BYTES + code.child_bits / 8)))
        most = min(most, MOST_ROWS)
        if most < len(plain):
            raise MemoryError(f"there is no room for {len(plain)} states")
        self._states = Table(code.compiled, self._packing.words, most)
        self._pasts = Table(code.compiled, self._packing.words, most)
        self._folded = np.empty((most, self._packing.words), np.uint64)
        self._children = np.zeros(most, f"u{code.child_bits // 8}")
        width = len(self.expander.layout)
        self._states.fill(
            self._packing.pack(np.frombuffer(b"".join(plain.order), np.uint8).reshape(-1, width))
        )
        parents = np.asarray(plain.parent)[self._starts :]
        self._children[: len(plain)] = np.bincount(parents, minlength=len(plain))
        self._arrays = self._from_watch(plain.watch)
        self._queue = np.empty(code.queue_words, np.uint64)
        addresses = {name: values.ctypes.data for name, values in self._arrays.items()}
        self._shared = Shared(
            states=self._states.address,
            pasts=self._pasts.address,
            folded=self._folded.ctypes.data,
            children=self._children.ctypes.data,
            queue=self._queue.ctypes.data,
            **addresses,
        )

    @staticmethod
    def _from_watch(watch: Watch) -> dict[str, NDArray[Any]]:
        hits = [watch.hits.get(number, (-1, 0)) for number in range(len(watch.tested))]
        return {
            "fired": np.array(watch.fired, np.int64),
            "refused": np.array(watch.refused, np.int8),
            "tested": np.array(watch.tested, np.int64),
            "hit_at": np.array([at for at, _ in hits], np.int64),
            "hit_via": np.array([via for _, via in hits], np.int64),
            "cut": np.array(watch.cut, np.int64),
        }

    @property
    def watch(self) -> Watch:
        fired, refused, tested, at, via, cut = (values.tolist() for values in self._arrays.values())
        hits = {number: hit for number, hit in enumerate(zip(at, via, strict=True)) if hit[0] >= 0}
        return Watch(fired, refused, hits, tested, cut)

    def __len__(self) -> int:
        return len(self._states)

    @property
    def memory(self) -> int:
        """Bytes in use."""
        pasts = self._pasts.memory + self._pasts.rows.nbytes
        return self._states.memory + pasts + len(self) * self._children.itemsize

    def states(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        rows = self._states.rows[first:last]
        for start in range(0, len(rows), _BLOCK):
            for values in self._packing.unpack(rows[start : start + _BLOCK]):
                yield values.tobytes()

    def expand(self, first: int, last: int) -> None:
        while True:
            first = self._code.expand(ctypes.addressof(self._shared), first, last)
            if first == last:
                return
            self._states.make_room(len(self.expander.instances))
            self._pasts.make_room(1)

    def path(self, index: int) -> tuple[int, list[int]]:
        children = self._children[: len(self)]
        ends = np.cumsum(np.add.reduceat(children, np.arange(0, len(self), _BLOCK), dtype=np.int64))
        steps = []
        while index >= self._starts:
            born = index - self._starts
            block = int(np.searchsorted(ends, born, side="right"))
            before = int(ends[block - 1]) if block else 0
            within = np.cumsum(children[block * _BLOCK : (block + 1) * _BLOCK], dtype=np.int64)
            parent = block * _BLOCK + int(np.searchsorted(within, born - before, side="right"))
            steps.append(self._step(parent, index))
            index = parent
        return index, steps[::-1]

    def _step(self, parent: int, child: int) -> int:
        """The first step that leads from one to the other, taken by the plain engine."""
        from_there = Plain(self.expander, [self.state(parent)])
        from_there.expand(0, 1)
        return from_there.path(from_there.order.index(self.state(child)))[1][0]

"""Threads that search together, and number the states as one alone would.

A call of machine code lets the other threads run.  Each thread takes the next batch of states, expands
it, and keeps what it does not find among the states; that is nearly all of the work.  What was kept is
then added by one thread at a time, batch after batch in the order of the states, so that numbers,
counts and counterexamples do not depend on how many threads there are or how they were scheduled.
"""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..machine.expand import Watch
from ..machine.native_code import NativeCode, Shared
from ..machine.room import Room
from ..machine.table import Table

#: states that a thread expands at a time: some milliseconds of work
BATCH = 4096
#: batches for each thread: one to expand, the others wait until it is their turn to be added
_BATCHES = 4

#: `expand.Watch` in arrays, by the names of its fields; ``hit_at`` is -1 where nothing was hit yet
Notes = dict[str, NDArray[Any]]


def from_watch(watch: Watch) -> Notes:
    """What was noted, for machine code to go on with."""
    hits = [watch.hits.get(number, (-1, 0)) for number in range(len(watch.tested))]
    return {
        "fired": np.array(watch.fired, np.int64),
        "refused": np.array(watch.refused, np.int8),
        "tested": np.array(watch.tested, np.int64),
        "hit_at": np.array([at for at, _ in hits], np.int64),
        "hit_via": np.array([via for _, via in hits], np.int64),
        "cut": np.array(watch.cut, np.int64),
    }


def to_watch(notes: Notes) -> Watch:
    """What machine code noted."""
    fired, refused, tested, at, via, cut = (values.tolist() for values in notes.values())
    hits = {number: hit for number, hit in enumerate(zip(at, via, strict=True)) if hit[0] >= 0}
    return Watch(fired, refused, hits, tested, cut)


def _nothing_noted(like: Notes) -> Notes:
    made = {name: np.zeros_like(values) for name, values in like.items()}
    made["hit_at"] -= 1
    return made


def _add_notes(to: Notes, later: Notes) -> None:
    """Add what was noted of later states; of two hits the earlier one stays."""
    for name in ("fired", "tested", "cut"):
        to[name] += later[name]
    to["refused"] |= later["refused"]
    first = (to["hit_at"] < 0) & (later["hit_at"] >= 0)
    for name in ("hit_at", "hit_via"):
        to[name][first] = later[name][first]


class Lane:
    """What one thread has to itself: its queue, and the times that it met with what becomes of them."""

    def __init__(self, code: NativeCode, states: Table, children: Room, most: int) -> None:
        self._code = code
        words = code.packing.words
        self._steps = len(code.expander.instances)
        self._pasts, self._presents = (Table(code.compiled, words, most) for _ in range(2))
        self._folded, self._settled = (
            times.beside(words, np.uint64) for times in (self._pasts, self._presents)
        )
        self._queue = np.empty(code.queue_words, np.uint64)
        self._children = children
        self.shared = Shared(
            states=states.address,
            pasts=self._pasts.address,
            presents=self._presents.address,
            queue=self._queue.ctypes.data,
        )

    @property
    def memory(self) -> int:
        """Bytes in use."""
        return sum(times.memory + times.rows.nbytes for times in (self._pasts, self._presents))

    def forget_many(self) -> None:
        """Give up the times met so far once they fill half of the room for them."""
        for times in (self._pasts, self._presents):
            if len(times) > times.most // 2:
                times.fill(times.rows[:0])

    def note_in(self, notes: Notes) -> None:
        """Note there what is met from now on."""
        for name, values in notes.items():
            setattr(self.shared, name, values.ctypes.data)

    def expand(self, first: int, last: int) -> int:
        """Expand these states; the first that was not, because something has to grow.

        Raises:
            MemoryError: there is no room for more times.
        """
        # these move when they grow
        self.shared.folded, self.shared.settled = self._folded.address, self._settled.address
        self.shared.children = self._children.address
        stopped = int(self._code.expand(ctypes.addressof(self.shared), first, last))
        if stopped < last:
            self._pasts.make_room(1)
            self._presents.make_room(self._steps)
        return stopped


@dataclass(slots=True)
class _Batch:
    """What was kept of some states, and what was noted of them."""

    kept: NDArray[np.uint64]
    notes: Notes
    many: int = 0


class Team:
    """Threads that expand the same states, ``size`` of them."""

    def __init__(
        self, code: NativeCode, states: Table, children: Room, lanes: list[Lane], notes: Notes
    ) -> None:
        self._code = code
        self._states = states
        self._children = children
        self._lanes = lanes
        self.size = len(lanes)
        self._notes = notes
        most = BATCH * len(code.expander.instances) * code.entry_words
        # room that is only reserved costs nothing
        self._free = [
            _Batch(np.empty(most, np.uint64), _nothing_noted(notes)) for _ in range(_BATCHES * len(lanes))
        ]
        self._turn = threading.Condition()
        self._todo: deque[tuple[int, int]] = deque()
        self._ready: dict[int, _Batch] = {}
        self._next = 0  # the first state of the batch that is to be added next
        self._busy = 0
        self._adding = False
        self._halt = False

    def expand(self, first: int, last: int) -> None:
        """Take every step from these states.

        Raises:
            MemoryError: there is no room for what they lead to.
        """
        self._todo.extend((start, min(start + BATCH, last)) for start in range(first, last, BATCH))
        self._next = first
        with ThreadPoolExecutor(len(self._lanes) - 1) as pool:
            while self._next < last:
                self._halt = False
                others = [pool.submit(self._work, lane) for lane in self._lanes[1:]]
                self._work(self._lanes[0])
                for other in others:
                    other.result()
                if self._next in self._ready:  # states and slots may only move while nobody reads them
                    self._states.make_room(self._ready[self._next].many)

    def _work(self, lane: Lane) -> None:
        """Add and expand batches until nothing is left, or until the table has to grow."""
        try:
            while self._add_next() or self._expand_next(lane) or self._wait():
                pass
        except BaseException:
            self._halt = True
            raise

    def _wait(self) -> bool:
        """Wait for what others do; False: there is nothing left to wait for."""
        with self._turn:
            if self._halt or not self._busy:
                return False
            self._turn.wait()
            return True

    def _add_next(self) -> bool:
        with self._turn:
            batch = self._ready.get(self._next)
            if batch is None or self._adding or self._halt:
                return False
            if not self._states.has_room(batch.many):
                self._halt = True
                return False
            del self._ready[self._next]
            self._adding = True
            self._busy += 1
        shared = Shared(
            states=self._states.address,
            children=self._children.address,
            kept=batch.kept.ctypes.data,
            many_kept=batch.many,
        )
        self._code.join(ctypes.addressof(shared))
        _add_notes(self._notes, batch.notes)
        with self._turn:
            self._next += BATCH
            self._free.append(batch)
            self._adding = False
            self._busy -= 1
            self._turn.notify_all()
        return True

    def _expand_next(self, lane: Lane) -> bool:
        with self._turn:
            if self._halt or not self._todo or not self._free:
                return False
            first, last = self._todo.popleft()
            batch = self._free.pop()
            self._busy += 1
        done = False
        try:
            for name, values in batch.notes.items():
                values.fill(-1 if name == "hit_at" else 0)
            lane.note_in(batch.notes)
            shared = lane.shared
            shared.kept, shared.many_kept = batch.kept.ctypes.data, 0
            start = first
            while start < last:
                start = lane.expand(start, last)
            batch.many, shared.kept = shared.many_kept, None
            done = True
        finally:
            with self._turn:
                if done:
                    self._ready[first] = batch
                self._halt |= not done
                self._busy -= 1
                self._turn.notify_all()
        return True

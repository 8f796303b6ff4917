"""The writes of the timestamp key: which is which, and what their values imply of clocks and settings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from ..sources.intervals import GUARD_NS, holders
from ..sources.observation import NS_PER_MS, KeyEvent
from ..sources.settings import fitting
from .seen import FOREVER, LATE_NS

#: how far clocks may be apart, and a line or an event late: two writes of a value are told apart beyond that
_APART_NS = 5_000 * NS_PER_MS + LATE_NS


class Saves:
    """The writes of the timestamp key, by index among etcd's events.

    ``windows``: the save intervals (ns) of each server, and since when it has each, by its clock.
    ``before_ns``: what the key held before the first of them, 0 for nothing, None if that is not known.
    """

    def __init__(
        self,
        events: Sequence[KeyEvent],
        windows: Mapping[str, tuple[Sequence[int], Sequence[int]]],
        targets: frozenset[int],
        before_ns: int | None = 0,
    ) -> None:
        found = [(i, event.timestamp_ns) for i, event in enumerate(events) if event.timestamp_ns]
        self.indexes = [i for i, _ in found]
        self._values = [value for _, value in found]
        self._highest = [*accumulate(self._values, max)]
        self._by_ms: dict[int, list[int]] = {}
        for i, value in found:
            self._by_ms.setdefault(value // NS_PER_MS, []).append(i)
        #: the clock readings that a saved value may imply, the earliest first: each window of a server gives
        #: one; none at all if it may be an admin's target or just above the window before
        self.readings: dict[int, tuple[int, ...]] = {}
        #: those of the servers that hold an election key then, as far as that is known
        self.likely: dict[int, tuple[int, ...]] = {}
        self._before_ns = before_ns
        # receipts of the first response are those of a history, and say when its events were written at most
        received = [event.latest_ns for event in events]
        first = next((at for at in received if at is not None), None)
        self._since = {
            i: at - events[i].coarse_ns - _APART_NS
            for i, at in enumerate(received)
            if at not in (None, first)
        }
        self._until = {i: at + _APART_NS for i, at in enumerate(received) if at is not None}
        known = {before_ns} if before_ns else set()
        every = {window for of_one, _ in windows.values() for window in of_one}
        longest_first = sorted(every, reverse=True)
        held = [*holders(events)]
        for i, value in found:
            above_unknown = before_ns is None and not known
            starts = tuple(value - window for window in longest_first)
            if not above_unknown and not any(
                start - GUARD_NS in known or (start % NS_PER_MS == 0 and start // NS_PER_MS in targets)
                for start in starts
            ):
                holders_of = (windows[name] for name in held[i] if name in windows)
                theirs = {value - window for of_one in holders_of for window in fitting(*of_one, value)}
                self.readings[i], self.likely[i] = starts, tuple(sorted(theirs)) or starts
            known.add(value)

    def of(self, value_ns: int | None, at_ns: int) -> int | None:
        """The only write of that value, given to the millisecond, that a line of then may be about."""
        found = self.any_of(value_ns, at_ns)
        return found[0] if len(found) == 1 else None

    def any_of(self, value_ns: int | None, at_ns: int) -> list[int]:
        """All such writes: two servers may save values of one millisecond, one after the other."""
        return [
            i for i in self._of_ms(value_ns) if self._since.get(i, 0) <= at_ns <= self._until.get(i, FOREVER)
        ] or self._of_ms(value_ns)

    def read_between(self, value_ns: int | None, at_ns: int) -> tuple[int, int]:
        """How many events had come when the key was read with that value, as a line of then says: at least,
        at most."""
        found = [
            (i, end)
            for i in self._of_ms(value_ns)
            for end in (self.next_after(i),)
            if self._since.get(i, 0) <= at_ns <= self._until.get(end, FOREVER)
        ] or [(i, self.next_after(i)) for i in self._of_ms(value_ns)]
        return (found[0][0] + 1, found[-1][1]) if found else (0, FOREVER)

    def _of_ms(self, value_ns: int | None) -> list[int]:
        return self._by_ms.get(value_ns // NS_PER_MS, []) if value_ns else []

    def value(self, index: int) -> int:
        """What that event wrote (ns)."""
        return self._values[self.indexes.index(index)]

    def next_after(self, index: int) -> int:
        """The first write after that event, `FOREVER` if none."""
        at = bisect_right(self.indexes, index)
        return self.indexes[at] if at < len(self.indexes) else FOREVER

    def needed_for(self, physical_ms: int) -> int:
        """How many events had come when a timestamp with that physical part could be granted."""
        physical_ns = physical_ms * NS_PER_MS
        at = bisect_right(self._highest, physical_ns)
        if at == 0 if self._before_ns is None else physical_ns < self._before_ns:
            return 0
        return self.indexes[at] + 1 if at < len(self.indexes) else 0

"""The writes of the timestamp key: which is which, and what their values imply of clocks and settings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from ..sources.observation import NS_PER_MS, KeyEvent
from ..sources.settings import GUARD_NS, ROUND_NS
from .seen import FOREVER


class Saves:
    """The writes of the timestamp key, by index among etcd's events."""

    def __init__(self, events: Sequence[KeyEvent], window: int, targets: frozenset[int]) -> None:
        found = [(i, event.timestamp_ns) for i, event in enumerate(events) if event.timestamp_ns]
        self.indexes = [i for i, _ in found]
        self._values = [value for _, value in found]
        self._highest = [*accumulate(self._values, max)]
        self._by_ms: dict[int, list[int]] = {}
        for i, value in found:
            self._by_ms.setdefault(value // NS_PER_MS, []).append(i)
        #: the clock readings that the saved values imply: neither an admin's target nor just above a window
        self.readings: dict[int, int] = {}
        known: set[int] = set()
        for i, value in found:
            start = value - window
            if start - GUARD_NS not in known and (start % NS_PER_MS or start // NS_PER_MS not in targets):
                self.readings[i] = start
            known.add(value)

    def of(self, value_ns: int | None) -> int | None:
        """The only write of that value, given to the millisecond."""
        found = self._by_ms.get(value_ns // NS_PER_MS, []) if value_ns else []
        return found[0] if len(found) == 1 else None

    def next_after(self, index: int) -> int:
        """The first write after that event, `FOREVER` if none."""
        at = bisect_right(self.indexes, index)
        return self.indexes[at] if at < len(self.indexes) else FOREVER

    def needed_for(self, physical_ms: int) -> int:
        """How many events had come when a timestamp with that physical part could be granted."""
        at = bisect_right(self._highest, physical_ms * NS_PER_MS)
        return self.indexes[at] + 1 if at < len(self.indexes) else 0


def exact_window(keys: Iterable[KeyEvent]) -> int | None:
    """W from a save just above the window before: they differ by W and the guard, to the nanosecond."""
    values = [event.timestamp_ns for event in keys if event.timestamp_ns]
    found = {
        later - earlier - GUARD_NS
        for earlier, later in pairwise(values)
        if later - earlier > GUARD_NS and (later - earlier - GUARD_NS) % ROUND_NS == 0
    }
    return found.pop() if len(found) == 1 else None

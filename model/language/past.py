"""How times are folded: what a relative state may forget, because no step can ever tell the difference.

Time only matters relative to now and to other times, and only as far as some condition tells distances
apart.  So an idle system has finitely many states, runs of any length fold into a finite graph, and
cycles are real cycles.  Which distances those are says a `Table`; this module knows nothing of the system.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from .expr import TIME, Expr
from .layout import RELATIVE_NOW, Layout
from .transition import Kind
from .vocabulary import Vocabulary

#: as far back as a state can hold a time
FAR = RELATIVE_NOW

#: a pair of places by their names (`place`): the upper, the lower, are they one server's, is the flag set
Pair = tuple[str, str, bool, bool]


@dataclass(frozen=True, slots=True)
class Forget:
    """``variables`` go back to 0 (no time, nothing) once ``when`` holds.

    ``per_server``: it is said of each server, as bound ``n``, and of its variables.
    """

    name: str
    variables: tuple[str, ...]
    when: Expr
    per_server: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Which distances between times matter, and what is forgotten.

    ``from_now``: by place, up to how far below now a time is kept as it is; further back it stays at least
    that far; one that is missing is always kept.  ``between``: by pair of places, the thresholds (1 or more,
    ascending): whether the upper lies so far above the lower stays true, or false; pairs that are missing
    do not matter.  What lies ahead of now is kept as it is.  ``flag``: the variable (not a server's) that
    tells which of two tables counts; None: there is one.  ``forgets``: in the order in which they are
    looked at, before times are folded.
    """

    flag: str | None
    from_now: Mapping[str, int]
    between: Mapping[Pair, tuple[int, ...]]
    forgets: tuple[Forget, ...] = field(default=())


def place(variable: str, kind: Kind | None) -> str:
    """The name of a place in a table: a variable, and of which kind of server if it is a server's."""
    return variable if kind is None else f"{variable}@{kind.name.lower()}"


def generous(vocabulary: Vocabulary, kinds: Iterable[Kind], far: int) -> Table:
    """A table by which every distance matters that is not further than that."""
    times = [each for each in vocabulary.variables.values() if each.sort is TIME and not each.deadline]
    known = dict.fromkeys(kinds)
    places = [place(each.name, kind) for each in times for kind in (known if each.per_server else [None])]
    every = tuple(range(1, far + 1))
    between = {
        (above, below, same, False): every
        for above, below in product(places, repeat=2)
        for same in (False, True)
    }
    return Table(None, dict.fromkeys(places, far), between)


class Past:
    """A table spread out over the places of a layout; without one, times stay as they are."""

    def __init__(self, layout: Layout, kinds: Sequence[Kind], table: Table | None) -> None:
        self._layout = layout
        #: the slot that says which table counts
        self.flag = None if table is None or table.flag is None else layout.slots[table.flag, 0]
        table = table or Table(None, {}, {})
        owner = {slot: key for key, slot in layout.slots.items()}
        owners = [owner[slot] for slot in layout.time_slots]
        places = [place(name, kinds[n - 1] if n else None) for name, n in owners]
        #: by place in the layout's ``time_slots``
        self.from_now = [table.from_now.get(name, FAR) for name in places]
        #: by flag, upper and lower place: the thresholds of that distance
        self.between = [
            [
                [
                    table.between.get((above, below, bool(n and n == m), flag), ())
                    for below, (_, m) in zip(places, owners, strict=True)
                ]
                for above, (_, n) in zip(places, owners, strict=True)
            ]
            for flag in (False, True)
        ]
        self._memo: dict[tuple[tuple[int, ...], bool], tuple[int, ...]] = {}

    def go_on(self, values: list[int], by: int) -> list[int]:
        """The state ``by`` later, folded.

        Raises:
            ValueError: a time would lie further back than a state can hold, where it means ZERO.
        """
        slots = self._layout.time_slots
        if by and any(0 < values[slot] <= by for slot in slots):
            raise ValueError("a time lies too far back")
        # A deadline that has passed is forgotten: it is only compared with now, and none is in the past too.
        for slot in self._layout.deadline_slots:
            ahead = values[slot] - RELATIVE_NOW
            values[slot] = values[slot] - by if by < ahead else 0
        times = tuple(values[slot] and values[slot] - by for slot in slots)
        flag = self.flag is not None and bool(values[self.flag])
        folded = self._memo.get((times, flag))
        if folded is None:
            folded = self._memo[times, flag] = self.fold(times, flag)
        for slot, value in zip(slots, folded, strict=True):
            values[slot] = value
        return values

    def fold(self, times: Sequence[int], flag: bool) -> tuple[int, ...]:
        """The times (by place in the layout's ``time_slots``; 0: none) with each gap in the past shortened
        as far as no distance that matters changes.

        Shortened so, a distance is still at or above the largest threshold that it was at or above, and
        no distance grows: so it is alike, as `checker.reductions.relation` says it.
        """
        between = self.between[flag]
        holders: dict[int, list[int]] = {}
        for index, time in enumerate(times):
            if time:
                holders.setdefault(time, []).append(index)
        past = sorted((time for time in holders if time < RELATIVE_NOW), reverse=True)
        future = [time for time in holders if time >= RELATIVE_NOW]
        at = {time: time for time in (*holders, RELATIVE_NOW)}
        higher = RELATIVE_NOW
        for rank, lower in enumerate(past):
            gap = at[higher] - at[lower]
            least = 0
            for low in past[rank:]:
                distance = RELATIVE_NOW - at[low]
                kept = max(min(distance, self.from_now[i]) for i in holders[low])
                least = max(least, kept - (distance - gap))
                for high in (*future, *past[:rank]):
                    distance = at[high] - at[low]
                    kept = max(reached(between[j][i], distance) for j in holders[high] for i in holders[low])
                    least = max(least, kept - (distance - gap))
            for low in past[rank:]:
                at[low] += gap - least
            higher = lower
        return tuple(at[time] if time else 0 for time in times)


def reached(thresholds: Sequence[int], distance: int) -> int:
    """The largest threshold that a distance reaches; 0: none."""
    many = bisect(thresholds, distance)
    return thresholds[many - 1] if many else 0

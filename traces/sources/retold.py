"""Calls that stand in the files more than once: each counts once, and where it may be another one, that is said.

Two tellings are of one call if they agree in who asked and which server, when it began and ended, and what it
got; a client's log, or a table, may not tell all of these. That is certain

- of times that are told more finely than milliseconds, for nobody gets two answers in one nanosecond,
- of what a client's log says of a call of that client and that server,
- where all that one file tells, and that is more than one call, stands in another one.

Else two calls may have got the same timestamp in the same millisecond: what was left out then keeps `unique`
from being said to hold.
"""  # noqa: E501  # the first line of a docstring is one

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .observation import NS_PER_MS, Where
from .spilling import Rows

_S_NS = 1_000 * NS_PER_MS
#: what two tellings of a call that got a timestamp have in common
_VALUE = ("physical", "logical", "count")


@dataclass(slots=True)
class Retold:
    """Tellings that were left out because another one is of the same call.

    `count`: how many; `first`: the first of them and what it repeats. `doubtful`: of how many it is not
    certain, and `doubt` the first of these and what it may repeat.
    """

    count: int = 0
    first: tuple[Where, Where] | None = None
    doubtful: int = 0
    doubt: tuple[Where, Where] | None = None

    def __str__(self) -> str:
        """In a sentence; empty if there are none."""
        if self.first is None:
            return ""
        which = f"{self.first[0]} tells what {self.first[1]} does"
        return f"{_calls(self.count)} told more than once, and counted once: {which}"

    @property
    def open_(self) -> str:
        """Why no timestamp may be said to be granted once only; empty if nothing is open."""
        if self.doubt is None:
            return ""
        one, other = self.doubt
        return f"{_calls(self.doubtful)} may be told twice, or got the same timestamp: {other} and {one}"


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


@dataclass(slots=True)
class Found:
    """Tellings that were left out, by the file that they are in and the one that has the call."""

    files: Sequence[str]
    left_out: Counter[tuple[int, int]] = field(default_factory=Counter)
    uncertain: Counter[tuple[int, int]] = field(default_factory=Counter)
    _first: dict[tuple[int, int, bool], tuple[Where, Where]] = field(default_factory=dict)

    def add(self, out: Rows, kept: Rows, certain: Any) -> None:
        """These were left out for those."""
        for sure in (True, False):
            which = np.flatnonzero(certain == sure)
            pairs = out["file"][which].astype(np.int64) << 32 | kept["file"][which]
            of, at, counts = np.unique(pairs, return_index=True, return_counts=True)
            for pair, index, count in zip(of.tolist(), which[at].tolist(), counts.tolist(), strict=True):
                files = pair >> 32, pair & 0xFFFFFFFF
                self.left_out[files] += count
                self.uncertain[files] += 0 if sure else count
                self._first.setdefault((*files, sure), (self._where(out[index]), self._where(kept[index])))

    def _where(self, row: Any) -> Where:
        return Where(self.files[int(row["file"])], int(row["line"]))

    def told(self, calls: Counter[int]) -> Retold:
        """All of it. ``calls``: how many calls each file tells that got a timestamp."""
        doubtful = [
            files
            for files, count in self.uncertain.items()
            if count and not _all_of_one(*files, self.left_out[files], calls)
        ]
        firsts = sorted(self._first.items())
        return Retold(
            self.left_out.total(),
            next((places for _, places in firsts), None),
            sum(self.uncertain[files] for files in doubtful),
            next(
                (places for (*files, sure), places in firsts if not sure and tuple(files) in doubtful), None
            ),
        )


def _all_of_one(one: int, other: int, common: int, calls: Counter[int]) -> bool:
    """Whether all that one of two files tells, and more than one call, stands in the other."""
    return one != other and common > 1 and common >= min(calls[one], calls[other])


def repeated(rows: Rows, askers: Rows, servers: Rows, same: Iterable[str]) -> tuple[Rows, Rows, Any]:
    """Of calls by start, which repeat which others, and of which that is certain.

    ``askers`` and ``servers``: who asked whom, by the number that rows have in `who`; 0: no server is told.
    """
    start = rows["start"]
    ties = start[1:] == start[:-1]
    tied = np.flatnonzero(np.append(ties, False)[: len(rows)] | np.append(False, ties)[: len(rows)])
    if not len(tied):
        return tied, tied, np.empty(0, bool)
    of = rows[tied]
    server = servers[of["who"]]
    columns = [start[tied], askers[of["who"]], *(of[name] for name in same)]
    order = np.lexsort([server, *columns])
    alike = np.all([column[order][1:] == column[order][:-1] for column in columns], axis=0)
    begins = np.flatnonzero(np.append([True], ~alike))
    group = np.cumsum(np.append([True], ~alike)) - 1
    ordered = server[order]
    # what tells no server is of the first that is told one, if there is any
    highest = np.maximum.reduceat(ordered, begins)[group]
    first_told = np.minimum.reduceat(np.where(ordered == 0, len(servers) + 1, ordered), begins)[group]
    told = np.where((ordered == 0) & (highest > 0), first_told, ordered)
    by = np.lexsort([order, ordered == 0, told, group])
    again = np.append([False], (group[by][1:] == group[by][:-1]) & (told[by][1:] == told[by][:-1]))
    kept = np.maximum.accumulate(np.where(again, 0, np.arange(len(by))))
    places = tied[order[by]]
    out, stays = places[again], places[kept[again]]
    fine = (rows["end"][out] % NS_PER_MS != 0) | (rows["start"][out] % NS_PER_MS != 0)
    certain = (rows["error"][out] != 0) | (
        (rows["timed"][out] != 0) & fine & (ordered[by][again] == ordered[by][kept[again]])
    )
    return out, stays, certain


class Joined:
    """Calls of which tables and the logs of clients tell, each once.

    `pool`: the calls with a value that a log tells, and then those that only logs tell. Those at `gone` are
    others, told once more, and those at `changed` are not as they were told.
    """

    def __init__(self, pool: Rows, who: Callable[[int, int], int]) -> None:
        self.pool = pool
        self.gone: set[int] = set()
        self.changed: set[int] = set()
        self._who = who  # one that asks the first one's server, as the second one

    def add(self, told: Rows, clients: Rows, servers: Rows, found: Found) -> None:
        """What one log tells: two calls in each line, the later one second.

        ``clients`` and ``servers``: as numbers, by the number that rows have in `who`; 0: no server is told.
        """
        self._clients, self._servers = clients, servers
        pool, taken = self.pool, set(self.gone)
        out: list[tuple[Any, Any, bool]] = []
        new: list[Rows] = []
        for at in range(0, len(told), 2):
            pair = told[at : at + 2].copy()
            places = [self._call(row, taken) for row in pair]
            if not self._joins(pair, [place for place, _ in places]):
                new.append(pair)
                continue
            for row, given, (place, sure) in zip(pair, told[at : at + 2], places, strict=True):
                if place is None:
                    new.append(row[None])
                    continue
                taken.add(place)
                if self._tells_when(place):
                    out.append((given, pool[place], sure))
                    self.changed.add(place)
                    pool[place] = row
                else:
                    out.append((pool[place], given, sure))
                    self.gone.add(place)
                    new.append(row[None])
        if out:
            others, kept, certain = (np.array(column) for column in zip(*out, strict=True))
            found.add(others, kept, certain)
        self.pool = np.concatenate((pool, *new))

    def _tells_when(self, place: int) -> bool:
        """Whether a call is told as finely as a log tells it: the log's own telling is left out then."""
        return bool(self.pool["timed"][place] and self.pool["end"][place] % _S_NS)

    def _call(self, row: Any, taken: Container[int]) -> tuple[int | None, bool]:
        """Where the call stands that a log tells, None: nowhere; and whether it is certainly that one."""
        calls, of = self.pool, self.pool["who"]
        value = np.all([calls[name] == row[name] for name in _VALUE], axis=0)
        one, others = int(self._servers[row["who"]]), self._servers[of]
        unit = np.where(calls["end"] % _S_NS == 0, _S_NS, NS_PER_MS)
        moment = calls["end"] // unit == int(row["end"]) // unit
        untimed = (calls["timed"] == 0) | (row["timed"] == 0)
        may_be = value & (moment | untimed) & ((others == one) | (others == 0) | (one == 0))
        mine = self._clients[of] == self._clients[row["who"]]
        sure = mine & moment & ~untimed & (unit == NS_PER_MS) & (others == one) & (one != 0)
        free = [each for each in np.flatnonzero(may_be).tolist() if each not in taken]
        if not free:
            return None, False
        best = max(free, key=lambda each: (bool(sure[each]), bool(mine[each]), -each))
        return best, bool(sure[best])

    def _joins(self, pair: Rows, places: Sequence[int | None]) -> bool:
        """Whether two calls of a log may be these; then the pair is as both tell it together."""
        timed = [place for place in places if place is not None and self.pool["timed"][place]]
        together = pair.copy()
        for at, place in enumerate(places):
            if place is not None and self._tells_when(place):
                together[at] = self.pool[place]
        client = self.pool["who"][timed[0]] if timed else pair["who"][0]
        for row in together:
            if self._clients[row["who"]] != self._clients[client]:
                row["who"] = self._who(int(row["who"]), int(client))
        if pair["timed"].all():  # it asked for the later one when the earlier one was here
            start = max(together["start"][1], pair["start"][1], together["end"][0] + 1)
            if start > together["end"][1]:
                return False
            together["start"][1] = start
        pair[:] = together
        return True

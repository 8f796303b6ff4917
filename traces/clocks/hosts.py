"""What files say of the hosts that they are from, and of the clock that wrote them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from ipaddress import ip_address
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import numpy

from ..sources.calls import by_number
from ..sources.observation import LOGICAL_BITS, NS_PER_MS, LogEvent
from ..sources.settings import ServerStart
from ..sources.spilling import Rows, joined
from ..sources.trace import Trace

#: lines of several threads stand in another order than their times by less
BACK_NS = 100 * NS_PER_MS
#: no memory stands still for so long while nobody asks
_AHEAD_NS = 60_000 * NS_PER_MS
#: how many calls stand beside the one that is looked at
_BESIDE = 3
#: no clock is set more often in a file, or before one of so many lines
_MANY, _ONE_OF = 10, 20


def on_one_host(trace: Trace, endpoints: Iterable[str]) -> bool:
    """Whether every server is named by an address that only its own host can use, so that all are there."""
    named = {url for event in trace.keys for url in event.urls or (event.url,) if url}
    named |= {url for start in trace.starts for url in start.urls}
    named |= {url for url in endpoints if "://" in url or ":" in url}
    return bool(named) and all(map(_loopback, named))


def _loopback(url: str) -> bool:
    try:
        host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def clocks_set(trace: Trace) -> dict[str, str]:
    """Where the clocks that wrote files were set: by file, a sentence.

    Back: time goes back there, of calls see `_Turns`. Ahead: time goes on between two answers, and timestamps
    do not.
    """
    lines: defaultdict[tuple[str, str], list[tuple[int, int, int]]] = defaultdict(list)
    told: Iterable[LogEvent | ServerStart] = chain(trace.starts, trace.logs)
    for each in told:
        lines[each.where.file, each.server].append((each.where.place, each.where.line, each.at_ns))
    for event in trace.keys:
        if event.latest_ns is not None:
            lines[event.where.file, ""].append((event.where.line, event.where.line, event.latest_ns))
    found: dict[str, str] = {}
    for (file, _), of in lines.items():
        _, line, at = numpy.array(sorted(of), numpy.int64).T
        behind = numpy.maximum.accumulate(at) - at
        for which in numpy.flatnonzero(behind > BACK_NS)[:1].tolist():
            _tell(found, file, int(line[which]), int(behind[which]))
    answered: dict[str, Rows] = {}
    turns: defaultdict[str, _Turns] = defaultdict(_Turns)
    for file, rows in trace.calls.by_line():
        answers = joined((answered.get(file, rows[:0]), rows.compress(rows["last"] > 0)))
        _tell_ahead(found, file, answers, rows)
        answered[file] = answers[-1:]
        turns[file].add(rows)
    for file, calls in turns.items():
        if back := calls.back():
            _tell(found, file, *back)
    return found


class _Turns:
    """Where time goes back from one call of a file to the next: of each who asks, and of all.

    It goes back if ends and starts do, and timestamps do not. Where these go back as well, calls of that time
    follow, of another who asks or in another order: a clock that is set moves none. Of one who asks they must
    go back by half as much, for servers may answer several workers in another order than they granted; and
    with failures it is not told what was granted. Lines that go back that often are in no order.
    """

    def __init__(self) -> None:
        self._before: dict[bool, Rows] = {}
        self._lines = Counter[bool]()
        self._turns = Counter[bool]()
        self._first: list[tuple[int, int]] = []

    def add(self, rows: Rows) -> None:
        """More of the file, by line."""
        for each_who, those in ((True, rows), (False, rows.compress(rows["last"] > 0))):
            of = joined((self._before.get(each_who, those[:0]), those))
            of = of.take(by_number(of["who"])) if each_who else of
            group = of["who"] if each_who else numpy.zeros(len(of), numpy.int64)
            one = group[_BESIDE:] == group[:-_BESIDE]
            self._before[each_who] = of.compress(numpy.append(~one, numpy.ones(min(_BESIDE, len(of)), bool)))
            self._lines[each_who] += len(those)
            if len(one):
                turns, first = _back(of, group, one, certainly=not each_who)
                self._turns[each_who] += turns
                self._first += first

    def back(self) -> tuple[int, int] | None:
        """The first line before which it goes back, and by how much; None: there is none."""
        if any(many > max(_MANY, self._lines[of] / _ONE_OF) for of, many in self._turns.items()):
            return None
        return min(self._first, default=None)


def _back(rows: Rows, group: Any, one: Any, *, certainly: bool) -> tuple[int, list[tuple[int, int]]]:
    """Before how many lines time goes back, and the first before which timestamps do not, and by how much.

    Two calls are compared with the two before them: one alone that stands before such as ended earlier, or
    after such as ended later, is not the clock's doing. ``group``: those that stand together; ``one``: the
    four are of one.
    """
    at = numpy.arange(2, len(rows) - 1)
    last = rows["last"]

    def by(numbers: Any) -> Any:
        return numpy.minimum(numbers[1:-2], numbers[:-3]) - numpy.maximum(numbers[2:-1], numbers[3:])

    behind = numpy.where(one, numpy.minimum(by(rows["end"]), by(rows["start"])), 0)
    goes_back = behind > BACK_NS
    if certainly:
        where = goes_back & (by(last) <= 0)
    else:
        got, each = last > 0, numpy.arange(len(rows))
        before = numpy.maximum.accumulate(numpy.where(got, each, 0))[at - 1]
        after = numpy.minimum.accumulate(numpy.where(got, each, len(rows) - 1)[::-1])[::-1][at]
        told = got[before] & got[after] & (group[before] == group[at]) & (group[after] == group[at])
        granted = numpy.where(told, (last[before] - last[after] >> LOGICAL_BITS) * NS_PER_MS, 0)
        where = goes_back & (2 * granted < behind)
    first = numpy.flatnonzero(where)[:1]
    return int(numpy.sum(goes_back)), [
        *zip(rows["line"][at[first]].tolist(), behind[first].tolist(), strict=True)
    ]


def _tell(found: dict[str, str], file: str, line: int, behind: int) -> None:
    by = f"{behind / NS_PER_MS:,.0f} ms"
    found.setdefault(file, f"{file}:{line}: time goes back by {by}: its clock was set")


def _tell_ahead(found: dict[str, str], file: str, answers: Rows, rows: Rows) -> None:
    passed = answers["start"][1:] - answers["end"][:-1]
    moved = numpy.diff(answers["last"] >> LOGICAL_BITS) * NS_PER_MS
    ahead = passed - moved
    # a timestamp that is less than the one before is not the clock's doing
    for at in numpy.flatnonzero((ahead > _AHEAD_NS) & (moved >= 0)).tolist():
        since, until = answers["end"][at], answers["start"][at + 1]
        asked = numpy.count_nonzero((rows["start"] > since) & (rows["start"] < until))
        if asked < 2:  # else it asked meanwhile, and got nothing
            where = f"{file}:{answers['line'][at + 1]}"
            by = f"{ahead[at] / NS_PER_MS:,.0f} ms more than timestamps"
            found.setdefault(file, f"{where}: time goes on by {by}: its clock was set")
            return

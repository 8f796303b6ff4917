"""What files say of the hosts that they are from, and of the clock that wrote them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from ipaddress import ip_address
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import numpy

from ..sources.observation import NS_PER_MS, LogEvent
from ..sources.settings import ServerStart
from ..sources.spilling import Rows, joined
from ..sources.trace import Trace

#: lines of several threads stand in another order than their times by less
BACK_NS = 100 * NS_PER_MS
#: no memory stands still for so long while nobody asks
_AHEAD_NS = 60_000 * NS_PER_MS


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

    Back: time goes back there. One call alone that stands before such as ended earlier, or after such as
    ended later, is not the clock's doing: those around it would tell as well. Ahead: time goes on between two
    answers, and timestamps do not.
    """
    lines: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    told: Iterable[LogEvent | ServerStart] = chain(trace.starts, trace.logs)
    for each in told:
        lines[each.where.file].append((each.where.place, each.where.line, each.at_ns))
    for event in trace.keys:
        if event.latest_ns is not None:
            lines[event.where.file].append((event.where.line, event.where.line, event.latest_ns))
    found: dict[str, str] = {}
    for file, of in lines.items():
        _, line, at = numpy.array(sorted(of), numpy.int64).T
        behind = numpy.maximum.accumulate(at) - at
        _tell(found, file, line, behind, behind > BACK_NS)
    latest: dict[str, tuple[int, int, bool]] = {}
    answered: dict[str, Rows] = {}
    for file, rows in trace.calls.by_line():
        answers = joined((answered.get(file, rows[:0]), rows.compress(rows["physical"] > 0)))
        _tell_ahead(found, file, answers, rows)
        answered[file] = answers[-1:]
        at = rows["end"]
        top, next_to_it, was_behind = latest.get(file, (0, 0, False))
        highest = numpy.maximum.accumulate(numpy.append(top, at))
        second = numpy.maximum(next_to_it, numpy.maximum.accumulate(numpy.minimum(at, highest[:-1])))
        behind = second - at
        back = behind > BACK_NS
        _tell(found, file, rows["line"], behind, back & numpy.append(was_behind, back[:-1]))
        latest[file] = int(highest[-1]), int(second[-1]), bool(back[-1])
    return found


def _tell(found: dict[str, str], file: str, line: Any, behind: Any, where: Any) -> None:
    for at in numpy.flatnonzero(where)[:1].tolist():
        by = f"{behind[at] / NS_PER_MS:,.0f} ms"
        found.setdefault(file, f"{file}:{line[at]}: time goes back by {by}: its clock was set")


def _tell_ahead(found: dict[str, str], file: str, answers: Rows, rows: Rows) -> None:
    passed = answers["start"][1:] - answers["end"][:-1]
    moved = (answers["physical"][1:] - answers["physical"][:-1]) * NS_PER_MS
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

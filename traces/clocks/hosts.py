"""What files say of the hosts that they are from, and of the clock that wrote them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import chain
from urllib.parse import urlsplit

import numpy

from ..sources.observation import NS_PER_MS, Call, LogEvent
from ..sources.settings import ServerStart
from ..sources.trace import Trace

#: lines of several threads stand in another order than their times by less
BACK_NS = 100 * NS_PER_MS


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


def time_goes_back(trace: Trace, calls: dict[str, list[Call]]) -> Iterator[tuple[str, str]]:
    """Where the clock that wrote a file was set back, a sentence for each such file."""
    lines: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    told: Iterable[LogEvent | ServerStart] = chain(trace.starts, trace.logs)
    for each in told:
        lines[each.where.file].append((each.where.line, each.at_ns))
    for event in trace.keys:
        if event.latest_ns is not None:
            lines[event.where.file].append((event.where.line, event.latest_ns))
    columns = {file: zip(*readings, strict=True) for file, readings in lines.items()}
    found = {file: tuple(numpy.array(column, numpy.int64) for column in of) for file, of in columns.items()}
    for file, of_file in calls.items():
        timed = [call for call in of_file if call.timed]
        found[file] = (
            numpy.fromiter((call.line for call in timed), numpy.int64, len(timed)),
            numpy.fromiter((call.end_ns for call in timed), numpy.int64, len(timed)),
        )
    for file, (line, at) in found.items():
        order = numpy.argsort(line, kind="stable")
        back = numpy.maximum.accumulate(at[order]) - at[order]
        first = numpy.flatnonzero(back > BACK_NS)[:1]
        for each in first.tolist():
            by = back[each] / NS_PER_MS
            where = f"{file}:{line[order[each]]}"
            yield file, f"{where}: time goes back by {by:,.0f} ms: its clock was set"

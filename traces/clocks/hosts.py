"""What files say of the hosts that they are from, and of the clock that wrote them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from ipaddress import ip_address
from itertools import chain
from urllib.parse import urlsplit

import numpy

from ..sources.observation import NS_PER_MS, LogEvent
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


def time_goes_back(trace: Trace) -> dict[str, str]:
    """Where the clocks that wrote files were set back: by file, a sentence."""
    lines: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    told: Iterable[LogEvent | ServerStart] = chain(trace.starts, trace.logs)
    for each in told:
        lines[each.where.file].append((each.where.line, each.at_ns))
    for event in trace.keys:
        if event.latest_ns is not None:
            lines[event.where.file].append((event.where.line, event.latest_ns))
    readings = [(file, *numpy.array(sorted(of), numpy.int64).T) for file, of in lines.items()]
    calls = ((file, rows["line"], rows["end"]) for file, rows in trace.calls.by_line())
    found: dict[str, str] = {}
    latest: dict[str, int] = {}
    for file, line, at in chain(readings, calls):
        highest = numpy.maximum(numpy.maximum.accumulate(at), latest.get(file, 0))
        latest[file] = int(highest[-1])
        for each in numpy.flatnonzero(highest - at > BACK_NS)[:1].tolist():
            by = (highest[each] - at[each]) / NS_PER_MS
            text = f"{file}:{line[each]}: time goes back by {by:,.0f} ms: its clock was set"
            found.setdefault(file, text)
    return found

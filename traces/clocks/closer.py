"""Clocks that are a little apart, as those of several hosts always are: what many answers tell of them.

A receipt, a line and a save take some milliseconds that nobody knows, and clocks may be apart by as much
without that showing. Answers tell more, for there are many: nobody is answered before the reading of the
server's clock that the answer tells of, and of the same milliseconds of one server two clients hear at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..sources.observation import MAX_NS, NS_PER_MS
from ..sources.offsets import Clock, Span, name
from .datings import QUICK_NS, ClockId

if TYPE_CHECKING:
    import networkx

#: so many events must show a clock before it is said that it was set, or is apart from a server's
ENOUGH = 4
#: and so many before it is said that two are apart by less than what one event takes
_MANY = 20
#: how long after a reading of its clock a server's memory has that, at most, as a rule
_TICK_NS = 5 * NS_PER_MS
#: timestamps tell no less, and what is more than that other events tell
_LEAST_NS, _LITTLE_NS = NS_PER_MS, 2 * QUICK_NS

Found = tuple[Span, bool, int]
"""How far one clock is ahead of another, whether that fits most of what both show, and how much that is."""


def exactly(found: Found) -> bool:
    """Whether many events tell how far two clocks are apart, and agree."""
    _, steady, events = found
    return steady and events >= _MANY


def closer(
    graph: networkx.Graph[ClockId],
    clocks: Mapping[ClockId, Clock],
    ahead: Mapping[ClockId, Mapping[ClockId, Found]],
) -> Iterator[tuple[ClockId, Clock]]:
    """The clocks that must be moved a little, or a little more than others tell, and what shows that.

    ``graph`` and ``ahead`` are those of `align.py`.
    """
    moved = {clock: each.moved_ns for clock, each in clocks.items() if each.offset and each.steady}
    told: dict[ClockId, tuple[ClockId, Span]] = {}
    agree: dict[ClockId, bool] = {}  # whether it shows what servers' clocks do
    for clock, by in [*moved.items()]:
        for server, (low, high) in _servers(graph, clock):
            agree[clock] = agree.get(clock, True) and low <= by <= high
            # a receipt only says by when, and says nothing of how late it is
            least = low - _TICK_NS if clock[0] == "client" else -MAX_NS
            there = min(max(by, least), high)
            if _LEAST_NS < abs(there - by) <= _LITTLE_NS:
                moved[clock], told[clock] = there, (server, (low, high))
    spans = _between_clients(moved, ahead)
    for _ in moved:
        left = {(one, other): _left(span, moved[one] - moved[other]) for (one, other), span in spans.items()}
        odd = Counter(one for (one, _), by in left.items() if _LEAST_NS < abs(by) <= _LITTLE_NS)
        if not odd:
            break
        # of two that are apart that one which no server's clock bears out
        one = max(odd, key=lambda clock: (odd[clock], not agree.get(clock, False), clock in agree))
        other = max((pair for pair in left if pair[0] == one), key=lambda pair: abs(left[pair]))[1]
        low, high = spans[one, other]
        moved[one] += left[one, other]
        told[one] = other, (low + moved[other], high + moved[other])
    for clock, (against, span) in told.items():
        known = clocks[clock]
        yield (
            clock,
            replace(known, against=name(*against), offset=span, apart=True, moved_ns=moved[clock]),
        )


def _servers(graph: networkx.Graph[ClockId], clock: ClockId) -> Iterator[tuple[ClockId, Span]]:
    """The servers to whose own clock a clock is tied by some events, and how far it is ahead of that."""
    for server in graph[clock]:
        edge = graph.edges[clock, server]
        if server[0] == "server" and edge["steady"] and edge["events"] >= ENOUGH:
            low, high = edge["span"]
            yield server, (low, high) if edge["ahead"] == clock else (-high, -low)


def _between_clients(
    clocks: Mapping[ClockId, int], ahead: Mapping[ClockId, Mapping[ClockId, Found]]
) -> dict[tuple[ClockId, ClockId], Span]:
    """How far the first of two clients' clocks is ahead of the second one, where many events tell."""
    asking = [clock for clock in clocks if clock[0] == "client"]
    return {
        (one, other): found[0]
        for one in asking
        for other in asking
        if one != other and (found := ahead.get(other, {}).get(one)) and exactly(found)
    }


def _left(span: Span, by: int) -> int:
    """How far one clock is still ahead of another one, at least, once it was moved by so much more."""
    low, high = span[0] - by, span[1] - by
    return low if low > 0 else min(high, 0)

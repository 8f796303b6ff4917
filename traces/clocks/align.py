"""Offsets between the clocks of a recording, estimated as intervals, and its times put on one clock."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from itertools import accumulate, chain, combinations, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from ..sources.builds import Version
from ..sources.observation import MAX_NS, NS_PER_MS, Call, KeyEvent, LogEvent, Observation
from ..sources.offsets import ANYTHING, Clock, Clocks, Span, name
from ..sources.settings import ServerStart
from ..sources.trace import Trace
from .closer import ENOUGH, Found, closer, exactly
from .datings import QUICK_NS, RECORDER, SLOW_NS, ClockId, datings, met
from .early import without_early
from .hosts import clocks_set, on_one_host

if TYPE_CHECKING:
    import networkx

#: of the events that two clocks show, so many (in a hundred) must fit one offset
_MOST = 75
#: clocks that are only known to be closer may as well be apart
_CLOSE_NS = 200 * NS_PER_MS
#: of clocks that are as good, the one that others are told against
_RANKS = ("client", "server", "log", "recorder")
_NOTHING: Span = (0, 0)

Line = TypeVar("Line", LogEvent, ServerStart, Version)


def align(trace: Trace) -> Trace:
    """The trace with its times on one clock, as far as offsets show, and with what is known of its clocks."""
    import networkx  # not for who shows a run, or searches

    files, back = _files(trace), clocks_set(trace)
    trace, early = without_early(replace(trace, keys=_received_in_turn(trace.keys)))
    back = {**early, **back}
    told = datings(trace) if len(files) > 1 else {}
    shown = {clock: events for clock, events in told.items() if events}
    graph: networkx.Graph[ClockId] = networkx.Graph()
    graph.add_nodes_from(shown)
    waver: set[ClockId] = set()
    for one, other in combinations(shown, 2):
        if spans := [*met(shown[one], shown[other])]:
            (low, high), steady = _common(spans)
            kinds = {one[0], other[0]}
            received_late = RECORDER in (one, other) and _one_was_late(spans, ahead=one == RECORDER)
            if received_late:
                (low, high), _ = _common([span for span in spans if _may_agree(*span)])
            if (received_late or not steady) and "recorder" in kinds and "server" not in kinds:
                waver.add(_which(one, other))
            if not steady and (kinds == {"client"} or "server" in kinds):
                continue  # other servers may have answered, or set their own clocks
            width = high - low + (not steady) * MAX_NS  # what is not steady ties only what nothing else does
            graph.add_edge(
                one, other, ahead=one, span=(low, high), steady=steady, width=width, events=len(spans)
            )
    ahead = {clock: _ahead_of(graph, clock) for clock in shown}
    reference = max(ahead, key=lambda each: (_agreeing(ahead[each]), _RANKS.index(each[0])), default=None)
    waver |= {_which(*pair) for pair in _at_odds(graph, ahead.get(reference, {}))} if reference else set()
    clocks = {}
    for clock, of in files.items():
        found = ahead[reference].get(clock) if reference else None
        clocks[clock] = replace(_clock(clock, of, reference, found), wavers=clock in waver)
        if not back.keys().isdisjoint(of):
            clocks[clock] = replace(clocks[clock], steady=False)
    clocks |= dict(closer(graph, clocks, ahead))
    moved = {clock: each.moved_ns for clock, each in clocks.items()}
    asking = [clock for clock in files if clock[0] == "client"]
    endpoints = {who.endpoint for who in trace.calls.who}
    between = _between(asking, ahead, moved, claimed=on_one_host(trace, endpoints))
    known = Clocks(tuple(clocks.values()), between, back)
    return replace(_moved(trace, moved), clocks=known)


def _which(one: ClockId, other: ClockId) -> ClockId:
    """Of two clocks that no one offset fits, the one that is taken to have been set, or to tell late."""
    return next((each for each in (one, other) if each[0] == "log"), RECORDER)


def _at_odds(
    graph: networkx.Graph[ClockId], ahead: Mapping[ClockId, Found]
) -> Iterator[tuple[ClockId, ClockId]]:
    """Clocks of which events show another offset than others do, between these and a third one.

    Not by what a server saved, of which it is not certain who did.
    """
    for one, other, edge in graph.edges(data=True):
        kinds = {one[0], other[0]}
        if one in ahead and other in ahead and "server" not in kinds and kinds != {"client"}:
            low, high = edge["span"] if edge["ahead"] == one else (-edge["span"][1], -edge["span"][0])
            (least, most), (below, above) = ahead[one][0], ahead[other][0]
            if low > most - below or high < least - above:
                yield one, other


def otherwise(trace: Trace, kinds: Collection[str]) -> Iterator[tuple[Clock, Trace]]:
    """The aligned trace as it would be if one clock, which is doubtful, were apart by another offset."""
    for clock in (each for each in trace.clocks.doubtful() if each.kind in kinds):
        for offset in (0, *(clock.offset or ())):
            yield clock, _moved(trace, {(clock.kind, clock.of): offset - clock.moved_ns})


def off_by_what_is_open(trace: Trace, kinds: Collection[str]) -> Iterator[tuple[Clock, Trace]]:
    """The aligned trace as it would be if one clock were off by as much as events leave open."""
    for clock in (each for each in trace.clocks.clocks if each.kind in kinds and each.open_ns):
        for by in (-clock.open_ns, clock.open_ns):
            yield clock, _moved(trace, {(clock.kind, clock.of): by})


def on_one_clock(trace: Trace, clocks: Clocks) -> Trace:
    """The trace with its times on one clock, as far as is known."""
    moved = {(clock.kind, clock.of): clock.moved_ns for clock in clocks.clocks}
    return replace(_moved(trace, moved), clocks=clocks)


def as_written(seen: Observation, clocks: Clocks) -> Observation:
    """An observation of the aligned trace, with its times as its file has them."""
    if isinstance(seen, Call):
        by = clocks.moved_ns(seen.file) if seen.timed else 0
        return replace(seen, start_ns=seen.start_ns + by, end_ns=seen.end_ns + by) if by else seen
    by = clocks.moved_ns(seen.where.file)
    if isinstance(seen, LogEvent):
        return replace(seen, at_ns=seen.at_ns + by) if by else seen
    return replace(seen, latest_ns=seen.latest_ns + by) if by and seen.latest_ns is not None else seen


def _files(trace: Trace) -> dict[ClockId, tuple[str, ...]]:
    """The clocks that wrote the trace's times, and the files that have these."""
    found: dict[ClockId, dict[str, None]] = {}
    for event in trace.keys:
        if event.latest_ns is not None:
            found.setdefault(RECORDER, {})[event.where.file] = None
    for line in _lines(trace):
        found.setdefault(("log", line.server), {})[line.where.file] = None
    for file in trace.calls.timed_files():
        found["client", file] = {file: None}
    return {clock: tuple(files) for clock, files in found.items()}


def _lines(trace: Trace) -> Iterable[LogEvent | ServerStart]:
    return chain(trace.starts, trace.logs)


def _received_in_turn(keys: Sequence[KeyEvent]) -> tuple[KeyEvent, ...]:
    """The events without the fewest receipts that others, by etcd's order, show to be wrong.

    A recorder's clock that was wrong for one line tells nothing of when that was received.
    """
    received = [(index, event.latest_ns) for index, event in enumerate(keys) if event.latest_ns is not None]
    if all(one <= other for (_, one), (_, other) in pairwise(received)):
        return tuple(keys)
    ends: list[int] = []  # the lowest receipt that as many in turn can end with
    at: list[int] = []
    before: dict[int, int | None] = {}
    for index, latest in received:
        length = bisect_right(ends, latest)
        before[index] = at[length - 1] if length else None
        ends[length : length + 1], at[length : length + 1] = [latest], [index]
    kept, last = set[int](), at[-1] if at else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return tuple(each if i in kept else replace(each, latest_ns=None) for i, each in enumerate(keys))


def _one_was_late(spans: Sequence[Span], *, ahead: bool) -> bool:
    """Whether clocks may agree but for one event of several, which may have been received late; ``ahead``:
    that shows the first clock ahead of the other."""
    apart = [span for span in spans if not _may_agree(*span)]
    return len(spans) > 2 and len(apart) == 1 and (apart[0][0] > 0) is ahead


def _common(spans: Sequence[Span]) -> tuple[Span, bool]:
    """What most of these have in common, or else all that lies between."""
    edges = sorted([(low, 0) for low, _ in spans] + [(high, 1) for _, high in spans])
    depths = [*accumulate(1 if side == 0 else -1 for _, side in edges)]
    most = max(depths)
    if most * 100 < _MOST * len(spans):
        # of a few, one may be of a line that is wrong: that tells nothing of the clock
        return (min(low for low, _ in spans), max(high for _, high in spans)), len(spans) < ENOUGH
    at = depths.index(most)
    return (edges[at][0], edges[at + 1][0]), True


def _ahead_of(graph: networkx.Graph[ClockId], reference: ClockId) -> dict[ClockId, Found]:
    """How far each clock is ahead of one, by the narrowest chain of clocks that show the same events."""
    import networkx

    paths = networkx.single_source_dijkstra_path(graph, reference, weight="width")
    found: dict[ClockId, Found] = {}
    for clock, path in paths.items():
        low = high = events = 0
        steady = True
        for behind, ahead in pairwise(path):
            edge = graph.edges[behind, ahead]
            events = min(events or edge["events"], edge["events"])
            least, most = edge["span"] if edge["ahead"] == ahead else (-edge["span"][1], -edge["span"][0])
            low, high, steady = low + least, high + most, steady and edge["steady"]
        found[clock] = (low, high), steady, events
    return found


def _may_agree(low: int, high: int) -> bool:
    """Whether clocks agree, as well as what most events take can tell."""
    return low <= QUICK_NS and high >= -QUICK_NS


def _agreeing(ahead: Mapping[ClockId, Found]) -> int:
    """How many clocks agree with one, as closely as tells anything."""
    return sum(
        steady and _may_agree(low, high) and high - low <= _CLOSE_NS
        for (low, high), steady, _ in ahead.values()
    )


def _clock(clock: ClockId, files: tuple[str, ...], reference: ClockId | None, found: Found | None) -> Clock:
    against = name(*reference) if reference else ""
    if found is None:
        return Clock(*clock, files, against, None)
    (low, high), steady, events = found
    apart = not _may_agree(low, high)
    if clock == RECORDER and 0 < low <= SLOW_NS:
        apart = False  # it may as well be slow: a receipt says by when
    near = min((high - low) // 2, QUICK_NS)
    # a receipt only says by when: moved by too much, it would be before what it tells of
    least = 0 if clock == RECORDER else near
    moved = 0 if not apart else least + (low if low > 0 else high - 2 * near)
    return Clock(*clock, files, against, (low, high), apart, steady, moved, events)


def _between(
    clocks: Sequence[ClockId],
    ahead: Mapping[ClockId, Mapping[ClockId, Found]],
    moved: Mapping[ClockId, int],
    *,
    claimed: bool,
) -> dict[tuple[str, str], Span]:
    """How far the clocks of clients may be apart once they were moved."""
    between = {}
    found_of = {pair: ahead.get(pair[1], {}).get(pair[0]) for pair in combinations(clocks, 2)}
    # of two that many events show to be apart either may be
    odd = {
        clock
        for pair, found in found_of.items()
        if found and exactly(found) and not found[0][0] <= 0 <= found[0][1]
        for clock in pair
    }
    for (one, other), found in found_of.items():
        as_read = moved[one] == moved[other]
        # where one of them is apart from other clocks, nothing tells of the other one
        low, high = found[0] if found else _NOTHING if claimed and as_read else ANYTHING
        agree = _may_agree(low, high) and odd.isdisjoint((one, other))
        alike = as_read and agree and (found is None or found[1])
        if claimed and alike:
            low = high = 0
        elif claimed:  # either the clocks are apart, or what servers granted only looks so
            low, high = min(low, 0), max(high, 0)
        by = moved[one] - moved[other]
        span = (low, high) if (low, high) == ANYTHING else (low - by, high - by)
        if span != _NOTHING:
            between[one[1], other[1]] = span
            between[other[1], one[1]] = -span[1], -span[0]
    return between


def _moved(trace: Trace, moved: Mapping[ClockId, int]) -> Trace:
    """The trace with what clocks are ahead taken off their readings."""
    if not any(moved.values()):
        return trace

    def received(event: KeyEvent) -> KeyEvent:
        by = moved.get(RECORDER, 0)
        return replace(event, latest_ns=event.latest_ns - by) if by and event.latest_ns is not None else event

    by_server = {server: moved.get(("log", server), 0) for server, _ in trace.known_until}
    return replace(
        trace,
        keys=tuple(map(received, trace.keys)),
        state=trace.state and replace(trace.state, events=tuple(map(received, trace.state.events))),
        logs=_in_order(trace.logs, moved),
        starts=_in_order(trace.starts, moved),
        versions=_in_order(trace.versions, moved),
        calls=trace.calls.moved(lambda file: moved.get(("client", file), 0)),
        stretches={
            of: [(begin - by_server[of[0]], end - by_server[of[0]]) for begin, end in found]
            for of, found in trace.stretches.items()
        },
        known_until={of: until - by_server[of[0]] for of, until in trace.known_until.items()},
    )


def _in_order(lines: Iterable[Line], moved: Mapping[ClockId, int]) -> tuple[Line, ...]:
    """The lines of all logs by time; those of one server keep their order."""
    servers: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by = moved.get(("log", line.server), 0)
        servers[line.server].append(replace(line, at_ns=line.at_ns - by) if by else line)
    return tuple(merge(*servers.values(), key=attrgetter("at_ns")))

"""A trace as replay takes it: numbered servers, one stream an origin, and when each observation can be from.

Order is certain within a stream: etcd's revisions, the lines of one server, the physical parts that one
server granted. Between streams there are bounds in time and anchors: the line of an election names its
revision, a line that tells a saved or loaded value names the write of that value. The order by estimated
time is a first guess; `explain.py` tries others where bounds and anchors allow them.

Bounds. A line is written at most `LATE_NS` after its step, an event is received at most `LATE_NS` after it
was written (but for the history in a stream's first response, whose receipt says little), a granted timestamp
was in memory while the call ran. What a PD in API mode answered may be its own or the TSO primary's; only the
order in which its calls followed each other is certain, so those that overlap are left out. A save counts
from when its server learned of it, at most `_ANSWER_NS` after its receipt: until then it grants from its old
memory. The clocks of servers, recorder and clients are taken to agree better than that; anchors hold whatever
the clocks say.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, pairwise

from ...model.language.transition import Kind
from ..sources.observation import MAX_NS, NS_PER_MS, Call, Key, KeyEvent, LogEvent, LogStep, Refusal, Where
from ..sources.servers import Servers, Unclear
from ..sources.trace import Gap, Trace

LATE_NS = 1_000 * NS_PER_MS
FOREVER = MAX_NS
GUARD_NS = NS_PER_MS
#: how many observations can be explained: each takes about 1 KiB until then
MAX_SEEN = 300_000
_SAVE_NS = 2 * NS_PER_MS  # what a save takes, about
_ANSWER_NS = 50 * NS_PER_MS  # how long after etcd applied a save the server may learn of it
_DEFAULT_WINDOW_NS = 3_000 * NS_PER_MS  # PD's own default of tso-save-interval
_DEFAULT_LEASE_S = 3  # and of lease
_MAX_LOGICAL = 1 << 18
_ROUND_NS = 100 * NS_PER_MS
#: the steps of a log that bind a step of the model; the others only say when, or nothing more
_BINDING = frozenset(
    {
        LogStep.SERVER_START,
        LogStep.SERVER_EXIT,
        LogStep.ELECTED,
        LogStep.WINDOW_LOADED,
        LogStep.SYNC_SAVED,
        LogStep.SYNC_SKIPPED,
        LogStep.SAVE_REFUSED,
        LogStep.RESET,
        LogStep.STEP_DOWN,
        LogStep.ALLOCATOR_CLOSED,
    }
)
_TRIED = re.compile(r"timestamp (\d{19}) is less than or equal to the previous one (\d{19})")


@dataclass(frozen=True, slots=True)
class Granted:
    """Timestamps with one physical part that a client got from a server it asked by name.

    `sent_on`: that server, a PD in API mode, may have had the TSO primary answer.
    """

    call: Call
    sent_on: bool = False

    @property
    def where(self) -> Where:
        return self.call.where


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation and its place: what it demands happened in [`earliest`, `latest`], about `at` (ns).

    `server` is 0 where it names none, `stream` 0 for etcd. `after` and `before` count etcd's events: at least
    and at most so many had come. `writers`: who can have saved this value, empty for anybody. `elected`: the
    PD that wins next, 0 if none. `tried` is the value (ns) that a refused save wanted to write, if known.
    `again`: the server had started before. `api`: a PD starts, in API mode or not. `chosen`: the TSO server
    that the next event of the expected primary names, 0 if none.
    """

    what: KeyEvent | LogEvent | Granted
    server: int
    stream: int
    at: int
    earliest: int
    latest: int
    after: int = 0
    before: int = FOREVER
    writers: tuple[int, ...] = ()
    elected: int = 0
    tried: int | None = None
    again: bool = False
    api: bool | None = None
    chosen: int = 0

    @property
    def where(self) -> Where:
        return self.what.where

    @property
    def revision(self) -> int | None:
        """Where etcd was, if the observation says so."""
        return None if isinstance(self.what, Granted) else self.what.revision


@dataclass(frozen=True, slots=True)
class Timeline:
    """The observations by estimated time, and what is known about all of them.

    `constants` are the model's, times in ns; `api`, by server, whether it may be in API mode at first;
    `assumed` says what nothing in the trace tells, `window_assumed` whether the save interval is one.
    `resets`: the targets (ms) of admin resets, by server; `shown`: the faults, by server, that its log tells
    of. Events may be missing from revision `gap`, time `gap_at` on, for the reason `gap_text`. `mode_text`
    says why a PD may be in API mode although no log tells; empty if none can be. `mode_open`: one certainly
    was. `late`: what was before the first event is not known, `first_window` is what the timestamp key may
    have held then. `unused` counts observations that demand nothing, `undecoded` names those that cannot be
    read and may demand anything.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    constants: Mapping[str, int]
    api: tuple[tuple[bool, ...], ...]
    assumed: tuple[str, ...]
    window_assumed: bool
    seen: tuple[Seen, ...]
    resets: Mapping[int, frozenset[int]]
    shown: frozenset[tuple[str, int]]
    watched: bool
    late: bool
    first_window: int
    gap: int
    gap_at: int
    gap_text: str
    mode_text: str
    mode_open: bool
    unused: Mapping[str, int]
    undecoded: tuple[Where, ...] = ()
    cut: str = ""


def timeline(trace: Trace) -> Timeline:
    """Order a trace for replay.

    Raises:
        Unclear: there are more than `MAX_SEEN` observations; and see `Servers`.
    """
    servers = Servers(trace)
    window = trace.settings.save_interval_ns or _exact_window(trace.keys)
    constants, assumed = _constants(trace, window, servers)
    modelled = _modelled(servers)
    events = [event for event in trace.keys if event.key in modelled]
    unused: defaultdict[str, int] = defaultdict(int)
    unused["etcd events on keys that the model does not have"] = len(trace.keys) - len(events)
    lines = _lines(trace, servers)
    resets = {
        number: frozenset(
            line.next_ns // NS_PER_MS for line in log if line.step is LogStep.ADMIN_RESET and line.next_ns
        )
        for number, log in lines.items()
    }
    saves = _Saves(events, constants["window"], frozenset[int]().union(*resets.values()))
    times = _times(trace, events, saves)
    streams = [_etcd_stream(events, servers, times, _writers(lines, saves))]
    for number, log in lines.items():
        streams.append(_log_stream(log, number, len(streams), saves, events, servers, unused))
    own, sent_on = _granted(trace, servers, unused)
    room = MAX_SEEN - len(events) - sum(line.step in _BINDING for log in lines.values() for line in log)
    if room < 0:
        raise Unclear(f"{MAX_SEEN - room:,} observations, where {MAX_SEEN:,} can be explained")
    cut = ""
    if (bound := sum(map(len, chain(own.values(), sent_on.values())))) > room:
        cut = f"{bound:,} calls are too many to be explained; replay a shorter time"
        unused["calls that are too many to be explained"] += bound
        own, sent_on = {}, {}
    for number, calls in own.items():
        streams.append(_grant_stream(calls, number, len(streams), saves, sent_on=False))
    for number, calls in sent_on.items():
        streams.append(_grant_stream(calls, number, len(streams), saves, sent_on=True))
    late = bool(events and trace.gaps and trace.gaps[0].first == 2)
    if events:
        last = streams[0][-1]
        end = last.latest if last.latest < FOREVER else last.at + LATE_NS
        streams = [_within(stream, streams[0][0].at if late else 0, end, unused) for stream in streams]
    seen = tuple(_merged(streams))
    gap = next((gap for gap in trace.gaps[late:] if events and gap.first < events[-1].revision), None)
    return Timeline(
        names=servers.names,
        kinds=servers.kinds,
        constants=constants,
        api=tuple(servers.modes_at(n, seen[0].at if seen else 0) for n, _ in enumerate(servers.names, 1)),
        assumed=assumed,
        window_assumed=window is None,
        seen=seen,
        resets=resets,
        shown=_shown(lines, resets),
        watched=bool(events),
        late=late,
        first_window=_first_window(seen, constants["window"]),
        gap=gap.first if gap else FOREVER,
        gap_at=_gap_at(seen, gap),
        gap_text="" if gap is None else f"revisions {gap.first} to {gap.last} are in no watch stream",
        mode_text=_mode_text(trace, servers),
        mode_open=trace.api_mode and bool(servers.untold),
        unused={what: count for what, count in unused.items() if count},
        undecoded=trace.undecoded,
        cut=cut,
    )


class _Saves:
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


def _mode_text(trace: Trace, servers: Servers) -> str:
    """Why a PD of which no log tells may be in API mode; empty if none can be."""
    if not servers.untold:
        return ""
    log = f"the log of {' and '.join(servers.untold)} is needed to tell the mode"
    if trace.api_mode:
        return f"a PD was in API mode: {log}"
    return log if not trace.keys or trace.gaps else ""


def _modelled(servers: Servers) -> frozenset[Key]:
    """The keys that bear on what servers do.

    Somebody must look at the registry, and one TSO server of several must be chosen as primary.
    """
    keys = {Key.LEADER, Key.PRIMARY, Key.TIMESTAMP}
    if servers.registry:
        keys.add(Key.REGISTRY)
    if servers.kinds.count(Kind.TSO) > 1:
        keys.add(Key.EXPECTED_PRIMARY)
    return frozenset(keys)


def _constants(trace: Trace, window: int | None, servers: Servers) -> tuple[dict[str, int], tuple[str, ...]]:
    assumed = [f"no log tells the mode of {name}: PD service mode was taken" for name in servers.untold]
    if window is None:
        assumed.append("the save interval is not in the trace: PD's default of 3 s was taken")
    lease = trace.settings.lease_s
    if not lease:
        lease = _DEFAULT_LEASE_S
        assumed.append("the lease is not in the trace: 3 s was taken")
    constants = {
        "window": window or _DEFAULT_WINDOW_NS,
        "guard": GUARD_NS,
        "unit": NS_PER_MS,
        "lease": lease * 1_000 * NS_PER_MS,
        "limit": _MAX_LOGICAL,
        "margin": 0,
        "skew_bound": FOREVER,
        "max_reset": FOREVER,
        "ahead": FOREVER,
        "dynamic": int(any(start.dynamic_switching for start in trace.starts if start.api_mode)),
        "registry": int(servers.registry),
    }
    return constants, tuple(assumed)


def _exact_window(keys: Iterable[KeyEvent]) -> int | None:
    """W from a save just above the window before: they differ by W and the guard, to the nanosecond."""
    values = [event.timestamp_ns for event in keys if event.timestamp_ns]
    found = {
        later - earlier - GUARD_NS
        for earlier, later in pairwise(values)
        if later - earlier > GUARD_NS and (later - earlier - GUARD_NS) % _ROUND_NS == 0
    }
    return found.pop() if len(found) == 1 else None


def _lines(trace: Trace, servers: Servers) -> dict[int, list[LogEvent]]:
    lines: defaultdict[int, list[LogEvent]] = defaultdict(list)
    for line in trace.logs:
        lines[servers.number(line.server)].append(line)
    return lines


def _shown(
    lines: Mapping[int, Sequence[LogEvent]], resets: Mapping[int, frozenset[int]]
) -> frozenset[tuple[str, int]]:
    """The faults that logs tell of: processes that stop or start once more, admin resets."""
    shown = set()
    for number, log in lines.items():
        steps = [line.step for line in log]
        if LogStep.SERVER_EXIT in steps:
            shown.add(("stop", number))
        if steps.count(LogStep.SERVER_START) > 1:
            shown.add(("crash", number))
        if resets[number]:
            shown |= {("admin_reset", number), ("admin_reset_begin", number)}
    return frozenset(shown)


def _writers(lines: Mapping[int, Sequence[LogEvent]], saves: _Saves) -> dict[int, tuple[int, ...]]:
    """Who saved which value, where a log tells."""
    writers: defaultdict[int, set[int]] = defaultdict(set)
    for number, log in lines.items():
        for line in log:
            index = saves.of(line.save_ns) if line.step is LogStep.SYNC_SAVED and number else None
            if index is not None:
                writers[index].add(number)
    return {index: tuple(sorted(found)) for index, found in writers.items()}


def _times(trace: Trace, events: Sequence[KeyEvent], saves: _Saves) -> list[tuple[int, int, int]]:
    """(about, earliest, latest) of each event."""
    index_of = {event.revision: i for i, event in enumerate(events)}
    first_receipt = next((event.latest_ns for event in events if event.latest_ns is not None), None)
    latest = [
        FOREVER if event.latest_ns is None else event.latest_ns + _ANSWER_NS * (event.key is Key.TIMESTAMP)
        for event in events
    ]
    earliest = [
        0 if event.latest_ns in (None, first_receipt) else (event.latest_ns or 0) - LATE_NS
        for event in events
    ]
    campaigns: dict[str, int] = {}
    for line in trace.logs:
        if line.step is LogStep.CAMPAIGN_START:
            campaigns[line.server] = line.at_ns
        index = (
            saves.of(line.save_ns) if line.step is LogStep.SYNC_SAVED else index_of.get(line.revision or -1)
        )
        if index is None:
            continue
        latest[index] = min(latest[index], line.at_ns + NS_PER_MS)
        if line.step is LogStep.ELECTED and line.server in campaigns:
            earliest[index] = max(earliest[index], campaigns.pop(line.server))
    latest = [*accumulate(reversed(latest), min)][::-1]
    for index, reading in saves.readings.items():
        if reading <= latest[index]:
            earliest[index] = max(earliest[index], reading)
    earliest = [min(pair) for pair in zip(accumulate(earliest, max), latest, strict=True)]
    about: list[int] = []
    for index, (low, high) in enumerate(zip(earliest, latest, strict=True)):
        read = saves.readings.get(index, FOREVER) + _SAVE_NS
        guess = min(read, high)
        about.append(max(low if guess == FOREVER else guess, low, about[-1] if about else 0))
    start = next((at for at in about if at), 0)
    return [(at or max(start - 1, 0), *pair) for at, *pair in zip(about, earliest, latest, strict=True)]  # type: ignore[misc]


def _etcd_stream(
    events: Sequence[KeyEvent],
    servers: Servers,
    times: Sequence[tuple[int, int, int]],
    writers: Mapping[int, tuple[int, ...]],
) -> list[Seen]:
    stream: list[Seen] = []
    elected = chosen = 0
    for index in reversed(range(len(events))):
        event = events[index]
        number = servers.number(event.server)
        at, earliest, latest = times[index]
        stream.append(
            Seen(
                event,
                number,
                0,
                at,
                earliest,
                latest,
                writers=writers.get(index, ()),
                elected=elected,
                chosen=chosen,
            )
        )
        if event.key is Key.LEADER and event.put:
            elected = number
        elif event.key is Key.EXPECTED_PRIMARY:
            chosen = number if event.put else 0
    return stream[::-1]


def _log_stream(
    log: Sequence[LogEvent],
    number: int,
    stream: int,
    saves: _Saves,
    events: Sequence[KeyEvent],
    servers: Servers,
    unused: defaultdict[str, int],
) -> list[Seen]:
    if not number:
        unused["log lines of a server that nothing else names"] += len(log)
        return []
    index_of = {event.revision: i for i, event in enumerate(events)}
    found: list[Seen] = []
    after = previous = 0
    started = False
    for line in log:
        earliest, previous = max(previous, line.at_ns - LATE_NS), line.at_ns
        if line.step not in _BINDING:
            unused["log lines that bind no step of the model"] += 1
            continue
        low, high, tried = 0, FOREVER, None
        if line.step is LogStep.ELECTED:
            low = index_of.get(line.revision or -1, -1) + 1
        elif line.step is LogStep.SYNC_SAVED:
            index = saves.of(line.save_ns)
            low = 0 if index is None else index + 1
        elif line.step in (LogStep.WINDOW_LOADED, LogStep.SYNC_SKIPPED):
            low, high = _read_between(line.last_ns, saves)
        elif line.refusal is Refusal.NOT_GREATER and (values := _TRIED.search(line.text)):
            tried = int(values[1]) if int(values[1]) < MAX_NS else None
            low, high = _read_between(int(values[2]), saves)
        after = max(after, low)
        found.append(
            Seen(
                line,
                number,
                stream,
                line.at_ns,
                earliest,
                line.at_ns + NS_PER_MS,
                after,
                high if high >= after else FOREVER,
                tried=tried,
                again=started,
                api=servers.started_in(number, line.at_ns) if line.step is LogStep.SERVER_START else None,
            )
        )
        started |= line.step is LogStep.SERVER_START
    befores = accumulate((one.before for one in reversed(found)), min)
    return [replace(one, before=before) for one, before in zip(found, [*befores][::-1], strict=True)]


def _read_between(value_ns: int | None, saves: _Saves) -> tuple[int, int]:
    """How many events had come when the timestamp key was read with that value: at least, at most."""
    index = saves.of(value_ns)
    if index is not None:
        return index + 1, saves.next_after(index)
    return 0, FOREVER


_Calls = dict[int, list[Call]]


def _granted(trace: Trace, servers: Servers, unused: defaultdict[str, int]) -> tuple[_Calls, _Calls]:
    """The calls that bind grants: those of the servers asked, and those that a PD may have sent on.

    By server and physical part, the call that ended first and the one that started last; by PD in API mode,
    the first of each physical part, of those that follow each other.
    """
    ends: dict[tuple[int, int], tuple[Call, Call]] = {}
    sent_on: defaultdict[int, list[Call]] = defaultdict(list)
    for call in trace.calls:
        number = servers.at(call.kind, call.endpoint) if call.error is None else 0
        if not number:
            unused["calls that failed or do not say which server answered"] += 1
        elif servers.in_api_mode(number, call.end_ns):
            sent_on[number].append(call)
        else:
            first, last = ends.get((number, call.physical), (call, call))
            if call.end_ns < first.end_ns:
                first = call
            ends[number, call.physical] = first, call if call.start_ns > last.start_ns else last
    own: defaultdict[int, list[Call]] = defaultdict(list)
    for (number, _), (first, last) in sorted(ends.items(), key=lambda item: item[0]):
        own[number] += [first] if last.start_ns <= first.end_ns else [first, last]
    return own, {number: _in_turn(calls) for number, calls in sent_on.items()}


def _in_turn(calls: Iterable[Call]) -> list[Call]:
    """Calls of which each started after the one before had ended, and got another physical part."""
    kept: list[Call] = []
    for call in sorted(calls, key=lambda call: call.end_ns):
        if not kept or (kept[-1].end_ns < call.start_ns and kept[-1].physical != call.physical):
            kept.append(call)
    return kept


def _grant_stream(
    calls: Sequence[Call], number: int, stream: int, saves: _Saves, *, sent_on: bool
) -> list[Seen]:
    return [
        Seen(
            Granted(call, sent_on),
            number,
            stream,
            (call.start_ns + call.end_ns) // 2,
            call.start_ns,
            call.end_ns,
            saves.needed_for(call.physical),
        )
        for call in calls
    ]


def _within(stream: list[Seen], begin: int, end: int, unused: defaultdict[str, int]) -> list[Seen]:
    """What is between the first event and the last: nothing tells what etcd held before and after."""
    if not stream or not stream[0].stream:
        return stream
    first = next((index for index, one in enumerate(stream) if one.at >= begin), len(stream))
    last = next((index for index, one in enumerate(stream) if one.at > end), len(stream))
    unused["observations before the first etcd event"] += min(first, last)
    unused["observations after the last etcd event"] += len(stream) - last
    return stream[first:last]


def _merged(streams: Sequence[Sequence[Seen]]) -> Iterator[Seen]:
    """All observations by estimated time, as far as the order within streams and the anchors allow."""
    heads = [0] * len(streams)
    while True:
        waiting = [streams[i][at] for i, at in enumerate(heads) if at < len(streams[i])]
        if not waiting:
            return
        limit = min((one.before for one in waiting if one.stream), default=FOREVER)
        allowed = [one for one in waiting if (heads[0] < limit if not one.stream else one.after <= heads[0])]
        chosen = min(allowed or waiting, key=lambda one: one.at)
        heads[chosen.stream] += 1
        yield chosen


def _first_window(seen: Iterable[Seen], window: int) -> int:
    """The value that was read first, or low enough for the first save to be a sync or an update."""
    for one in seen:
        if isinstance(one.what, LogEvent) and one.what.step is LogStep.WINDOW_LOADED and one.what.last_ns:
            return one.what.last_ns
        if isinstance(one.what, KeyEvent) and one.what.timestamp_ns:
            return max(one.what.timestamp_ns - window - GUARD_NS, 1)
    return 0


def _gap_at(seen: Iterable[Seen], gap: Gap | None) -> int:
    """The estimated time of the last event before a gap."""
    if gap is None:
        return FOREVER
    before = [one.at for one in seen if not one.stream and (one.revision or 0) < gap.first]
    return before[-1] if before else 0

"""What several clocks show of one event: when, by its own readings, each says that it happened.

An event is a revision of etcd, a millisecond that a server's memory has reached, or a reading of a server's
own clock that its log or its clients repeat.

| clock | what tells of an event | it happened |
|---|---|---|
| recorder | a response's receipt | at most `QUICK_NS` before; if it is the first, at any time before |
| log | ELECTED | between the campaign's begin and the line |
| log | KEY_DELETED | at most `QUICK_NS` before the line |
| log | SYNC_SAVED | between the sync's begin and the line |
| client | the first timestamp of a millisecond | after the last call with a lower one began |
| client | the first above a save | at most `QUICK_NS` before that, if who was asked may have saved it |
| server | a millisecond of which a client tells that its memory reached it | in that, by its own clock |
| server | a saved value, less the window | at most `QUICK_NS` after that reading, if there are several |

Nothing bounds how late a line is written or a response received: that most of them take less than `QUICK_NS`
is taken for granted, and offsets are those that fit most events.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain

from ..sources.calls import Who
from ..sources.intervals import goes_on, holders
from ..sources.observation import NS_PER_MS, Key, KeyEvent, LogEvent, LogStep, Refusal
from ..sources.offsets import Span
from ..sources.servers import Servers, Unclear
from ..sources.settings import Setting
from ..sources.trace import Trace
from .reached import reached

#: how long most responses, lines and saves take, at most
QUICK_NS = 20 * NS_PER_MS
#: how long each of them takes, at most
_LATE_NS = 1_000 * NS_PER_MS
#: how long a save waits for an etcd that does not answer, at most, and then for the line
#: (`DefaultRequestTimeout` in `pkg/utils/etcdutil/etcdutil.go`)
_HANGS_NS = 10 * _LATE_NS + _LATE_NS
#: how late a slow recorder receives
SLOW_NS = 500 * NS_PER_MS
_TRIED = re.compile(r"timestamp (\d{19}) is less than or equal to the previous one")

ClockId = tuple[str, str]
"""What kind of clock, and of which server or file."""
Event = tuple[str, object]
Datings = dict[ClockId, dict[Event, Span]]

RECORDER: ClockId = ("recorder", "")


def datings(trace: Trace) -> Datings:
    """By clock and event, between which of its readings the event happened."""
    windows = _windows(trace)
    found: defaultdict[ClockId, dict[Event, Span]] = defaultdict(dict)
    _of_recorder(trace, found)
    _of_saves(trace, windows, found)
    _of_logs(trace, windows, found)
    begun = _begun(trace, windows)
    servers = _servers(trace)
    switching = {start.server for start in trace.starts if start.api_mode}
    asked = [_asked(who, servers) for who in trace.calls.who]
    # its memory follows its own clock, but for what is just above a window or an admin's reset
    answering = ["" if server in switching else server for server in asked]
    every = {server for server in answering if server}
    for each in reached(trace.calls, begun):
        physical, (low, high) = each.physical, each.span
        clock, server = found["client", each.file], answering[each.who]
        revision, writers = begun.get(physical, (0, frozenset()))
        if revision:
            # who has others answer may do so for a while after one of them saved
            quick = asked[each.who] in writers
            since = low if each.first else low - (QUICK_NS if quick else _LATE_NS)
            clock["revision", revision] = since, high
        if each.first:
            continue
        for one in (server,) if server else every or ("",):
            clock["tick", (one, physical)] = low, high
        if server:
            clock["reading", (server, physical)] = low, high
            found["server", server]["reading", (server, physical)] = (
                physical * NS_PER_MS,
                (physical + 1) * NS_PER_MS,
            )
    return dict(found)


def _windows(trace: Trace) -> dict[str, Setting]:
    """The save interval (ns) of each server, as far as it is known."""
    names = {line.server for line in trace.logs} | {event.server for event in trace.keys if event.server}
    found = {name: trace.settings.of(name, "save_interval_ns") for name in names}
    return {name: setting for name, setting in found.items() if setting.value}


def _with(windows: Mapping[str, Setting], server: str, value_ns: int) -> int | None:
    """The save interval with which a server saves that, as far as it is known."""
    return windows[server].saved_with(value_ns) if server in windows else None


def _of_recorder(trace: Trace, found: defaultdict[ClockId, dict[Event, Span]]) -> None:
    received = [event for event in trace.keys if event.latest_ns is not None]
    first = min((event.latest_ns or 0 for event in received), default=0)
    for event in received:
        at = event.latest_ns or 0
        since = 0 if at == first else at - event.coarse_ns - QUICK_NS
        found[RECORDER]["revision", event.revision] = since, at


def _of_saves(
    trace: Trace, windows: Mapping[str, Setting], found: defaultdict[ClockId, dict[Event, Span]]
) -> None:
    """The readings with which servers began the saves that can only be theirs."""
    before, at = 0, 0  # what the key held, and since when
    every = {0}  # what it held then or earlier: a load may be late
    # of whoever saves: one that holds no key any more may sync all the same, beside one that does
    every_window = {*chain.from_iterable(setting.values for setting in windows.values())}
    for event, held in zip(trace.keys, holders(trace.keys), strict=True):
        if event.key is not Key.TIMESTAMP or not event.timestamp_ns:
            continue
        window = _with(windows, held[0], event.timestamp_ns) if len(held) == 1 else None
        known = _known(trace, before, at, event.revision)
        if window and known is not None:
            reading = event.timestamp_ns - window
            if not any(goes_on(event.timestamp_ns, saved, every_window) for saved in (every, {known})):
                found["server", held[0]]["revision", event.revision] = reading, reading + QUICK_NS
        before, at = event.timestamp_ns, event.revision
        every.add(before)
    for clock in (each for kind, each in found.items() if kind[0] == "server" and len(each) == 1):
        # of several most are quick; of a single one nothing tells
        ((saved, (reading, _)),) = clock.items()
        clock[saved] = reading, reading + _LATE_NS


def _known(trace: Trace, before: int, at: int, revision: int) -> int | None:
    """What the timestamp key held before a revision, if no other save may have been missed since ``at``."""
    lost = [gap.last for gap in trace.gaps if at < gap.last and gap.first < revision]
    if not lost:
        return before
    if trace.state is None or not max(lost) <= trace.state.revision < revision:
        return None
    held = (event.timestamp_ns for event in trace.state.events if event.key is Key.TIMESTAMP)
    return next(held, None) or 0


def _of_logs(
    trace: Trace, windows: Mapping[str, Setting], found: defaultdict[ClockId, dict[Event, Span]]
) -> None:
    saved = _saved(trace.keys)
    campaign: dict[str, int] = {}
    sync: dict[str, int] = {}
    for line in trace.logs:
        clock = found["log", line.server]
        end = line.at_ns + NS_PER_MS
        if line.step is LogStep.CAMPAIGN_START:
            campaign[line.server] = line.at_ns
        elif line.step is LogStep.SYNC_START:
            sync.setdefault(line.server, line.at_ns)
        elif line.step is LogStep.ELECTED and line.revision:
            clock["revision", line.revision] = _since(campaign.pop(line.server, None), line), end
        elif line.step is LogStep.KEY_DELETED and line.revision:
            clock["revision", line.revision] = line.at_ns - QUICK_NS, end
        elif line.step in (LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED, LogStep.SAVE_REFUSED):
            begun = _since(sync.pop(line.server, None), line)
            revision = saved.get((line.save_ns or 0) // NS_PER_MS)
            if line.step is LogStep.SYNC_SAVED and revision:
                clock["revision", revision] = begun, end
            reading = _reading(line, windows)
            if line.step is LogStep.SAVE_REFUSED:
                begun = line.at_ns - _HANGS_NS
            if reading:
                clock["reading", (line.server, reading)] = begun, end
                found["server", line.server]["reading", (line.server, reading)] = (
                    reading,
                    reading + NS_PER_MS,
                )


def _since(begun_ns: int | None, line: LogEvent) -> int:
    """When that began of which a line tells the end; a clock that was set back in between does not tell."""
    return line.at_ns - _LATE_NS if begun_ns is None or begun_ns > line.at_ns else begun_ns


def _reading(line: LogEvent, windows: Mapping[str, Setting]) -> int | None:
    """The reading of the server's clock with which the save began of which a line tells, if it does."""
    if line.step is LogStep.SYNC_SAVED and line.next_ns and line.last_ns is not None:
        return line.next_ns if line.next_ns > line.last_ns + 2 * NS_PER_MS else None
    if line.refusal is Refusal.NOT_GREATER and (tried := _TRIED.search(line.text)):
        window = _with(windows, line.server, int(tried[1]))
        return int(tried[1]) - window if window else None
    return None


def _servers(trace: Trace) -> Servers | None:
    try:
        return Servers(trace)
    except Unclear:
        return None


def _asked(who: Who, servers: Servers | None) -> str:
    """The server that was asked, as far as its address tells; empty if it may be another one."""
    number = servers.at(who.kind, who.endpoint) if servers else 0
    return servers.names[number - 1] if servers and number else ""


def _begun(trace: Trace, windows: Mapping[str, Setting]) -> dict[int, tuple[int, frozenset[str]]]:
    """By the millisecond that a memory reaches with a save the only revision that may be it, and whose."""
    saved = _saved(trace.keys)
    told = {
        revision: line.server
        for line in trace.logs
        if line.step is LogStep.SYNC_SAVED and (revision := saved.get((line.save_ns or 0) // NS_PER_MS))
    }
    found: defaultdict[int, dict[int, frozenset[str]]] = defaultdict(dict)
    for event, held in zip(trace.keys, holders(trace.keys), strict=True):
        if event.key is Key.TIMESTAMP and event.timestamp_ns:
            # who syncs for a client and holds no key answers nobody until it is elected
            for writer in held:
                window = _with(windows, writer, event.timestamp_ns)
                if window and told.get(event.revision, writer) == writer:
                    of = found[(event.timestamp_ns - window) // NS_PER_MS]
                    of[event.revision] = of.get(event.revision, frozenset()) | {writer}
    return {physical: revisions.popitem() for physical, revisions in found.items() if len(revisions) == 1}


def _saved(keys: tuple[KeyEvent, ...]) -> dict[int, int]:
    """By the millisecond of the saved value the only revision that has it."""
    revisions: defaultdict[int, list[int]] = defaultdict(list)
    for event in keys:
        if event.key is Key.TIMESTAMP and event.timestamp_ns:
            revisions[event.timestamp_ns // NS_PER_MS].append(event.revision)
    return {value: found[0] for value, found in revisions.items() if len(found) == 1}


def met(one: dict[Event, Span], other: dict[Event, Span]) -> Iterator[Span]:
    """How far the first clock is ahead of the second one, by each event that both show."""
    fewer, more = (one, other) if len(one) <= len(other) else (other, one)
    for event in fewer:
        if event in more:
            (a, b), (c, d) = one[event], other[event]
            yield a - d, b - c

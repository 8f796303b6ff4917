"""One stream of observations an origin, in the order that is certain there, and all of them merged.

Order is certain within a stream: etcd's revisions, the lines of one server, the physical parts that one
server granted. Between streams there are bounds in time and anchors: the line of an election names its
revision, a line that tells a saved or loaded value names the write of that value. The order by estimated
time is a first guess; `search.py` tries others where bounds and anchors allow them.

Bounds. A line is written at most `LATE_NS` after its step, an event is received at most `LATE_NS` after it
was written (but for the history in a stream's first response, whose receipt says little), a granted timestamp
was in memory while the call ran, and before the answers with later ones arrived. What a PD in API mode
answered may be its own or the TSO primary's; only the order in which its calls followed each other is
certain, so those that overlap are left out. A save counts from when its server learned of it, at most
`_ANSWER_NS` after its receipt: until then it grants from its old memory. The clocks of servers, recorder and
clients are taken to agree better than that; anchors hold whatever the clocks say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain
from typing import Any

import numpy as np

from ..sources.calls import as_they_come, granted
from ..sources.observation import MAX_NS, NS_PER_MS, Call, Key, KeyEvent, LogEvent, LogStep, Refusal, Where
from ..sources.servers import Servers, Unclear
from ..sources.spilling import Rows
from ..sources.trace import Trace
from .saves import Saves
from .seen import FOREVER, LATE_NS, NOISE_NS, NOT_TOLD, Granted, Seen

#: how many observations can be explained: each takes about 1 KiB until then
MAX_SEEN = 300_000
_SAVE_NS = 2 * NS_PER_MS  # what a save takes, about
_ANSWER_NS = 50 * NS_PER_MS  # how long after etcd applied a save the server may learn of it
#: the steps of a log that bind a step of the model; the others only say when, or nothing more
BINDING = frozenset(
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
#: who writes these is about to grant timestamps, or grants them
_SERVES = frozenset(
    {
        LogStep.ELECTED,
        LogStep.READY,
        LogStep.SYNC_SAVED,
        LogStep.SYNC_SKIPPED,
        LogStep.WINDOW_SAVED,
        LogStep.SAVE_ATTEMPT,
        LogStep.SAVE_REFUSED,
    }
)
_TRIED = re.compile(r"timestamp (\d{19}) is less than or equal to the previous one (\d{19})")


def streams_of(
    trace: Trace,
    events: Sequence[KeyEvent],
    lines: Mapping[int, Sequence[LogEvent]],
    servers: Servers,
    saves: Saves,
    unused: defaultdict[str, int],
) -> tuple[list[list[Seen]], str]:
    """The streams by number, etcd's first, and why calls were left out, empty if none were.

    `lines` are those of the logs by server. What binds no step is counted in `unused`.

    Raises:
        Unclear: there are more than `MAX_SEEN` observations even without calls.
    """
    writers, synced = _told(lines, saves, LogStep.SYNC_SAVED)
    _, attempted = _told(lines, saves, LogStep.SAVE_ATTEMPT)
    open_ns = {file: clock.open_ns for clock in trace.clocks.clocks for file in clock.files}
    wide = _spans(trace, events, saves, lambda file: open_ns.get(file, 0))
    times = _times(trace, events, saves)
    streams = [_etcd_stream(events, servers, times, wide, writers, synced, attempted)]
    for number, log in lines.items():
        streams.append(_log_stream(log, number, len(streams), saves, events, servers, unused))
    own, sent_on = _granted(trace, servers, unused)
    room = MAX_SEEN - len(events) - sum(line.step in BINDING for log in lines.values() for line in log)
    if room < 0:
        raise Unclear(f"{MAX_SEEN - room:,} observations, where {MAX_SEEN:,} can be explained")
    cut = ""
    if (bound := sum(map(len, chain(own.values(), sent_on.values())))) > room:
        cut = f"{bound:,} calls are too many to be explained; replay a shorter time"
        unused["calls that are too many to be explained"] += bound
        own, sent_on = {}, {}
    for found, passed_on in ((own, False), (sent_on, True)):
        for number, rows in found.items():
            calls = [*map(trace.calls.call, rows)]
            streams.append(_grant_stream(calls, number, len(streams), saves, sent_on=passed_on))
    return streams, cut


def within(stream: list[Seen], begin: int, end: int, unused: defaultdict[str, int]) -> list[Seen]:
    """What is between the first event and the last: nothing tells what etcd held before and after."""
    if not stream or not stream[0].stream:
        return stream
    if isinstance(
        stream[0].what, Granted
    ):  # in the order of what was granted, which need not be that of time
        kept = [one for one in stream if begin <= one.at <= end]
        unused["calls before the first etcd event or after the last"] += len(stream) - len(kept)
        return kept
    first = next((index for index, one in enumerate(stream) if one.at >= begin), len(stream))
    last = next((index for index, one in enumerate(stream) if one.at > end), len(stream))
    unused["observations before the first etcd event"] += min(first, last)
    unused["observations after the last etcd event"] += len(stream) - last
    return stream[first:last]


def outside(streams: Sequence[Sequence[Seen]], begin: int, end: int, *, passed_on: bool) -> dict[int, Where]:
    """Where it is told first that a server served long before the first event or after the last, by server.

    Of before only calls count: logs go back to when servers started, and a watch to when somebody asked.
    ``passed_on``: a PD in API mode passes on whatever it is asked.
    """
    first: dict[int, Where] = {}
    for one in chain.from_iterable(streams[1:]):
        after = one.at > end + LATE_NS
        if isinstance(one.what, Granted):
            serves = (after or one.at < begin - LATE_NS) and not (passed_on and one.what.sent_on)
        else:
            serves = after and isinstance(one.what, LogEvent) and one.what.step in _SERVES
        if serves:
            first.setdefault(one.server, one.where)
    return first


def at_once(streams: Sequence[Sequence[Seen]], *, passed_on: bool) -> frozenset[int]:
    """The servers that answered calls while others did, between their first answers and their last, whenever
    that was; ``passed_on``: not a PD in API mode."""
    spans: dict[int, tuple[int, int]] = {}
    for one in chain.from_iterable(streams[1:]):
        if isinstance(one.what, Granted) and not (passed_on and one.what.sent_on):
            first, last = spans.get(one.server, (one.earliest, one.latest))
            spans[one.server] = min(first, one.earliest), max(last, one.latest)
    return frozenset(
        one
        for one, (first, last) in spans.items()
        for other, (begin, end) in spans.items()
        if one != other and first <= end and begin <= last
    )


def beyond(streams: Sequence[Sequence[Seen]], end: int) -> Where | None:
    """What is told after the last event, and takes a save that the events do not have."""
    saved = max(
        (one.what.timestamp_ns or 0 for one in streams[0] if isinstance(one.what, KeyEvent)), default=0
    )
    later = (one for stream in streams[1:] for one in stream if one.at > end)
    return next((one.where for one in later if _window_ms(one) > saved // NS_PER_MS), None)


def _window_ms(one: Seen) -> int:
    """How far a window of the timestamp key went, as this tells; 0: it does not."""
    if isinstance(one.what, Granted):
        return one.what.call.physical
    if isinstance(one.what, LogEvent) and one.what.step in (LogStep.SYNC_SAVED, LogStep.WINDOW_SAVED):
        return (one.what.save_ns or 0) // NS_PER_MS
    return 0


def merged(streams: Sequence[Sequence[Seen]]) -> Iterator[Seen]:
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


def _told(
    lines: Mapping[int, Sequence[LogEvent]], saves: Saves, step: LogStep
) -> tuple[dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]]:
    """By event, whose log tells that it saved that value, or tried to: those that tell of no other event,
    and all of them."""
    certain: defaultdict[int, set[int]] = defaultdict(set)
    every: defaultdict[int, set[int]] = defaultdict(set)
    for number, log in lines.items():
        for line in log if number else ():
            found = saves.any_of(line.save_ns, line.at_ns) if line.step is step else []
            for index in found:
                every[index].add(number)
            if len(found) == 1:
                certain[found[0]].add(number)
    return _sorted(certain), _sorted(every)


def _sorted(found: Mapping[int, set[int]]) -> dict[int, tuple[int, ...]]:
    return {index: tuple(sorted(numbers)) for index, numbers in found.items()}


def _times(trace: Trace, events: Sequence[KeyEvent], saves: Saves) -> list[tuple[int, int, int]]:
    """(about, earliest, latest) of each event."""
    spans = _spans(trace, events, saves, lambda _: 0)
    guesses: list[int] = []
    for index, (_, high) in enumerate(spans):
        read = [each for each in saves.likely.get(index, ()) if each <= high]
        guesses.append(min(read[-1] + _SAVE_NS if read else FOREVER, high))
    guesses = [*accumulate(reversed(guesses), min)][::-1]  # of some, only what comes later tells
    about: list[int] = []
    for guess, (low, _) in zip(guesses, spans, strict=True):
        about.append(max(low if guess == FOREVER else guess, low, about[-1] if about else 0))
    start = next((at for at in about if at), 0)
    return [(at or max(start - 1, 0), *span) for at, span in zip(about, spans, strict=True)]


def _spans(
    trace: Trace, events: Sequence[KeyEvent], saves: Saves, open_ns: Callable[[str], int]
) -> list[tuple[int, int]]:
    """(earliest, latest) of each event, if what a file tells of it may be off by so much."""
    index_of = {event.revision: i for i, event in enumerate(events)}
    first_receipt = next((event.latest_ns for event in events if event.latest_ns is not None), None)
    latest: list[int] = []
    earliest: list[int] = []
    for event in events:
        by = open_ns(event.where.file)
        answered = by + _ANSWER_NS * (event.key is Key.TIMESTAMP)
        latest.append(FOREVER if event.latest_ns is None else event.latest_ns + answered)
        history = event.latest_ns in (None, first_receipt)
        earliest.append(0 if history else (event.received_ns or 0) - LATE_NS - by)
    campaigns: dict[str, int] = {}
    for line in trace.logs:
        by = open_ns(line.where.file)
        if line.step is LogStep.CAMPAIGN_START:
            campaigns[line.server] = line.at_ns - by
        if line.step is LogStep.SYNC_SAVED:
            index = saves.of(line.save_ns, line.at_ns)
        else:
            index = index_of.get(line.revision or -1)
        if index is None:
            continue
        latest[index] = min(latest[index], line.at_ns + by + NS_PER_MS)
        if line.step is LogStep.ELECTED and line.server in campaigns:
            earliest[index] = max(earliest[index], campaigns.pop(line.server))
    latest = [*accumulate(reversed(latest), min)][::-1]
    # whoever saved, by its own clock
    by = max((open_ns(line.where.file) for line in trace.logs), default=0)
    for index, readings in saves.readings.items():
        told = [each - by for each in readings if each - by <= latest[index]]
        earliest[index] = max([earliest[index], *told[:1]])
    return [(min(low, high), high) for low, high in zip(accumulate(earliest, max), latest, strict=True)]


def _etcd_stream(
    events: Sequence[KeyEvent],
    servers: Servers,
    times: Sequence[tuple[int, int, int]],
    wide: Sequence[tuple[int, int]],
    writers: Mapping[int, tuple[int, ...]],
    synced: Mapping[int, tuple[int, ...]],
    attempted: Mapping[int, tuple[int, ...]],
) -> list[Seen]:
    stream: list[Seen] = []
    elected = then = 0
    chosen = NOT_TOLD  # a transfer deletes the key, and only then writes who is chosen
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
                synced=synced.get(index, ()),
                attempted=attempted.get(index, ()),
                then=then,
                at_most=wide[index],
            )
        )
        if event.key is Key.EXPECTED_PRIMARY:
            chosen = number if event.put else 0
        elif chosen == NOT_TOLD:
            chosen = 0
        if event.key is Key.LEADER and event.put:
            elected = number
        elif event.key is Key.TIMESTAMP:
            then = event.timestamp_ns or 0
    return stream[::-1]


def _log_stream(
    log: Sequence[LogEvent],
    number: int,
    stream: int,
    saves: Saves,
    events: Sequence[KeyEvent],
    servers: Servers,
    unused: defaultdict[str, int],
) -> list[Seen]:
    if not number:
        unused["log lines of a server that nothing else names"] += len(log)
        return []
    index_of = {event.revision: i for i, event in enumerate(events)}
    found: list[Seen] = []
    after = previous = last = 0
    started = False
    for line in log:
        earliest, previous = max(previous, line.at_ns - LATE_NS), line.at_ns
        last = max(last, line.at_ns)
        if line.step not in BINDING:
            unused["log lines that bind no step of the model"] += 1
            continue
        low, high, tried = 0, FOREVER, None
        if line.step is LogStep.ELECTED:
            low = index_of.get(line.revision or -1, -1) + 1
        elif line.step is LogStep.SYNC_SAVED:
            low = min(saves.any_of(line.save_ns, line.at_ns), default=-1) + 1
        elif line.step in (LogStep.WINDOW_LOADED, LogStep.SYNC_SKIPPED):
            low, high = saves.read_between(line.last_ns, line.at_ns)
        elif line.refusal is Refusal.NOT_GREATER and (values := _TRIED.search(line.text)):
            tried = int(values[1]) if int(values[1]) < MAX_NS else None
            low, high = saves.read_between(int(values[2]), line.at_ns)
        if line.step is LogStep.SYNC_SAVED and (begun := _begun(line, number, stream, saves, found)):
            found.insert(sum(one.at <= begun.at for one in found), begun)
        after = max(after, low)
        found.append(
            Seen(
                line,
                number,
                stream,
                line.at_ns,
                earliest,
                line.at_ns + NS_PER_MS if line.at_ns >= last - LATE_NS else FOREVER,  # its clock was set back
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


def _begun(line: LogEvent, number: int, stream: int, saves: Saves, before: Sequence[Seen]) -> Seen | None:
    """When the sync began of which the line tells the end, if the clock reading that it began with tells."""
    index = saves.of(line.save_ns, line.at_ns)
    if index is None or line.next_ns is None or line.last_ns is None:
        return None
    if line.next_ns - line.last_ns <= 2 * NS_PER_MS:  # it may have begun just above what it loaded
        return None
    at = line.next_ns
    return Seen(
        replace(line, step=LogStep.SYNC_BEGUN, at_ns=at),
        number,
        stream,
        at,
        at - NOISE_NS,
        at + NOISE_NS,
        max((one.after for one in before if one.at <= at), default=0),
        index,
        tried=saves.value(index),
    )


_Found = dict[int, list[Any]]


def _granted(trace: Trace, servers: Servers, unused: defaultdict[str, int]) -> tuple[_Found, _Found]:
    """The calls that bind grants, as rows: those of the servers asked, and those that a PD may have sent on.

    By server and physical part, the call that ended first and the one that started last; by PD in API mode,
    the first of each physical part, of those that follow each other.
    """
    calls = trace.calls
    number_of = calls.told(lambda who: servers.at(who.kind, who.endpoint))
    ends: dict[tuple[int, int], tuple[Any, Any]] = {}
    sent_on: defaultdict[int, list[Rows]] = defaultdict(list)
    for rows in calls.chunks():
        asked = np.where(granted(rows) & (rows["timed"] != 0), number_of[rows["who"]], 0)
        if unbound := int(np.sum(asked == 0)):
            unused["calls that failed or do not say which server answered"] += unbound
        for number in as_they_come(asked[asked != 0]):
            of = rows.compress(asked == number)
            in_api_mode = servers.were_in_api_mode(number, of["end"])
            if in_api_mode.any():
                sent_on[number].append(of[in_api_mode])
            for first, last in _ends(of[~in_api_mode]):
                key = number, int(first["physical"])
                known = ends.get(key, (first, last))
                ends[key] = (
                    first if first["end"] < known[0]["end"] else known[0],
                    last if last["start"] > known[1]["start"] else known[1],
                )
    own: defaultdict[int, list[Any]] = defaultdict(list)
    for (number, _), (first, last) in sorted(ends.items(), key=lambda item: item[0]):
        own[number] += [first] if last["start"] <= first["end"] else [first, last]
    by_start = sorted(sent_on, key=lambda number: int(sent_on[number][0]["start"][0]))
    return own, {number: _in_turn(np.concatenate(sent_on[number])) for number in by_start}


def _ends(rows: Rows) -> Iterator[tuple[Any, Any]]:
    """By physical part, the call that ended first and the one that started last."""
    by_end = rows.take(np.lexsort((rows["end"], rows["physical"])))
    by_start = rows.take(np.lexsort((-rows["start"], rows["physical"])))
    begins = np.flatnonzero(np.diff(by_end["physical"], prepend=-1))
    return zip(by_end[begins], by_start[begins], strict=True)


def _in_turn(rows: Rows) -> list[Any]:
    """Calls of which each started after the one before had ended, and got another physical part."""
    kept: list[Any] = []
    for row in rows[np.argsort(rows["end"], kind="stable")]:
        if not kept or (kept[-1]["end"] < row["start"] and kept[-1]["physical"] != row["physical"]):
            kept.append(row)
    return kept


def _grant_stream(
    calls: Sequence[Call], number: int, stream: int, saves: Saves, *, sent_on: bool
) -> list[Seen]:
    stream_of = [
        Seen(
            Granted(call, sent_on),
            number,
            stream,
            _about(call, call.end_ns),
            call.start_ns,
            call.end_ns,
            saves.needed_for(call.physical),
        )
        for call in calls
    ]
    # of an answer that arrived late those tell that were granted after it
    ends = [*accumulate((one.latest for one in reversed(stream_of)), min)][::-1]
    return [
        replace(one, at=_about(call, end), latest=end) if one.earliest <= end < one.latest else one
        for one, call, end in zip(stream_of, calls, ends, strict=True)
    ]


def _about(call: Call, end_ns: int) -> int:
    """About when a call was answered: as soon as it was asked for where nothing tells the end."""
    return call.start_ns if call.untold_end else (call.start_ns + end_ns) // 2

"""Who was what from when until when, as etcd's events, logs and answers tell; and who saved each window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..explain.timeline import timeline
from ..sources.calls import Calls
from ..sources.observation import Call, Key, KeyEvent, LogEvent, LogStep
from ..sources.servers import Unclear
from ..sources.trace import Trace
from ..story.explained import Supposed

#: a server is said to answer while its answers follow each other within this
ANSWERS_NS = 1_000_000_000

_SYNCED = (LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED)
#: what ends that a server can grant; of these, what only clears its memory: once it has synced, it is ready
_FORGETS = (LogStep.RESET, LogStep.ALLOCATOR_CLOSED)
_ENDS = (
    LogStep.RESET,
    LogStep.ALLOCATOR_CLOSED,
    LogStep.STEP_DOWN,
    LogStep.SERVER_EXIT,
    LogStep.SERVER_START,
)


@dataclass(frozen=True, slots=True)
class Span:
    """``what`` (a server's name, or a word) from ``since`` to ``until`` (ns); ``revision`` that began it."""

    what: str
    since: int
    until: int
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """A write of the timestamp key at about ``at``; ``writers``: who may have made it, one if it is known.

    ``value`` is None where the key was deleted; ``back``: it is below an earlier value.
    """

    at: int
    event: KeyEvent
    value: int | None
    writers: tuple[str, ...]
    back: bool


def times_of(trace: Trace) -> dict[tuple[int, str], int]:
    """About when each event of etcd happened, by revision and path; some are missing: nothing tells."""
    found = {
        (event.revision, event.path): event.latest_ns for event in trace.keys if event.latest_ns is not None
    }
    try:
        order = timeline(replace(trace, calls=Calls.of(())))
    except Unclear:  # receipts have to do
        return found
    for one in order.seen:
        if isinstance(one.what, KeyEvent):
            found[one.what.revision, one.what.path] = one.at
    return found


def holders(trace: Trace, key: Key, times: Mapping[tuple[int, str], int], end: int) -> tuple[Span, ...]:
    """Who stood in a key, one after the other."""
    found: list[Span] = []
    held: Span | None = None
    for event in trace.keys:
        at = times.get((event.revision, event.path))
        if event.key is not key or at is None:
            continue
        if held is not None:
            found.append(replace(held, until=max(at, held.since)))
        held = Span(event.server or "somebody", at, end, event.revision) if event.put else None
    return (*found, held) if held else tuple(found)


def able(
    trace: Trace, elected: Iterable[Span], crashes: Iterable[Supposed], end: int
) -> dict[str, list[Span]]:
    """By server, when it was ready to grant, as its log tells; never longer than it was elected.

    A PD says that it is ready although its sync is refused, or although it is in API mode and TSO servers
    grant: a sync must have ended well, where the log tells of any.
    """
    over: defaultdict[str, list[int]] = defaultdict(list)
    for span in elected:
        over[span.what].append(span.until)
    for crash in crashes:
        over[crash.server].append(crash.at)
    tells = {line.server for line in trace.logs if line.step in _SYNCED}
    tells |= {start.server for start in trace.starts if start.api_mode}
    ready: dict[str, int] = {}
    synced: dict[str, int] = {}
    found: defaultdict[str, list[Span]] = defaultdict(list)

    def close(server: str, at: int) -> None:
        told, memory = ready.get(server), synced.pop(server, None)
        if told is None or (memory is None and server in tells):
            return
        since = max(told, memory or 0)
        until = min(at, next((each for each in sorted(over[server]) if each >= since), at))
        if since < until:
            found[server].append(Span(server, since, until))

    for line in trace.logs:
        if line.step is LogStep.READY:
            ready[line.server] = line.at_ns
        elif line.step in _SYNCED:
            synced.setdefault(line.server, line.at_ns)
        elif line.step in _ENDS:
            close(line.server, line.at_ns)
            if line.step not in _FORGETS or line.server not in tells:
                ready.pop(line.server, None)
    for server in list(ready):
        close(server, end)
    return found


def told_until(spans: Sequence[Span], last: int) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """What of ``spans`` something shows, up to the ``last`` sign of the server, and what nobody tells of."""
    shown = tuple(replace(span, until=min(span.until, max(last, span.since))) for span in spans)
    untold = (replace(span, since=max(last, span.since)) for span in spans)
    return tuple(span for span in shown if span.since < span.until), tuple(
        span for span in untold if span.since < span.until
    )


def answering(calls: Sequence[Call]) -> list[Span]:
    """When answers followed each other closely."""
    found: list[Span] = []
    for call in sorted(calls, key=lambda call: call.end_ns):
        if found and call.end_ns - found[-1].until <= ANSWERS_NS:
            found[-1] = replace(found[-1], until=call.end_ns)
        else:
            found.append(Span("answers", call.start_ns, call.end_ns))
    return found


def certainly_answering(calls: Sequence[Call]) -> list[Span]:
    """The same, from the first answer to the last question."""
    found: list[Span] = []
    last = 0
    for call in sorted(calls, key=lambda call: call.end_ns):
        if found and call.end_ns - last <= ANSWERS_NS:
            found[-1] = replace(found[-1], until=max(found[-1].until, call.start_ns))
        else:
            found.append(Span("answers", call.end_ns, call.start_ns))
        last = call.end_ns
    return found


def saves(
    trace: Trace,
    writers: Mapping[int, str],
    times: Mapping[tuple[int, str], int],
    elected: Sequence[Span],
) -> tuple[Save, ...]:
    """Every write of the timestamp key, with who made it: as an explanation, a log or the elections tell."""
    known = {**_logged(trace.logs), **writers}
    found = []
    top = 0
    for event in trace.keys:
        at = times.get((event.revision, event.path))
        if event.key is not Key.TIMESTAMP or at is None:
            continue
        value = event.timestamp_ns if event.put else None
        writer = known.get(value or 0)
        held = tuple(dict.fromkeys(span.what for span in elected if span.since <= at < span.until))
        found.append(Save(at, event, value, (writer,) if writer else held, (value or 0) < top))
        top = max(top, value or 0)
    return tuple(found)


def _logged(lines: Iterable[LogEvent]) -> dict[int, str]:
    """Who says in its log that it saved which value; logs cut values to the millisecond, and some do not."""
    return {
        line.save_ns: line.server
        for line in lines
        if line.step is LogStep.SYNC_SAVED and line.save_ns is not None
    }


def together(one: Sequence[Span], other: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """From when until when both lasted."""
    for a in one:
        for b in other:
            since, until = max(a.since, b.since), min(a.until, b.until)
            if since < until:
                yield since, until

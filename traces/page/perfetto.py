"""A recording as Chrome's trace events, which Perfetto (ui.perfetto.dev) shows: hours of it.

A process a server, one for etcd, one for each client; times in microseconds from the start of the recording.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..sources.naming import Places
from ..sources.observation import NS_PER_MS, Call
from ..sources.trace import Trace
from .incident import Incident, call_text
from .spans import Span
from .wording import clock, short

_Event = dict[str, Any]
#: an answer's timestamps are told where calls are few enough to look at
_FEW_CALLS = 100_000


def render(trace: Trace, found: Incident) -> str:
    """The events as JSON, one a line."""
    events = ",\n".join(json.dumps(event, separators=(",", ":")) for event in _events(trace, found))
    about = json.dumps({"title": found.title, "start": clock(found.start), "facts": list(found.facts)})
    return f'{{"displayTimeUnit":"ms","otherData":{about},"traceEvents":[\n{events}\n]}}\n'


def _events(trace: Trace, found: Incident) -> Iterator[_Event]:
    def us(at: int) -> float:
        return (at - found.start) / 1000

    def slices(pid: int, tid: int, spans: Iterable[Span], name: str = "") -> Iterator[_Event]:
        for span in spans:
            length = max(us(span.until) - us(span.since), 1)
            yield {
                "ph": "X",
                "pid": pid,
                "tid": tid,
                "ts": us(span.since),
                "dur": length,
                "name": name or short(span.what),
            }

    def instant(pid: int, tid: int, at: int, name: str, **args: Any) -> _Event:
        return {"ph": "i", "s": "p", "pid": pid, "tid": tid, "ts": us(at), "name": name, "args": args}

    pid = 0
    for server in found.servers:
        pid += 1
        yield from _named(pid, f"{server.name} ({server.kind})", ("elected", "able to grant", "log"))
        yield from slices(pid, 1, server.elected, "elected")
        yield from slices(pid, 2, server.able, "able to grant")
        for mark in server.marks:
            yield instant(pid, 3, mark.at, f"{mark.kind}: {mark.text}")
        for name, leads in (("window saved, ms ahead", server.saved), ("granted, ms ahead", server.granted)):
            for lead in leads:
                yield {
                    "ph": "C",
                    "pid": pid,
                    "ts": us(lead.at),
                    "name": name,
                    "args": {"ms": lead.ahead / NS_PER_MS},
                }
    pid += 1
    yield from _named(pid, "etcd", ("timestamp key", *(f"{lane.name} key" for lane in found.keys)))
    for save in found.saves:
        who = " or ".join(map(short, save.writers)) or "somebody"
        value = "deleted" if save.value is None else clock(save.value)
        yield instant(pid, 1, save.at, f"{value} by {who}", revision=save.event.revision)
    for number, lane in enumerate(found.keys, 2):
        yield from slices(pid, number, lane.holders)
    pid += 1
    yield from _named(pid, "what may not be", ("duplicate", "regression", "other"))
    places = Places(trace)
    for kind, pairs in ((1, found.flagged.twice), (2, found.flagged.back)):
        for pair in pairs:
            name = "same timestamp twice" if kind == 1 else f"{pair.back_ms} ms back"
            both = {
                "earlier": call_text(pair.earlier, places),
                "later": call_text(pair.later, places),
            }
            yield instant(pid, kind, pair.later.end_ns, name, **both)
    for error in found.errors:
        if error.kind not in ("duplicate", "regression"):
            yield instant(pid, 3, error.at, error.text)
    yield from _calls(trace.calls, pid, found.start)


def _named(pid: int, name: str, threads: Sequence[str]) -> Iterator[_Event]:
    """The names of a process and of its threads, numbered from 1."""
    yield {"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}}
    yield {"ph": "M", "pid": pid, "name": "process_sort_index", "args": {"sort_index": pid}}
    for tid, thread in enumerate(threads, 1):
        yield {"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": {"name": thread}}


def _calls(calls: Sequence[Call], before: int, start: int) -> Iterator[_Event]:
    """Each call of a client as a slice; a worker of it is a thread, and so are calls that overlap."""
    pids: dict[str, int] = {}
    free: dict[tuple[int, int | None], list[int]] = {}
    few = len(calls) <= _FEW_CALLS
    for call in calls:
        if not call.timed:
            continue
        if call.client not in pids:
            pids[call.client] = before + 1 + len(pids)
            yield from _named(pids[call.client], f"client {call.client}", ())
        pid = pids[call.client]
        lanes = free.setdefault((pid, call.worker), [])
        one = call.ended if call.started is None else call.started
        since, until = (
            (one, one) if one and None in (call.started, call.ended) else (call.start_ns, call.end_ns)
        )
        lane = next((i for i, end in enumerate(lanes) if end <= since), len(lanes))
        lanes[lane : lane + 1] = [until]
        event: _Event = {
            "ph": "X",
            "pid": pid,
            "tid": (call.worker or 0) * 1000 + lane,
            "ts": (since - start) / 1000,
            "dur": (until - since) / 1000,
            "name": "failed" if call.error is not None else "answered",
        }
        if call.error is not None:
            event["args"] = {"error": call.error[:200]}
        elif few:
            event["args"] = {"physical": call.physical, "logical": call.logical, "count": call.count}
        yield event

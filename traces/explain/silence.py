"""Logs that are missing, damaged or end early: what their servers did is not all known."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..sources.builds import recognise
from ..sources.observation import NS_PER_MS, KeyEvent, LogEvent, LogStep, Refusal
from ..sources.trace import Trace, Unread
from .seen import FOREVER
from .timeline import Timeline

#: a log of which nothing tells that it went on for that long before the last etcd event may be cut
_QUIET_NS = 10_000_000_000
#: the build whose releases do not all log an admin's reset
_OLDEST = "release-6.5"


def _last_lines(trace: Trace) -> dict[str, LogEvent]:
    """Of each log the last line about the protocol, or the server's exit if it did not start again."""
    last: dict[str, LogEvent] = {}
    for line in sorted(trace.logs, key=lambda line: line.at_ns):
        before = last.get(line.server)
        if before is None or before.step is not LogStep.SERVER_EXIT or line.step is LogStep.SERVER_START:
            last[line.server] = line
    return last


def _end(order: Timeline) -> int:
    """When the last etcd event happened."""
    return max((one.at for one in order.seen if isinstance(one.what, KeyEvent)), default=0)


def _early(trace: Trace, order: Timeline) -> dict[str, int]:
    """By how many ns a server's log ends before the etcd events, without its exit: it may be cut.

    Any line tells that it went on, also one that says nothing of the protocol: a healthy PD writes no other
    for minutes; or its recorder does, where it writes nothing at all.
    """
    end = _end(order)
    last = _last_lines(trace)
    ends = {server: line.at_ns for server, line in last.items()}
    for (server, _), until in trace.known_until.items():
        ends[server] = max(ends.get(server, 0), until)
    return {
        server: end - ends[server]
        for server, line in last.items()
        if line.step is not LogStep.SERVER_EXIT and ends[server] < end - _QUIET_NS
    }


def cut_sources(trace: Trace, order: Timeline) -> Iterator[str]:
    """What is to be said of logs that end early, and of such a watch, a line for each."""
    if order.unsaved:
        yield f"the watch ends before a save that {order.unsaved} takes: what etcd held since is not known"
    for server, early in _early(trace, order).items():
        ends = f"the log of {server} ends {early / 1e9:.0f} s before the last etcd event"
        yield (
            f"{ends}: it is cut, or {server} had nothing to write, which its log does not tell; "
            "what the server did after that is not known"
        )


def silent_in(trace: Trace, order: Timeline) -> list[str]:
    """Servers whose log is missing, damaged, ends early or lacks lines: they may have done what no
    explanation needs."""
    damaged = {source.file for source in trace.sources if not source.whole}
    lost = {line.server for line in trace.logs if line.where.file in damaged}
    lost |= {each.server for each in order.lacking}
    last = _last_lines(trace)
    return [name for name in order.names if name not in last or name in lost or name in _early(trace, order)]


def unread_in(trace: Trace) -> list[str]:
    """Files that may tell of steps, or of who granted, but are in no form that is read."""
    return [source.file for source in trace.sources if source.hides(*Unread)]


def denied_by_logs(trace: Trace, order: Timeline, silent: Collection[str]) -> dict[tuple[str, int], int]:
    """What servers did not do, and until when: logs tell of saves that fail and of admins' resets."""
    failed = {line.server for line in trace.logs if line.refusal is Refusal.OTHER}
    # of a clock that jumped there and back again, only its effects are in the trace
    moved = {line.server for line in trace.logs if line.step in (LogStep.ADMIN_RESET, LogStep.CLOCK_OFFSET)}
    told = _OLDEST not in recognise(trace.versions).possible
    denied: dict[tuple[str, int], int] = {}
    for number, name in enumerate(order.names, 1):
        if name not in silent and name not in failed:
            denied["commit_answer_lost", number] = FOREVER
        if name not in silent and name not in moved and told and number in order.telling:
            until = order.telling[number]
            denied["admin_reset", number] = denied["admin_reset_begin", number] = until
    return denied


def steady(trace: Trace, order: Timeline, silent: Collection[str]) -> dict[int, tuple[int, int]]:
    """Until when servers' clocks did not jump on while they served, for PD says when it finds that; and how
    often a server looks, at least (ns)."""
    jumped = {line.server for line in trace.logs if line.step is LogStep.CLOCK_OFFSET}
    return {
        number: (order.telling[number], _interval_ns(trace, name))
        for number, name in enumerate(order.names, 1)
        if name not in silent and name not in jumped and number in order.telling
    }


def _interval_ns(trace: Trace, server: str) -> int:
    """The update interval of a server, as all its starts dump it; else the shortest that may be set."""
    dumped = {start.update_interval_ns for start in trace.starts if start.server == server}
    (only,) = dumped if len(dumped) == 1 else (None,)
    return only or NS_PER_MS


def tells_syncs(trace: Trace, order: Timeline, silent: Collection[str]) -> dict[int, tuple[int, int]]:
    """By server, from when until when its log tells of every sync that saved: one that is whole, and has such
    lines at all."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for line in trace.logs:
        first[line.server] = min(first.get(line.server, line.at_ns), line.at_ns)
        until = trace.known_until.get((line.server, line.where.file), line.at_ns)
        last[line.server] = max(last.get(line.server, 0), line.at_ns, until)
    heard = {line.server for line in trace.logs if line.step is LogStep.SYNC_SAVED}
    return {
        number: (first[name], last[name])
        for number, name in enumerate(order.names, 1)
        if name in heard and name not in silent
    }


def tells_attempts(
    trace: Trace, order: Timeline, silent: Collection[str]
) -> dict[int, list[tuple[int, int]]]:
    """By server, from when until when its log tells of every attempt to save: where its level is debug.

    Such a log has lines all the time; where it has none, some may be missing.
    """
    heard: dict[str, tuple[int, int, str]] = {}
    for line in trace.logs:
        if line.step is LogStep.SAVE_ATTEMPT:
            since = heard.get(line.server, (line.at_ns, 0, ""))[0]
            heard[line.server] = since, line.at_ns, line.where.file
    return {
        number: [
            (max(since, begin), min(until, end))
            for since, until, file in (heard[name],)
            for begin, end in trace.stretches.get((name, file), ())
        ]
        for number, name in enumerate(order.names, 1)
        if name in heard and name not in silent
    }


def untold_mode(trace: Trace, order: Timeline, silent: Collection[str]) -> str:
    """Why nothing may tell in which mode an elected PD was; empty if its log does."""
    elected = {order.names[one.elected - 1] for one in order.seen if one.elected}
    cut = [name for name in silent if name in elected]
    if not trace.api_mode or not cut:
        return ""
    return f"a PD was in API mode, and where the log of {' and '.join(cut)} is silent nothing tells the mode"

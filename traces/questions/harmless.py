"""Is this line harmless: what lines that frighten people say, and when there is more to it.

Read in PD, at 4.0.16, 5.0.6, 6.5.12, 7.1.6, 7.5.7, 8.5.7 and master of August 2026: `pkg/tso/tso.go`, to 6.5
`server/tso/tso.go` (SyncTimestamp, UpdateTimestamp, getTS), and `pkg/systimemon`.

| line | level | written where |
|---|---|---|
| `system time may be incorrect` | error to 7.0, then warning | a sync loads a window beyond its clock |
| `clock offset` | warning | the clock is 3 ticks (since 6.3 at least 150 ms) after the memory |
| `system time jumps backward` | error | every 100 ms the clock is read; it was behind the reading before |
| `invalid timestamp` | error, to 5.2 | a request, where nothing is in memory and the server does not lead |
| `invalid max_ts update` | TiKV, error or fatal | a request carries a timestamp above what PD has granted |
| `ErrResetUserTimestamp` | BR, error | PD refuses to move its timestamps to those of a backup |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..sources.observation import LOGICAL_BITS, NS_PER_MS, LogEvent, LogStep
from ..sources.trace import Trace
from .answer import CLIENTS, CLOCKS, LOGS, Answer, Verdict, clock, many, seconds
from .backwards import short
from .terms import Terms

#: PD's longest default
_SAVE_INTERVAL_NS = 5_000_000_000
_LEASE_S = 5
_KEPT = ", so order is kept"
_Line = Callable[[Trace, Terms, Sequence[LogEvent]], tuple[bool | None, str, LogEvent, str]]


def harmless(trace: Trace, terms: Terms, back: Answer, *, both_saved: bool = False) -> list[Answer]:
    """An answer for each kind of line that is there; ``back``: whether time went back.

    ``both_saved``: another server saved while there was a TSO primary, whatever logs tell of it.
    """
    answers = []
    for step, (message, judge) in _LINES.items():
        lines = [line for line in trace.logs if line.step is step]
        if not lines:
            continue
        fine, text, line, decides = judge(trace, terms, lines)
        if fine and step is LogStep.CLOCK_BEHIND and (back.evidence or both_saved):
            fine, decides = None, decides or back.decided_by
            went = "went back" if back.verdict == "yes" else "can have gone back"
            text = (
                f"time {went} in this recording: whoever saved the window may have granted from it after "
                f"this server began; else {text.replace(_KEPT, '')}"
            )
        count = f" ({many(len(lines), 'line')})"
        verdict: Verdict = "unknown" if fine is None else "yes" if fine else "no"
        answers.append(Answer(f"is {message!r} harmless?", verdict, text + count, (line.where,), decides))
    return answers


def _behind(trace: Trace, _: Terms, lines: Sequence[LogEvent]) -> tuple[bool | None, str, LogEvent, str]:
    """A window reaches a save interval beyond the clock that it was saved by."""
    told = [line for line in lines if line.last_ns is not None and line.next_ns is not None]
    start = f"it starts 1 ms above the window that it loaded{_KEPT}"
    if not told:
        return True, f"the server's clock is behind the window that it loaded: {start}", lines[0], ""
    line = max(told, key=lambda each: (each.last_ns or 0) - (each.next_ns or 0))
    ahead = (line.last_ns or 0) - (line.next_ns or 0)
    whose = f"{short(line.server)} at {clock(line.at_ns)}"
    interval, named = _save_interval(trace)
    if ahead <= interval + NS_PER_MS:
        text = (
            f"a server that takes over within a save interval ({named}) finds a window that ends "
            f"after its clock, at most {seconds(ahead)} here ({whose}): {start}"
        )
        return True, text, line, ""
    if line.at_ns + ahead <= _reached(trace, line.at_ns, interval):
        text = (
            f"{whose} found a window that ends {seconds(ahead)} after its clock: each takeover before the "
            f"last window has passed adds up to a save interval ({named}), and there were such: "
            f"{start}, and the physical part stands still until clocks have caught up"
        )
        return True, text, line, ""
    text = (
        f"{whose} found a window that ends {seconds(ahead)} after its clock, more than a save interval "
        f"({named}): {start}, but a clock was or is wrong, or timestamps were moved ahead "
        "(reset-ts, calls for more than the clock gives), or there were takeovers that no line tells; the "
        "physical part stands still until clocks have caught up"
    )
    return None, text, line, CLOCKS


def _save_interval(trace: Trace) -> tuple[int, str]:
    """The longest of any server, and whose: the window that a server loads is another's."""
    own = {
        server: max(setting.values)
        for server, setting in trace.settings.own("save_interval_ns").items()
        if setting.values
    }
    if len(set(own.values())) > 1:
        interval, whose = max((value, server) for server, value in own.items())
        return interval, f"{seconds(interval)} of {short(whose)}"
    interval = trace.settings.save_interval_ns or next(iter(own.values()), _SAVE_INTERVAL_NS)
    return interval, seconds(interval)


def _reached(trace: Trace, at_ns: int, interval: int) -> int:
    """How far a saved window can reach then, if clocks agree, by the syncs that lines tell of.

    A leader's saves reach a save interval beyond the clock; a sync begins where the one that it finds ends.
    """
    end = 0
    for sync in trace.logs:
        if sync.step is LogStep.SYNC_SAVED and sync.at_ns <= at_ns:
            end = max(end, sync.at_ns + interval) + interval + 2 * NS_PER_MS
    return end


def _offset(trace: Trace, terms: Terms, lines: Sequence[LogEvent]) -> tuple[bool | None, str, LogEvent, str]:
    """An update came late: what it says, and whether it may have lasted longer than a lease."""
    told = [line for line in lines if line.last_ns is not None and line.next_ns is not None]
    if not told:
        text = "an update of the allocator came late; the memory moves on to the clock and never back"
        return True, text, lines[0], ""
    line = max(told, key=lambda each: (each.next_ns or 0) - (each.last_ns or 0))
    late = (line.next_ns or 0) - (line.last_ns or 0)
    refused = [
        each
        for each in trace.logs
        if each.step is LogStep.SAVE_REFUSED
        and each.server == line.server
        and 0 <= line.at_ns - each.at_ns < late + NS_PER_MS
    ]
    after = (
        f"the update of {short(line.server)} at {clock(line.at_ns)} came {seconds(late)} after the last one"
    )
    order = "the memory moves on to the clock and never back, so order is kept"
    if refused:
        return True, f"{after}, because saves had been refused: {order}", line, ""
    lease = (trace.settings.lease_s or _LEASE_S) * 1_000_000_000
    if late < lease:
        why = "a busy host, a slow disk of etcd, a short pause, or a clock set ahead"
        return True, f"{after} ({why}): {order}", line, ""
    text = (
        f"{after}, longer than a lease ({seconds(lease)}): the process stood still, or its clock was set "
        f"ahead. {order} on this server; whether another led meanwhile its log tells"
    )
    return None, text, line, LOGS


def _went_back(
    trace: Trace, terms: Terms, lines: Sequence[LogEvent]
) -> tuple[bool | None, str, LogEvent, str]:
    """The host's clock was set back; the memory is not."""
    line = lines[0]
    text = (
        f"the clock of {short(line.server)}'s host was set back at {clock(line.at_ns)}. Timestamps are not: "
        "the memory never moves back, its physical part stands still until the clock has caught up, and a "
        "later sync starts above the saved window"
    )
    return True, text, line, CLOCKS


def _invalid(trace: Trace, terms: Terms, lines: Sequence[LogEvent]) -> tuple[bool | None, str, LogEvent, str]:
    """A request met a server that did not lead."""
    broken = next((term for term in terms.terms if term.cleared is not None), None)
    for line in lines:
        if broken is not None and broken.server == line.server and broken.first.at_ns <= line.at_ns:
            text = (
                f"{short(line.server)} leads since {clock(broken.first.at_ns)}, had cleared what it synced, "
                "and has nothing to grant from"
            )
            return False, text, line, ""
    line = lines[0]
    text = (
        f"a client asked {short(line.server)} at {clock(line.at_ns)}, which did not lead and had nothing in "
        "memory: the call fails, nothing is granted, the client asks the new leader"
    )
    return True, text, line, ""


def _beyond(trace: Trace, terms: Terms, lines: Sequence[LogEvent]) -> tuple[bool | None, str, LogEvent, str]:
    """TiKV knows of a timestamp that PD, asked again, has not reached (`concurrency_manager`)."""
    told = [(found, line) for line in lines if (found := _BEYOND.search(line.text))]
    if not told:
        return (
            None,
            "TiKV was given a timestamp above its limit, which the line does not tell",
            lines[0],
            CLIENTS,
        )
    found, line = max(told, key=lambda each: int(each[0][1]) - int(each[0][2]))
    wanted, limit = int(found[1]), int(found[2])
    text = (
        f"a request ({found[3] or 'of whom is not told'}) at {short(line.server)} at {clock(line.at_ns)} "
        f"carried {wanted}, which is {(wanted >> LOGICAL_BITS) - (limit >> LOGICAL_BITS)} ms above the limit "
        f"that TiKV has from PD ({limit}): PD granted it before and then went back, or it is nobody's "
        "timestamp (another cluster's, or one that a client computed)"
    )
    return None, text, line, CLIENTS


def _reset_refused(
    trace: Trace, terms: Terms, lines: Sequence[LogEvent]
) -> tuple[bool | None, str, LogEvent, str]:
    """Nothing was moved; what it means depends on which side was ahead (`resetUserTimestamp`)."""
    line = next((each for each in lines if "small" not in each.text), lines[0])
    if "small" in line.text:
        text = (
            "PD was asked to move its timestamps to those of a backup, and is ahead of them already: nothing "
            "moves, and what is restored is in the past, as it should be"
        )
        return True, text, line, ""
    if "large" in line.text:
        text = (
            "PD was asked to move its timestamps further ahead than it allows (max-gap-reset-ts): nothing "
            "moves, and what is restored may be in the future of the cluster, where nobody reads it yet"
        )
        return False, text, line, "pd-ctl tso <the backup's timestamp>; then compare with pd-ctl tso of now"
    text = "PD was asked to move its timestamps and did not: it led no longer, or the request was wrong"
    return None, text, line, LOGS


_BEYOND = re.compile(
    r"invalid max_ts update: (\d{1,20}) exceeds the limit (\d{1,20})(?:, source=(.{1,100}))?"
)
_LINES: dict[LogStep, tuple[str, _Line]] = {
    LogStep.CLOCK_BEHIND: ("system time may be incorrect", _behind),
    LogStep.CLOCK_OFFSET: ("clock offset", _offset),
    LogStep.CLOCK_WENT_BACK: ("system time jumps backward", _went_back),
    LogStep.NO_TIMESTAMP: ("invalid timestamp", _invalid),
    LogStep.BEYOND_LIMIT: ("invalid max_ts update", _beyond),
    LogStep.RESET_REFUSED: ("ErrResetUserTimestamp", _reset_refused),
}

"""Answers that no server can have given: above every window, or while its memory was cleared.

A grant is below a window that was saved before. One that is above every window in the watch, and not by what
clocks may differ, needs a save that the watch does not show; such a save came after the watch's end, by a
clock that jumped or an admin's reset. A log that tells all would tell of either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..sources.calls import Calls, granted
from ..sources.observation import NS_PER_MS, Call, LogEvent, LogStep
from ..sources.servers import Servers
from ..sources.spilling import Rows
from ..sources.trace import Trace
from .logs import Log
from .seen import LATE_NS
from .watched import LONG_NS, Contradiction, Watch

_MOVES = frozenset({LogStep.ADMIN_RESET, LogStep.CLOCK_OFFSET, LogStep.SYNC_SAVED})
_BEGINS = frozenset({LogStep.SYNC_START, LogStep.WINDOW_LOADED})
_SYNCED = frozenset({LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED})


class Answers:
    """What is wrong with a trace's calls: `denied`, and how many are only `beyond` what the watch shows."""

    def __init__(self, trace: Trace, servers: Servers, watch: Watch, logs: Sequence[Log]) -> None:
        self.denied: list[Contradiction] = []
        self.beyond = 0
        telling = [log for log in logs if log.tells_all]
        for call in _above(trace.calls, watch):
            number = servers.at(call.kind, call.endpoint)
            denied = watch.ended_long_after(call.end_ns) or _no_clock_moved(call, number, servers, telling)
            if denied:
                text = "no window that etcd shows goes that far"
                self.denied.append(_denied(call, number, servers, text))
            else:
                self.beyond += 1
        self.denied += _without_memory(trace.calls, servers, telling)


def _denied(call: Call, number: int, servers: Servers, denied: str) -> Contradiction:
    return Contradiction(call.where, None, "grant", servers.names[number - 1] if number else "", denied)


def _above(calls: Calls, watch: Watch) -> Iterator[Call]:
    """The calls far above every window and every clock."""
    for call in calls.those(lambda rows: rows["physical"] > (rows["end"] + LONG_NS) // NS_PER_MS):
        highest = watch.highest_ms(call.end_ns)
        if highest is not None and call.physical > highest:
            yield call


def _no_clock_moved(call: Call, number: int, servers: Servers, logs: Sequence[Log]) -> bool:
    """Whether the logs of all that may have answered go on after that call, and tell of no such time."""
    asked = {number} if number and not servers.in_api_mode(number, call.end_ns) else None
    told = {
        log.number
        for log in logs
        if log.end_ns > call.end_ns and not any(_moves_to(line, call) for line in log.lines)
    }
    return (asked or {*range(1, len(servers.names) + 1)}) <= told


def _moves_to(line: LogEvent, call: Call) -> bool:
    """Whether a line tells of a time from which the server may have gone on to what the call got."""
    if line.step not in _MOVES:
        return False
    if line.next_ns is None:
        return True
    since = max(call.end_ns - line.at_ns, 0) + LATE_NS
    return line.next_ns - LATE_NS <= call.physical * NS_PER_MS <= line.next_ns + since


def _without_memory(calls: Calls, servers: Servers, logs: Sequence[Log]) -> Iterator[Contradiction]:
    """Answers of a server that had cleared its memory and not synced yet."""
    cleared = {number: _cleared(found) for number, found in _by_server(logs).items()}
    if not any(cleared.values()):
        return
    server = calls.told(lambda who: servers.at(who.kind, who.endpoint))

    def without_memory(rows: Rows) -> Any:
        found = np.zeros(len(rows), bool)
        for number, spans in cleared.items():
            begins, ends = np.array([(-1, -1), *spans]).T
            last = np.searchsorted(begins, rows["start"]) - 1
            found |= (server[rows["who"]] == number) & (rows["end"] < ends[last])
        return found & granted(rows)

    for call in calls.those(without_memory):
        number = servers.at(call.kind, call.endpoint)
        if not servers.in_api_mode(number, call.end_ns):
            yield _denied(call, number, servers, "the server had cleared its memory, and had not synced")


def _by_server(logs: Sequence[Log]) -> Mapping[int, Log]:
    """The logs of servers that have only one."""
    found: defaultdict[int, list[Log]] = defaultdict(list)
    for log in logs:
        found[log.number].append(log)
    return {number: of[0] for number, of in found.items() if len(of) == 1}


def _cleared(log: Log) -> list[tuple[int, int]]:
    """From when until when a server has certainly nothing in memory, by its log."""
    spans: list[tuple[int, int]] = []
    since: int | None = None
    begun = 0
    for line in log.lines:
        if line.step is LogStep.RESET:
            since = line.at_ns if since is None else since
            begun = 0
        elif line.step in _BEGINS:
            begun = begun or line.at_ns
        elif line.step is LogStep.SAVE_REFUSED:
            begun = 0
        elif line.step in _SYNCED and since is not None:
            spans.append((since + LATE_NS, (begun or line.at_ns) - LATE_NS))
            since = None
    if since is not None:
        spans.append((since + LATE_NS, (begun or log.end_ns) - LATE_NS))
    return sorted((begin, end) for begin, end in spans if begin < end)

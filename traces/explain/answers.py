"""Answers that no server can have given: above every window, or while its memory was cleared.

A grant is below a window that was saved before. One that is above every window in the watch, and not by what
clocks may differ, needs a save that the watch does not show; such a save came after the watch's end, by a
clock that jumped or an admin's reset. A log would tell of either, and where it does not it lacks that.

A server that cleared its memory goes on above the window that it loads, and so above what was saved or
granted before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from ...model.language.transition import Kind
from ..sources.observation import NS_PER_MS, Call, LogEvent, LogStep
from ..sources.servers import Servers
from ..sources.trace import Trace
from .logs import Log
from .seen import LATE_NS
from .watched import LONG_NS, Contradiction, Watch

#: no process stops and starts anew in less
_RESTART_NS = 200 * NS_PER_MS
_MOVES = frozenset({LogStep.ADMIN_RESET, LogStep.CLOCK_OFFSET, LogStep.SYNC_SAVED})


class Answers:
    """What is wrong with a trace's calls: `denied`, how many are only `beyond` what the watch shows, and of
    which a log would tell more, and is `lacking` that."""

    def __init__(self, trace: Trace, servers: Servers, watch: Watch, logs: Sequence[Log]) -> None:
        self.denied: list[Contradiction] = []
        self.lacking: list[Contradiction] = []
        self.beyond = 0
        telling = [log for log in logs if log.tells_all]
        for call in _above(trace.calls, watch):
            number = servers.at(call.kind, call.endpoint)
            if watch.ended_long_after(call.end_ns):
                text = "no window that etcd shows goes that far"
                self.denied.append(_denied(call, number, servers, text))
                continue
            self.beyond += 1
            if _no_clock_moved(call, number, servers, telling):
                text = "no window that etcd shows goes that far, and a log would tell why"
                self.lacking.append(_denied(call, number, servers, text))
        if watch.unbroken:
            self.denied += _below_their_own(trace, servers)
        self.denied += _without_memory(trace.calls, servers, watch, logs)


def _denied(call: Call, number: int, servers: Servers, denied: str) -> Contradiction:
    return Contradiction(call.where, None, "grant", servers.names[number - 1] if number else "", denied)


def _above(calls: Iterable[Call], watch: Watch) -> Iterator[Call]:
    """The calls far above every window and every clock."""
    for call in calls:
        if call.physical * NS_PER_MS > call.end_ns + LONG_NS:
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


def _below_their_own(trace: Trace, servers: Servers) -> Iterator[Contradiction]:
    """Answers of a PD from below what a client had got from it before, by line and by clock.

    In one term it never goes back, and in the next one it goes on above what was saved. Not so a TSO server,
    which a client's request may set back; where there is one, a PD that starts anew may have it answer.
    """
    alone = Kind.TSO not in servers.kinds and not trace.gaps
    numbers: dict[tuple[str, str], int] = {}
    highest: dict[tuple[str, int], Call] = {}
    for call in sorted(trace.calls, key=lambda call: (call.file, call.line)):
        if call.error is not None or not call.timed:
            continue
        asked = call.kind, call.endpoint
        if asked not in numbers:
            numbers[asked] = servers.at(*asked)
        number = numbers[asked]
        if not number or servers.kinds[number - 1] is not Kind.PD or servers.in_api_mode(number, call.end_ns):
            continue
        before = highest.get((call.file, number))
        after_ns = call.start_ns - before.end_ns if before else -1
        if before and call.physical < before.physical and 0 <= after_ns and (alone or after_ns < _RESTART_NS):
            text = "the server had granted higher timestamps before, to the same client"
            yield _denied(call, number, servers, text)
        elif alone and before and call.physical < before.physical:
            continue
        else:
            highest[call.file, number] = call


def _without_memory(
    calls: Iterable[Call], servers: Servers, watch: Watch, logs: Sequence[Log]
) -> Iterator[Contradiction]:
    """Answers of a server that had cleared its memory, from below what was granted or saved before that."""
    cleared: defaultdict[int, list[int]] = defaultdict(list)
    for log in logs:
        if not _agrees(log, watch):
            continue
        cleared[log.number] += [line.at_ns for line in log.lines if line.step is LogStep.RESET]
    answers: defaultdict[int, list[Call]] = defaultdict(list)
    for call in calls if any(cleared.values()) else ():
        number = servers.at(call.kind, call.endpoint) if call.error is None and call.timed else 0
        if cleared[number] and not servers.in_api_mode(number, call.end_ns):
            answers[number].append(call)
    for number, of in answers.items():
        by_end = sorted(of, key=lambda call: call.end_ns)
        ends = [call.end_ns for call in by_end]
        highest = [*accumulate((call.physical for call in by_end), max)]
        resets = sorted(cleared[number])
        for call in _by_a_clock_that_agrees(of):
            at = bisect_left(resets, call.start_ns - LATE_NS) - 1
            if at < 0:
                continue
            certain_ns = resets[at] - LATE_NS
            before = bisect_left(ends, certain_ns) - 1
            if call.physical <= max(highest[before] if before >= 0 else 0, watch.received_ms(certain_ns)):
                text = "the server had cleared its memory, and goes on above what was saved before that"
                yield _denied(call, number, servers, text)


def _agrees(log: Log, watch: Watch) -> bool:
    """Whether a log's clock shows about what the recorder's does, and was not set back."""
    ahead_ns = watch.ahead_of_receipts(log.lines)
    return ahead_ns is not None and abs(ahead_ns + LATE_NS) <= LATE_NS and not log.set_back


def _by_a_clock_that_agrees(answers: Iterable[Call]) -> Iterator[Call]:
    """Answers of one server to clients whose clock shows about what that server's does, as others show.

    Neither one that differs all the time, nor one that was set: the answers beside it show that.
    """
    clients: defaultdict[str, list[Call]] = defaultdict(list)
    for call in answers:
        clients[call.file].append(call)
    for calls in clients.values():
        calls.sort(key=lambda call: call.line)
        late = [abs(call.end_ns - call.physical * NS_PER_MS) > LATE_NS for call in calls]
        if sum(late) * 2 < len(late):
            for index, call in enumerate(calls):
                if not any(late[max(index - 1, 0) : index] + late[index + 1 : index + 2]):
                    yield call

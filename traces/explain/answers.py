"""Answers that no server can have given: above every window, or while its memory was cleared.

A grant is below a window that was saved before. One that is above every window in the watch, and not by what
clocks may differ, needs a save that the watch does not show; such a save came after the watch's end, by a
clock that jumped or an admin's reset. A log would tell of either, and where it does not it lacks that.

A server that cleared its memory goes on above the window that it loads, and so above what was saved or
granted before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...model.language.transition import Kind
from ..sources.calls import Calls, as_they_come, granted
from ..sources.observation import NS_PER_MS, Call, LogEvent, LogStep
from ..sources.servers import Servers
from ..sources.spilling import Rows, Sorted, joined
from ..sources.trace import Trace
from .logs import Log
from .seen import LATE_NS
from .watched import LONG_NS, Contradiction, Watch

#: no process stops and starts anew in less
_RESTART_NS = 200 * NS_PER_MS
#: bits of a line's number, or a server's, behind those of its file
_LINES = 40
_ANSWER = np.dtype([(name, np.int64) for name in ("place", "of", "start", "end", "physical", "at")])
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


def _above(calls: Calls, watch: Watch) -> Iterator[Call]:
    """The calls far above every window and every clock."""
    for call in calls.those(
        lambda rows: (rows["timed"] != 0) & (rows["physical"] > (rows["end"] + LONG_NS) // NS_PER_MS)
    ):
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
    by_line = Sorted(_ANSWER, "place")
    begin = 0
    for rows in trace.calls.chunks():
        for number, at in _answers(rows, trace.calls, servers):
            if servers.kinds[number - 1] is Kind.PD:
                found = np.empty(len(at), _ANSWER)
                for name in ("start", "end", "physical"):
                    found[name] = rows[name][at]
                found["place"] = rows["file"][at].astype(np.int64) << _LINES | rows["line"][at]
                found["of"] = rows["file"][at].astype(np.int64) << _LINES | number
                found["at"] = begin + at
                by_line.add(found)
        begin += len(rows)
    highest: dict[int, Rows] = {}
    for rows in by_line:
        for of in as_they_come(rows["of"]):
            told = joined((highest.get(of, rows[:0]), rows.compress(rows["of"] == of)))
            below, last = (_below_the_highest if alone else _below_the_last)(told)
            highest[of] = told[last : last + 1]
            for at in below:
                call = trace.calls[int(told["at"][at])]
                text = "the server had granted higher timestamps before, to the same client"
                yield _denied(call, of & (1 << _LINES) - 1, servers, text)


def _below_the_highest(rows: Rows) -> tuple[Iterable[int], int]:
    """Those that began after the last of the highest before had ended; and which one is that at the end."""
    physical, each = rows["physical"], np.arange(len(rows))
    highest = np.maximum.accumulate(np.where(physical == np.maximum.accumulate(physical), each, 0))
    before = highest[:-1]
    below = (physical[1:] < physical[before]) & (rows["start"][1:] >= rows["end"][before])
    return np.flatnonzero(below) + 1, int(highest[-1])


def _below_the_last(rows: Rows) -> tuple[Iterable[int], int]:
    """Those that began soon after the last of the others had ended; and which one is that at the end."""
    if not np.any(_soon_below(rows[:-1], rows[1:])):
        return (), len(rows) - 1
    found, last = [], 0
    for at in range(1, len(rows)):
        if _soon_below(rows[last], rows[at]):
            found.append(at)
        else:
            last = at
    return found, last


def _soon_below(before: Any, after: Any) -> Any:
    passed = after["start"] - before["end"]
    return (after["physical"] < before["physical"]) & (passed >= 0) & (passed < _RESTART_NS)


def _without_memory(
    calls: Calls, servers: Servers, watch: Watch, logs: Sequence[Log]
) -> Iterator[Contradiction]:
    """Answers of a server that had cleared its memory, from below what was granted or saved before that."""
    told: defaultdict[int, list[int]] = defaultdict(list)
    for log in logs:
        if _agrees(log, watch):
            told[log.number] += [line.at_ns for line in log.lines if line.step is LogStep.RESET]
    cleared = {number: np.array(sorted(times)) for number, times in told.items() if times}
    if not cleared:
        return
    #: by server and time, what is certainly below what it grants later
    highest = {
        number: np.array([*(watch.received_ms(int(at)) for at in times - LATE_NS), -1], np.int64)
        for number, times in cleared.items()
    }
    for number, rows in _answers_of(cleared, calls, servers):
        later = np.searchsorted(cleared[number] - LATE_NS, rows["end"], "right")
        np.maximum.at(highest[number], later, rows["physical"])
    highest = {number: np.maximum.accumulate(of[:-1]) for number, of in highest.items()}
    found: defaultdict[int, list[Rows]] = defaultdict(list)
    for number, rows in _answers_of(cleared, calls, servers):
        before = np.searchsorted(cleared[number], rows["start"] - LATE_NS) - 1
        below = (before >= 0) & (rows["physical"] <= highest[number][before])
        if below.any():
            found[number].append(rows[below])
    below_it = {number: np.concatenate(rows) for number, rows in found.items()}
    for number, rows in _by_a_clock_that_agrees(below_it, calls, servers):
        for row in rows:
            text = "the server had cleared its memory, and goes on above what was saved before that"
            yield _denied(calls.call(row), number, servers, text)


def _agrees(log: Log, watch: Watch) -> bool:
    """Whether a log's clock shows about what the recorder's does, and was not set back."""
    ahead_ns = watch.ahead_of_receipts(log.lines)
    return ahead_ns is not None and abs(ahead_ns + LATE_NS) <= LATE_NS and not log.set_back


class _Beside:
    """Of some answers of one server to one file's clients: what stands beside them, by line."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows[np.argsort(rows["line"], kind="stable")]
        self._before = np.full(len(rows), -1)
        self._after = np.full(len(rows), np.iinfo(np.int64).max)
        self._late_beside = np.zeros((2, len(rows)), bool)
        self._late, self._all = 0, 0

    def see(self, rows: Rows) -> None:
        """More of all the answers to that file's clients."""
        rows = rows[np.argsort(rows["line"], kind="stable")]
        # a server may be ahead of its clock, after a sync or a reset; only a client's that is ahead puts an
        # answer after what was before
        line, late = rows["line"], rows["end"] - rows["physical"] * NS_PER_MS > LATE_NS
        self._late, self._all = self._late + int(late.sum()), self._all + len(rows)
        at = np.searchsorted(line, self.rows["line"], "left") - 1
        nearer = np.flatnonzero((at >= 0) & (line[at] > self._before))
        self._before[nearer], self._late_beside[0, nearer] = line[at[nearer]], late[at[nearer]]
        at = np.searchsorted(line, self.rows["line"], "right")
        nearer = np.flatnonzero(np.append(line, np.iinfo(np.int64).max)[at] < self._after)
        self._after[nearer], self._late_beside[1, nearer] = line[at[nearer]], late[at[nearer]]

    def agreeing(self) -> Rows:
        """Those whose client's clock is not ahead of what the server's shows."""
        found: Rows = self.rows[~self._late_beside.any(axis=0)]
        return found if self._late * 2 < self._all else found[:0]


def _by_a_clock_that_agrees(
    found: Mapping[int, Rows], calls: Calls, servers: Servers
) -> Iterator[tuple[int, Rows]]:
    """Answers to clients whose clock is not ahead of what the server's shows, as others tell.

    Neither one that differs all the time, nor one that was set: the answers beside it show that.
    """
    asked = {
        (number, file): _Beside(rows[rows["file"] == file])
        for number, rows in found.items()
        for file in as_they_come(rows["file"])
    }
    for number, rows in _answers_of(found, calls, servers):
        for (of, file), beside in asked.items():
            if of == number:
                beside.see(rows[rows["file"] == file])
    for (number, _), beside in asked.items():
        yield number, beside.agreeing()


def _answers_of(numbers: Container[int], calls: Calls, servers: Servers) -> Iterator[tuple[int, Rows]]:
    """The answers of these servers, some at a time."""
    for rows in calls.chunks():
        for number, at in _answers(rows, calls, servers):
            if number in numbers:
                yield number, rows.take(at)


def _answers(rows: Rows, calls: Calls, servers: Servers) -> Iterator[tuple[int, Any]]:
    """By known server, which rows are timestamps that it granted itself and that are timed."""
    number_of = calls.told(lambda who: servers.at(who.kind, who.endpoint))
    asked = np.where(granted(rows) & (rows["timed"] != 0), number_of[rows["who"]], 0)
    for number in as_they_come(asked[asked != 0]):
        at = np.flatnonzero(asked == number)
        yield number, at[~servers.were_in_api_mode(number, rows["end"][at])]

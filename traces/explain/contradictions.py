"""What one source says and another one denies, whoever did what: no fence and no build explains it.

A log's line names a revision, a lease or a value of the timestamp key. The watch denies it only where it
must show it: at a revision that is in no gap, among writes of the timestamp key of which none is missing,
and not after its end. A log denies only what it would tell between two of its lines, and only by a kind of
line that it has or where nobody filtered it. So what is cut, damaged or late denies nothing. Clocks are
compared nowhere, but for lines written long before the watch ended.

| line | what etcd must show |
|---|---|
| ELECTED | that server's election key put, at that revision, with a lease granted before |
| an election key put | a lease of its own, that no other election and no other key has |
| SYNC_SAVED | `save` and `last` as values of the timestamp key; `save` the server's window beyond `next` |
| WINDOW_LOADED, SYNC_SKIPPED | a value of the timestamp key, for a PD none that it knew to be overwritten |
| SAVE_REFUSED as not greater | the previous value; and that what was to be saved is not greater |
| SAVE_ATTEMPT | the value, unless a refusal follows; the election key and the check of such a server |

| line | what the same log must tell, if it is whole and nobody filtered it |
|---|---|
| CAMPAIGN_WON | ELECTED |
| RESET after READY | why: refused saves, an allocator closed, a role or a process that ended |
| SYNC_START of a PD | how the sync before ended |
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from ...model.language.transition import Kind
from ..sources.observation import NS_PER_MS, Key, LogEvent, LogStep, Refusal
from ..sources.servers import Servers
from ..sources.trace import Trace
from .answers import Answers
from .logs import Log, logs_of
from .watched import ELECTIONS, Contradiction, Watch

_TRIED = re.compile(r"timestamp (\d{1,19}) is less than or equal to the previous one (\d{1,19})")


def contradictions(trace: Trace, servers: Servers) -> tuple[tuple[Contradiction, ...], str]:
    """Every place that another one denies, those in logs first; and what is taken for granted of calls."""
    watch = Watch(trace)
    logs = logs_of(trace, servers)
    windows = _dumped_windows(trace)
    found = [
        each
        for log in logs
        for each in _Against(
            log,
            servers.kinds[log.number - 1],
            windows.get(log.server, frozenset()),
            watch,
            partial(servers.in_service_mode, log.number),
        ).contradictions()
    ]
    answers = Answers(trace, servers, watch, logs)
    taken = f"calls above every window after the watch's end ({answers.beyond})"
    return (*found, *watch.leases(), *answers.denied), taken if answers.beyond else ""


def _dumped_windows(trace: Trace) -> dict[str, frozenset[int]]:
    """The save intervals that each server started with, of those that dump it at each start."""
    found: defaultdict[str, set[int | None]] = defaultdict(set)
    for start in trace.starts:
        found[start.server].add(start.save_interval_ns)
    return {
        server: frozenset(v for v in values if v) for server, values in found.items() if None not in values
    }


class _Against:
    """The lines of one server in one file, against the watch."""

    def __init__(
        self,
        log: Log,
        kind: Kind,
        windows: frozenset[int],
        watch: Watch,
        serves: Callable[[int], bool | None],
    ) -> None:
        self._log = log
        self._lines = log.lines
        self._server = log.server
        self._kind = kind
        self._windows = windows
        self._watch = watch
        self._serves = serves
        self._before_end = self._certainly_before_the_end()

    def contradictions(self) -> Iterator[Contradiction]:
        yield from self._elections()
        yield from self._values()
        yield from self._overwritten()
        if self._log.whole:
            yield from self._attempts()
            yield from self._not_elected()
        if self._log.tells_all:
            yield from self._without_reason()
            yield from self._without_end()

    def _certainly_before_the_end(self) -> list[bool]:
        """Of each line, whether it was written before the watch's end."""
        certain = False
        found = []
        for line in reversed(self._lines):
            certain |= self._watch.long_before_its_end(line)
            found.append(certain)
            certain |= self._watch.revision_of(line) is not None
        return found[::-1]

    def _denied(self, line: LogEvent, transition: str, denied: str) -> Contradiction:
        return Contradiction(line.where, line.revision, transition, self._server, denied)

    # --- elections -------------------------------------------------------------------------------

    def _elections(self) -> Iterator[Contradiction]:
        granted: set[int] = set()
        for line in self._lines:
            if line.step is LogStep.SERVER_START:
                granted.clear()
            elif line.step is LogStep.LEASE_GRANTED and line.lease and line.key in (*ELECTIONS, None):
                granted.add(line.lease)
            elif line.step is LogStep.ELECTED and line.revision:
                yield from self._elected(line, line.revision, granted)
                granted.clear()

    def _elected(self, line: LogEvent, revision: int, granted: set[int]) -> Iterator[Contradiction]:
        watch = self._watch
        if not watch.tells_of(revision) or watch.of_another_group(revision):
            return
        event = watch.election(revision)
        if event is None:
            yield self._denied(line, "campaign", f"etcd shows no election at revision {revision}")
        elif event.server != self._server:
            denied = f"etcd shows that {event.server} was elected at revision {revision}"
            yield self._denied(line, "campaign", denied)
        elif granted and event.lease and event.lease not in granted:
            denied = f"the key that etcd shows at revision {revision} has another lease than the log grants"
            yield self._denied(line, "campaign", denied)

    def _not_elected(self) -> Iterator[Contradiction]:
        """Campaigns that were won without the line of the election, in a log that has such lines."""
        steps = [line.step for line in self._lines]
        if LogStep.ELECTED not in steps:
            return
        elected = True
        for line in self._lines:
            if line.step is LogStep.CAMPAIGN_START:
                elected = False
            elif line.step in (LogStep.ELECTED, LogStep.SERVER_START):
                elected = True
            elif line.step is LogStep.CAMPAIGN_WON and not elected:
                yield self._denied(line, "campaign", "the server's log would tell of the election")

    # --- values of the timestamp key -----------------------------------------------------------------

    def _values(self) -> Iterator[Contradiction]:
        for line, before_end in zip(self._lines, self._before_end, strict=True):
            if line.step is LogStep.SYNC_SAVED:
                yield from self._synced(line, before_end=before_end)
            elif line.step in (LogStep.WINDOW_LOADED, LogStep.SYNC_SKIPPED):
                if line.last_ns and self._watch.never_had(line.last_ns, before_its_end=before_end):
                    yield self._denied(line, "sync_load", "etcd shows that the timestamp key never held that")
            elif line.refusal is Refusal.NOT_GREATER and (values := _TRIED.search(line.text)):
                yield from self._not_greater(line, int(values[1]), int(values[2]), before_end=before_end)

    def _synced(self, line: LogEvent, *, before_end: bool) -> Iterator[Contradiction]:
        if line.save_ns and self._watch.never_had(line.save_ns, before_its_end=before_end):
            yield self._denied(line, "commit", "etcd shows that the timestamp key never held that")
        elif line.last_ns and self._watch.never_had(line.last_ns, before_its_end=before_end):
            yield self._denied(line, "sync_load", "etcd shows that the timestamp key never held that")
        elif line.last_ns and line.next_ns and line.next_ns <= line.last_ns:
            yield self._denied(line, "sync_begin", "a sync goes on above what it loaded")
        elif (
            self._windows
            and line.save_ns
            and line.next_ns
            and line.save_ns - line.next_ns not in self._windows
        ):
            yield self._denied(line, "sync_begin", "the server saves its save interval beyond that")

    def _not_greater(
        self, line: LogEvent, tried: int, previous: int, *, before_end: bool
    ) -> Iterator[Contradiction]:
        if tried > previous:
            yield self._denied(line, "refused_not_greater", "what was to be saved is greater")
        elif self._watch.never_had(previous, before_its_end=before_end) or (
            self._watch.had(previous) and not self._watch.had_exactly(previous)
        ):
            yield self._denied(
                line, "refused_not_greater", "etcd shows that the timestamp key never held the previous value"
            )

    def _overwritten(self) -> Iterator[Contradiction]:
        """Loads of a PD that find what it knew to be overwritten when the load began."""
        if self._kind is not Kind.PD:
            return  # a client's request may have begun the load at any time before
        known = at_start = 0
        for line in self._lines:
            if line.step is LogStep.SYNC_START:
                at_start = known
            elif line.step is LogStep.SERVER_START:
                at_start = 0
            elif line.step in (LogStep.WINDOW_LOADED, LogStep.SYNC_SAVED):
                then = self._watch.overwritten(line.last_ns or 0)
                if then is not None and at_start >= then:
                    yield self._denied(line, "sync_load", "the server knew that this was overwritten")
                held = line.last_ns if line.step is LogStep.WINDOW_LOADED else line.save_ns
                known = max(known, held // NS_PER_MS if held and self._watch.had(held) else 0)
            elif line.step is LogStep.ELECTED and (revision := self._watch.revision_of(line)):
                known = max(known, self._watch.held_at(revision))

    # --- attempts ------------------------------------------------------------------------------------

    def _attempts(self) -> Iterator[Contradiction]:
        """Attempts to save of which nothing came, or that are not as that server makes them."""
        pending: LogEvent | None = None
        by_client = False
        for line, before_end in zip(self._lines, self._before_end, strict=True):
            if line.step is LogStep.SAVE_ATTEMPT:
                if pending is not None:
                    yield self._denied(pending, "commit", "neither etcd nor the log shows what became of it")
                own = Key.PRIMARY if self._kind is Kind.TSO else Key.LEADER
                if line.key in ELECTIONS and line.key is not own:
                    yield self._denied(line, "find_own_key", "it is not that server's election key")
                checks = self._checks(line)
                if None not in (checks, line.fenced) and line.fenced is not checks:
                    denied = "a PD in PD service mode checks for a TSO primary, and nobody else does"
                    yield self._denied(line, "find_no_primary", denied)
                open_ = line.save_ns and self._watch.never_had(line.save_ns, before_its_end=before_end)
                # where its election key should have no value, or a client wanted it, no line tells its end
                pending = line if open_ and line.text and not by_client else None
                by_client = False
            elif line.step is LogStep.SYNC_START and self._kind is Kind.TSO:
                pending, by_client = None, True
            elif line.step in _ENDS_AN_ATTEMPT:
                pending = None

    # --- what the log goes on from -------------------------------------------------------------------

    def _without_reason(self) -> Iterator[Contradiction]:
        """Memories of those that serve that are cleared for no reason."""
        served, told = False, False
        for index, line in enumerate(self._lines):
            if line.step is LogStep.READY:
                served, told = True, False
            elif line.step in _REASONS:
                told = True
            elif line.step is LogStep.RESET:
                after = {each.step for each in self._lines[index + 1 : index + 1 + _SOON]}
                if served and not told and LogStep.SERVER_EXIT not in after:
                    yield self._denied(line, "reset", "the server's log would tell why")
                served = False

    def _without_end(self) -> Iterator[Contradiction]:
        """Syncs of a PD, one after another, of which no line tells how they ended."""
        if self._kind is not Kind.PD:
            return
        open_: LogEvent | None = None
        for line in self._lines:
            if line.step is LogStep.SYNC_START:
                if open_ is not None:
                    yield self._denied(open_, "sync_load", "the server's log would tell how that sync ended")
                open_ = line
            elif line.step in _ENDS_A_SYNC:
                open_ = None

    def _checks(self, line: LogEvent) -> bool | None:
        """Whether a save of the server looks for a TSO primary; None if nothing tells its mode."""
        return False if self._kind is Kind.TSO else self._serves(line.at_ns)


#: a refusal, or a server that stops or starts, or gives up what it is about
_ENDS_AN_ATTEMPT = frozenset(
    {
        LogStep.SAVE_REFUSED,
        LogStep.RESET,
        LogStep.ALLOCATOR_CLOSED,
        LogStep.STEP_DOWN,
        LogStep.SERVER_EXIT,
        LogStep.SERVER_START,
    }
)
_ENDS_A_SYNC = _ENDS_AN_ATTEMPT | {LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED, LogStep.CAMPAIGN_START}
#: why a memory is cleared
_REASONS = frozenset(
    {
        LogStep.SAVE_REFUSED,
        LogStep.ALLOCATOR_CLOSED,
        LogStep.STEP_DOWN,
        LogStep.TRANSFER,
        LogStep.REVOKE_FAILED,
        LogStep.KEEP_ALIVE_SLOW,
        LogStep.SERVER_EXIT,
        LogStep.SERVER_START,
    }
)
#: within so many lines of it, a process says that it exits
_SOON = 8

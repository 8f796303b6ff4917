"""What a server's log lacks: lines that it wrote before one that is there; and what the watch lacks of these.

A log is filtered, rotated, or copied with holes that join cleanly, so that a line which is missing refutes
nothing: it says that the log does not tell all. What it does not tell may have happened, and no verdict may
rest on its silence.

| line | what the same log would tell before it |
|---|---|
| CAMPAIGN_WON | ELECTED, where logs have such lines |
| READY, in a log that tells of campaigns | the campaign, since the start, or since it led no more |
| READY of a TSO server, in a log that tells of syncs | a sync that ended well since the campaign |
| READY of a PD in service mode, in a log that nobody filtered | that it synced since its memory was cleared, or tried to |
| READY of a PD in API mode | that etcd shows a keyspace group |
| ELECTED | the grant of the lease that its key has in etcd |
| RESET after READY, in a log that nobody filtered | why: refused saves, an allocator closed, a role or a process that ended |
| SYNC_START of a PD, in a log that nobody filtered | how the sync before ended; if well, that the memory was cleared |
| SAVE_ATTEMPT | what became of the one before |
| SAVE_ATTEMPT of a PD, SYNC_SAVED | that its last start was in that mode, with that save interval |
| LEASE_GRANTED | that its last start was with that lease |
| PROVIDER_TSO, PROVIDER_PD | that its last start was in API mode |
| what only a process that runs does, after its SERVER_EXIT | its start |
| many saves after STEP_DOWN, or a second one, or one after a start | the campaign that made it leader |
| any line long after the SERVER_EXIT or STEP_DOWN of one that serves, in a log that nobody filtered | that it stopped to |
| any line long after a refused update, in a log that nobody filtered | that its caller tries again or gives up; if that, RESET |
| a line of a PD's sync, in a log that nobody filtered | SYNC_START |
| any line long after KEEP_ALIVE_STOPPED of one that serves, in a log that nobody filtered | that its term ended |
| KEEP_ALIVE_STOPPED, in a log that nobody filtered | LEASE_GRANTED |
| STEP_DOWN, in a term | etcd shows that its key went |
| what tells of a role | see `roles.py` |
"""  # noqa: E501  # a row of a table is one line

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from ...model.language.transition import Kind
from ..sources.observation import ELECTIONS, NS_PER_MS, Attempt, Key, LogEvent, LogStep, Where
from .logs import Log
from .roles import roles
from .seen import FOREVER, LATE_TRIES
from .watched import LONG_NS, TOLD_NS, Contradiction, Watch

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
#: what a process that closes begins no more, once this long after it was told to exit
_BEGINS = frozenset(
    {
        LogStep.CAMPAIGN_START,
        LogStep.LEASE_GRANTED,
        LogStep.ELECTED,
        LogStep.CAMPAIGN_WON,
        LogStep.SYNC_START,
        LogStep.SYNC_SAVED,
        LogStep.READY,
    }
)
#: nor does it follow anybody, as one that steps down does
_RUNS_ON = (LogStep.FOLLOWING, LogStep.SERVER_EXIT)
_CAMPAIGNS = frozenset({LogStep.CAMPAIGN_START, LogStep.ELECTED, LogStep.CAMPAIGN_WON})
_LEADS = _CAMPAIGNS | {LogStep.READY, LogStep.STEP_DOWN}
_LEADS_NOT = frozenset({LogStep.SERVER_START, LogStep.STEP_DOWN, LogStep.FOLLOWING, LogStep.HOLDER_CHANGED})
_SYNCED = frozenset({LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED})
_OF_SYNCS = _SYNCED | {LogStep.WINDOW_LOADED, LogStep.CLOCK_BEHIND}
_CLOSING_NS = 1_000 * NS_PER_MS
#: after these one that serves stops to, which shows in its log within `TOLD_NS`
_LEAVES = frozenset({LogStep.SERVER_EXIT, LogStep.STEP_DOWN})
#: etcd grants no shorter lease, whatever a server asks for, where its members wait for a leader as PDs do
_LEAST_LEASE_S = 5
_STOPS_TO_SERVE = frozenset({LogStep.RESET, LogStep.KEEP_ALIVE_STOPPED, LogStep.STEP_DOWN})
#: in these an update that is given up ends
_CLEARS = _LEAVES | {LogStep.RESET, LogStep.ALLOCATOR_CLOSED, LogStep.SERVER_START}
#: what ends a term is followed by one of these, if by anything
_ENDS_A_TERM = _REASONS - {LogStep.KEEP_ALIVE_SLOW} | {LogStep.RESET}
#: only a PD in API mode says who provides timestamps
_SWITCHES = frozenset({LogStep.PROVIDER_TSO, LogStep.PROVIDER_PD})
_TRIES = frozenset({LogStep.SAVE_ATTEMPT, LogStep.SAVE_REFUSED})
_BEGAN = {"campaign": "election", "restart": "start"}


class Lacking:
    """The lines of one server in one file: before which of them others are missing.

    `windows`, `leases`: the save intervals (ns) and leases (s) that the last start before a line tells, those
    of all its starts before the first of a file, empty if not all do; `serves`: whether it had started in PD
    service mode before a time, None if nothing tells; `elections`: whether any log has ELECTED; `begun`:
    where its processes begin.
    """

    def __init__(
        self,
        log: Log,
        kind: Kind,
        windows: Callable[[Where], frozenset[int]],
        leases: Callable[[Where], frozenset[int]],
        watch: Watch,
        elections: bool,
        serves: Callable[[int], bool | None],
        begun: Sequence[Where],
    ) -> None:
        self._log, self._kind, self._watch, self._serves = log, kind, watch, serves
        self._windows, self._leases_asked = windows, leases
        lease_s = max(_LEAST_LEASE_S, *(line.lease_s or 0 for line in log.lines))
        self._lease_ns = lease_s * 1_000 * NS_PER_MS
        self._tells_elections, self._begun = elections, begun
        self._tells_campaigns = log.unfiltered or any(line.step in _CAMPAIGNS for line in log.lines)

    def places(self) -> Iterator[Contradiction]:
        """Each of them, in no order."""
        moved = next((line.where for line in self._log.lines if line.where.moved), None)
        for found in self._places():
            if moved is None or found.instead:
                yield found
            else:
                text = f"lines of one millisecond are in another order than they were written, as at {moved}"
                shows = f"{found.where} shows {found.transition}, and {found.denied}"
                yield replace(found, instead=f"in the log of {found.server} {text}: {shows}")

    def _places(self) -> Iterator[Contradiction]:
        if not self._log.whole:
            return  # that is known
        yield from self._elections()
        yield from self._leases()
        yield from self._ready()
        yield from self._attempts()
        yield from self._starts()
        yield from self._ended()
        yield from self._kept()
        if self._log.unfiltered:
            yield from self._leaves()
            yield from self._modes()
            yield from roles(self._log, self._kind, self._begun)
            yield from self._refused()
            yield from self._terms()
            yield from self._reasons()
            yield from self._syncs()
            yield from self._kept_alive()

    def _lacks(self, line: LogEvent, transition: str, what: str) -> Contradiction:
        return Contradiction(line.where, line.revision, transition, self._log.server, what)

    def _elections(self) -> Iterator[Contradiction]:
        """Campaigns that were won without the line of the election, where logs have such lines."""
        if not self._tells_elections:
            return
        elected = True
        for line in self._log.lines:
            if line.step is LogStep.ELECTED and line.revision and self._watch.misses(line.revision):
                missing = f"revision {line.revision} is in no watch stream"
                yield Contradiction(line.where, line.revision, "campaign", "", missing)
            if line.step in (LogStep.CAMPAIGN_START, LogStep.SERVER_START):
                elected = False
            elif line.step is LogStep.ELECTED:
                elected = True
            elif line.step is LogStep.CAMPAIGN_WON:
                if not elected:
                    yield self._lacks(line, "campaign", "the log would tell of the election")
                elected = False

    def _leases(self) -> Iterator[Contradiction]:
        """Elections with another lease than the one that was granted last."""
        granted: LogEvent | None = None
        for line in self._log.lines:
            if line.step is LogStep.LEASE_GRANTED and line.key in ELECTIONS:
                granted = line
            elif line.step is LogStep.ELECTED and line.revision:
                event = self._watch.election(line.revision)
                if granted and granted.lease and event and event.lease not in (None, granted.lease):
                    yield self._lacks(line, "campaign", "the log would tell of the grant of that lease")
                granted = None

    def _ready(self) -> Iterator[Contradiction]:
        """Servers that serve and, as far as the log tells, were not elected, or have not synced."""
        tells_syncs = self._kind is Kind.TSO and any(line.step in _SYNCED for line in self._log.lines)
        leads = synced = True  # a log may begin in the middle of a term
        for line in self._log.lines:
            if line.step in _LEADS_NOT:
                leads = False
            elif line.step in _CAMPAIGNS:
                synced &= leads
                leads = True
            elif line.step in _SYNCED:
                synced = True
            elif line.step is LogStep.READY:
                if self._tells_campaigns and not leads:
                    yield self._lacks(line, "campaign", "the log would tell of its election")
                elif tells_syncs and not synced:
                    yield self._lacks(line, "sync_load", "the log would tell of its sync")

    def _modes(self) -> Iterator[Contradiction]:
        """PDs that begin to serve as one does that was not started in the mode that its log tells.

        `campaignLeader` in `server/server.go`, `RaftCluster.Start` since 8.5: in service mode it syncs first,
        if its memory is not set, and since 8.5 it serves although that failed.
        """
        elected, set_, synced = 0, False, False
        ahead_ns = self._watch.ahead_of_receipts(self._log.lines)
        for line in self._log.lines:
            if line.step is LogStep.SERVER_START:
                elected, set_, synced = 0, False, False
            elif line.step is LogStep.CAMPAIGN_START:
                synced = set_
            elif line.step is LogStep.ELECTED:
                elected = line.revision or 0
            elif line.step is LogStep.SYNC_START or line.step in _SYNCED or line.attempt is Attempt.SYNC:
                synced, set_ = True, set_ or line.step in _SYNCED
            elif line.step in (LogStep.RESET, LogStep.ALLOCATOR_CLOSED):
                set_ = False
            elif line.step is LogStep.READY and self._kind is Kind.PD:
                serves = self._serves(line.at_ns)
                seen = elected and self._watch.before_its_end(line, ahead_ns)
                if serves and not synced:
                    yield self._lacks(line, "restart", "the log would tell of a start in API mode")
                elif serves is False and seen and self._watch.without_group(elected):
                    yield self._lacks(line, "restart", "the log would tell of a start in PD service mode")

    def _attempts(self) -> Iterator[Contradiction]:
        """Attempts to save of which nothing came."""
        pending: LogEvent | None = None
        by_client = False
        for line in self._log.lines:
            if line.step is LogStep.SAVE_ATTEMPT:
                if pending is not None:
                    yield self._lacks(line, "commit", "the log would tell what became of the attempt before")
                open_ = line.save_ns and self._watch.never_had(line.save_ns, before_its_end=False)
                # where its election key should have no value, or a client wanted it, no line tells its end
                pending = line if open_ and line.text and not by_client else None
                by_client = False
            elif line.step is LogStep.SYNC_START and self._kind is Kind.TSO:
                pending, by_client = None, True
            elif line.step in _ENDS_AN_ATTEMPT:
                pending = None

    def _starts(self) -> Iterator[Contradiction]:
        """What a server does that started otherwise than its log tells."""
        for line in self._log.lines:
            if line.step is LogStep.SYNC_SAVED and line.save_ns and line.next_ns:
                windows = self._windows(line.where)
                if windows and line.save_ns - line.next_ns not in windows:
                    yield self._another_interval(line, windows)
            elif line.step is LogStep.SAVE_ATTEMPT and line.fenced is not None:
                checks = False if self._kind is Kind.TSO else self._serves(line.at_ns)
                if checks is not None and line.fenced is not checks:
                    yield self._lacks(line, "find_no_primary", "the log would tell of a start in that mode")
            elif line.step is LogStep.LEASE_GRANTED and line.key is not None and line.lease_s:
                asked = self._leases_asked(line.where)
                if asked and line.lease_s not in asked:
                    yield self._lacks(line, "restart", "the log would tell of a start with that lease")
            elif line.step in _SWITCHES and self._kind is Kind.PD and self._serves(line.at_ns):
                yield self._lacks(line, "restart", "the log would tell of a start in that mode")

    def _another_interval(self, line: LogEvent, windows: Collection[int]) -> Contradiction:
        """A sync with a save interval that its start does not tell: PD takes it from there, and keeps it
        (`pkg/tso/tso.go`, `saveInterval`)."""
        starts = [each for each in self._log.lines if each.step is LogStep.SERVER_START]
        before = [start for start in starts if start.where.place < line.where.place]
        start = (before[-1:] or starts[:1] or [line])[0]
        by = f"{((line.save_ns or 0) - (line.next_ns or 0)) / 1e9:g} s"
        interval = " or ".join(f"{window / 1e9:g} s" for window in sorted(windows))
        lacks = self._lacks(line, "sync_begin", "the log would tell of that save interval")
        said = f"{line.where} saves {by} ahead, and {start.where} tells a save interval of {interval}"
        what = f"lines of the log of {self._log.server} contradict each other: {said}"
        return replace(lacks, instead=f"{what}; or a start between them is missing")

    def _ended(self) -> Iterator[Contradiction]:
        """What a server does that has exited, or leads no more."""
        ended: LogEvent | None = None
        tries, led = 0, True  # a log may begin in the middle of a term
        for line in self._log.lines:
            if line.step is LogStep.STEP_DOWN and not led and self._tells_campaigns:
                yield self._lacks(line, "campaign", "the log would tell of its election")
            led = line.step is not LogStep.SERVER_START and (led or line.step in _LEADS)
            if line.step is LogStep.SERVER_START:
                ended = None
            elif line.step is LogStep.SERVER_EXIT or (ended is None and line.step is LogStep.STEP_DOWN):
                ended, tries = line, 0
            elif ended is None:
                continue
            elif line.step is LogStep.STEP_DOWN and ended.step is LogStep.STEP_DOWN:
                if self._tells_campaigns:
                    yield self._lacks(line, "campaign", "the log would tell of its election")
                ended, tries = line, 0
            elif line.step in _BEGINS or (line.step, ended.step) == _RUNS_ON:
                if ended.step is LogStep.STEP_DOWN:
                    if line.step is LogStep.SYNC_START and self._kind is Kind.PD and self._tells_campaigns:
                        yield self._lacks(line, "campaign", "the log would tell of its election")
                    ended = None
                elif line.at_ns > ended.at_ns + _CLOSING_NS:
                    yield self._lacks(line, "restart", "the log would tell of its start")
                    ended = None
            elif line.step in _TRIES and (tries := tries + 1) > LATE_TRIES:
                began = "campaign" if ended.step is LogStep.STEP_DOWN else "restart"
                yield self._lacks(line, began, f"the log would tell of its {_BEGAN[began]}")
                ended = None

    def _kept(self) -> Iterator[Contradiction]:
        """Servers that stepped down, and whose election keys stay: they keep their leases alive no more."""
        elected = 0
        ahead_ns = self._watch.ahead_of_receipts(self._log.lines)
        behind_ns = LONG_NS if ahead_ns is None else -ahead_ns
        gone_ns = behind_ns + 2 * self._lease_ns + LONG_NS
        for line in self._log.lines:
            if line.step is LogStep.ELECTED:
                elected = line.revision or 0
            elif line.step in (LogStep.SERVER_START, LogStep.CAMPAIGN_START):
                elected = 0
            elif (
                line.step is LogStep.STEP_DOWN
                and elected
                and self._watch.still_held(self._log.server, elected, line.at_ns + gone_ns)
            ):
                yield self._lacks(line, "drop_own_key", "etcd would show that its election key went")

    def _leaves(self) -> Iterator[Contradiction]:
        """Servers that were told to exit, or say that they step down, while they served, and say nothing of
        it long after."""
        serves = False
        left: LogEvent | None = None
        for line in self._log.lines:
            if line.step is LogStep.READY:
                serves = True
            elif line.step in _LEAVES and serves and left is None and self._tells_how(line):
                left = line
            elif line.step in _STOPS_TO_SERVE or line.step is LogStep.SERVER_START:
                if left is not None and line.at_ns > left.at_ns + TOLD_NS:
                    break
                serves, left = False, None
        if left is not None and self._log.end_ns > left.at_ns + TOLD_NS:
            yield self._lacks(left, "stop", "the log goes on and would tell that it stopped to serve")

    def _tells_how(self, line: LogEvent) -> bool:
        """Whether lines follow one of a server that leaves: of its lease since 8.3, else of its allocator,
        which a PD in API mode may not have."""
        told = any(each.step is LogStep.KEEP_ALIVE_STOPPED for each in self._log.lines)
        return told or line.step is LogStep.SERVER_EXIT or self._serves(line.at_ns) is not False

    def _refused(self) -> Iterator[Contradiction]:
        """Refused updates of which nothing more is told: not that they were tried again or given up, nor
        that the memory was cleared then."""
        resets = any(line.step is LogStep.RESET for line in self._log.lines)
        passed_on = cleared = FOREVER
        for line in reversed(self._log.lines):
            until = line.at_ns + TOLD_NS
            if line.step in _CLEARS:
                cleared = line.at_ns
            if line.attempt is not Attempt.UPDATE:
                continue
            if line.passed_on:
                passed_on = line.at_ns
            if self._log.end_ns <= until:
                continue
            if passed_on > until:
                yield self._lacks(line, "update_begin", "the log would tell what became of that update")
            elif line.given_up and resets and cleared > until:
                yield self._lacks(line, "reset", "the log would tell that its memory was cleared")

    def _terms(self) -> Iterator[Contradiction]:
        """Terms that go on although their leases are no longer kept alive."""
        serves = False
        released: LogEvent | None = None
        for line in self._log.lines:
            if line.step is LogStep.READY:
                serves = True
            elif line.step is LogStep.KEEP_ALIVE_STOPPED and line.key in ELECTIONS:
                released = released or (line if serves else None)
            elif line.step in _ENDS_A_TERM:
                serves, released = False, None
            elif released is not None and line.at_ns > released.at_ns + self._lease_ns + TOLD_NS:
                break  # whatever ends a term later does not end this one
        if released is not None and self._log.end_ns > released.at_ns + self._lease_ns + TOLD_NS:
            yield self._lacks(released, "reset", "the log goes on and would tell that its term ended")

    def _reasons(self) -> Iterator[Contradiction]:
        """Memories of those that serve that are cleared for no reason."""
        served = told = given_up = False
        lines = self._log.lines
        for index, line in enumerate(lines):
            if line.step is LogStep.READY:
                served, told = True, given_up  # what an update of the term before resets is this one's
            elif line.step in _REASONS:
                told, given_up = True, line.given_up
            elif line.step is LogStep.RESET:
                after = {
                    each.step
                    for each in lines[index + 1 : index + 1 + _SOON]
                    if each.at_ns <= line.at_ns + TOLD_NS
                }
                if served and not told and LogStep.SERVER_EXIT not in after:
                    yield self._lacks(line, "reset", "the log would tell why")
                served = given_up = False

    def _syncs(self) -> Iterator[Contradiction]:
        """Syncs of a PD, one after another: those of which no line tells why or that they began, or how they
        ended."""
        tells_begins = any(line.step is LogStep.SYNC_START for line in self._log.lines)
        if self._kind is not Kind.PD or not tells_begins:
            return
        open_ = begun = tried = synced = False
        for line in self._log.lines:
            if line.step is LogStep.SYNC_START:
                if open_:
                    yield self._lacks(line, "sync_load", "the log would tell how the sync before ended")
                elif synced:
                    yield self._lacks(line, "sync_load", "the log would tell that its memory was cleared")
                open_ = begun = tried = True
            elif not (begun if line.step in _OF_SYNCS else tried or line.attempt is not Attempt.SYNC):
                yield self._lacks(line, "sync_load", "the log would tell that the sync began")
            if line.step in _ENDS_A_SYNC:
                open_ = False
                synced = line.step in _SYNCED or (synced and line.step is LogStep.SAVE_REFUSED)
            if line.step in _SYNCED:
                begun = False
            if line.step in _SYNCED or line.attempt is Attempt.SYNC:
                tried = False

    def _kept_alive(self) -> Iterator[Contradiction]:
        """Leases that were kept alive without a grant."""
        granted: defaultdict[Key | None, int] = defaultdict(int)
        tells_grants = any(line.step is LogStep.LEASE_GRANTED for line in self._log.lines)
        for line in self._log.lines:
            if line.step is LogStep.SERVER_START:
                granted.clear()
            elif line.step is LogStep.LEASE_GRANTED:
                granted[line.key] += 1
            elif line.step is LogStep.KEEP_ALIVE_STOPPED and tells_grants:
                if not granted[line.key]:
                    yield self._lacks(line, "campaign", "the log would tell of the grant of its lease")
                else:
                    granted[line.key] -= 1

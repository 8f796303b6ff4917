"""What a server's log says of its role, and would not without lines that it lacks.

Each row is read off PD's code at its releases: `leaderLoop` and `campaignLeader` in `server/server.go`,
`primaryElectionLoop` and `campaignPrimary` in `pkg/tso/allocator.go` (`global_allocator.go` to 8.5), `Watch`
in `pkg/election/leadership.go`, `KeepAlive` in `lease.go`, `updateTimestamp` in `pkg/tso/tso.go`,
`checkTSOService` in `server/cluster/cluster.go`, `expected_primary.go` in `pkg/mcs/utils`. One goroutine
follows, campaigns and serves, so that its lines stand in this order.

| line | what a log that nobody filtered would tell before it |
|---|---|
| CAMPAIGN_REFUSED, LEASE_GRANTED of a PD's election key | CAMPAIGN_START, and no election since |
| HOLDER_CHANGED, KEY_DELETED of the key that it campaigns for | FOLLOWING |
| CAMPAIGN_START, CAMPAIGN_SKIPPED, FOLLOWING after FOLLOWING | HOLDER_CHANGED |
| all of these, and ELECTED, READY, KEY_REMOVED, EXPECTED_DELETED, of one that serves | that it stepped down |
| PROVIDER_TSO, PROVIDER_PD, EXPECTED_DELETED, SYNC_START of a PD | its election |
| PROVIDER_TSO after PROVIDER_TSO | PROVIDER_PD |
| EXPECTED_SET | its election, or TRANSFER |
| KEEP_ALIVE_SLOW, KEEP_ALIVE_FAILED, REVOKE_FAILED | LEASE_GRANTED |
| CLOCK_OFFSET, LOGICAL_LOW, ALLOCATOR_CLOSED, RESET of a PD that does not lead | the sync that set memory |
| SAVE_REFUSED of an update | that it synced once |
| the first line of a process, but for the first of the log | it is followed by its settings |
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from ...model.language.transition import Kind
from ..sources.observation import MAX_NS, NS_PER_MS, Attempt, Key, LogEvent, LogStep, Where
from .logs import Log
from .watched import Contradiction

_ELECTED = frozenset({LogStep.ELECTED, LogStep.CAMPAIGN_WON, LogStep.READY})
#: after whom the loop watches no more
_CAMPAIGNS = frozenset({LogStep.CAMPAIGN_START, LogStep.CAMPAIGN_SKIPPED, LogStep.FOLLOWING})
#: whoever writes these does not serve
_ROUND = _ELECTED | _CAMPAIGNS | {LogStep.CAMPAIGN_REFUSED, LogStep.HOLDER_CHANGED, LogStep.KEY_REMOVED}
#: so does one that has won a campaign
_NOT_YET = _ROUND | {LogStep.EXPECTED_DELETED}
_STEPS_DOWN = frozenset({LogStep.STEP_DOWN, LogStep.SERVER_EXIT})
_PROVIDERS = frozenset({LogStep.PROVIDER_TSO, LogStep.PROVIDER_PD})
_OF_LEADERS = _PROVIDERS | {LogStep.EXPECTED_DELETED}
_OF_LEASES = frozenset({LogStep.KEEP_ALIVE_SLOW, LogStep.KEEP_ALIVE_FAILED, LogStep.REVOKE_FAILED})
_OF_MEMORY = frozenset({LogStep.CLOCK_OFFSET, LogStep.LOGICAL_LOW, LogStep.ALLOCATOR_CLOSED})
_SYNCED = frozenset({LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED})
_CLEARED = frozenset({LogStep.RESET, LogStep.ALLOCATOR_CLOSED})
#: within that others have written what they were about as a term or a memory ended
_LATE_NS = 3_000 * NS_PER_MS
_NEVER = -_LATE_NS


def roles(log: Log, kind: Kind, begun: Sequence[Where]) -> Iterator[Contradiction]:
    """The lines that tell of a role which lines that are not there would have told of; ``begun``: where its
    processes write their first lines, but for that with which the log begins."""
    yield from _begun(log, begun)
    process = _Process(kind)
    for _, of_one in groupby(log.lines, key=attrgetter("at_ns")):
        waiting = [*of_one]
        while waiting:  # those of one millisecond in any order in which nothing is missing
            line = next((each for each in waiting if not process.lacks(each)), waiting[0])
            waiting.remove(line)
            if line.step is LogStep.SERVER_START:
                process = _Process(kind)
            elif lacks := process.lacks(line):
                transition, what = lacks
                if line.step is not LogStep.RESET or not _exits(log, line, process.exits):
                    denied = f"the log would tell that it {what}"
                    yield Contradiction(line.where, line.revision, transition, log.server, denied)
            process.take(line)


def _begun(log: Log, begun: Sequence[Where]) -> Iterator[Contradiction]:
    """Processes that begin without their settings."""
    by_place = sorted(log.lines, key=_place)
    for where in begun:
        at = bisect(by_place, where.place, key=_place)
        beside = by_place[max(0, at - 1) : at + 1]  # in its millisecond they may stand before that line
        if at < len(by_place) and not any(line.step is LogStep.SERVER_START for line in beside):
            what = "the log would tell with which settings it started"
            yield Contradiction(where, None, "restart", log.server, what)


def _place(line: LogEvent) -> int:
    return line.where.place


def _exits(log: Log, line: LogEvent, exits: bool) -> bool:
    """Whether its process ends about then: its allocator is closed with it."""
    later = next((each.step for each in log.lines if each.where.place > line.where.place), None)
    return exits or later in (None, LogStep.SERVER_EXIT, LogStep.SERVER_START)


class _Process:
    """What the lines of one process have told so far."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._own = Key.PRIMARY if kind is Kind.TSO else Key.LEADER
        self.exits = False
        self._campaigns = self._watches = self._serves = self._may_expect = False
        self._provider: LogStep | None = None
        self._granted: set[Key | None] = set()
        #: when it last stopped to watch
        self._watched_ns = _NEVER
        #: until when it leads, and has something in memory
        self._leads_until = self._remembers_until = _NEVER

    def lacks(self, line: LogEvent) -> tuple[str, str] | None:
        """The step of which no line tells although this one follows from it, and what it would tell."""
        step, is_pd = line.step, self._kind is Kind.PD
        own = line.key is self._own
        leads = line.at_ns <= self._leads_until + _LATE_NS
        remembers = line.at_ns <= self._remembers_until + _LATE_NS
        campaigns = step is LogStep.CAMPAIGN_REFUSED or (step is LogStep.LEASE_GRANTED and own and is_pd)
        watched = step is LogStep.HOLDER_CHANGED or (step is LogStep.KEY_DELETED and own)
        of_memory = step in _OF_MEMORY or (step is LogStep.RESET and is_pd and not leads)
        if self._serves and step in _NOT_YET:
            return "campaign", "stepped down"
        if campaigns and not self._campaigns:
            return "campaign", "began to campaign"
        if watched and not (self._watches or line.at_ns == self._watched_ns):
            return "campaign", "began to watch that key"
        if step in _CAMPAIGNS and self._watches:
            return "campaign", "watches no longer"
        if not leads and (step in _OF_LEADERS or (step is LogStep.SYNC_START and is_pd)):
            return "campaign", "was elected"
        if step is LogStep.PROVIDER_TSO and self._provider is step:
            return "sync_load", "provided timestamps again"
        if step is LogStep.EXPECTED_SET and not self._may_expect:
            return "campaign", "was elected, or makes way"
        if step in _OF_LEASES and line.key is not None and line.key not in self._granted:
            return "campaign", "was granted that lease"
        if of_memory and not remembers:
            return "sync_load", "synced"
        if line.attempt is Attempt.UPDATE and self._remembers_until == _NEVER:
            return "sync_load", "synced"
        return None

    def take(self, line: LogEvent) -> None:
        step = line.step
        self.exits |= step is LogStep.SERVER_EXIT
        self._serves = step is LogStep.READY or (self._serves and not self._ends(step))
        self._campaigns = step is LogStep.CAMPAIGN_START or (self._campaigns and step not in _ELECTED)
        self._watches = step is LogStep.FOLLOWING or (self._watches and step is not LogStep.HOLDER_CHANGED)
        if step is LogStep.HOLDER_CHANGED:
            self._watched_ns = line.at_ns
        if step in (LogStep.ELECTED, LogStep.TRANSFER, LogStep.EXPECTED_SET):
            self._may_expect = step is not LogStep.EXPECTED_SET
        if step in _PROVIDERS:
            self._provider = step
        if step is LogStep.LEASE_GRANTED:
            self._granted.add(line.key)
        if step in _SYNCED:
            self._remembers_until = MAX_NS
        elif step in _CLEARED:
            self._remembers_until = min(self._remembers_until, line.at_ns)
        if step in _ELECTED:
            self._leads_until = MAX_NS
        elif step in _ROUND or step in _STEPS_DOWN:
            self._leads_until = min(self._leads_until, line.at_ns)

    def _ends(self, step: LogStep) -> bool:
        """Whether a term ends; that of a TSO server also where it leaves the keyspace group."""
        return step in _STEPS_DOWN or (step is LogStep.RESET and self._kind is Kind.TSO)

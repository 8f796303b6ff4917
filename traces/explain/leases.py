"""Polls of etcd's leases against the watch and the logs: which keys had one, and how long it was granted for.

A poll is no transaction: its keys are read a little before its revision, or after it, and by another member.
So of a revision is only said what an earlier poll of the file had seen long before, by the same clock.

| poll | what is denied |
|---|---|
| `elections` | an election key that had gone, or that never had that lease |
| `granted_s` | less than a log asked for, or more than that and than any member grants at least |
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

from ..sources.leases import LeasePoll
from ..sources.observation import LogEvent, LogStep
from ..sources.trace import Trace
from .seen import LATE_NS
from .watched import Contradiction, Watch


def polled(trace: Trace, watch: Watch) -> Iterator[Contradiction]:
    """What polls of leases say and others deny, once of each lease."""
    asked = {line.lease: line for line in trace.logs if line.step is LogStep.LEASE_GRANTED and line.lease}
    least_s = [start.least_lease_s for start in trace.starts if start.least_lease_s]
    found: dict[int, Contradiction] = {}
    for poll, since in zip(trace.polls, _since(trace.polls), strict=True):
        if poll.lease not in found:
            line = asked.get(poll.lease)
            denied = _granted(poll, line, least_s) if line is not None else None
            if denied := denied or _held(poll, since, watch):
                found[poll.lease] = denied
    yield from found.values()


def _since(polls: Sequence[LeasePoll]) -> Iterator[int]:
    """Of each poll the revision at which etcd had been long before, as earlier ones of its file tell."""
    before: defaultdict[str, deque[LeasePoll]] = defaultdict(deque)
    known: defaultdict[str, int] = defaultdict(int)
    for poll in polls:
        file = poll.where.file
        while before[file] and before[file][0].received_ns + 2 * LATE_NS < poll.asked_ns:
            known[file] = max(known[file], before[file].popleft().revision)
        before[file].append(poll)
        yield known[file]


def _granted(poll: LeasePoll, line: LogEvent, least_s: Sequence[int]) -> Contradiction | None:
    """A grant for less or more than a server asked for: etcd `lessor.Grant` lengthens short ones to what a
    member grants at least, and a lease that is gone was granted for nothing."""
    asked_s = line.lease_s or 0
    more = bool(least_s) and poll.granted_s > max(asked_s, *least_s)
    if not asked_s or not poll.granted_s or not (poll.granted_s < asked_s or more):
        return None
    denied = f"etcd granted that lease for {poll.granted_s} s ({poll.where})"
    return Contradiction(line.where, None, "campaign", line.server, denied)


def _held(poll: LeasePoll, since: int, watch: Watch) -> Contradiction | None:
    """An election key that did not have that lease then."""
    if not poll.elections:
        return None
    event = watch.election_with(poll.lease)
    if event is None:
        never = watch.never_elected_with(poll.lease, poll.received_ns)
        denied = "etcd shows no election key with that lease" if never else ""
    else:
        gone = watch.gone(event, since)
        denied = f"etcd shows that this key had gone at revision {gone}" if gone else ""
    server = (event.server if event is not None else None) or ""
    return Contradiction(poll.where, poll.revision, "lease_runs_out", server, denied) if denied else None

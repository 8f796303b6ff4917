"""What one source says and another one denies, whoever did what: no fence and no build explains it.

A log's line names a revision, a lease or a value of the timestamp key. The watch denies it only where it
must show it: at a revision that is in no gap, among writes of the timestamp key of which none is missing,
and not after its end. A line that is not there denies nothing (`lacking.py`), so what is cut, filtered or has
holes is not accused. Clocks are compared only where a line must be older than the watch's end.

| line | what etcd must show |
|---|---|
| ELECTED | that server's election key put, at that revision, with the lease granted just before |
| LEASE_GRANTED | no election key with that lease that is another's, or of before |
| ELECTED, SYNC_SAVED | revisions in the order of the lines, or told within two seconds |
| SYNC_START, then SYNC_SAVED | a higher revision than those told before the sync began |
| SYNC_SAVED | `save` and `last` as values of the timestamp key |
| WINDOW_LOADED, CLOCK_BEHIND, SYNC_SKIPPED | a value of that key; for a PD, not one it knew to be past |
| WINDOW_LOADED of a PD, then SYNC_SAVED | that the sync goes on from no less than that |
| SAVE_REFUSED as not greater | the previous value; and that what was to be saved is not greater |
| SAVE_REFUSED of a PD as not leader, in a term | that its election key was another's, or gone |
| SAVE_REFUSED of a PD by the fence | that there was a TSO primary |
| several SYNC_SAVED of one value | as many writes of it |
| WINDOW_SAVED | `save` as a value of the timestamp key |
| SAVE_ATTEMPT, KEY_OF_ANOTHER | the election key of such a server, with a value that names it |
| SAVE_ATTEMPT | that it checks as at other saves of that term |
| KEY_REMOVED | the election key of such a server |
| KEY_DELETED | a deletion of that key by that revision, after the one and the election that it told before |
| EXPECTED_DELETED | as many deletions of that key |
| FOLLOWING | that whom it follows held the election key |

Where a log names the key of an election, that is of no other keyspace group. A SYNC_SAVED agrees with
itself: `next` is above `last`, and below `save` by an interval that somebody may have set. One transaction
elects, and one line tells of it, in the log of one server. A SYNC_SKIPPED loaded what the server had saved
last. A lease is granted to one server. And etcd agrees with itself (`watched.py`), and with polls of its
leases (`leases.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ...model.language.transition import Kind
from ..sources.observation import ELECTIONS, NS_PER_MS, Key, LogEvent, LogStep, Refusal, Where
from ..sources.servers import Servers, address
from ..sources.settings import Name, ServerStart
from ..sources.trace import Trace
from .answers import Answers
from .lacking import Lacking
from .leases import polled
from .logs import Log, logs_of
from .seen import LATE_NS, LATE_TRIES
from .watched import Contradiction, Watch

_TRIED = re.compile(r"timestamp (\d{1,19}) is less than or equal to the previous one (\d{1,19})")


@dataclass(frozen=True, slots=True)
class Found:
    """`denied`: every place that another one denies, those in logs first; `lacking`: those before which lines
    are missing in a log; `taken`: what is taken for granted of calls, empty if nothing is."""

    denied: tuple[Contradiction, ...]
    lacking: tuple[Contradiction, ...]
    taken: str


def contradictions(trace: Trace, servers: Servers) -> Found:
    """What the sources of a trace deny of each other, and what logs that look whole do not tell."""
    watch = Watch(trace)
    logs = logs_of(trace, servers)
    starts = _starts(trace)
    elections = any(line.step is LogStep.ELECTED for line in trace.logs)
    lacking = [
        each
        for log in logs
        for each in Lacking(
            log,
            servers.kinds[log.number - 1],
            partial(_told, starts[log.server], "save_interval_ns"),
            partial(_told, starts[log.server], "lease_s"),
            watch,
            elections,
            partial(servers.in_service_mode, log.number),
            _begun(trace, log),
        ).places()
    ]
    denied = [
        each for log in logs for each in _Against(log, servers.kinds[log.number - 1], watch).contradictions()
    ]
    denied += _of_two(logs, watch)
    denied += polled(trace, watch)
    lacking += _other_mode(trace, servers)
    answers = Answers(trace, servers, watch, logs)
    taken = f"calls above every window after the watch's end ({answers.beyond})"
    return Found(
        (*denied, *watch.itself(), *answers.denied),
        (*lacking, *answers.lacking),
        taken if answers.beyond else "",
    )


def _other_mode(trace: Trace, servers: Servers) -> Iterator[Contradiction]:
    """A PD that led in API mode, as etcd shows, where all that led say that they did not."""
    led = {event.server for event in trace.keys if event.key is Key.LEADER and event.put}
    starts = [start for start in trace.starts if start.server in led]
    told = any(start.api_mode is not False for start in starts) or servers.untold or trace.gaps
    if trace.api_mode and starts and not told:
        what = "etcd shows that a PD led in API mode, and its log would tell of such a start"
        yield Contradiction(starts[0].where, None, "restart", starts[0].server, what)


def _starts(trace: Trace) -> defaultdict[str, list[ServerStart]]:
    """The starts of each server, in their order."""
    found: defaultdict[str, list[ServerStart]] = defaultdict(list)
    for start in trace.starts:
        found[start.server].append(start)
    return found


def _begun(trace: Trace, log: Log) -> list[Where]:
    """Where the processes of a server began that its log tells of, but for the first."""
    told = (each.where for each in trace.versions if each.server == log.server)
    return [where for where in told if where.file == log.lines[0].where.file][1:]


def _told(starts: Sequence[ServerStart], name: Name, where: Where) -> frozenset[int]:
    """A setting that a server runs with there; empty: not all of its starts dump it."""
    values: list[int] = [value for start in starts if (value := getattr(start, name))]
    if len(values) < len(starts):
        return frozenset()
    here = [start for start in starts if start.where.file == where.file and start.where.place < where.place]
    last = max(here, key=lambda start: start.where.place, default=None)
    return frozenset(values) if last is None else frozenset({getattr(last, name)})


def _of_two(logs: Sequence[Log], watch: Watch) -> Iterator[Contradiction]:
    """What several lines tell, of one or more servers, and only one of them can have done."""
    leases: dict[int, LogEvent] = {}
    elected: dict[int, LogEvent] = {}
    syncs: defaultdict[int, list[LogEvent]] = defaultdict(list)
    for line in sorted((line for log in logs for line in log.lines), key=lambda line: line.at_ns):
        if line.step is LogStep.LEASE_GRANTED and line.lease:
            owner = leases.setdefault(line.lease, line)
            if owner.server != line.server:
                denied = f"etcd grants each lease once, and granted this one to {owner.server}"
                yield Contradiction(line.where, None, "campaign", line.server, denied)
        elif line.step is LogStep.ELECTED and line.revision:
            owner = elected.setdefault(line.revision, line)
            if owner.server != line.server:
                denied = f"{owner.where} tells that {owner.server} was elected at that revision"
                yield Contradiction(line.where, line.revision, "campaign", line.server, denied)
        elif line.step is LogStep.SYNC_SAVED and line.save_ns:
            syncs[line.save_ns // NS_PER_MS].append(line)
    for lines in syncs.values():
        first, *more = lines
        many = watch.writes_of(first.save_ns or 0)
        for line in more[max(many - 1, 0) :] if many else ():
            denied = f"etcd shows that this was saved once, and {first.where} tells who saved it"
            yield Contradiction(line.where, None, "commit", line.server, denied)


class _Against:
    """The lines of one server in one file, against the watch."""

    def __init__(self, log: Log, kind: Kind, watch: Watch) -> None:
        self._lines = log.lines
        self._set_back = log.set_back
        self._tells_all = log.tells_all
        self._server = log.server
        self._kind = kind
        self._watch = watch
        self._before_end = self._certainly_before_the_end()

    def contradictions(self) -> Iterator[Contradiction]:
        yield from self._elections()
        yield from self._told_late()
        yield from self._values()
        yield from self._overwritten()
        yield from self._loaded()
        yield from self._keys()
        yield from self._attempts()
        yield from self._followed()
        yield from self._deleted()
        yield from self._expected()
        if self._kind is Kind.PD:
            yield from self._refused_as_no_leader()
            yield from self._refused_by_nobody()

    def _certainly_before_the_end(self) -> list[bool]:
        """Of each line, whether it was written before the watch's end: never where lines are in no order."""
        if self._set_back:
            return [False] * len(self._lines)
        ahead_ns = self._watch.ahead_of_receipts(self._lines)
        certain = False
        found = []
        for line in reversed(self._lines):
            certain |= self._watch.before_its_end(line, ahead_ns)
            found.append(certain)
            certain |= self._watch.revision_of(line) is not None
        return found[::-1]

    def _denied(self, line: LogEvent, transition: str, denied: str) -> Contradiction:
        return Contradiction(line.where, line.revision, transition, self._server, denied)

    # --- elections -------------------------------------------------------------------------------

    def _elections(self) -> Iterator[Contradiction]:
        granted: LogEvent | None = None
        first: dict[int, LogEvent] = {}
        last: LogEvent | None = None
        for line, before_end in zip(self._lines, self._before_end, strict=True):
            if line.step is LogStep.LEASE_GRANTED and line.key in ELECTIONS:
                granted = line
                if line.lease and first.setdefault(line.lease, line).at_ns != line.at_ns:
                    yield self._denied(line, "campaign", "etcd grants each lease once")
                yield from self._granted(line, last)
            elif line.step is LogStep.ELECTED and line.revision:
                campaign = granted is not None and self._one_campaign(granted, line, line.revision)
                highest = last.revision or 0 if last else 0
                if last and line.revision < highest and self._follows(line, last):
                    yield self._denied(line, "campaign", f"it was elected at revision {highest} before")
                elif last and line.revision == highest and line.at_ns != last.at_ns:
                    denied = f"it was elected at revision {highest} once, as {last.where} tells"
                    yield self._denied(line, "campaign", denied)
                elif before_end and self._watch.ends_before(line.revision):
                    yield self._denied(line, "campaign", "etcd had not reached that revision")
                last = line if line.revision >= highest else last
                yield from self._elected(line, line.revision, granted.lease if granted and campaign else None)
                granted = None

    def _granted(self, line: LogEvent, told: LogEvent | None) -> Iterator[Contradiction]:
        """The grant of a lease that an election key had which was another's, or told before."""
        event = self._watch.election_with(line.lease)
        if event is None:
            return
        if event.server != self._server:
            denied = f"etcd grants each lease once, and shows that the election key of {event.server} had it"
            yield self._denied(line, "campaign", denied)
        elif told and event.revision <= (told.revision or 0) and self._follows(line, told):
            denied = f"the key that etcd shows at revision {event.revision} had it, before {told.where}"
            yield self._denied(line, "campaign", denied)

    def _told_late(self) -> Iterator[Contradiction]:
        """Elections and saves of which the log tells long after later ones; and saves of syncs that began
        after it had told of these."""
        if self._set_back:
            return
        told: list[tuple[int, LogEvent]] = []
        begun: LogEvent | None = None
        for line in self._lines:
            if line.step is LogStep.SYNC_START and self._tells_all:
                begun = begun or line
            elif line.step is LogStep.SERVER_START:
                begun = None
            revision = self._watch.revision_of(line)
            if revision is None:
                continue
            of_sync = line.step is LogStep.SYNC_SAVED
            later = next((each for at, each in told if at > revision), None)
            since = begun is not None and later is not None and of_sync and _behind(begun, later)
            if later and (since or line.at_ns > later.at_ns + 2 * LATE_NS):
                denied = f"etcd shows that this was at revision {revision}, before {later.where}"
                yield self._denied(line, "commit" if of_sync else "campaign", denied)
            told.append((revision, line))
            begun = None if of_sync else begun

    def _follows(self, line: LogEvent, other: LogEvent) -> bool:
        """Whether a line was written after another one, by its place and by its time."""
        return not self._set_back and line.where.place > other.where.place and line.at_ns > other.at_ns

    def _one_campaign(self, granted: LogEvent, elected: LogEvent, revision: int) -> bool:
        """Whether no campaign can have failed between the grant of a lease and an election."""
        soon = 0 <= elected.at_ns - granted.at_ns <= _CAMPAIGN_NS
        return soon or self._watch.only_holder(self._server, revision)

    def _elected(self, line: LogEvent, revision: int, granted: int | None) -> Iterator[Contradiction]:
        watch = self._watch
        if not watch.tells_of(revision) or (line.key is None and watch.of_another_group(revision)):
            return
        event = watch.election(revision)
        if event is None:
            yield self._denied(line, "campaign", f"etcd shows no election at revision {revision}")
        elif event.server != self._server:
            denied = f"etcd shows that {event.server} was elected at revision {revision}"
            yield self._denied(line, "campaign", denied)
        elif granted and event.lease not in (None, granted) and not watch.elected_with(granted):
            denied = f"the key that etcd shows at revision {revision} has another lease than the log grants"
            yield self._denied(line, "campaign", denied)

    # --- values of the timestamp key -----------------------------------------------------------------

    def _values(self) -> Iterator[Contradiction]:
        for line, before_end in zip(self._lines, self._before_end, strict=True):
            if line.step is LogStep.SYNC_SAVED:
                yield from self._synced(line, before_end=before_end)
            elif line.step is LogStep.WINDOW_SAVED:
                if line.save_ns and self._watch.never_had(line.save_ns, before_its_end=before_end):
                    yield self._denied(line, "commit", "etcd shows that the timestamp key never held that")
            elif line.step in _LOADED:
                if line.last_ns and self._watch.never_had(line.last_ns, before_its_end=before_end):
                    yield self._denied(line, "sync_load", "etcd shows that the timestamp key never held that")
                elif line.step is LogStep.SYNC_SKIPPED and line.last_saved_ns not in (None, line.last_ns):
                    yield self._denied(
                        line, "sync_skip", "a sync is skipped where it loads what was saved last"
                    )
            elif line.refusal is Refusal.NOT_GREATER and (values := _TRIED.search(line.text)):
                yield from self._not_greater(line, int(values[1]), int(values[2]), before_end=before_end)

    def _synced(self, line: LogEvent, *, before_end: bool) -> Iterator[Contradiction]:
        if line.save_ns and self._watch.never_had(line.save_ns, before_its_end=before_end):
            yield self._denied(line, "commit", "etcd shows that the timestamp key never held that")
        elif line.last_ns and self._watch.never_had(line.last_ns, before_its_end=before_end):
            yield self._denied(line, "sync_load", "etcd shows that the timestamp key never held that")
        elif line.next_ns and line.last_ns and line.next_ns <= line.last_ns:
            yield self._denied(line, "sync_begin", "a sync goes on above what it loaded")
        elif line.next_ns and line.save_ns and line.next_ns >= line.save_ns:
            yield self._denied(line, "sync_begin", "a sync goes on below what it saves")
        elif line.next_ns and line.save_ns and (line.save_ns - line.next_ns) % _SETTABLE_NS:
            yield self._denied(line, "sync_begin", "nobody sets such a save interval")

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
        if self._kind is not Kind.PD or self._set_back:
            return  # a client's request may have begun the load at any time before; lines are in no order
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

    def _loaded(self) -> Iterator[Contradiction]:
        """Windows that a PD's sync loads and then tells to be less: it goes on from what it loads last."""
        if self._kind is not Kind.PD or self._set_back:
            return
        load: LogEvent | None = None
        for line in self._lines:
            if line.step in (LogStep.SYNC_START, LogStep.SERVER_START):
                load = None
            elif line.step is LogStep.WINDOW_LOADED:
                load = line
            elif line.step in (LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED):
                if load is not None and (load.last_ns or 0) // NS_PER_MS > (line.last_ns or 0) // NS_PER_MS:
                    yield self._denied(
                        load, "sync_load", f"its sync tells that it loaded less ({line.where})"
                    )
                load = None

    def _refused_as_no_leader(self) -> Iterator[Contradiction]:
        """Saves refused in a term, long before its key was another's or gone."""
        ahead_ns = self._watch.ahead_of_receipts(self._lines)
        if ahead_ns is None or self._set_back:
            return
        of_before, until = 0, 0
        for line, before_end in zip(self._lines, self._before_end, strict=True):
            if line.step is LogStep.SERVER_START:
                of_before = until = 0
            elif line.step is LogStep.ELECTED and line.revision:
                until = self._watch.holds_until(self._server, line.revision) or 0
            elif line.step in _LEADS_NO_MORE:
                of_before, until = LATE_TRIES, 0
            elif line.refusal is Refusal.LEADERSHIP and until:
                of_before -= 1
                if of_before < 0 and before_end and line.at_ns - ahead_ns + 2 * LATE_NS < until:
                    denied = "etcd shows that its election key was its own"
                    yield self._denied(line, "refused_not_leader", denied)

    def _refused_by_nobody(self) -> Iterator[Contradiction]:
        """Saves refused for the sake of a TSO primary, where there never was one."""
        if self._watch.holders(Key.PRIMARY) != frozenset():
            return
        for line, before_end in zip(self._lines, self._before_end, strict=True):
            if line.refusal is Refusal.FENCE and before_end:
                yield self._denied(line, "refused_by_fence", "etcd shows that there never was a TSO primary")

    # --- election keys ---------------------------------------------------------------------------

    def _keys(self) -> Iterator[Contradiction]:
        """Lines about the own election key that name the other one, or another's."""
        own = Key.PRIMARY if self._kind is Kind.TSO else Key.LEADER
        for line in self._lines:
            if line.step not in _OF_OWN_KEY:
                continue
            if line.key in ELECTIONS and line.key is not own:
                yield self._denied(line, _OF_OWN_KEY[line.step], "it is not that server's election key")
            if self._kind is Kind.PD and _named(line.text) not in ("", self._server):
                yield self._denied(line, _OF_OWN_KEY[line.step], "its election key has a value that names it")

    def _followed(self) -> Iterator[Contradiction]:
        """Servers that are followed although they never led."""
        holders = self._watch.holders(Key.PRIMARY if self._kind is Kind.TSO else Key.LEADER)
        for line, before_end in zip(self._lines, self._before_end, strict=True):
            told = line.step is LogStep.FOLLOWING and line.text and holders is not None
            if told and before_end and address(line.text) not in (holders or ()):
                yield self._denied(line, "campaign", f"etcd shows that {line.text} never led")

    def _deleted(self) -> Iterator[Contradiction]:
        """Election keys that a server saw go, and that did not: it watches a key that it has seen, or that
        another one took when its own was gone. The revision is that where its watch was, or a later one."""
        if self._set_back:
            return
        told: dict[Key, int] = {}
        for line, before_end in zip(self._lines, self._before_end, strict=True):
            if line.key not in ELECTIONS or not line.revision:
                continue
            if line.step is LogStep.KEY_DELETED:
                if before_end and self._watch.ends_before(line.revision):
                    yield self._denied(line, "lease_runs_out", "etcd had not reached that revision")
                since = told.get(line.key, 0)
                if self._watch.kept(line.key, since, line.revision):
                    denied = f"etcd shows that this key was not deleted after revision {since}, until then"
                    yield self._denied(line, "lease_runs_out", denied)
            if line.step is LogStep.ELECTED or (
                line.step is LogStep.KEY_DELETED and self._watch.deletes(line.key, line.revision)
            ):
                told[line.key] = max(told.get(line.key, 0), line.revision)

    def _expected(self) -> Iterator[Contradiction]:
        """Deletions of the expected primary beyond those that etcd shows: a server tells of one that it made,
        of a key that was there (`DeleteExpectedPrimaryFlag` in `pkg/mcs/utils/expected_primary.go`)."""
        lines = zip(self._lines, self._before_end, strict=True)
        told = [line for line, before in lines if before and line.step is LogStep.EXPECTED_DELETED]
        many = self._watch.deletions(Key.EXPECTED_PRIMARY)
        for line in told[many:] if many is not None else ():
            denied = f"etcd shows {many or 'no'} deletions of the expected primary"
            yield self._denied(line, "expected_key_goes", denied)

    def _attempts(self) -> Iterator[Contradiction]:
        """Attempts to save that are not as that server makes them, or not as it made others in that term."""
        own = Key.PRIMARY if self._kind is Kind.TSO else Key.LEADER
        checked: dict[int, bool] = {}
        for line in self._lines:
            if line.step is not LogStep.SAVE_ATTEMPT:
                continue
            if line.fenced and self._kind is Kind.TSO:
                yield self._denied(line, "find_no_primary", "only a PD looks for a TSO primary")
            term = self._watch.term_of(line.save_ns or 0, own)
            if term is None or line.fenced is None:
                continue
            if checked.setdefault(term, line.fenced) is not line.fenced:
                denied = "in one term a server looks for a TSO primary at each of its saves, or at none"
                yield self._denied(line, "find_no_primary", denied)


def _behind(line: LogEvent, other: LogEvent) -> bool:
    """Whether a line of a log in order stands behind another one, be it of the same millisecond."""
    return line.where.place > other.where.place and line.at_ns >= other.at_ns


def _named(value: str) -> str:
    """The name that a PD's value of its election key begins with, as protobuf has it; empty if none."""
    length = ord(value[1]) if value[:1] == "\n" and len(value) > 1 else 0
    return value.encode()[2 : 2 + length].decode(errors="replace") if 0 < length < _ONE_BYTE else ""


#: lines that are about the own election key, and the step of the model
_OF_OWN_KEY = {
    LogStep.SAVE_ATTEMPT: "find_own_key",
    LogStep.KEY_OF_ANOTHER: "find_own_key",
    LogStep.KEY_REMOVED: "drop_own_key",
}
#: after these a server knows of no election key of its own
_LEADS_NO_MORE = frozenset(
    {
        LogStep.STEP_DOWN,
        LogStep.RESET,
        LogStep.KEEP_ALIVE_STOPPED,
        LogStep.ALLOCATOR_CLOSED,
        LogStep.SERVER_EXIT,
        LogStep.CAMPAIGN_START,
    }
)
#: what protobuf writes as one byte
_ONE_BYTE = 1 << 7
#: these tell what a sync loaded
_LOADED = frozenset({LogStep.WINDOW_LOADED, LogStep.CLOCK_BEHIND, LogStep.SYNC_SKIPPED})
#: a campaign that fails and another one take longer
_CAMPAIGN_NS = 50 * NS_PER_MS
#: save intervals are whole multiples of it
_SETTABLE_NS = 100 * NS_PER_MS

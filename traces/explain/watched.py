"""What the watch shows, and of what it would show it: nothing is missing there, and it had not ended yet."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ..sources.intervals import exact
from ..sources.observation import ELECTIONS, NS_PER_MS, Key, KeyEvent, LogEvent, LogStep, Where
from ..sources.servers import address
from ..sources.trace import Trace
from .seen import FOREVER, LATE_NS

#: what a server writes soon is there within that
TOLD_NS = 3_000 * NS_PER_MS
#: clocks differ by less, and lines are written and events received sooner
LONG_NS = 10_000 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The place that is denied, the model's step that it shows, by which server, and what denies it.

    `instead`: what is to be said where that is not that lines are missing.
    """

    where: Where
    revision: int | None
    transition: str
    server: str
    denied: str
    instead: str = ""


class Watch:
    """What the watch shows, and of what it would show it."""

    def __init__(self, trace: Trace) -> None:
        self._events: defaultdict[int, list[KeyEvent]] = defaultdict(list)
        for event in trace.keys:
            self._events[event.revision].append(event)
        self._gaps = trace.gaps
        self._undecoded = trace.undecoded
        self._never_sent = trace.never_sent
        self._keys = trace.keys
        self._last = trace.keys[-1].revision if trace.keys else 0
        self._other_elections = trace.other_elections
        self._no_group_since = 0 if trace.api_mode or trace.gaps else trace.bootstrapped
        received = [event.latest_ns for event in trace.keys if event.latest_ns is not None]
        self._end_ns = min(max(received, default=0), _last_save_ns(trace))
        self.saves = [event for event in trace.keys if event.key is Key.TIMESTAMP]
        values = [event.timestamp_ns or 0 for event in self.saves]
        #: whether no write of the timestamp key is missing, and none is lower than one before
        self.unbroken = (
            bool(values)
            and values == sorted(values)
            and all(each.put for each in self.saves)
            and all(after.version == (before.version or 0) + 1 for before, after in pairwise(self.saves))
        )
        self._values = frozenset(values)
        self._in_ms = [value // NS_PER_MS for value in values]
        first = min(received, default=0)
        self._received = {
            event.revision: event.latest_ns for event in trace.keys if event.latest_ns not in (None, first)
        }
        #: when each save was received, so that it was not saved long before; 0 of what was before the watch
        received_ns = (0 if save.latest_ns == first else save.received_ns or 0 for save in self.saves)
        self._earliest_ns = [*accumulate(received_ns, max)]
        of_saves = sorted(
            (save.latest_ns, (save.timestamp_ns or 0) // NS_PER_MS)
            for save in self.saves
            if save.latest_ns is not None
        )
        self._receipts_ns = [at for at, _ in of_saves]
        self._highest_received = [*accumulate((value for _, value in of_saves), max)]
        self._save_revisions = [save.revision for save in self.saves]
        self._from_first = bool(values) and self.saves[0].version == 1

    def ends_before(self, revision: int) -> bool:
        """Whether a revision is beyond all that the watch has, and all that it is known to lack."""
        others = (*self._other_elections, *(gap.last for gap in self._gaps))
        return bool(self._keys) and revision > max((self._last, *others))

    def tells_of(self, revision: int) -> bool:
        """Whether what happened at a revision is in the watch."""
        return revision <= self._last and not any(gap.first <= revision <= gap.last for gap in self._gaps)

    def misses(self, revision: int) -> bool:
        """Whether a revision is missing among those of the watch."""
        # a gap that begins with what etcd wrote first is of a watch that began late
        return revision < self._last and any(2 < gap.first <= revision <= gap.last for gap in self._gaps)

    def election(self, revision: int) -> KeyEvent | None:
        """The election at a revision."""
        events = self._events.get(revision, ())
        return next((event for event in events if event.key in ELECTIONS and event.put), None)

    def deletes(self, key: Key, revision: int) -> bool:
        """Whether an election key was deleted at a revision."""
        return any(event.key is key and not event.put for event in self._events.get(revision, ()))

    def deletions(self, key: Key) -> int | None:
        """How often a key was deleted; None: nobody knows."""
        whole = self._keys and not self._gaps and not self._undecoded
        return sum(event.key is key and not event.put for event in self._keys) if whole else None

    def still_held(self, server: str, elected: int, at_ns: int) -> bool:
        """Whether an election key that was won at a revision was certainly not gone by a time."""
        until = self.holds_until(server, elected)
        return until is not None and at_ns < min(until, self._end_ns)

    def kept(self, key: Key, since: int, until: int) -> bool:
        """Whether an election key was certainly not deleted after one revision and up to another one."""
        if not since < until <= self._last or any(
            gap.first <= until and gap.last > since for gap in self._gaps
        ):
            return False
        gone = (event.revision for event in self._keys if event.key is key and not event.put)
        return not any(since < revision <= until for revision in gone)

    def of_another_group(self, revision: int) -> bool:
        """Whether the primary of another keyspace group, or of another service, was elected then."""
        return revision in self._other_elections

    def without_group(self, elected: int) -> bool:
        """Whether a PD that was elected at a revision, and began to serve before the watch's end, made no
        keyspace group.

        In API mode it makes the default one before it serves, or once there is TiKV:
        `GroupManager.Bootstrap` in `pkg/keyspace/tso_keyspace_group.go`, since 7.1.
        """
        since = self._no_group_since
        if since < elected:
            return since > 0
        ends = (each.revision for each in self._keys if each.key is Key.LEADER and each.revision > elected)
        until = next(ends, self._last + 1)
        at = [self._received.get(each.revision, 0) for each in self._keys if since < each.revision < until]
        return bool(at) and 0 < at[0] < at[-1] - TOLD_NS

    def had(self, value_ns: int) -> bool:
        """Whether the timestamp key held a value, to the millisecond."""
        at = bisect_right(self._in_ms, value_ns // NS_PER_MS)
        return at > 0 and self._in_ms[at - 1] == value_ns // NS_PER_MS

    def writes_of(self, value_ns: int) -> int:
        """How often the timestamp key was written with values of a millisecond; 0 if some may be missing."""
        ms = value_ns // NS_PER_MS
        if not self.unbroken:
            return 0
        return bisect_right(self._in_ms, ms) - bisect_left(self._in_ms, ms)

    def had_exactly(self, value_ns: int) -> bool:
        return value_ns in self._values

    def never_had(self, value_ns: int, *, before_its_end: bool) -> bool:
        """Whether the timestamp key certainly never held a value, to the millisecond.

        ``before_its_end``: it would have held it before the watch's end; else that is only certain of values
        that a later one in the watch exceeds.
        """
        if not self.unbroken or self.had(value_ns):
            return False
        if not self._from_first and value_ns // NS_PER_MS <= self._in_ms[0]:
            return False
        return before_its_end or value_ns // NS_PER_MS < self._in_ms[-1]

    def overwritten(self, value_ns: int) -> int | None:
        """The value (ms) that followed the only one of that millisecond."""
        ms = value_ns // NS_PER_MS
        at = bisect_right(self._in_ms, ms)
        once = (
            self.unbroken and at > 0 and self._in_ms[at - 1] == ms and (at < 2 or self._in_ms[at - 2] != ms)
        )
        return self._in_ms[at] if once and at < len(self._in_ms) else None

    def revision_of(self, line: LogEvent) -> int | None:
        """At which revision the watch shows what a line tells, of elections and syncs."""
        if line.step is LogStep.ELECTED:
            event = self.election(line.revision or 0)
            return line.revision if event is not None and event.server == line.server else None
        if line.step is LogStep.SYNC_SAVED and line.save_ns and self.had(line.save_ns):
            return self.saves[bisect_right(self._in_ms, line.save_ns // NS_PER_MS) - 1].revision
        return None

    def held_at(self, revision: int) -> int:
        """The value (ms) that the timestamp key held at a revision, 0 if none."""
        at = bisect_right(self._save_revisions, revision)
        return self._in_ms[at - 1] if at else 0

    def highest_ms(self, at_ns: int) -> int | None:
        """The highest value of the timestamp key until long after a time; `None` if some may be missing."""
        if not self.unbroken:
            return None
        at = bisect_right(self._earliest_ns, at_ns + LONG_NS)
        if not at and not self._from_first:
            return self._in_ms[0]  # what it held before the watch began was less
        return self._in_ms[at - 1] if at else 0

    def received_ms(self, at_ns: int) -> int:
        """The highest value of the timestamp key that was received before a time, 0 if none."""
        at = bisect_right(self._receipts_ns, at_ns)
        return self._highest_received[at - 1] if at else 0

    def ended_long_after(self, at_ns: int) -> bool:
        """Whether the watch goes on for long after a time."""
        return at_ns + LONG_NS < self._end_ns

    def ahead_of_receipts(self, lines: Iterable[LogEvent]) -> int | None:
        """By how much at least a log's clock is ahead of the recorder's, as its elections and syncs show.

        None: no line of it tells of an event of which the receipt is known.
        """
        found = [
            line.at_ns - received - LATE_NS
            for line in lines
            if (revision := self.revision_of(line)) and (received := self._received.get(revision))
        ]
        return min(found, default=None)

    def holds_until(self, server: str, elected: int) -> int | None:
        """When the key of one that was elected at a revision was received to be another's, or gone (ns).

        FOREVER: it is its own until the watch's end. None: nothing tells.
        """
        event = self.election(elected)
        if event is None or event.server != server:
            return None
        later = [each for each in self._keys if each.path == event.path and each.revision > elected]
        if any(gap.last > elected and (not later or gap.first < later[0].revision) for gap in self._gaps):
            return None
        return self._received.get(later[0].revision) if later else FOREVER

    def before_its_end(self, line: LogEvent, ahead_ns: int | None) -> bool:
        """Whether a line is older than what was received last; `ahead_ns`: see above."""
        if ahead_ns is None:
            return self.ended_long_after(line.at_ns)
        return line.at_ns - ahead_ns + LATE_NS < self._end_ns

    def holders(self, key: Key) -> frozenset[str] | None:
        """Whoever held an election key, by name and address; None if others may have held it before, or
        between."""
        if self._gaps or self._undecoded or not self._keys:
            return None
        puts = [event for event in self._keys if event.key is key and event.put]
        return frozenset(
            address(each) for event in puts for each in (event.name, event.url, *event.urls) if each
        )

    def elected_with(self, lease: int) -> bool:
        """Whether an election key was written with that lease."""
        return self.election_with(lease) is not None

    def election_with(self, lease: int | None) -> KeyEvent | None:
        """The election whose key was written with a lease."""
        held = (each for each in self._keys if each.key in ELECTIONS and each.lease is not None)
        return next((event for event in held if event.lease == lease), None)

    def never_elected_with(self, lease: int, at_ns: int) -> bool:
        """Whether until a time no election key was written with a lease, nor with one that is like it when
        rounded."""
        leases = [event.lease for event in self._keys if event.key in ELECTIONS and event.put]
        whole = not self._gaps and not self._undecoded and all(leases)
        unlike = all(float(each or 0) != float(lease) for each in leases)
        return bool(leases) and whole and unlike and self.ended_long_after(at_ns)

    def gone(self, event: KeyEvent, until: int) -> int | None:
        """At which revision an election key had gone, by another one, that was won with an event."""
        later = (each.revision for each in self._keys if each.path == event.path)
        revision = next((each for each in later if each > event.revision), until + 1)
        return revision if revision <= until else None

    def only_holder(self, server: str, revision: int) -> bool:
        """Whether nobody else had a server's election key until a revision: no campaign of its own failed."""
        event = self.election(revision)
        return (
            event is not None
            and not any(gap.first < revision for gap in self._gaps)
            and all(
                each.server == server
                for each in self._keys
                if each.key is event.key and each.put and each.revision < revision
            )
        )

    def term_of(self, value_ns: int, key: Key) -> int | None:
        """When the holder of an election key was elected (its revision) who held it when a value was saved.

        None: the value was not saved, or nothing tells.
        """
        at = bisect_right(self._in_ms, value_ns // NS_PER_MS)
        if not self.unbroken or not self.had(value_ns):
            return None
        saved = self._save_revisions[at - 1]
        before = [event for event in self._keys if event.key is key and event.revision < saved]
        complete = before and not any(
            gap.last > before[-1].revision and gap.first < saved for gap in self._gaps
        )
        return before[-1].revision if complete and before[-1].put else None

    def itself(self) -> Iterator[Contradiction]:
        """What etcd's events deny of each other: leases of elections, versions of keys."""
        yield from self._leases()
        yield from self._transactions()
        yield from self._revisions()
        for each in self._never_sent:
            yield Contradiction(each.where, each.revision, "campaign", "", each.why)
        if not self._undecoded:
            yield from self._versions()
            yield from self._held()

    def _transactions(self) -> Iterator[Contradiction]:
        """Saves that are no transaction of their own."""
        for save in self.saves:
            others = [each for each in self._events[save.revision] if each is not save]
            if others:
                denied = f"a save writes nothing else, and revision {save.revision} has {others[0].path}"
                yield Contradiction(save.where, save.revision, "commit", "", denied)

    def _versions(self) -> Iterator[Contradiction]:
        """Versions of a key that no write between its events accounts for."""
        before: dict[str, KeyEvent] = {}
        for event in self._keys:
            last = before.get(event.path)
            before[event.path] = event
            if last is None or not event.put or event.version is None or (last.put and last.version is None):
                continue
            if self._between(last, event):
                continue
            if (
                event.revision != last.revision
                and event.version != (last.version or 0 if last.put else 0) + 1
            ):
                denied = f"no revision since {last.revision} is missing, and its version counts other writes"
                yield _of(event, denied)

    def _revisions(self) -> Iterator[Contradiction]:
        """Events whose own revisions cannot be together."""
        for event in self._keys:
            if event.etcd_at and event.etcd_at < event.revision:
                yield _of(event, f"etcd sent it at revision {event.etcd_at}, as it says")
            if not event.put or event.created is None:
                continue
            if event.created > event.revision:
                yield _of(event, f"its key was created later, at revision {event.created}")
            elif event.version and (event.version == 1) is not (event.created == event.revision):
                denied = f"it is write {event.version} of a key that was created at revision {event.created}"
                yield _of(event, denied)
            elif event.key in ELECTIONS and event.created < event.revision:
                yield _of(event, "an election is won only where nobody has the key")

    def _held(self) -> Iterator[Contradiction]:
        """What an event says of its key before it, and the event before denies."""
        before: dict[str, KeyEvent] = {}
        for event in self._keys:
            last = before.get(event.path)
            before[event.path] = event
            if last is None or self._between(last, event):
                continue
            if event.put and last.put and event.created != last.created and event.created and last.created:
                yield _of(event, f"its key was created at revision {last.created}, and not deleted since")
            if not event.put and not last.put:
                yield _of(event, f"its key was gone since revision {last.revision}")
            held = event.held
            if held is None or not last.put:
                continue
            if held.revision != last.revision or held.version not in (None, last.version):
                yield _of(event, f"its key was written last at revision {last.revision}, not {held.revision}")
            elif held.timestamp_ns != last.timestamp_ns:
                yield _of(event, f"its key held another value, as revision {last.revision} shows")

    def _between(self, last: KeyEvent, event: KeyEvent) -> bool:
        """Whether an event between two of one key may be missing."""
        return any(gap.first < event.revision and gap.last > last.revision for gap in self._gaps)

    def _leases(self) -> Iterator[Contradiction]:
        """Election keys without a lease, or with that of another; saved values with one."""
        telling = {event.where.file for event in self._keys if event.lease}
        owners: dict[int, KeyEvent] = {}
        for event in self._keys:
            if not event.put:
                continue
            if event.key is Key.TIMESTAMP:
                if event.lease:
                    denied = "the timestamp key is written without a lease"
                    yield Contradiction(event.where, event.revision, "commit", "", denied)
                continue
            elected = event.key in ELECTIONS
            if elected and event.lease is None and event.where.file in telling:
                yield self._elected(event, "an election key is written with a lease")
            if event.lease is None:
                continue
            owner = owners.setdefault(event.lease, event)
            if owner is not event and (elected or owner.key in ELECTIONS):
                of = f"revision {owner.revision}"
                yield self._elected(event, f"a lease belongs to one election: this one is that of {of}")

    @staticmethod
    def _elected(event: KeyEvent, denied: str) -> Contradiction:
        return Contradiction(event.where, event.revision, "campaign", event.server or "", denied)


def _last_save_ns(trace: Trace) -> int:
    """By when the last save happened that was received late, as its value tells; FOREVER if it was not.

    What a recorder that stood still receives at last may not be all that had happened until then.
    """
    saves = [event for event in trace.keys if event.key is Key.TIMESTAMP and event.timestamp_ns]
    if not saves or saves[-1].latest_ns is None:
        return FOREVER
    windows = (each.last for each in trace.settings.own("save_interval_ns").values())
    reading = (saves[-1].timestamp_ns or 0) - max(filter(None, windows), default=exact(trace.keys) or 0)
    return reading + LATE_NS if reading + 2 * LATE_NS < saves[-1].latest_ns else FOREVER


def _of(event: KeyEvent, denied: str) -> Contradiction:
    """An event that another one, or itself, denies."""
    transition = "commit" if event.key is Key.TIMESTAMP else "campaign"
    return Contradiction(event.where, event.revision, transition, event.server or "", denied)

"""Hidden steps: the ways in which servers get to where an observation can be made.

Nothing here decides anything: the transitions themselves accept or refuse each step. A PD in API mode looks
at the registry just before it starts or stops its allocator. A server that must have synced but shows no
save has skipped it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...model.language.transition import Kind
from ...model.pd.state import CLIENTS, OWN
from ..sources.intervals import GUARD_NS
from ..sources.observation import NS_PER_MS, Attempt, Refusal
from .seen import FOREVER, LATE_NS, NOISE_NS, Seen
from .steps import (
    BEGUN,
    CLOSING,
    DOWN,
    IDLE,
    KEPT,
    LEADER,
    LOADED,
    NO_JOB,
    NOBODY_LISTED,
    RESIGNING,
    SOMEBODY_LISTED,
    SYNC,
    Draft,
)
from .timeline import Timeline

_MAX_TRIES = 3
_READS = ("find_own_key", "find_nobody", "find_no_primary", "load_window")
_CHECKS = "this save checks"
#: guards that only say that it is another step's turn
_TURNS = frozenset(
    {
        "transaction has begun",
        "it is time for the check",
        "it is time to read the timestamp key",
        "every key is read",
        _CHECKS,
    }
)
#: where a server keeps its own save, and that of the sync that a client's request began
OWN_SLOT, CLIENTS_SLOT = OWN.prefix, CLIENTS.prefix
#: the step that a refused save shows
SHOWS = {
    Refusal.FENCE: "refused_by_fence",
    Refusal.NOT_GREATER: "refused_not_greater",
    Refusal.LEADERSHIP: "refused_not_leader",
    Refusal.CONFLICT: "conflict",
    Refusal.OTHER: "request_lost",
}


class Hidden:
    """The hidden steps before one observation; those that are `wide` need what nothing in the trace shows."""

    def __init__(self, timeline: Timeline, seen: Seen, wide: bool) -> None:
        self._timeline = timeline
        self._seen = seen
        self._wide = wide
        self._latest = seen.latest

    # --- elections -----------------------------------------------------------------------------

    def _follows(self, d: Draft, n: int) -> bool:
        """The server is up, has nothing in flight from a term before, and does not lead."""
        if d.get("role", n) == LEADER:
            if d.running_out(n):
                d.wait(min(d.get("lease_end", n), self._latest))
            if not d.do("step_down", n):
                return False
        if not self._left(d, n):
            return False
        if d.get("role", n) == DOWN and not d.do("restart", n):
            return False
        if d.get("job", n) == SYNC:
            return d.do("sync_abandon" if d.get("stage", n) == LOADED else "request_lost", n)
        return True

    def _reads_who_is_expected(self, d: Draft, n: int) -> bool:
        """Before it campaigns, where that is a step of its own."""
        for how in ("campaign_refused", "read_expected_primary"):
            if d.refused(how, n) == ():
                d.do(how, n)
        return True

    def _left(self, d: Draft, n: int) -> bool:
        """What a server that resigns or closes has to do is done."""
        if d.get("role", n) not in (RESIGNING, CLOSING):
            return True
        if d.election_key(n) == n:
            return d.do("revoke_lost", n)
        return self._etcd_answers(d) and d.do("revoke", n)

    def _etcd_answers(self, d: Draft, prefer: int = 0) -> bool:
        """Some PD leads the raft group; ``prefer``, if it is a PD."""
        leads = d.get("raft_leader")
        if prefer in d.world.pds:
            if leads == prefer:
                return True
            return d.do("raft_moves" if leads else "raft_elects", prefer)
        if leads:
            return True
        for n in sorted(d.world.pds, key=lambda n: (d.get("role", n) == DOWN, n != self._seen.elected)):
            told = not self._would_tell(n) or self._starts_until_then(n, d.now)
            if d.get("role", n) != DOWN or (told and d.do("restart", n)):
                return d.do("raft_elects", n)
        return d.refuse("raft_elects", 0, "running")

    def _would_tell(self, n: int) -> bool:
        """The server's log would tell of a sync or a start of its, and does not."""
        since, until = self._timeline.tells_syncs.get(n, (FOREVER, 0))
        return n not in self._seen.synced and since <= self._seen.earliest and self._seen.at <= until

    def _starts_until_then(self, n: int, since: int) -> bool:
        """The server's log tells of a start: where only etcd's events are explained, nothing shows it."""
        starts = self._timeline.starts.get(n, ())
        return any(since - LATE_NS <= at <= self._seen.latest for at in starts)

    def _lapses(self, d: Draft, n: int) -> bool:
        """The lease is running out."""
        if d.get("lease", n) == KEPT:
            how = "revoke_lost" if d.get("role", n) in (RESIGNING, CLOSING) else "keepalive_stops"
            return d.do(how, n)
        return d.running_out(n)

    def _leaving(self, draft: Draft, n: int) -> Iterator[Draft]:
        """The server resigns or closes, in each way that is open to it; or has done so."""
        if draft.get("role", n) in (RESIGNING, CLOSING):
            yield draft.copy()
        if draft.get("role", n) != LEADER:
            return
        yield from self._failed_to_start(draft, n)
        yield from self._given_up(draft, n)
        d = draft.copy()
        if d.do("stop", n):
            yield d

    def _given_up(self, draft: Draft, n: int) -> Iterator[Draft]:
        """The leader gives its role up and clears its memory, in each way that is open to it; an update that
        the log tells of later may be under way."""
        yield from self._gives_up(draft, n)
        spans = self._timeline.outlived.get(n, ())
        if draft.get("job", n) == NO_JOB and any(begin <= draft.now <= end for begin, end in spans):
            d = draft.copy()
            if self._begins_update(d, n, None):
                yield from self._gives_up(d, n)

    def _gives_up(self, draft: Draft, n: int) -> Iterator[Draft]:
        d = draft.copy()
        if d.running_out(n):
            d.wait(min(d.get("lease_end", n), self._latest))
        if not d.serving(n) and d.do("step_down", n):
            yield d
        d = draft.copy()
        if (self._wide or d.get("tries", n) == _MAX_TRIES) and self._fails(d, n) and d.do("reset", n):
            yield d
        d = draft.copy()
        if self._outlives(d, n) and d.do("stale_failure_resigns", n):
            yield d
        if n not in draft.world.pds:
            d = draft.copy()
            if d.get("expected") not in (0, n) and self._etcd_answers(d) and d.do("makes_way", n):
                yield d
            return
        others = [m for m in draft.world.pds if m != n and draft.get("role", m) != DOWN]
        if not self._wide and self._seen.elected in others:
            others = [self._seen.elected]
        for m in others:
            d = draft.copy()
            if self._etcd_answers(d, prefer=m) and d.do("resign_as_raft_follower", n):
                yield d

    def _failed_to_start(self, draft: Draft, n: int) -> Iterator[Draft]:
        """A TSO server whose own sync fails gives up: a client's sync was faster, or the save was lost."""
        if draft.world.kinds[n - 1] is not Kind.TSO or draft.get("job", n) != SYNC:
            return
        for how in ("conflict", "refused_not_greater", "request_lost"):
            d = draft.copy()
            begun = d.get("stage", n) >= BEGUN or d.do("sync_begin", n)
            if begun and (d.do(how, n) if how == "request_lost" else self._drive(d, n, how)):
                yield d

    def _fails(self, d: Draft, n: int) -> bool:
        """As many saves fail as are left to try."""
        while d.get("initialised", n) and d.get("tries", n) < _MAX_TRIES:
            if d.get("job", n) == NO_JOB and not self._begins_update(d, n, None):
                return False
            if not d.do("request_lost", n):
                return False
        return True

    def _outlives(self, d: Draft, n: int) -> bool:
        """An update of an earlier term has not ended yet."""
        return ("outlives", n) in d.world.slots and bool(d.get("outlives", n))

    def _goes_round(self, d: Draft, n: int) -> bool:
        """The loop that updates is not in an update of an earlier term any more."""
        return not self._outlives(d, n) or d.do("old_update_ends", n)

    # --- syncs and saves -----------------------------------------------------------------------

    def _begun(
        self, draft: Draft, n: int, value: int | None, attempt: Attempt | None = None
    ) -> Iterator[Draft]:
        """The server has begun to save ``value`` (None: any), for a reason that it can have."""
        want = None if value is None else value - draft.window(n)
        d = draft.copy()
        if d.get("stage", n) >= BEGUN:
            other = attempt is Attempt.SYNC and d.get("job", n) != SYNC
            if want in (None, d.get("next", n)) and not other:
                yield d
                return
            d = draft.copy()
            if not d.do("request_lost", n):
                return
        if attempt is not Attempt.SYNC:
            skipped = d.copy()
            d = skipped if self._skips(skipped, n) else d
        syncs = self._has_to_sync(d, n) or d.get("stage", n) == LOADED or attempt is Attempt.SYNC
        if not syncs:
            update = d.copy()
            if self._begins_update(update, n, want):
                yield update
            # whoever resets gives a timestamp, whose physical part is in whole milliseconds
            if want is not None and not want % NS_PER_MS and (self._wide or self._is_reset(n, want)):
                admin = d.copy()
                if admin.do("admin_reset_begin", n, by=want - admin.get("physical", n)):
                    yield admin
        if syncs and self._syncs(d, n, want):
            yield d

    def _begun_by_client(self, draft: Draft, n: int, value: int) -> Iterator[Draft]:
        """A client has made a TSO server sync, and that has begun to save ``value``; or an update has, after
        such a sync and beside its own.

        Where the server's own sync goes on beside it, that has read all that it reads, or nothing yet.
        """
        if draft.world.kinds[n - 1] is not Kind.TSO:
            return
        update = draft.copy()
        if self._begins_early_update(update, n, value):
            yield update
        if draft.get("promoted", n) and not self._wide and draft.get("client_stage", n) == IDLE:
            return
        d = draft.copy()
        if not self._syncs(d, n, value - d.window(n), CLIENTS_SLOT):
            return
        if d.get("role", n) == LEADER and not d.get("promoted", n):
            beside = d.copy()
            own = beside.get("stage", n) >= BEGUN or self._syncs(beside, n, value - d.window(n))
            if own and self._drive(beside, n, None):
                yield beside
        yield d

    def _updates_early(self, d: Draft, n: int) -> bool:
        """What is kept as a client's sync is an update that has not waited for the server's own."""
        return ("early_begin", n) in d.world.index and bool(d.get("requested", n))

    def _begun_early_update(self, d: Draft, n: int, value: int | None) -> bool:
        """An update has begun, or begins, to save beside the server's own sync."""
        under_way = self._updates_early(d, n) and d.get("client_stage", n) >= BEGUN
        return under_way or self._begins_early_update(d, n, value)

    def _begins_early_update(self, d: Draft, n: int, value: int | None) -> bool:
        """An update begins to save that (None: any) beside the server's own sync, with the memory that a
        client's set."""
        reading = self._line_time(d) if value is None else value - d.window(n)
        now = d.clock(n) - NOISE_NS <= reading <= self._latest + d.get("skew", n)
        beside = d.get("initialised", n) and not d.get("promoted", n) and d.get("client_stage", n) == IDLE
        if not now or not beside or not self._updates_early(d, n):
            return False
        return self._reads(d, n, reading) and d.do("early_begin", n)

    def _has_to_sync(self, d: Draft, n: int) -> bool:
        """The server does not lead, or has not synced since it was elected."""
        leads = d.get("role", n) == LEADER and d.get("initialised", n)
        return not leads or "promoted" in (d.refused("update_begin", n) or ())

    def _skips(self, d: Draft, n: int) -> bool:
        """The server has not synced since it was elected, and finds nothing to sync."""
        if d.get("role", n) != LEADER or d.get("promoted", n) or not d.get("initialised", n):
            return False
        loaded = d.get("stage", n) == LOADED or (d.get("job", n) == NO_JOB and self._loads(d, n))
        return loaded and d.do("sync_skip", n)

    def _loads(self, d: Draft, n: int, slot: str = OWN_SLOT) -> bool:
        """A sync loads the timestamp key; a PD in API mode has just looked who is registered."""
        if not self._etcd_answers(d):
            return False
        if slot == CLIENTS_SLOT:
            return d.do("client_load", n)
        if d.get("api", n) and d.get("polled", n) != NOBODY_LISTED and not d.do("poll_registry", n):
            return False
        return d.do("late_sync_load" if d.refused("late_sync_load", n) == () else "sync_load", n)

    def _syncs(self, d: Draft, n: int, want: int | None, slot: str = OWN_SLOT) -> bool:
        """The server loads the timestamp key and begins to save from where a sync starts; or has begun."""
        if d.get(slot + "stage", n) >= BEGUN:
            return True
        if d.get(slot + "stage", n) != LOADED and not self._loads(d, n, slot):
            return False
        above = d.get(slot + "seen", n) + GUARD_NS
        if want is None:
            want = self._line_time(d)
        if want == above:
            # it says only that the clock was not past the loaded window
            reads = d.clock(n) < above or self._reads(d, n, above - 1)
        else:
            reads = self._reads(d, n, want)
        return reads and d.do((slot or "sync_") + "begin", n)

    def _conflicts(self, d: Draft, n: int, refusal: Refusal) -> bool:
        """The commit has failed, and the server has looked once more for a TSO primary."""
        again = {Refusal.FENCE: "conflict_with_primary", Refusal.CONFLICT: "conflict_without_primary"}
        then = again.get(refusal)
        if then is None or d.refused(then, n) is None:
            return False
        return self._drive(d, n, "conflict") and d.do(then, n)

    def _client_answered(self, d: Draft, n: int) -> bool:
        """Nothing is left of the sync that an earlier request of a client began; no line tells its end."""
        if d.get("client_stage", n) == IDLE:
            return True
        for how in ("abandon", "skip", "conflict", "refused_not_greater", "refused_not_leader"):
            if d.refused(CLIENTS_SLOT + how, n) == ():
                return d.do(CLIENTS_SLOT + how, n)
        return (d.get("client_stage", n) >= BEGUN or d.do("client_begin", n)) and d.do(
            "client_request_lost", n
        )

    def _stops_allocator(self, d: Draft, n: int) -> bool:
        """A PD in API mode has found a TSO server registered, and clears its timestamp.

        Some look, before that, whether it is ready.
        """
        looked = d.get("polled", n) == SOMEBODY_LISTED or (self._etcd_answers(d) and d.do("poll_registry", n))
        for how in ("probe_tso_primary", "look_for_ready_primary"):
            if looked and d.refused(how, n) == ():
                d.do(how, n)
        return looked and d.do("stop_allocator", n)

    def _begins_update(self, d: Draft, n: int, want: int | None) -> bool:
        """The server finds its window used up and begins to save the next; ``want`` None: any."""
        physical, unit = d.get("physical", n), NS_PER_MS
        if want is None:
            used_up = max(d.get("saved", n) - GUARD_NS, physical + GUARD_NS + 1)
            want = max(self._line_time(d), used_up)
            if want > self._latest:
                want = self._line_time(d)
        if want == physical + unit:
            # the clock stands still, and more than half of the logical part is used
            if not self._half_used(d, n):
                return False
            if d.clock(n) > physical + GUARD_NS and not self._reads(d, n, physical):
                return False
        elif not self._reads(d, n, want):
            return False
        return self._goes_round(d, n) and d.do("update_begin", n)

    def _half_used(self, d: Draft, n: int) -> bool:
        """Clients that were not recorded have used more than half of the logical part."""
        needed = d.world.constants["limit"] // 2 + 1 - d.get("logical", n)
        return needed <= 0 or d.do("grant", n, count=needed, note=0, pick=1)

    def _is_reset(self, n: int, target: int) -> bool:
        """The server's log tells of an admin reset to that time."""
        return target % NS_PER_MS == 0 and target // NS_PER_MS in self._timeline.resets.get(n, ())

    def _with_physical(self, draft: Draft, n: int, physical_ms: int) -> Iterator[Draft]:
        """The physical part in memory is moved on to that millisecond."""
        d = draft.copy()
        physical, start = d.get("physical", n), physical_ms * NS_PER_MS
        if physical // NS_PER_MS == physical_ms:
            yield d
            return
        one_on = (physical + NS_PER_MS) // NS_PER_MS == physical_ms
        reading = max(start, physical + GUARD_NS + 1)
        if one_on and d.clock(n) <= physical + GUARD_NS:
            if self._half_used(d, n) and self._goes_round(d, n) and d.do("update_in_memory", n):
                yield d
        elif reading // NS_PER_MS != physical_ms:
            d.refuse("update_in_memory", n, "clock moved on or logical part runs short")
        elif self._reads(d, n, reading) and self._goes_round(d, n) and d.do("update_in_memory", n):
            yield d
        if self._is_reset(n, start) or self._wide:
            reset = draft.copy()
            if reset.do("admin_reset", n, by=start - physical):
                yield reset

    def _line_time(self, d: Draft) -> int:
        return max(self._seen.at, d.now)

    def _reads(self, d: Draft, n: int, reading: int) -> bool:
        return d.read_clock(n, reading, self._latest, jumps=self._wide)

    def _drive(self, d: Draft, n: int, target: str | None, slot: str = OWN_SLOT) -> bool:
        """Take the reads of the transaction in this fence's order, then ``target`` (None: nothing more)."""
        if not self._etcd_answers(d):
            return False
        moved = True
        while moved:
            moved = False
            for name in (target, *_READS) if target else _READS:
                refused = d.refused(slot + name, n)
                if refused is None:
                    if name == target:
                        return d.do(slot + name, n)  # which notes that there is no such step
                elif not refused:
                    d.do(slot + name, n, seen=True)
                    if name == target:
                        return True
                    moved = True
                    break
                elif _TURNS.isdisjoint(refused):
                    d.refuse(slot + name, n, *refused)
        if target == SHOWS[Refusal.FENCE]:
            d.refuse(target, n, *(label for label in d.refused(target, n) or () if label == _CHECKS))
        return target is None

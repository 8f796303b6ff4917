"""What an observation proposes: the hidden steps before it and the step it shows, tried one after another.

A proposal decides nothing. Each step that it tries is accepted or refused by the transitions themselves; a
proposal only chooses which to try, with the inputs that the observation implies: a saved value less the
window is a clock reading, a lease that ran out was not kept alive for that long.

| observation | step it shows |
|---|---|
| leader or primary key put | campaign |
| leader or primary key deleted | revoke, lease_runs_out, drop_own_key |
| timestamp key put | commit (`wide`: commit_answer_lost) |
| WINDOW_LOADED, SYNC_SKIPPED | sync_load or sync_again; sync_skip |
| SAVE_REFUSED | refused_by_fence, refused_not_greater, refused_not_leader, conflict, request_lost |
| RESET, ALLOCATOR_CLOSED, STEP_DOWN | that the memory is cleared, the role given up, in any way there is |
| SERVER_EXIT, SERVER_START | stop; restart, with a crash before it if the process was up |
| a granted timestamp | grant, after update_in_memory with a clock reading in its millisecond |

`wide` proposals need something that nothing in the trace shows: clocks that jump, answers that are lost,
admin resets. They are tried where the others do not get through.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.transition import Kind
from .observation import NS_PER_MS, Attempt, Call, Key, KeyEvent, LogEvent, LogStep, Refusal
from .steps import (
    BEGUN,
    CLOSING,
    DOWN,
    FOLLOWER,
    IDLE,
    KEPT,
    LEADER,
    LOADED,
    NO_JOB,
    RESIGNING,
    RUNNING,
    SYNC,
    Draft,
    World,
)
from .timeline import GUARD_NS, Granted, Seen, Timeline

_MAX_TRIES = 3
_READS = ("find_own_key", "find_no_primary", "load_window")
#: guards that only say that it is another step's turn
_TURNS = frozenset(
    {
        "transaction has begun",
        "it is time for the check",
        "it is time to read the timestamp key",
        "every key is read",
        "this save checks",
    }
)
_SHOWS = {
    Refusal.FENCE: "refused_by_fence",
    Refusal.NOT_GREATER: "refused_not_greater",
    Refusal.LEADERSHIP: "refused_not_leader",
    Refusal.CONFLICT: "conflict",
    Refusal.OTHER: "request_lost",
}


class Proposals:
    """The proposals for the observations of one timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._window = timeline.constants["window"]

    def explain(self, draft: Draft, seen: Seen, *, wide: bool) -> Iterator[Draft]:
        """Every way found to go on from the draft to where the observation has been made."""
        try_ = _Try(self._timeline, self._window, seen, wide)
        match seen.what:
            case KeyEvent() as event if event.key is Key.TIMESTAMP:
                yield from try_.saved(draft, event)
            case KeyEvent() as event:
                yield from try_.elected(draft) if event.put else try_.deleted(draft, event)
            case LogEvent() as line:
                yield from try_.logged(draft, line)
            case Granted(call):
                yield from try_.granted(draft, call)

    def possible(self, world: World, seen: Seen) -> bool:
        """Whether the fence has the step that the observation shows."""
        refusal = seen.what.refusal if isinstance(seen.what, LogEvent) else None
        return refusal is None or (_SHOWS[refusal], seen.server) in world.index

    def prepare(self, draft: Draft, seen: Seen) -> Iterator[Draft]:
        """Ways to begin early what the observation shows the end of: others may come in between."""
        try_ = _Try(self._timeline, self._window, seen, wide=True)
        match seen.what:
            case KeyEvent() as event if event.key is Key.TIMESTAMP and event.timestamp_ns:
                yield from try_.begun_early(draft, event.timestamp_ns)
            case KeyEvent() as event if not event.put:
                yield from try_.lapsing(draft, event)
            case LogEvent() as line if line.refusal:
                yield from try_.refused_early(draft, line)


class _Try:
    """One observation."""

    def __init__(self, timeline: Timeline, window: int, seen: Seen, wide: bool) -> None:
        self._timeline = timeline
        self._window = window
        self._seen = seen
        self._wide = wide
        self._latest = seen.latest

    # --- elections -------------------------------------------------------------------------------

    def elected(self, draft: Draft) -> Iterator[Draft]:
        """The server of the observation wins its election."""
        n, d = self._seen.server, draft.copy()
        if self._follows(d, n) and self._etcd_answers(d, prefer=n) and d.do("campaign", n, seen=True):
            yield d

    def deleted(self, draft: Draft, event: KeyEvent) -> Iterator[Draft]:
        """An election key goes: its holder revoked the lease, let it run out, or dropped the key."""
        n = draft.get("primary" if event.key is Key.PRIMARY else "leader")
        if not n:
            draft.refuse("lease_runs_out", 0, "election key is its own")
            return
        for d in self._leaving(draft, n):
            if self._etcd_answers(d) and d.do("revoke", n, seen=True):
                yield d
        d = draft.copy()
        if d.get("role", n) == FOLLOWER:
            if self._etcd_answers(d, prefer=n) and d.do("drop_own_key", n, seen=True):
                yield d
            return
        crashed = draft.copy()
        lapsing = [crashed] if crashed.get("role", n) != DOWN and crashed.do("crash", n) else []
        if self._lapses(d, n):
            lapsing.append(d)
        for d in lapsing:
            d.wait(d.get("lease_end", n))
            if d.now <= self._latest and self._etcd_answers(d) and d.do("lease_runs_out", n, seen=True):
                yield d

    def lapsing(self, draft: Draft, event: KeyEvent) -> Iterator[Draft]:
        """The holder of the key that will go can keep its lease alive no more."""
        n = draft.get("primary" if event.key is Key.PRIMARY else "leader")
        d = draft.copy()
        if n and d.serving(n) and d.get("lease", n) == KEPT and d.do("keepalive_stops", n):
            yield d

    def _lapses(self, d: Draft, n: int) -> bool:
        """The lease is running out."""
        if d.get("lease", n) == KEPT:
            how = "revoke_lost" if d.get("role", n) in (RESIGNING, CLOSING) else "keepalive_stops"
            return d.do(how, n)
        return d.get("lease", n) == RUNNING

    def _etcd_answers(self, d: Draft, prefer: int = 0) -> bool:
        """Some PD leads the raft group; ``prefer``, if it is a PD."""
        leads = d.get("raft_leader")
        if prefer in d.world.pds:
            if leads == prefer:
                return True
            return d.do("raft_moves" if leads else "raft_elects", prefer)
        if leads:
            return True
        for n in sorted(d.world.pds, key=lambda n: n != self._seen.elected):
            if d.get("role", n) != DOWN:
                return d.do("raft_elects", n)
        return d.refuse("raft_elects", 0, "running")

    def _leaving(self, draft: Draft, n: int) -> Iterator[Draft]:
        """The server resigns or closes, in each way that is open to it; or has done so."""
        if draft.get("role", n) in (RESIGNING, CLOSING):
            yield draft.copy()
        if draft.get("role", n) != LEADER:
            return
        yield from self._given_up(draft, n)
        d = draft.copy()
        if d.do("stop", n):
            yield d

    def _given_up(self, draft: Draft, n: int) -> Iterator[Draft]:
        """The leader gives its role up and clears its memory, in each way that is open to it."""
        d = draft.copy()
        if d.get("lease", n) == RUNNING:
            d.wait(min(d.get("lease_end", n), self._latest))
        if not d.serving(n) and d.do("step_down", n):
            yield d
        d = draft.copy()
        if (self._wide or d.get("tries", n) == _MAX_TRIES) and self._fails(d, n) and d.do("reset", n):
            yield d
        if n not in draft.world.pds:
            return
        others = [m for m in draft.world.pds if m != n and draft.get("role", m) != DOWN]
        if not self._wide and self._seen.elected in others:
            others = [self._seen.elected]
        for m in others:
            d = draft.copy()
            if self._etcd_answers(d, prefer=m) and d.do("resign_as_raft_follower", n):
                yield d

    def _fails(self, d: Draft, n: int) -> bool:
        """As many saves fail as are left to try."""
        while d.get("initialised", n) and d.get("tries", n) < _MAX_TRIES:
            if d.get("job", n) == NO_JOB and not self._begins_update(d, n, None):
                return False
            if not d.do("request_lost", n):
                return False
        return True

    def _follows(self, d: Draft, n: int) -> bool:
        """The server is up, has nothing in flight from a term before, and does not lead."""
        if d.get("role", n) == LEADER:
            if d.get("lease", n) == RUNNING:
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

    def _left(self, d: Draft, n: int) -> bool:
        """What a server that resigns or closes has to do is done."""
        if d.get("role", n) not in (RESIGNING, CLOSING):
            return True
        if d.election_key(n) == n:
            return d.do("revoke_lost", n)
        return self._etcd_answers(d) and d.do("revoke", n)

    # --- saves -----------------------------------------------------------------------------------

    def saved(self, draft: Draft, event: KeyEvent) -> Iterator[Draft]:
        """The timestamp key is written, by whoever can have wanted that value."""
        if event.timestamp_ns is None:
            draft.refuse("commit", 0, "the timestamp key is only ever written")
            return
        value = event.timestamp_ns
        for n in self._seen.writers or draft.world.servers:
            for d in self._begun(draft, n, value):
                if d.get("next", n) + self._window != value:
                    d.refuse("commit", n, "another value is being saved")
                    continue
                lost = d.copy() if self._wide else None
                if self._drive(d, n, "commit"):
                    yield d
                if lost and self._drive(lost, n, "commit_answer_lost"):
                    yield lost

    def begun_early(self, draft: Draft, value: int) -> Iterator[Draft]:
        """Whoever may write that value has loaded the key for its sync, or begun while its lease lasted."""
        for n in self._seen.writers or draft.world.servers:
            if draft.get("job", n) != NO_JOB or draft.get("role", n) != LEADER:
                continue
            d = draft.copy()
            if self._has_to_sync(d, n):
                if self._etcd_answers(d) and d.do(self._load(d, n), n):
                    yield d
            elif d.get("lease", n) == RUNNING and self._begins_update(d, n, value - self._window):
                yield d

    def refused_early(self, draft: Draft, line: LogEvent) -> Iterator[Draft]:
        """The save that will be refused has begun, or read all that it reads."""
        n = self._seen.server
        for d in self._begun(draft, n, self._seen.tried, line.attempt):
            yield d.copy()
            if self._drive(d, n, None):
                yield d

    def _begun(
        self, draft: Draft, n: int, value: int | None, attempt: Attempt | None = None
    ) -> Iterator[Draft]:
        """The server has begun to save ``value`` (None: any), for a reason that it can have."""
        want = None if value is None else value - self._window
        d = draft.copy()
        if d.get("stage", n) >= BEGUN:
            if want in (None, d.get("next", n)):
                yield d
                return
            d = draft.copy()
            if not d.do("request_lost", n):
                return
        syncs = self._has_to_sync(d, n) or d.get("stage", n) == LOADED or attempt is Attempt.SYNC
        if not syncs:
            update = d.copy()
            if self._begins_update(update, n, want):
                yield update
            if want is not None and (self._wide or self._is_reset(n, want)):
                admin = d.copy()
                if admin.do("admin_reset_begin", n, by=want - admin.get("physical", n)):
                    yield admin
            syncs = self._wide and d.world.kinds[n - 1] is Kind.TSO
        if syncs and self._syncs(d, n, want):
            yield d

    def _has_to_sync(self, d: Draft, n: int) -> bool:
        """The server does not lead, or has not synced since it was elected."""
        leads = d.get("role", n) == LEADER and d.get("initialised", n)
        return not leads or "promoted" in (d.refused("update_begin", n) or ())

    def _load(self, d: Draft, n: int) -> str:
        return "sync_again" if d.get("initialised", n) else "sync_load"

    def _is_reset(self, n: int, target: int) -> bool:
        """The server's log tells of an admin reset to that time."""
        return target % NS_PER_MS == 0 and target // NS_PER_MS in self._timeline.resets.get(n, ())

    def _syncs(self, d: Draft, n: int, want: int | None) -> bool:
        """The server loads the timestamp key and begins to save from where a sync starts."""
        if not self._etcd_answers(d):
            return False
        if d.get("stage", n) != LOADED and not d.do(self._load(d, n), n):
            return False
        above = d.get("seen", n) + GUARD_NS
        if want is None:
            want = self._line_time(d)
        if want == above:
            # it says only that the clock was not past the loaded window
            reads = d.clock(n) < above or self._reads(d, n, above - 1)
        else:
            reads = self._reads(d, n, want)
        return reads and d.do("sync_begin", n)

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
        return d.do("update_begin", n)

    def _half_used(self, d: Draft, n: int) -> bool:
        """Clients that were not recorded have used more than half of the logical part."""
        needed = d.world.constants["limit"] // 2 + 1 - d.get("logical", n)
        return needed <= 0 or d.do("grant", n, count=needed, note=0, pick=1)

    def _line_time(self, d: Draft) -> int:
        return max(self._seen.at, d.now)

    def _reads(self, d: Draft, n: int, reading: int) -> bool:
        return d.read_clock(n, reading, self._latest, jumps=self._wide)

    def _drive(self, d: Draft, n: int, target: str | None) -> bool:
        """Take the reads of the transaction in this fence's order, then ``target`` (None: nothing more)."""
        if not self._etcd_answers(d):
            return False
        moved = True
        while moved:
            moved = False
            for name in (target, *_READS) if target else _READS:
                refused = d.refused(name, n)
                if refused is None:
                    if name == target:
                        return d.do(name, n)  # which notes that there is no such step
                elif not refused:
                    d.do(name, n, seen=True)
                    if name == target:
                        return True
                    moved = True
                    break
                elif _TURNS.isdisjoint(refused):
                    d.refuse(name, n, *refused)
        return target is None

    # --- logs ------------------------------------------------------------------------------------

    def logged(self, draft: Draft, line: LogEvent) -> Iterator[Draft]:
        """What a line of a server's log shows."""
        n = self._seen.server
        match line.step:
            case LogStep.SAVE_REFUSED:
                yield from self._refused(draft, n, line)
            case LogStep.WINDOW_LOADED:
                yield from self._loaded(draft, n, line)
            case LogStep.SYNC_SKIPPED:
                yield from self._skipped(draft, n)
            case LogStep.RESET | LogStep.ALLOCATOR_CLOSED:
                cleared = not draft.get("initialised", n)
                yield from iter((draft.copy(),)) if cleared else self._cleared(draft, n)
            case LogStep.STEP_DOWN:
                leads = draft.get("role", n) == LEADER
                yield from self._given_up(draft, n) if leads else iter((draft.copy(),))
            case LogStep.SERVER_EXIT:
                yield from self._stopped(draft, n)
            case LogStep.SERVER_START:
                yield from self._started(draft, n)
            case LogStep.ELECTED if not self._timeline.watched:
                yield from self.elected(draft)
            case LogStep.SYNC_SAVED if not self._timeline.watched:
                yield from self._sync_saved(draft, n, line)
            case _:
                yield draft.copy()

    def _refused(self, draft: Draft, n: int, line: LogEvent) -> Iterator[Draft]:
        refusal = line.refusal or Refusal.OTHER
        if draft.get("role", n) != LEADER and refusal is not Refusal.FENCE:
            # asked by a client, a server that does not lead tries to sync, and only that stops it
            if draft.get("job", n) == NO_JOB:
                yield draft.copy()
            elif draft.get("stage", n) == LOADED:
                d = draft.copy()
                if d.do("sync_abandon", n):
                    yield d
        if self._wide and refusal is Refusal.OTHER and draft.get("tries", n):
            yield draft.copy()  # its commit was applied, and only the answer lost
        for d in self._begun(draft, n, self._seen.tried, line.attempt):
            if self._drive(d, n, _SHOWS[refusal]):
                yield d

    def _loaded(self, draft: Draft, n: int, line: LogEvent) -> Iterator[Draft]:
        if draft.get("role", n) != LEADER:
            yield draft.copy()
            return
        d = draft.copy()
        if d.get("job", n) not in (NO_JOB, SYNC) and not d.do("request_lost", n):
            return
        if not self._etcd_answers(d):
            return
        if d.get("stage", n) == IDLE and not d.do(self._load(d, n), n):
            return
        loaded = d.get("seen", n) // NS_PER_MS
        told = loaded if line.last_ns is None else line.last_ns // NS_PER_MS
        if d.get("stage", n) == LOADED and loaded != told and self._timeline.watched:
            d.refuse("sync_load", n, "it loads what the line says")
        else:
            yield d

    def _skipped(self, draft: Draft, n: int) -> Iterator[Draft]:
        d = draft.copy()
        if d.get("role", n) == LEADER:
            loaded = d.get("stage", n) == LOADED or (self._etcd_answers(d) and d.do("sync_again", n))
            if not loaded or not d.do("sync_skip", n):
                return
        yield d

    def _cleared(self, draft: Draft, n: int) -> Iterator[Draft]:
        for d in self._given_up(draft, n):
            if not d.get("initialised", n):
                yield d
        d = draft.copy()
        if d.do("stop", n):
            yield d

    def _stopped(self, draft: Draft, n: int) -> Iterator[Draft]:
        d = draft.copy()
        if d.get("role", n) in (CLOSING, DOWN) or (self._left(d, n) and d.do("stop", n)):
            yield d

    def _started(self, draft: Draft, n: int) -> Iterator[Draft]:
        d = draft.copy()
        fresh = d.get("role", n) == FOLLOWER and d.get("raft_leader") != n and d.get("job", n) == NO_JOB
        if fresh and not self._seen.again:
            yield d
            return
        if d.get("role", n) == CLOSING:
            self._left(d, n)
        if (d.get("role", n) == DOWN or d.do("crash", n)) and d.do("restart", n):
            yield d

    def _sync_saved(self, draft: Draft, n: int, line: LogEvent) -> Iterator[Draft]:
        for d in self._begun(draft, n, None, Attempt.SYNC):
            if self._drive(d, n, "commit"):
                yield d

    # --- grants ----------------------------------------------------------------------------------

    def granted(self, draft: Draft, call: Call) -> Iterator[Draft]:
        """The server had that physical part in memory, and room for these timestamps."""
        n = self._seen.server
        for d in self._with_physical(draft, n, call.physical):
            count = max(call.logical - d.get("logical", n), 1)
            if d.do("grant", n, count=count, note=0, pick=1):
                yield d

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
            if self._half_used(d, n) and d.do("update_in_memory", n):
                yield d
        elif reading // NS_PER_MS != physical_ms:
            d.refuse("update_in_memory", n, "clock moved on or logical part runs short")
        elif self._reads(d, n, reading) and d.do("update_in_memory", n):
            yield d
        if self._is_reset(n, start) or self._wide:
            reset = draft.copy()
            if reset.do("admin_reset", n, by=start - physical):
                yield reset

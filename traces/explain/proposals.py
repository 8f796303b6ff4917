"""What an observation proposes: the hidden steps before it and the step it shows, tried one after another.

A proposal decides nothing. Each step that it tries is accepted or refused by the transitions themselves; a
proposal only chooses which to try, with the inputs that the observation implies: a saved value less the
window of who saved it is a clock reading, a lease that ran out was not kept alive for that long.

| observation | step it shows |
|---|---|
| leader or primary key put | campaign |
| leader or primary key deleted | revoke, lease_runs_out, drop_own_key |
| timestamp key put | commit: own, of a client's sync, of an early update (`wide`: commit_answer_lost) |
| registry key put, deleted | register; registration_ends or registration_lapses |
| expected primary put | expects_itself or chosen_as_primary |
| expected primary deleted | expected_key_goes or delete_expected_primary |
| WINDOW_LOADED, SYNC_SKIPPED | sync_load, sync_skip, of a server's own or of a client's sync |
| SAVE_REFUSED | refused_by_fence, refused_not_greater, refused_not_leader, conflict, request_lost |
| RESET, ALLOCATOR_CLOSED, STEP_DOWN | that the memory is cleared, the role given up, in any way there is |
| SERVER_EXIT, SERVER_START | stop; restart, in its mode, with a crash before it if the process was up |
| a granted timestamp | grant, after update_in_memory with a clock reading in its millisecond |
What a PD in API mode answers may also be a grant of the TSO primary.

`wide` proposals need something that nothing in the trace shows: clocks that jump, answers that are lost,
admin resets. They are tried where the others do not get through.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...model.language.reconfigured import named
from ...model.language.transition import Kind
from ..sources.observation import (
    ELECTIONS,
    NS_PER_MS,
    Attempt,
    Call,
    Key,
    KeyEvent,
    LogEvent,
    LogStep,
    Refusal,
)
from .hidden import CLIENTS_SLOT, OWN_SLOT, SHOWS, Hidden
from .impossible import ONLY_WRITTEN
from .seen import FOREVER, NOT_TOLD, Granted, Seen
from .steps import (
    BEGUN,
    CLOSING,
    DOWN,
    FOLLOWER,
    IDLE,
    KEPT,
    LEADER,
    LISTED,
    LOADED,
    NO_JOB,
    SYNC,
    Draft,
)
from .timeline import Timeline


def lapsed(line: LogEvent) -> bool:
    """Whether the server says that the lease of its election key has ended."""
    return line.step is LogStep.STEP_DOWN and "lease has expired" in line.text


class Proposals:
    """The proposals for the observations of one timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def explain(self, draft: Draft, seen: Seen, *, wide: bool) -> Iterator[Draft]:
        """Every way found to go on from the draft to where the observation has been made."""
        try_ = _Try(self._timeline, seen, wide)
        match seen.what:
            case KeyEvent() as event if event.key is Key.TIMESTAMP:
                yield from try_.saved(draft, event)
            case KeyEvent() as event if event.key is Key.REGISTRY:
                yield from try_.registered(draft) if event.put else try_.unregistered(draft)
            case KeyEvent() as event if event.key is Key.EXPECTED_PRIMARY:
                if not draft.world.expects:
                    yield draft.copy()
                    return
                yield from try_.expected(draft) if event.put else try_.expected_no_more(draft)
            case KeyEvent() as event:
                yield from try_.elected(draft) if event.put else try_.deleted(draft, event)
            case LogEvent() as line:
                yield from try_.logged(draft, line)
            case Granted(call, sent_on):
                yield from try_.granted(draft, call, sent_on=sent_on)

    def prepare(self, draft: Draft, seen: Seen, *, late: bool = False) -> Iterator[Draft]:
        """Ways to begin early what the observation shows the end of: others may come in between.

        ``late``: what begins a time that runs from then on is proposed as late as it may be, too.
        """
        try_ = _Try(self._timeline, seen, wide=True)
        match seen.what:
            case KeyEvent() as event if event.key is Key.TIMESTAMP and event.timestamp_ns:
                yield from try_.begun_early(draft, event.timestamp_ns)
            case KeyEvent() as event if event.key in ELECTIONS and not event.put:
                holder = draft.get("primary" if event.key is Key.PRIMARY else "leader")
                yield from try_.lapsing(draft, holder, late=late)
            case LogEvent() as line if lapsed(line):
                yield from try_.lapsing(draft, seen.server, late=late)
            case LogEvent() as line if line.refusal:
                yield from try_.refused_early(draft, line)
            case Granted(call, sent_on):
                yield from try_.moved_on_early(draft, call, sent_on=sent_on)


class _Try(Hidden):
    """One observation."""

    # --- elections -------------------------------------------------------------------------------

    def elected(self, draft: Draft) -> Iterator[Draft]:
        """The server of the observation wins its election."""
        n = self._seen.server
        for d in self._started_before(draft, n):
            follows = self._follows(d, n) and self._etcd_answers(d, prefer=n)
            ready = follows and self._reads_who_is_expected(d, n)
            if ready and d.do("campaign", n, seen=True):
                yield d

    def _started_before(self, draft: Draft, n: int) -> Iterator[Draft]:
        """One without a log, whose saves show other settings since then, has been started anew before."""
        if self._seen.where not in self._timeline.reconfigured.get(n, ()):
            yield draft.copy()
            return
        for start in ("restart", "restart_upgraded"):
            d = draft.copy()
            if d.refused(start, n) is None:
                continue
            if (d.get("role", n) == DOWN or d.do("crash", n)) and d.do(named(start), n):
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

    def lapsing(self, draft: Draft, n: int, *, late: bool) -> Iterator[Draft]:
        """A leader, if there is one, stops to keep its lease alive; ``late``: at the last moment, too."""
        at_last = [self._latest - draft.lease(n)] if n and late and self._latest < FOREVER else []
        for moment in (0, *at_last):
            d = draft.copy()
            d.wait(moment)
            if n and d.serving(n) and d.get("lease", n) == KEPT and d.do("keepalive_stops", n):
                yield d

    # --- who is registered, who is to be primary -------------------------------------------------

    def registered(self, draft: Draft) -> Iterator[Draft]:
        """A TSO server's key is written into the registry, or written again."""
        n, d = self._seen.server, draft.copy()
        if d.get("registration", n) == LISTED:
            yield d
            return
        if self._runs(d, n) and self._etcd_answers(d) and d.do("register", n, seen=True):
            yield d

    def _runs(self, d: Draft, n: int) -> bool:
        """The server is up, or starts anew, and has done what it has to do where it resigns or closes."""
        return self._left(d, n) and (d.get("role", n) != DOWN or d.do("restart", n))

    def unregistered(self, draft: Draft) -> Iterator[Draft]:
        """A TSO server's key goes from the registry: its process has ended, or its lease runs out."""
        n, d = self._seen.server, draft.copy()
        if d.get("role", n) in (DOWN, CLOSING):
            if self._etcd_answers(d) and d.do("registration_ends", n, seen=True):
                yield d
            return
        killed = d.copy()
        if self._etcd_answers(d) and d.do("registration_lapses", n, seen=True):
            yield d
        crashed = killed.do("crash", n) and self._etcd_answers(killed)
        if crashed and killed.do("registration_ends", n, seen=True):
            yield killed

    def expected(self, draft: Draft) -> Iterator[Draft]:
        """A TSO server is to be primary: because it is, or because an admin says so."""
        n, d = self._seen.server, draft.copy()
        if n and d.get("expected") == n:
            yield d  # a primary that was chosen says so once more, with a lease of its own
            return
        if not n or not self._etcd_answers(d):
            return
        chosen = d.copy()
        if self._runs(chosen, n) and chosen.do("chosen_as_primary", n, seen=True):
            yield chosen
        self._skips(d, n)
        if d.do("expects_itself", n, seen=True):
            yield d

    def expected_no_more(self, draft: Draft) -> Iterator[Draft]:
        """The key that says who is to be primary goes.

        A transfer deletes it and writes it anew, which the model does at once, at the second; or at the
        first, for the primary may be gone by the second. One to the primary itself is none.
        """
        n, d, chosen = draft.get("expected"), draft.copy(), self._seen.chosen
        if chosen not in (0, n):
            yield draft.copy()
            early = draft.copy()
            if chosen != NOT_TOLD and early.do("chosen_as_primary", chosen, seen=True):
                yield early
        elif chosen and self._wide:
            yield draft.copy()
        if not n:
            draft.refuse("expected_key_goes", 0, "this server is expected")
        elif self._etcd_answers(d):
            deleted = d.copy()
            if deleted.do("delete_expected_primary", n, seen=True):
                yield deleted
            if d.do("expected_key_goes", n, seen=True):
                yield d

    # --- saves -----------------------------------------------------------------------------------

    def saved(self, draft: Draft, event: KeyEvent) -> Iterator[Draft]:
        """The timestamp key is written, by whoever can have wanted that value."""
        if event.timestamp_ns is None:
            draft.refuse("commit", 0, ONLY_WRITTEN)
            return
        value = event.timestamp_ns
        for n in self._seen.writers or draft.world.servers:
            if self._would_tell_attempt(n):
                if not self._seen.attempted:
                    draft.world.silent.add(n)
                draft.refuse("commit", n, "the server's log would tell that it tries to save that")
                continue
            # Whose log tells of that value says that a sync saved it.  In API mode that may be one after the
            # allocator was stopped, of which etcd shows nothing.
            attempt = Attempt.SYNC if self._seen.writers and not draft.get("api", n) else None
            own, client = self._begun(draft, n, value, attempt), self._begun_by_client(draft, n, value)
            for slot, begun in ((OWN_SLOT, own), (CLIENTS_SLOT, client)):
                for d in begun:
                    syncs = not self._updates_early(d, n) if slot == CLIENTS_SLOT else d.get("job", n) == SYNC
                    # that is told of a sync that has had its answer; else that it failed
                    untold = syncs and self._would_tell(n)
                    if untold and not (slot == OWN_SLOT and self._was_not_told(n)):
                        d.world.silent.add(n)
                        d.refuse(slot + "commit", n, "the server's log would tell of that sync")
                        continue
                    if d.get(slot + "next", n) + d.window(n) != value:
                        d.refuse(slot + "commit", n, "another value is being saved")
                        continue
                    beside = d.copy()
                    ready = [d, beside] if self._begins_early_update(beside, n, self._seen.then) else [d]
                    for each in ready:
                        lost = each.copy() if self._wide or untold else None
                        if not untold and self._drive(each, n, "commit", slot):
                            yield each
                        if lost and self._drive(lost, n, "commit_answer_lost", slot):
                            yield lost

    def _was_not_told(self, n: int) -> bool:
        """The server's log tells of a sync that failed for want of an answer, and may have saved this."""
        spans = self._timeline.untold.get(n, ())
        return any(begin <= self._seen.latest and self._seen.earliest <= end for begin, end in spans)

    def _would_tell_attempt(self, n: int) -> bool:
        """The server's log would say that it tries to save this value, and does not.

        Where lines may be missing, that counts only if another one's log says so.
        """
        told = bool(self._seen.attempted) or self._timeline.tells_loads
        return (told and n not in self._seen.attempted) and any(
            since <= self._seen.earliest and self._seen.latest <= until
            for since, until in self._timeline.tells_attempts.get(n, ())
        )

    def begun_early(self, draft: Draft, value: int) -> Iterator[Draft]:
        """Whoever may write that value has loaded the key for a sync, its own or a client's, or has begun."""
        for n in self._seen.writers or draft.world.servers:
            if draft.world.kinds[n - 1] is Kind.TSO:
                yield from self._clients_sync_early(draft, n, value)
                beside = draft.copy()
                if self._begins_early_update(beside, n, value):
                    yield beside
            if draft.get("job", n) != NO_JOB or draft.get("role", n) != LEADER:
                continue
            d = draft.copy()
            if self._has_to_sync(d, n):
                if self._loads(d, n):
                    yield d
            elif self._may_save_later(d, n) and self._begins_update(d, n, value - d.window(n)):
                yield d

    def _clients_sync_early(self, draft: Draft, n: int, value: int) -> Iterator[Draft]:
        """A client's sync has loaded what others have overtaken since, or has begun, at an earlier time.

        The server's log tells of such a load, or has lost that line.  Where there is no log, none is looked
        for: whoever saves beside a primary might always be one whose client's sync began long ago.
        """
        d = draft.copy()
        if d.get("client_stage", n) == LOADED:
            if d.get("role", n) == LEADER and self._syncs(d, n, value - d.window(n), CLIENTS_SLOT):
                yield d
        elif d.get("client_stage", n) == IDLE:
            told = d.get("timestamp") // NS_PER_MS in self._timeline.loads.get(n, ())
            if not told and n not in self._timeline.loads:
                return
            if not told and self._timeline.tells_loads:
                d.world.silent.add(n)
            elif self._loads(d, n, CLIENTS_SLOT):
                yield d

    def _may_save_later(self, d: Draft, n: int) -> bool:
        """The value may be an update's that ends when the server does not lead any more."""
        return not self._seen.writers and (d.running_out(n) or not d.world.compares_leader)

    def refused_early(self, draft: Draft, line: LogEvent) -> Iterator[Draft]:
        """The save that will be refused has begun, or read all that it reads."""
        n = self._seen.server
        for d in self._begun(draft, n, self._seen.tried, line.attempt):
            yield d.copy()
            if self._drive(d, n, None):
                yield d
        early = draft.copy()
        if line.attempt is Attempt.UPDATE and self._begun_early_update(early, n, self._seen.tried):
            yield early.copy()
            if self._drive(early, n, None, CLIENTS_SLOT):
                yield early

    # --- logs ------------------------------------------------------------------------------------

    def logged(self, draft: Draft, line: LogEvent) -> Iterator[Draft]:
        """What a line of a server's log shows."""
        n = self._seen.server
        match line.step:
            case LogStep.SAVE_REFUSED:
                yield from self._refused(draft, n, line)
            case LogStep.WINDOW_LOADED:
                yield from self._loaded(draft, n, line)
            case LogStep.SYNC_BEGUN:
                yield from self._sync_begun(draft, n)
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

    def _sync_begun(self, draft: Draft, n: int) -> Iterator[Draft]:
        """A sync whose end is told has read the clock: the server's own or a client's, or neither yet."""
        yield draft.copy()
        want = None if self._seen.tried is None else self._seen.tried - draft.window(n)
        for slot in (OWN_SLOT, CLIENTS_SLOT) if draft.world.kinds[n - 1] is Kind.TSO else (OWN_SLOT,):
            d = draft.copy()
            if d.get(slot + "stage", n) < BEGUN and self._syncs(d, n, want, slot):
                yield d

    def _refused(self, draft: Draft, n: int, line: LogEvent) -> Iterator[Draft]:
        refusal = line.refusal or Refusal.OTHER
        if refusal is Refusal.NO_MEMORY:
            yield draft.copy()  # a try of an update whose term has ended saves nothing
            return
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
        if line.attempt is Attempt.UPDATE and self._overtaken(n):
            yield from self._fails_beside_a_reset(draft, n, refusal)
        early = draft.copy()
        begun = line.attempt is Attempt.UPDATE and self._begun_early_update(early, n, self._seen.tried)
        if begun and self._drive(early, n, SHOWS[refusal], CLIENTS_SLOT):
            yield early
        for d in self._begun(draft, n, self._seen.tried, line.attempt):
            conflicting = d.copy()
            if self._drive(d, n, SHOWS[refusal]):
                yield d
            if self._conflicts(conflicting, n, refusal):
                yield conflicting

    def _overtaken(self, n: int) -> bool:
        """The server's log tells of an admin's reset just before."""
        spans = self._timeline.overtaken.get(n, ())
        return any(begin <= self._seen.latest and self._seen.earliest <= end for begin, end in spans)

    def _fails_beside_a_reset(self, draft: Draft, n: int, refusal: Refusal) -> Iterator[Draft]:
        """An update that was under way fails because an admin's reset has saved meanwhile, or is going to.

        Of one server's saves the model lets a reset wait for an update that has begun; PD does not.  Of two
        that read the same value etcd applies one, so that what comes of it is what comes of an update that
        etcd never heard of, and a reset after it.
        """
        if refusal not in (Refusal.CONFLICT, Refusal.NOT_GREATER):
            return
        if draft.get("job", n) == NO_JOB:
            yield draft.copy()
        d = draft.copy()
        if self._begins_update(d, n, None) and d.do("request_lost", n):
            yield d

    def _loaded(self, draft: Draft, n: int, line: LogEvent) -> Iterator[Draft]:
        leads = draft.get("role", n) == LEADER
        if draft.world.kinds[n - 1] is Kind.TSO:
            d = draft.copy()
            loads = self._client_answered(d, n) and self._loads(d, n, CLIENTS_SLOT)
            if loads and self._tells(d, n, line, CLIENTS_SLOT):
                yield d.copy()
                # a server that does not lead is stopped by its empty leadership value, if it looks at once
                if not leads and d.do("client_abandon", n):
                    yield d
        elif not leads:
            yield draft.copy()
        if not leads or draft.get("promoted", n):
            return
        d = draft.copy()
        if d.get("job", n) not in (NO_JOB, SYNC) and not d.do("request_lost", n):
            return
        if d.get("stage", n) == IDLE and not self._loads(d, n):
            return
        if self._tells(d, n, line, OWN_SLOT):
            yield d

    def _tells(self, d: Draft, n: int, line: LogEvent, slot: str) -> bool:
        """The sync has loaded what the line says."""
        loaded = d.get(slot + "seen", n) // NS_PER_MS
        told = loaded if line.last_ns is None else line.last_ns // NS_PER_MS
        begun_below = d.get(slot + "stage", n) >= BEGUN and d.get(slot + "next", n) // NS_PER_MS < told
        other = begun_below or (d.get(slot + "stage", n) == LOADED and loaded != told)
        if other and self._timeline.watched:
            return d.refuse((slot or "sync_") + "load", n, "it loads what the line says")
        return True

    def _skipped(self, draft: Draft, n: int) -> Iterator[Draft]:
        if draft.get("role", n) != LEADER:
            yield draft.copy()
            return
        d = draft.copy()
        if self._skips(d, n):
            yield d
        d = draft.copy()
        if d.world.kinds[n - 1] is not Kind.TSO:
            return
        loaded = d.get("client_stage", n) == LOADED or self._loads(d, n, CLIENTS_SLOT)
        if loaded and d.do("client_skip", n):
            yield d

    def _cleared(self, draft: Draft, n: int) -> Iterator[Draft]:
        d = draft.copy()
        if d.get("api", n) and self._stops_allocator(d, n):
            yield d
        for d in self._given_up(draft, n):
            if not d.get("initialised", n):
                yield d
        d = draft.copy()
        if self._outlives(d, n) and d.do("stale_failure_clears", n):
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
        anew = self._seen.where in self._timeline.reconfigured.get(n, ())
        if fresh and not self._seen.again and not anew:
            yield d
            return
        if d.get("role", n) == CLOSING:
            self._left(d, n)
        if d.get("role", n) != DOWN and not d.do("crash", n):
            return
        same = self._seen.api in (None, bool(d.get("api", n)))
        start = "restart" if same else "restart_in_other_mode"
        if self._seen.at >= draft.world.upgraded_at.get(n, FOREVER) and not d.get("upgraded", n):
            if same:
                start = "restart_upgraded"
            # of a start that changes both the model makes two
            elif not d.do("restart_upgraded", n) or not d.do("crash", n):
                return
        if d.do(named(start) if anew else start, n):
            yield d

    def _sync_saved(self, draft: Draft, n: int, line: LogEvent) -> Iterator[Draft]:
        for d in self._begun(draft, n, None, Attempt.SYNC):
            if self._drive(d, n, "commit"):
                yield d

    # --- grants ----------------------------------------------------------------------------------

    def granted(self, draft: Draft, call: Call, *, sent_on: bool) -> Iterator[Draft]:
        """The server asked, or one to which it sent the call on, grants these timestamps."""
        for n in self._able_to_answer(draft, sent_on):
            for d in self._with_physical(self._untold_skip(draft, n), n, call.physical):
                if not self._client_answered(d, n):
                    continue
                count = max(call.logical - d.get("logical", n), 1)
                if d.do("grant", n, count=count, note=0, pick=1):
                    yield d

    def _untold_skip(self, draft: Draft, n: int) -> Draft:
        """A server that has nothing to sync has skipped it, where its log may lack the line that tells so."""
        d = draft.copy()
        if not self._skips(d, n):
            return draft
        if self._would_tell(n):
            d.world.silent.add(n)
            return draft
        return d

    def moved_on_early(self, draft: Draft, call: Call, *, sent_on: bool) -> Iterator[Draft]:
        """The physical part that will be granted is in memory since a tick before."""
        for n in self._able_to_answer(draft, sent_on):
            if draft.get("promoted", n):
                yield from self._with_physical(draft, n, call.physical)

    def _able_to_answer(self, draft: Draft, sent_on: bool) -> list[int]:
        """The server asked, and to which it may send the call on."""
        asked, world = self._seen.server, draft.world
        if not sent_on or not draft.get("api", asked):
            return [asked]
        primaries = [n for n in world.servers if world.kinds[n - 1] is Kind.TSO and draft.get("promoted", n)]
        return [asked, *primaries]

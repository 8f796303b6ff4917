"""What nobody can have done under a fence, whatever nothing shows: for that no run is searched."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import islice

from ..sources.observation import NS_PER_MS, Call, Key, KeyEvent, LogEvent, LogStep
from .hidden import SHOWS
from .seen import NOISE_NS, Granted, Seen
from .steps import JET_LAG_NS, NO_SUCH_STEP, UPDATES, Refusal, World
from .timeline import Timeline
from .windows import (
    COMMITS,
    ROOM,
    USED_UP,
    answers_from_saves,
    clears,
    covers,
    may_save,
    modes,
    outside,
    saves,
    unsaved,
    value_of,
)

#: guards of a save, of its read of the timestamp key and of its commit: under both that key never goes back
GROWS = "window grows"
_AS_READ = "timestamp key is as read"
_READS = ("load_window", "client_load_window")
ONLY_WRITTEN = "the timestamp key is only ever written"
_SERVING = "serving"
_ALONE = "API mode: nobody is registered"
#: of how many answers before it is asked whether one has more
_FEW = 8
#: where an explanation of these lines ends, the server has nothing in memory
_CLEARED = (LogStep.SERVER_START, LogStep.SERVER_EXIT, LogStep.RESET, LogStep.ALLOCATOR_CLOSED)
#: where one of these ends, the server leads no more
_ENDED = (LogStep.SERVER_START, LogStep.SERVER_EXIT, LogStep.STEP_DOWN)


@dataclass(frozen=True, slots=True)
class Impossible:
    """An observation, and the step that it shows and why nobody can take it."""

    seen: Seen
    refused: Refusal


def impossible(world: World, order: Timeline) -> Impossible | None:
    """The first observation that the fence has no way to, even if others are missing."""
    grows = _never_goes_back(world)
    before: KeyEvent | None = None
    low, beyond = next(unsaved(world, order), None), next(outside(world, order), None)
    for one in order.seen:
        if one is low:
            return Impossible(one, ("update_begin", 0, USED_UP))
        if one is beyond:
            return Impossible(one, ("update_in_memory", one.server, ROOM))
        match one.what:
            case LogEvent(refusal=refusal) if refusal is not None and not has_step(world, order, one):
                return Impossible(one, (SHOWS[refusal], one.server, NO_SUCH_STEP))
            case KeyEvent(key=Key.TIMESTAMP) as event:
                if not event.put:
                    return Impossible(one, ("commit", 0, ONLY_WRITTEN))
                if grows and before is not None and _next_and_lower(before, event, order):
                    return Impossible(one, (_READS[0], 0, GROWS))
                before = event
    return None


def unanswered(world: World, order: Timeline, seen: Sequence[Seen], index: int) -> bool:
    """Whether an answer needs a save of its server's own that nothing shows: no other order explains it.

    It comes before a save that it needs; is above all windows that the server can have saved before, or
    below all, since it cleared its memory or ended, as a line tells; or comes after a PD's election key was
    gone, or before the server was elected once more.
    """
    goal = seen[index]
    if not isinstance(goal.what, Granted) or not order.watched:
        return False
    if _precedes_what_it_needs(seen, goal):
        return True
    others = [n for n in world.servers if n not in world.pds] if goal.what.sent_on else []
    physical_ms = goal.what.call.physical
    return all(_unanswered(world, order, seen, index, physical_ms, n) for n in (goal.server, *others))


def set_back(world: World, order: Timeline, seen: Sequence[Seen], index: int) -> bool:
    """Whether an answer, or one that stands in its way, is below what the same server had told before.

    A server's answers come in the order of what they tell: those behind one that is late are late as well.
    What is told after it may be below it, too.
    """
    goal = seen[index]

    def earliest(at: int) -> int:
        return seen[at].earliest

    late = [at for at in range(index) if seen[at].stream == goal.stream and goal.latest < seen[at].earliest]
    then = [at for at, one in enumerate(seen) if _tells_less(one, goal)]
    ends, begins = nlargest(1, late, key=earliest), nsmallest(1, then, key=earliest)
    asked = dict.fromkeys((index, *ends, *begins))
    return order.watched and any(_set_back(world, order, seen, at) for at in asked)


def _tells_less(one: Seen, than: Seen) -> bool:
    """Whether a server that was asked told less, certainly after it had told more."""
    return (
        isinstance(one.what, Granted)
        and isinstance(than.what, Granted)
        and one.server == than.server
        and one.what.call.physical < than.what.call.physical
        and than.latest < one.earliest
    )


def _precedes_what_it_needs(seen: Sequence[Seen], goal: Seen) -> bool:
    """Whether it was seen before one of those events of etcd that it comes after."""
    events = islice((one for one in seen if not one.stream), goal.after)
    return any(one.earliest > goal.latest + NOISE_NS for one in events)


def _unanswered(
    world: World, order: Timeline, seen: Sequence[Seen], index: int, physical_ms: int, n: int
) -> bool:
    """Whether that server has not given that answer."""
    goal = seen[index]
    if not answers_from_saves(world, n):
        return False
    if _is_gone(world, order, seen, goal, n):
        return True
    if _jumps(world, order, seen, index, n):
        world.silent.add(n)
        return True
    before = [*_events_before(seen, index)]
    if _is_not_elected(world, order, seen, goal, before, n):
        return True
    may = may_save(world, order, seen, n)
    cleared = _last_told(goal, seen, n, _CLEARED)
    if cleared is None and order.late:
        return False  # what it saved before is not known
    ends = [
        value_of(one)
        for number, at, one in before
        if may[number] and (cleared is None or not _precedes(seen, number, at, cleared))
    ]
    return not covers(order, n, ends, physical_ms)


def _jumps(world: World, order: Timeline, seen: Sequence[Seen], index: int, n: int) -> bool:
    """Whether a memory would have moved on by so much since the answer before that the server's log would
    tell of its clock (`updateTimestamp`: "clock offset"), and no save or admin's reset sets it."""
    goal = seen[index]
    until, interval = order.steady.get(n, (0, 1))
    if until < goal.latest or order.denied.get(("admin_reset", n), 0) < goal.latest:
        return False
    before = max(
        (
            one
            for one in seen[:index]
            if one.server == n and isinstance(one.what, Granted) and not one.what.sent_on
        ),
        key=lambda one: one.earliest,
        default=None,
    )
    if before is None or not isinstance(before.what, Granted) or not isinstance(goal.what, Granted):
        return False
    if any(saves(one, n) and one.latest >= before.earliest and one.earliest <= goal.latest for one in seen):
        return False
    updates = (goal.latest - before.earliest) // interval + 1
    by = (goal.what.call.physical - before.what.call.physical - 1) * NS_PER_MS
    return by > updates * max(UPDATES * interval, JET_LAG_NS)


def _is_gone(world: World, order: Timeline, seen: Sequence[Seen], goal: Seen, n: int) -> bool:
    """Whether a server's election key was certainly gone before it was asked: etcd does not delete one before
    its lease ends, nor does its server before it stops to serve."""
    if order.late or not _grants_while_serving(world, n):
        return False
    own = _own_key(world, n)
    holds = False
    for one in seen:
        if isinstance(one.what, KeyEvent) and one.what.key is own:
            if one.what.put and one.server == n:
                holds |= one.earliest <= goal.latest
            elif one.latest < goal.earliest:
                holds = False
    return not holds


def _is_not_elected(
    world: World, order: Timeline, seen: Sequence[Seen], goal: Seen, before: Sequence[_Event], n: int
) -> bool:
    """Whether a server has not won an election since a line tells that it leads no more."""
    ended = _last_told(goal, seen, n, _ENDED)
    if ended is None or order.late or not _grants_while_serving(world, n):
        return False
    own = _own_key(world, n)
    return not any(
        isinstance(one.what, KeyEvent)
        and (one.what.key is own and one.what.put and one.server == n)
        and not _precedes(seen, number, at, ended)
        for number, at, one in before
    )


def _own_key(world: World, n: int) -> Key:
    """The key that a server campaigns for."""
    return Key.LEADER if n in world.pds else Key.PRIMARY


def _grants_while_serving(world: World, n: int) -> bool:
    grants = (each for each in world.machine.instances if each.number == n and each.name == "grant")
    return all(_SERVING in each.tests for each in grants)


#: an event of etcd: which of them, which observation, and that
_Event = tuple[int, int, Seen]


def _events_before(seen: Sequence[Seen], index: int) -> Iterator[_Event]:
    """The events of etcd that may have been before an observation."""
    goal = seen[index]
    events = ((at, one) for at, one in enumerate(seen) if not one.stream)
    for number, (at, one) in enumerate(events):
        if number < goal.before and one.earliest <= goal.latest + NOISE_NS:
            yield number, at, one


def _precedes(seen: Sequence[Seen], number: int, at: int, line: int) -> bool:
    """Whether an event of etcd certainly was before a line."""
    return number < seen[line].after or (at < line and seen[at].latest < seen[line].earliest)


def _set_back(world: World, order: Timeline, seen: Sequence[Seen], index: int) -> bool:
    """Whether a server had told more before, with no save between to set that back.

    Before by its time; or for the same client by its file's lines and by its clock: if that was set in
    between, one of them says otherwise.
    """
    goal, what = seen[index], seen[index].what
    n = _answers(world, order, seen, index)
    if not n or not isinstance(what, Granted) or not answers_from_saves(world, n):
        return False
    more = (
        at
        for at, one in enumerate(seen)
        if isinstance(one.what, Granted)
        and (one.server == n or one.what.sent_on)
        and one.what.call.physical > what.call.physical
        and (one.latest < goal.earliest or _told_before(one, one.what.call, goal, what.call))
    )
    ends = [one for one in seen if saves(one, n) and covers(order, n, [value_of(one)], what.call.physical)]
    return any(
        _answers(world, order, seen, at) == n
        and not any(one.latest >= seen[at].earliest and one.earliest <= goal.latest for one in ends)
        for at in nlargest(_FEW, more, key=lambda at: seen[at].earliest)
    )


def _told_before(one: Seen, call: Call, goal: Seen, then: Call) -> bool:
    """Whether the same client had an answer before another one."""
    same = one.stream == goal.stream and call.where.file == then.where.file
    return same and call.where.place < then.where.place and call.end_ns < then.start_ns


def _answers(world: World, order: Timeline, seen: Sequence[Seen], index: int) -> int:
    """Which server must have given an answer: that asked, or the only one to which it can send calls on that
    has what it tells; 0: there may be several."""
    one = seen[index]
    if not isinstance(one.what, Granted) or not one.what.sent_on:
        return one.server
    tsos = [n for n in world.servers if n not in world.pds]
    itself = _may_sync(world, one.server) or _in_service_mode(order, seen, one)
    may = [*tsos, one.server] if itself else tsos
    if len(may) > 1:
        physical_ms = one.what.call.physical
        may = [n for n in may if not _unanswered(world, order, seen, index, physical_ms, n)]
    return may[0] if len(may) == 1 else 0


def _may_sync(world: World, server: int) -> bool:
    """Whether a PD in API mode may ever find that nobody is registered, and sync."""
    own = [each for each in world.machine.instances if each.number == server]
    asks = all(_ALONE in each.tests for each in own if each.name == "sync_load")
    return not asks or not all(clears(each, "polled") for each in own)


def _in_service_mode(order: Timeline, seen: Sequence[Seen], goal: Seen) -> bool:
    """Whether the server asked may have been out of API mode."""
    return False in modes(order, seen, goal.server, goal)


def _last_told(goal: Seen, seen: Sequence[Seen], n: int, steps: Container[LogStep | None]) -> int | None:
    """Where the last line of these stands in a server's log, certainly before the goal."""
    found, latest = None, 0
    for at, one in enumerate(seen):
        if isinstance(one.what, LogEvent) and one.server == n:
            latest = max(latest, one.latest)  # of the lines so far: they come in this order
            if one.what.step in steps and latest < goal.earliest:
                found = at
    return found


def has_step(world: World, order: Timeline, seen: Seen) -> bool:
    """Whether the fence has the step that a refusal shows, in a mode that the PD may be in."""
    refusal = seen.what.refusal if isinstance(seen.what, LogEvent) else None
    if refusal not in SHOWS or (SHOWS[refusal], seen.server) in world.index:
        return True
    return bool(order.mode_text) and world.checks


def _never_goes_back(world: World) -> bool:
    """Whether each save reads the timestamp key, is greater than that, and fails if it has changed."""
    tests = [(each.name, each.tests) for each in world.machine.instances]
    reads = [of for name, of in tests if name in _READS]
    return (
        bool(reads)
        and all(GROWS in of for of in reads)
        and all(_AS_READ in of for name, of in tests if name in COMMITS)
    )


def _next_and_lower(before: KeyEvent, event: KeyEvent, order: Timeline) -> bool:
    """Whether a write that is no greater follows another one at once."""
    follows = event.revision < order.gap or (before.version and event.version == before.version + 1)
    told = before.timestamp_ns is not None and event.timestamp_ns is not None
    return bool(follows and told and (event.timestamp_ns or 0) <= (before.timestamp_ns or 0))

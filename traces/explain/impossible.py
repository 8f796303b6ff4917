"""What nobody can have done under a fence, whatever nothing shows: for that no run is searched."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ...model.language.expr import Expr
from ...model.language.instance import Instance, is_variable
from ..sources.observation import NS_PER_MS, Key, KeyEvent, LogEvent, LogStep
from .hidden import SHOWS
from .seen import FOREVER, NOISE_NS, Granted, Seen
from .steps import JET_LAG_NS, NO_SUCH_STEP, UPDATES, Refusal, World
from .timeline import Timeline

#: guards of a save, of its read of the timestamp key and of its commit: under both that key never goes back
GROWS = "window grows"
_AS_READ = "timestamp key is as read"
_READS = ("load_window", "client_load_window")
_COMMITS = ("commit", "commit_answer_lost", "client_commit", "client_commit_answer_lost")
ONLY_WRITTEN = "the timestamp key is only ever written"
_KEY_IS_MINE, _NO_PRIMARY, _SERVING = "election key is mine", "no TSO primary", "serving"
_IN_MEMORY, _ROOM, _FORWARD = "memory is set", "window has room", "forward"
_ALONE = "API mode: nobody is registered"
#: where an explanation of these lines ends, the server has nothing in memory
_CLEARED = (LogStep.SERVER_START, LogStep.SERVER_EXIT, LogStep.RESET, LogStep.ALLOCATOR_CLOSED)
_CLEAR = ("stop", "stop_allocator")
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
    for one in order.seen:
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
    least_ns = goal.what.call.physical * NS_PER_MS
    return all(_unanswered(world, order, seen, index, least_ns, n) for n in (goal.server, *others))


def set_back(world: World, order: Timeline, seen: Sequence[Seen], index: int) -> bool:
    """Whether an answer, or one that stands in its way, is below what the same client had been told before.

    A server's answers come in the order of what they tell: those behind one that is late are late as well.
    """
    goal = seen[index]
    late = [at for at in range(index) if seen[at].stream == goal.stream and goal.latest < seen[at].earliest]
    asked = (goal, *((max((seen[at] for at in late), key=lambda one: one.earliest),) if late else ()))
    return order.watched and any(_set_back(world, order, seen, one, one.what) for one in asked)


def _precedes_what_it_needs(seen: Sequence[Seen], goal: Seen) -> bool:
    """Whether it was seen before one of those events of etcd that it comes after."""
    events = islice((one for one in seen if not one.stream), goal.after)
    return any(one.earliest > goal.latest + NOISE_NS for one in events)


def _unanswered(
    world: World, order: Timeline, seen: Sequence[Seen], index: int, least_ns: int, n: int
) -> bool:
    """Whether that server has not given that answer."""
    goal = seen[index]
    if not _answers_from_saves(world, n):
        return False
    if _is_gone(world, order, seen, goal, n):
        return True
    if _jumps(world, order, seen, index, n):
        world.silent.add(n)
        return True
    before = [*_events_before(seen, index)]
    if _is_not_elected(world, order, seen, goal, before, n):
        return True
    may = _may_save(world, order, seen, n)
    saves = [(number, at, one) for number, at, one in before if may[number]]
    cleared = _last_told(goal, seen, n, _CLEARED)
    since = [one for number, at, one in saves if cleared is None or not _precedes(seen, number, at, cleared)]
    if cleared is None and order.late:
        return False  # what it saved before is not known
    ends = [_value(one) for one in since]
    # a save sets the memory to the end of its window less that, from where it is only moved on
    begins = [0 if end == FOREVER else end - order.longest_window(n) for end in ends]
    return not (max(ends, default=0) > least_ns and min(begins) < least_ns + NS_PER_MS)


def _may_save(world: World, order: Timeline, seen: Sequence[Seen], n: int) -> list[bool]:
    """Of each of etcd's events whether it may be a save of that server, by who held the election keys."""
    commits = [each for each in world.machine.instances if each.number == n and each.name in _COMMITS]
    own = all(_KEY_IS_MINE in each.tests for each in commits) and not order.late
    alone = all(_NO_PRIMARY in each.tests for each in commits) and not order.late
    mine = Key.LEADER if n in world.pds else Key.PRIMARY
    holders = {Key.LEADER: 0, Key.PRIMARY: 0}
    found = []
    for one in (each for each in seen if not each.stream):
        may = _saves(one, n) and not (own and holders[mine] not in (0, n))
        if may and alone and holders[Key.PRIMARY]:
            may = True in _modes(order, seen, one, n)
        found.append(may)
        if isinstance(one.what, KeyEvent) and one.what.key in holders:
            holders[one.what.key] = one.server if one.what.put else 0
    return found


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
    if any(_saves(one, n) and one.latest >= before.earliest and one.earliest <= goal.latest for one in seen):
        return False
    updates = (goal.latest - before.earliest) // interval + 1
    by = (goal.what.call.physical - before.what.call.physical - 1) * NS_PER_MS
    return by > updates * max(UPDATES * interval, JET_LAG_NS)


def _is_gone(world: World, order: Timeline, seen: Sequence[Seen], goal: Seen, n: int) -> bool:
    """Whether a PD's election key was certainly gone before it was asked: etcd does not delete one before its
    lease ends, nor does its server before it stops to serve."""
    if n not in world.pds or order.late or not _grants_while_serving(world, n):
        return False
    holds = False
    for one in seen:
        if isinstance(one.what, KeyEvent) and one.what.key is Key.LEADER:
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
    own = Key.LEADER if n in world.pds else Key.PRIMARY
    return not any(
        isinstance(one.what, KeyEvent)
        and (one.what.key is own and one.what.put and one.server == n)
        and not _precedes(seen, number, at, ended)
        for number, at, one in before
    )


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


def _set_back(world: World, order: Timeline, seen: Sequence[Seen], goal: Seen, what: object) -> bool:
    """Whether the client had been told more before by the same server, with no save between to set that back.

    Before by its file's lines and by its clock: if that was set in between, one of them says otherwise.
    """
    n = _answers(world, order, seen, goal)
    if not n or not isinstance(what, Granted) or not _answers_from_saves(world, n):
        return False
    call = what.call
    above = [
        one
        for one in seen
        if one.stream == goal.stream
        and isinstance(one.what, Granted)
        and one.where.file == call.where.file
        and one.where.place < call.where.place
        and one.what.call.end_ns < call.start_ns
        and one.what.call.physical > call.physical
    ]
    last = max(above, key=lambda one: one.where.place, default=None)
    if last is None or _answers(world, order, seen, last) != n:
        return False
    least_ns = call.physical * NS_PER_MS
    return not any(
        _saves(one, n)
        and (one.latest >= last.earliest and one.earliest <= goal.latest)
        and (_value(one) == FOREVER or _value(one) - order.longest_window(n) < least_ns + NS_PER_MS)
        for one in seen
    )


def _answers(world: World, order: Timeline, seen: Sequence[Seen], one: Seen) -> int:
    """Which server must have given an answer: that asked, or the only one to which it can send calls on; 0:
    there may be several."""
    if not isinstance(one.what, Granted) or not one.what.sent_on:
        return one.server
    tsos = [n for n in world.servers if n not in world.pds]
    alone = len(tsos) == 1 and not _may_sync(world, one.server)
    return tsos[0] if alone and not _in_service_mode(order, seen, one) else 0


def _may_sync(world: World, server: int) -> bool:
    """Whether a PD in API mode may ever find that nobody is registered, and sync."""
    own = [each for each in world.machine.instances if each.number == server]
    asks = all(_ALONE in each.tests for each in own if each.name == "sync_load")
    return not asks or not all(_clears(each, "polled") for each in own)


def _in_service_mode(order: Timeline, seen: Sequence[Seen], goal: Seen) -> bool:
    """Whether the server asked may have been out of API mode."""
    return False in _modes(order, seen, goal, goal.server)


def _modes(order: Timeline, seen: Sequence[Seen], goal: Seen, n: int) -> set[bool]:
    """Whether a PD may have been in API mode then, and out of it, as the lines of its starts tell."""
    modes = {*order.api[n - 1]}
    for one in seen:
        if one.server == n and one.api is not None and one.earliest <= goal.latest:
            modes = {one.api} if one.latest < goal.earliest else {*modes, one.api}
    return modes


def _answers_from_saves(world: World, server: int) -> bool:
    """Whether a memory is set, and its window moved on, with a save only, and answers stay within that.

    It may be cleared otherwise, and is so where its server stops; in between it is only moved on.
    """
    own = [each for each in world.machine.instances if each.number == server]
    saves = [each for each in own if ("timestamp", 0) in each.effect]
    others = [each for each in own if each not in saves]
    return (
        all(_IN_MEMORY in each.tests for each in own if each.name == "grant")
        and all(_clears(each, name) for each in others for name in ("initialised", "saved"))
        and all(_goes_on(each) or _clears(each, "physical") for each in others)
        and all(("initialised", server) in each.effect for each in own if each.name in _CLEAR)
    )


def _clears(step: Instance, name: str) -> bool:
    """Whether a step sets a variable of its server to nothing, or not at all."""
    value = step.effect.get((name, step.number))
    return value is None or _is_nothing_or(name, step.number, value)


def _is_nothing_or(name: str, number: int, value: Expr) -> bool:
    """Whether a value is nothing, or what that variable is already, in either case."""
    if value.op == "ite":
        return all(_is_nothing_or(name, number, case) for case in value.args[1:])
    return is_variable(value, name, number) or (value.op == "literal" and not value.value)


def _goes_on(step: Instance) -> bool:
    """Whether a step moves the physical part on within the window, and not back."""
    value = step.effect.get(("physical", step.number))
    return _ROOM in step.tests and value is not None and (_FORWARD in step.tests or _is_ahead(value))


def _is_ahead(value: Expr) -> bool:
    """Whether a value is a clock reading if that is ahead of some other one, else that one and a bit."""
    if value.op != "ite" or (value.args[0].op, value.args[2].op) != ("<", "+"):
        return False
    (least, ahead), clock, (physical, more) = value.args[0].args, value.args[1], value.args[2].args
    bits = all(each.op == "literal" and each.value >= 0 for each in (least, more))
    return bits and str(ahead) == str(clock - physical)


def _saves(event: Seen, server: int) -> bool:
    """Whether an event may be a save of that server."""
    puts = isinstance(event.what, KeyEvent) and event.what.key is Key.TIMESTAMP and event.what.put
    return puts and (not event.writers or server in event.writers)


def _value(save: Seen) -> int:
    told = save.what.timestamp_ns if isinstance(save.what, KeyEvent) else None
    return FOREVER if told is None else told


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
        and all(_AS_READ in of for name, of in tests if name in _COMMITS)
    )


def _next_and_lower(before: KeyEvent, event: KeyEvent, order: Timeline) -> bool:
    """Whether a write that is no greater follows another one at once."""
    follows = event.revision < order.gap or (before.version and event.version == before.version + 1)
    told = before.timestamp_ns is not None and event.timestamp_ns is not None
    return bool(follows and told and (event.timestamp_ns or 0) <= (before.timestamp_ns or 0))

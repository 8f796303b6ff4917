"""Which windows servers can have saved, by the order of what etcd shows and by its values, not by times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from operator import itemgetter

from ...model.language.expr import Expr
from ...model.language.fold import Known, fold
from ...model.language.instance import Instance, is_variable
from ..sources.intervals import GUARD_NS
from ..sources.observation import ELECTIONS, NS_PER_MS, Key, KeyEvent
from .seen import FOREVER, Granted, Seen
from .steps import World
from .timeline import Timeline

#: guards of steps that save and grant
USED_UP, ROOM, IN_MEMORY = "window is used up", "window has room", "memory is set"
_KEY_IS_MINE, _NO_PRIMARY, _FORWARD = "election key is mine", "no TSO primary", "forward"
#: and of a sync for a client, and of grants beside it
_ONCE, _LOCKED = "no client's sync has succeeded in this process", "no client's sync holds the group's lock"
COMMITS = ("commit", "commit_answer_lost", "client_commit", "client_commit_answer_lost")
_CLEAR = ("stop", "stop_allocator")
_NEXT = ("next", "client_next")


def answers_from_saves(world: World, server: int) -> bool:
    """Whether a memory is set, and its window moved on, with a save only, and answers stay within that.

    It may be cleared otherwise, and is so where its server stops; in between it is only moved on.
    """
    own = [each for each in world.machine.instances if each.number == server]
    others = [each for each in own if ("timestamp", 0) not in each.effect]
    return (
        all(IN_MEMORY in each.tests for each in own if each.name == "grant")
        and all(clears(each, name) for each in others for name in ("initialised", "saved"))
        and all(_goes_on(each) or clears(each, "physical") for each in others)
        and all(("initialised", server) in each.effect for each in own if each.name in _CLEAR)
    )


def clears(step: Instance, name: str) -> bool:
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
    return ROOM in step.tests and value is not None and (_FORWARD in step.tests or _is_ahead(value))


def _is_ahead(value: Expr) -> bool:
    """Whether a value is a clock reading if that is ahead of some other one, else that one and a bit."""
    if value.op != "ite" or (value.args[0].op, value.args[2].op) != ("<", "+"):
        return False
    (least, ahead), clock, (physical, more) = value.args[0].args, value.args[1], value.args[2].args
    bits = all(each.op == "literal" and each.value >= 0 for each in (least, more))
    return bits and str(ahead) == str(clock - physical)


def saves(event: Seen, server: int) -> bool:
    """Whether an event may be a save of that server."""
    puts = isinstance(event.what, KeyEvent) and event.what.key is Key.TIMESTAMP and event.what.put
    return puts and (not event.writers or server in event.writers)


def value_of(save: Seen) -> int:
    """What was saved (ns), `FOREVER` if that cannot be read."""
    told = save.what.timestamp_ns if isinstance(save.what, KeyEvent) else None
    return FOREVER if told is None else told


def modes(order: Timeline, seen: Sequence[Seen], n: int, goal: Seen | None = None) -> set[bool]:
    """Whether a PD may have been in API mode then (None: ever), and out of it, as its starts' lines tell."""
    found = {*order.api[n - 1]}
    for one in seen:
        if one.server == n and one.api is not None and (goal is None or one.earliest <= goal.latest):
            before = goal is not None and one.latest < goal.earliest
            found = {one.api} if before else {*found, one.api}
    return found


def may_save(
    world: World, order: Timeline, seen: Sequence[Seen], n: int, *, whenever: bool = False
) -> list[bool]:
    """Of each of etcd's events whether it may be a save of that server, by who held the election keys;
    ``whenever``: and not by times."""
    commits = [each for each in world.machine.instances if each.number == n and each.name in COMMITS]
    own = all(_KEY_IS_MINE in each.tests for each in commits) and not order.late
    # in which modes somebody's being primary does not matter
    free = {mode for mode in (False, True) for each in commits if order.late or _saves_beside(each, mode)}
    mine = Key.LEADER if n in world.pds else Key.PRIMARY
    holders = {Key.LEADER: 0, Key.PRIMARY: 0}
    # some take it for theirs where it is nobody's, if it was theirs as they began
    beside = ("find_nobody", n) in world.index
    elected = False
    ever = modes(order, seen, n)
    found = []
    for one in (each for each in seen if not each.stream):
        holds = holders[mine] == n or (beside and elected and not holders[mine])
        may = saves(one, n) and (holds or not own)
        if may and holders[Key.PRIMARY] and len(free) < 2:
            may = not free.isdisjoint(ever if whenever else modes(order, seen, n, one))
        found.append(may)
        if isinstance(one.what, KeyEvent) and one.what.key in holders:
            holders[one.what.key] = one.server if one.what.put else 0
            elected |= holders[mine] == n
    return found


def _saves_beside(commit: Instance, api: bool) -> bool:
    """Whether a server in that mode may save while there is a TSO primary."""
    test = commit.tests.get(_NO_PRIMARY)
    if test is None:
        return True
    state = {("api", commit.number): int(api), ("primary", 0): -1}
    try:
        return bool(fold(test, Known(0, {}, state=lambda name, number: state[name, number])).value)
    except KeyError:  # it rests on something else
        return True


def covers(order: Timeline, n: int, ends: Iterable[int], physical_ms: int) -> bool:
    """Whether the memory of a server may be in that millisecond, with windows that end there (ns).

    A save sets it to the end of its window less that, from where it is only moved on, within the window.
    """
    least_ns, longest = physical_ms * NS_PER_MS, order.longest_window(n)
    return any(end == FOREVER or end - longest - NS_PER_MS < least_ns < end for end in ends)


def _certain(order: Timeline) -> bool:
    """Whether what was saved is all known, by which intervals, and in which mode PDs were: else more can have
    been saved, or another server have answered."""
    missing = order.late or order.gap_text or order.undecoded or order.lacking
    unknown = missing or order.window_assumed or order.mode_text
    return order.watched and not unknown


def outside(world: World, order: Timeline) -> Iterator[Seen]:
    """The answers that lie in no window that their server can have saved, be it at another time: below one
    that somebody saved, so that the next one is not missing."""
    if not _certain(order):
        return
    saved = [one for one in order.seen if not one.stream]
    highest = max((value_of(one) for one in saved if _is_told(one)), default=0)
    tsos = [n for n in world.servers if n not in world.pds]
    windows: dict[int, list[tuple[int, int]]] = {}
    for n in filter(partial(answers_from_saves, world), world.servers):
        may = may_save(world, order, order.seen, n, whenever=True)
        ends = sorted(value_of(one) for one, it in zip(saved, may, strict=True) if it)
        windows[n] = [(end - order.longest_window(n) - NS_PER_MS, end) for end in ends]
    for one in order.seen:
        if not isinstance(one.what, Granted) or (least_ns := one.what.call.physical * NS_PER_MS) >= highest:
            continue
        may_answer = {one.server, *(tsos if one.what.sent_on else ())}
        if may_answer <= windows.keys() and not any(_covers(windows[n], least_ns) for n in may_answer):
            yield one


def _is_told(event: Seen) -> bool:
    return isinstance(event.what, KeyEvent) and bool(event.what.timestamp_ns)


def _covers(windows: Sequence[tuple[int, int]], least_ns: int) -> bool:
    """Whether one of the windows, by their ends, has a time in it; the longest ends first of those beyond."""
    at = bisect_right(windows, least_ns, key=itemgetter(1))
    return at < len(windows) and windows[at][0] < least_ns


def unsaved(world: World, order: Timeline, *, by_times: bool = False) -> Iterator[Seen]:
    """The saves that nobody can have made, for a window reaches that far above what its server saved before.

    An update saves once that is used up, and a sync goes on above what it loads, which is no less. That does
    not hold of a save of which the server did not learn, nor of a sync for a client, which may have loaded
    long before: ``by_times``, there was none where the server has answered in its term.
    """
    if not _certain(order) or not all(_saves_above(world, n) for n in world.servers):
        return
    may = {n: may_save(world, order, order.seen, n, whenever=True) for n in world.servers}
    answered = _Answered(world, order) if by_times else None
    lowest: dict[int, int] = {}  # that the key held since a save that was certainly the server's
    elected: dict[Key, Seen] = {}
    for number, one in enumerate(each for each in order.seen if not each.stream):
        event = one.what
        if isinstance(event, KeyEvent) and event.key in ELECTIONS and event.put:
            elected[event.key] = one
        makers = [n for n in world.servers if may[n][number]]
        if not makers or not (value := value_of(one)):
            continue
        if all(
            n in lowest
            and value < lowest[n] + min(order.windows[n - 1]) - GUARD_NS
            and (n in world.pds or (answered and answered.between(n, elected.get(Key.PRIMARY), one)))
            for n in makers
        ):
            yield one
        lowest = {n: min(low, value) for n, low in lowest.items()}
        if len(makers) == 1 and _learns(order, one, *makers):
            lowest[makers[0]] = value


def _saves_above(world: World, n: int) -> bool:
    """Whether what a server saves is above what it has saved before, as far as it learned of that."""
    own = [each for each in world.machine.instances if each.number == n]
    return all(
        clears(each, name)
        or USED_UP in each.tests
        or _is_above(each.effect[name, n], name.replace("next", "seen"), n)
        for each in own
        for name in _NEXT
    ) and all(
        ("timestamp", 0) in each.effect or (clears(each, "saved") and ("initialised", n) in each.effect)
        for each in own
        if ("saved", n) in each.effect
    )


def _is_above(value: Expr, name: str, n: int) -> bool:
    """Whether a value is a clock reading, where that is no less than a variable and a bit, else those."""
    if value.op != "ite" or (value.args[0].op, value.args[1].op) != ("<", "+"):
        return False
    (ahead, least), (last, more), clock = value.args[0].args, value.args[1].args, value.args[2]
    bits = str(least) == str(more) and more.op == "literal" and more.value >= 0
    return bits and is_variable(last, name, n) and str(ahead) == str(clock - last)


def _learns(order: Timeline, save: Seen, n: int) -> bool:
    """Whether a server had the answer to its save: its log tells of that, or of each that is lost."""
    return n in save.writers or order.denied.get(("commit_answer_lost", n)) == FOREVER


class _Answered:
    """When TSO servers have answered: in their term no client's sync begins after that, nor is under way."""

    def __init__(self, world: World, order: Timeline) -> None:
        self._begins: dict[int, list[int]] = {}
        #: of each answer and those that begin later the first that ends
        self._ends: dict[int, list[int]] = {}
        for n in world.servers:
            if n in world.pds or not _syncs_for_clients_once(world, n):
                continue
            spans = sorted((one.earliest, one.latest) for one in order.seen if _is_own_answer(one, n))
            self._begins[n] = [begin for begin, _ in spans]
            self._ends[n] = [*accumulate((end for _, end in reversed(spans)), min)][::-1]

    def between(self, n: int, elected: Seen | None, goal: Seen) -> bool:
        """Whether a server has answered after one event and before another."""
        if elected is None:
            return False
        at = bisect_right(self._begins.get(n, ()), elected.latest)
        return at < len(self._ends.get(n, ())) and self._ends[n][at] < goal.earliest


def _syncs_for_clients_once(world: World, n: int) -> bool:
    own = [each for each in world.machine.instances if each.number == n]
    return all(_ONCE in each.tests for each in own if each.name == "client_load") and all(
        _LOCKED in each.tests and ("requested", n) in each.effect for each in own if each.name == "grant"
    )


def _is_own_answer(one: Seen, n: int) -> bool:
    return isinstance(one.what, Granted) and not one.what.sent_on and one.server == n

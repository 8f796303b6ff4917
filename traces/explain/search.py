"""The search: which runs of the model explain all observations, one after another.

The set of explanations is kept: every state that can be reached by proposals for what was seen so far, once
for each set of observations that it explains and of properties that it breaks. Observations are taken by
estimated time, with the proposals that need nothing unseen. Where that leaves no explanation, the search goes
back some observations (8, then 64, then 512, then all) and tries every order that bounds in time and anchors
allow, first with the same proposals and then with wide ones. Only when going back to the beginning has found
nothing is the trace no behaviour of the fence; when a limit ended that, nobody knows.
"""

from __future__ import annotations

from bisect import bisect, bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate, chain, count, islice

from ...checker.run import Move
from ..sources.observation import ELECTIONS, NS_PER_MS, Key, KeyEvent, LogEvent
from .first_states import first_states
from .impossible import has_step, set_back, unanswered
from .proposals import Proposals, lapsed
from .seen import FOREVER, LATE_NS, NOISE_NS, Seen
from .steps import NO_SUCH_STEP, RUNNING, SEEN_BEFORE, Draft, Refusal, State, World
from .timeline import Timeline
from .windows import unsaved

#: how many explanations are kept at a time; beyond that the least surprising
MAX_EXPLANATIONS = 4_096
#: the same where one explanation is enough
ONE_IS_ENOUGH = 4
#: states in which a trace may begin: a late watch multiplies them by two for each TSO server
MAX_FIRST = 20_000
#: how many steps are taken on the detours of one search, before the verdict is unknown; of etcd's events
#: alone, which are few, to refute a recording may take half of it
MAX_DETOURS, OF_EVENTS = 20_000, 50_000
#: the same where not finding an explanation would decide nothing, and so many more for each observation
FEW_DETOURS, FOR_EACH = 10_000, 20
#: the same for an explanation without what all that were found break
AVOIDING_DETOURS = 10_000
#: the same where whatever is found changes no verdict
LEAST_DETOURS = 200
#: what all searches of a replay may keep, in bytes, about
MAX_BYTES = 512 << 20
_NODE, _VALUE = 1_200, 16  # bytes of a node with its place in a layer, and of each value of its state
_ENOUGH = 64  # explanations found on a detour
_FEW = 8  # observations that may have been made in another order
_HANGS_NS = 500 * NS_PER_MS  # a save that takes longer may outlive a term
_SURPRISING = 2  # what is that much less likely may be explained by another order, looked for so many steps
_OTHER_ORDER = 1_000
_AHEAD = 3  # observations of a stream whose steps may have begun
_PATIENCE = 4  # how much longer than for any the least surprising is looked for; in what part of what is left
#: how far a detour goes back, and whether it tries wide proposals
_DETOURS = ((_FEW, False), (_FEW, True), (64, False), (64, True), (512, True), (FOREVER, True))


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An explanation of some observations, the last step of a chain that goes back by `parent`.

    `moves` explain observation `index`. `extra` is what is explained beyond those up to it in the estimated
    order. `broken` are the properties broken so far, `breaks` those that these moves break.
    """

    state: State
    extra: frozenset[int]
    broken: frozenset[str]
    cost: int
    parent: Node | None
    index: int
    moves: tuple[Move, ...]
    breaks: tuple[str, ...]

    def after(self, draft: Draft, index: int, extra: frozenset[int]) -> Node:
        """The explanation that goes on with the steps of a draft."""
        return Node(
            draft.state,
            extra,
            self.broken.union(draft.broken) if draft.broken else self.broken,
            self.cost + draft.cost,
            self,
            index,
            draft.moves,
            draft.broken,
        )

    def chain(self) -> Iterator[Node]:
        """From the first to this one."""
        nodes = []
        node: Node | None = self
        while node is not None:
            nodes.append(node)
            node = node.parent
        return reversed(nodes)


Layer = dict[tuple[State, frozenset[int], frozenset[str]], Node]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found: `explanations` of the first `reached` observations, the least surprising first.

    `stuck`: none of them explains the next one, because of what is in `refused`. `complete`: no limit and no
    Ctrl-C (`interrupted`) cut the search, so that `stuck` is certain. Neither stuck nor interrupted, and not
    at the end: there was no room for more. `steps` counts observations explained, detours included.
    """

    explanations: tuple[Node, ...]
    reached: int
    stuck: bool
    complete: bool
    interrupted: bool
    refused: tuple[Refusal, ...]
    steps: int


class Search:
    """The search under one fence, over some observations of a timeline (of etcd's, all that come before).

    It keeps at most ``memory`` bytes, about, and ``width`` explanations at a time, of them none that breaks
    a property to ``avoid``.
    """

    def __init__(
        self,
        world: World,
        timeline: Timeline,
        seen: Sequence[Seen],
        detours: int,
        memory: int,
        width: int = MAX_EXPLANATIONS,
        avoid: frozenset[str] = frozenset(),
    ) -> None:
        self._world = world
        self._avoid = avoid
        self._timeline = timeline
        self._seen = seen
        self._proposals = Proposals(timeline)
        self._layers: list[Layer] = []
        self._left = detours
        self._width = width
        self._kept = detours  # no detour could come back from further away
        self._oldest = self._nodes = 0  # the first layer that is kept, and the nodes of all
        slots = world.slots
        self._now = slots["now", 0]
        self._leases = [(slots["lease", n], slots["lease_end", n]) for n in world.servers]
        self._begun = _before(chain(_told(timeline, seen), _hung(timeline, seen)), seen, _AHEAD)
        self._gone = _before(_gone(timeline, seen), seen, 0)
        self._ends = sorted({*world.denied.values(), *(until for until, _ in world.steady.values())})
        self._room = memory // (_NODE + _VALUE * len(world.machine.layout.slots))
        self._complete = True
        self._interrupted = False
        self._steps = 0

    def run(self, progress: Callable[[int, int], None] | None = None) -> Outcome:
        """Explain one observation after another; Ctrl-C ends it with what was found."""
        first = list(islice(self._first(), MAX_FIRST + 1))
        self._complete = len(first) <= MAX_FIRST
        layer = _layer(first, MAX_FIRST)
        reached = 0
        stuck = narrowed = False
        try:
            for index in range(len(self._seen)):
                layer = self._foreseeing(layer, index)
                self._keep(layer)
                if self._nodes + index > self._room:
                    self._complete = False
                    break
                further = self._distinct(self._step(layer, index))
                if not further and self._may_be_found(index):
                    further = self._detour(index)
                elif _least(further) >= _least(layer) + _SURPRISING:
                    # what nobody has seen, if only because the order of two observations was guessed
                    further = _layer((*further.values(), *self._other_order(index)), self._room)
                if not further:
                    stuck = True
                    break
                if len(further) > self._width:
                    narrowed = True
                    self._complete &= self._width < MAX_EXPLANATIONS  # detours of more take too long
                    further = _layer(sorted(further.values(), key=_cost), self._width)
                layer, reached = further, index + 1
                if progress:
                    progress(reached, len(self._seen))
        except KeyboardInterrupt:
            self._complete, self._interrupted = False, True
        found = sorted(layer.values(), key=_cost)
        refused = self._refusals(found, reached) if stuck else ()
        complete = self._complete and not narrowed
        return Outcome(tuple(found), reached, stuck, complete, self._interrupted, refused, self._steps)

    def _foreseeing(self, layer: Layer, index: int) -> Layer:
        """The same, and those in which what ends later begins here."""
        if index not in self._begun:
            return layer
        more = (
            replace(after, extra=node.extra)
            for node in layer.values()
            for after in self._foresees(node, index, wide=False)
        )
        return _layer(chain(layer.values(), more), self._room)

    def _foresees(self, node: Node, index: int, *, wide: bool) -> Iterator[Node]:
        """Before an observation a lease begins to run out of which a log says that it has ended since, or a
        save begins that is written long after; ``wide``: or a lease whose election key goes then."""
        for goal in (*self._begun.get(index, ()), *(self._gone.get(index, ()) if wide else ())):
            draft = Draft(self._world, node.state)
            for after in self._proposals.prepare(draft, self._seen[goal], late=True):
                yield node.after(after, index, frozenset())

    def _may_be_found(self, index: int) -> bool:
        """Whether another order, or wider proposals, may explain what nothing explains so far."""
        one = self._seen[index]
        if _is_save(one) and one.revision in self._unsaved:
            return False
        return has_step(self._world, self._timeline, one) and not unanswered(
            self._world, self._timeline, self._seen, index
        )

    @cached_property
    def _unsaved(self) -> frozenset[int | None]:
        """The revisions of saves that nobody can have made."""
        return frozenset(one.revision for one in unsaved(self._world, self._timeline, by_times=True))

    def _keep(self, layer: Layer) -> None:
        """Keep a layer for detours, and forget the oldest where there is no room for more."""
        self._layers.append(layer)
        self._nodes += len(layer)
        newest = len(self._layers) - 1
        while self._oldest < newest and (
            newest - self._oldest >= self._kept or self._nodes + newest > self._room
        ):
            self._nodes -= len(self._layers[self._oldest])
            self._layers[self._oldest] = {}
            self._oldest += 1

    def _distinct(self, nodes: Iterable[Node]) -> Layer:
        """A layer of these, as far as there is room."""
        layer = _layer((node for node in nodes if self._avoid.isdisjoint(node.broken)), self._room)
        self._complete &= len(layer) < self._room
        return layer

    def _first(self) -> Iterator[Node]:
        """The states in which the trace can begin: nothing was ever used, or some history is missing."""
        layout = self._world.machine.layout
        start = self._seen[0].at - LATE_NS if self._seen else 0
        if self._timeline.late:  # a lease that ends at once has begun to run out before
            start -= max(map(self._timeline.longest_lease, self._world.servers))
        for given in first_states(self._world, self._timeline):
            state = layout.initial({**given, ("now", 0): max(start, 1)}, {})
            yield Node(state, frozenset(), frozenset(), 0, None, -1, (), ())

    def _step(self, layer: Layer, index: int) -> Iterator[Node]:
        """All explanations, one observation further."""
        for node in layer.values():
            if index in node.extra:
                yield Node(node.state, node.extra - {index}, node.broken, node.cost, node, index, (), ())
                continue
            self._steps += 1
            for draft in self._explain(node, index, wide=False):
                yield node.after(draft, index, node.extra)

    def _explain(self, node: Node, index: int, *, wide: bool) -> Iterator[Draft]:
        """Every way found to the observation, at a time at which it may have been made."""
        until = self._seen[index].latest + NOISE_NS
        for draft in self._proposals.explain(Draft(self._world, node.state), self._seen[index], wide=wide):
            if draft.now <= until:
                yield draft
            else:
                draft.refuse("tick", 0, SEEN_BEFORE)

    def _refusals(self, nodes: Sequence[Node], index: int) -> tuple[Refusal, ...]:
        """Why none of the explanations explains an observation."""
        self._world.refused.clear()
        # what nothing unseen can explain is not refused for that it was not seen
        wide = not unanswered(self._world, self._timeline, self._seen, index)
        for node in nodes[:_ENOUGH]:
            for _ in self._explain(node, index, wide=wide):
                pass
        if has_step(self._world, self._timeline, self._seen[index]):
            return tuple(self._world.refused)
        return tuple(each for each in self._world.refused if each[-1] == NO_SUCH_STEP)  # which says it all

    # --- detours ---------------------------------------------------------------------------------

    def _detour(self, goal: int) -> Layer:
        """Explanations of everything up to ``goal`` that the estimated order or modest proposals miss."""
        known: dict[Hashable, int] = {}
        for back, wide in _DETOURS:
            start = max(goal + 1 - back, 0)
            if wide and back > _FEW and set_back(self._world, self._timeline, self._seen, goal):
                return {}
            if start < self._oldest:
                self._complete = False
                return {}
            orders = self._wide(start, goal, known) if wide else self._orders(start, goal, wide)
            found = self._distinct(orders)
            if found or not self._complete or (wide and not start):
                return found
        return {}

    def _wide(self, start: int, goal: int, known: dict[Hashable, int]) -> Iterator[Node]:
        """The least surprising explanations of all that there may be; any, where those are far to seek.

        Any is looked for first: where there is none, to look for the least surprising takes longer.
        """
        left = self._left
        anyhow = self._orders(start, goal, True, known)
        found = next(anyhow, None)
        if found is None:
            return
        patience = min(_PATIENCE * (left - self._left + _FEW), self._left // _PATIENCE)
        least = [*self._orders(start, goal, True, most=patience)]
        yield from least or chain((found,), islice(anyhow, _FEW))

    def _other_order(self, goal: int) -> Iterator[Node]:
        """What explains everything up to ``goal``, with the last few observations in any order."""
        start = goal + 1 - _FEW
        if start >= self._oldest:
            yield from islice(self._orders(start, goal, wide=False, most=_OTHER_ORDER), _FEW)

    def _orders(
        self,
        start: int,
        goal: int,
        wide: bool,
        known: dict[Hashable, int] | None = None,
        most: int = FOREVER,
    ) -> Iterator[Node]:
        """Go on from the explanations before ``start`` in every order there may have been, so many steps.

        The least surprising come first. ``known``, where any will do: from where there is none, from which
        time on; of states that differ by the time alone the earliest is enough, for time goes on from it.
        """
        any_ = known is not None
        known = {} if known is None else known
        window = _Window(self._seen, start, goal)
        serial = count()
        waiting: list[tuple[int, int, int, Node, Taken]] = []

        def wait(node: Node, taken: Taken) -> None:
            if not self._avoid.isdisjoint(node.broken) or node.state[self._now] > window.until(taken):
                return
            if any_:
                heappush(waiting, (-sum(taken), node.state[self._now], next(serial), node, taken))
            else:
                # of equal surprise the furthest, then the one nearest to the estimated order
                heappush(waiting, (node.cost, -sum(taken), next(serial), node, taken))

        for node in self._layers[start].values():
            wait(node, window.taken(node.extra))
        found = 0
        while waiting and found < _ENOUGH:
            *_, node, taken = heappop(waiting)
            same, at = self._but_for_the_time(node.state) if any_ else ((node.state, node.broken), 0)
            if known.get(key := (same, window.heads(taken)), FOREVER) <= at:
                continue
            known[key] = at
            if window.reaches_goal(taken):
                found += 1
                yield replace(node, extra=window.beyond(taken))
                continue
            if not most:
                return
            if not self._left or len(waiting) > self._room:
                self._complete = False
                return
            most -= 1
            self._left -= 1
            self._steps += 1
            for index in window.possible(taken):
                for begun in self._foresees(node, index, wide=wide):
                    wait(begun, taken)
                further = window.with_next(taken, index)
                for after in self._explain(node, index, wide=wide):
                    wait(node.after(after, index, frozenset()), further)
            for index in window.upcoming(taken, _AHEAD) if wide else ():
                draft = Draft(self._world, node.state)
                for after in self._proposals.prepare(draft, self._seen[index], late=any_):
                    wait(node.after(after, index, frozenset()), taken)

    def _but_for_the_time(self, state: State) -> tuple[Hashable, int]:
        """What tells a state from others that have another time, and its time.

        As long as nothing comes to its end between.
        """
        at = state[self._now]
        over = [at < state[end] for lease, end in self._leases if state[lease] == RUNNING]
        return (state[: self._now], state[self._now + 1 :], *over, bisect(self._ends, at)), at


#: how many observations of each stream of a window are explained
Taken = tuple[int, ...]


class _Window:
    """The observations from ``start`` to a goal, and those that may come before it, by stream."""

    def __init__(self, seen: Sequence[Seen], start: int, goal: int) -> None:
        self._seen = seen
        self._goal = goal
        horizon = seen[goal].latest + LATE_NS
        streams: dict[int, list[int]] = {0: []}
        for index in range(start, len(seen)):
            if index > goal and seen[index].at > horizon and seen[index].stream:
                break
            if index <= goal or seen[index].earliest <= seen[goal].latest:
                streams.setdefault(seen[index].stream, []).append(index)
        self._streams = list(streams.values())
        self._saves = [index for index in streams[0] if _is_save(seen[index])]
        self._events = sum(not one.stream for one in seen[:start])

    def taken(self, indexes: frozenset[int]) -> Taken:
        """How many of each stream these are."""
        return tuple(sum(index in indexes for index in stream) for stream in self._streams)

    def heads(self, taken: Taken) -> tuple[int, ...]:
        """The first that is not explained of each stream that has one: the same in a wider window."""
        return tuple(
            sorted(stream[at] for at, stream in zip(taken, self._streams, strict=True) if at < len(stream))
        )

    def reaches_goal(self, taken: Taken) -> bool:
        """Whether everything up to the goal is explained."""
        return all(
            at == len(stream) or stream[at] > self._goal
            for at, stream in zip(taken, self._streams, strict=True)
        )

    def beyond(self, taken: Taken) -> frozenset[int]:
        """What is explained beyond the goal."""
        return frozenset(
            index
            for at, stream in zip(taken, self._streams, strict=True)
            for index in stream[:at]
            if index > self._goal
        )

    def upcoming(self, taken: Taken, count: int) -> list[int]:
        """The next few of each stream, and the next save, which may have begun before keys go."""
        few = [
            index
            for at, stream in zip(taken, self._streams, strict=True)
            for index in stream[at : at + count]
        ]
        events = self._streams[0][taken[0] :]
        save = next((index for index in self._saves if events and index >= events[0]), None)
        return few if save is None or save in few else [*few, save]

    def until(self, taken: Taken) -> int:
        """When what is not explained yet must have begun to be, at the latest."""
        heads = (stream[at] for at, stream in zip(taken, self._streams, strict=True) if at < len(stream))
        return min((self._seen[index].latest for index in heads), default=FOREVER) + NOISE_NS

    def with_next(self, taken: Taken, index: int) -> Taken:
        """One more explained: the next of its stream."""
        return tuple(
            at + (at < len(stream) and stream[at] == index)
            for at, stream in zip(taken, self._streams, strict=True)
        )

    def possible(self, taken: Taken) -> list[int]:
        """Which observation can be next, by estimated time: none that another certainly precedes."""
        heads = [stream[at] for at, stream in zip(taken, self._streams, strict=True) if at < len(stream)]
        events = self._events + taken[0]
        lines = [self._seen[index] for index in heads if self._seen[index].stream]
        if any(line.before < events for line in lines):
            return []
        first_end = sorted((self._seen[index].latest, index) for index in heads)
        return [
            index
            for index in sorted(heads)
            if self._seen[index].after <= events
            and all(end >= self._seen[index].earliest for end, other in first_end[:2] if other != index)
        ]


def _is_save(one: Seen) -> bool:
    return isinstance(one.what, KeyEvent) and one.what.key is Key.TIMESTAMP


def _before(ends: Iterable[tuple[int, int]], seen: Sequence[Seen], ahead: int) -> dict[int, list[int]]:
    """By observation those of the ends that are told (an observation, when its lease began to run out) which
    began to come about then, and at up to so many before it."""
    found: dict[int, list[int]] = {}
    latest = [*accumulate((one.at for one in seen), max)]
    for goal, begun in ends:
        at = min(bisect_left(latest, begun), goal)
        for index in range(max(0, at - ahead), at + 1):
            found.setdefault(index, []).append(goal)
    return found


def _told(timeline: Timeline, seen: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """The lines that say that a lease has ended."""
    for goal, each in enumerate(seen):
        if isinstance(each.what, LogEvent) and lapsed(each.what):
            yield from ((goal, each.latest - lease) for lease in {*timeline.leases[each.server - 1]})


def _hung(timeline: Timeline, seen: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """The saves that were written long after the clock reading with which an update may have begun them."""
    windows = timeline.every_window
    for goal, each in enumerate(seen):
        if isinstance(each.what, KeyEvent) and each.what.timestamp_ns and each.latest < FOREVER:
            readings = (each.what.timestamp_ns - window for window in windows)
            yield from (
                (goal, reading)
                for reading in readings
                if seen[0].at < reading < min(each.earliest, each.latest - _HANGS_NS)
            )


def _gone(timeline: Timeline, seen: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """The election keys that go, perhaps with the lease of whoever held them."""
    leases = {*chain.from_iterable(timeline.leases)}
    for goal, each in enumerate(seen):
        event = each.what
        if isinstance(event, KeyEvent) and event.key in ELECTIONS and not event.put:
            yield from ((goal, each.latest - lease) for lease in leases)


def _layer(nodes: Iterable[Node], most: int) -> Layer:
    """Each state once, by its least surprising explanation; at most so many."""
    layer: Layer = {}
    for node in nodes:
        key = node.state, node.extra, node.broken
        other = layer.get(key)
        if other is None or node.cost < other.cost:
            layer[key] = node
        if len(layer) >= most:
            break
    return layer


def _cost(node: Node) -> int:
    return node.cost


def _least(layer: Layer) -> int:
    """How surprising the least surprising explanation is."""
    return min((node.cost for node in layer.values()), default=0)

"""What a relative state may forget, because no step can ever tell the difference.

Time only matters relative to now and to other times, and only up to the distances that some guard
compares.  So an idle cluster has finitely many states, behaviours of any length fold into a finite
graph, and cycles are real cycles.  Everything here is checked by a test: a state and its folded
form have the same steps, up to folding (tests/model/test_past.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..language.expr import NOW, ZERO, Expr, both, either, forall, implies, negate
from ..language.layout import RELATIVE_NOW, Layout
from ..language.variant import Variant
from . import state as s
from .save import new_window
from .state import CLIENTS, OWN, STAGE, Slot


def hopeless(n: Expr, slot: Slot) -> Expr:
    """The save in flight is bound to fail: the key moved past it, and the key never goes back."""
    unread = either(*(slot.stage[n] == stage for stage in (STAGE.begun, STAGE.mine, STAGE.alone)))
    too_small = new_window(n, slot) <= s.timestamp
    read = either(slot.stage[n] == STAGE.read, slot.stage[n] == STAGE.hooked)
    return either(both(unread, too_small), both(read, slot.seen[n] != s.timestamp))


def outgrown() -> Expr:
    """Every grant from now on is above the remembered one.

    A server goes on from its memory, from the save that it has in flight, from the key that it has
    loaded, or from the key as it is now or later.
    """

    def above(m: Expr) -> Expr:
        in_memory = either(
            s.noted_physical < s.physical[m],
            both(s.noted_physical == s.physical[m], s.noted_logical <= s.logical[m]),
        )
        return both(
            implies(s.initialised[m], in_memory), *(above_in_flight(m, slot) for slot in (OWN, CLIENTS))
        )

    def above_in_flight(m: Expr, slot: Slot) -> Expr:
        stage = slot.stage[m]
        in_flight = negate(either(stage == STAGE.idle, stage == STAGE.loaded, slot.next[m] == ZERO))
        return both(
            # a sync goes on above what it has loaded, and not behind its clock
            implies(
                stage == STAGE.loaded,
                either(s.noted_physical <= slot.seen[m], s.noted_physical < NOW - s.SKEW),
            ),
            implies(in_flight, s.noted_physical < slot.next[m]),
        )

    return both(s.noted, s.noted_physical != ZERO, s.noted_physical < s.timestamp, forall(above))


def forgets(*, intact: bool) -> tuple[tuple[tuple[str, ...], Expr, bool], ...]:
    """Which variables go back to nothing, when (over ``bound n``), and whether that is said of a server.

    Nothing does in a system that is not ``intact``: the conditions rely on its guards.
    """
    if not intact:
        return ()
    n = Expr("bound", s.leader.sort, name="n")
    lost = tuple(
        (
            (slot.prefix + "next", slot.prefix + "seen"),
            both(slot.next[n] != ZERO, hopeless(n, slot)),
            True,
        )
        for slot in (OWN, CLIENTS)
    )
    return (
        *lost,
        (("noted_physical", "noted_logical", "noted_found"), outgrown(), False),
    )


class Past:
    """The distances between times that matter under a fence, with the constants of a scenario.

    ``resets``: how far admins may reset a timestamp in all; ``syncs_again``: may a sync find memory set?
    ``intact``: every guard is in place; without one, servers may do what the bounds below rule out,
    so that every distance counts that one addition and one comparison can bridge.
    """

    def __init__(
        self,
        layout: Layout,
        fence: Variant,
        constants: Mapping[str, int],
        *,
        resets: int,
        syncs_again: bool,
        intact: bool,
    ) -> None:
        self._layout = layout
        self._fence = fence
        self._resets = resets
        self._compares_saved = syncs_again or "save-cas" in fence.parts
        self._window = constants["window"]
        self._guard = constants["guard"]
        self._margin = constants["margin"] + 1 if "wait-out" in fence.parts else 0
        self._skew = constants["skew_bound"]
        #: the clocks' least reading
        self.least_clock = RELATIVE_NOW - self._skew
        # what a client's sync has in flight matters just as what the server's own has
        names = {slot: (name.removeprefix(CLIENTS.prefix), n) for (name, n), slot in layout.slots.items()}
        owners = [names[slot] for slot in layout.time_slots]
        every = 2 * (self._window + self._guard + self._margin + self._skew + resets)
        #: by place in the layout's ``time_slots``: how far below `least_clock` the time still matters
        self.from_now = [self._matters_from_now(name) if intact else every for name, _ in owners]
        #: by whether a grant is remembered, upper and lower place: up to which distance that one matters
        self.between = [
            [
                [self._matters(upper, lower, noted) if intact else every for lower in owners]
                for upper in owners
            ]
            for noted in (False, True)
        ]
        self._noted = layout.slots["noted", 0]
        self._memo: dict[tuple[tuple[int, ...], int], tuple[int, ...]] = {}

    def _matters_from_now(self, name: str) -> int:
        """How far below the clocks' least reading a time still matters."""
        # A window of its own may be saved from `next` and then be loaded by another server's sync; once it is
        # in memory, admins may reset it before that.
        loaded = max(self._guard, self._margin)
        saving = self._window + max(self._guard + 1, self._margin)
        distance = {
            "next": saving + self._resets,
            # the physical part moves on within its window, or by admin resets to new ones; an update asks
            # whether the clock is further ahead than the guard
            "physical": saving + self._resets if self._resets else max(self._window, self._guard + 1),
            "saved": 1 if "window-lease" in self._fence.parts else 0,
            "timestamp": loaded,
            "seen": loaded,
        }.get(name, 1)
        return distance + 2 * self._skew

    def _matters(self, upper: tuple[str, int], lower: tuple[str, int], noted: bool) -> int:
        """How far above the second the first still matters; 1: only their order; 0: not at all."""
        (above, at), (below, of) = upper, lower
        pair, same = {above, below}, at == of
        memory = {"physical", "next"}
        window = self._window + self._resets
        if "noted_physical" in pair:
            if not noted or pair & {"saved", "seen"}:
                return 0
            # a grant may still come up to it from below, within one window
            return window if above == "noted_physical" and below in memory else 1
        if above == "timestamp" and (below == "next" or (below == "physical" and self._resets)):
            return window  # does the window to save grow?
        if (above, below) == ("saved", "physical") and same:
            return window
        if above == below == "next":
            return window  # where one save lands decides whether the other's window still grows
        if pair <= memory:
            # one may become the remembered grant, the other come up to it; resets lead from memory to saves
            return window if not noted or self._resets else int(same)
        if "timestamp" in pair:
            return int(bool(pair & {"seen", "physical"}) or (self._compares_saved and "saved" in pair))
        return int(pair == {"saved", "seen"} and same and self._compares_saved)

    def go_on(self, values: list[int], by: int) -> list[int]:
        """The state ``by`` later, folded.

        A deadline that has passed is forgotten: it is only compared with now, and none is in the past too.

        Raises:
            ValueError: a time would lie further back than a state can hold, where it means ZERO.
        """
        for slot in self._layout.deadline_slots:
            ahead = values[slot] - RELATIVE_NOW
            values[slot] = values[slot] - by if by < ahead else 0
        slots = self._layout.time_slots
        if by and any(0 < values[slot] <= by for slot in slots):
            raise ValueError("a time lies too far back")
        times = tuple(values[slot] and values[slot] - by for slot in slots)
        key = (times, values[self._noted])
        folded = self._memo.get(key)
        if folded is None:
            folded = self._memo[key] = self.fold(times, bool(values[self._noted]))
        for slot, value in zip(slots, folded, strict=True):
            values[slot] = value
        return values

    def fold(self, times: Sequence[int], noted: bool) -> tuple[int, ...]:
        """The times (by place in the layout's ``time_slots``; 0: none) with each gap in the past shortened
        as far as no distance that matters changes.

        A distance matters up to a bound: below the bound it is kept, above it stays at or above it.
        """
        between = self.between[noted]
        holders: dict[int, list[int]] = {}
        for index, time in enumerate(times):
            if time:
                holders.setdefault(time, []).append(index)
        least_clock = self.least_clock
        past = sorted((time for time in holders if time < least_clock), reverse=True)
        future = [time for time in holders if time >= least_clock]
        at = {time: time for time in (*holders, least_clock)}
        higher = least_clock
        for rank, lower in enumerate(past):
            gap = at[higher] - at[lower]
            least = 0
            for low in past[rank:]:
                for high in (None, *future, *past[:rank]):
                    bound = max(
                        self.from_now[i] if high is None else max(between[j][i] for j in holders[high])
                        for i in holders[low]
                    )
                    distance = (least_clock if high is None else at[high]) - at[low]
                    if bound:
                        least = max(least, gap if distance <= bound else bound - (distance - gap))
            for low in past[rank:]:
                at[low] += gap - min(gap, least)
            higher = lower
        return tuple(at[time] if time else 0 for time in times)

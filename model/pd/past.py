"""What a relative state of PD may forget, and which distances between its times matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..language.expr import NOW, TIME, ZERO, Expr, both, either, forall, implies, negate
from ..language.instance import Configuration
from ..language.past import Forget, Table, place
from ..language.transition import Kind
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

    return both(s.noted, s.noted_physical < s.timestamp, forall(above))


def _forgets() -> tuple[Forget, ...]:
    n = Expr("bound", s.leader.sort, name="n")
    lost = tuple(
        Forget(
            slot.prefix + "hopeless",
            (slot.prefix + "next", slot.prefix + "seen"),
            hopeless(n, slot),
            per_server=True,
        )
        for slot in (OWN, CLIENTS)
    )
    noted = ("noted_physical", "noted_logical", "noted_found")
    return (*lost, Forget("outgrown", noted, outgrown(), per_server=False))


#: once a grant is remembered, other distances matter than before
FLAG = "noted"
#: what may be forgotten, each where that is proved
FORGETS = _forgets()


def by_hand(configuration: Configuration) -> Configuration:
    """The same with the distances between times that matter, as they were worked out by hand."""
    fence = configuration.fence
    return configuration if fence is None else replace(configuration, folding=_table(fence, configuration))


def _resets(configuration: Configuration) -> int:
    """How far admins may reset a timestamp in all.

    Without a limit times outgrow what a state can hold, and nothing is found to hold: then once.
    """
    times = sum(configuration.budgets.get(f"{kind}.admin", 1) for kind in configuration.kind_names)
    return times * max(configuration.domains.get("by", ()), default=0)


def _table(fence: Variant, configuration: Configuration) -> Table:
    """With a guard dropped servers may do what the bounds below rule out, so that every distance counts that
    one addition and one comparison can bridge."""
    syncs_again, intact = configuration.allows("client_sync"), configuration.intact
    hand = _Hand(fence, configuration.constants, _resets(configuration), syncs_again, intact)
    times = [v for v in s.VOCABULARY.variables.values() if v.sort is TIME and not v.deadline]
    places = [
        (v.name.removeprefix(CLIENTS.prefix), kind, place(v.name, kind))
        for v in times
        for kind in ((Kind.PD, Kind.TSO) if v.per_server else (None,))
    ]
    between = {
        (above, below, same, noted): tuple(range(1, bound + 1))
        for upper, one, above in places
        for lower, other, below in places
        for same in (False, True)
        for noted in (False, True)
        if (bound := hand.matters(upper, lower, same, noted)) and not (same and one is not other)
    }
    from_now = {name: hand.from_now(variable) for variable, _, name in places}
    return Table(FLAG, from_now, between, FORGETS if intact else ())


class _Hand:
    def __init__(
        self, fence: Variant, constants: Mapping[str, int], resets: int, syncs_again: bool, intact: bool
    ) -> None:
        self._fence = fence
        self._resets = resets
        self._compares_saved = syncs_again or "save-cas" in fence.parts
        self._window = max(value for name, value in constants.items() if name.endswith("window"))
        self._guard = constants["guard"]
        self._margin = constants["margin"] + 1 if "wait-out" in fence.parts else 0
        self._skew = constants["skew_bound"]
        self._every = (
            None if intact else 2 * (self._window + self._guard + self._margin + self._skew + resets)
        )

    def from_now(self, name: str) -> int:
        """How far below now a time still matters: further below the clocks' least reading."""
        if self._every is not None:
            return self._every + self._skew
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
        return distance + 3 * self._skew

    def matters(self, above: str, below: str, same: bool, noted: bool) -> int:
        """How far above the second the first still matters; 1: only their order; 0: not at all."""
        if self._every is not None:
            return self._every
        pair = {above, below}
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

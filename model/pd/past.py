"""What a relative state of PD may forget, because no step can tell: candidates, used where that is proved."""

from __future__ import annotations

from ..language.expr import NOW, ZERO, Expr, both, either, forall, implies, negate
from ..language.instance import Configuration
from ..language.past import Forget, Table, generous
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


def generously(configuration: Configuration) -> Table:
    """A table for whoever only looks for a run, which the plain interpreter then takes.

    Nothing is proved of it.  Further than its constants together reach twice, nothing tells times apart that
    only grow older.
    """
    reach = {"window": 0, "guard": 0, "margin": 0, "skew_bound": 0}
    for name, value in configuration.constants.items():
        kind = name.rpartition(".")[2]
        if kind in reach:
            reach[kind] = max(reach[kind], value)
    return generous(configuration.vocabulary, configuration.kinds, 2 * sum(reach.values()))

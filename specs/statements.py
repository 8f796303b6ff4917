"""What lemmas of proofs and invariants of reductions both say of a server, and how it is said of all."""

from __future__ import annotations

from collections.abc import Callable

from ..model.language.expr import ZERO, Expr, both, either, forall, implies, negate
from ..model.pd import state as s
from ..model.pd.save import new_window
from ..model.pd.state import JOB, NO_TIME, SKEW, SLOTS, STAGE, Slot


def of_each(body: Callable[[Expr], Expr]) -> Expr:
    """Of every server."""
    return forall(body, "a")


def of_saves(body: Callable[[Expr, Slot], Expr]) -> Callable[[Expr], Expr]:
    """Of both saves that a server may have in flight: its own and, at a TSO server, a client's sync's."""
    return lambda n: both(*(body(n, slot) for slot in SLOTS))


def of_each_save(body: Callable[[Expr, Slot], Expr]) -> Expr:
    """Of every save in flight."""
    return of_each(of_saves(body))


def has_read(n: Expr, slot: Slot) -> Expr:
    """The transaction has read the timestamp key."""
    return either(slot.stage[n] == STAGE.read, slot.stage[n] == STAGE.hooked)


def saving(n: Expr, slot: Slot) -> Expr:
    """A transaction is in flight: ``next`` is chosen."""
    return negate(either(slot.stage[n] == STAGE.idle, slot.stage[n] == STAGE.loaded))


#: a window about to be saved ends above the value that the transaction has read
save_grows = of_saves(lambda n, slot: implies(has_read(n, slot), slot.seen[n] < new_window(n, slot)))
#: what a save has loaded or read was in the timestamp key, which never goes back
seen_was_saved = of_saves(lambda n, slot: slot.seen[n] <= s.timestamp)


def window_saved(n: Expr) -> Expr:
    """The end of a server's window is at most what the timestamp key holds."""
    return implies(s.initialised[n], s.saved[n] <= s.timestamp)


def memory_has_window(n: Expr) -> Expr:
    """Memory that is set has a window, and no other has."""
    return s.initialised[n] == (s.saved[n] != ZERO)


def job_has_stage(n: Expr) -> Expr:
    """Who saves has a job, and who has a job saves."""
    return (s.job[n] == JOB.none) == (s.stage[n] == STAGE.idle)


def only_syncs_load(n: Expr) -> Expr:
    """Only a sync has loaded the key before its transaction began."""
    return implies(s.stage[n] == STAGE.loaded, s.job[n] == JOB.sync)


def clock_within_bounds(n: Expr) -> tuple[Expr, Expr]:
    """Its clock is no further from the true time than the bound on skew, either way."""
    return s.skew[n] <= SKEW, NO_TIME - SKEW <= s.skew[n]

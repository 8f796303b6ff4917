"""What may always hold, and helps to prove that states may be folded: candidates, used where they do hold.

Each is as weak as it may be: what folding has to keep of a state, it must not forget.
"""

from __future__ import annotations

from collections.abc import Callable

from ..model.language.expr import ZERO, Expr, both, either, forall, implies, negate
from ..model.pd import state as s
from ..model.pd.past import hopeless
from ..model.pd.save import new_window
from ..model.pd.state import CLIENTS, GUARD, JOB, NO_LOGICAL, NO_TIME, OWN, SKEW, STAGE, Slot


def _each(body: Callable[[Expr], Expr]) -> Expr:
    return forall(body, "a")


def _each_save(body: Callable[[Expr, Slot], Expr]) -> Expr:
    return _each(lambda a: both(*(body(a, slot) for slot in (OWN, CLIENTS))))


def _saving(n: Expr, slot: Slot) -> Expr:
    return negate(either(slot.stage[n] == STAGE.idle, slot.stage[n] == STAGE.loaded))


def _read(n: Expr, slot: Slot) -> Expr:
    return either(slot.stage[n] == STAGE.read, slot.stage[n] == STAGE.hooked)


def _within_window(n: Expr) -> Expr:
    return either(s.physical[n] + GUARD < s.saved[n], s.physical[n] + s.window[n] <= s.saved[n])


def _forgotten_or_there(n: Expr, slot: Slot) -> Expr:
    return either(slot.next[n] != ZERO, both(slot.seen[n] == ZERO, hopeless(n, slot)))


CANDIDATES: tuple[tuple[str, Expr], ...] = (
    (
        "a window about to be saved ends above what was read",
        _each_save(lambda a, slot: implies(_read(a, slot), slot.seen[a] < new_window(a, slot))),
    ),
    ("a window in memory was saved", _each(lambda a: implies(s.initialised[a], s.saved[a] <= s.timestamp))),
    ("memory is within its window", _each(lambda a: implies(s.initialised[a], _within_window(a)))),
    (
        "memory is no further below the end of its window than a window",
        _each(lambda a: implies(s.initialised[a], s.saved[a] <= s.physical[a] + s.window[a])),
    ),
    ("a remembered grant is below the key", implies(s.noted, s.noted_physical < s.timestamp)),
    ("what was read is not above the key", _each_save(lambda a, slot: slot.seen[a] <= s.timestamp)),
    ("memory that is set has a time", _each(lambda a: s.initialised[a] == (s.physical[a] != ZERO))),
    ("memory that is set has a window", _each(lambda a: s.initialised[a] == (s.saved[a] != ZERO))),
    ("who saves has a job", _each(lambda a: (s.job[a] == JOB.none) == (s.stage[a] == STAGE.idle))),
    (
        "only a sync loads",
        _each(lambda a: implies(s.stage[a] == STAGE.loaded, s.job[a] == JOB.sync)),
    ),
    (
        "the logical part stays within its limit",
        _each(lambda a: both(NO_LOGICAL <= s.logical[a], s.logical[a] < s.LIMIT)),
    ),
    (
        "who does nothing has seen nothing",
        _each_save(lambda a, slot: implies(slot.stage[a] == STAGE.idle, slot.seen[a] == ZERO)),
    ),
    (
        "clocks are within bounds",
        _each(lambda a: both(s.skew[a] <= SKEW, NO_TIME - SKEW <= s.skew[a])),
    ),
    ("memory that is set was promoted", _each(lambda a: implies(s.initialised[a], s.promoted[a]))),
    (
        "memory that is set does not sync",
        _each(lambda a: implies(s.initialised[a], s.job[a] != JOB.sync)),
    ),
    ("no admin's reset is in flight", _each(lambda a: s.job[a] != JOB.admin)),
    (
        "only a save has a time to go on from",
        _each_save(lambda a, slot: implies(slot.next[a] != ZERO, _saving(a, slot))),
    ),
    (
        "a save has a time to go on from",
        _each_save(lambda a, slot: implies(_saving(a, slot), slot.next[a] != ZERO)),
    ),
    (
        "a save has a time to go on from unless it is hopeless",
        _each_save(lambda a, slot: implies(_saving(a, slot), _forgotten_or_there(a, slot))),
    ),
    ("only a remembered grant has a time", implies(s.noted_physical != ZERO, s.noted)),
    ("a remembered grant has a time", implies(s.noted, s.noted_physical != ZERO)),
    (
        "a sync starts above what it loaded, or cannot save",
        _each_save(
            lambda a, slot: implies(
                both(slot.job[a] == JOB.sync, _saving(a, slot), slot.next[a] != ZERO),
                either(slot.seen[a] < s.timestamp, s.timestamp < new_window(a, slot)),
            )
        ),
    ),
)

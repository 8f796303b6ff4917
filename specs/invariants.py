"""What may always hold, and helps to prove reductions: candidates, used where they do hold.

Each is as weak as it may be: what folding has to keep of a state, it must not forget.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..model.language.expr import NOW, TIME, ZERO, Expr, both, either, implies, negate
from ..model.language.transition import SELF
from ..model.language.vocabulary import PerServer
from ..model.pd import state as s
from ..model.pd.past import hopeless
from ..model.pd.save import new_window
from ..model.pd.state import GUARD, JOB, NO_LOGICAL, POLLED, ROLE, SKEW, STAGE, Slot
from .statements import (
    clock_within_bounds,
    job_has_stage,
    memory_has_window,
    of_each,
    of_each_save,
    only_syncs_load,
    save_grows,
    saving,
    seen_was_saved,
    window_saved,
)


def _within_window(n: Expr) -> Expr:
    return either(s.physical[n] + GUARD < s.saved[n], s.physical[n] + s.window[n] <= s.saved[n])


def _forgotten_or_there(n: Expr, slot: Slot) -> Expr:
    return either(slot.next[n] != ZERO, both(slot.seen[n] == ZERO, hopeless(n, slot)))


CANDIDATES: tuple[tuple[str, Expr], ...] = (
    (
        "a window about to be saved ends above what was read",
        of_each(save_grows),
    ),
    ("a window in memory was saved", of_each(window_saved)),
    ("memory is within its window", of_each(lambda a: implies(s.initialised[a], _within_window(a)))),
    (
        "memory is no further below the end of its window than a window",
        of_each(lambda a: implies(s.initialised[a], s.saved[a] <= s.physical[a] + s.window[a])),
    ),
    ("a remembered grant is below the key", implies(s.noted, s.noted_physical < s.timestamp)),
    ("what was read is not above the key", of_each(seen_was_saved)),
    ("memory that is set has a time", of_each(lambda a: s.initialised[a] == (s.physical[a] != ZERO))),
    ("memory that is set has a window", of_each(memory_has_window)),
    ("who saves has a job", of_each(job_has_stage)),
    (
        "only a sync loads",
        of_each(only_syncs_load),
    ),
    (
        "the logical part stays within its limit",
        of_each(lambda a: both(NO_LOGICAL <= s.logical[a], s.logical[a] < s.LIMIT)),
    ),
    (
        "who does nothing has seen nothing",
        of_each_save(lambda a, slot: implies(slot.stage[a] == STAGE.idle, slot.seen[a] == ZERO)),
    ),
    (
        "clocks are within bounds",
        of_each(lambda a: both(*clock_within_bounds(a))),
    ),
    ("memory that is set was promoted", of_each(lambda a: implies(s.initialised[a], s.promoted[a]))),
    (
        "memory that is set does not sync",
        of_each(lambda a: implies(s.initialised[a], s.job[a] != JOB.sync)),
    ),
    ("no admin's reset is in flight", of_each(lambda a: s.job[a] != JOB.admin)),
    (
        "only a save has a time to go on from",
        of_each_save(lambda a, slot: implies(slot.next[a] != ZERO, saving(a, slot))),
    ),
    (
        "a save has a time to go on from",
        of_each_save(lambda a, slot: implies(saving(a, slot), slot.next[a] != ZERO)),
    ),
    (
        "a save has a time to go on from unless it is hopeless",
        of_each_save(lambda a, slot: implies(saving(a, slot), _forgotten_or_there(a, slot))),
    ),
    ("only a remembered grant has a time", implies(s.noted_physical != ZERO, s.noted)),
    ("a remembered grant has a time", implies(s.noted, s.noted_physical != ZERO)),
    (
        "a sync starts above what it loaded, or cannot save",
        of_each_save(
            lambda a, slot: implies(
                both(slot.job[a] == JOB.sync, saving(a, slot), slot.next[a] != ZERO),
                either(slot.seen[a] < s.timestamp, s.timestamp < new_window(a, slot)),
            )
        ),
    ),
)

_n = SELF
_gone = either(s.role[_n] == ROLE.closing, s.role[_n] == ROLE.down)


def _not_negative() -> Expr:
    """Times are read from clocks that never showed PD's zero time."""
    times = [each for each in s.VOCABULARY.variables.values() if each.sort is TIME and not each.deadline]
    return both(
        *(
            ZERO <= (PerServer(each.name, TIME)[_n] if each.per_server else Expr("var", TIME, name=each.name))
            for each in times
        )
    )


#: what merging tries to show of a server, over `SELF`; a dropped guard that breaks one leaves the others
CLAIMS: Mapping[str, Expr] = {
    "clocks are within bounds": both(ZERO < NOW - SKEW, *clock_within_bounds(_n)),
    "no time is negative": _not_negative(),
    "a window about to be saved grows": save_grows(_n),
    "what was seen was saved": seen_was_saved(_n),
    "a window in memory was saved": window_saved(_n),
    "memory is set as a whole": memory_has_window(_n),
    "a job is at some stage": job_has_stage(_n),
    "only a sync loads": only_syncs_load(_n),
    "only TSO servers sync for clients": either(s.is_tso[_n], s.client_stage[_n] == STAGE.idle),
    "who is gone has no memory": implies(_gone, negate(s.initialised[_n])),
    "who is gone looks at nothing": implies(_gone, s.polled[_n] == POLLED.nothing),
    "without memory nothing was tried": implies(negate(s.initialised[_n]), s.tries[_n] == s.NO_TRIES),
    "an update has a try left": implies(
        both(s.job[_n] == JOB.update, s.initialised[_n]), s.tries[_n] < s.NO_TRIES + 3
    ),
}

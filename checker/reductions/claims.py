"""What every state of PD's system is expected to have in common, over `SELF`; each is shown before it is
used.

They are few and weak on purpose: a variant, or a dropped guard, that breaks one leaves the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...model.language.expr import NOW, TIME, ZERO, Expr, both, either, implies, negate
from ...model.language.transition import SELF
from ...model.language.vocabulary import PerServer
from ...model.pd import state as s
from ...model.pd.save import new_window
from ...model.pd.state import CLIENTS, JOB, NO_TIME, OWN, POLLED, ROLE, SKEW, STAGE, Slot

_n = SELF
_gone = either(s.role[_n] == ROLE.closing, s.role[_n] == ROLE.down)


def _slots(body: Callable[[Slot], Expr]) -> Expr:
    return both(*(body(slot) for slot in (OWN, CLIENTS)))


def _read(slot: Slot) -> Expr:
    return either(slot.stage[_n] == STAGE.read, slot.stage[_n] == STAGE.hooked)


def _not_negative() -> Expr:
    """Times are read from clocks that never showed PD's zero time."""
    times = [each for each in s.VOCABULARY.variables.values() if each.sort is TIME and not each.deadline]
    return both(
        *(
            ZERO <= (PerServer(each.name, TIME)[_n] if each.per_server else Expr("var", TIME, name=each.name))
            for each in times
        )
    )


CLAIMS: Mapping[str, Expr] = {
    "clocks are within bounds": both(ZERO < NOW - SKEW, s.skew[_n] <= SKEW, NO_TIME - SKEW <= s.skew[_n]),
    "no time is negative": _not_negative(),
    "a window about to be saved grows": _slots(
        lambda slot: implies(_read(slot), slot.seen[_n] < new_window(_n, slot))
    ),
    "what was seen was saved": _slots(lambda slot: slot.seen[_n] <= s.timestamp),
    "a window in memory was saved": implies(s.initialised[_n], s.saved[_n] <= s.timestamp),
    "memory is set as a whole": s.initialised[_n] == (s.saved[_n] != ZERO),
    "a job is at some stage": (s.job[_n] == JOB.none) == (s.stage[_n] == STAGE.idle),
    "only a sync loads": implies(s.stage[_n] == STAGE.loaded, s.job[_n] == JOB.sync),
    "only TSO servers sync for clients": either(s.is_tso[_n], s.client_stage[_n] == STAGE.idle),
    "who is gone has no memory": implies(_gone, negate(s.initialised[_n])),
    "who is gone looks at nothing": implies(_gone, s.polled[_n] == POLLED.nothing),
    "without memory nothing was tried": implies(negate(s.initialised[_n]), s.tries[_n] == s.NO_TRIES),
    "an update has a try left": implies(
        both(s.job[_n] == JOB.update, s.initialised[_n]), s.tries[_n] < s.NO_TRIES + 3
    ),
}

"""The constants of a scenario, and what a proof may take for granted of them.

An exploration has them as numbers; a proof leaves them open but for these constraints, and says which of
them it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..model.language.expr import Expr, forall
from ..model.language.variant import Variant
from ..model.pd import state as s
from ..model.pd.state import GUARD, LIMIT, NO_TIME, SKEW, UNIT
from ..model.variants.wait_out import MARGIN


@dataclass(frozen=True, eq=False, slots=True)
class Constraint:
    """What is taken for granted of the constants: in words, as a formula to print, as it is used."""

    meaning: str
    formula: str
    claim: Expr


_COMMON = (GUARD, UNIT, LIMIT, MARGIN, SKEW, s.MAX_RESET, s.AHEAD, s.DYNAMIC, s.REGISTRY)


def parameters(variant: Variant) -> tuple[Expr, ...]:
    """The constants that a proof leaves open, but for those that belong to a server."""
    own = {name: expr for name, (expr, _) in variant.constants.items()}
    return tuple(({expr.name: expr for expr in _COMMON} | own).values())


def _of_each(claim: Callable[[Expr], Expr]) -> Expr:
    return forall(claim, "a")


UNIT_PASSES = Constraint("physical time has a least step", "0 < unit", NO_TIME < UNIT)
GUARD_WORKS = Constraint("the guard is at least that step", "unit ≤ guard", UNIT <= GUARD)
WINDOW_WIDE = Constraint(
    "the save interval is at least twice the guard",
    "2·guard ≤ window",
    _of_each(lambda a: GUARD + GUARD <= s.window[a]),
)
WAITS_FOR_ALL = Constraint(
    "wait-out waits for the slowest clock, as read on the fastest", "2·skew ≤ margin", SKEW + SKEW <= MARGIN
)
#: what a proof may take for granted of the constants: any that PD could be configured with
CONSTRAINTS = (
    UNIT_PASSES,
    GUARD_WORKS,
    WINDOW_WIDE,
    Constraint("a lease lives for a while", "0 < lease", _of_each(lambda a: NO_TIME < s.ttl[a])),
    Constraint("the logical part has room for a timestamp", "2 ≤ limit", s.NO_LOGICAL + 2 <= LIMIT),
    Constraint("there is a bound on clock skew", "0 ≤ skew", NO_TIME <= SKEW),
    WAITS_FOR_ALL,
    Constraint("an admin may reset some way ahead", "0 < max_reset", NO_TIME < s.MAX_RESET),
)
#: what every window rests on
WINDOWS = (UNIT_PASSES, GUARD_WORKS, WINDOW_WIDE)

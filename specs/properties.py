"""What must hold.

A property looks at single steps: for a transition it says which step breaks it, as an expression
over the state before the step and the inputs; and which step meets its premise, so that a property
that was never put to the test is reported as vacuous.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..model.language.choice import no_such
from ..model.language.expr import FALSE, NOBODY, TRUE, ZERO, Expr, both, condition, either, exists, negate
from ..model.language.layout import State
from ..model.language.python import Condition, Machine
from ..model.language.transition import SELF, Transition
from ..model.pd import save, system
from ..model.pd import state as s
from .lemmas import Lemma

_Judge = Callable[[Transition], Expr | None]


@dataclass(frozen=True, slots=True)
class Property:
    """``broken_by`` and ``tested_by`` give an expression over `SELF`, or None: this step cannot.

    ``exercised_by``: unless one of these transitions happens, a `holds` is worth little, and
    ``otherwise`` says why.  ``lemmas``: those from which a property of one's own follows, in place of those
    that `lemmas` has for it.
    """

    name: str
    meaning: str
    broken_by: _Judge
    tested_by: _Judge
    exercised_by: tuple[str, ...] = ()
    otherwise: str = ""
    lemmas: tuple[Lemma, ...] = ()

    @property
    def compares_grants(self) -> bool:
        """Does it speak of the grant that the observer remembers?"""
        said = (self.broken_by(Transition(rule, rule.step)) for rule in system.RULES)
        names = (each.name for expr in said if expr is not None for each in expr.walk())
        return any(name.startswith("noted") for name in names)

    def __post_init__(self) -> None:
        for judge in ("broken_by", "tested_by"):
            object.__setattr__(self, judge, _in_its_words(getattr(self, judge)))


def _in_its_words(judge: _Judge) -> _Judge:
    """The same in the words of the transition's system, which a variant may have changed."""

    def judged(transition: Transition) -> Expr | None:
        said = judge(transition)
        return None if said is None else transition.means(condition(said, transition.name))

    return judged


def _on_save(expr: Expr) -> _Judge:
    """Judges steps that write the timestamp key."""
    return lambda transition: expr if "timestamp" in transition.step.effect else None


def _on_grant(expr: Expr) -> _Judge:
    """Judges answers to clients."""
    return lambda transition: expr if transition.name == "grant" else None


def _key_goes_back(transition: Transition) -> Expr | None:
    after = transition.step.effect.get("timestamp")
    return None if after is None else after <= s.timestamp


def _pd_saves_beside_primary(transition: Transition) -> Expr | None:
    goes_on = transition.rule in save.RULES or (
        transition.rule not in system.RULES and "stage" in transition.step.effect
    )
    return both(negate(s.is_tso[SELF]), s.primary != NOBODY) if goes_on else None


_not_above = either(
    s.physical[SELF] < s.noted_physical,
    both(s.physical[SELF] == s.noted_physical, s.logical[SELF] + 1 <= s.noted_logical),
)
_same = both(
    s.physical[SELF] == s.noted_physical,
    s.logical[SELF] < s.noted_logical,
    s.noted_logical <= s.logical[SELF] + s.COUNT,
)
_one_client = both(s.noted_found, s.asked_by_library(SELF))


def _of_a_kind(m: Expr) -> Expr:
    return s.is_tso[m] == s.is_tso[SELF]


_MOVES = ("update_in_memory", "overflow", "admin_reset")
_NO_MOVES = (
    "worth little: the physical part never moved without a save, as it does all the time in PD; "
    "raise window (at least 2 * guard + 2) or limit"
)

PROPERTIES = (
    Property(
        "key-monotone",
        "the timestamp key never goes back, nor stands still at a save",
        _key_goes_back,
        _on_save(s.timestamp != ZERO),
    ),
    Property(
        "window",
        "a grant is below the saved window",
        _on_grant(s.timestamp <= s.physical[SELF]),
        _on_grant(TRUE),
    ),
    Property(
        "unique",
        "no timestamp is granted twice",
        _on_grant(both(s.noted, _same)),
        _on_grant(s.noted),
        _MOVES,
        _NO_MOVES,
    ),
    Property(
        "real-time",
        "a request that starts after another's answer gets a larger timestamp",
        _on_grant(both(s.noted, _not_above)),
        _on_grant(s.noted),
        _MOVES,
        _NO_MOVES,
    ),
    Property(
        "session",
        "a client of PD's library, which follows the PD leader, sees it grow",
        _on_grant(both(s.noted, _one_client, _not_above)),
        _on_grant(both(s.noted, s.asked_by_library(SELF))),
        _MOVES,
        _NO_MOVES,
    ),
    Property(
        "single-writer",
        "no save of a PD lands while a TSO primary exists",
        lambda transition: _pd_saves_beside_primary(transition) if _writes(transition) else None,
        _pd_saves_beside_primary,
    ),
    Property(
        "one-live",
        "two allocators are never both able to grant",
        _on_grant(exists(lambda m: both(m != SELF, s.able_to_grant(m)))),
        _on_grant(exists(lambda m: both(m != SELF, s.role[m] == s.ROLE.leader))),
    ),
    Property(
        "two-of-a-kind",
        "two PDs, or two TSO servers, are never both able to grant",
        _on_grant(exists(lambda m: both(m != SELF, _of_a_kind(m), s.able_to_grant(m)))),
        _on_grant(exists(lambda m: both(m != SELF, _of_a_kind(m), s.role[m] == s.ROLE.leader))),
    ),
)


def _writes(transition: Transition) -> bool:
    return "timestamp" in transition.step.effect


def judged(judge: _Judge, machine: Machine, index: int, state: State, inputs: Mapping[str, int]) -> bool:
    """What a property says of one step, by the plain interpreter."""
    return judging(judge, machine, index)(state, inputs)


def judging(judge: _Judge, machine: Machine, index: int) -> Condition:
    """The same, made once for a step that is judged in many states."""
    instance = machine.instances[index]
    said = judge(instance.transition)
    return machine.condition(FALSE if said is None else said, instance.number)


#: those that come with tsofence
NAMES = tuple(prop.name for prop in PROPERTIES)
_KNOWN = {prop.name: prop for prop in PROPERTIES}


def add(prop: Property) -> None:
    """Let `named` know it."""
    _KNOWN[prop.name] = prop


def known() -> tuple[str, ...]:
    """Every name that there is."""
    return tuple(_KNOWN)


def named(name: str) -> Property:
    """The property of that name.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    if name not in _KNOWN:
        raise ValueError(no_such("property", name, _KNOWN, "tsofence list properties"))
    return _KNOWN[name]

"""What a transition is: a name, the inputs it chooses, labelled guards and effects.

A rule is a function from a server to a `Step`; the decorator makes it data.  What a step does not list
stays as it is; an effect on a per-server variable concerns the acting server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from .expr import BOOL, NODE, Expr, Meanings, SortError, redefined


class Kind(Enum):
    """On which servers a transition happens."""

    ANY = "any server"
    PD = "a PD"
    TSO = "a TSO server"
    CLUSTER = "no server in particular"


@dataclass(frozen=True, slots=True)
class Step:
    """Guards by label (all must hold) and effects by variable name (read before, written at once)."""

    guard: Mapping[str, Expr]
    effect: Mapping[str, Expr]

    def __post_init__(self) -> None:
        for label, condition in self.guard.items():
            if not isinstance(condition, Expr):
                raise SortError(f"guard {label!r} is no condition: {condition!r}")
            if condition.sort != BOOL:
                raise SortError(f"guard {label!r} is a {condition.sort}, not a Bool: {condition}")


#: the acting server of every transition
SELF = Expr("bound", NODE, name="n")


def speaks_of_self(expr: Expr) -> bool:
    """Is something said of the acting server?"""
    return any(part.op == SELF.op and part.name == SELF.name for part in expr.walk())


@dataclass(frozen=True, slots=True)
class Rule:
    """How a transition is written down: what it means, who takes it, what it chooses.

    ``budget`` names the fault or bound that the transition spends, if any: a scenario says how
    often; a proof and a replay set no limit.  ``needs`` names a fault without which it never happens.
    """

    name: str
    meaning: str
    kind: Kind
    inputs: tuple[Expr, ...]
    budget: str | None
    needs: str | None
    step: Step = field(repr=False)


@dataclass(frozen=True, slots=True)
class Transition:
    """A rule in a system, whose variants may have changed its step; `SELF` stands for the acting server."""

    rule: Rule
    step: Step
    meanings: Meanings = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return self.rule.name

    def means(self, expr: Expr) -> Expr:
        """What is said of this step, in the words of its system."""
        return redefined(expr, self.meanings)

    def without(self, label: str) -> Transition:
        """The same transition with one guard dropped.

        Raises:
            KeyError: there is no guard of that name.
        """
        if label not in self.step.guard:
            raise KeyError(f"{self.name} has no guard {label!r}; it has: {', '.join(self.step.guard)}")
        kept = {name: guard for name, guard in self.step.guard.items() if name != label}
        return replace(self, step=Step(kept, self.step.effect))


#: what a rule is written as: from the acting server to guards and effects
Build = Callable[[Expr], Step]


def transition(
    kind: Kind = Kind.ANY,
    *,
    inputs: tuple[Expr, ...] = (),
    budget: str | None = None,
    needs: str | None = None,
) -> Callable[[Build], Rule]:
    """Make a rule of a function; its name and docstring become the transition's."""

    def make(build: Build) -> Rule:
        meaning = " ".join((build.__doc__ or "").split())
        return Rule(build.__name__, meaning, kind, inputs, budget, needs, build(SELF))

    return make

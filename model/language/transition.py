"""What a transition is: a name, the inputs it chooses, labelled guards and effects.

A rule is a function from a server and a fence to a `Step`; the decorator makes it data.  What a
step does not list stays as it is; an effect on a per-server variable concerns the acting server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ..variants.fence import Fence
from .expr import BOOL, NODE, Expr, SortError


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
            if condition.sort != BOOL:
                raise SortError(f"guard {label!r} is a {condition.sort}, not a Bool: {condition}")


#: the acting server of every transition
SELF = Expr("bound", NODE, name="n")


@dataclass(frozen=True, slots=True)
class Rule:
    """One transition of the system, before a fence is chosen.

    ``budget`` names the fault or bound that the transition spends, if any: a scenario says how
    often; a proof and a replay set no limit.  ``needs`` names a fault without which it never happens.
    """

    name: str
    meaning: str
    kind: Kind
    inputs: tuple[Expr, ...]
    budget: str | None
    needs: str | None
    build: Callable[[Expr, Fence], Step | None] = field(repr=False)

    def under(self, fence: Fence) -> Transition | None:
        """The transition under that fence, or None where the fence has no such step."""
        step = self.build(SELF, fence)
        return None if step is None else Transition(self, step)


@dataclass(frozen=True, slots=True)
class Transition:
    """A rule under a fence; `SELF` stands for the acting server."""

    rule: Rule
    step: Step

    @property
    def name(self) -> str:
        return self.rule.name

    def without(self, label: str) -> Transition:
        """The same transition with one guard dropped.

        Raises:
            KeyError: there is no guard of that name.
        """
        if label not in self.step.guard:
            raise KeyError(f"{self.name} has no guard {label!r}; it has: {', '.join(self.step.guard)}")
        kept = {name: guard for name, guard in self.step.guard.items() if name != label}
        return Transition(self.rule, Step(kept, self.step.effect))


def transition(
    kind: Kind = Kind.ANY,
    *,
    inputs: tuple[Expr, ...] = (),
    budget: str | None = None,
    needs: str | None = None,
) -> Callable[[Callable[[Expr, Fence], Step | None]], Rule]:
    """Make a rule of a function; its name and docstring become the transition's."""

    def make(build: Callable[[Expr, Fence], Step | None]) -> Rule:
        meaning = " ".join((build.__doc__ or "").split())
        return Rule(build.__name__, meaning, kind, inputs, budget, needs, build)

    return make

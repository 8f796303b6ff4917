"""A system small enough to compute with: which servers there are, how often a fault may strike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from .expr import BOOL, INT, Expr, server
from .fold import Known, fold
from .layout import RELATIVE_NOW, Layout
from .past import Table
from .reconfigured import follows, later
from .transition import SELF, Kind, Transition
from .vocabulary import Fact, Vocabulary

#: what a search may treat as one: states in which equal servers are exchanged; states whose times no step can
#: tell apart, after every step and not only as time passes; a step of a save and the one before it, where
#: nobody can tell when it is taken (this alone changes how long runs are)
SYMMETRY, FOLDING, MERGING = REDUCTIONS = ("symmetry", "folding", "merging")

#: the guard that a scenario adds to a fault
BUDGET_LEFT = "the scenario allows one more"


@dataclass(frozen=True, slots=True)
class Instance:
    """A transition of one server (0: of the cluster), folded; guards that always hold are left out."""

    transition: Transition
    number: int
    inputs: Mapping[str, int]
    guard: Mapping[str, Expr]
    effect: Mapping[tuple[str, int], Expr]
    spends: str | None

    @property
    def name(self) -> str:
        return self.transition.name

    @property
    def tests(self) -> Mapping[str, Expr]:
        """The guards and, where the step spends a budget, that something is left of it."""
        if self.spends is None:
            return self.guard
        return {**self.guard, BUDGET_LEFT: _NOTHING < _left(self.spends)}

    def changes(self, layout: Layout) -> dict[int, Expr]:
        """What each place that changes becomes; in a relative state time passes elsewhere."""
        found = {
            layout.slots[key]: value
            for key, value in self.effect.items()
            if not (layout.relative and key[0] == "now")
        }
        if self.spends is not None:
            found[layout.slots["left " + self.spends, 0]] = _left(self.spends) - 1
        return found


_NOTHING = Expr("literal", INT)


def _left(budget: str) -> Expr:
    """How often the fault may still strike."""
    return Expr("var", INT, name="left " + budget)


@dataclass(frozen=True, eq=False, slots=True)
class Merge:
    """A transition that a search may take at once ``when`` that holds (over `SELF`), beside its guards."""

    transition: str
    when: Expr


def belonging(constants: Mapping[str, int], fact: Fact, kind: Kind, number: int) -> int:
    """A constant that belongs to a server, by the first of these names: ``2.name``, ``pd.name``, ``name``."""
    names = [f"{number}.{fact.constant}", f"{kind.name.lower()}.{fact.constant}", fact.constant, fact.default]
    return constants[next(name for name in names if name in constants)]


def belongings(name: str, values: Sequence[int]) -> dict[str, int]:
    """The same the other way round: the first server's is the common one, others have their own."""
    own = {f"{number}.{name}": value for number, value in enumerate(values, 1) if value != values[0]}
    return {name: values[0] if values else 0, **own}


@dataclass(frozen=True, slots=True)
class Configuration:
    """A system small enough to compute with.

    ``kinds`` of the servers 1, 2, …; ``constants`` by name; those that belong to a server may also be given
    as ``pd.name`` or ``tso.name``, or by its number (``2.name``); ``api``: which servers are in API mode, if
    that cannot change;
    ``budgets`` by ``kind.fault`` (a fault that is missing has no limit); ``domains`` of the inputs
    by ``transition.input`` or ``input``; ``folding``: which distances between the times of a relative
    state matter, and what it may forget (None: all do, nothing).
    """

    vocabulary: Vocabulary
    transitions: tuple[Transition, ...]
    kinds: tuple[Kind, ...]
    constants: Mapping[str, int]
    relative: bool
    api: tuple[int, ...] = ()
    folding: Table | None = None
    reductions: frozenset[str] = frozenset()
    merges: tuple[Merge, ...] = ()
    budgets: Mapping[str, int] = field(default_factory=dict)
    domains: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def known(self) -> Known:
        facts = {
            name: tuple(self._fact(fact, number) for number in range(1, len(self.kinds) + 1))
            for name, fact in self.vocabulary.facts.items()
        }
        if self.budgets.get("pd.mode") == 0:
            facts["api"] = self.api
        changing = {
            (name, number): follows((_literal(fact, facts[name][number - 1]), *others), server(number))
            for name, fact in self.vocabulary.facts.items()
            for number in range(1, len(self.kinds) + 1)
            if (others := [_literal(fact, each) for each in later(self.constants, fact, number)])
        }
        now = RELATIVE_NOW if self.relative else None
        meanings = self.transitions[0].meanings if self.transitions else {}
        return Known(len(self.kinds), self.constants, facts, meanings=meanings, now=now, changing=changing)

    def _fact(self, fact: Fact, number: int) -> int:
        kind = self.kinds[number - 1]
        if fact.sort is BOOL:
            return int(kind is Kind.TSO)
        return belonging(self.constants, fact, kind, number)

    def layout(self) -> Layout:
        """The places of this system's variables; a budget of nothing needs none."""
        positive = sorted(name for name, limit in self.budgets.items() if limit > 0)
        return Layout(self.vocabulary, len(self.kinds), positive, relative=self.relative)

    @property
    def kind_names(self) -> tuple[str, ...]:
        """Under which names budgets are kept: each kind of server once."""
        return tuple(dict.fromkeys(kind.name.lower() for kind in self.kinds))

    def allows(self, fault: str) -> bool:
        """May some server suffer that fault?"""
        return any(self.budgets.get(f"{kind}.{fault}") != 0 for kind in self.kind_names)

    def budget_of(self, transition: Transition, number: int) -> str | None:
        """Which budget that server's step spends: that of its kind."""
        fault = transition.rule.budget
        if fault is None:
            return None
        return f"{self.kinds[number - 1].name.lower()}.{fault}" if number else fault

    def numbers(self, kind: Kind) -> list[int]:
        """The servers of that kind (0: the cluster)."""
        if kind is Kind.CLUSTER:
            return [0]
        return [i for i, k in enumerate(self.kinds, 1) if kind in (Kind.ANY, k)]

    def instances(self, *, choose: bool) -> Iterator[Instance]:
        """Every transition of every server; with ``choose`` once for each choice of its inputs."""
        for transition in self.transitions:
            needs = transition.rule.needs
            if needs is not None and not self.allows(needs):
                continue
            for number in self.numbers(transition.rule.kind):
                budget = self.budget_of(transition, number)
                if budget is not None and self.budgets.get(budget) == 0:
                    continue
                for inputs in self._choices(transition) if choose else [{}]:
                    instance = self._instance(transition, number, inputs, budget)
                    if not any(guard.op == "literal" for guard in instance.guard.values()):
                        yield instance

    def choices(self, transition: Transition, name: str) -> tuple[int, ...]:
        """What an input of a transition may be."""
        return self.domains.get(f"{transition.name}.{name}", self.domains.get(name, ()))

    def _choices(self, transition: Transition) -> Iterator[dict[str, int]]:
        names = [chosen.name for chosen in transition.rule.inputs]
        values = [self.choices(transition, name) for name in names]
        for choice in product(*values):
            yield dict(zip(names, choice, strict=True))

    def _instance(
        self, transition: Transition, number: int, inputs: Mapping[str, int], budget: str | None
    ) -> Instance:
        known = self.known.choosing(inputs)
        if number:
            known = known.acting(SELF.name, number)
        guard = {label: fold(condition, known) for label, condition in transition.step.guard.items()}
        effect = {}
        for name, value in transition.step.effect.items():
            variable = self.vocabulary.variables.get(name)
            owner = number if variable is not None and variable.per_server else 0
            folded = fold(value, known)
            if not is_variable(folded, name, owner):
                effect[name, owner] = folded
        return Instance(
            transition,
            number,
            inputs,
            {label: condition for label, condition in guard.items() if not _always(condition)},
            effect,
            budget if budget in self.budgets else None,
        )


def _literal(fact: Fact, value: int) -> Expr:
    return Expr("literal", fact.sort, value=value)


def _always(condition: Expr) -> bool:
    return condition.op == "literal" and bool(condition.value)


def is_variable(expr: Expr, name: str, number: int) -> bool:
    """Is it that very variable?"""
    if expr.name != name or expr.op not in ("var", "field"):
        return False
    return not expr.args or expr.args[0].value == number

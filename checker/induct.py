"""Induction: does every transition keep the lemmas, and do they forbid what breaks the property?

One obligation for each transition and lemma, decided by z3 without quantifiers (see `model.smt`),
and the guards without which it fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import z3

from ..model import system
from ..model.expr import NODE, TIME, Expr, Sort
from ..model.fence import Fence
from ..model.smt import Term, View, World, negated, number
from ..model.state import VOCABULARY
from ..model.transition import SELF, Kind, Transition
from ..specs.lemmas import CONSTANTS, FIRST, PARAMETERS, Assumption, Lemma, lemmas
from ..specs.properties import Property

SOLVER = "z3"
#: the name under which the first states stand among the transitions
FIRST_STATE = "first state"
#: the name under which the property stands among the lemmas
PROPERTY = "property"
#: milliseconds after which z3 gives up on one question
_PATIENCE = 10_000

# Otherwise z3 takes Ctrl-C for itself, and a search goes on after it.
z3.set_param("ctrl_c", False)


@dataclass(frozen=True, slots=True)
class Obligation:
    """One step of the induction.

    ``result`` is ``proved``, ``failed`` (a counterexample exists) or ``unknown`` (z3 gave up);
    ``guards_used``: the guards of the transition each of which alone, left out, makes it fail.
    """

    transition: str
    lemma: str
    result: str
    guards_used: tuple[str, ...]
    solver: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A state in which all lemmas hold, and a step from it after which one fails (or that breaks the
    property): by (variable, server), the servers being numbered 1, 2, …, PDs first.

    ``transition`` None: a first state that fails the lemma.
    """

    transition: Transition | None
    lemma: Lemma | None
    kinds: tuple[Kind, ...]
    constants: Mapping[str, int]
    state: Mapping[tuple[str, int], int]
    actor: int
    inputs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Decided:
    """An obligation and, where it failed, why."""

    obligation: Obligation
    why: Counterexample | None


def _switch(label: str) -> Term:
    """The literal that turns a guard on."""
    return z3.Bool(f"guard {label}")


class Induction:
    """What is to be shown of a property under a fence, and the lemmas that are to show it.

    Raises:
        KeyError: a guard to drop that does not exist.
    """

    def __init__(
        self,
        fence: Fence,
        prop: Property,
        assumptions: Sequence[Assumption] = (),
        nodes: int | None = None,
        dropped: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.prop = prop
        self.assumptions = tuple(assumptions)
        self.transitions = system.transitions(fence, dropped)
        self.lemmas = lemmas(fence, prop.name, [assumed.name for assumed in assumptions])
        self.world = World(nodes)
        self._actor = self.world.constant(SELF.name, NODE)
        #: the servers of which a lemma fails; no lemma speaks of more than two
        self._witnesses = tuple(self.world.constant(name, NODE) for name in ("a", "b"))

    @cached_property
    def _view(self) -> View:
        """A state of which nothing is known, with every server that can matter in its universe."""
        view = self.world.view(VOCABULARY)
        holders = [view.shared[v.name] for v in VOCABULARY.variables.values() if v.sort == NODE]
        terms = self.world.servers or (self._actor, *self._witnesses, *holders)
        return replace(view, universe=terms).binding(SELF.name, self._actor)

    def __len__(self) -> int:
        """How many obligations there are."""
        judged = sum(self.prop.broken_by(transition) is not None for transition in self.transitions)
        return (1 + len(self.transitions)) * len(self.lemmas) + judged

    def decide(self) -> Iterator[Decided]:
        """Every obligation, the first states' first."""
        first = self._solver(self._view.of(fact) for fact in FIRST)
        for lemma in self.lemmas:
            yield self._decide(first, None, lemma, negated(self._view, lemma.claim, self._witnesses))
        for transition in self.transitions:
            solver = self._before(transition)
            for label, guard in transition.step.guard.items():
                solver.add(z3.Implies(_switch(label), self._view.of(guard)))
            broken_by = self.prop.broken_by(transition)
            if broken_by is not None:
                yield self._decide(solver, transition, None, self._view.of(broken_by))
            after = self._view.after(transition.step.effect, self._actor)
            for lemma in self.lemmas:
                yield self._decide(solver, transition, lemma, negated(after, lemma.claim, self._witnesses))

    def impossible(self) -> tuple[str, ...]:
        """The transitions that cannot happen where all lemmas hold: a proof says little of them."""
        return tuple(t.name for t in self.transitions if not self._can_happen(t))

    def is_tested(self) -> bool:
        """Can some step meet the premise of the property?"""
        return any(
            self._can_happen(transition, premise)
            for transition in self.transitions
            if (premise := self.prop.tested_by(transition)) is not None
        )

    def _can_happen(self, transition: Transition, *premises: Expr) -> bool:
        solver = self._before(transition)
        solver.add([self._view.of(condition) for condition in (*transition.step.guard.values(), *premises)])
        return bool(solver.check() != z3.unsat)

    def _solver(self, facts: Iterable[Term]) -> z3.Solver:
        solver = z3.Solver()
        solver.set("timeout", _PATIENCE)
        solver.add([self._view.of(fact) for fact in CONSTANTS])
        solver.add(list(facts))
        return solver

    @cached_property
    def _lemmas_hold(self) -> list[Term]:
        return [self._view.of(lemma.claim) for lemma in self.lemmas]

    def _before(self, transition: Transition) -> z3.Solver:
        """All lemmas, the kind of the acting server and what is assumed of the step."""
        solver = self._solver(self._lemmas_hold)
        solver.add(self._actor != self.world.nobody)
        if transition.rule.kind in (Kind.PD, Kind.TSO):
            solver.add(self._view.read("is_tso", self._actor) == (transition.rule.kind is Kind.TSO))
        for assumed in self.assumptions:
            guard = assumed.guard(transition)
            if guard is not None:
                solver.add(self._view.of(guard))
        return solver

    def _decide(
        self, solver: z3.Solver, transition: Transition | None, lemma: Lemma | None, goal: Term
    ) -> Decided:
        """Refute ``goal``, the failure of the lemma or of the property."""
        began = time.monotonic()
        switches = {} if transition is None else {label: _switch(label) for label in transition.step.guard}
        solver.push()
        solver.add(goal)
        answer = solver.check(*switches.values())
        used: tuple[str, ...] = ()
        why = None
        if answer == z3.unsat:
            # A core may name guards that others can stand in for, so each is put to the test.
            core = {str(switch) for switch in solver.unsat_core()}
            used = tuple(
                label
                for label, switch in switches.items()
                if str(switch) in core
                and solver.check(*(kept for other, kept in switches.items() if other != label)) == z3.sat
            )
        elif answer == z3.sat:
            why = self._counterexample(solver.model(), transition, lemma)
        solver.pop()
        obligation = Obligation(
            FIRST_STATE if transition is None else transition.name,
            PROPERTY if lemma is None else lemma.name,
            {"unsat": "proved", "sat": "failed"}.get(str(answer), "unknown"),
            used,
            SOLVER,
            time.monotonic() - began,
        )
        return Decided(obligation, why)

    def _counterexample(
        self, model: z3.ModelRef, transition: Transition | None, lemma: Lemma | None
    ) -> Counterexample:
        view = self._view

        def value(term: Term) -> Term:
            return model.eval(term, model_completion=True)

        def is_tso(owner: Term) -> bool:
            return bool(z3.is_true(value(view.read("is_tso", owner))))

        nobody = value(self.world.nobody)
        servers: list[Term] = []
        for term in map(value, view.universe):
            if not any(z3.eq(term, known) for known in (nobody, *servers)):
                servers.append(term)
        servers.sort(key=is_tso)

        def meaning(term: Term, sort: Sort) -> int:
            if sort != NODE:
                return number(value(term), sort)
            return next((i for i, owner in enumerate(servers, 1) if z3.eq(owner, value(term))), 0)

        state = {("now", 0): meaning(view.shared["now"], TIME)}
        for variable in VOCABULARY.variables.values():
            if variable.per_server:
                for index, owner in enumerate(servers, 1):
                    state[variable.name, index] = meaning(view.read(variable.name, owner), variable.sort)
            else:
                state[variable.name, 0] = meaning(view.shared[variable.name], variable.sort)
        inputs = transition.rule.inputs if transition is not None else ()
        cluster = transition is None or transition.rule.kind is Kind.CLUSTER
        return Counterexample(
            transition,
            lemma,
            tuple(Kind.TSO if is_tso(owner) else Kind.PD for owner in servers),
            {expr.name: meaning(self.world.parameter(expr), expr.sort) for expr in PARAMETERS},
            state,
            0 if cluster else meaning(self._actor, NODE),
            {expr.name: meaning(view.of(expr), expr.sort) for expr in inputs},
        )

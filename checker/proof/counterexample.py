"""What z3's model of a failed obligation says: a state, and the step from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import z3

from ...model.language.expr import BOOL, NODE, TIME, Expr, Sort
from ...model.language.instance import belongings
from ...model.language.smt import Term, View, number
from ...model.language.transition import SELF, Kind, Transition
from ...model.language.vocabulary import Vocabulary
from ...specs.lemmas import Lemma


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


def read(
    model: z3.ModelRef,
    view: View,
    vocabulary: Vocabulary,
    parameters: Iterable[Expr],
    transition: Transition | None,
    lemma: Lemma | None,
) -> Counterexample:
    """The state of the view, and the step that its actor takes."""

    def value(term: Term) -> Term:
        return model.eval(term, model_completion=True)

    def is_tso(owner: Term) -> bool:
        return bool(z3.is_true(value(view.read("is_tso", owner))))

    nobody = value(view.world.nobody)
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
    for variable in vocabulary.variables.values():
        if variable.per_server:
            for index, owner in enumerate(servers, 1):
                state[variable.name, index] = meaning(view.read(variable.name, owner), variable.sort)
        else:
            state[variable.name, 0] = meaning(view.shared[variable.name], variable.sort)
    constants = {expr.name: meaning(view.world.parameter(expr), expr.sort) for expr in parameters}
    for name, fact in vocabulary.facts.items():
        if fact.sort != BOOL:
            of_each = [meaning(view.read(name, owner), fact.sort) for owner in servers]
            constants |= belongings(fact.constant, of_each)
    inputs = transition.rule.inputs if transition is not None else ()
    cluster = transition is None or transition.rule.kind is Kind.CLUSTER
    return Counterexample(
        transition,
        lemma,
        tuple(Kind.TSO if is_tso(owner) else Kind.PD for owner in servers),
        constants,
        state,
        0 if cluster else meaning(view.bound[SELF.name], NODE),
        {expr.name: meaning(view.of(expr), expr.sort) for expr in inputs},
    )

"""Guards without which no other state is reached: shown for any number of servers, where the statements hold.

Either what is always so leaves such a guard nothing to refuse; or the step that it refuses changes nothing,
or leads where other steps lead that are possible then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from tsofence.checker.proof.induct import Induction
from tsofence.model.language.expr import FALSE, NOW, TRUE, Expr, both, negate
from tsofence.model.language.transition import SELF, Kind, Step, Transition
from tsofence.model.language.vocabulary import PerServer, Vocabulary
from tsofence.model.pd import state as s
from tsofence.specs.properties import PROPERTIES

from .statements import Guard

IMPLIED = "Has nothing to refuse: where the other guards hold, so does it, by what is always so"
IDLE = "Refuses a step that changes nothing"
SAME = "Refuses a step that leads where another one does that is possible then"
FAULT = "Refuses a step that leads where a fault may lead then, on which proofs set no limit"


def redundant(made: Induction, asked: Collection[Guard]) -> list[tuple[str, str, str, str]]:
    """Those of these guards that are redundant where the lemmas of that induction hold, one by one:
    transition, label, the reason, and the steps that lead where the one that it refuses does."""
    found, steps = [], made.transitions
    for transition in steps:
        for label in transition.step.guard:
            if (transition.name, label) in asked:
                why, same = _why(made, steps, transition, label)
                found += [(transition.name, label, why, same)] if why else []
    return found


def _why(made: Induction, steps: Sequence[Transition], transition: Transition, label: str) -> tuple[str, str]:
    others = transition.without(label).step.guard
    guards = {**others, f"not {label}": negate(transition.step.guard[label])}
    refused = replace(transition, step=Step(guards, transition.step.effect))
    if not _possible(made, refused):
        return IMPLIED, ""
    if any(prop.broken_by(transition) is not None for prop in PROPERTIES):
        return "", ""  # such a step counts, wherever it leads
    moves = {"it changes something": negate(_same(made.vocabulary, transition.step.effect, {}))}
    if not _possible(made, refused, moves):
        return IDLE, ""
    free = [each for each in steps if _stands_in(each, transition)]
    often = [each for each in free if each.rule.budget in (None, transition.rule.budget)]
    for those, why in ((often, SAME), (free, FAULT)):
        if same := _covered(made, refused, moves, those):
            return why, ", ".join(f"`{name}`" for name in same)
    return "", ""


def _covered(
    made: Induction, refused: Transition, moves: Mapping[str, Expr], others: Sequence[Transition]
) -> list[str]:
    """Steps, as few as can be told, one of which is always possible then and leads where this one does;
    empty: they are not enough."""
    effect = refused.step.effect
    left = {
        each.name: negate(both(*_may(each), _same(made.vocabulary, effect, each.step.effect)))
        for each in others
    }
    if _possible(made, refused, {**moves, **left}):
        return []
    for name in list(left):
        fewer = {other: claim for other, claim in left.items() if other != name}
        if not _possible(made, refused, {**moves, **fewer}):
            left = fewer
    return list(left)


def _possible(made: Induction, transition: Transition, beside: Mapping[str, Expr] | None = None) -> bool:
    """Can it happen, if this holds as well?  Also where nobody knows."""
    guards = {**transition.step.guard, **(beside or {})}
    made.transitions = (replace(transition, step=Step(guards, transition.step.effect)),)
    return made.possible()[transition.name] is not False


def _stands_in(other: Transition, transition: Transition) -> bool:
    """May the same server take it, with the same inputs, and does it change anything of the same?"""
    one, two = other.rule, transition.rule
    chosen = {each.name for each in two.inputs}
    cluster = Kind.CLUSTER in (one.kind, two.kind)
    both_change = other.step.effect.keys() & transition.step.effect.keys()
    return (
        one.name != two.name and bool(both_change) and not cluster and chosen >= {i.name for i in one.inputs}
    )


def _may(other: Transition) -> Iterator[Expr]:
    yield from other.step.guard.values()
    if other.rule.kind in (Kind.PD, Kind.TSO):
        yield s.is_tso[SELF] == (TRUE if other.rule.kind is Kind.TSO else FALSE)


def _same(vocabulary: Vocabulary, one: Mapping[str, Expr], two: Mapping[str, Expr]) -> Expr:
    """Do both effects lead to the same state?"""

    def stays(name: str) -> Expr:
        if name == NOW.name:
            return NOW
        variable = vocabulary.variables[name]
        if variable.per_server:
            return PerServer(name, variable.sort)[SELF]
        return Expr("var", variable.sort, name=name)

    return both(*(one.get(name, stays(name)) == two.get(name, stays(name)) for name in {**one, **two}))

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

from .statements import Guard, kept

IMPLIED = "Has nothing to refuse: where the other guards hold, so does it, by what is always so"
IDLE = "Refuses a step that changes nothing"
SAME = "Refuses a step that leads where another one does that is possible then"


def redundant(system: str, asked: Collection[Guard]) -> list[tuple[str, str, str]]:
    """Those of these guards that are redundant in a system, one by one, each with the reason."""
    made = kept(system)
    found, steps = [], made.transitions
    for transition in steps:
        for label in transition.step.guard:
            if (transition.name, label) in asked:
                why = _why(made, steps, transition, label)
                found += [(transition.name, label, why)] if why else []
    return found


def _why(made: Induction, steps: Sequence[Transition], transition: Transition, label: str) -> str:
    guards = transition.without(label).step.guard | {f"not {label}": negate(transition.step.guard[label])}
    refused = replace(transition, step=Step(guards, transition.step.effect))
    if not _possible(made, refused):
        return IMPLIED
    if any(prop.broken_by(transition) is not None for prop in PROPERTIES):
        return ""  # such a step counts, wherever it leads
    moves = {"it changes something": negate(_same(made.vocabulary, transition.step.effect, {}))}
    if not _possible(made, refused, moves):
        return IDLE
    others = {
        each.name: negate(both(*_may(each), _same(made.vocabulary, transition.step.effect, each.step.effect)))
        for each in steps
        if _stands_in(each, transition)
    }
    if _possible(made, refused, moves | others):
        return ""
    for name in list(others):
        fewer = {other: claim for other, claim in others.items() if other != name}
        if not _possible(made, refused, moves | fewer):
            others = fewer
    return f"{SAME}: {', '.join(f'`{name}`' for name in others)}"


def _possible(made: Induction, transition: Transition, beside: Mapping[str, Expr] | None = None) -> bool:
    """Can it happen, if this holds as well?  Also where nobody knows."""
    guards = {**transition.step.guard, **(beside or {})}
    made.transitions = (replace(transition, step=Step(guards, transition.step.effect)),)
    return made.possible()[transition.name] is not False


def _stands_in(other: Transition, transition: Transition) -> bool:
    """May the same server take it, with the same inputs, and as often?"""
    one, two = other.rule, transition.rule
    free = one.budget in (None, two.budget)
    chosen = {each.name for each in two.inputs}
    cluster = Kind.CLUSTER in (one.kind, two.kind)
    return one.name != two.name and free and not cluster and chosen >= {i.name for i in one.inputs}


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

"""Which steps of a save could be taken at once, and when: read off the transitions, nothing of it proved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...model.language.expr import FALSE, TIME, TRUE, Expr, both, either, negate
from ...model.language.instance import Configuration, Merge
from ...model.language.transition import SELF, Transition
from ...model.language.vocabulary import PerServer, Variable
from ...model.pd import state as s
from ...model.pd.state import CLIENTS, OWN, STAGE, Slot


def mentioned(*exprs: Expr) -> set[str]:
    """The variables (and ``now``) that these expressions look at."""
    return {part.name for expr in exprs for part in expr.walk() if part.op in ("var", "field", "now")}


def happening(configuration: Configuration) -> tuple[Transition, ...]:
    """The transitions that some server of the configuration may take."""
    names = {instance.name for instance in configuration.instances(choose=False)}
    return tuple(each for each in configuration.transitions if each.name in names)


#: the step with whose effect a save fails when nothing else is to be said of it
_FAILS = "conflict"
#: what a failed save may change of its server beside the save itself
_COUNTED = ("tries",)


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """A step of a save that may be taken at once ``when`` all these hold, beside its guards.

    ``kept``: what of its guards has to go on holding, so that the step may be taken later as well.
    ``fails``: the save fails with it, else it goes on.  ``narrower``: what may be added to ``when`` where it
    is not enough, one after the other.
    """

    slot: Slot
    transition: Transition
    when: tuple[Expr, ...]
    kept: tuple[Expr, ...]
    fails: bool
    narrower: tuple[Expr, ...] = ()
    #: how many of those were added
    narrowings: int = 0

    @property
    def name(self) -> str:
        return self.transition.name

    def narrowed(self) -> Candidate | None:
        """The same under one more condition, if there is one left."""
        if not self.narrower:
            return None
        return replace(
            self,
            when=(*self.when, self.narrower[0]),
            narrower=self.narrower[1:],
            narrowings=self.narrowings + 1,
        )

    def merge(self) -> Merge:
        """As a search uses it."""
        return Merge(self.name, both(TRUE, *self.when))


def candidates(transitions: Sequence[Transition], variables: Mapping[str, Variable]) -> list[Candidate]:
    """The steps that could be taken at once, those with which a save goes on before those with which it
    fails."""
    found: list[Candidate] = []
    for slot in (OWN, CLIENTS):
        failure = next((each for each in transitions if each.name == slot.prefix + _FAILS), None)
        if failure is None:
            continue
        steps = [each for each in transitions if is_step(each, slot, variables)]
        otherwise = [each for each in steps if _ends(each, slot) and not _as_one(each, failure)]
        going_on = [each for each in steps if each.step.effect.keys() == {slot.prefix + "stage"}]
        found += [_going_on(each, slot, otherwise, variables) for each in going_on if not _ends(each, slot)]
        for each in steps:
            if _as_one(each, failure):
                found += _failing(each, slot, [other.step.guard.values() for other in steps])
    return found


def is_step(transition: Transition, slot: Slot, variables: Mapping[str, Variable]) -> bool:
    """Is it a step of a transaction in flight that concerns its own server only, and that nothing limits?"""
    stage, effect = slot.prefix + "stage", transition.step.effect
    return (
        stage in effect
        and all(name in variables and variables[name].per_server for name in effect)
        and not transition.rule.budget
        and not transition.rule.inputs
        and any(_in_flight(guard, stage) for guard in transition.step.guard.values())
        and all(_of_one(expr) for expr in (*transition.step.guard.values(), *effect.values()))
    )


def _of_one(expr: Expr) -> bool:
    """Does it look at no server but the acting one?"""
    return all(
        part.op not in ("exists", "forall") and (part.op != "field" or alike(part.args[0], SELF))
        for part in expr.walk()
    )


def _in_flight(guard: Expr, stage: str) -> bool:
    """Does it say that the save is at a stage at which its transaction has begun?"""
    before = (STAGE.idle, STAGE.loaded)
    stages = [part for part in guard.walk() if part.op == "literal" and part.sort is STAGE]
    return stage in mentioned(guard) and not any(alike(one, other) for one in stages for other in before)


def _ends(transition: Transition, slot: Slot) -> bool:
    return alike(transition.step.effect[slot.prefix + "stage"], STAGE.idle)


def _as_one(transition: Transition, other: Transition) -> bool:
    """Have both the same effect, word for word?"""
    one, two = transition.step.effect, other.step.effect
    return one.keys() == two.keys() and all(alike(one[name], two[name]) for name in one)


def alike(one: Expr, two: Expr) -> bool:
    """Are they the same expression?"""
    same = (one.op, one.sort, one.name, one.value) == (two.op, two.sort, two.name, two.value)
    return same and len(one.args) == len(two.args) and all(map(alike, one.args, two.args))


def _going_on(
    transition: Transition, slot: Slot, otherwise: Sequence[Transition], variables: Mapping[str, Variable]
) -> Candidate:
    """What is said of more than the server itself may turn, if every refusal then is a failure like any
    other: those that are ``otherwise`` must not be possible."""
    guards = transition.step.guard.values()
    kept = tuple(guard for guard in guards if _of_itself(guard, variables))
    stage = slot.prefix + "stage"
    when = []
    for each in otherwise:
        said = [g for g in each.step.guard.values() if _of_itself(g, variables) and stage not in mentioned(g)]
        when.append(negate(both(*said)) if said else FALSE)
    return Candidate(slot, transition, tuple(when), kept, fails=False)


def _failing(transition: Transition, slot: Slot, steps: Sequence[Collection[Expr]]) -> Iterator[Candidate]:
    """Once for each reason, if there are several.  What every step of a save waits for is no reason."""
    kept = [
        guard
        for guard in transition.step.guard.values()
        if not all(any(alike(guard, each) for each in step) for step in steps)
    ]
    only = [
        _stays(name, value)
        for name, value in transition.step.effect.items()
        if name not in own_places(slot) and not alike(value, PerServer(name, value.sort)[SELF])
    ]
    when = (both(*only),) if only else ()
    narrower = (negate(s.is_tso[SELF]),) if slot is OWN else ()
    several = next((guard for guard in kept if len(_reasons(guard)) > 1), None)
    if several is None:
        yield Candidate(slot, transition, when, tuple(kept), fails=True, narrower=narrower)
        return
    others = [guard for guard in kept if guard is not several]
    for reason in _reasons(several):
        yield Candidate(slot, transition, (*when, reason), (*others, reason), fails=True, narrower=narrower)


def _stays(name: str, value: Expr) -> Expr:
    """That a variable is to have the value that it has."""
    now, value = PerServer(name, value.sort)[SELF], _plain(value)
    if value.op == "ite" and alike(value.args[2], now):
        return either(negate(value.args[0]), value.args[1] == now)
    return value == now


def _plain(expr: Expr) -> Expr:
    """What a name stands for."""
    return _plain(expr.args[0]) if expr.op == "define" else expr


def _reasons(guard: Expr) -> list[Expr]:
    """The conditions of which one is enough."""
    guard = _plain(guard)
    match guard.op:
        case "or":
            return [reason for each in guard.args for reason in _reasons(each)]
        case "not" if _plain(guard.args[0]).op == "and":
            return [reason for each in _plain(guard.args[0]).args for reason in _reasons(negate(each))]
    return [guard]


def _of_itself(guard: Expr, variables: Mapping[str, Variable]) -> bool:
    """Does it look at nothing but the acting server, and no clock?"""
    return all(
        name != "now" and (name not in variables or variables[name].per_server) for name in mentioned(guard)
    ) and not any(part.sort is TIME or part.op == "exists" for part in guard.walk())


def own_places(slot: Slot) -> set[str]:
    """The variables in which a server keeps that save, and what a failure may change besides."""
    return {*slot.ended(), *(_COUNTED if slot is OWN else ())}

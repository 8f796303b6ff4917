"""A rolling upgrade: servers of one build, each of which is started anew as one of another, in any order.

Each server takes the steps of its own build.  What is said of a server means what its build means; etcd's
keys, and what a build has no word for, it leaves as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from .expr import BOOL, TRUE, Expr, both, either, ite, negate, same
from .transition import SELF, Kind, Rule, Step, Transition
from .variant import Variant, VariantError, without
from .vocabulary import PerServer, Variable, Vocabulary

#: between the names of the two builds
ROLLING = ".."

#: the server has been started as one of the new build
UPGRADED = Variable("upgraded", BOOL, per_server=True, initial=0)
upgraded = PerServer(UPGRADED.name, BOOL)

_OLD, _NEW = "it is of the old build", "it is of the new build"
_Made = TypeVar("_Made", Rule, Transition)


def upgrading(start: str) -> str:
    """The step of that start as one of the new build."""
    return f"{start}_upgraded"


class Rolling(Variant):
    """``old`` on every server at first, ``new`` on those that were started anew since.

    ``starts``: the step in which a process starts; after it is listed one that starts it as of the new build.
    """

    def __init__(self, name: str, old: Variant, new: Variant, starts: str) -> None:
        super().__init__(name, f"a rolling upgrade from {old.name} to {new.name}")
        self.old, self.new = old, new
        self.lacks = old.lacks & new.lacks
        self._starts = starts

    @property
    def changes(self) -> bool:
        return True

    @property
    def constants(self) -> dict[str, tuple[Expr, int]]:
        return self.old.constants | self.new.constants

    def behaving(self, there: Mapping[str, Variant], allows: Callable[[str], bool]) -> Variant:
        old, new = (each.behaving(there, allows) for each in (self.old, self.new))
        return Rolling(self.name, old, new, self._starts)

    def vocabulary(self, of: Vocabulary) -> Vocabulary:
        """The variables of both."""
        found = self.old.vocabulary(of).variables
        for name, variable in self.new.vocabulary(of).variables.items():
            if found.setdefault(name, variable) != variable:
                raise VariantError(f"{self.name}: the two builds mean different things by variable {name!r}")
        return Vocabulary((*found.values(), UPGRADED), of.facts)

    def rules(self, of: Iterable[Rule], vocabulary: Vocabulary) -> tuple[Rule, ...]:
        of = tuple(of)
        found = {rule.name: rule for each in (self.old, self.new) for rule in each.rules(of, vocabulary)}
        return tuple(_beside(found, self._starts, self._upgrade(found[self._starts])).values())

    def system(
        self, rules: Iterable[Rule], vocabulary: Vocabulary, dropped: Iterable[tuple[str, str]] = ()
    ) -> tuple[Transition, ...]:
        rules = tuple(rules)
        old, new = (
            {made.name: made for made in each.system(rules, vocabulary)} for each in (self.old, self.new)
        )
        meanings = _by_build(next(iter(old.values())).meanings, next(iter(new.values())).meanings)
        found: dict[str, Transition] = {}
        for name in dict.fromkeys((*old, *new)):
            rule = (old.get(name) or new[name]).rule
            if name in old and name in new:
                step = _either_build(rule, old[name].step, new[name].step, vocabulary)
            else:
                build = negate(upgraded[SELF]) if name in old else upgraded[SELF]
                label = _OLD if name in old else _NEW
                own = (old.get(name) or new[name]).step
                step = Step({**own.guard, label: build}, own.effect)
            found[name] = Transition(rule, step, meanings)
        start = found[self._starts]
        step = Step(
            {**start.step.guard, _OLD: negate(upgraded[SELF])}, {**start.step.effect, UPGRADED.name: TRUE}
        )
        made = _beside(found, self._starts, Transition(self._upgrade(start.rule), step, meanings))
        return without(made, dropped)

    def _upgrade(self, start: Rule) -> Rule:
        name = upgrading(start.name)
        return replace(start, name=name, meaning=f"A process starts as one of {self.new.name}.")


def _beside(found: Mapping[str, _Made], name: str, other: _Made) -> dict[str, _Made]:
    """With another one after that of a name."""
    made: dict[str, _Made] = {}
    for each, value in found.items():
        made[each] = value
        if each == name:
            made[other.name] = other
    return made


def _either_build(rule: Rule, old: Step, new: Step, vocabulary: Vocabulary) -> Step:
    """The step of whichever build the acting server is of."""
    if _alike(old.guard, new.guard) and _alike(old.effect, new.effect):
        return old
    if rule.kind is Kind.CLUSTER:
        # nobody's: what either build allows
        guard = {"one of the builds allows it": either(both(*old.guard.values()), both(*new.guard.values()))}
        return Step(guard, old.effect)
    labels, names = dict.fromkeys((*old.guard, *new.guard)), dict.fromkeys((*old.effect, *new.effect))
    return Step(
        {label: _own_build(old.guard.get(label, TRUE), new.guard.get(label, TRUE)) for label in labels},
        {
            name: _own_build(old.effect.get(name, stays), new.effect.get(name, stays))
            for name in names
            for stays in (_as_it_is(name, vocabulary),)
        },
    )


def _alike(old: Mapping[str, Expr], new: Mapping[str, Expr]) -> bool:
    return old.keys() == new.keys() and all(same(each, new[name]) for name, each in old.items())


def _own_build(old: Expr, new: Expr, server: Expr = SELF) -> Expr:
    return old if same(old, new) else ite(upgraded[server], new, old)


def _as_it_is(name: str, vocabulary: Vocabulary) -> Expr:
    variable = vocabulary.variables[name]
    return (
        PerServer(name, variable.sort)[SELF] if variable.per_server else Expr("var", variable.sort, name=name)
    )


def _by_build(
    old: Mapping[str, Callable[..., Expr]], new: Mapping[str, Callable[..., Expr]]
) -> dict[str, Callable[..., Expr]]:
    """What each name means of a server of its build."""

    def of_its_build(name: str) -> Callable[..., Expr]:
        def means(before: Expr, *servers: Expr) -> Expr:
            was, now = (each[name](before, *servers) if name in each else before for each in (old, new))
            return _own_build(was, now, servers[0])

        return means

    return {name: of_its_build(name) for name in dict.fromkeys((*old, *new))}

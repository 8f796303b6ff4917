"""A variant: what one build, one fence or one idea of somebody's changes in a system, by name.

A variant is written as a module that is read from top to bottom: a `Variant` with its meaning and its
source, and then what it changes.  Everything is over `SELF`, the acting server.  Variants are joined where
they do not touch the same thing; what one says is checked when it is applied to rules, with the line in
which it says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .choice import no_such
from .expr import BOOL, DURATION, Expr, Sort, both, either, parameter, redefined, settled
from .spoken import Nothing, of_nothing
from .transition import Build, Kind, Rule, Step, Transition, transition
from .vocabulary import PerServer, Variable, Vocabulary

#: where what a variant says goes through on its way here
_PLACES = (__file__, str(Path(__file__).parent.parent / "pd"))


class VariantError(ValueError):
    """Variants that do not fit each other, or the rules; one line, with the place that says it."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Something said of ``key`` (what kind of thing, of which transition, its name), and in which line."""

    key: tuple[str, str, str]
    value: Any
    where: str

    def __str__(self) -> str:
        kind, transition, name = self.key
        return f"{kind} {name!r} of {transition}" if transition and name else f"{kind} {name or transition!r}"


class Variant:
    """See the module.

    ``parts``: the names of what was joined, this one's last.  ``builds_on``: variants whose changes are made
    first, and which this one may change.  ``lacks``: the names of variants of which it has nothing.
    ``under``: by fault, what its servers do under it instead of what others do.
    """

    def __init__(
        self,
        name: str,
        meaning: str,
        *,
        source: str = "",
        builds_on: Sequence[Variant] = (),
        lacks: Sequence[Variant] = (),
        under: Mapping[str, Variant] | None = None,
    ) -> None:
        self.name = name
        self.meaning = meaning
        self.source = source
        self.parts: tuple[str, ...] = (name,)
        self.lacks = frozenset(other.name for other in lacks)
        self.under: dict[str, Variant] = {}
        self._changes: dict[tuple[str, str, str], _Change] = {}
        #: what holds beside the meaning of a name, by that name, and what is enough instead of it
        self._also: list[_Change] = []
        self._either: list[_Change] = []
        for other in builds_on:
            self._changes |= other._changes
            self._also += other._also
            self._either += other._either
            self.lacks |= other.lacks
            self.under |= other.under
        self.under |= under or {}
        #: what it builds on has changed, and it has not
        self._theirs = set(self._changes)

    @property
    def changes(self) -> bool:
        """Does it change anything?"""
        return bool(self._changes or self._also or self._either or self.lacks or self.under)

    def _say(self, kind: str, of: str, name: str, value: object) -> None:
        key = (kind, of, name)
        change = _Change(key, value, _caller())
        if key in self._changes and key not in self._theirs:
            raise VariantError(f"{change.where}: {change} is changed twice")
        self._theirs.discard(key)
        self._changes[key] = change

    # --- what a variant says ---------------------------------------------------------------------

    def guard(self, of: str, label: str, condition: Expr) -> None:
        """The transition needs this, too; or, where it has a guard of that label, this instead."""
        self._say("guard", of, label, Step({label: condition}, {}).guard[label])

    def no_guard(self, of: str, label: str) -> None:
        """The transition does not need that guard."""
        self._say("guard", of, label, None)

    def effect(self, of: str, changes: Mapping[str, Expr]) -> None:
        """The transition changes these variables so, whatever else it does to others."""
        for name, value in changes.items():
            self._say("effect", of, name, value)

    def step(
        self,
        kind: Kind = Kind.ANY,
        *,
        inputs: tuple[Expr, ...] = (),
        budget: str | None = None,
        needs: str | None = None,
        after: str | tuple[str, ...] = (),
    ) -> Callable[[Build], Rule]:
        """A transition of its own, made of a function as those of PD are, and listed ``after`` another (the
        first of several that there is)."""

        def make(build: Build) -> Rule:
            rule = transition(kind, inputs=inputs, budget=budget, needs=needs)(build)
            self.add(rule, after=after)
            return rule

        return make

    def add(self, rule: Rule, *, after: str | tuple[str, ...] = ()) -> None:
        """A transition of its own."""
        self._say("step", rule.name, "", (rule, (after,) if isinstance(after, str) else after))

    def no_step(self, name: str) -> None:
        """There is no such transition."""
        self._say("step", name, "", None)

    def define(self, name: str, meaning: Callable[..., Expr]) -> None:
        """The name means something else: ``meaning(before, *servers)``, ``before`` being what it meant."""
        self._say("definition", "", name, meaning)

    def also(self, name: str, condition: Callable[..., Expr]) -> None:
        """The name means what it meant, and this: ``condition(*servers)``.  Several variants may say so."""
        self._also.append(_Change(("definition", "", name), condition, _caller()))

    def either(self, name: str, condition: Callable[..., Expr]) -> None:
        """The name means what it meant, or this: ``condition(*servers)``.  Several variants may say so, but
        none beside one that says `also` of that name: it would matter which comes first."""
        self._either.append(_Change(("definition", "", name), condition, _caller()))

    def shared(self, name: str, sort: Sort, initial: int = 0) -> Expr:
        """A variable of its own: one value for the cluster."""
        self._begins(name, sort, initial)
        self._say("variable", "", name, Variable(name, sort, False, initial))
        return Expr("var", sort, name=name)

    def per_server(self, name: str, sort: Sort, initial: int = 0, *, deadline: bool = False) -> PerServer:
        """A variable of its own: one value a server."""
        self._begins(name, sort, initial)
        self._say("variable", "", name, Variable(name, sort, True, initial, deadline))
        return PerServer(name, sort)

    def _begins(self, name: str, sort: Sort, value: object) -> None:
        """A first value is a number, as it stands in a literal and in a byte of a state."""
        least, most = (-128, 127) if sort is DURATION else (0, 255)
        if sort.members or sort is BOOL:
            most = max(len(sort.members) - 1, 1)
        if not isinstance(value, int) or not least <= value <= most:
            raise VariantError(
                f"{_caller()}: {name} is a {sort}, and begins as a number from {least} to {most}, "
                f"not as {value!r}"
            )

    def constant(self, name: str, sort: Sort, value: int) -> Expr:
        """A constant of its own; ``value``: what it is, times in units of the physical part."""
        if not isinstance(value, int):
            raise VariantError(f"{_caller()}: the constant {name} is a number, not {value!r}")
        self._say("constant", "", name, (parameter(name, sort), value))
        return parameter(name, sort)

    # --- what it comes to -------------------------------------------------------------------------

    def joined(self, other: Variant) -> Variant:
        """Both.

        Raises:
            VariantError: they change the same thing.
        """
        if change := self._meets(other):
            raise VariantError(
                f"{self.name} and {other.name} exclude each other: both change {change}; choose one of them"
            )
        both_of_them = Variant(f"{self.name}+{other.name}", f"{self.meaning}; {other.meaning}")
        both_of_them.parts = self.parts + other.parts
        both_of_them.lacks = self.lacks | other.lacks
        both_of_them.under = {**self.under, **other.under}
        both_of_them._changes = self._changes | other._changes
        both_of_them._also = self._also + other._also
        both_of_them._either = self._either + other._either
        return both_of_them

    def _meets(self, other: Variant) -> _Change | None:
        """The first thing that both change."""
        return next((change for key, change in other._changes.items() if key in self._changes), None)

    def behaving(self, there: Mapping[str, Variant], allows: Callable[[str], bool]) -> Variant:
        """The same, of that name, with what its servers do under the faults that may happen: what ``there``
        says, or it itself (``under``), but for those that it ``lacks``, and for what they say of transitions
        that it takes away.

        Raises:
            VariantError: they change the same thing.
        """
        made = self
        for fault, other in {**there, **self.under}.items():
            if not allows(fault) or other.name in self.lacks:
                continue
            theirs = other._but_for(self)
            if change := made._meets(theirs):
                # nobody has asked for what servers may do
                raise VariantError(
                    f"{self.name} changes {change}, which servers may do otherwise anyhow ({other.name}: "
                    f"{other.meaning}); change something else, or build on that behaviour and lack it"
                )
            made = made.joined(theirs)
        if made is not self:
            made.name, made.meaning, made.parts = self.name, self.meaning, self.parts
        return made

    def _but_for(self, other: Variant) -> Variant:
        """The same, without what is said of transitions that the other takes away."""
        gone = {change.key[1] for change in other._of("step") if change.value is None}
        if not any(change.key[1] in gone for change in self._of("guard", "effect")):
            return self
        left = Variant(self.name, self.meaning, source=self.source)
        left.lacks, left._also, left._either = self.lacks, self._also, self._either
        left._changes = {
            key: change
            for key, change in self._changes.items()
            if key[0] not in ("guard", "effect") or key[1] not in gone
        }
        return left

    def vocabulary(self, of: Vocabulary) -> Vocabulary:
        """The variables of a system with its own."""
        for change in self._of("variable"):
            if change.key[2] in (*of.variables, *of.facts, "now"):
                raise VariantError(
                    f"{change.where}: there is a variable {change.key[2]!r} already; choose another name"
                )
        return of.extended(change.value for change in self._of("variable"))

    @property
    def constants(self) -> dict[str, tuple[Expr, int]]:
        """Its own constants by name, as parameters and with their values."""
        return {c.key[2]: c.value for c in self._of("constant")}

    def rules(self, of: Iterable[Rule], vocabulary: Vocabulary) -> tuple[Rule, ...]:
        """The rules of `system`, whose transitions take longer to make.

        Raises:
            VariantError: it speaks of what is not there.
        """
        return tuple(rule for rule, _ in self._steps(of, vocabulary).values())

    def system(
        self, rules: Iterable[Rule], vocabulary: Vocabulary, dropped: Iterable[tuple[str, str]] = ()
    ) -> tuple[Transition, ...]:
        """The transitions that these rules become, without guards that are dropped (transition, label);
        ``vocabulary``: the variables that they may change, its own included.

        Raises:
            VariantError: it speaks of what is not there.
            KeyError: a guard to drop that does not exist.
        """
        found = self._steps(rules, vocabulary)
        for change in self._of("guard", "effect"):
            self._change(found, change, vocabulary)
        meanings = self._meanings(found)
        made = {
            rule.name: Transition(
                rule,
                Step(
                    {label: redefined(guard, meanings) for label, guard in step.guard.items()},
                    {
                        name: redefined(settled(value, meanings), meanings)
                        for name, value in step.effect.items()
                    },
                ),
                meanings,
            )
            for rule, step in found.values()
        }
        return without(made, dropped)

    def check(
        self,
        made: Iterable[Transition],
        vocabulary: Vocabulary,
        constants: Collection[str],
        faults: Collection[str],
    ) -> None:
        """Whether what it says in these transitions, which are its system's, speaks of what there is;
        ``constants``, ``faults``: those that a scenario has.

        Raises:
            VariantError: not so.
        """
        for change in self._of("step"):
            if change.value is None:
                continue
            rule, _ = change.value
            for fault in (rule.budget, rule.needs):
                # nobody could limit it, or let it happen
                if fault is not None and fault not in faults:
                    told = no_such("fault", fault, sorted(faults))
                    raise VariantError(f"{change.where}: step {rule.name!r}: {told}")
        for each in made:
            for nothing in of_nothing(each, vocabulary, {*constants, *self.constants}):
                raise VariantError(f"{self._place(nothing)} speaks of {nothing.what}")
            more = each.step.effect.keys() - {"now"}
            if each.rule.kind is Kind.CLUSTER and more:
                effect = "effect", each.name, min(more)
                where = self._place(Nothing("", effect, ""))
                raise VariantError(f"{where}: nothing but time changes in {each.name}; leave it out")

    def _place(self, nothing: Nothing) -> str:
        """The line that says it, and of what."""
        kind, of, name = nothing.of
        named = (*self._of("definition"), *self._also, *self._either)
        said = next((change for change in named if change.key[2] == nothing.within), None)
        said = said or self._changes.get(nothing.of) or self._changes.get(("step", of, ""))
        return f"{'' if said is None else f'{said.where}: '}{kind} {name!r} of {of}"

    def _of(self, *kinds: str) -> Iterator[_Change]:
        return (change for key, change in self._changes.items() if key[0] in kinds)

    def _steps(self, rules: Iterable[Rule], vocabulary: Vocabulary) -> dict[str, tuple[Rule, Step]]:
        found = {rule.name: (rule, rule.step) for rule in rules}
        for change in self._of("step"):
            name = change.key[1]
            if change.value is None:
                if found.pop(name, None) is None:
                    raise _unknown(change, "transition", name, found)
                continue
            rule, after = change.value
            if not isinstance(rule.kind, Kind) or not isinstance(rule.step, Step):
                raise VariantError(
                    f"{change.where}: step {name!r} needs a Kind, and a function that returns a Step"
                )
            for variable, value in rule.step.effect.items():
                _check_effect(replace(change, value=value), variable, vocabulary)
            if name in found:
                raise VariantError(
                    f"{change.where}: there is a transition {name!r} already; choose another name"
                )
            before = [each for each in after if each in found]
            if after and not before:
                raise _unknown(change, "transition", after[0], found)
            order = list(found.items())
            place = 1 + list(found).index(before[0]) if before else len(order)
            order.insert(place, (name, (rule, rule.step)))
            found = dict(order)
        return found

    def _change(self, found: dict[str, tuple[Rule, Step]], change: _Change, vocabulary: Vocabulary) -> None:
        kind, of, name = change.key
        if of not in found:
            raise _unknown(change, "transition", of, found)
        rule, step = found[of]
        guard, effect = dict(step.guard), dict(step.effect)
        if kind == "effect":
            _check_effect(change, name, vocabulary)
            effect[name] = change.value
        elif change.value is not None:
            guard[name] = change.value
        elif guard.pop(name, None) is None:
            raise _unknown(change, f"guard of {of}", name, guard)
        found[of] = rule, replace(step, guard=guard, effect=effect)

    def _meanings(self, found: Mapping[str, tuple[Rule, Step]]) -> dict[str, Callable[..., Expr]]:
        meanings: dict[str, Callable[..., Expr]] = {
            change.key[2]: change.value for change in self._of("definition")
        }
        for change in self._also:
            name = change.key[2]
            meanings[name] = _joined(both, meanings.get(name), change.value)
        narrower = {change.key[2] for change in self._also}
        for change in self._either:
            name = change.key[2]
            if name in narrower:
                raise VariantError(
                    f"{change.where}: {change} is made wider here and narrower elsewhere; choose one of them"
                )
            meanings[name] = _joined(either, meanings.get(name), change.value)
        there = {
            expr.name: None
            for _, step in found.values()
            for whole in (*step.guard.values(), *step.effect.values())
            for expr in whole.walk()
            if expr.op in ("define", "unless_said")
        }
        for change in (*self._of("definition"), *self._also, *self._either):
            if change.key[2] not in there:
                raise _unknown(change, "definition", change.key[2], there)
        return meanings


def without(made: Mapping[str, Transition], dropped: Iterable[tuple[str, str]]) -> tuple[Transition, ...]:
    """The transitions without these guards (transition, label).

    Raises:
        KeyError: a guard to drop that does not exist.
    """
    left = dict(made)
    for name, label in dropped:
        if name not in left:
            raise KeyError(f"no transition {name!r}; there are: {', '.join(left)}")
        left[name] = left[name].without(label)
    return tuple(left.values())


def _joined(
    how: Callable[..., Expr], meaning: Callable[..., Expr] | None, condition: Callable[..., Expr]
) -> Callable[..., Expr]:
    """What it meant and the condition, or one of them."""

    def means(before: Expr, *servers: Expr) -> Expr:
        old = before if meaning is None else meaning(before, *servers)
        return how(old, condition(*servers))

    return means


def _check_effect(change: _Change, name: str, vocabulary: Vocabulary) -> None:
    """The variable is there and can hold the change's value.

    Raises:
        VariantError: not so.
    """
    if name == "now":
        return
    variable = vocabulary.variables.get(name)
    if variable is None:
        raise _unknown(change, "variable", name, vocabulary.variables)
    if not isinstance(change.value, Expr):
        raise VariantError(f"{change.where}: {name} becomes no value: {change.value!r}")
    if change.value.sort != variable.sort:
        raise VariantError(f"{change.where}: {name} is a {variable.sort}, not a {change.value.sort}")


def _unknown(change: _Change, kind: str, name: str, there: Iterable[str]) -> VariantError:
    return VariantError(f"{change.where}: no {kind} {name!r}; there are: {', '.join(there)}")


def _caller() -> str:
    """The file and the line outside this module, and PD's, that say what is said."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PLACES):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"

"""What has to be proved of a relation, so that folded states can stand for the states they came from.

- *step*: of two alike states, what one can do the other can too, with the same answers to what is asked, and
  what follows is alike again.  (One direction is enough: the relation is symmetric.)
- *conditions*: alike states answer alike whatever is asked of states.
- *settling*: what forgetting and folding make of a state is alike, and keeps the invariants.

Invariants are used of both states; that steps keep them is proved in `invariants`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import z3

from ...model.language.instance import Instance
from ...model.language.smt import Term
from .relation import Atom, Invariant, Label, Relation
from .states import Side


@dataclass(frozen=True, slots=True)
class Goal:
    """What has to follow; ``atom``: of which atom of the table it is part."""

    label: Label
    claim: Term
    atom: Atom | None = None

    @property
    def fails(self) -> Term:
        """That it does not."""
        return z3.Not(self.claim)


class Obligation:
    """One of them: ``one`` and ``other`` are the states whose relation is known, both having forgotten."""

    def __init__(self, relation: Relation, name: str, one: Side, other: Side) -> None:
        self.relation, self.name, self.one, self.other = relation, name, one, other
        #: does it spend what makes less matter afterwards (`System.spends`)?
        self.spends = False
        self._atoms: dict[Atom, list[Goal]] = {}

    def premises(self) -> Iterator[Term]:
        """What is known beside the invariants' names and the table's atoms."""
        yield from self.relation.premises()
        yield from (claim for _, claim in self.relation.always(self.one, self.other))

    def invariant(self, invariant: Invariant) -> Term:
        """That it holds in the states in which it is known to."""
        raise NotImplementedError

    def known(self, atom: Atom) -> Term:
        """That the two states agree in an atom."""
        return z3.And([claim for _, claim in self.relation.atom(atom, self.one, self.other)])

    def goals(self, table: Sequence[Atom], invariants: Sequence[Invariant]) -> Iterator[Goal]:
        """What has to follow; ``table``: what has to agree afterwards."""
        raise NotImplementedError

    def _agree(self, table: Sequence[Atom], one: Side, other: Side) -> Iterator[Goal]:
        """That these two are alike, as far as it is not known already."""
        for atom in table:
            if atom not in self._atoms:
                self._atoms[atom] = [
                    Goal(label, claim, atom)
                    for label, claim in self.relation.atom(atom, one, other, (self.one, self.other))
                ]
            yield from self._atoms[atom]


class _OfTwo(Obligation):
    """Of two alike states."""

    def __init__(self, relation: Relation, name: str) -> None:
        super().__init__(relation, name, *relation.forgot)

    def known(self, atom: Atom) -> Term:
        return self.relation.known(atom)

    def invariant(self, invariant: Invariant) -> Term:
        return self.relation.hold(invariant)


class Conditions(_OfTwo):
    """See the module."""

    def goals(self, table: Sequence[Atom], invariants: Sequence[Invariant]) -> Iterator[Goal]:
        one, other = self.relation.one, self.relation.other
        for name, condition in self.relation.system.conditions():
            value, theirs = one.of(condition), other.of(condition)
            if not z3.eq(value, theirs):
                yield Goal(("condition", name), value == theirs)


class Step(_OfTwo):
    """See the module."""

    def __init__(self, relation: Relation, instance: Instance) -> None:
        number = f" of server {instance.number}" if instance.number else ""
        super().__init__(relation, instance.name + number)
        self.instance = instance
        self.spends = relation.system.spends(instance)

    @cached_property
    def guard(self) -> list[Term]:
        """What the step needs in the first state, and of its inputs."""
        return [
            *inputs(self.relation, self.instance),
            *map(self.relation.one.of, self.instance.guard.values()),
        ]

    @cached_property
    def _after(self) -> tuple[Side, Side]:
        relation = self.relation
        after = [side.after(self.instance) for side in (relation.one, relation.other)]
        return after[0].forgetting(relation.forgotten), after[1].forgetting(relation.forgotten)

    @cached_property
    def _answers(self) -> list[Goal]:
        relation, instance = self.relation, self.instance
        found = [
            Goal(("guard", label), relation.other.of(condition))
            for label, condition in instance.guard.items()
            if not z3.eq(relation.other.of(condition), relation.one.of(condition))
        ]
        for name, condition in relation.system.judged(instance):
            value, theirs = relation.one.of(condition), relation.other.of(condition)
            if not z3.eq(value, theirs):
                found.append(Goal(("property", name), value == theirs))
        found += [Goal(*each) for each in relation.always(*self._after, relation.forgot)]
        return found

    def premises(self) -> Iterator[Term]:
        yield from super().premises()
        yield from self.guard

    def goals(self, table: Sequence[Atom], invariants: Sequence[Invariant]) -> Iterator[Goal]:
        yield from self._answers
        yield from self._agree(table, *self._after)


class Settling(Obligation):
    """See the module: ``one`` has forgotten, and ``other`` is what folding makes of it."""

    def __init__(self, relation: Relation) -> None:
        super().__init__(relation, "settling", relation.forgot[0], relation.other)

    def premises(self) -> Iterator[Term]:
        yield from super().premises()
        yield from self.relation.shortened(self.one, self.other)

    def invariant(self, invariant: Invariant) -> Term:
        return self.relation.holds(invariant, self.relation.one)

    @cached_property
    def _after(self) -> tuple[Side, Side]:
        return self.relation.forgot

    def goals(self, table: Sequence[Atom], invariants: Sequence[Invariant]) -> Iterator[Goal]:
        for each in invariants:
            yield Goal(("invariant", each.name), self.relation.holds(each, self.relation.other))
        for part in self.relation.always(*self._after, (self.one, self.other)):
            yield Goal(*part)
        yield from self._agree(table, *self._after)


def inputs(relation: Relation, instance: Instance) -> Iterator[Term]:
    """Which values the inputs of a step may have."""
    configuration = relation.system.configuration
    for chosen in instance.transition.rule.inputs:
        values = configuration.choices(instance.transition, chosen.name)
        term = relation.one.of(chosen)
        yield z3.Or([term == relation.world.literal(chosen.sort, value) for value in values])


def obligations(relation: Relation) -> list[Obligation]:
    """All of them, in a fixed order."""
    steps = [Step(relation, instance) for instance in relation.system.instances]
    possible = [step for step in steps if not any(z3.is_false(guard) for guard in step.guard)]
    return [*possible, Conditions(relation, "conditions"), Settling(relation)]

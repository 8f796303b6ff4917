"""When two states are alike: they differ in times only, and in no distance that a table tells apart.

Both first forget what may be forgotten.  Then all but times agree; the same times are unset; what lies
ahead of now agrees, and what lies behind it as far as the table says; between each pair of times the
table's thresholds are reached in both or in neither.  This is an equivalence, whatever the table.

The table is a set of atoms, each of which is one thing that has to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import z3

from ...model.language.past import Pair
from ...model.language.smt import Term, World
from .states import APART, BASE, Side
from .system import Forgotten, Key, System

#: how far below now times of a place agree
FromNow = tuple[str, int]
#: a threshold between a pair of places
Between = tuple[Pair, int]
Atom = FromNow | Between
#: what a part of the relation is about
Label = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement about one state, which may be used where it always holds; ``about``: the variables, now
    among them, of which it speaks."""

    name: str
    of: Callable[[Side], Term]
    about: frozenset[Key]


class Relation:
    """The relation of two states of a system, ``one`` and ``other``; ``flag``: see `Table`."""

    def __init__(self, system: System, forgotten: Sequence[Forgotten], flag: str) -> None:
        self.system, self.forgotten = system, forgotten
        self.world = World(len(system.configuration.kinds))
        self.now = z3.Int("now")
        self.flag: Key = (flag, 0)
        self.flagged = self.flag in system.layout.slots and self.flag not in system.constant
        self.places: dict[str, list[Key]] = {}
        for key in system.times:
            self.places.setdefault(system.name(key), []).append(key)
        # what may be forgotten may differ, and so has a value of its own on either side
        self._own = {*system.times, *system.deadlines, *(key for each in forgotten for key in each.keys)}
        self.one, self.other = self._side("one"), self._side("other")
        self._known: dict[Atom, Term] = {}
        self._invariants: dict[tuple[str, bool], Term] = {}
        self._both: dict[str, Term] = {}

    def _side(self, name: str) -> Side:
        values: dict[Key, Term] = {}
        sorts = {}
        for key in self.system.layout.slots:
            sorts[key] = sort = self.system.sort(key)
            if key in self.system.constant:
                values[key] = self.world.literal(sort, self.system.constant[key])
            else:
                whose = f" {name}" if key in self._own else ""
                values[key] = self.world.constant(f"{key[0]} {key[1]}{whose}", sort)
        return Side(self.world, values, self.now, sorts)

    @cached_property
    def forgot(self) -> tuple[Side, Side]:
        """Both states, having forgotten what they may."""
        return self.one.forgetting(self.forgotten), self.other.forgetting(self.forgotten)

    @cached_property
    def pairs(self) -> Mapping[Pair, tuple[tuple[Key, Key], ...]]:
        """Which pairs of places each pair of a table is about."""
        found: dict[Pair, list[tuple[Key, Key]]] = {}
        for upper, lower in permutations(self.system.times, 2):
            same = bool(upper[1] and upper[1] == lower[1])
            names = self.system.name(upper), self.system.name(lower)
            for flag in (False, True) if self.flagged else (False,):
                found.setdefault((*names, same, flag), []).append((upper, lower))
        return {pair: tuple(keys) for pair, keys in found.items()}

    def premises(self) -> list[Term]:
        """What is so of every state."""
        return [self.now > BASE + APART]

    def holds(self, invariant: Invariant, side: Side) -> Term:
        """That an invariant holds in one of the two states, before they have forgotten."""
        key = invariant.name, side is self.one
        if key not in self._invariants:
            self._invariants[key] = invariant.of(side)
        return self._invariants[key]

    def hold(self, invariant: Invariant) -> Term:
        """That an invariant holds in both."""
        if invariant.name not in self._both:
            claims = self.holds(invariant, self.one), self.holds(invariant, self.other)
            self._both[invariant.name] = z3.And(claims)
        return self._both[invariant.name]

    def always(
        self, one: Side, other: Side, before: tuple[Side, Side] | None = None
    ) -> Iterator[tuple[Label, Term]]:
        """What agrees, whatever the table, of two states that have forgotten what they may: of what is not as
        it was before."""
        passes = before is None or not z3.eq(one.now, before[0].now)
        for key, value in one.values.items():
            theirs = other.values[key]
            if one.ids[key] == other.ids[key]:
                continue
            moves = passes and (key in self._times or key in self._deadlines)
            if not moves and _as_before((key,), one, other, before):
                continue
            if key in self._times:
                ahead = z3.And(value <= one.now, theirs <= other.now)
                yield ("unset", key), (value == 0) == (theirs == 0)
                yield ("ahead", key), z3.Or(value - one.now == theirs - other.now, ahead)
            elif key in self._deadlines:
                past = z3.And(value <= one.now, theirs <= other.now)
                yield ("deadline", key), z3.Or(value - one.now == theirs - other.now, past)
            else:
                yield ("same", key), value == theirs

    @cached_property
    def _times(self) -> set[Key]:
        return set(self.system.times)

    @cached_property
    def _deadlines(self) -> set[Key]:
        return set(self.system.deadlines)

    def atom(
        self, atom: Atom, one: Side, other: Side, before: tuple[Side, Side] | None = None
    ) -> Iterator[tuple[Label, Term]]:
        """What an atom says, of each place or pair of places: of those that are not as they were before."""
        about, far = atom
        if isinstance(about, str):
            for key in self.places[about]:
                if before is None or not (
                    _as_before((key,), one, other, before) and z3.eq(one.now, before[0].now)
                ):
                    value, theirs = one.values[key], other.values[key]
                    above, beyond = one.now - value, other.now - theirs
                    agree = z3.Or(above == beyond, z3.And(above >= far, beyond >= far))
                    yield ("from now", key, far), z3.Or(one.unset(key), agree)
            return
        flag = (self.flag,) if self.flagged else ()
        for upper, lower in self.pairs[about]:
            if _as_before((upper, lower, *flag), one, other, before):
                continue
            agree = one.reaches(upper, lower, far) == other.reaches(upper, lower, far)
            cases = [one.unset(upper), one.unset(lower), agree]
            if self.flagged:
                flagged = one.values[self.flag]
                cases.append(z3.Not(flagged) if about[3] else flagged)
            yield ("between", upper, lower, about[3], far), z3.Or(cases)

    def known(self, atom: Atom) -> Term:
        """That both states agree in an atom, having forgotten."""
        if atom not in self._known:
            self._known[atom] = z3.And([claim for _, claim in self.atom(atom, *self.forgot)])
        return self._known[atom]

    def shortened(self, one: Side, other: Side) -> Iterator[Term]:
        """The other is the first with gaps in the past shortened: see `Past.fold`."""
        for key in self.system.times:
            value, theirs = one.values[key], other.values[key]
            nearer = z3.And(value < one.now, value <= theirs, theirs <= one.now)
            yield z3.Or(value == theirs, z3.And(value != 0, nearer))
        for upper, lower in permutations(self.system.times, 2):
            high, low = one.values[upper], one.values[lower]
            theirs = other.values[upper] - other.values[lower]
            yield z3.Or(high == 0, low == 0, high < low, z3.And(0 <= theirs, theirs <= high - low))


def _as_before(keys: Sequence[Key], one: Side, other: Side, before: tuple[Side, Side] | None) -> bool:
    return before is not None and all(
        side.ids[key] == was.ids[key] for side, was in zip((one, other), before, strict=True) for key in keys
    )


def as_table(atoms: Iterable[Atom], system: System) -> tuple[dict[str, int], dict[Pair, tuple[int, ...]]]:
    """What a `Table` says of these atoms; places of which none speaks only matter ahead of now."""
    from_now = {system.name(key): 0 for key in system.times}
    between: dict[Pair, set[int]] = {}
    for about, far in atoms:
        if isinstance(about, str):
            from_now[about] = max(from_now[about], far)
        else:
            between.setdefault(about, set()).add(far)
    return from_now, {pair: tuple(sorted(between[pair])) for pair in sorted(between)}


def as_atoms(from_now: Mapping[str, int], between: Mapping[Pair, tuple[int, ...]]) -> tuple[Atom, ...]:
    """The other way round."""
    near: list[Atom] = [(name, far) for name, far in sorted(from_now.items()) if far]
    return (*near, *((pair, far) for pair in sorted(between) for far in between[pair]))

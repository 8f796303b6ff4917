"""Equal servers: states that differ only in which of them is which are treated as one.

Every step of one server is a step of its equal, so what can happen after two such states is the same.  That
is so if the two have the same facts and the same budgets, and if nothing that is said of states (no guard, no
effect, no property, no condition under which something is taken at once or forgotten) names a server by its
number: an expression without names means the same once servers have changed places.  `checked` looks; what is
not so is not used.  Of all states that are one, the search keeps the least, as numbers in the order in which
packed states are compared: word by word, the high bits first.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from operator import itemgetter

from ...model.language.expr import NODE, Expr
from ...model.language.instance import SYMMETRY, Configuration
from ...model.language.layout import Layout, State
from .reduction import Reduction

#: two equal servers that change places
Exchange = tuple[int, int]


def orbits(configuration: Configuration) -> list[tuple[int, ...]]:
    """The servers by sets of equals, only sets of several: with the same facts, and the same budgets for
    everything that they may do."""
    facts = configuration.known.facts.values()
    alike: dict[tuple[object, ...], list[int]] = {}
    for number in range(1, len(configuration.kinds) + 1):
        may = tuple(
            number in configuration.numbers(each.rule.kind)
            and (each.name, configuration.budget_of(each, number))
            for each in configuration.transitions
        )
        alike.setdefault((*(fact[number - 1] for fact in facts), may), []).append(number)
    return [tuple(equal) for equal in alike.values() if len(equal) > 1]


def names_a_server(expr: Expr) -> bool:
    """Does the expression, before it is folded, speak of a server by its number?"""
    return any(part.op == "literal" and part.sort is NODE and part.value for part in expr.walk())


def checked(
    configuration: Configuration, said: Iterable[tuple[str, Expr]]
) -> tuple[list[tuple[int, ...]], Reduction]:
    """The sets of equals that a search may exchange, and why there are none; ``said``: everything that is
    said of its states, with words for what says it."""
    if SYMMETRY not in configuration.reductions:
        return [], Reduction("symmetry", proved=False, note="not asked for")
    began, many, named = time.monotonic(), 0, list[str]()
    for what, expr in said:
        many += 1
        if names_a_server(expr):
            named.append(what)
    equals = orbits(configuration)
    note = (
        f"{', '.join(dict.fromkeys(named))}: names a server"
        if named
        else ""
        if equals
        else "no two are equal"
    )
    seconds = time.monotonic() - began
    return ([] if named else equals), Reduction("symmetry", not named, many, seconds, note=note)


def exchanges(many: int) -> list[int]:
    """By which place and the next one to exchange, one after the other, so that every order comes up once.

    Steinhaus, Johnson and Trotter's algorithm, by recursion: the last one wanders through each order of
    the others.
    """
    if many < 2:
        return []
    found: list[int] = []
    for number, inner in enumerate([*exchanges(many - 1), None]):
        downwards = number % 2 == 0
        found += range(many - 2, -1, -1) if downwards else range(many - 1)
        if inner is not None:
            found.append(inner + downwards)
    return found


def pairs(layout: Layout, exchange: Exchange) -> list[tuple[int, int]]:
    """The places that change when two servers do."""
    one, other = exchange
    return [
        (slot, layout.slots[name, other]) for (name, number), slot in layout.slots.items() if number == one
    ]


def pointers(layout: Layout) -> list[int]:
    """The places that hold the number of a server."""
    return [
        slot
        for slot, variable in enumerate(layout.variables)
        if variable is not None and variable.sort is NODE
    ]


class _Move:
    """A way to put equal servers into another order: ``to`` says what each becomes, by number."""

    def __init__(self, layout: Layout, orbit: Sequence[int], order: Sequence[int]) -> None:
        self.to = list(range(256))
        for old, new in zip(orbit, order, strict=True):
            self.to[old] = new
        slots = layout.slots.items()
        self._from = [slot for _, slot in slots]
        for (name, number), slot in slots:
            if number in orbit:
                self._from[layout.slots[name, self.to[number]]] = slot
        self._pointers = pointers(layout)

    def __call__(self, state: State) -> bytes:
        """The state with the servers in that order."""
        after = [state[slot] for slot in self._from]
        for slot in self._pointers:
            after[slot] = self.to[after[slot]]
        return bytes(after)


def _moves(layout: Layout, equals: Sequence[Sequence[int]]) -> list[list[_Move]]:
    """By set of equals the ways to order them, the first of which changes nothing."""
    return [[_Move(layout, orbit, order) for order in permutations(orbit)] for orbit in equals]


def images(layout: Layout, equals: Sequence[Sequence[int]], states: Iterable[State]) -> Iterator[bytes]:
    """Every state that is one with one of these."""
    moves = _moves(layout, equals)
    for state in states:
        found = {bytes(state)}
        for some in moves:
            found = {move(one) for move in some for one in found}
        yield from found


class Least:
    """The least of all states that are one with a state; ``order``: the places in the order of comparison."""

    def __init__(self, layout: Layout, equals: Sequence[Sequence[int]], order: Sequence[int]) -> None:
        self._moves = _moves(layout, equals)
        self._key = itemgetter(*order)

    def __call__(self, state: Sequence[int]) -> bytes:
        found = bytes(state)
        for some in self._moves:
            found = min((move(found) for move in some), key=self._key)
        return found

    def renamed(self, state: State, servers: int) -> list[int]:
        """What each server (0: none) is called in the least state."""
        names = list(range(servers + 1))
        for some in self._moves:
            best = min(some, key=lambda move: self._key(move(state)))  # called at once
            state = best(state)
            names = [best.to[name] for name in names]
        return names

"""Cubes: what makes a step possible in one state of z3's, said of whichever servers and times stand there.

A formula that holds in a model is read down to comparisons that imply it (an implicant), over named servers
that differ from each other; an effect is read as what its variables were before it.  What a step chooses for
itself is left out by projection: of the bounds on it those remain that lie closest in the model.  What is
left may be weaker than the formula was (by a bound of a choice, by what is said of every server): it is a
guess of what the step needs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from operator import add

import z3

from .expr import BOOL, DURATION, FALSE, INT, NODE, TIME, ZERO, Expr, Sort, either, negate
from .smt import Term, View, number

#: sorts with an order
_NUMBERS = (INT, TIME, DURATION)
#: names of servers; more are not spoken of at once
NAMES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Cube:
    """Conditions that hold at once, of servers that differ; each by how it is written."""

    literals: Mapping[str, Expr]

    @property
    def servers(self) -> tuple[str, ...]:
        """Of whom it speaks."""
        said = {part.name for each in self.literals.values() for part in each.walk() if part.op == "bound"}
        return tuple(name for name in NAMES if name in said)

    @property
    def variables(self) -> frozenset[str]:
        """Of which variables, and now: what changes none of them leads neither in nor out."""
        parts = (part for each in self.literals.values() for part in each.walk())
        return frozenset(part.name for part in parts if part.op in ("now", "var", "field"))

    def only(self, keys: Collection[str]) -> Cube:
        """These of its conditions."""
        return Cube({key: each for key, each in self.literals.items() if key in keys})

    def without(self, key: str) -> Cube:
        """All but that one."""
        return Cube({other: each for other, each in self.literals.items() if other != key})

    @property
    def never(self) -> Expr:
        """That no servers are so."""
        bound = [Expr("bound", NODE, name=name) for name in self.servers]
        alike = (one == other for one, other in combinations(bound, 2))
        claim = either(FALSE, *alike, *map(negate, self.literals.values()))
        for name in reversed(self.servers):
            claim = Expr("forall", BOOL, (claim,), name=name)
        return claim


def written(condition: Expr) -> str:
    """A condition of a cube, as one writes it."""
    if condition.op == "not":
        (inner,) = condition.args
        return f"{inner.args[0]} != {inner.args[1]}" if inner.op == "==" else f"not {inner}"
    return str(condition).removeprefix("(").removesuffix(")") if condition.args[1:] else str(condition)


class Reading:
    """Conditions of a cube, as they are collected: all are true in the model of a state, ``view``.

    ``servers``: those that have a name already; ``acting``: who takes the step, which may be one of them.
    """

    def __init__(self, view: View, model: z3.ModelRef, servers: Mapping[str, Term], acting: Expr) -> None:
        self._view, self._model = view, model
        #: by name, the server in the model
        self._named: dict[str, Term] = {}
        for name, term in servers.items():
            self._call(term, name)
        self._actor = self._name(view.bound[acting.name])
        #: names of servers in what is read, by what they are called here
        self._called = {acting.name: self._actor}
        self._literals: list[Expr] = []

    def _value(self, term: Term) -> Term:
        return self._model.eval(term, model_completion=True)

    def _call(self, term: Term, name: str) -> None:
        self._named[name] = self._value(term)
        self._view = self._view.binding(name, term)

    def _name(self, term: Term) -> str:
        """The name of a server, a new one if it has none."""
        value = self._value(term)
        for name, owner in self._named.items():
            if z3.eq(owner, value):
                return name
        there = len(self._named)
        name = NAMES[there] if there < len(NAMES) else f"more {there}"
        self._call(term, name)
        return name

    def _holds(self, expr: Expr) -> bool:
        return bool(z3.is_true(self._value(self._view.of(expr))))

    def say(self, expr: Expr, truth: bool = True) -> None:
        """Collect what makes the condition true, or false, as it is in the model."""
        match expr.op:
            case "literal":
                return
            case "not":
                self.say(expr.args[0], not truth)
            case "define":
                self.say(expr.args[0], truth)
            case "and" | "or" if truth == (expr.op == "and"):
                for each in expr.args:
                    self.say(each, truth)
            case "and" | "or":
                self.say(next(each for each in expr.args if self._holds(each) == truth), truth)
            case "ite":
                chosen = self._holds(expr.args[0])
                self.say(expr.args[0], chosen)
                self.say(expr.args[1 if chosen else 2], truth)
            case "exists" | "forall" if truth == (expr.op == "exists"):
                self._say_of_one(expr, truth)
            case "exists" | "forall":
                return  # that it is said of every server is left out
            case "input":
                return  # chosen so
            case "==" if expr.args[0].sort == BOOL:
                for each in expr.args:
                    self.say(each, self._holds(each))
            case "==" | "<" | "<=":
                left, right = map(self._term, expr.args)
                self._compare(expr.op, left, right, truth)
            case _:
                said = self._term(expr)
                self._literals.append(said if truth else negate(said))

    def _say_of_one(self, expr: Expr, truth: bool) -> None:
        """Of a server of which it is so, one that has a name already if there is one."""
        nobody = self._value(self._view.world.nobody)
        named = [self._view.bound[name] for name in self._named]
        there = (term for term in (*named, *self._view.universe) if not z3.eq(self._value(term), nobody))
        plain = self._view
        for term in there:
            self._view = plain.binding(expr.name, term)
            if self._holds(expr.args[0]) == truth:
                called = self._called
                self._called = {**called, expr.name: self._name(term)}
                self.say(expr.args[0], truth)
                self._called = called
                return
        self._view = plain

    def _compare(self, op: str, left: Expr, right: Expr, truth: bool) -> None:
        if {left.op, right.op} <= {"bound", "literal"}:
            return  # servers that have names differ
        if truth:
            self._literals.append(Expr(op, BOOL, (left, right)))
        elif left.sort not in _NUMBERS:
            self._literals.append(left != right)
        elif op == "==":
            self._literals.append(left < right if self._holds(left < right) else right < left)
        else:
            self._literals.append(right < left if op == "<=" else right <= left)

    def _term(self, expr: Expr) -> Expr:
        """The same term where what decides about it is as in the model."""
        match expr.op:
            case "define":
                return self._term(expr.args[0])
            case "ite":
                chosen = self._holds(expr.args[0])
                self.say(expr.args[0], chosen)
                return self._term(expr.args[1 if chosen else 2])
            case "bound":
                return replace(expr, name=self._called.get(expr.name, expr.name))
            case "field":
                return replace(expr, args=(self._server(expr.args[0]),))
            case "not" | "and" | "or":  # a condition as a value
                return expr
            case "input" if expr.sort not in _NUMBERS:
                return Expr("literal", expr.sort, value=self._number(expr))
        if not expr.args:
            return expr
        return replace(expr, args=tuple(map(self._term, expr.args)))

    def _server(self, expr: Expr) -> Expr:
        """By name."""
        said = self._term(expr)
        if said.op in ("bound", "literal"):
            return said
        name = Expr("bound", NODE, name=self._name(self._view.of(said)))
        self._literals.append(said == name)
        return name

    def before(self, condition: Expr, effect: Mapping[str, Expr]) -> Expr:
        """What a condition of a cube says after a step with that effect, in the words of the state before."""
        match condition.op:
            case "var" | "now":
                return effect.get(condition.name, condition)
            case "field":  # of a server with a name: a cube speaks of no others
                acts = condition.args[0].name == self._actor
                return effect.get(condition.name, condition) if acts else condition
        return replace(condition, args=tuple(self.before(each, effect) for each in condition.args))

    def cube(self, inputs: Sequence[Expr]) -> Cube:
        """What was read, without what the step chose for itself, and of as many servers as may have names."""
        sums = [(each, _Sum.of(each)) for each in self._literals]
        linear = [made for _, made in sums if made is not None]
        for chosen in inputs:
            if chosen.sort in _NUMBERS:
                linear = self._without(linear, _key(chosen))
        said = [each for each, made in sums if made is None]
        said += [each.said() for each in linear if each.is_said]
        return Cube({str(each): each for each in said if _has_names(each)})

    def _without(self, linear: Sequence[_Sum], key: str) -> list[_Sum]:
        """The same where some value of a term makes them true: what bounds it most closely in the model."""
        for each in linear:
            if each.op == "==" and abs(each.factor(key)) == 1:
                return [other.with_equal(each, key) for other in linear if other is not each]
        others = [each for each in linear if not each.factor(key)]
        above = [each for each in linear if each.factor(key) == 1]
        below = [each for each in linear if each.factor(key) == -1]
        if not below or not above:
            return others
        closest = max(below, key=lambda each: self._rest(each, key))
        between = [each.plus(closest, 1, "<" if "<" in (each.op, closest.op) else "<=") for each in above]
        farther = [each.plus(closest, -1, "<=") for each in below if each is not closest]
        return [*others, *between, *farther]

    def _rest(self, of: _Sum, key: str) -> int:
        """What a sum is in the model but for that term."""
        terms = (many * self._number(expr) for name, (expr, many) in of.terms.items() if name != key)
        return of.rest + sum(terms)

    def _number(self, expr: Expr) -> int:
        return number(self._value(self._view.of(expr)), expr.sort)


def _has_names(expr: Expr) -> bool:
    return all(part.name in NAMES for part in expr.walk() if part.op == "bound")


def _key(term: Expr) -> str:
    return f"{term.op} {term}"


@dataclass(frozen=True, slots=True)
class _Sum:
    """A sum compared with nothing (``op`` 0): terms, each so many times, and a number.

    ``of_times``: of points in time and durations, or of counts."""

    op: str
    terms: Mapping[str, tuple[Expr, int]]
    rest: int
    of_times: bool

    @staticmethod
    def of(comparison: Expr) -> _Sum | None:
        """A comparison of numbers; None: it is none."""
        if comparison.op not in ("==", "<", "<=") or comparison.args[0].sort not in _NUMBERS:
            return None
        left, right = comparison.args
        terms: dict[str, tuple[Expr, int]] = {}
        rest = _added(left, 1, terms) + _added(right, -1, terms)
        kept = {key: each for key, each in terms.items() if each[1]}
        return _Sum(comparison.op, kept, rest, left.sort != INT)

    def factor(self, key: str) -> int:
        """How many times a term is in it."""
        return self.terms[key][1] if key in self.terms else 0

    def plus(self, other: _Sum, times: int, op: str) -> _Sum:
        """And so many times another."""
        terms = dict(self.terms)
        for key, (expr, many) in other.terms.items():
            terms[key] = expr, self.factor(key) + times * many
        kept = {key: each for key, each in terms.items() if each[1]}
        return _Sum(op, kept, self.rest + times * other.rest, self.of_times)

    def with_equal(self, equal: _Sum, key: str) -> _Sum:
        """With what a term is equal to in its place."""
        return self.plus(equal, -self.factor(key) * equal.factor(key), self.op)

    def _sides(self) -> tuple[list[Expr], list[Expr]]:
        left = [expr for expr, many in self.terms.values() for _ in range(many)]
        right = [expr for expr, many in self.terms.values() for _ in range(-many)]
        return left, right

    @property
    def is_said(self) -> bool:
        """Can it be said, and is it worth saying?  No two points in time are added."""
        return bool(self.terms) and all(sum(each.sort == TIME for each in side) < 2 for side in self._sides())

    def said(self) -> Expr:
        """As a comparison, each term on the side where it is added."""
        left, right = self._sides()
        sort = DURATION if self.of_times else INT
        if self.rest:
            (left if self.rest > 0 else right).append(Expr("literal", sort, value=abs(self.rest)))
        times = [any(each.sort == TIME for each in side) for side in (left, right)]
        if times[0] != times[1]:  # PD's zero time is a point in time, too
            (right if times[0] else left).append(ZERO)
        return Expr(self.op, BOOL, (_total(left, sort), _total(right, sort)))


def _total(parts: Sequence[Expr], sort: Sort) -> Expr:
    """A point in time comes first: durations are added to it."""
    return reduce(add, sorted(parts, key=lambda each: each.sort != TIME)) if parts else Expr("literal", sort)


def _added(expr: Expr, times: int, terms: dict[str, tuple[Expr, int]]) -> int:
    """Add so many times what is in an expression to the terms; what is left is a number."""
    match expr.op:
        case "literal":
            return times * expr.value
        case "+":
            return sum(_added(each, times, terms) for each in expr.args)
        case "-":
            return _added(expr.args[0], times, terms) + _added(expr.args[1], -times, terms)
    key = _key(expr)
    terms[key] = expr, terms.get(key, (expr, 0))[1] + times
    return 0

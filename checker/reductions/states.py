"""States as z3 terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import z3

from ...model.language.expr import Expr, Sort
from ...model.language.instance import Instance
from ...model.language.smt import Term, World
from .system import Forgotten, Key

#: no time but ZERO is earlier, and now is later by more than any constants of the system add up to
BASE, APART = 1 << 20, 1 << 10


class Side:
    """One state, as terms by (variable, server); ``now`` is a term as well."""

    def __init__(
        self, world: World, values: Mapping[Key, Term], now: Term, sorts: Mapping[Key, Sort]
    ) -> None:
        self.world, self.values, self.now, self.sorts = world, values, now, sorts
        self._memo: dict[int, tuple[Expr, Term]] = {}
        self._reached: dict[tuple[Key, Key, int], Term] = {}
        self._apart: dict[tuple[Key, Key], Term] = {}
        self._unset: dict[Key, Term] = {}

    def of(self, expr: Expr) -> Term:
        """The value of a folded expression."""
        known = self._memo.get(id(expr))
        if known is None:
            known = self._memo[id(expr)] = expr, self._of(expr)
        return known[1]

    def _of(self, expr: Expr) -> Term:
        match expr.op:
            case "literal":
                return self.world.literal(expr.sort, expr.value)
            case "now":
                return self.now
            case "var":
                return self.values[expr.name, 0]
            case "field":
                return self.values[expr.name, expr.args[0].value]
            case "input":
                return self.world.constant(f"input {expr.name}", expr.sort)
            case "define":
                return self.of(expr.args[0])
        return OPERATORS[expr.op](*map(self.of, expr.args))

    @cached_property
    def ids(self) -> Mapping[Key, int]:
        """By variable a number that two terms share if they are one."""
        return {key: value.get_id() for key, value in self.values.items()}

    def unset(self, key: Key) -> Term:
        """That there is no time."""
        if key not in self._unset:
            self._unset[key] = self.values[key] == 0
        return self._unset[key]

    def reaches(self, upper: Key, lower: Key, far: int) -> Term:
        """That one time is so far above another."""
        if (upper, lower, far) not in self._reached:
            if (upper, lower) not in self._apart:
                self._apart[upper, lower] = self.values[upper] - self.values[lower]
            self._reached[upper, lower, far] = self._apart[upper, lower] >= far
        return self._reached[upper, lower, far]

    def after(self, instance: Instance) -> Side:
        """The state after a step."""
        now, values = self.now, dict(self.values)
        for key, value in instance.effect.items():
            if key == ("now", 0):
                now = self.of(value)
            else:
                values[key] = self.of(value)
        return Side(self.world, values, now, self.sorts)

    def forgetting(self, forgotten: Sequence[Forgotten]) -> Side:
        """The same with everything forgotten that may be."""
        side = self
        for each in forgotten:
            gone = side.of(each.when)
            if z3.is_false(gone):
                continue
            values = dict(side.values)
            for key in each.keys:
                zero = self.world.literal(self.sorts[key], 0)
                if not z3.eq(values[key], zero):
                    values[key] = z3.If(gone, zero, values[key])
            side = Side(self.world, values, self.now, self.sorts)
        return side


def _and(*args: Term) -> Term:
    kept = [arg for arg in args if not z3.is_true(arg)]
    if any(z3.is_false(arg) for arg in kept):
        return z3.BoolVal(False)
    return z3.And(kept) if len(kept) != 1 else kept[0]


def _or(*args: Term) -> Term:
    kept = [arg for arg in args if not z3.is_false(arg)]
    if any(z3.is_true(arg) for arg in kept):
        return z3.BoolVal(True)
    return z3.Or(kept) if len(kept) != 1 else kept[0]


def _ite(condition: Term, then: Term, other: Term) -> Term:
    if z3.is_true(condition):
        return then
    return other if z3.is_false(condition) else z3.If(condition, then, other)


def _not(arg: Term) -> Term:
    if z3.is_true(arg) or z3.is_false(arg):
        return z3.BoolVal(z3.is_false(arg))
    return z3.Not(arg)


def _equal(left: Term, right: Term) -> Term:
    if z3.eq(left, right):
        return z3.BoolVal(True)
    if _is_value(left) and _is_value(right):
        return z3.BoolVal(False)
    return left == right


def _is_value(term: Any) -> bool:
    is_member = z3.is_app(term) and term.decl().kind() == z3.Z3_OP_DT_CONSTRUCTOR
    return bool(z3.is_int_value(term) or is_member)


#: what each operator means; what is known is worked out at once, which z3 would do later
OPERATORS: dict[str, Callable[..., Term]] = {
    "not": _not,
    "and": _and,
    "or": _or,
    "ite": _ite,
    "==": _equal,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
}

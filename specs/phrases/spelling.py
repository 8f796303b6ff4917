"""A condition over states as it may be typed; `reading` makes the same condition of it."""

from __future__ import annotations

import re

from ...model.language.expr import BOOL, NODE, TIME, Expr
from .names import Names

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
#: how tightly each binds; what binds less tightly than where it stands goes into brackets
_BINDS = {"exists": 0, "forall": 0, "or": 1, "and": 2, "not": 3, "==": 4, "<": 4, "<=": 4, "+": 5, "-": 5}
_TIGHTEST = 6
_QUANTIFIERS = {"exists": "any", "forall": "all"}


def spelled(expr: Expr, names: Names) -> str:
    """The condition as text."""
    return _Spelling(names).of(expr)


def server_named(name: str, names: Names) -> str:
    """A server as it may be typed: in quotes where its name is no plain word, or means something else."""
    several = Names((), names.of_cluster, names.of_server)
    return name if _PLAIN.fullmatch(name) and not several.is_taken(name) else f'"{name}"'


class _Spelling:
    def __init__(self, names: Names) -> None:
        self._names = names

    def of(self, expr: Expr, within: int = 0) -> str:
        """The text of a part that stands where only what binds so tightly needs no brackets."""
        if expr.op == "not" and expr.args[0].op == "==":
            text, binds = self._joined("!=", expr.args[0]), _BINDS["=="]
        else:
            text, binds = self._text(expr), _BINDS.get(expr.op, _TIGHTEST)
        return f"({text})" if binds < within else text

    def _text(self, expr: Expr) -> str:
        match expr.op:
            case "literal":
                return self._literal(expr)
            case "field" | "define" if expr.args:
                return f"{self.of(expr.args[-1])}.{expr.name}"
            case "exists" | "forall":
                return f"{_QUANTIFIERS[expr.op]} {expr.name}: {self.of(expr.args[0])}"
            case "not":
                return f"not {self.of(expr.args[0], _BINDS['not'])}"
            case "and" | "or" | "==" | "<" | "<=" | "+" | "-":
                return self._joined(expr.op, expr)
        return expr.name

    def _joined(self, op: str, expr: Expr) -> str:
        binds = _BINDS[expr.op]
        first, *others = expr.args
        # of equals only sums may go on without brackets, for they are read from the left
        head = self.of(first, binds if expr.op in ("+", "-") else binds + 1)
        return f" {op} ".join([head, *(self.of(each, binds + 1) for each in others)])

    def _literal(self, expr: Expr) -> str:
        if expr.sort.members:
            return expr.sort.members[expr.value]
        if expr.sort is BOOL:
            return "true" if expr.value else "false"
        if expr.sort is NODE and expr.value:
            return server_named(self._names.servers[expr.value - 1], self._names)
        return "none" if expr.sort in (NODE, TIME) else str(expr.value)

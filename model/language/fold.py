"""Partial evaluation: what an expression is once some of its parts are known.

Exploration and replay know every server, every constant and often the inputs; folding turns
fields of known servers into plain variables and guards that always hold into ``true``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from .expr import BOOL, FALSE, TRUE, Expr, Meanings, redefined, server


@dataclass(frozen=True, slots=True)
class Known:
    """What is known: number of servers, constants, per-server facts that never change, inputs, now; and what
    names mean in the system that is spoken of.

    ``changing``: by name and server, what facts are of a server that may be started with other settings.
    ``state`` gives a variable by name and server (0: shared); with it every expression folds to a
    literal, so folding is also the slow, obvious way to evaluate one.
    """

    servers: int
    constants: Mapping[str, int]
    facts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: Mapping[str, int] = field(default_factory=dict)
    bound: Mapping[str, int] = field(default_factory=dict)
    meanings: Meanings = field(default_factory=dict)
    now: int | None = None
    state: Callable[[str, int], int] | None = None
    changing: Mapping[tuple[str, int], Expr] = field(default_factory=dict)

    def choosing(self, inputs: Mapping[str, int]) -> Known:
        """The same with these inputs chosen."""
        return replace(self, inputs=inputs)

    def acting(self, name: str, number: int) -> Known:
        """The same with a bound server known."""
        return replace(self, bound={**self.bound, name: number})


def _literal(expr: Expr, value: int | bool) -> Expr:
    return Expr("literal", expr.sort, value=int(value))


def fold(expr: Expr, known: Known) -> Expr:
    """The expression with everything known worked out; quantifiers are spelled out over the servers."""
    match expr.op:
        case "literal":
            return expr
        case "var":
            return expr if known.state is None else _literal(expr, known.state(expr.name, 0))
        case "now":
            return expr if known.now is None else _literal(expr, known.now)
        case "param":
            return _literal(expr, known.constants[expr.name])
        case "input":
            return _literal(expr, known.inputs[expr.name]) if expr.name in known.inputs else expr
        case "bound":
            return server(known.bound[expr.name]) if expr.name in known.bound else expr
        case "field":
            return _fold_field(expr, fold(expr.args[0], known), known)
        case "exists" | "forall":
            parts = tuple(fold(expr.args[0], known.acting(expr.name, n)) for n in range(1, known.servers + 1))
            return _junction("or" if expr.op == "exists" else "and", parts)
        case "define":
            meant = redefined(expr, known.meanings) if expr.name in known.meanings else expr
            return fold(meant.args[0], known)
        case "and" | "or":
            return _junction(expr.op, tuple(fold(arg, known) for arg in expr.args))
        case "ite":
            return _fold_choice(expr, known)
    args = tuple(fold(arg, known) for arg in expr.args)
    if all(arg.op == "literal" for arg in args):
        return _literal(expr, _OPERATORS[expr.op](*(arg.value for arg in args)))
    return replace(expr, args=args)


_OPERATORS: dict[str, Callable[..., int]] = {
    "not": operator.not_,
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    "+": operator.add,
    "-": operator.sub,
}


def _fold_field(expr: Expr, owner: Expr, known: Known) -> Expr:
    if owner.op == "literal":
        if (expr.name, owner.value) in known.changing:
            return fold(known.changing[expr.name, owner.value], known)
        if expr.name in known.facts and owner.value:
            return _literal(expr, known.facts[expr.name][owner.value - 1])
        if known.state is not None:
            return _literal(expr, known.state(expr.name, owner.value))
        return replace(expr, args=(owner,))
    # The owner is itself read from the state: one case a server.
    result = replace(expr, args=(server(known.servers),))
    for number in range(known.servers - 1, 0, -1):
        is_it = Expr("==", BOOL, (owner, server(number)))
        result = Expr("ite", expr.sort, (is_it, replace(expr, args=(server(number),)), result))
    return fold(result, known) if expr.name in known.facts else result


def _junction(op: str, parts: tuple[Expr, ...]) -> Expr:
    neutral, absorbing = (TRUE, FALSE) if op == "and" else (FALSE, TRUE)
    kept: list[Expr] = []
    for part in parts:
        for piece in part.args if part.op == op else (part,):
            if piece.op == "literal":
                if piece.value == absorbing.value:
                    return absorbing
            else:
                kept.append(piece)
    if not kept:
        return neutral
    return kept[0] if len(kept) == 1 else Expr(op, BOOL, tuple(kept))


def _fold_choice(expr: Expr, known: Known) -> Expr:
    condition = fold(expr.args[0], known)
    if condition.op == "literal":
        return fold(expr.args[1] if condition.value else expr.args[2], known)
    then, other = (fold(arg, known) for arg in expr.args[1:])
    if then.op == other.op == "literal" and then.value == other.value:
        return then
    if expr.sort == BOOL and other.op == "literal" and not other.value:
        return _junction("and", (condition, then))
    return replace(expr, args=(condition, then, other))

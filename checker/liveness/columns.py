"""Expressions over all states of a search at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...model.language.expr import Expr
from ...model.language.layout import Layout
from ..graph.arrays import Mask
from ..search.engine import Engine

#: states that are looked at in one go
_BLOCK = 1 << 16

_OPERATORS: dict[str, Callable[..., NDArray[np.int32]]] = {
    "==": np.equal, "<": np.less, "<=": np.less_equal, "+": np.add, "-": np.subtract,
}  # fmt: skip


def truth(engine: Engine, condition: Expr) -> Mask:
    """In which states a folded condition holds, by number."""
    layout = engine.expander.layout
    found = np.zeros(len(engine), bool)
    for first in range(0, len(engine), _BLOCK):
        last = min(first + _BLOCK, len(engine))
        found[first:last] = _value(condition, layout, engine.values(first, last))
    return found


def _value(expr: Expr, layout: Layout, block: NDArray[np.uint8]) -> NDArray[np.int32]:
    match expr.op:
        case "literal":
            return np.full(len(block), expr.value, np.int32)
        case "var" | "field":
            slot = layout.slots[expr.name, expr.args[0].value if expr.args else 0]
            return block[:, slot].astype(np.int32) - layout.offset(slot)
    args = [_value(arg, layout, block) for arg in expr.args]
    match expr.op:
        case "not":
            return np.equal(args[0], 0)
        case "and":
            return reduce(np.logical_and, args)
        case "or":
            return reduce(np.logical_or, args)
        case "ite":
            return np.where(args[0], args[1], args[2])
    return _OPERATORS[expr.op](*args)

"""Expressions over all states of a search at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...model.language.expr import Expr
from ...model.language.layout import Layout
from ..graph.arrays import Mask
from ..search.engine import Engine, Plain

#: states that are looked at in one go
_BLOCK = 1 << 16

_OPERATORS: dict[str, Callable[..., NDArray[np.int32]]] = {
    "==": np.equal, "<": np.less, "<=": np.less_equal, "+": np.add, "-": np.subtract,
}  # fmt: skip


def truth(engine: Engine, condition: Expr) -> Mask:
    """In which states a folded condition holds, by number."""
    layout = engine.expander.layout
    places = sorted({_place(part, layout) for part in condition.walk() if part.op in ("var", "field")})
    found = np.zeros(len(engine), bool)
    for first in range(0, len(engine), _BLOCK):
        last = min(first + _BLOCK, len(engine))
        columns = dict(zip(places, _columns(engine, places, first, last), strict=True))
        found[first:last] = _value(condition, layout, columns)
    return found


def _place(expr: Expr, layout: Layout) -> int:
    return layout.slots[expr.name, expr.args[0].value if expr.args else 0]


def _columns(engine: Engine, places: Sequence[int], first: int, last: int) -> Iterator[NDArray[np.uint8]]:
    """What these places hold in the states from one number up to another."""
    if isinstance(engine, Plain):
        block = engine.values(first, last)
        yield from (block[:, place] for place in places)
        return
    from ..search.native import Native

    if not isinstance(engine, Native):
        raise TypeError(f"no way to the states of {type(engine).__name__}")
    rows, fields = engine.rows[first:last], engine.expander.packing.fields
    for place in places:
        field = fields[place]
        part = rows[:, field.word] >> np.uint64(field.shift) & np.uint64(field.ones)
        yield part.astype(np.uint8) + np.uint8(field.least)


def _value(expr: Expr, layout: Layout, columns: Mapping[int, NDArray[np.uint8]]) -> NDArray[np.int32]:
    match expr.op:
        case "literal":
            return np.array([expr.value], np.int32)
        case "var" | "field":
            place = _place(expr, layout)
            return columns[place].astype(np.int32) - layout.offset(place)
    args = [_value(arg, layout, columns) for arg in expr.args]
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

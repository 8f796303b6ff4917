"""The graph of a finished search: every step once more, to states that all have their numbers by now."""

from __future__ import annotations

import ctypes
from array import array
from typing import TYPE_CHECKING

import numpy as np

from ..search.engine import Engine, Plain
from .arrays import Graph

if TYPE_CHECKING:
    from ..search.native import Native

#: bytes of an edge
EDGE_BYTES = 6


def graph_of(engine: Engine) -> Graph:
    """Every state that was found and every step; a label is the number of the instance that was taken.

    Steps to times further apart than a state can hold are no edges.

    Raises:
        ValueError: a state was not expanded.
    """
    if isinstance(engine, Plain):
        return _plain(engine)
    from ..search.native import Native

    if not isinstance(engine, Native):
        raise TypeError(f"no way to the edges of {type(engine).__name__}")
    return _native(engine)


def _plain(engine: Plain) -> Graph:
    expander = engine.expander
    seen = {state: number for number, state in enumerate(engine.order)}
    edges: list[tuple[int, int, int]] = []
    found: list[bytes] = []
    expander.expand(engine.order, seen, array("l"), found, edges, expander.watch(), 0)
    if found:
        raise ValueError("the search is not finished")
    return Graph.of(len(engine), edges)


def _native(engine: Native) -> Graph:
    from ..machine.table import Table
    from .edge_code import EdgeCode, Edges

    many, watch = len(engine), engine.watch
    total = sum(watch.fired) - sum(watch.cut)
    # the last state may take as many steps as there are instances, as far as machine code knows
    room = total + len(engine.expander.instances)
    graph = Graph(np.zeros(many + 1, np.int64), np.empty(room, np.int32), np.empty(room, np.uint16))
    code = EdgeCode(engine.expander)
    code.optimise(many)
    most, words = many + 1 + len(engine.expander.instances), code.packing.words
    states, pasts, presents = (Table(code.compiled, words, most) for _ in range(3))
    states.fill(engine.rows)
    folded, settled = (times.beside(words, np.uint64) for times in (pasts, presents))
    edges = Edges(
        states=states.address,
        pasts=pasts.address,
        folded=folded.address,
        presents=presents.address,
        settled=settled.address,
        offset=graph.offset.ctypes.data,
        target=graph.target.ctypes.data,
        label=graph.label.ctypes.data,
        room=room,
    )
    done = 0
    while (done := code.expand(ctypes.addressof(edges), done, many)) < many and edges.many <= total:
        pasts.make_room(1)
        presents.make_room(len(engine.expander.instances))
        edges.folded, edges.settled = folded.address, settled.address
    if done < many or edges.many != total or (graph.target[:total] < 0).any():
        raise ValueError("the search is not finished")
    graph.offset[many] = total
    return Graph(graph.offset, graph.target[:total], graph.label[:total])

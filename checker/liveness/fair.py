"""Fair cycles of a graph: does a run exist that goes on forever, as its fairness demands, inside a part?

A demand is about a class of edges.  Weak: if from some point on each state has such an edge, one is
taken again and again.  Strong: if states that have one are met again and again, one is taken again
and again.  This is a Streett condition; it is decided by strongly connected components that are taken
apart where a strong demand fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ..graph import backend  # noqa: F401  # registers itself with networkx
from ..graph.arrays import Graph, Indexes, Mask, Nodes


@dataclass(frozen=True, eq=False, slots=True)
class Demand:
    """``labels``: of the edges that belong to it; ``able``: the states in which such a step could happen;
    ``always``: strong."""

    labels: Mask
    able: Mask
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Lasso:
    """Edges of a run to a cycle, and of the cycle; none in the cycle: nothing happens any more."""

    way: tuple[int, ...]
    cycle: tuple[int, ...]


@dataclass(slots=True)
class Counts:
    """What was looked at."""

    states: int = 0
    components: int = 0


def enabled(graph: Graph, labels: Mask) -> Mask:
    """The states that have an edge with one of these labels."""
    able = np.zeros(len(graph), bool)
    able[graph.sources()[labels[graph.label]]] = True
    return able


def fair_components(
    graph: Graph,
    inside: Mask,
    demands: Sequence[Demand],
    counts: Counts | None = None,
) -> Iterator[tuple[NDArray[np.int32], Indexes]]:
    """The sets of nodes that a fair run can visit again and again, all of them, over these edges only.

    With each come the edges among its nodes.

    A node without any edge in the graph is such a set: the run ends there.
    """
    counts = counts or Counts()
    sources = graph.sources()
    ends = np.diff(graph.offset) == 0
    edges = inside
    while True:
        part = cast(Any, graph.keeping(edges))  # networkx is typed for its own graphs only
        components = [cast(Nodes, each).array for each in nx.strongly_connected_components(part)]
        sizes = np.array([len(nodes) for nodes in components])
        number = np.empty(len(graph), np.int32)
        number[np.concatenate(components)] = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        within = np.flatnonzero(edges)
        within = within[number[sources[within]] == number[graph.target[within]]]
        hopeful = _hopeful(graph, number, sizes, number[sources[within]], within, demands)
        hopeful[number[ends]] |= edges is inside
        counts.states += int(sizes[hopeful].sum())
        counts.components += int(hopeful.sum())
        # the edges of a component stand together
        within = within[np.argsort(number[sources[within]], kind="stable")]
        first = np.searchsorted(number[sources[within]], np.arange(len(sizes) + 1))
        again = np.zeros(len(edges), bool)
        for index in np.flatnonzero(hopeful).tolist():
            nodes, own = components[index], within[first[index] : first[index + 1]]
            avoid = np.zeros(len(nodes), bool)
            for demand in demands:
                if demand.strong and not demand.labels[graph.label[own]].any():
                    avoid |= demand.able[nodes]
            if not avoid.any():
                yield nodes, own
                continue
            gone = nodes[avoid]
            again[own[~np.isin(sources[own], gone) & ~np.isin(graph.target[own], gone)]] = True
        if not again.any():
            return
        edges = again


def _hopeful(
    graph: Graph, number: NDArray[Any], sizes: NDArray[Any], owner: NDArray[Any], within: Indexes,
    demands: Sequence[Demand],
) -> Mask:  # fmt: skip
    """The components that have edges of their own and in which no weak demand fails."""
    hopeful = np.zeros(len(sizes), bool)
    hopeful[owner] = True
    for demand in demands:
        if not demand.strong:
            met = np.bincount(number[demand.able], minlength=len(sizes)) < sizes
            met[owner[demand.labels[graph.label[within]]]] = True
            hopeful &= met
    return hopeful


def _sources(graph: Graph, edges: Indexes) -> Indexes:
    return np.searchsorted(graph.offset, edges, side="right") - 1


def lasso(
    graph: Graph, begin: NDArray[Any], start: Mask, inside: Mask, demands: Sequence[Demand],
    repeats: Mask | None = None, counts: Counts | None = None,
) -> Lasso | None:  # fmt: skip
    """A run from ``begin`` to a node of ``start``, from there over edges of ``inside``, forever and fair.

    ``repeats``: edges one of which the cycle has to take.
    """
    order, by = graph.reached(begin)
    met = order[start[order]]
    part = graph.keeping(inside)
    later, on = part.reached(met)
    live = np.zeros(len(graph), bool)
    live[later] = True
    numbers = np.flatnonzero(inside)
    sources = graph.sources()
    reachable = inside & live[sources]
    nearest: tuple[int, NDArray[np.int32], Indexes] | None = None
    place = np.full(len(graph), len(graph), np.int64)
    place[later] = np.arange(len(later))
    for nodes, edges in fair_components(graph, reachable, demands, counts):
        distance = int(place[nodes].min())
        taken = repeats is None or bool(repeats[edges].any())
        if taken and distance < (len(graph) if nearest is None else nearest[0]):
            nearest = distance, nodes, edges
    if nearest is None:
        return None
    distance, nodes, edges = nearest
    entry = int(later[distance])
    after = [int(numbers[edge]) for edge in part.way(on, entry)]
    at = graph.source(after[0]) if after else entry
    return Lasso((*graph.way(by, at), *after), _cycle(graph, entry, nodes, edges, demands, repeats))


def _cycle(
    graph: Graph, entry: int, nodes: NDArray[Any], edges: Indexes, demands: Sequence[Demand],
    repeats: Mask | None,
) -> tuple[int, ...]:  # fmt: skip
    """A short closed run inside a fair component that meets every demand: the nearest of what is left to
    meet, again and again, and back."""
    if not len(edges):
        return ()
    taken: list[int] = []
    mask = np.zeros(len(graph.target), bool)
    mask[edges] = True
    part = graph.keeping(mask)
    numbers = np.flatnonzero(mask)
    wanted = [_goals(graph, edges, nodes, demand) for demand in demands]
    if repeats is not None:
        wanted.append((edges[repeats[edges]], np.empty(0, np.int64)))
    at = entry

    def go(to: int) -> None:
        nonlocal at
        by = part.reached(np.array([at]))[1]
        taken.extend(int(numbers[edge]) for edge in part.way(by, to))
        at = to

    for by_edge, by_node in wanted:
        visited = {entry, *graph.target[taken].tolist()}
        if set(taken) & set(by_edge.tolist()) or visited & set(by_node.tolist()):
            continue
        order, _ = part.reached(np.array([at]))
        place = np.full(len(graph), len(graph), np.int64)
        place[order] = np.arange(len(order))
        if len(by_node):
            go(int(by_node[np.argmin(place[by_node])]))
            continue
        ends = _sources(graph, by_edge)
        edge = int(by_edge[np.argmin(place[ends])])
        go(graph.source(edge))
        taken.append(edge)
        at = int(graph.target[edge])
    if not taken:
        edge = int(edges[_sources(graph, edges) == at][0])
        taken.append(edge)
        at = int(graph.target[edge])
    go(entry)
    return tuple(taken)


def _goals(graph: Graph, edges: Indexes, nodes: NDArray[Any], demand: Demand) -> tuple[Indexes, Indexes]:
    """What meets a demand in a fair component: one of these edges, or (weak) a visit to one of these nodes.

    A strong demand that no state of the component raises asks for nothing.
    """
    by_edge = edges[demand.labels[graph.label[edges]]]
    if demand.strong:
        return (by_edge, np.empty(0, np.int64)) if len(by_edge) else (by_edge, nodes.astype(np.int64))
    return by_edge, nodes[~demand.able[nodes]].astype(np.int64)

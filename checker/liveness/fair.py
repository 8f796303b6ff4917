"""Fair cycles of a graph: does a run exist that goes on forever, as its fairness demands, inside a part?

A demand is about a class of edges.  Weak: if from some point on each state has such an edge, one is
taken again and again.  Strong: if states that have one are met again and again, one is taken again
and again.  This is a Streett condition; it is decided by strongly connected components that are taken
apart where a strong demand fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.arrays import Graph, Indexes, Mask
from ..graph.backend import components

#: nodes whose edges are looked at in one go
_BLOCK = 1 << 18
#: classes of edges that are looked for in one go
_BITS = 64


class Demand:
    """``labels``: of the edges that belong to it; ``able``: the states in which such a step could happen;
    ``strong``: not weak."""

    def __init__(self, labels: Mask, able: Mask, strong: bool = False) -> None:
        self.labels, self.strong = labels, strong
        # there are many demands, and a bit a state is enough
        self._able, self._states = np.packbits(able), len(able)

    @property
    def able(self) -> Mask:
        """By state."""
        found: Mask = np.unpackbits(self._able, count=self._states).view(np.bool_)
        return found

    def only(self, able: Mask) -> Demand:
        """The same of other states."""
        return Demand(self.labels, able, self.strong)


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


def enabled(graph: Graph, classes: Sequence[Mask]) -> Iterator[Mask]:
    """By class of labels the states that have an edge with one of them."""
    for first in range(0, len(classes), _BITS):
        some = classes[first : first + _BITS]
        bits = np.zeros(len(some[0]), np.uint64)
        for bit, labels in enumerate(some):
            bits[labels] |= np.uint64(1 << bit)
        found = np.zeros(len(graph), np.uint64)
        for at in range(0, len(graph), _BLOCK):
            offset = graph.offset[at : at + _BLOCK + 1]
            some_leave = np.flatnonzero(np.diff(offset))
            if len(some_leave):
                leaving = bits[graph.label[offset[0] : offset[-1]]]
                found[at + some_leave] = np.bitwise_or.reduceat(leaving, offset[some_leave] - offset[0])
        for bit in range(len(some)):
            yield (found >> np.uint64(bit) & np.uint64(1)).astype(np.bool_)


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
    for node in np.flatnonzero(np.diff(graph.offset) == 0).tolist():
        counts.states, counts.components = counts.states + 1, counts.components + 1
        yield np.array([node], np.int32), np.empty(0, np.int64)
    edges = inside
    while edges.any():
        parts = _Parts(graph, edges)
        hopeful = parts.hopeful(demands)
        counts.states += int(parts.sizes[hopeful].sum())
        counts.components += len(hopeful)
        again: list[Indexes] = []
        for part in hopeful.tolist():
            nodes, own = parts.nodes(part), parts.edges(part)
            avoid = np.zeros(len(nodes), bool)
            for demand in demands:
                if demand.strong and not demand.labels[graph.label[own]].any():
                    avoid |= demand.able[nodes]
            if not avoid.any():
                yield nodes, own
                continue
            gone = np.zeros(len(graph), bool)
            gone[nodes[avoid]] = True
            again.append(own[~gone[graph.leave(own)] & ~gone[graph.target[own]]])
        edges = np.zeros(len(edges), bool)
        for own in again:
            edges[own] = True


class _Parts:
    """The strongly connected components that have edges of their own, numbered 0, 1, …"""

    def __init__(self, graph: Graph, edges: Mask) -> None:
        self._graph = graph
        of_node = components(graph.keeping(edges))[1]
        within = [np.empty(0, np.int64)]
        for at in range(0, len(graph), _BLOCK):
            first, last = graph.offset[at], graph.offset[min(at + _BLOCK, len(graph))]
            own = first + np.flatnonzero(edges[first:last])
            source = of_node[at + _sources_from(graph, at, own)]
            within.append(own[source == of_node[graph.target[own]]])
        self._within = np.concatenate(within)
        owner = of_node[graph.target[self._within]]
        there = np.zeros(int(of_node.max()) + 1, bool)
        there[owner] = True
        number = np.cumsum(there, dtype=np.int32) - 1
        many = int(there.sum())
        nodes = np.flatnonzero(there[of_node]).astype(np.int32)
        of_these = number[of_node[nodes]]
        order = np.argsort(of_these, kind="stable")
        #: the nodes, part by part, and how many each part has
        self._nodes, self._of = nodes[order], of_these[order]
        self.sizes = np.bincount(of_these, minlength=many)
        self._first_node = np.concatenate([[0], np.cumsum(self.sizes)])
        order = np.argsort(number[owner], kind="stable")
        self._within, self._owner = self._within[order], number[owner][order]
        self._first_edge = np.concatenate([[0], np.cumsum(np.bincount(self._owner, minlength=many))])

    def nodes(self, part: int) -> NDArray[np.int32]:
        """In ascending order."""
        found: NDArray[np.int32] = self._nodes[self._first_node[part] : self._first_node[part + 1]]
        return found

    def edges(self, part: int) -> Indexes:
        """Those among its nodes, in ascending order."""
        return self._within[self._first_edge[part] : self._first_edge[part + 1]]

    def hopeful(self, demands: Sequence[Demand]) -> Indexes:
        """Those in which no weak demand fails."""
        weak = [demand for demand in demands if not demand.strong]
        many = len(self.sizes)
        left = np.ones(many, bool)
        if weak and many:
            labels = len(weak[0].labels)
            taken = np.zeros((many, labels), bool)
            taken[self._owner, self._graph.label[self._within]] = True
            for demand in weak:
                met: Mask = np.logical_or.reduce(taken[:, demand.labels], axis=1)
                met[self._of[~demand.able[self._nodes]]] = True
                left &= met
        return np.flatnonzero(left)


def _sources_from(graph: Graph, at: int, edges: Indexes) -> Indexes:
    """The nodes that these edges leave, counted from a node before all of them."""
    return np.searchsorted(graph.offset[at:], edges, side="right") - 1


def lasso(
    graph: Graph, begin: NDArray[Any], start: Mask, inside: Mask, demands: Sequence[Demand],
    repeats: Mask | None = None, counts: Counts | None = None,
) -> Lasso | None:  # fmt: skip
    """A run from ``begin``, from where every node can be reached, to a node of ``start``, from there over
    edges of ``inside``, forever and fair.

    ``repeats``: edges one of which the cycle has to take.
    """
    owner = np.full(len(graph), -1, np.int32)
    fair: list[tuple[NDArray[np.int32], Indexes]] = []
    for nodes, edges in fair_components(graph, inside, demands, counts):
        if repeats is None or bool(repeats[edges].any()):
            owner[nodes] = len(fair)
            fair.append((nodes, edges))
    if not fair:
        return None
    part = graph.keeping(inside)
    later, on = part.reached(np.flatnonzero(start), owner >= 0)
    met = later[owner[later] >= 0]
    if not len(met):
        return None
    entry = int(met[0])
    numbers = np.flatnonzero(inside)
    after = [int(numbers[edge]) for edge in part.way(on, entry)]
    at = graph.source(after[0]) if after else entry
    there = np.zeros(len(graph), bool)
    there[at] = True
    _, by = graph.reached(begin, there)
    cycle = _cycle(graph, entry, *fair[int(owner[entry])], demands, repeats)
    return Lasso((*graph.way(by, at), *after), cycle)


def _cycle(
    graph: Graph, entry: int, nodes: NDArray[Any], edges: Indexes, demands: Sequence[Demand],
    repeats: Mask | None,
) -> tuple[int, ...]:  # fmt: skip
    """A short closed run inside a fair component that meets every demand: the nearest of what is left to
    meet, again and again, and back."""
    if not len(edges):
        return ()
    part = graph.part(nodes, edges)
    first = at = int(np.searchsorted(nodes, entry))
    taken: list[int] = []

    def go(to: Mask) -> None:
        """To the nearest of these nodes."""
        nonlocal at
        order, by = part.reached(np.array([at]), to)
        at = int(order[to[order]][0])
        taken.extend(part.way(by, at))

    def take(wanted: Mask) -> None:
        """The nearest of these edges."""
        nonlocal at
        which = np.flatnonzero(wanted)
        ends = np.zeros(len(part), bool)
        ends[part.leave(which)] = True
        go(ends)
        edge = int(which[part.leave(which) == at][0])
        taken.append(edge)
        at = int(part.target[edge])

    for demand in demands:
        if demand.labels[part.label[taken]].any():
            continue
        wanted = demand.labels[part.label]
        if demand.strong:
            # what no state of the component allows asks for nothing
            if wanted.any():
                take(wanted)
            continue
        able = demand.able[nodes]
        if not able[[first, *part.target[taken]]].all():
            continue
        if able.all():
            take(wanted)
        else:
            go(~able)
    if repeats is not None and not repeats[edges[taken]].any():
        take(repeats[edges])
    if not taken:
        taken.append(int(part.offset[at]))
        at = int(part.target[taken[0]])
    home = np.zeros(len(part), bool)
    home[first] = True
    go(home)
    return tuple(edges[taken].tolist())

"""A graph in arrays: six bytes an edge, and networkx's algorithms on it.

The nodes of `Graph` are the numbers 0, 1, …; its edges stand one after the other in the order of the
nodes that they leave.  networkx calls `backend.py` for it, so that code which uses networkx reads the
same for a thousand nodes and for ten million.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: nodes whose edges are looked at in one go
_BLOCK = 1 << 16

Indexes = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Nodes(Set[int]):
    """A set of nodes in a sorted array."""

    __slots__ = ("array",)

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:  # what & and | make
        return set(it)

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[int]:
        return iter(self.array.tolist())

    def __contains__(self, node: object) -> bool:
        if not isinstance(node, int | np.integer):
            return False
        at = int(np.searchsorted(self.array, node))
        return at < len(self.array) and bool(self.array[at] == node)

    def __repr__(self) -> str:
        return f"Nodes({self.array.tolist()})"


@dataclass(frozen=True, eq=False, slots=True)
class Graph:
    """A directed graph; two nodes may have several edges, and an edge may lead back to its node.

    The edges of node ``n`` are those from ``offset[n]`` up to ``offset[n + 1]``; an edge leads to
    ``target`` and carries a number in ``label``.
    """

    offset: NDArray[np.int64]
    target: NDArray[np.int32]
    label: NDArray[np.uint16]
    #: networkx hands its functions over to the backend of this name
    __networkx_backend__ = "tsofence"

    @classmethod
    def of(cls, nodes: int, edges: Iterable[tuple[int, int, int]]) -> Graph:
        """The graph of these edges: from, to, label; they stay in order where they leave the same node."""
        columns = np.array(list(edges), np.int64).reshape(-1, 3)
        columns = columns[np.argsort(columns[:, 0], kind="stable")]
        offset = np.zeros(nodes + 1, np.int64)
        np.cumsum(np.bincount(columns[:, 0], minlength=nodes), out=offset[1:])
        return cls(offset, columns[:, 1].astype(np.int32), columns[:, 2].astype(np.uint16))

    # What networkx asks of any graph before it calls the backend.

    def is_directed(self) -> bool:
        """Always."""
        return True

    def is_multigraph(self) -> bool:
        """Always."""
        return True

    def __len__(self) -> int:
        return len(self.offset) - 1

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __contains__(self, node: object) -> bool:
        return isinstance(node, int | np.integer) and 0 <= int(node) < len(self)

    def number_of_nodes(self) -> int:
        """How many nodes there are."""
        return len(self)

    def number_of_edges(self) -> int:
        """How many edges there are."""
        return len(self.target)

    # What algorithms over arrays ask.

    @property
    def memory(self) -> int:
        """Bytes in use."""
        return self.offset.nbytes + self.target.nbytes + self.label.nbytes

    def sources(self) -> NDArray[np.int32]:
        """The node that each edge leaves."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.offset))

    def leaving(self, nodes: NDArray[Any]) -> Indexes:
        """The numbers of the edges that leave these nodes, node by node."""
        first = self.offset[nodes]
        many = self.offset[nodes + 1] - first
        before = np.cumsum(many) - many
        edges: Indexes = np.arange(int(many.sum())) + np.repeat(first - before, many)
        return edges

    def leave(self, edges: Indexes) -> Indexes:
        """The nodes that these edges leave."""
        return np.searchsorted(self.offset, edges, side="right") - 1

    def source(self, edge: int) -> int:
        """The node that an edge leaves."""
        return int(np.searchsorted(self.offset, edge, side="right")) - 1

    def keeping(self, edges: Mask) -> Graph:
        """The same nodes with only these edges."""
        offset = np.zeros(len(self) + 1, np.int64)
        # block by block, so that what is counted stays in the cache
        for at in range(0, len(self), _BLOCK):
            ends = self.offset[at : at + _BLOCK + 1]
            kept = np.zeros(int(ends[-1] - ends[0]) + 1, np.int32)
            np.cumsum(edges[ends[0] : ends[-1]].astype(np.int32), out=kept[1:])
            offset[at + 1 : at + len(ends)] = offset[at] + kept[ends[1:] - ends[0]]
        return Graph(offset, self.target[edges], self.label[edges])

    def part(self, nodes: NDArray[Any], edges: Indexes) -> Graph:
        """The graph of these nodes, numbered anew in this order, and these edges among them (both
        ascending)."""
        number = np.empty(len(self), np.int32)
        number[nodes] = np.arange(len(nodes), dtype=np.int32)
        offset = np.append(np.searchsorted(edges, self.offset[nodes]), len(edges))
        return Graph(offset, number[self.target[edges]], self.label[edges])

    def reached(self, sources: NDArray[Any], until: Mask | None = None) -> tuple[Indexes, Indexes]:
        """What can be reached from these nodes, the nearest first, and by node the edge by which it was
        found: -1 where the search began, -2 where it never came.

        With ``until`` it goes no further than the nearest of those nodes.
        """
        by = np.full(len(self), -2, np.int64)
        by[sources] = -1
        frontier = np.flatnonzero(by == -1)
        order = [frontier]
        while len(frontier) and (until is None or not until[frontier].any()):
            edges = self.leaving(frontier)
            edges = edges[by[self.target[edges]] == -2]
            # the first edge to a node is the one that finds it: it is written last
            by[self.target[edges][::-1]] = edges[::-1]
            frontier = self.target[edges[by[self.target[edges]] == edges]].astype(np.int64)
            order.append(frontier)
        return np.concatenate(order), by

    def way(self, by: Indexes, node: int) -> list[int]:
        """The edges that lead to a node, from ``reached``."""
        edges: list[int] = []
        while (edge := int(by[node])) >= 0:
            edges.append(edge)
            node = self.source(edge)
        return edges[::-1]

"""networkx's algorithms for `arrays.Graph`: the backend that networkx calls where it is given one.

It is found by its entry point; `register` is for an installation that does not know the entry point yet.
What is missing here networkx runs itself, on a copy, when asked with ``backend="networkx"``.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from .arrays import Graph, Nodes

NAME = Graph.__networkx_backend__


def register(name: str, module: str) -> None:
    """Make networkx know a module as the backend of that name."""
    backends: Any = nx.utils.backends  # what is used here has no types
    if name in backends.backends:
        return
    backends.backends[name] = EntryPoint(name, module, "networkx.backends")
    backends.backend_info[name] = {}
    # networkx decides when it is imported, by the entry points of then, whether it looks for backends
    dispatching = backends._dispatchable
    dispatching.__call__ = dispatching._call_if_any_backends_installed


def convert_to_nx(graph: Graph, *, name: str | None = None) -> nx.MultiDiGraph[int]:
    """A copy as networkx holds it; edges carry ``label``."""
    copy: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    copy.add_nodes_from(graph)
    edges = zip(graph.sources().tolist(), graph.target.tolist(), graph.label.tolist(), strict=True)
    copy.add_edges_from((at, to, {"label": label}) for at, to, label in edges)
    return copy


def convert_from_nx(graph: nx.DiGraph[Any], **wanted: Any) -> Graph:
    """A copy in arrays, of a directed graph whose nodes are 0, 1, …

    Raises:
        ValueError: its nodes are others.
    """
    if not graph.is_directed() or set(graph) != set(range(len(graph))):
        raise ValueError("only directed graphs of the nodes 0, 1, … fit into arrays")
    return Graph.of(len(graph), ((at, to, label) for at, to, label in graph.edges(data="label", default=0)))


def _known(graph: Graph, *nodes: object) -> None:
    for node in nodes:
        if node not in graph:
            raise nx.NodeNotFound(f"Node {node} is not in the graph")


def components(graph: Graph) -> tuple[int, NDArray[np.int32]]:
    """How many strongly connected components there are, and by node the number of its own."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    # 32-bit offsets are what scipy works with as long as they reach
    offset: NDArray[Any] = graph.offset.astype(np.int32 if len(graph.target) < 1 << 31 else np.int64)
    ones = np.ones(len(graph.target), np.int8)
    matrix: Any = csr_array((ones, graph.target.copy(), offset), (len(graph), len(graph)))
    matrix.sum_duplicates()  # two edges between the same nodes can make scipy's search go on forever
    many, component = connected_components(matrix, connection="strong")
    return int(many), component


def strongly_connected_components(graph: Graph) -> Iterator[Nodes]:
    """The sets of nodes that lead to each other."""
    many, component = components(graph)
    order = np.argsort(component, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(component, minlength=many)).tolist()
    begin = 0
    for end in ends:
        yield Nodes(order[begin:end])
        begin = end


def number_strongly_connected_components(graph: Graph) -> int:
    """How many of these sets there are."""
    return components(graph)[0]


def is_strongly_connected(graph: Graph) -> bool:
    """Does every node lead to every other?"""
    if not len(graph):
        raise nx.NetworkXPointlessConcept("Connectivity is undefined for the null graph.")
    return components(graph)[0] == 1


def descendants(graph: Graph, source: int) -> Nodes:
    """What can be reached from a node, without itself."""
    _known(graph, source)
    return Nodes(np.sort(graph.reached(np.array([source]))[0][1:]))


def bfs_edges(
    graph: Graph, source: int, reverse: bool = False, depth_limit: None = None, sort_neighbors: None = None
) -> Iterator[tuple[int, int]]:
    """The edges by which a breadth first search finds each node."""
    _known(graph, source)
    order, by = graph.reached(np.array([source]))
    for node in order[1:].tolist():
        yield graph.source(int(by[node])), node


def shortest_path(
    graph: Graph, source: int, target: int, weight: None = None, method: str = "dijkstra"
) -> list[int]:
    """The nodes of a path of the fewest edges."""
    _known(graph, source, target)
    _, by = graph.reached(np.array([source]))
    if by[target] == -2:
        raise nx.NetworkXNoPath(f"No path between {source} and {target}.")
    return [source, *graph.target[graph.way(by, target)].tolist()]


def can_run(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Only without what networkx offers beyond the nodes."""
    if name not in ("bfs_edges", "shortest_path"):
        return True
    nodes = 3 if name == "shortest_path" else 2
    given = (*args, *kwargs.values())
    return None not in given[:nodes] and all(value in (None, False, "dijkstra") for value in given[nodes:])


register(NAME, __name__)

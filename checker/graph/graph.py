"""The state graph as a networkx graph, and whether two graphs show the same behaviour."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping

import networkx as nx

from ...model.language.instance import Configuration
from ..machine.expand import Expander

Label = tuple[Hashable, ...]


def state_graph(configuration: Configuration, first: Iterable[tuple[int, ...]]) -> nx.MultiDiGraph[int]:
    """Every reachable state and every step.

    Nodes are numbered in the order of a breadth first search and carry ``state``; edges carry
    ``label``: transition, server, inputs.  The graph's ``first`` lists the first states.
    """
    expander = Expander(configuration, (), list(first))
    watch = expander.watch()
    seen = {state: number for number, state in enumerate(expander.starts)}
    starts = list(seen.values())
    parent = [-1] * len(seen)
    edges: list[tuple[int, int, int]] = []
    frontier, done = list(seen), 0
    while frontier:
        found: list[bytes] = []
        expander.expand(frontier, seen, parent, found, edges, watch, done)
        done += len(frontier)
        frontier = found
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(first=starts)
    graph.add_nodes_from((index, {"state": state}) for state, index in seen.items())
    labels = [
        (instance.name, instance.number, tuple(sorted(instance.inputs.items())))
        for instance in expander.instances
    ]
    graph.add_edges_from((at, to, {"label": labels[index]}) for at, to, index in edges)
    return graph


#: what an observer sees of a step (label, state before, state after); None: nothing
Sight = Callable[[Label, bytes, bytes], Hashable | None]


class _Observer:
    """Somebody who sees a graph only as ``sight`` shows it."""

    def __init__(self, graph: nx.MultiDiGraph[int], sight: Sight) -> None:
        self._hidden: dict[int, list[int]] = {}
        self._steps: dict[int, list[tuple[Hashable, int]]] = {}
        states: dict[int, bytes] = nx.get_node_attributes(graph, "state")
        for at, to, step in graph.edges(data=True):
            seen = sight(step["label"], states[at], states[to])
            if seen is None:
                self._hidden.setdefault(at, []).append(to)
            else:
                self._steps.setdefault(at, []).append((seen, to))

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        """These states and those that hidden steps lead to."""
        reached = set(states)
        waiting = list(reached)
        while waiting:
            for to in self._hidden.get(waiting.pop(), ()):
                if to not in reached:
                    reached.add(to)
                    waiting.append(to)
        return frozenset(reached)

    def after(self, states: frozenset[int]) -> dict[Hashable, frozenset[int]]:
        """Where each visible step leads."""
        found: dict[Hashable, set[int]] = {}
        for state in states:
            for label, to in self._steps.get(state, ()):
                found.setdefault(label, set()).add(to)
        return {label: self.closure(states) for label, states in found.items()}


def difference(
    left: nx.MultiDiGraph[int], right: nx.MultiDiGraph[int], sight: Sight
) -> list[Hashable] | None:
    """A shortest run, as ``sight`` shows it, that only one of the graphs has; None: they have the same.

    Both graphs are made deterministic on the way (the subset construction), so this is for graphs of
    a few hundred thousand states.
    """
    a, b = _Observer(left, sight), _Observer(right, sight)
    start = (a.closure(left.graph["first"]), b.closure(right.graph["first"]))
    origin: dict[_Pair, tuple[_Pair, Hashable] | None] = {start: None}
    frontier = [start]
    while frontier:
        found = []
        for pair in frontier:
            from_left, from_right = a.after(pair[0]), b.after(pair[1])
            lone = from_left.keys() ^ from_right.keys()
            if lone:
                return [*_way(origin, pair), min(lone, key=str)]
            for label, states in from_left.items():
                reached = (states, from_right[label])
                if reached not in origin:
                    origin[reached] = (pair, label)
                    found.append(reached)
        frontier = found
    return None


_Pair = tuple[frozenset[int], frozenset[int]]


def _way(origin: Mapping[_Pair, tuple[_Pair, Hashable] | None], pair: _Pair) -> list[Hashable]:
    labels = []
    while (step := origin[pair]) is not None:
        pair, label = step
        labels.append(label)
    return labels[::-1]

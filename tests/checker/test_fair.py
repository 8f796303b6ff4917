"""Fair cycles: tiny graphs with known answers, and every edge set of random ones."""

from __future__ import annotations

from itertools import combinations, pairwise

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tsofence.checker.graph.arrays import Graph
from tsofence.checker.liveness.fair import Demand, Lasso, enabled, fair_components, lasso

Edge = tuple[int, int, int]


def demand(graph: Graph, label: int, *, strong: bool = False) -> Demand:
    labels = np.arange(8) == label
    return Demand(labels, next(enabled(graph, [labels])), strong)


def found(
    edges: list[Edge], nodes: int, weak: tuple[int, ...], strong: tuple[int, ...]
) -> set[frozenset[int]]:
    graph = Graph.of(nodes, edges)
    demands = [demand(graph, label) for label in weak] + [
        demand(graph, label, strong=True) for label in strong
    ]
    inside = np.ones(len(edges), bool)
    return {frozenset(part.tolist()) for part, _ in fair_components(graph, inside, demands)}


def test_who_is_able_where_there_are_many_classes() -> None:
    """More than fit into a word."""
    many = 150
    graph = Graph.of(many + 1, [(node, 0, node) for node in range(many)])
    classes = [np.isin(np.arange(many), [label, label + 1]) for label in range(many)]
    for label, able in enumerate(enabled(graph, classes)):
        assert np.flatnonzero(able).tolist() == [node for node in (label, label + 1) if node < many]


def test_weak_fairness_leaves_a_loop_where_the_step_is_always_possible() -> None:
    assert found([(0, 0, 0), (0, 1, 1)], 2, (), ()) == {frozenset({0}), frozenset({1})}
    assert found([(0, 0, 0), (0, 1, 1)], 2, (1,), ()) == {frozenset({1})}


def test_only_strong_fairness_sees_a_step_that_comes_and_goes() -> None:
    edges = [(0, 1, 0), (1, 0, 0), (0, 2, 1), (2, 2, 0)]
    assert found(edges, 3, (1,), ()) == {frozenset({0, 1}), frozenset({2})}
    assert found(edges, 3, (), (1,)) == {frozenset({2})}


def test_what_strong_fairness_forbids_is_taken_out_and_the_rest_is_looked_at_again() -> None:
    # 0-1-2 is one component; 2 could leave by label 1, and without it 0-1 could leave by label 2
    edges = [(0, 1, 0), (1, 0, 0), (1, 2, 0), (2, 0, 0), (2, 3, 1), (3, 3, 0)]
    assert found(edges, 4, (), (1,)) == {frozenset({0, 1}), frozenset({3})}
    assert found([*edges, (1, 3, 2)], 4, (), (1, 2)) == {frozenset({3})}
    # what was met in the large component need not be met in the small one
    assert found([*edges[:3], (2, 0, 2), *edges[4:], (1, 0, 3), (0, 3, 2)], 4, (), (1, 2)) == {frozenset({3})}


def brute(graph: Graph, edges: list[Edge], demands: list[Demand]) -> bool:
    """Is there a strongly connected set of edges that meets every demand?"""
    for many in range(1, len(edges) + 1):
        for chosen in combinations(range(len(edges)), many):
            part: nx.MultiDiGraph[int] = nx.MultiDiGraph([edges[i][:2] for i in chosen])
            if not nx.is_strongly_connected(part):
                continue
            nodes, labels = list(part), [edges[i][2] for i in chosen]
            if all(
                each.labels[labels].any()
                or not (each.able[nodes].any() if each.strong else each.able[nodes].all())
                for each in demands
            ):
                return True
    return False


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Edge], list[int], list[int]]:
    node = st.integers(0, 3)
    edges = draw(st.lists(st.tuples(node, node, st.integers(0, 3)), min_size=1, max_size=8))
    weak, strong = (draw(st.lists(st.integers(0, 3), max_size=3, unique=True)) for _ in range(2))
    return sorted(edges, key=lambda edge: edge[0]), weak, strong


@settings(max_examples=300)
@given(cases(), st.data())
def test_as_every_set_of_edges_says(
    case: tuple[list[Edge], list[int], list[int]], data: st.DataObject
) -> None:
    edges, weak, strong = case
    graph = Graph.of(4, edges)
    demands = [demand(graph, label) for label in weak] + [
        demand(graph, label, strong=True) for label in strong
    ]
    inside = np.array(data.draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges))))
    allowed = [edge for edge, kept in zip(edges, inside.tolist(), strict=True) if kept]
    parts = [part for part, edges in fair_components(graph, inside, demands) if len(edges)]
    assert bool(parts) == brute(graph, allowed, demands)
    everywhere = np.ones(4, bool)
    run = lasso(graph, np.arange(4), everywhere, inside, demands)
    assert (run is not None) == bool(parts or (np.diff(graph.offset) == 0).any())
    if run is not None and run.cycle:
        check(graph, run, inside, demands)


def check(graph: Graph, run: Lasso, inside: np.typing.NDArray[np.bool_], demands: list[Demand]) -> None:
    """Edge follows edge, the cycle closes, and it meets every demand by itself."""
    path = [*run.way, *run.cycle]
    for one, other in pairwise(path):
        assert graph.target[one] == graph.source(other)
    assert graph.target[run.cycle[-1]] == graph.source(run.cycle[0])
    assert inside[list(run.cycle)].all()
    nodes = [graph.source(edge) for edge in run.cycle]
    for each in demands:
        taken = each.labels[graph.label[list(run.cycle)]].any()
        assert taken or not (each.able[nodes].any() if each.strong else each.able[nodes].all())

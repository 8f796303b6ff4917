"""networkx gives the same answers on arrays as on its own graphs, and the arrays hold every step."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.checker.graph import backend
from tsofence.checker.graph.arrays import Graph, Nodes
from tsofence.checker.graph.edges import graph_of
from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.engine import Engine, Plain
from tsofence.checker.search.native import Native
from tsofence.model.language.instance import Configuration
from tsofence.model.language.python import Machine
from tsofence.specs.reference import reference
from tsofence.specs.scenario import load

from .tables import folded


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    many = draw(st.integers(1, 9))
    node = st.integers(0, many - 1)
    return Graph.of(many, draw(st.lists(st.tuples(node, node, st.integers(0, 3)), max_size=25)))


def parts(components: Any) -> set[frozenset[int]]:
    return {frozenset(component) for component in components}


@given(graphs(), st.data())
def test_networkx_gives_the_same_on_arrays(graph: Graph, data: st.DataObject) -> None:
    plain = backend.convert_to_nx(graph)
    found: Any = graph  # networkx is typed for its own graphs only
    assert parts(nx.strongly_connected_components(found)) == parts(nx.strongly_connected_components(plain))
    assert nx.is_strongly_connected(found) == nx.is_strongly_connected(plain)
    many = nx.number_strongly_connected_components(plain)
    assert nx.number_strongly_connected_components(found) == many
    source, target = (data.draw(st.integers(0, len(graph) - 1)) for _ in range(2))
    assert nx.descendants(found, source) == nx.descendants(plain, source)
    assert {to for _, to in nx.bfs_edges(found, source)} == nx.descendants(plain, source)
    assert all(plain.has_edge(*edge) for edge in nx.bfs_edges(found, source))
    if nx.has_path(plain, source, target):
        path = nx.shortest_path(found, source, target)
        assert nx.is_path(plain, path)
        assert len(path) == len(nx.shortest_path(plain, source, target))
        assert (path[0], path[-1]) == (source, target)
    else:
        with pytest.raises(nx.NetworkXNoPath):
            nx.shortest_path(found, source, target)


@given(graphs(), st.data())
def test_edges_can_be_kept_in_part(graph: Graph, data: st.DataObject) -> None:
    many = graph.number_of_edges()
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=many, max_size=many)), bool)
    every = list(zip(graph.sources().tolist(), graph.target.tolist(), graph.label.tolist(), strict=True))
    part = graph.keeping(kept)
    left = list(zip(part.sources().tolist(), part.target.tolist(), part.label.tolist(), strict=True))
    assert left == [edge for edge, keep in zip(every, kept.tolist(), strict=True) if keep]
    assert [graph.source(edge) for edge in range(many)] == graph.sources().tolist()


@given(graphs())
def test_a_copy_is_the_same_graph(graph: Graph) -> None:
    copy = backend.convert_from_nx(backend.convert_to_nx(graph))
    assert sorted(zip(copy.sources(), copy.target, copy.label, strict=True)) == sorted(
        zip(graph.sources(), graph.target, graph.label, strict=True)
    )


def test_what_the_backend_has_not_networkx_does_on_a_copy() -> None:
    found: Any = Graph.of(3, [(0, 1, 0), (1, 2, 0)])
    with pytest.raises(NotImplementedError, match="not implemented by"):
        nx.bfs_edges(found, 2, reverse=True)
    assert list(nx.bfs_edges(found, 2, reverse=True, backend="networkx")) == [(2, 1), (1, 0)]


def test_nodes_are_a_set() -> None:
    nodes: Set[object] = Nodes(np.array([1, 4, 6]))
    assert nodes == {6, 4, 1}
    assert 4 in nodes
    assert 5 not in nodes
    assert "4" not in nodes
    assert nodes & {4, 5} == {4}


@given(graphs(), st.data())
def test_a_part_is_a_graph_of_its_own(graph: Graph, data: st.DataObject) -> None:
    nodes = np.array(sorted(data.draw(st.sets(st.integers(0, len(graph) - 1), min_size=1))))
    sources = graph.sources()
    edges = np.flatnonzero(np.isin(sources, nodes) & np.isin(graph.target, nodes))
    assert graph.leave(edges).tolist() == sources[edges].tolist()
    part = graph.part(nodes, edges)
    assert nodes[part.sources()].tolist() == sources[edges].tolist()
    assert nodes[part.target].tolist() == graph.target[edges].tolist()
    assert part.label.tolist() == graph.label[edges].tolist()


@given(graphs(), st.data())
def test_a_search_for_some_nodes_ends_at_the_nearest(graph: Graph, data: st.DataObject) -> None:
    """What it met before that, and how, is the same."""
    source = data.draw(st.integers(0, len(graph) - 1))
    until = np.array(data.draw(st.lists(st.booleans(), min_size=len(graph), max_size=len(graph))))
    every, by = graph.reached(np.array([source]))
    order, found = graph.reached(np.array([source]), until)
    assert order.tolist() == every[: len(order)].tolist()
    assert found[order].tolist() == by[order].tolist()
    met = every[until[every]]
    assert order[until[order]][:1].tolist() == met[:1].tolist()


def finished(engine: Engine) -> Engine:
    """The search to its end."""
    done = 0
    while done < len(engine):
        upto = len(engine)
        engine.expand(done, upto)
        done = upto
    return engine


def small(name: str, fence: str, **budgets: int) -> tuple[Configuration, list[tuple[int, ...]]]:
    """A scenario in which nothing is observed and less may happen."""
    world = load(name)
    world = replace(world, window=2, budgets={**world.budgets, "pd.term": 1, **budgets})
    made = folded(world, fence)
    made = replace(made, domains={**made.domains, "note": (0,)})
    return made, list(world.first_states(made))


def reference_protocol() -> tuple[Configuration, list[tuple[int, ...]]]:
    made = reference(1, 1, 6, 2, fence=True)
    return made, [made.layout().initial({}, {})]


#: made where they are needed: every process imports this module
WORLDS: dict[str, Callable[[], tuple[Configuration, list[tuple[int, ...]]]]] = {
    "upgrade": partial(small, "rolling-upgrade", "check-tso-primary"),
    "upgrade, hook and cas": partial(small, "rolling-upgrade", "hook+save-cas"),
    "reference": reference_protocol,
}


@pytest.mark.parametrize("name", WORLDS)
def test_every_step_is_an_edge(name: str) -> None:
    """Machine code and plain Python make the same arrays; the plain interpreter takes each step by itself."""
    configuration, first = WORLDS[name]()
    expander = Expander(configuration, (), first)
    plain = Plain(expander)
    native = Native(Plain(expander), 1_000_000)
    one, other = graph_of(finished(plain)), graph_of(finished(native))
    assert one.number_of_edges() == sum(plain.watch.fired) > 1_000
    for mine, theirs in ((one.offset, other.offset), (one.target, other.target), (one.label, other.label)):
        assert np.array_equal(mine, theirs)
    machine = Machine(configuration, choose=True)
    numbers = {state: number for number, state in enumerate(plain.order)}
    for number in range(0, len(one), max(1, len(one) // 300)):
        state = plain.order[number]
        steps = {index for index in range(len(machine.instances)) if not machine.refused(state, index)}
        edges = range(one.offset[number], one.offset[number + 1])
        assert steps == {int(one.label[edge]) for edge in edges}
        assert len(steps) == len(edges)
        for edge in edges:
            assert numbers[bytes(machine.apply(state, int(one.label[edge])))] == one.target[edge]


def test_a_search_that_is_not_finished_has_no_graph() -> None:
    configuration, first = WORLDS["upgrade"]()
    plain = Plain(Expander(configuration, (), first))
    plain.expand(0, 1)
    for engine in (plain, Native(plain, 1000)):
        with pytest.raises(ValueError, match="not finished"):
            graph_of(engine)

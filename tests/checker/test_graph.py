"""The state graph, and what it shows of two ways to write the fence."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import networkx as nx
import pytest

from tsofence.checker.graph.graph import Label, difference, state_graph
from tsofence.checker.search.explore import explore
from tsofence.model.language.instance import Configuration
from tsofence.model.pd import save
from tsofence.specs.scenario import Scenario, load

from .tables import folded

UPGRADE = replace(load("rolling-upgrade"), window=3)
SMALL = replace(UPGRADE, window=2, budgets={**UPGRADE.budgets, "pd.term": 1})
#: as shipped: here the physical part also moves without a save
WIDE = replace(SMALL, window=3)
#: how far below now a folded time still tells its distance
KEPT = 2


def configuration(world: Scenario, fence: str) -> Configuration:
    """Nothing remembered: what a client got is in the labels here."""
    made = folded(world, fence)
    return replace(made, domains={**made.domains, "note": (0,)})


def graph(world: Scenario, fence: str) -> nx.MultiDiGraph[int]:
    made = configuration(world, fence)
    return state_graph(made, world.first_states(made))


@pytest.fixture(scope="module")
def check() -> nx.MultiDiGraph[int]:
    return graph(SMALL, "check-tso-primary")


def outside(label: Label, before: bytes, after: bytes) -> Hashable | None:
    """What etcd, the clients and the operator see: keys, windows, grants, elections, resets; neither
    the reads of a transaction, nor when a save begins or is refused."""
    name, server, _ = label
    hidden = {rule.name for rule in save.RULES} - {"commit"} | {"find_no_primary", "refused_by_fence"}
    if name in hidden | {"sync_load", "sync_begin", "sync_abandon", "update_begin"}:
        return None
    slots = LAYOUT.slots
    if name == "grant":
        physical = before[slots["physical", int(str(server))]]
        return (name, server, max(physical, 128 - KEPT), before[slots["logical", int(str(server))]])
    if name == "commit":
        return (name, server, max(after[slots["timestamp", 0]], 128 - KEPT))
    return (name, server)


LAYOUT = configuration(SMALL, "off").layout()


def test_the_graph_is_the_search() -> None:
    """The search keeps no edges; the graph does, and networkx finds the same levels in it."""
    found = explore(SMALL, "check-tso-primary", (), reductions=())
    made = folded(SMALL, "check-tso-primary")
    whole = state_graph(made, SMALL.first_states(made))
    assert (whole.number_of_nodes(), whole.number_of_edges()) == (found.states, found.transitions)
    assert nx.eccentricity(nx.DiGraph(whole), whole.graph["first"][0]) == found.depth


@pytest.mark.parametrize("world", [SMALL, pytest.param(WIDE, marks=pytest.mark.large)], ids=["small", "wide"])
def test_a_hook_is_the_same_fence(world: Scenario) -> None:
    """Review question 5: the check threaded through as a flag, or as a hook that runs last."""
    check, hook = graph(world, "check-tso-primary"), graph(world, "hook")
    assert check.number_of_nodes() != hook.number_of_nodes()
    assert difference(check, hook, outside) is None


@pytest.mark.parametrize("other", ["off", "first-save-only"])
def test_other_fences_are_not(other: str, check: nx.MultiDiGraph[int]) -> None:
    run = difference(check, graph(SMALL, other), outside)
    assert run is not None
    assert str(run[-1]).startswith("('commit', 1")
    assert ("campaign", 2) in run

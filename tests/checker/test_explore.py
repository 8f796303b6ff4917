"""What exploring decides: each property fails somewhere and is put to the test somewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tsofence.checker.run import breaks, follow
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import Exploration
from tsofence.model.language.instance import REDUCTIONS
from tsofence.model.variants import fences
from tsofence.specs import properties
from tsofence.specs.properties import named
from tsofence.specs.scenario import Scenario, load

from ..amount import ALL

UPGRADE = load("rolling-upgrade")
#: the PD may be elected once: smaller, and enough for many questions
SHORT = replace(UPGRADE, window=3, budgets={**UPGRADE.budgets, "pd.term": 1})
RESTART = replace(load("tso-restart"), budgets={**load("tso-restart").budgets, "pd.term": 1})
FAILOVER = replace(
    load("pd-failover"), window=3, budgets={**load("pd-failover").budgets, "pd.term": 2, "pd.crash": 0}
)
ALL_THREE = "save-cas+window-lease+wait-out"


def verdict(world: Scenario, fence: str, name: str, *dropped: tuple[str, str]) -> tuple[str, int | None]:
    prop = named(name)
    (finding,) = explore(world, fence, [prop], dropped=dropped).findings
    if finding.run is not None:
        assert breaks(finding.run, prop)
        assert len(list(follow(finding.run))) == finding.steps
    assert finding.tested or finding.verdict == "vacuous"
    return finding.verdict, finding.steps


@pytest.mark.parametrize(
    ("name", "world", "fence", "steps", "dropped"),
    [
        # no fence lets the key go back or a grant pass its window: these need a broken PD
        ("key-monotone", UPGRADE, "off", 12, [("load_window", "window grows")]),
        ("window", UPGRADE, "check-tso-primary", 13, [("overflow", "window has room")]),
        ("unique", UPGRADE, "off", 17, []),
        ("unique", load("tso-restart"), "check-tso-primary", 20, []),
        ("real-time", UPGRADE, "off", 14, []),
        ("real-time", UPGRADE, "check-tso-primary", 15, []),
        ("session", load("registry-lag"), "check-tso-primary", 18, []),
        ("single-writer", UPGRADE, "off", 7, []),
        ("single-writer", UPGRADE, "first-save-only", 15, []),
        ("one-live", UPGRADE, "check-tso-primary", 14, []),
    ],
)
def test_violated_in_the_fewest_steps(
    name: str, world: Scenario, fence: str, steps: int, dropped: list[tuple[str, str]]
) -> None:
    assert verdict(world, fence, name, *dropped) == ("violated", steps)


#: tso-restart, as `explore --scenario tso-restart --all-fences` prints it: the steps of what is violated
MATRIX = {
    "off": {"unique": 17, "real-time": 14, "single-writer": 7, "one-live": 13},
    "check-tso-primary": {"unique": 20, "real-time": 15, "one-live": 14},
    "first-save-only": {"unique": 20, "real-time": 15, "single-writer": 14, "one-live": 14},
    "yielded-flag": {"unique": 20, "real-time": 15, "one-live": 14},
    "etcd-transfer": {"unique": 20, "real-time": 15, "one-live": 14},
    "dynamic-8780": {"unique": 17, "real-time": 14, "single-writer": 7, "one-live": 13},
    "hook": {"unique": 20, "real-time": 15, "one-live": 14},
    "save-cas": {"real-time": 14, "single-writer": 7, "one-live": 13},
    "window-lease": {"unique": 17, "real-time": 14, "single-writer": 7, "one-live": 13},
    "wait-out": {"unique": 17, "real-time": 15, "single-writer": 7, "one-live": 14},
    ALL_THREE: {"single-writer": 7, "one-live": 18},
}
#: the others violate nearly the same in as many steps: before a merge half of them here, the others there
EVERY_DAY = ("off", "check-tso-primary", "save-cas", ALL_THREE)


def of_fences(half: int) -> list[object]:
    others = [fence for fence in fences.ALL if fence not in EVERY_DAY]
    chosen = others if ALL else others[half::2]
    return [*EVERY_DAY, *(pytest.param(fence, marks=pytest.mark.large) for fence in chosen)]


@pytest.mark.parametrize("fence", of_fences(0))
def test_the_matrix_of_what_is_violated(fence: str) -> None:
    expected = MATRIX[fence]
    found = explore(load("tso-restart"), fence, [named(name) for name in expected])
    assert {finding.property: finding.steps for finding in found.findings} == expected
    assert found.cut_by == ("every property asked for is violated already",)


@pytest.mark.parametrize(
    ("names", "world", "fence"),
    [
        (("key-monotone", "window", "unique", "session", "single-writer"), SHORT, "check-tso-primary"),
        (("unique",), RESTART, "save-cas"),
        (("real-time",), RESTART, ALL_THREE),
        (("one-live",), FAILOVER, "off"),
    ],
)
def test_holds_with_its_premise_met(names: tuple[str, ...], world: Scenario, fence: str) -> None:
    found = explore(world, fence, [named(name) for name in names]).findings
    assert {finding.property: finding.verdict for finding in found} == dict.fromkeys(names, "holds")
    assert all(finding.tested and finding.run is None for finding in found)


@pytest.mark.parametrize(
    ("name", "world", "fence", "guard"),
    [
        ("single-writer", SHORT, "check-tso-primary", ("commit", "no TSO primary")),
        ("unique", SHORT, "check-tso-primary", ("commit", "no TSO primary")),
        ("unique", RESTART, "save-cas", ("load_window", "timestamp key holds what it should")),
        ("unique", RESTART, "save-cas", ("commit", "timestamp key is as read")),
        ("real-time", RESTART, ALL_THREE, ("grant", "own window has not passed")),
        ("real-time", RESTART, ALL_THREE, ("sync_begin", "loaded window has passed")),
        ("one-live", FAILOVER, "off", ("grant", "serving")),
        # etcd deletes a key before its lease has ended, which the server that holds it does not notice
        ("one-live", FAILOVER, "off", ("lease_runs_out", "lease has ended")),
    ],
)
def test_a_holds_depends_on_its_guards(
    name: str, world: Scenario, fence: str, guard: tuple[str, str]
) -> None:
    assert verdict(world, fence, name, guard)[0] == "violated"


#: by what the search may use: states, transitions, depth
PINNED: dict[tuple[str, ...], tuple[int, int, int]] = {
    (): (71_142, 284_748, 48),
    ("folding",): (36_547, 147_222, 44),
    REDUCTIONS: (14_660, 62_021, 35),
}


@pytest.mark.parametrize("reductions", PINNED)
def test_counts_are_pinned(reductions: tuple[str, ...]) -> None:
    found = explore(SHORT, "check-tso-primary", properties.PROPERTIES, reductions=reductions)
    assert (found.states, found.transitions, found.depth) == PINNED[reductions]
    assert found.complete
    assert "update_in_memory@pd" in found.never_fired
    assert not [name for name in found.never_fired if name.startswith(("grant", "commit", "overflow"))]
    assert any(name.startswith("commit@pd: ") for name in found.never_refused)
    assert found.spent == ("pd.term = 1",)


@pytest.mark.parametrize(("window", "limit"), [(2, 3), (2, 4), (3, 3), (3, 4), (4, 3)])
def test_more_grants_a_unit_of_time_are_finite(window: int, limit: int) -> None:
    """However many timestamps clients ask for, a TSO server alone has finitely many states; what bounds them
    where the window has room for more than one step without a save is said."""
    world = replace(UPGRADE, pd=0, window=window, limit=limit, ahead=2 * window)
    found = explore(world, "off", properties.PROPERTIES)
    assert found.complete
    assert not [finding for finding in found.findings if finding.verdict in ("violated", "unknown")]
    assert (f"clients.ahead = {2 * window}" in found.spent) == (window > 2)


def test_a_day_of_a_pd_is_in_the_default_scenario() -> None:
    daily = {"sync_begin", "update_in_memory", "update_begin", "grant", "overflow", "commit", "conflict"}
    assert (
        not {name.partition("@")[0] for name in explore(UPGRADE, "off", [named("unique")]).never_fired}
        & daily
    )


def test_a_narrow_window_makes_holds_worth_little() -> None:
    """With window 2 there is no physical step without a save, and every violation of unique disappears."""
    world = replace(UPGRADE, window=2, budgets={**UPGRADE.budgets, "pd.term": 1})
    found = explore(world, "off", [named("unique")])
    (finding,) = found.findings
    assert finding.verdict == "holds"
    assert "worth little" in finding.note
    assert "raise window" in finding.note
    assert {"overflow@pd", "overflow@tso"} <= set(found.never_fired)


def test_a_premise_that_is_never_met_is_vacuous() -> None:
    found = explore(FAILOVER, "off", [named("single-writer")])
    assert [finding.verdict for finding in found.findings] == ["vacuous"]


def test_a_cut_search_is_unknown() -> None:
    found = explore(UPGRADE, "check-tso-primary", [named("unique"), named("one-live")], max_states=20_000)
    assert not found.complete
    assert "--max-states" in found.cut_by[0]
    assert {f.property: f.verdict for f in found.findings} == {"unique": "unknown", "one-live": "violated"}


def test_stop_leaves_what_was_found() -> None:
    asked = iter([False] * 6)
    found = explore(UPGRADE, "off", [named("unique")], stop=lambda: next(asked, True))
    assert found.cut_by == ("interrupted",)
    assert found.states > 1


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown fence 'none'"):
        explore(UPGRADE, "none", [named("unique")])
    with pytest.raises(KeyError, match="no guard"):
        explore(UPGRADE, "off", [named("unique")], dropped=[("commit", "luck")])


@pytest.mark.parametrize("faults", [{}, {"pd.stale_failure": 1}])
def test_a_guard_left_out_of_a_step_that_nobody_takes(faults: dict[str, int]) -> None:
    """No step of the scenario has it, or none of the run."""
    world = replace(UPGRADE, budgets={**UPGRADE.budgets, **faults})
    guard = ("stale_failure_clears", "an update of an earlier term is under way")
    assert verdict(world, "off", "single-writer", guard) == ("violated", 7)


@pytest.mark.parametrize("fence", of_fences(1))
def test_what_every_fence_keeps(fence: str) -> None:
    """The key grows and grants stay below the saved window, whatever the fence."""
    world = replace(SHORT, limit=2, counts=(1,))
    found: Exploration = explore(world, fence, [named("key-monotone"), named("window")], max_states=150_000)
    assert not [finding for finding in found.findings if finding.verdict == "violated"]


@pytest.mark.parametrize(("own", "steps", "overflows"), [({"pd.window": 4}, 17, False), ({}, 20, True)])
def test_where_intervals_differ_no_logical_part_has_to_overflow(
    own: dict[str, int], steps: int, overflows: bool
) -> None:
    """A PD's next window reaches past the one that a TSO server saved and left, and begins below it."""
    world = replace(load("intervals-differ"), own=own)
    (finding,) = explore(world, "check-tso-primary", [named("unique")]).findings
    assert (finding.verdict, finding.steps) == ("violated", steps)
    assert finding.run is not None
    assert ("overflow" in {move.transition for move in finding.run.moves}) is overflows

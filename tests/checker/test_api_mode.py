"""PDs in API mode, several TSO servers, and the fences that yield: what each scenario is there to show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tsofence.checker.run import breaks
from tsofence.checker.search.explore import explore
from tsofence.specs.properties import named
from tsofence.specs.scenario import Scenario, ScenarioError, load, parse

MIXED, SWITCH, LAG, PAIR = map(load, ("mixed-upgrade", "dynamic-switch", "registry-lag", "tso-pair"))
#: no client makes a TSO server sync beside its campaign
ALONE = replace(PAIR, budgets={**PAIR.budgets, "tso.client_sync": 0})


def verdict(world: Scenario, fence: str, name: str, *dropped: tuple[str, str]) -> tuple[str, int | None]:
    prop = named(name)
    (finding,) = explore(world, fence, [prop], dropped=dropped).findings
    assert finding.run is None or breaks(finding.run, prop)
    return finding.verdict, finding.steps


@pytest.mark.parametrize(
    ("world", "fence", "name", "steps"),
    [
        # dynamic switching before pull 8780: the registry is empty, the primary key is not
        (SWITCH, "off", "single-writer", 9),
        (SWITCH, "off", "unique", 19),
        (SWITCH, "dynamic-8780", "unique", 23),
        (SWITCH, "dynamic-8780", "real-time", 17),
        (LAG, "check-tso-primary", "unique", 19),
        (LAG, "off", "session", 18),
        (LAG, "dynamic-8780", "real-time", 17),
        # a client's sync that outlives the term in which it began
        (PAIR, "check-tso-primary", "unique", 24),
        pytest.param(PAIR, "off", "session", 25, marks=pytest.mark.large),
        (load("client-sync"), "check-tso-primary", "unique", 20),
        (MIXED, "check-tso-primary", "real-time", 16),
        (MIXED, "off", "session", 20),
    ],
)
def test_violated(world: Scenario, fence: str, name: str, steps: int) -> None:
    assert verdict(world, fence, name) == ("violated", steps)


@pytest.mark.parametrize(
    ("world", "fence", "names"),
    [
        (LAG, "dynamic-8780", ("unique", "single-writer", "session")),
        (LAG, "save-cas", ("unique",)),
        (PAIR, "save-cas", ("unique",)),
        (LAG, "save-cas+window-lease+wait-out", ("real-time",)),
        (ALONE, "off", ("unique", "real-time")),
    ],
)
def test_holds(world: Scenario, fence: str, names: tuple[str, ...]) -> None:
    found = explore(world, fence, [named(name) for name in names]).findings
    assert {finding.property: finding.verdict for finding in found} == dict.fromkeys(names, "holds")


@pytest.mark.parametrize(
    ("world", "fence", "name", "guard"),
    [
        (LAG, "dynamic-8780", "single-writer", ("commit", "no TSO primary")),
        (LAG, "dynamic-8780", "unique", ("commit", "no TSO primary")),
        (ALONE, "off", "single-writer", ("sync_load", "API mode: nobody is registered")),
        (ALONE, "off", "one-live", ("campaign", "election key is absent")),
    ],
)
def test_a_holds_depends_on_its_guards(
    world: Scenario, fence: str, name: str, guard: tuple[str, str]
) -> None:
    assert verdict(world, fence, name, guard)[0] == "violated"


def test_pull_8780_does_nothing_in_service_mode() -> None:
    upgrade = load("rolling-upgrade")
    world = replace(upgrade, window=3, budgets={**upgrade.budgets, "pd.term": 1})
    props = [named("unique"), named("single-writer"), named("key-monotone")]
    off, dynamic = (explore(world, fence, props) for fence in ("off", "dynamic-8780"))
    assert (off.states, off.transitions) == (dynamic.states, dynamic.transitions)
    assert [(f.verdict, f.steps) for f in off.findings] == [(f.verdict, f.steps) for f in dynamic.findings]


def test_a_pd_in_api_mode_without_switching_hands_out_nothing() -> None:
    found = explore(ALONE, "off", [named("single-writer")])
    assert [finding.verdict for finding in found.findings] == ["vacuous"]
    assert {"grant@pd", "commit@pd"} <= set(found.never_fired)


def test_what_a_scenario_may_say() -> None:
    world = parse(
        "[servers]\npd=2\napi=1\ntso=1\n[time]\nwindow=3\n[faults.pd]\nterm='any'", "mine", "mine.toml"
    )
    assert world.modes == (0, 1, 0)
    assert "pd.term" not in world.budgets
    with pytest.raises(ScenarioError, match=r"mine\.toml: servers\.api: expected at most servers\.pd"):
        parse("[servers]\npd=1\napi=2\ntso=1\n[time]\nwindow=3", "mine", "mine.toml")
    with pytest.raises(ScenarioError, match=r"faults\.tso\.crash: expected .*'many'"):
        parse("[servers]\npd=1\ntso=1\n[time]\nwindow=3\n[faults.tso]\ncrash='many'", "mine", "mine.toml")

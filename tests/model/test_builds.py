"""Builds and behaviours: what they change, what they exclude, and what is found of each."""

from __future__ import annotations

from itertools import product

import pytest

from tsofence.checker.proof.prove import prove
from tsofence.checker.run import breaks
from tsofence.checker.search.explore import explore
from tsofence.model.behaviours import known as behaviours
from tsofence.model.builds import known as builds
from tsofence.model.language.python import Machine
from tsofence.model.pd import system
from tsofence.model.pd.state import STAGE
from tsofence.model.variants import fences
from tsofence.specs.properties import named
from tsofence.specs.scenario import load

from ..proofs import look_for_nothing_else


def steps(name: str) -> dict[str, set[str]]:
    """The guards of each transition."""
    return {each.name: set(each.step.guard) for each in system.transitions(fences.whole(name))}


#: the builds that look for a TSO primary in a save, and the fences that do
CHECKS = {"pull-8780", "pull-8780-on-master"}
CHECKING = {
    "check-tso-primary",
    "first-save-only",
    "hook",
    "yielded-flag",
    "etcd-transfer",
    "dynamic-8780",
}


@pytest.mark.parametrize(("build", "fence"), [*product(builds.SHIPPED, fences.ALL)])
def test_a_fence_fits_on_a_build_or_is_refused(build: str, fence: str) -> None:
    name = fences.of_build(build, fence)
    assert fences.parted(name) == (build, fence)
    if build in CHECKS and fence in CHECKING:
        with pytest.raises(ValueError, match=rf"{build} and {fence} exclude each other"):
            fences.whole(name)
    elif build == "release-6.5" and set(fence.split("+")) - {"off", "window-lease", "wait-out"}:
        # its saves read nothing that such a fence could look at
        with pytest.raises(ValueError, match=r"there are|exclude each other"):
            system.transitions(fences.whole(name))
    else:
        assert steps(name)


def test_the_default_build_is_the_model_itself() -> None:
    assert fences.parse("pull-10473-base+off").name == fences.parse("pull-10473-base").name
    assert steps("pull-10473-base") == steps("off") == steps("nextgen-8.5.4")


def test_two_builds_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"unknown fence 'release-7\.5'"):
        fences.parse("release-8.5+release-7.5")


def test_what_a_save_compares() -> None:
    assert "election key is mine" in steps("off")["commit"]
    for build in ("release-7.5", "release-8.5"):
        assert "election key is mine" not in steps(build)["commit"]
        assert "timestamp key is as read" in steps(build)["commit"]
    assert "timestamp key is as read" not in steps("release-6.5")["commit"]
    assert "election key is mine" in steps("release-6.5")["commit"]


def test_a_build_lacks_what_was_mended() -> None:
    late = {"find_own_election_key", "delete_election_key"}
    assert late <= steps("off").keys()
    assert late <= steps("release-8.5").keys()
    for mended in ("master-2026-08", "pull-8780"):
        assert late.isdisjoint(steps(mended))


def test_what_no_fault_leads_to_is_left_out() -> None:
    made = load("rolling-upgrade").configuration(fences.parse("off"))
    assert {each.name for each in made.transitions} == {rule.name for rule in system.RULES}
    failing = load("pd-failover").configuration(fences.parse("off"))
    more = {each.name for each in failing.transitions} - {rule.name for rule in system.RULES}
    assert more == {"find_own_election_key", "delete_election_key", "raft_passes_over"}
    assert set(behaviours.BY_FAULT) >= {"client_sync", "stale_delete", "keepalive"}


@pytest.mark.parametrize(
    ("build", "steps"), [("release-6.5", 10), ("release-8.5", 15), ("off", 17), ("master-2026-08", 17)]
)
def test_a_restart_of_the_tso_server_breaks_uniqueness_in_every_build(build: str, steps: int) -> None:
    (found,) = explore(load("tso-restart"), build, [named("unique")]).findings
    assert (found.verdict, found.steps) == ("violated", steps)
    assert found.run is not None
    assert breaks(found.run, named("unique"))


@pytest.mark.parametrize(
    ("build", "verdict"),
    [
        ("release-6.5", "violated"),
        ("release-8.5", "proved"),
        ("pull-8780", "proved"),
        ("master-2026-08", "proved"),
    ],
)
def test_the_key_grows_where_a_save_reads_it(build: str, verdict: str) -> None:
    found = prove(fences.whole(build), named("key-monotone"))
    assert found.verdict == verdict


def test_one_leader_at_a_time_takes_no_assumption_where_the_delete_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look_for_nothing_else(monkeypatch)
    found = prove(fences.whole("off"), named("one-live"), assume=["no-tso-servers"])
    assert found.verdict != "proved"
    assert "no-stale-deletes" in found.note
    assert (
        prove(fences.whole("master-2026-08"), named("one-live"), assume=["no-tso-servers"]).verdict
        == "proved"
    )


@pytest.mark.large
@pytest.mark.parametrize(
    ("build", "one_live", "real_time"),
    [("off", 23, 24), ("release-8.5", 21, 22), ("master-2026-08", None, None)],
)
def test_a_stale_delete_leaves_two_leaders(build: str, one_live: int | None, real_time: int | None) -> None:
    asked = [named("one-live"), named("real-time")]
    found = explore(load("pd-failover"), build, asked).findings
    assert [each.steps for each in found] == [one_live, real_time]
    assert {each.verdict for each in found} == {"holds" if one_live is None else "violated"}


def test_nothing_is_granted_while_a_clients_sync_runs() -> None:
    machine = Machine(load("client-sync").configuration(fences.parse("off")))
    tso = len(load("client-sync").server_names)
    label = "no client's sync holds the group's lock"
    idle = machine.layout.initial({}, {})
    syncing = machine.layout.initial({("client_stage", tso): STAGE.members.index("loaded")}, {})
    grant = machine.find("grant", tso)
    asked = {"count": 1, "note": 0, "pick": 1}
    assert label not in machine.refused(idle, grant, asked)
    assert label in machine.refused(syncing, grant, asked)


def test_a_process_syncs_for_a_client_once() -> None:
    machine = Machine(load("client-sync").configuration(fences.parse("off")))
    tso = len(load("client-sync").server_names)
    label = "no client's sync has succeeded in this process"
    served = machine.layout.initial({("requested", tso): 1}, {})
    assert label in machine.refused(served, machine.find("client_load", tso), {})
    assert label not in machine.refused(machine.layout.initial({}, {}), machine.find("client_load", tso), {})

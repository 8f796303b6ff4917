"""Behaviours of clients, discovery and elections: what each makes possible that was not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tsofence.checker.liveness.liveness import States, decide
from tsofence.checker.run import Move, Run, RunError, breaks, follow
from tsofence.checker.search.explore import explore
from tsofence.model.builds import known as builds
from tsofence.model.language.expr import FALSE, TRUE
from tsofence.model.language.transition import Kind
from tsofence.model.language.variant import Variant, VariantError
from tsofence.model.pd import system
from tsofence.model.variants import fences
from tsofence.specs import liveness
from tsofence.specs.properties import named
from tsofence.specs.scenario import Scenario, load, parse

#: a PD in service mode, which is the raft leader at first, one in API mode, and a TSO primary that stays
STAYS = """
[servers]
pd = 2
api = 1
tso = 1
[time]
window = 2
[faults.pd]
term = "any"
[faults.tso]
term = 1
"""
CONSTANTS = {
    "window": 3, "guard": 1, "unit": 1, "lease": 3, "limit": 4, "margin": 1, "skew_bound": 0,
    "max_reset": 2, "ahead": 6, "dynamic": 0, "registry": 1,
}  # fmt: skip
GRANT = {"count": 1, "note": 0, "pick": 1}
NOTED = {"count": 1, "note": 1, "pick": 1}


def run(steps: str, *, api: tuple[int, ...], fence: str = "off", dynamic: int = 0) -> Run:
    """A run of two PDs and a TSO server: ``commit3 notes3 grant1`` takes these steps of these servers;
    ``notes`` is a grant that the observer remembers, ``wait2`` two units of time.  ``api``: the PDs in
    API mode."""
    moves = []
    for step in steps.split():
        name, server = step[:-1], int(step[-1])
        if name == "wait":
            moves.append(Move("tick", 0, {"by": server}))
            continue
        given = NOTED if name == "notes" else GRANT if name == "grant" else {}
        moves.append(Move("grant" if name == "notes" else name, server, given))
    return Run(
        "made by hand",
        fence,
        (Kind.PD, Kind.PD, Kind.TSO),
        ("pd1", "pd2", "tso1"),
        {**CONSTANTS, "dynamic": dynamic},
        {("now", 0): 1000, **{("api", n): 1 for n in api}},
        tuple(moves),
    )


def without(made: Run, name: str) -> Run:
    return replace(made, moves=tuple(move for move in made.moves if move.transition != name))


def save(server: int, *, fenced: bool = False) -> str:
    alone = f"find_no_primary{server} " if fenced and server < 3 else ""
    return f"sync_begin{server} find_own_key{server} {alone}load_window{server} commit{server}"


SERVES = f"register3 campaign3 sync_load3 {save(3)}"


# --- clients -------------------------------------------------------------------------------------------

#: a PD in service mode serves from memory, and another PD, in API mode, asks the TSO primary
PROXIED = f"campaign1 clients_ask_all1 sync_load1 {save(1, fenced=True)} {SERVES} notes3 grant1"


def test_a_follower_in_api_mode_does_not_look_at_the_leader() -> None:
    made = run(PROXIED, api=(2,), fence="check-tso-primary")
    assert breaks(made, named("session"))
    assert not breaks(without(made, "clients_ask_all"), named("session"))
    # one in service mode does, and with dynamic switching one that never led
    assert not breaks(replace(made, first={("now", 0): 1000}), named("session"))
    assert not breaks(replace(made, constants={**made.constants, "dynamic": 1}), named("session"))


@pytest.mark.large
def test_followers_in_an_upgrade() -> None:
    world = load("mixed-upgrade")
    asked = replace(world, budgets={**world.budgets, "pd.follower_proxy": 1})
    assert found(world, "check-tso-primary", "session") == ("holds", None)
    assert found(asked, "check-tso-primary", "session") == ("violated", 20)


#: clients learn from a PD in API mode to ask TSO servers, and go on when one in service mode leads
LATE = (
    "raft_moves2 campaign2 clients_learn_mode2 raft_moves1 resign_as_raft_follower2 revoke2 campaign1 "
    f"sync_load1 {save(1, fenced=True)} {SERVES} notes3 clients_learn_mode1 grant1"
)


def test_a_client_that_is_late_to_learn_goes_on_with_tso_servers() -> None:
    made = run(LATE, api=(2,), fence="check-tso-primary")
    assert breaks(made, named("session"))
    # with a client that knows at once, nobody asks the TSO primary
    assert not breaks(without(made, "clients_learn_mode"), named("session"))
    # and with one that never learns again, nobody asks the PD
    last = max(n for n, move in enumerate(made.moves) if move.transition == "clients_learn_mode")
    assert not breaks(replace(made, moves=made.moves[:last] + made.moves[last + 1 :]), named("session"))


@pytest.mark.large
def test_late_clients_where_the_raft_leader_moves() -> None:
    """From the PD in service mode to the one in API mode and back, before there is a TSO primary."""
    world = parse(STAYS, "stays", "stays.toml")
    world = replace(world, window=3, budgets={**world.budgets, "pd.term": 2, "pd.raft_move": 2})
    late = replace(world, budgets={**world.budgets, "pd.client_mode": 1})
    assert found(world, "check-tso-primary", "session") == ("holds", None)
    assert found(late, "check-tso-primary", "session") == ("violated", 23)


def test_a_client_that_knows_the_mode_needs_no_pd_leader() -> None:
    served = f"raft_moves2 campaign2 clients_learn_mode2 {SERVES} notes3 stop2 revoke2 grant3"
    learned = run(served, api=(2,))
    for made, asked in ((learned, True), (without(learned, "clients_learn_mode"), False)):
        machine = made.machine()
        library = machine.find("grant", 3)
        (*_, last) = follow(made, machine)
        said = named("session").tested_by(machine.instances[library].transition)
        assert said is not None
        assert bool(machine.value(last.before, said, 3, GRANT)) is asked


# --- discovery -----------------------------------------------------------------------------------------

#: a PD in API mode that has found a TSO server registered, which serves
FOUND = f"{SERVES} notes3 campaign1"


def test_a_registry_that_cannot_be_read_counts_as_empty() -> None:
    made = run(f"{FOUND} poll_fails1 sync_load1 {save(1)} grant1", api=(1, 2), dynamic=1)
    assert breaks(made, named("one-live"))
    # where it can be read, the TSO server is found there
    moves = (replace(m, transition=m.transition.replace("fails", "registry")) for m in made.moves)
    read = replace(made, moves=tuple(moves))
    with pytest.raises(RunError, match="sync_load is refused: API mode: nobody is registered"):
        breaks(read, named("one-live"))


#: nobody starts before a TSO server serves, so that nothing overlaps as it arrives
CAME_FIRST = """
from tsofence.model.language.expr import both, either, exists
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s

fence = Variant("came-first", "no PD leads before a TSO server serves")
serves = exists(lambda m: both(s.is_tso[m], s.promoted[m]))
fence.guard("campaign", "a TSO server serves", either(s.is_tso[SELF], serves))
"""


@pytest.mark.parametrize(
    ("often", "said"),
    [(0, ("holds", "holds", "holds")), (1, (("violated", 25), ("violated", 18), ("violated", 15)))],
)
def test_beside_a_tso_primary_a_pd_starts_only_where_it_cannot_read(
    often: int, said: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / "came_first.py").write_text(CAME_FIRST)
    fence = fences.take(str(tmp_path / "came_first.py"))
    world = load("registry-lag")
    world = replace(world, budgets={**world.budgets, "tso.lapse": 0, "pd.discovery": often})
    findings = explore(world, fence, [named(each) for each in ("unique", "session", "one-live")]).findings
    assert tuple((f.verdict, f.steps) if f.steps else f.verdict for f in findings) == said


def test_who_keeps_things_as_they_are_where_the_registry_cannot_be_read() -> None:
    def fails(name: str) -> bool:
        return "poll_fails" in {each.name for each in system.transitions(fences.whole(name))}

    assert all(map(fails, ("off", "check-tso-primary", "release-8.5", "nextgen-8.5.4", "master-2026-08")))
    assert not any(map(fails, ("dynamic-8780", "master-2026-08+dynamic-8780", "release-7.5", "release-6.5")))


# --- elections -----------------------------------------------------------------------------------------

#: a PD that is refused resigns, and campaigns again
AGAIN = (("campaign", "has not yielded to a TSO primary"),)


@cache
def states(fence: str, fault: str, often: int, dropped: tuple[tuple[str, str], ...] = ()) -> States:
    world = parse(STAYS, "stays", "stays.toml")
    world = replace(world, budgets={**world.budgets, f"pd.{fault}": often})
    return States(world, fence, dropped=dropped, max_states=100_000, memory=1 << 30)


def decided(made: States, name: str) -> tuple[str, tuple[int, int | None] | None]:
    lasso = (said := decide(made, liveness.named(name))).run
    return said.verdict, None if lasso is None else (len(lasso.moves), lasso.cycle_from)


def test_who_is_elected_too_often_lets_another_pd_lead() -> None:
    lasting = states("yielded-flag", "frequent_elections", 0, AGAIN)
    ended = states("yielded-flag", "frequent_elections", 1, AGAIN)
    for name in ("takeover", "no-livelock", "availability"):
        assert decided(lasting, name) == ("violated", (21, 8))
        assert decided(ended, name) == ("holds", None)


def test_that_rests_on_handing_over_at_last() -> None:
    ended = states("yielded-flag", "frequent_elections", 1, AGAIN)
    prop = liveness.named("takeover")
    weak = {**prop.fairness, "raft_passed_on": liveness.Fairness.WEAK}
    assert decide(ended, replace(prop, fairness=weak)).verdict == "violated"


@pytest.mark.large
def test_a_priority_undoes_what_was_handed_over() -> None:
    free = states("etcd-transfer", "priority", 0)
    tied = states("etcd-transfer", "priority", 1)
    assert decided(free, "takeover") == decided(tied, "takeover") == ("holds", None)
    for name in ("no-livelock", "availability"):
        assert decided(free, name) == ("holds", None)
        assert decided(tied, name) == ("violated", (27, 8))


def test_a_priority_takes_the_raft_leadership_from_whoever_leads() -> None:
    made = run("campaign1 given_priority2 raft_goes_by_priority2 resign_as_raft_follower1", api=(2,))
    assert len(list(follow(made))) == 4
    with pytest.raises(RunError, match="raft_goes_by_priority is refused: has the highest priority"):
        list(follow(without(made, "given_priority")))


# --- what a name means ---------------------------------------------------------------------------------


def found(world: Scenario, fence: str, name: str) -> tuple[str, int | None]:
    (finding,) = explore(world, fence, [named(name)]).findings
    assert finding.run is None or breaks(finding.run, named(name))
    return finding.verdict, finding.steps


def test_a_name_may_mean_this_or_that() -> None:
    one, other = Variant("one", ""), Variant("other", "")
    one.define("serving", lambda before, n: FALSE)
    other.either("serving", lambda n: TRUE)
    for joined in (one.joined(other), other.joined(one)):
        (grant,) = (each for each in system.transitions(joined) if each.name == "grant")
        serving = grant.step.guard["serving"].args[0]
        assert (serving.op, serving.args) == ("or", (FALSE, TRUE))


def test_wider_and_narrower_exclude_each_other() -> None:
    one, other = Variant("one", ""), Variant("other", "")
    one.also("serving", lambda n: FALSE)
    other.either("serving", lambda n: TRUE)
    with pytest.raises(
        VariantError, match=r"test_behaviours\.py:\d+: definition 'serving' is made wider here"
    ):
        system.transitions(one.joined(other))


# --- an update beside a TSO server's own sync ------------------------------------------------------------

#: a TSO server syncs for a client, a PD saves, and when that is used up the TSO server wins its election
SYNCED = (
    "register3 client_load3 client_begin3 client_load_window3 client_commit3 "
    "campaign1 sync_load1 sync_begin1 load_window1 commit1 wait8 campaign3 sync_load3"
)
BESIDE = f"{SYNCED} sync_begin3 load_window3 wait1 early_begin3"


def after(steps: str, fence: str = "release-8.5") -> dict[str, int]:
    """What the TSO server then has, and the key."""
    made = run(steps, api=(2,), fence=fence)
    *_, last = follow(made)
    layout = made.machine().layout
    told = {name: layout.read(last.after, name, 3) for name in ("initialised", "physical", "saved", "tries")}
    return {**told, "timestamp": layout.read(last.after, "timestamp")}


def test_an_update_saves_beside_the_sync_of_its_campaign() -> None:
    first = {"initialised": 1, "physical": 1008, "saved": 1011, "tries": 0, "timestamp": 1011}
    assert after(f"{BESIDE} commit3") == first
    then = {"initialised": 1, "physical": 1009, "saved": 1012, "tries": 0, "timestamp": 1012}
    assert after(f"{BESIDE} commit3 grant3 client_load_window3 client_commit3 grant3") == then


@pytest.mark.parametrize("fence", ["off", "master-2026-08", "nextgen-8.5.4"])
def test_from_8_6_on_an_update_waits_until_it_is_promoted(fence: str) -> None:
    assert "early_begin" not in {each.name for each in system.transitions(fences.whole(fence))}


@pytest.mark.parametrize("build", ["release-7.5", "release-8.5"])
def test_up_to_8_5_it_does_not(build: str) -> None:
    assert "early_begin" in {each.name for each in system.transitions(fences.whole(build))}


def test_an_update_beside_a_sync_needs_what_a_client_has_set() -> None:
    for steps, label in [
        (SYNCED.replace("wait8", "wait1"), "window is used up"),
        (f"{BESIDE}", "no other update in flight"),
        (f"{SYNCED} sync_begin3 load_window3 commit3", "not promoted yet"),
        ("register3 campaign3 sync_load3", "a client's sync has succeeded in this process"),
    ]:
        with pytest.raises(RunError, match=label):
            after(f"{steps} early_begin3")
    with pytest.raises(RunError, match="no update from before it was promoted is under way"):
        after(f"{BESIDE} commit3 wait5 update_begin3")


def test_an_update_beside_a_sync_does_not_set_a_memory_that_was_cleared() -> None:
    gone = f"{BESIDE} keepalive_stops3 wait3 step_down3 client_load_window3 client_commit3"
    assert after(gone) == {"initialised": 0, "physical": 0, "saved": 0, "tries": 0, "timestamp": 1012}


def test_an_update_beside_a_sync_counts_its_tries() -> None:
    refused = f"{SYNCED} early_begin3 sync_begin3 load_window3 commit3 client_refused_not_greater3"
    assert after(refused)["tries"] == 1
    assert after(f"{refused} wait2 update_begin3 load_window3 commit3")["tries"] == 0


FAILED = "campaign1 sync_load1 sync_begin1 load_window1 commit1 wait3 " + 3 * "update_begin1 request_lost1 "


def saved_at_last(steps: str) -> tuple[int, int]:
    """Whether the PD's memory is set then, and the key."""
    made = run(steps, api=(), fence="release-8.5")
    *_, last = follow(made)
    layout = made.machine().layout
    return layout.read(last.after, "initialised", 1), layout.read(last.after, "timestamp")


def test_a_pd_whose_updates_failed_syncs_once_more() -> None:
    """After its election key is gone, too; what it saves it does not grant from."""
    late = "late_sync_load1 sync_begin1 load_window1 commit1"
    assert saved_at_last(f"{FAILED} reset1")[1] < saved_at_last(f"{FAILED} reset1 revoke1 {late}")[1]
    assert saved_at_last(f"{FAILED} reset1 {late} revoke1")[0] == 0
    for steps in (FAILED, f"{FAILED} reset1 revoke1 {late}", f"{FAILED} reset1 revoke1 campaign1"):
        with pytest.raises(RunError, match="resigns, and has not noticed"):
            saved_at_last(f"{steps} late_sync_load1")


def test_only_in_8_5_such_a_sync_saves() -> None:
    there = {
        build
        for build in builds.SHIPPED
        if any(
            each.name == "late_sync_load"
            for each in system.transitions(fences.whole(fences.of_build(build, "off")))
        )
    }
    assert there == {"release-8.5"}

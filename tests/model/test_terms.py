"""What outlives a term (a delete, an update, a save), and what ends one: what each makes possible, and which
builds lack it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tsofence.checker.liveness.liveness import States, decide
from tsofence.checker.proof.prove import prove
from tsofence.checker.run import Move, Run, RunError, breaks, follow
from tsofence.checker.search.explore import explore
from tsofence.model.builds import known as builds
from tsofence.model.language.expr import NOBODY, TRUE, Expr
from tsofence.model.language.transition import SELF, Kind, Transition
from tsofence.model.pd import state as s
from tsofence.model.pd import system
from tsofence.model.variants import fences
from tsofence.specs import liveness
from tsofence.specs.properties import Property, named
from tsofence.specs.scenario import load

HISTORY = Path(__file__).parents[2] / "specs" / "history"
CONSTANTS = {
    "window": 3, "guard": 1, "unit": 1, "lease": 3, "limit": 4, "margin": 1, "skew_bound": 0,
    "max_reset": 2, "ahead": 6, "dynamic": 0, "registry": 0,
}  # fmt: skip
INPUTS = {"tick": {"by": 2}, "grant": {"count": 1, "note": 0, "pick": 1}}


def run(steps: str, build: str = "pull-10473-base", fence: str = "off") -> Run:
    """A run of two PDs and a TSO server: ``commit3 grant1`` takes these steps of these servers, and ``tick0``
    lets two units pass."""
    moves = ((step[:-1], int(step[-1])) for step in steps.split())
    return Run(
        "made by hand",
        fences.of_build(build, fence),
        (Kind.PD, Kind.PD, Kind.TSO),
        ("pd1", "pd2", "tso1"),
        CONSTANTS,
        {("now", 0): 1000},
        tuple(Move(name, server, INPUTS.get(name, {})) for name, server in moves),
    )


def saves(server: int) -> str:
    return f"find_own_key{server} load_window{server} commit{server}"


def syncs(server: int) -> str:
    return f"sync_load{server} sync_begin{server} {saves(server)}"


@cache
def steps_of(build: str) -> set[str]:
    return {each.name for each in system.transitions(fences.whole(build))}


def lacking(name: str) -> set[str]:
    """The builds whose servers never do that."""
    return {build for build in builds.SHIPPED if name not in steps_of(build)}


# --- a delete --------------------------------------------------------------------------------------------

#: a PD that was killed finds its own key, which then runs out; its delete takes the successor's
DELETED = (
    "campaign1 crash1 restart1 raft_elects2 find_own_election_key1 tick0 tick0 lease_runs_out1 campaign2 "
    f"{syncs(2)} delete_election_key1 raft_moves1 campaign1 {syncs(1)} grant1"
)


@pytest.mark.parametrize("build", ["pull-10473-base", "release-8.5", "release-7.5"])
def test_a_late_delete_leaves_two_of_a_kind(build: str) -> None:
    steps = DELETED
    if build != "pull-10473-base":  # their saves do not look at the key
        steps = " ".join(step for step in steps.split() if not step.startswith("find_own_key"))
    assert breaks(run(steps, build), named("two-of-a-kind"))
    assert breaks(run(steps, build), named("one-live"))


def test_a_delete_at_once_takes_its_own_key_only() -> None:
    steps = DELETED.replace("find_own_election_key1", "drop_own_key1").replace(
        "tick0 tick0 lease_runs_out1", ""
    )
    with pytest.raises(RunError, match="delete_election_key"):
        breaks(run(steps, "master-2026-08"), named("two-of-a-kind"))
    steps = steps.replace("delete_election_key1", "")
    with pytest.raises(RunError, match="campaign is refused: election key is absent"):
        breaks(run(steps, "master-2026-08"), named("two-of-a-kind"))


def test_a_pd_and_a_tso_server_are_not_of_a_kind() -> None:
    made = run(f"campaign1 {syncs(1)} campaign3 {syncs(3)} grant1")
    assert breaks(made, named("one-live"))
    assert not breaks(made, named("two-of-a-kind"))


def test_where_two_of_a_kind_is_proved() -> None:
    """Without the stale delete, with no assumption; elsewhere it is what the proof takes for granted."""
    two = named("two-of-a-kind")
    proof = prove(fences.whole("master-2026-08"), two)
    assert (proof.verdict, proof.assumptions) == ("proved", ())
    assert prove(fences.whole("off"), two, assume=["no-stale-deletes"]).verdict == "proved"


@pytest.mark.large
def test_where_two_of_a_kind_is_violated() -> None:
    """No proof without the assumption: a run from a first state."""
    two = named("two-of-a-kind")
    proof = prove(fences.whole("off"), two)
    assert proof.verdict == "violated"
    assert proof.counterexample is not None
    assert breaks(proof.counterexample, two)
    world = load(str(HISTORY / "10635.toml"))
    (found,) = explore(world, "off", [two]).findings
    assert found.verdict == "violated"
    (found,) = explore(world, "master-2026-08", [two]).findings
    assert found.verdict == "holds"


# --- an update -------------------------------------------------------------------------------------------

#: a TSO primary loses its lease while it saves for an update, and is elected again before that has failed
OUTLIVED = (
    f"campaign3 {syncs(3)} keepalive_stops3 tick0 update_begin3 tick0 step_down3 revoke3 "
    f"refused_not_leader3 campaign3 {syncs(3)}"
)


def _answers(transition: Transition) -> Expr | None:
    return TRUE if transition.name == "grant" else None


ANSWERS = Property("answers", "nobody answers", _answers, _answers)


def refused(made: Run, name: str, server: int) -> str:
    """Why the last state refuses that step."""
    again = replace(made, moves=(*made.moves, Move(name, server, INPUTS.get(name, {}))))
    with pytest.raises(RunError) as error:
        list(follow(again, again.machine()))
    return str(error.value)


def test_a_failure_of_an_earlier_term_leaves_a_primary_without_memory() -> None:
    assert breaks(run(f"{OUTLIVED} grant3"), ANSWERS)
    cleared = run(f"{OUTLIVED} stale_failure_clears3")
    assert "memory is set" in refused(cleared, "grant", 3)
    # and it is the primary for good: it keeps its lease, and does not sync again
    assert "not promoted yet" in refused(cleared, "sync_load", 3)
    assert "memory is set" in refused(cleared, "update_begin", 3)


def test_a_failure_that_comes_later_resigns() -> None:
    made = run(f"{OUTLIVED} grant3 stale_failure_resigns3")
    (*_, last) = follow(made, made.machine())
    assert made.machine().value(last.after, s.role[SELF] == s.ROLE.resigning, 3)
    # one that has handed something out was promoted before: it resigns
    assert "has done nothing since" in refused(run(f"{OUTLIVED} grant3"), "stale_failure_clears", 3)


def test_an_update_that_ended_does_no_harm() -> None:
    assert "of an earlier term" in refused(run(f"{OUTLIVED} old_update_ends3"), "stale_failure_clears", 3)


def test_which_builds_an_old_update_harms() -> None:
    mended = {"master-2026-08", "pull-8780-on-master"}
    assert lacking("stale_failure_resigns") == mended
    # up to 8.5 whoever has a lease resigns, promoted or not
    before = {"release-6.5", "release-7.5", "release-8.3", "release-8.5"}
    assert lacking("stale_failure_clears") == mended | before


@pytest.mark.large
@pytest.mark.parametrize(("build", "verdict"), [("off", "violated"), ("master-2026-08", "holds")])
def test_ready_where_an_update_outlives_its_term(build: str, verdict: str) -> None:
    made = States(load(str(HISTORY / "11086.toml")), build, max_states=400_000, memory=1 << 30)
    assert decide(made, liveness.named("ready")).verdict == verdict


# --- a save ----------------------------------------------------------------------------------------------

#: a PD resigns while it saves for an update
RESIGNED = f"campaign1 {syncs(1)} keepalive_stops1 tick0 update_begin1 tick0 step_down1 revoke1"


def _nobodys(transition: Transition) -> Expr | None:
    return s.leader == NOBODY if "timestamp" in transition.step.effect else None


NOBODYS = Property("nobodys", "no save lands while nobody leads", _nobodys, _nobodys)


def test_a_save_goes_on_as_nobodys() -> None:
    made = run(f"{RESIGNED} find_nobody1 load_window1 commit1")
    assert breaks(made, NOBODYS)
    assert "election key is mine" in refused(run(RESIGNED), "find_own_key", 1)


def test_a_save_of_nobody_needs_that_nobody_leads() -> None:
    """etcd compares the key once more: it has to be absent still."""
    made = run(f"{RESIGNED} find_nobody1 load_window1 raft_moves2 campaign2")
    assert "election key is mine" in refused(made, "commit", 1)
    assert "election key is absent" in refused(run(f"{RESIGNED} raft_moves2 campaign2"), "find_nobody", 1)


def test_which_builds_read_their_value_twice() -> None:
    """Those before compare no leader, or what they compare with is read once."""
    assert lacking("find_nobody") == {"release-6.5", "release-7.5", "release-8.3", "release-8.5"}


# --- a sync that fails -----------------------------------------------------------------------------------

#: builds by whether a PD whose sync fails resigns; else it syncs again
RESIGNS = dict.fromkeys(builds.SHIPPED, False) | dict.fromkeys(
    ("release-6.5", "release-7.5", "release-8.3"), True
)
#: a TSO primary saves beside a PD's sync; its saves do not look at the key
_SAVES_BESIDE = "tick0 campaign3 sync_load3 sync_begin3 load_window3 commit3"
#: by which ways a PD's sync fails, and builds of which they are
FAILED = [
    *((build, "campaign1 sync_load1 sync_begin1 request_lost1") for build in RESIGNS),
    ("release-6.5", "campaign1 sync_load1 sync_begin1 commit_answer_lost1"),
    (
        "release-6.5",
        "campaign1 sync_load1 sync_begin1 keepalive_stops1 tick0 tick0 lease_runs_out1 conflict1",
    ),
    *(
        (build, f"campaign1 sync_load1 sync_begin1 {fails}")
        for build in ("release-7.5", "release-8.3", "release-8.5")
        for fails in (
            "load_window1 commit_answer_lost1",
            f"load_window1 {_SAVES_BESIDE} conflict1",
            f"{_SAVES_BESIDE} refused_not_greater1",
        )
    ),
]


@pytest.mark.parametrize(("build", "steps"), FAILED)
def test_a_pd_whose_sync_fails_resigns_or_syncs_again(build: str, steps: str) -> None:
    made = run(steps, build)
    machine = made.machine()
    (*_, last) = follow(made, machine)
    assert machine.value(last.after, s.role[SELF] == s.ROLE.resigning, 1) == RESIGNS[build]
    if RESIGNS[build]:
        assert "leader" in refused(made, "sync_load", 1)
    else:
        (*_, last) = follow(run(f"{steps} sync_load1", build), machine)
        assert machine.value(last.after, s.job[SELF] == s.JOB.sync, 1)


@pytest.mark.parametrize(
    ("fence", "steps"),
    [
        ("check-tso-primary", "campaign3 campaign1 sync_load1 sync_begin1 refused_by_fence1"),
        ("hook", "campaign3 campaign1 sync_load1 sync_begin1 load_window1 refused_by_fence1"),
        ("save-cas", f"campaign1 sync_load1 sync_begin1 {_SAVES_BESIDE} refused_by_cas1"),
    ],
)
@pytest.mark.parametrize("build", ["release-7.5", "release-8.5"])
def test_so_does_one_that_a_fence_refuses(build: str, fence: str, steps: str) -> None:
    made = run(steps, build, fence)
    (*_, last) = follow(made, made.machine())
    assert made.machine().value(last.after, s.role[SELF] == s.ROLE.resigning, 1) == RESIGNS[build]


@pytest.mark.parametrize("build", ["release-6.5", "release-7.5"])
def test_it_is_elected_again_and_serves(build: str) -> None:
    saves = "commit1" if build == "release-6.5" else "load_window1 commit1"
    again = f"revoke1 campaign1 sync_load1 sync_begin1 {saves}"
    assert breaks(run(f"campaign1 sync_load1 sync_begin1 request_lost1 {again} grant1", build), ANSWERS)


@pytest.mark.parametrize("build", ["release-6.5", "release-7.5"])
def test_an_update_that_fails_ends_no_term(build: str) -> None:
    saves = "commit1" if build == "release-6.5" else "load_window1 commit1"
    made = run(f"campaign1 sync_load1 sync_begin1 {saves} tick0 update_begin1 request_lost1", build)
    (*_, last) = follow(made, made.machine())
    assert made.machine().value(last.after, s.able_to_grant(SELF), 1)

"""Pull 8780 as its head is: the steps of its hand-over, and what is found of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsofence.checker.liveness.liveness import States, decide
from tsofence.checker.proof.prove import prove
from tsofence.checker.run import breaks, follow
from tsofence.checker.search.explore import explore
from tsofence.model.builds.pull_8780 import HANDOVER
from tsofence.model.language.layout import State
from tsofence.model.language.python import Machine
from tsofence.model.pd.state import JOB, LEASE_STATE, POLLED, REGISTRATION, ROLE, STAGE
from tsofence.model.variants import fences
from tsofence.specs import lemmas, liveness
from tsofence.specs.properties import named
from tsofence.specs.scenario import load
from tsofence.traces.runs import files

from ..proofs import look_for_nothing_else

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "tests" / "findings-8780"
FALL_BACK = load(str(ROOT / "docs" / "fall-back.toml"))
RESTART = load(str(ROOT / "docs" / "api-restart.toml"))
#: the servers of RESTART
PD, TSO = 1, 2

MACHINE = Machine(FALL_BACK.configuration(fences.parse("pull-8780")))
ALONE = Machine(RESTART.configuration(fences.parse("pull-8780")))


def leading(**of_pd: int) -> dict[tuple[str, int], int]:
    """A PD in API mode that leads, and what else holds of it."""
    role, kept = ROLE.members.index("leader"), LEASE_STATE.members.index("kept")
    own = {"api": 1, "role": role, "lease": kept, **of_pd}
    return {("leader", 0): PD, ("raft_leader", 0): PD, **{(name, PD): value for name, value in own.items()}}


def serving(**of_tso: int) -> dict[tuple[str, int], int]:
    """A TSO primary that is able to grant, and is registered."""
    role, kept = ROLE.members.index("leader"), LEASE_STATE.members.index("kept")
    memory = {"initialised": 1, "promoted": 1, "role": role, "lease": kept}
    own = {**memory, "registration": REGISTRATION.members.index("listed"), **of_tso}
    return {("primary", 0): TSO, **{(name, TSO): value for name, value in own.items()}}


def state(*given: dict[tuple[str, int], int]) -> State:
    """A state of RESTART."""
    whole = {key: value for each in given for key, value in each.items()}
    return ALONE.layout.initial(whole, RESTART.budgets)


def after(before: State, *steps: str) -> State:
    """The state after steps of the PD, each of which must be possible."""
    for name in steps:
        index = ALONE.find(name, PD)
        assert not ALONE.refused(before, index, {}), name
        before = ALONE.apply(before, index, {})
    return before


def of_pd(where: State, name: str) -> int:
    return ALONE.layout.read(where, name, PD)


MEMORY = {"initialised": 1, "promoted": 1}
HANDS_OVER = ("poll_registry", "probe_tso_primary", "look_for_ready_primary")
LOCKED = HANDOVER.members.index("locked")


@pytest.mark.parametrize(
    ("tso", "expected", "reaches"),
    [
        (serving(), TSO, "locked"),
        # it is primary, but has not said so: it may not have synced
        (serving(), 0, "none"),
        (serving(initialised=0, promoted=0), TSO, "none"),
    ],
)
def test_a_pd_hands_over_only_to_a_primary_that_is_ready(
    tso: dict[tuple[str, int], int], expected: int, reaches: str
) -> None:
    begun = after(state(leading(**MEMORY), tso, {("expected", 0): expected}), *HANDS_OVER[:2])
    if of_pd(begun, "handover"):
        begun = after(begun, HANDS_OVER[2])
    assert HANDOVER.members[of_pd(begun, "handover")] == reaches
    stops = ALONE.find("stop_allocator", PD)
    assert bool(ALONE.refused(begun, stops, {})) is (reaches == "none")
    if reaches == "none":
        # and looks again
        assert POLLED.members[of_pd(begun, "polled")] == "nothing"


def test_whoever_has_handed_over_sends_requests_on() -> None:
    ready = state(leading(**MEMORY), serving(), {("expected", 0): TSO})
    grant, label = ALONE.find("grant", PD), "TSO is provided here"
    asked = {"count": 1, "note": 0, "pick": 1}
    assert label not in ALONE.refused(ready, grant, asked)
    # the lock is held before the memory is cleared
    assert label in ALONE.refused(after(ready, *HANDS_OVER), grant, asked)
    handed_over = after(ready, *HANDS_OVER, "stop_allocator")
    assert label in ALONE.refused(handed_over, grant, asked)
    assert (of_pd(handed_over, "independent"), of_pd(handed_over, "initialised")) == (1, 0)
    # from then on a TSO server that is registered changes nothing
    assert POLLED.members[of_pd(after(handed_over, "poll_registry"), "polled")] == "nothing"


@pytest.mark.parametrize(("job", "kept"), [("update", False), ("sync", True), ("admin", True)])
def test_only_an_update_that_is_refused_clears_the_memory(job: str, kept: bool) -> None:
    """An admin's reset gets an error, and a sync tries again."""
    saving = {"job": JOB.members.index(job), "stage": STAGE.members.index("mine")}
    refused = after(state(leading(**MEMORY, **saving), serving()), "refused_by_fence")
    assert bool(of_pd(refused, "initialised")) is kept
    assert ROLE.members[of_pd(refused, "role")] == "leader"
    assert of_pd(refused, "tries") == 0 or job != "update"


@pytest.mark.parametrize("there", [True, False])
def test_after_a_conflict_it_looks_once_more(there: bool) -> None:
    saving = {"job": JOB.members.index("update"), "stage": STAGE.members.index("read"), "seen": 0}
    conflicting = state(leading(**MEMORY, **saving), {("timestamp", 0): 1}, serving() if there else {})
    failed = after(conflicting, "conflict", "conflict_with_primary" if there else "conflict_without_primary")
    assert bool(of_pd(failed, "initialised")) is not there
    assert of_pd(failed, "tries") == (0 if there else 1)
    assert JOB.members[of_pd(failed, "job")] == "none"


def test_a_requests_sync_does_not_wait_for_the_end_of_the_term() -> None:
    """Its memory is that of the next term, which does not sync."""
    follower = {"api": 1, "job": JOB.members.index("sync"), "stage": STAGE.members.index("read")}
    campaign, label = MACHINE.find("campaign", PD), "the sync of its last term has ended"
    for fallback in (0, 1):
        given = {(name, PD): value for name, value in {**follower, "fallback": fallback}.items()}
        where = MACHINE.layout.initial(given, FALL_BACK.budgets)
        assert (label in MACHINE.refused(where, campaign, {})) is not bool(fallback)


@pytest.mark.parametrize(
    ("scenario", "prop", "steps"),
    [
        ("api-restart", "unique", 22),
        ("api-restart", "real-time", 17),
        ("api-client-sync", "unique", 22),
        ("fall-back", "session", 39),
    ],
)
def test_the_runs_that_were_found(scenario: str, prop: str, steps: int) -> None:
    run = files.load(FOUND / f"{scenario}.{prop}.json")
    assert run.fence == "pull-8780"
    assert len(list(follow(run))) == len(run.moves) == steps
    assert breaks(run, named(prop))


def test_a_pd_in_service_mode_is_not_fenced() -> None:
    (found,) = explore(load("rolling-upgrade"), "pull-8780", [named("single-writer")]).findings
    assert (found.verdict, found.steps) == ("violated", 7)


def test_a_pd_in_api_mode_is() -> None:
    found = prove(fences.whole("pull-8780"), named("single-writer"), assume=["api-mode-only"])
    assert found.verdict == "proved"


STAYS = ("first-primary-stays", "api-mode-only", "no-client-syncs", "no-fallbacks")
ALONE_IN_ORDER = ("no-tso-servers", "no-fallbacks")


@pytest.mark.parametrize(
    ("build", "prop", "assume"),
    [
        ("pull-8780", "single-writer", ("api-mode-only",)),
        ("pull-8780", "unique", STAYS),
        ("pull-8780", "real-time", ALONE_IN_ORDER),
        ("pull-8780-on-master", "session", STAYS),
        ("pull-8780+save-cas", "unique", ()),
        # only where a request makes a PD sync
        ("master-2026-08", "real-time", ("no-tso-servers",)),
    ],
)
def test_what_a_proof_takes(build: str, prop: str, assume: tuple[str, ...]) -> None:
    assert set(lemmas.enough(fences.whole(build), prop)) == set(assume)


def test_on_master_too_one_pd_alone_writes() -> None:
    """What is proved of pull-8780 itself are commands of a page, which tests/test_docs.py runs."""
    found = prove(fences.whole("pull-8780-on-master"), named("single-writer"), assume=["api-mode-only"])
    assert found.verdict == "proved"


def test_without_an_assumption_there_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    look_for_nothing_else(monkeypatch)
    found = prove(fences.whole("pull-8780"), named("real-time"), assume=["no-tso-servers"])
    assert found.verdict != "proved"
    assert "no-fallbacks" in found.note


@pytest.mark.large
def test_a_tso_primary_that_comes_and_goes() -> None:
    asked = ["unique", "real-time", "session", "single-writer", "one-live"]
    found = explore(RESTART, "pull-8780", [named(name) for name in asked]).findings
    assert [each.steps for each in found] == [22, 17, None, None, 16]
    assert {each.verdict for each in found if each.steps is None} == {"holds"}


@pytest.mark.large
@pytest.mark.parametrize(
    ("build", "verdict", "steps"), [("pull-8780", "holds", None), ("pull-8780-on-master", "violated", 18)]
)
def test_clients_of_a_pd_that_never_hands_over(build: str, verdict: str, steps: int | None) -> None:
    searched = States(load("registry-lag"), build, max_states=600_000, memory=1 << 32)
    found = decide(searched, liveness.named("availability"))
    assert found.verdict == verdict
    assert (found.run and len(found.run.moves)) == steps

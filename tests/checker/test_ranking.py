"""Liveness for any number of servers: what is proved by a rank, and what each proof fails without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tsofence.checker.liveness.liveness import States, decide
from tsofence.checker.proof.known import starving
from tsofence.checker.proof.lasting import FEW
from tsofence.checker.proof.prove import prove
from tsofence.checker.proof.ranking import ANY_STATE, FAIR, HELPS, KEEPS, POSSIBLE, SOMETHING, STAYS, Ranking
from tsofence.checker.run import repeats
from tsofence.model.language.expr import FALSE, TRUE
from tsofence.model.language.python import Machine
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state
from tsofence.model.variants import fences
from tsofence.specs import ranks
from tsofence.specs.assumptions import assumption
from tsofence.specs.candidates import is_said_in
from tsofence.specs.lemmas import FIRST
from tsofence.specs.liveness import Fairness, Liveness, named, named_steps
from tsofence.specs.scenario import load, names

MASTER = "master-2026-08"
READY = named("ready")
#: a lemma of its rank
MEMORY = "promoted with memory"


#: fences under which a rank says more: a sync waits for its clock; a save of an earlier term may be refused
WAITS, CAS = f"{MASTER}+wait-out", "release-8.5+save-cas"
#: whoever is refused for a TSO primary resigns, by the fence or by the build; it looks before it reads the
#: timestamp key, or when it has
YIELDS, HOOK = f"{MASTER}+yielded-flag", "release-7.5+hook"


def rank_of(fence: str = MASTER) -> ranks.Rank:
    found = ranks.rank(fences.whole(fence), "ready")
    assert found is not None
    return found


def failing(
    ranking: Ranking, *steps: str, states: bool = False, lemmas: bool = False
) -> Iterator[tuple[str, str]]:
    """The obligations that fail, of these steps, and of states."""
    decided = list(ranking.decide_states()) if states else []
    for transition in ranking.transitions:
        if transition.name in steps:
            decided += ranking.decide_rank(transition)
            if lemmas:
                decided += ranking.safety.decide_step(transition, ranking.lemmas)
    return (
        (each.obligation.transition, each.obligation.lemma)
        for each in decided
        if each.obligation.result == "failed"
    )


def changed(**effects: object) -> Variant:
    """Master, whose commits do something else."""
    variant = Variant("changed", "a commit that does something else", source="a test")
    variant.effect("commit", effects)  # type: ignore[arg-type]  # expressions, by variable
    return fences.whole(MASTER).joined(variant)


@pytest.mark.parametrize(
    ("fence", "constraints", "faults"),
    [
        (MASTER, ["0 < unit"], "crash, stop, lost, client_sync"),
        # up to 8.5 a client's sync is in nobody's way, and a lease that ends early takes nothing
        ("release-8.5", [], "crash, stop, lost"),
        ("release-6.5", [], "crash, stop, lost"),
        (WAITS, ["0 < unit"], "crash, stop, lost, client_sync, jump"),
        (CAS, ["0 < unit", "unit ≤ guard", "2·guard ≤ window"], "crash, stop, lost"),
        ("pull-8780-on-master", ["0 < unit"], "crash, stop, lost, client_sync"),
        # who looks for a TSO primary sees whether there is one when elections have ended
        (YIELDS, ["0 < unit"], "crash, stop, lost, client_sync, term"),
        (f"{MASTER}+etcd-transfer", ["0 < unit"], "crash, stop, lost, client_sync, term"),
        (HOOK, [], "crash, stop, lost, term"),
        ("release-7.5+check-tso-primary", [], "crash, stop, lost, term"),
        ("release-7.5+first-save-only", [], "crash, stop, lost, term"),
    ],
)
@pytest.mark.large
def test_ready_is_proved(fence: str, constraints: list[str], faults: str) -> None:
    found = prove(fences.whole(fence), READY)
    assert found.verdict == "proved"
    assert {each.result for each in found.obligations} == {"proved"}
    shown = {each.lemma for each in found.obligations}
    assert shown >= {KEEPS, STAYS, HELPS, SOMETHING, POSSIBLE, FAIR, *(each.name for each in found.lemmas)}
    assert [each.formula for each in found.constraints] == constraints
    assert found.rests_on[0] == "there is a PD"
    assert found.rests_on[-1] == f"each of these faults ends at last: {faults}"


@pytest.mark.parametrize("fence", [MASTER, "release-8.5", CAS])
def test_a_search_begins_where_the_proof_does(fence: str) -> None:
    more = rank_of(fence).first[len(FIRST) :]
    tried: set[int] = set()
    for world in map(load, names()):
        if world.pd:
            configuration = world.configuration(fences.parse(fence))
            machine = Machine(configuration)
            said = [at for at, fact in enumerate(more) if is_said_in(configuration.vocabulary, fact)]
            tried.update(said)
            for state in world.first_states(configuration):
                assert all(machine.value(state, more[at]) for at in said)
    assert tried == {*range(len(more))}


@pytest.mark.parametrize("step", ["commit", "sync_begin", "raft_elects"])
def test_a_step_that_nobody_has_to_take_helps_nobody(step: str) -> None:
    unfair: Liveness = replace(
        READY, fairness={name: how for name, how in READY.fairness.items() if name != step}
    )
    assert (step, FAIR) in failing(Ranking(fences.whole(MASTER), unfair, rank_of()), states=True)


def test_up_to_85_whoever_is_hit_by_a_stale_failure_resigns() -> None:
    clears = Variant("clears", "it clears the memory, and nobody resigns", source="a test")
    clears.effect("stale_failure_resigns", {"role": state.role[SELF], "promoted": TRUE})
    whole = fences.whole("release-8.5")
    for system, wrong in ((whole, set()), (whole.joined(clears), {("stale_failure_resigns", MEMORY)})):
        ranking = Ranking(system, READY, rank_of("release-8.5"))
        assert {*failing(ranking, "stale_failure_resigns", lemmas=True)} == wrong


def test_no_rank_is_tried_where_a_stale_failure_may_clear() -> None:
    assert ranks.rank(fences.whole("pull-10473-base"), "ready") is None


def test_a_step_that_is_refused_helps_nobody() -> None:
    variant = Variant("refused", "no sync begins", source="a test")
    variant.guard("sync_begin", "never", FALSE)
    ranking = Ranking(fences.whole(MASTER).joined(variant), READY, rank_of())
    assert ("sync_begin", POSSIBLE) in failing(ranking, states=True)


def test_a_save_that_does_not_promote_leads_nowhere() -> None:
    ranking = Ranking(changed(promoted=FALSE), READY, rank_of())
    assert {("commit", KEEPS), ("commit", HELPS)} <= {*failing(ranking, "commit")}


def test_a_save_that_makes_no_memory_leads_nowhere() -> None:
    ranking = Ranking(changed(initialised=FALSE), READY, rank_of())
    found = {*failing(ranking, "commit", lemmas=True)}
    assert ("commit", MEMORY) in found


def test_a_lease_that_ends_early_takes_the_key_away() -> None:
    dropped = [("lease_runs_out", "lease is running out"), ("lease_runs_out", "lease has ended")]
    ranking = Ranking(fences.whole(MASTER), READY, rank_of(), dropped=dropped)
    assert ("lease_runs_out", "serving means elected") in failing(ranking, "lease_runs_out", lemmas=True)


@pytest.mark.parametrize(
    ("fault", "step"),
    [("crash", "crash"), ("stop", "stop"), ("lost", "request_lost"), ("client_sync", "client_load")],
)
def test_each_fault_has_to_end(fault: str, step: str) -> None:
    fewer = replace(rank_of(), faults=tuple(each for each in rank_of().faults if each != fault))
    assert (step, KEEPS) in failing(Ranking(fences.whole(MASTER), READY, fewer), step)


@pytest.mark.parametrize("helpful", range(len(rank_of().helpful)))
@pytest.mark.large
def test_each_helpful_step_is_needed(helpful: int) -> None:
    kept = tuple(each for at, each in enumerate(rank_of().helpful) if at != helpful)
    fewer = replace(rank_of(), helpful=kept)
    assert (ANY_STATE, SOMETHING) in failing(Ranking(fences.whole(MASTER), READY, fewer), states=True)


def test_a_failure_that_is_stale_leaves_a_primary_without_memory() -> None:
    found = prove(fences.whole("pull-10473-base"), READY)
    assert found.verdict == "violated"
    assert found.counterexample is not None
    assert repeats(found.counterexample)
    assert "stale_failure_clears" in {move.transition for move in found.counterexample.moves}


def test_a_search_agrees_with_the_proof_and_its_lemmas() -> None:
    world = next(ranks.worlds("ready"))
    states = States(world, MASTER, properties=[READY], max_states=FEW, memory=1 << 30, wait=False)
    assert decide(states, READY).verdict == "holds"
    for lemma in rank_of().lemmas:
        assert states.where(lemma.claim).all() == (lemma.name != "there is a PD"), lemma.name


@pytest.mark.parametrize(
    ("part", "step", "wrong"),
    [
        (0, "revoke", KEEPS),
        (1, "raft_elects", HELPS),
        (2, "delete_expected_primary", HELPS),
        (3, "client_begin", HELPS),
        (4, "sync_begin", HELPS),
    ],
)
def test_each_part_of_the_rank_is_needed(part: int, step: str, wrong: str) -> None:
    kept = tuple(each for at, each in enumerate(rank_of().parts) if at != part)
    fewer = replace(rank_of(), parts=kept)
    assert (step, wrong) in failing(Ranking(fences.whole(MASTER), READY, fewer), step)


def test_a_set_that_one_leaves_and_another_joins_has_not_become_less() -> None:
    (*_, last) = rank_of().parts
    moves = ranks.Servers("whoever leads the raft group", state.raft_leader == SELF)
    ranking = Ranking(fences.whole(MASTER), READY, replace(rank_of(), parts=(moves, last)))
    assert {*failing(ranking, "raft_moves")} >= {("raft_moves", KEEPS)}


def test_a_sync_that_waits_begins_since_time_passes() -> None:
    whole, rank = fences.whole(WAITS), rank_of(WAITS)
    idle = replace(rank, helpful=tuple(each for each in rank.helpful if each.transition != "tick"))
    assert (ANY_STATE, SOMETHING) in failing(Ranking(whole, READY, idle), states=True)
    uncounted = replace(rank, parts=rank.parts[:-1])
    assert ("tick", HELPS) in failing(Ranking(whole, READY, uncounted), "tick")
    jumping = replace(rank, faults=tuple(each for each in rank.faults if each != "jump"))
    assert ("clock_jump", KEEPS) in failing(Ranking(whole, READY, jumping), "clock_jump")
    for chosen in ({}, {state.BY.name: state.NO_TIME}):  # nothing is said of how far time goes, or too little
        other = replace(rank, helpful=tuple(replace(each, chosen=chosen) for each in rank.helpful))
        assert ("tick", POSSIBLE) in failing(Ranking(whole, READY, other), states=True)


def test_what_a_clients_sync_saves_lets_an_older_update_through_once() -> None:
    whole, rank = fences.whole(CAS), rank_of(CAS)
    (at,) = (at for at, part in enumerate(rank.parts) if part.meaning == "a client's sync has not succeeded")
    uncounted = replace(rank, parts=(*rank.parts[:at], *rank.parts[at + 1 :]))
    assert ("client_commit", KEEPS) in failing(Ranking(whole, READY, uncounted), "client_commit")
    for name, step in (
        ("early updates are refused", "client_commit"),
        ("memory within window", "early_begin"),
    ):
        fewer = replace(rank, lemmas=tuple(each for each in rank.lemmas if each.name != name))
        assert len(fewer.lemmas) < len(rank.lemmas)
        assert {*failing(Ranking(whole, READY, fewer), step, lemmas=True)}, name


def test_only_a_pd_that_looks_for_a_tso_primary_is_where_no_other_save_is() -> None:
    whole, rank = fences.whole("pull-8780-on-master"), rank_of("pull-8780-on-master")
    steps = ("find_no_primary", "conflict")
    assert not {*failing(Ranking(whole, READY, rank), *steps, lemmas=True)}
    elsewhere = next(each for each in rank_of().lemmas if each.name == "stages of saves")
    of_all = [elsewhere if each.name == elsewhere.name else each for each in rank.lemmas]
    wrong = failing(Ranking(whole, READY, replace(rank, lemmas=(*of_all,))), *steps, lemmas=True)
    assert {*wrong} == {(step, elsewhere.name) for step in steps}


@pytest.mark.parametrize("fence", [YIELDS, HOOK])
def test_what_a_look_for_a_tso_primary_finds_counts(fence: str) -> None:
    whole, rank = fences.whole(fence), rank_of(fence)
    steps = ("campaign", "revoke", "find_no_primary", "refused_by_fence", "load_window", "conflict")
    assert not {*failing(Ranking(whole, READY, rank), *steps, states=True, lemmas=True)}
    (at,) = (at for at, part in enumerate(rank.parts) if part.meaning == "the key of a TSO primary is there")
    uncounted = replace(rank, parts=(*rank.parts[:at], *rank.parts[at + 1 :]))
    assert {*failing(Ranking(whole, READY, uncounted), "revoke")} >= {("revoke", STAYS)}
    elected = replace(rank, faults=tuple(each for each in rank.faults if each != "term"))
    assert ("campaign", KEEPS) in failing(Ranking(whole, READY, elected), "campaign")
    for step in ("find_no_primary", "refused_by_fence"):
        fewer = replace(rank, helpful=tuple(each for each in rank.helpful if each.transition != step))
        assert (ANY_STATE, SOMETHING) in failing(Ranking(whole, READY, fewer), states=True)


def test_whoever_stays_when_it_is_refused_is_never_ready() -> None:
    """Without the resignation the rank fails, where it did not."""
    stays = Variant("stays", "a PD that is refused stays", source="a test")
    stays.effect("refused_by_fence", {"role": state.role[SELF]})
    ranking = Ranking(fences.whole(HOOK).joined(stays), READY, rank_of(HOOK))
    assert ("refused_by_fence", KEEPS) in failing(ranking, "refused_by_fence")


def test_a_pd_that_is_refused_each_time_is_never_ready() -> None:
    whole = f"{MASTER}+check-tso-primary"
    found = prove(fences.whole(whole), READY)
    assert (found.verdict, found.counterexample) == ("violated", starving(whole, READY))
    assert found.counterexample is not None
    assert repeats(found.counterexample)
    assert "refused_by_fence" in {move.transition for move in found.counterexample.moves}


def test_a_refusal_is_excused_only_where_a_save_has_come_between() -> None:
    cas, check = f"{MASTER}+save-cas", f"{MASTER}+check-tso-primary"
    unexcused = replace(READY, reached_by=named_steps())
    refused = Ranking(fences.whole(cas), unexcused, rank_of(cas))
    assert ("refused_by_cas", KEEPS) in failing(refused, "refused_by_cas")
    # as long as another server leads, however often it tries
    forever = Ranking(fences.whole(check), READY, rank_of(check))
    assert ("refused_by_fence", KEEPS) in failing(forever, "refused_by_fence")


def test_a_run_that_is_kept_counts_only_where_it_shows_something() -> None:
    whole = f"{MASTER}+check-tso-primary"
    assert starving(MASTER, READY) is None
    assert starving(f"{MASTER}+window-lease", READY) is None
    assert starving(whole, replace(READY, during=FALSE)) is None
    assert starving(whole, named("takeover")) is None
    assert starving(whole, READY, nodes=1) is None
    assert starving(whole, READY, assumptions=[assumption("no-tso-servers")]) is None
    # whoever has to be fair to one step more takes it at last
    strong = replace(READY, fairness={**READY.fairness, "crash": Fairness.WEAK})
    assert starving(whole, strong) is None

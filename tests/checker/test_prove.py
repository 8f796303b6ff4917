"""What proving decides: which fences are proved, on which guards that rests, and what shows a failure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cache
from itertools import product

import pytest
import z3

from tsofence.checker.proof.attempt import Proof
from tsofence.checker.proof.induct import FIRST_STATE, PROPERTY, Induction
from tsofence.checker.proof.prove import prove
from tsofence.checker.proof.witness import confirm, in_figures, step_of
from tsofence.checker.run import breaks, follow
from tsofence.checker.search.explore import explore
from tsofence.model.language.expr import FALSE
from tsofence.model.language.transition import Kind, Step
from tsofence.model.pd import system
from tsofence.model.variants import fences
from tsofence.specs import assumptions, lemmas
from tsofence.specs.properties import NAMES, named
from tsofence.specs.scenario import load

from ..amount import ALL, some, spread

ALL_THREE = "save-cas+window-lease+wait-out"
SERVICE = ("service-mode-only",)
API = ("api-mode-only",)
STAYS = ("first-primary-stays", "service-mode-only", "no-client-syncs", "no-stale-deletes")
API_STAYS = ("first-primary-stays", "api-mode-only", "no-client-syncs", "no-stale-deletes")
KNOWN = ("clients-know-the-mode",)
PD_ONLY = ("no-tso-servers", "no-stale-deletes")
#: what is proved beyond what holds under every fence
PROVED = [
    ("check-tso-primary", "single-writer", SERVICE),
    ("hook", "single-writer", SERVICE),
    ("dynamic-8780", "single-writer", API),
    ("save-cas", "unique", ()),
    (ALL_THREE, "unique", ()),
    (ALL_THREE, "real-time", ()),
    ("check-tso-primary", "unique", STAYS),
    ("hook", "unique", STAYS),
    ("yielded-flag", "unique", STAYS),
    ("etcd-transfer", "unique", STAYS),
    ("dynamic-8780", "unique", API_STAYS),
    ("check-tso-primary", "session", STAYS + KNOWN),
    ("dynamic-8780", "session", API_STAYS + KNOWN),
    ("off", "real-time", PD_ONLY),
    ("off", "one-live", PD_ONLY),
    ("master-2026-08", "one-live", ("no-tso-servers",)),
    ("master-2026-08", "real-time", ("no-tso-servers",)),
    ("release-8.5+save-cas", "unique", ()),
]
#: whose guards take long to leave out one by one
MANY_GUARDS = [
    case for case in PROVED if case[0] == ALL_THREE or case[1] == "unique" or case[:2] == ("off", "real-time")
]


def excluded(fence: str, assume: tuple[str, ...]) -> set[str]:
    """The transitions that the assumptions leave no room for."""
    found = set()
    for transition in system.transitions(fences.whole(fence)):
        rule = transition.rule
        if "no-tso-servers" in assume and rule.kind is Kind.TSO:
            found.add(rule.name)
        if "no-client-syncs" in assume and "client_sync" in (rule.budget, rule.needs):
            found.add(rule.name)
        if "no-stale-deletes" in assume and "stale_delete" in (rule.budget, rule.needs):
            found.add(rule.name)
    if "service-mode-only" in assume:
        found |= {"restart_in_other_mode", "poll_registry", "poll_fails", "stop_allocator"}
    if "api-mode-only" in assume:
        found.add("restart_in_other_mode")
    if "clients-know-the-mode" in assume:
        found.add("clients_learn_mode")
    return found


def induction(
    fence: str, name: str, assume: tuple[str, ...] = (), dropped: tuple[tuple[str, str], ...] = ()
) -> Induction:
    assumed = [assumptions.assumption(each) for each in assume]
    return Induction(fences.whole(fence), named(name), assumed, dropped=dropped)


@cache
def proof(fence: str, name: str, assume: tuple[str, ...] = ()) -> Proof:
    return prove(fences.whole(fence), named(name), assume=assume)


DAILY = ("off", "check-tso-primary", ALL_THREE)


@pytest.mark.parametrize(
    ("fence", "name"),
    [
        *product(DAILY, ("key-monotone", "window")),
        *(
            pytest.param(*each, marks=pytest.mark.large)
            for each in spread(
                [fence for fence in fences.ALL if fence not in DAILY], ("key-monotone", "window"), 2
            )
        ),
    ],
)
def test_holds_under_every_fence(fence: str, name: str) -> None:
    found = proof(fence, name)
    assert (found.verdict, found.counterexample, found.never_fires) == ("proved", None, ())
    assert found.constraints == lemmas.where(fences.whole(fence), name)


@pytest.mark.parametrize(("fence", "name", "assume"), PROVED)
def test_is_proved(fence: str, name: str, assume: tuple[str, ...]) -> None:
    found = proof(fence, name, assume)
    assert (found.verdict, found.nodes, found.assumptions) == ("proved", None, assume)
    assert set(found.never_fires) == excluded(fence, assume)
    assert found.constraints == lemmas.where(fences.whole(fence), name)
    assert {obligation.result for obligation in found.obligations} == {"proved"}
    assert found.seconds >= sum(obligation.seconds for obligation in found.obligations)
    assert found.undecided == ()  # so that each step that is not excluded can be taken where the lemmas hold
    assert len(found.obligations) == len(induction(fence, name, assume))
    steps = {transition.name for transition in system.transitions(fences.whole(fence))}
    for obligation in found.obligations:
        assert obligation.transition in {FIRST_STATE, *steps}
        assert obligation.solver == "z3"


@pytest.mark.parametrize(
    ("fence", "name", "assume"),
    # the proofs left out rest on the same lemmas
    [
        ("off", "window", ()),
        *(
            pytest.param(*case, marks=pytest.mark.large if case in MANY_GUARDS else ())
            for case in PROVED
            if case[0] not in ("hook", "yielded-flag", "etcd-transfer") and case[1] != "session"
        ),
    ],
)
def test_every_guard_that_is_named_is_needed(fence: str, name: str, assume: tuple[str, ...]) -> None:
    """Without it the same obligation fails, and the plain interpreter sees it fail too."""
    prop = named(name)
    needed = defaultdict(set)
    for obligation in proof(fence, name, assume).obligations:
        for label in obligation.guards_used:
            needed[obligation.transition, label].add(obligation.lemma)
    assert needed
    many = (fence, name, assume) in MANY_GUARDS  # other guards in each of these
    tried = [guard for *_, guard in some(((fence, name, guard) for guard in needed), 4 if many else 1)]
    assert tried
    for guard in tried:
        expected = needed[guard]
        broken = induction(fence, name, assume, (guard,))
        # Only that transition differs from the proof, and only what needs the guard has to fail.
        (step,) = (each for each in broken.transitions if each.name == guard[0])
        failed = set()
        for decided in broken.decide_step(step, [each for each in broken.lemmas if each.name in expected]):
            if decided.why is not None:
                failed.add(decided.obligation.lemma)
                run = step_of(decided.why, fence, prop, [guard])
                confirm(run, broken.lemmas, decided.why.lemma, prop)
        assert expected <= failed, guard


@pytest.mark.parametrize(
    ("fence", "name", "assume", "guard", "verdict"),
    [
        ("off", "key-monotone", (), ("load_window", "window grows"), "violated"),
        ("off", "key-monotone", (), ("commit", "timestamp key is as read"), "violated"),
        ("check-tso-primary", "single-writer", SERVICE, ("commit", "no TSO primary"), "violated"),
        ("dynamic-8780", "single-writer", API, ("commit", "no TSO primary"), "violated"),
        ("save-cas", "unique", (), ("load_window", "timestamp key holds what it should"), "violated"),
        pytest.param(
            *(ALL_THREE, "real-time", (), ("grant", "own window has not passed"), "violated"),
            marks=pytest.mark.large,
        ),
        ("check-tso-primary", "unique", STAYS, ("commit", "no TSO primary"), "violated"),
        *(
            pytest.param(
                *("off", "one-live", PD_ONLY, ("campaign", "election key is absent"), "violated"),
                marks=pytest.mark.large,
            )
            for _ in range(ALL)
        ),
    ],
)
def test_without_a_guard_the_proof_fails(
    fence: str, name: str, assume: tuple[str, ...], guard: tuple[str, str], verdict: str
) -> None:
    assert guard[1] in {
        label
        for obligation in proof(fence, name, assume).obligations
        if obligation.transition == guard[0]
        for label in obligation.guards_used
    }
    found = prove(fences.whole(fence), named(name), assume=assume, dropped=[guard])
    assert found.verdict == verdict
    assert found.counterexample is not None
    assert found.counterexample.reachable == (verdict == "violated")
    assert found.counterexample.dropped == (guard,)
    assert breaks(found.counterexample, named(name))


@pytest.mark.parametrize(
    ("fence", "name", "steps"),
    [
        ("off", "unique", 17),
        ("off", "single-writer", 7),
        ("check-tso-primary", "unique", 17),
        ("first-save-only", "single-writer", 9),
        ("save-cas", "real-time", 14),
        pytest.param("save-cas", "session", 18, marks=pytest.mark.large),
    ],
)
def test_a_violation_is_a_real_run(fence: str, name: str, steps: int) -> None:
    found = proof(fence, name)
    run = found.counterexample
    assert found.verdict == "violated"
    assert run is not None
    assert run.reachable
    assert {key for key, _ in run.first} <= {"now", "api"}, "a cluster that was never used"
    assert (run.constants["window"], run.constants["guard"], run.constants["limit"]) == (3000, 1, 1 << 18)
    assert breaks(run, named(name))
    assert len(list(follow(run))) == len(run.moves) == steps


def test_each_lemma_is_needed() -> None:
    """A group holds nothing superfluous (the larger groups share what only one of them needs)."""
    for fence, name, assume in (("off", "window", ()), ("off", "one-live", PD_ONLY)):
        for lemma in induction(fence, name, assume).lemmas:
            without = induction(fence, name, assume)
            without.lemmas = tuple(kept for kept in without.lemmas if kept.name != lemma.name)
            assert any(decided.why for decided in without.decide()), lemma.name


@pytest.mark.parametrize(
    ("fence", "name", "assume"),
    # the others rest on the same lemmas
    [
        pytest.param(*case, marks=() if case[0] == "off" else pytest.mark.large)
        for case in PROVED
        if case[2] and case[0] in ("off", "check-tso-primary", "dynamic-8780")
    ],
)
def test_each_assumption_is_needed(fence: str, name: str, assume: tuple[str, ...]) -> None:
    for left_out in assume:
        found = induction(fence, name, assume)
        found.assumptions = tuple(kept for kept in found.assumptions if kept.name != left_out)
        assert any(decided.why for decided in found.decide()), left_out


def test_a_clients_sync_breaks_the_upgrade_itself() -> None:
    """Why no-client-syncs is assumed: the first primary stays, every PD is in service mode and checks."""
    world = load("rolling-upgrade")
    budgets = {**world.budgets, "pd.term": 1, "tso.term": 1, "tso.client_sync": 1}
    finding = explore(replace(world, budgets=budgets), "check-tso-primary", [named("unique")]).findings[0]
    assert finding.run is not None
    assert finding.verdict == "violated"
    names = [move.transition for move in finding.run.moves]
    assert len(names) == 20
    assert names.index("client_load") < names.index("commit") < names.index("client_begin")
    assert not {"lease_runs_out", "revoke", "drop_own_key"} & set(names), "the primary key stays"


@pytest.mark.parametrize("fence", fences.ALL)
@pytest.mark.parametrize("name", NAMES)
def test_assumptions_that_are_named_exist(fence: str, name: str) -> None:
    for each in lemmas.enough(fences.whole(fence), name):
        assert assumptions.assumption(each).meaning


@pytest.mark.parametrize(
    ("fence", "name", "assume", "hint"),
    [
        ("check-tso-primary", "single-writer", (), "--assume service-mode-only"),
        ("dynamic-8780", "single-writer", (), "--assume api-mode-only"),
        (
            "check-tso-primary",
            "unique",
            ("service-mode-only",),
            "--assume first-primary-stays --assume no-client-syncs --assume no-stale-deletes",
        ),
    ],
)
def test_nothing_is_assumed_unasked(fence: str, name: str, assume: tuple[str, ...], hint: str) -> None:
    found = prove(fences.whole(fence), named(name), assume=assume)
    assert (found.verdict, found.assumptions) == ("violated", assume)
    assert found.note == f"a run from a first state; to be proved with {hint}"
    assert found.counterexample is not None
    assert found.counterexample.constants["window"] == 3000
    assert breaks(found.counterexample, named(name))


def test_lemmas_that_contradict_each_other_are_seen() -> None:
    found = induction("off", "window")
    found.lemmas = (*found.lemmas, lemmas.Lemma("absurd", "nothing is possible", FALSE))
    assert set(found.possible().values()) == {False}
    assert found.is_tested() is False


def test_a_property_that_no_step_meets_is_vacuous() -> None:
    found = prove(fences.whole("off"), named("single-writer"), assume=PD_ONLY)
    assert (found.verdict, found.note) == ("vacuous", "no step meets its premise")


def test_one_step_is_not_a_run() -> None:
    """A single server cannot collide with another: what is left is a counterexample to induction."""
    off = fences.whole("off")
    found = prove(off, named("unique"), nodes=1, lemmas=lemmas.lemmas(off, "unique"))
    run = found.counterexample
    assert found.verdict == "unknown"
    assert "one that no run reaches" in found.note
    assert run is not None
    assert not run.reachable
    assert len(run.kinds) == len(run.moves) == 1
    assert breaks(run, named("unique"))


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_a_fixed_number_of_servers(nodes: int) -> None:
    assert prove(fences.whole("save-cas"), named("unique"), nodes=nodes).verdict == "proved"


def test_servers_of_a_counterexample_are_numbered_and_named() -> None:
    whys = [decided.why for decided in induction("off", "unique").decide() if decided.why is not None]
    (why,) = whys
    run = step_of(why, "off", named("unique"), [])
    assert why.lemma is None
    assert [name.rstrip("123456789") for name in run.names] == [kind.name.lower() for kind in run.kinds]
    assert sorted(run.kinds, key=lambda kind: kind is Kind.TSO) == list(run.kinds)
    assert len(set(run.names)) == len(run.names)


def test_the_plain_interpreter_has_the_last_word() -> None:
    found = induction("off", "unique")
    why = next(decided.why for decided in found.decide() if decided.why is not None)
    prop = named("unique")
    confirm(step_of(why, "off", prop, []), found.lemmas, why.lemma, prop)
    for change, says in (
        ({("noted", 0): 0}, "sees nothing wrong"),
        ({("initialised", why.actor): 0}, "is refused: memory is set"),
        ({("timestamp", 0): why.state["noted_physical", 0] - 1000}, "lemmas do not hold before it"),
    ):
        wrong = replace(why, state={**why.state, **change})
        with pytest.raises(AssertionError, match=says):
            confirm(step_of(wrong, "off", prop, []), found.lemmas, why.lemma, prop)


def test_times_that_no_figures_fit() -> None:
    run = proof("off", "unique").counterexample
    assert run is not None
    again = replace(run, moves=run.moves[:-1])
    assert in_figures(run, named("unique")) is not None
    assert in_figures(again, named("unique")) is None


def test_ctrl_c_leaves_what_was_found() -> None:
    def interrupt(done: int, total: int, name: str) -> None:
        assert name
        if done == 5:
            raise KeyboardInterrupt

    found = prove(fences.whole("off"), named("window"), progress=interrupt)
    assert found.verdict == "unknown"
    assert len(found.obligations) == 5
    assert found.note.startswith("interrupted after 5 of")


def test_progress_counts_every_obligation() -> None:
    seen = []
    found = prove(fences.whole("off"), named("key-monotone"), progress=lambda *told: seen.append(told))
    total = len(found.obligations)
    assert [done for done, _, _ in seen] == list(range(1, total + 1))
    assert {of for _, of, _ in seen} == {total}
    assert f"commit: {PROPERTY}" in [name for _, _, name in seen]


def test_mistakes() -> None:
    off, unique = fences.whole("off"), named("unique")
    with pytest.raises(ValueError, match="unknown assumption 'hope'; choose from first-primary-stays"):
        prove(off, unique, assume=["hope"])
    with pytest.raises(ValueError, match="at least one server"):
        prove(off, unique, nodes=0)
    with pytest.raises(KeyError, match="commit has no guard 'luck'"):
        prove(off, unique, dropped=[("commit", "luck")])


def test_lemmas_are_told_apart() -> None:
    for fence in fences.ALL:
        for name in NAMES:
            for assume in ((), SERVICE, API, STAYS, API_STAYS, PD_ONLY):
                group = lemmas.lemmas(fences.whole(fence), name, assume)
                assert len({lemma.name for lemma in group}) == len(group)
                assert all(lemma.meaning for lemma in group)


def test_that_a_pd_syncs_from_nothing_is_needed_where_pds_switch() -> None:
    """For what library clients are granted; under the check alone nothing needs it (docs/lemmas.md)."""
    fence = fences.whole("dynamic-8780")
    assumed = [assumptions.assumption(each) for each in lemmas.enough(fence, "session")]
    every = Induction(fence, named("session"), assumed).lemmas
    fewer = [lemma for lemma in every if lemma.name != "a PD syncs from nothing"]
    assert len(fewer) == len(every) - 1
    for given, fails in ((every, []), (fewer, ["library clients' grants behind a leader"])):
        made = Induction(fence, named("session"), assumed, given=given)
        (grant,) = (each for each in made.transitions if each.name == "grant")
        decided = [each.obligation for each in made.decide_step(grant, made.lemmas)]
        assert [each.lemma for each in decided if each.result != "proved"] == fails


def test_another_step_of_the_same_name_is_asked_anew() -> None:
    """What is known before a step is made once; not for one that has other guards."""
    made = induction("off", "key-monotone")
    commit = next(each for each in made.transitions if each.name == "commit")
    made.transitions = (commit,)
    assert made.possible() == {"commit": True}
    made.transitions = (
        replace(commit, step=Step({**commit.step.guard, "never": FALSE}, commit.step.effect)),
    )
    assert made.possible() == {"commit": False}


def test_what_a_step_does_not_change_z3_says_it_keeps_too() -> None:
    """That is settled without a question, whatever the guards."""
    found, settled = induction("off", "window"), 0
    for transition in found.transitions:
        known = found.guarded(transition)
        after = found.after(known, transition)
        kept = [each for each in found.lemmas if each.spoken_of.isdisjoint(transition.step.effect)]
        failing = z3.Or([found.failure(after, lemma) for lemma in kept], found.world.context)
        with known.supposing(failing):
            assert known.solver.check() == z3.unsat
        results = [each.obligation for each in found.decide_step(transition, kept)]
        assert {(each.result, each.guards_used) for each in results if each.lemma != PROPERTY} <= {
            ("proved", ())
        }
        settled += len(kept)
    assert settled > 100

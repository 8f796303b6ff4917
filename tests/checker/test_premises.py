"""What a proof takes for granted, and what it leaves undecided: all of it is said."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import z3
from rich.console import Console

from tsofence.checker.processes.worker import Worker
from tsofence.checker.proof import induct, runs
from tsofence.checker.proof import prove as proving
from tsofence.checker.proof.attempt import ProgressFunction, Proof
from tsofence.checker.proof.induct import Induction
from tsofence.checker.proof.prove import prove, prove_all
from tsofence.checker.proof.witness import confirm, step_of
from tsofence.checker.run import Run
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import Exploration
from tsofence.model.language.expr import (
    FALSE,
    NOBODY,
    NODE,
    TRUE,
    Expr,
    both,
    either,
    exists,
    forall,
    implies,
    ite,
    negate,
    server,
)
from tsofence.model.language.fold import Known, fold
from tsofence.model.language.smt import negated
from tsofence.model.language.transition import Kind, Step, Transition, transition
from tsofence.model.language.variant import Variant
from tsofence.model.language.vocabulary import PerServer
from tsofence.model.pd import save
from tsofence.model.pd import state as s
from tsofence.model.variants import fences
from tsofence.specs import assumptions, lemmas
from tsofence.specs.constraints import CONSTRAINTS, Constraint, parameters
from tsofence.specs.lemmas import Lemma
from tsofence.specs.properties import Property, named
from tsofence.specs.scenario import load
from tsofence.traces.tell import results
from tsofence.traces.tell.explored import explored
from tsofence.traces.tell.outlet import as_json
from tsofence.traces.tell.proved import proved

from ..documents import read_document

ALL_THREE = "save-cas+window-lease+wait-out"
OFF = fences.whole("off")
HANDED_OVER = ("first-primary-stays", "service-mode-only", "no-client-syncs", "no-stale-deletes")
API = ("first-primary-stays", "api-mode-only", "no-client-syncs", "no-stale-deletes")


def induction(fence: str, name: str, assume: tuple[str, ...] = ()) -> Induction:
    return Induction(fences.whole(fence), named(name), [assumptions.assumption(each) for each in assume])


def text(*proofs: Proof) -> str:
    console = Console(width=200)
    with console.capture() as told:
        console.print(proved(proofs, {}, details=False))
    return told.get()


# --- constraints on constants --------------------------------------------------------------------------


def test_a_formula_says_what_its_constraint_says() -> None:
    """Both are evaluated over small numbers."""
    names = ("unit", "guard", "window", "lease", "limit", "skew", "margin", "max_reset")
    others = dict.fromkeys((parameter.name for parameter in parameters(OFF)), 1)
    for constraint in CONSTRAINTS:
        formula = constraint.formula.replace("·", "*").replace("≤", "<=")
        used = [name for name in names if name in formula.replace("*", " ").split()]
        seen = set()
        for values in product(range(-1, 5), repeat=len(used)):
            given = dict(zip(used, values, strict=True))
            constants = others | {"skew_bound" if name == "skew" else name: n for name, n in given.items()}
            facts = {"window": (constants.get("window", 1),), "ttl": (constants.get("lease", 1),)}
            holds = bool(fold(constraint.claim, Known(1, constants, facts)).value)
            assert holds == eval(formula, {}, given), (constraint.formula, given)
            seen.add(holds)
        assert seen == {False, True}


def test_each_constraint_is_needed() -> None:
    """Without any one of those that a proof names, some obligation of it is not proved."""
    found = induction("off", "window")
    assert all(decided.obligation.result == "proved" for decided in found.decide())
    named_by_it = found.constraints()
    assert [each.formula for each in named_by_it] == ["0 < unit", "unit ≤ guard", "2·guard ≤ window"]
    assert all(each.under(named_by_it) is not None for each in found._refuted)
    for constraint in named_by_it:
        fewer = [kept for kept in named_by_it if kept is not constraint]
        assert any(each.under(fewer) is None for each in found._refuted), constraint.formula


def test_constraints_are_printed() -> None:
    (proof,) = prove_all([(OFF, named("window"))])
    told = text(proof)
    assert "any number of servers; 0 < unit; unit ≤ guard; 2·guard ≤ window" in " ".join(told.split())
    assert "2·guard ≤ window: the save interval is at least twice the guard" in told
    found = results.proved([proof], {}).plain()["results"][0]
    assert found["constraints"][2] == {
        "formula": "2·guard ≤ window",
        "meaning": "the save interval is at least twice the guard",
    }
    assert found["seconds"] >= round(sum(each["seconds"] for each in found["obligations"]), 3)


@pytest.mark.parametrize("margin", [0, 2])
def test_explore_says_where_a_proof_says_nothing(margin: int) -> None:
    """A run that breaks what was proved (here there is one of 16 steps) is then no contradiction."""
    world = replace(load("rolling-upgrade"), skew=1, margin=margin)
    asked = [named("real-time"), named("key-monotone")]
    found = explore(world, ALL_THREE, asked, max_states=1)
    assert found.outside == ({"real-time": ("2·skew ≤ margin",)} if margin == 0 else {})
    (said,) = results.explored(world.name, [found], {}).results
    (told,) = [each for each in said.properties if each.property == "real-time"]
    assert told.outside == (["2·skew ≤ margin"] if margin == 0 else [])
    console = Console(width=200)
    with console.capture() as shown:
        console.print(explored(world, [found], {}, tell_runs=False))
    line = "real-time under this fence: proved only where 2·skew ≤ margin, which this scenario does not meet"
    assert (line in shown.get()) == (margin == 0)


def test_a_small_window_is_outside_most_proofs() -> None:
    world = replace(load("pd-failover"), window=1)
    asked = [named(name) for name in ("key-monotone", "window", "unique", "single-writer")]
    found = explore(world, "save-cas", asked, max_states=1)
    assert found.outside == {"window": ("2·guard ≤ window",), "unique": ("2·guard ≤ window",)}
    dropped = [("commit", "timestamp key is as read")]
    assert explore(world, "save-cas", asked, max_states=1, dropped=dropped).outside == {}


# --- first states ------------------------------------------------------------------------------------------


def test_each_fact_of_the_first_states_is_needed() -> None:
    proofs = [
        induction("check-tso-primary", "session", (*HANDED_OVER, "clients-know-the-mode")),
        induction("dynamic-8780", "single-writer", ("api-mode-only",)),
        induction(ALL_THREE, "real-time"),
        induction("off", "one-live", ("no-tso-servers", "no-stale-deletes")),
    ]
    for left_out in lemmas.FIRST:
        facts = [fact for fact in lemmas.FIRST if fact is not left_out]
        assert any(decided.why for each in proofs for decided in each.decide_first(facts)), str(left_out)


# --- servers that are only said to exist -----------------------------------------------------------------


def blank(n: Expr) -> Callable[[Expr], Expr]:
    """Another TSO server, whose value no key holds."""
    keys = (s.leader, s.primary, s.expected, s.raft_leader)
    return lambda m: both(m != n, s.is_tso[m], *(key != m for key in keys))


def once(guard: Callable[[Expr], Expr], effect: Callable[[Expr], Expr] = lambda n: TRUE) -> Transition:
    """The acting server yields."""

    @transition(Kind.ANY)
    def yields(n: Expr) -> Step:
        return Step(guard={"guard": guard(n)}, effect={"promoted": effect(n)})

    return Transition(yields, yields.step)


#: false of a PD, a TSO server that holds no key, and a server that yields because of it
ONLY_TSO_SERVERS = Lemma(
    "beside one that yielded there are TSO servers only",
    "",
    forall(
        lambda a: forall(lambda b: implies(both(a != b, s.promoted[a]), s.is_tso[b]), "b"),
        "a",
    ),
)


@pytest.mark.parametrize(
    "rule",
    [
        once(lambda n: exists(blank(n))),
        once(lambda n: negate(forall(lambda m: negate(blank(n)(m))))),
        once(lambda n: ite(exists(blank(n)), TRUE, FALSE)),
        once(lambda n: exists(blank(n)) == TRUE),
        once(lambda n: ite(forall(lambda m: negate(blank(n)(m))), FALSE, TRUE)),
        once(lambda n: TRUE, lambda n: ite(exists(blank(n)), TRUE, s.promoted[n])),
        once(lambda n: TRUE, lambda n: either(s.promoted[n], negate(forall(lambda m: negate(blank(n)(m)))))),
        once(lambda n: exists(lambda m: both(blank(n)(m), exists(lambda k: both(k != m, blank(n)(k)), "k")))),
    ],
)
def test_who_exists_need_not_have_a_name(rule: Transition) -> None:
    found = induction("off", "key-monotone")
    found.transitions, found.lemmas = (rule,), (ONLY_TSO_SERVERS,)
    (why,) = [decided.why for decided in found.decide() if decided.obligation.transition == "yields"]
    assert why is not None
    assert len(why.kinds) >= 3
    assert Kind.PD in why.kinds


def test_without_such_a_server_the_lemma_is_kept() -> None:
    """What makes the others fail is the server that exists, not that more is left open."""
    found = induction("off", "key-monotone")
    found.transitions = (once(lambda n: both(exists(blank(n)), forall(lambda m: s.is_tso[m]))),)
    found.lemmas = (ONLY_TSO_SERVERS,)
    (decided,) = [each for each in found.decide() if each.obligation.transition == "yields"]
    assert decided.obligation.result == "proved"


def test_a_lemma_may_say_that_a_server_exists() -> None:
    """Kept by a rule that changes nothing, and lost where the last one goes."""
    somebody = Lemma("somebody yielded", "", exists(lambda m: s.promoted[m]))
    results = []
    for effect in (lambda n: s.promoted[n], lambda n: FALSE):
        found = induction("off", "key-monotone")
        found.transitions, found.lemmas = (once(lambda n: TRUE, effect),), (somebody,)
        results.append([each.obligation.result for each in found.decide()][-1])
    assert results == ["proved", "failed"]


def test_a_lemma_of_three_servers_has_three_witnesses() -> None:
    """None of them acts or has its value in a key, so that none has another name."""

    def apart(a: Expr, b: Expr, c: Expr) -> Expr:
        keyless = [key != m for m in (a, b, c) for key in (s.leader, s.primary, s.expected, s.raft_leader)]
        return both(s.expected != NOBODY, a != b, a != c, b != c, *keyless)

    def no_three(a: Expr) -> Expr:
        return forall(lambda b: forall(lambda c: negate(apart(a, b, c)), "c"), "b")

    @transition(Kind.ANY)
    def is_expected(n: Expr) -> Step:
        return Step(guard={}, effect={"expected": n})

    rule = Transition(is_expected, is_expected.step)
    found = induction("off", "key-monotone")
    found.transitions = (rule,)
    found.lemmas = (Lemma("no three beside it", "", forall(no_three, "a")),)
    (why,) = [decided.why for decided in found.decide() if decided.obligation.transition == "is_expected"]
    assert why is not None
    assert len(why.kinds) >= 4
    with pytest.raises(ValueError, match="more servers than the 2 that may fail it"):
        negated(found.world.view(s.VOCABULARY), found.lemmas[0].claim, found.witnesses[:2])


def test_a_server_for_every_server_is_refused() -> None:
    beside = Lemma("nobody is alone", "", forall(lambda a: exists(lambda b: a != b, "b"), "a"))
    found = induction("off", "key-monotone")
    found.lemmas = (beside,)
    with pytest.raises(ValueError, match="says of every server that there is another"):
        list(found.decide())


def step(name: str, of: Induction) -> Transition:
    return next(each for each in of.transitions if each.name == name)


def followed() -> Variant:
    """A fence in which a server remembers another: whoever leads as it finds its own election key."""
    fence = Variant("followed", "a save compares the leader key with what it found")
    follows = fence.per_server("follows", NODE)
    fence.effect("find_own_key", {"follows": s.leader})
    save.compare(fence, "as found", lambda n, slot: s.leader == follows[n], slots=[s.OWN])
    return fences.whole(fences.add(fence))


def test_a_server_that_remembers_a_server() -> None:
    fence = followed()
    assert prove(fence, named("key-monotone")).verdict == "proved"
    follows = PerServer("follows", NODE)
    alone = Lemma("nobody is followed", "", forall(lambda a: follows[a] == NOBODY, "a"))
    found = Induction(fence, named("key-monotone"), given=[alone])
    (failed,) = found.decide_step(step("find_own_key", found), [found.lemmas[0]])
    assert failed.why is not None
    run = step_of(failed.why, fence.name, found.prop, ())
    confirm(run, found.lemmas, alone, found.prop)


def test_what_only_an_endless_chain_meets_is_left_open() -> None:
    """Each follows another of a lower clock: z3 has models of it, but none is a finite system."""
    fence = followed()
    follows = PerServer("follows", NODE)
    chain = forall(lambda a: both(follows[a] != NOBODY, s.skew[follows[a]] < s.skew[a]), "a")
    found = Induction(fence, named("key-monotone"), given=[Lemma("further down", "", chain)])
    (left_open,) = found.decide_step(step("clock_jump", found), [found.lemmas[0]])
    assert (left_open.obligation.result, left_open.why) == ("unknown", None)
    assert found.is_tested() is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (lambda n: n == server(1), "names server 1, of any number of servers"),
        (
            lambda n: forall(lambda a: exists(lambda b: a != b, "b"), "a"),
            "says of every server that there is",
        ),
    ],
)
def test_what_cannot_be_said_of_any_number_of_servers_is_unknown(
    said: Callable[[Expr], Expr], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fault: a reason, and a run where there is one."""
    fence = Variant("numbered", "a save needs what no proof can speak of")
    save.compare(fence, "this", lambda n, slot: said(n))
    whole = fences.whole(fences.add(fence))
    monkeypatch.setattr(runs.Runs, "few", lambda self, prop: None)
    found = prove(whole, named("key-monotone"))
    assert found.verdict == "unknown"
    assert why in found.note
    assert "--nodes 3" in found.note
    assert prove(whole, named("key-monotone"), nodes=2).verdict == "proved"


# --- what z3 does not tell ---------------------------------------------------------------------------------


def test_guards_that_z3_gives_up_on_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    check = induct.Known.check

    def gives_up(
        known: induct.Known, constraints: tuple[Constraint, ...], without: str | None = None
    ) -> z3.CheckSatResult:
        return z3.unknown if without is not None else check(known, constraints)

    sure = prove(OFF, named("key-monotone"))
    monkeypatch.setattr(induct.Known, "check", gives_up)
    found = prove(OFF, named("key-monotone"))
    assert found.verdict == "proved"
    assert not any(obligation.guards_used for obligation in found.obligations)
    for obligation, known in zip(found.obligations, sure.obligations, strict=True):
        assert set(known.guards_used) <= set(obligation.guards_undecided)
    assert "key-monotone under off: z3 gave up on whether these guards are needed: " in text(found)
    assert any(each.guards_undecided for each in results.proved([found], {}).results[0].obligations)


def test_steps_that_z3_gives_up_on_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    can_happen = Induction._can_happen

    def gives_up(found: Induction, step: Transition, *premises: Expr) -> bool | None:
        return None if premises or step.name == "commit" else can_happen(found, step, *premises)

    monkeypatch.setattr(Induction, "_can_happen", gives_up)
    found = prove(OFF, named("key-monotone"))
    assert (found.verdict, found.undecided) == ("unknown", ("commit",))
    assert found.note == "no step breaks it, but z3 gave up on whether any meets its premise"
    assert "z3 gave up on whether these can happen where the lemmas hold: commit" in text(found)
    assert results.proved([found], {}).results[0].undecided == ["commit"]


def test_a_question_that_z3_gives_up_on_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(induct.Known, "check", lambda known, constraints, without=None: z3.unknown)
    found = induction("off", "key-monotone")
    assert found.is_tested() is None
    assert set(found.possible().values()) == {None}
    assert {decided.obligation.result for decided in found.decide_first()} == {"unknown"}


# --- Ctrl-C ------------------------------------------------------------------------------------------------


def interrupt(*args: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "name", "note"),
    [
        ("Runs.few", "single-writer", "interrupted while looking for a run from a first state"),
        (
            "Induction.is_tested",
            "key-monotone",
            "interrupted while asking which steps can happen, all obligations being proved",
        ),
        (
            "Induction.constraints",
            "key-monotone",
            "interrupted while asking which constraints are needed, all obligations being proved",
        ),
    ],
)
def test_ctrl_c_after_the_obligations(
    where: str, name: str, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{proving.__name__}.{where}", interrupt)
    found = prove(OFF, named(name))
    assert (found.verdict, found.note) == ("unknown", note)
    assert len(found.obligations) == len(induction("off", name))


@pytest.mark.parametrize("at", [0, 1])
def test_ctrl_c_ends_all_proofs(at: int) -> None:
    """That under way keeps what it decided; those to come are there, too."""
    begun = []

    def progress(what: str) -> ProgressFunction:
        begun.append(what)
        last = len(begun) == at + 1
        return lambda done, total, name: signal.raise_signal(signal.SIGINT) if last and done == 5 else None

    before = signal.getsignal(signal.SIGINT)
    found = prove_all(
        [(OFF, named(name)) for name in ("key-monotone", "window", "unique")], progress=progress
    )
    assert signal.getsignal(signal.SIGINT) is before
    assert begun == ["key-monotone under off", "window under off"][: at + 1]
    assert [proof.verdict for proof in found] == [*["proved"] * at, *["unknown"] * (3 - at)]
    assert found[at].note.startswith("interrupted after 5 of ")
    assert len(found[at].obligations) == 5
    for proof in found[at + 1 :]:
        assert (proof.note, proof.obligations) == ("interrupted before it began", ())
    told = read_document(as_json(results.proved(found, {})))["results"]
    assert [each["property"] for each in told] == ["key-monotone", "window", "unique"]
    assert prove(OFF, named("key-monotone")).verdict == "proved", "nothing is interrupted afterwards"


def test_ctrl_c_while_a_run_is_looked_for_here(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def interrupted(*args: Any, **options: Any) -> Exploration:
        searched.append(options)
        signal.raise_signal(signal.SIGINT)
        return explore(*args, **options)

    monkeypatch.setattr(runs, "is_known_elsewhere", lambda prop: False)
    monkeypatch.setattr(runs, "breaking", lambda *given, **options: {})
    monkeypatch.setattr(runs, "explore", interrupted)
    (found,) = prove_all([(OFF, named("single-writer"))])
    assert (found.verdict, len(searched)) == ("unknown", 1)
    assert found.note == "interrupted while looking for a run from a first state"
    assert len(found.obligations) == len(induction("off", "single-writer"))


def test_ctrl_c_while_a_run_is_looked_for_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends that process as well."""
    begun: list[Worker[runs.Sought]] = []

    class Seen(Worker[runs.Sought]):
        def __init__(self, job: runs.Sought, threads: int) -> None:
            super().__init__(job, threads)
            begun.append(self)

    few = runs.Runs.few

    def interrupted(found: runs.Runs, prop: Property) -> Run | None:
        signal.raise_signal(signal.SIGINT)
        return few(found, prop)

    monkeypatch.setattr(runs, "Worker", Seen)
    monkeypatch.setattr(runs.Runs, "few", interrupted)
    (found,) = prove_all([(OFF, named("single-writer"))])
    assert found.note == "interrupted while looking for a run from a first state"
    (worker,) = begun
    # killed, unless it was through by then; one that was let alone ends with 1 as this connection does
    assert worker.ended() in (-signal.SIGKILL, 0)


def test_ctrl_c_in_the_middle_of_a_question_is_not_lost() -> None:
    """It comes where an exception would vanish: in a destructor, as z3 has one for each term."""

    class Freed:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def progress(what: str) -> ProgressFunction:
        def told(done: int, total: int, name: str) -> None:
            Freed()

        return told

    (found,) = prove_all([(OFF, named("window"))], progress=progress)
    assert found.note.startswith("interrupted after 1 of ")

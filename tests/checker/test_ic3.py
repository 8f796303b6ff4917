"""What a step needs that breaks a property is read as it is, and lemmas seen in that prove what holds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import z3

from tsofence.checker.proof import houdini, ic3
from tsofence.checker.proof.attempt import Proof
from tsofence.checker.proof.induct import Induction
from tsofence.checker.proof.prove import prove
from tsofence.model.language.cube import Reading
from tsofence.model.language.expr import BOOL, TRUE, Expr, both, exists, negate
from tsofence.model.language.transition import SELF, Transition
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s
from tsofence.model.variants import fences
from tsofence.specs.constraints import CONSTRAINTS
from tsofence.specs.lemmas import Lemma
from tsofence.specs.properties import Property, named

from ..proofs import find_no_run

OFF = fences.whole("off")
BOTH_KEYS = Path(__file__).parents[2] / "docs" / "own-fence" / "both_keys_saves.py"


def quietly(name: str) -> None:
    pass


def seen(induction: Induction) -> list[Lemma]:
    return [*ic3.clauses(induction, time.process_time() + 60, quietly)]


def is_proved(whole: Variant, prop: Property, given: list[Lemma]) -> bool:
    """By induction and nothing else."""
    decided = Induction(whole, prop, given=given).decide()
    return all(each.obligation.result == "proved" for each in decided)


def announcing(*, at_once: bool) -> tuple[Variant, Property]:
    """Whoever wins an election announces it, at once or when it has synced; who answers has done so."""
    fence = Variant("announcing", "whoever wins an election says so")
    announced = fence.per_server("announced", BOOL)
    fence.effect("campaign" if at_once else "sync_skip", {"announced": TRUE})

    def in_silence(transition: Transition) -> Expr | None:
        return negate(announced[SELF]) if transition.name == "grant" else None

    prop = Property("announced", "whoever answers has announced it", in_silence, in_silence)
    return fences.whole(fences.add(fence)), prop


def test_what_no_candidate_says_is_seen() -> None:
    """It takes one lemma that speaks of a variable of one's own, beside one of PD's."""
    whole, prop = announcing(at_once=True)
    assert not is_proved(whole, prop, [])
    found = seen(Induction(whole, prop, given=(), servers=ic3.SERVERS))
    assert [each.name for each in found] == ["never not announced[a] and role[a] == leader"]
    assert is_proved(whole, prop, found)


def test_what_does_not_hold_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, prop = announcing(at_once=False)
    monkeypatch.setattr(houdini, "_rounds", lambda _: ())
    monkeypatch.setattr(houdini, "_varied", lambda _: ())
    find_no_run(monkeypatch)
    assert prove(whole, prop).verdict == "unknown"


def test_what_is_seen_proves_nothing_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that errs is found out."""
    wrong = Lemma("never", "nobody leads", negate(both(s.noted, negate(s.noted))))
    whole, prop = announcing(at_once=False)
    monkeypatch.setattr(houdini, "_rounds", lambda _: ())
    monkeypatch.setattr(houdini, "_varied", lambda _: ())
    monkeypatch.setattr(ic3, "clauses", lambda *given: [wrong])
    find_no_run(monkeypatch)
    assert prove(whole, prop).verdict == "unknown"


FORGETS = "a PD that leads no more forgets, whether or not is_tso[a]"
SYNCS = "a PD syncs from nothing, whether or not is_tso[a]"


def proof_under_both_keys(monkeypatch: pytest.MonkeyPatch, prop: Property, *names: str) -> Proof:
    """Of candidates these are tried, before lemmas are seen."""
    varied = houdini._varied
    monkeypatch.setattr(houdini, "_rounds", lambda _: ())
    monkeypatch.setattr(
        houdini, "_varied", lambda of: tuple(each for each in varied(of) if each.name in names)
    )
    find_no_run(monkeypatch)
    whole = fences.whole(fences.take(str(BOTH_KEYS)))
    return prove(whole, prop, assume=["no-stale-deletes", "no-client-syncs"])


def beside_a_primary(transition: Transition) -> Expr | None:
    others = exists(lambda m: both(m != SELF, s.primary == m, s.initialised[m]))
    return both(s.leader == SELF, others) if transition.name == "grant" else None


def test_what_is_proved_speaks_of_two_keys_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_a_leader(transition: Transition) -> Expr | None:
        return s.leader == SELF if transition.name == "grant" else None

    prop = Property(
        "alone", "no PD answers beside a TSO primary that has loaded", beside_a_primary, by_a_leader
    )
    found = proof_under_both_keys(monkeypatch, prop, FORGETS, SYNCS)
    assert (found.verdict, found.lemmas_are) == ("proved", "found")
    assert {each.name for each in found.lemmas} == {
        *(FORGETS, SYNCS, "never leader == a and primary == b and initialised[b] and initialised[a]")
    }


@pytest.mark.large
def test_no_session_sees_time_go_back_under_both_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No set of candidates proves it (docs/own-fence.md)."""
    names = (
        *("save grows", "window saved", "memory within window", "grants below the key", "who got what"),
        *("serving means elected", FORGETS, SYNCS),
        "sync is current, whether or not (is_tso[a] or (primary == none))",
    )
    found = proof_under_both_keys(monkeypatch, named("session"), *names)
    assert (found.verdict, found.lemmas_are) == ("proved", "found")
    assert {each.name for each in found.lemmas} > {*names}


def states_shown(prop: str) -> list[str]:
    """One that z3 shows before each step."""
    induction = Induction(OFF, named(prop), servers=ic3.SERVERS)
    asked = [induction.guarded(each) for each in induction.transitions]
    return [each.solver.model().sexpr() for each in asked if each.check(CONSTRAINTS) == z3.sat]


def test_which_states_are_seen_depends_on_nothing_proved_before() -> None:
    first = states_shown("unique")
    states_shown("window")
    assert states_shown("unique") == first


def test_time_is_up() -> None:
    whole, prop = announcing(at_once=True)
    assert not ic3.clauses(Induction(whole, prop, given=(), servers=ic3.SERVERS), 0, quietly)


def test_what_is_read_is_so_and_is_enough() -> None:
    """Of every step: its conditions hold in the state that was read; where they hold it can be taken, unless
    that depends on what it chooses, or on all servers."""
    induction = Induction(OFF, named("unique"), servers=ic3.SERVERS)
    enough = 0
    for transition in induction.transitions:
        known = induction.guarded(transition)
        if known.check(CONSTRAINTS) != z3.sat:
            continue
        model = known.solver.model()
        reading = Reading(known.view, model, {}, SELF)
        for guard in transition.step.guard.values():
            reading.say(guard)
        cube = reading.cube(transition.rule.inputs)
        terms = [reading._view.of(each) for each in cube.literals.values()]
        assert all(z3.is_true(model.eval(term, model_completion=True)) for term in terms), transition.name
        guards = transition.step.guard.values()
        said = {part.op for each in (*guards, *cube.literals.values()) for part in each.walk()}
        if said.isdisjoint(("input", "exists", "forall")):
            solver = z3.Solver(ctx=induction.world.context)
            solver.add([*terms, z3.Not(z3.And([known.view.of(each) for each in guards]))])
            assert solver.check() == z3.unsat, transition.name
            enough += 1
        assert "input" not in {part.op for each in cube.literals.values() for part in each.walk()}
    assert enough > len(induction.transitions) / 2

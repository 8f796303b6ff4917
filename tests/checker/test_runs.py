"""One search for runs serves every property in doubt, and what it finds meets what is assumed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from tsofence.checker.processes.matrix import SearchFault
from tsofence.checker.processes.worker import Worker
from tsofence.checker.proof import beside, known, runs, ship
from tsofence.checker.proof import prove as proving
from tsofence.checker.proof.attempt import Proof
from tsofence.checker.proof.beside import Beside, Plain
from tsofence.checker.proof.induct import Before, Induction
from tsofence.checker.proof.known import breaking
from tsofence.checker.proof.prove import prove, prove_all
from tsofence.checker.proof.runs import Found, Looked, Runs, Sought, Told, search, searched
from tsofence.checker.proof.witness import met
from tsofence.checker.run import breaks
from tsofence.cli import main
from tsofence.model.language.expr import BOOL, FALSE, NOBODY, TRUE, either, negate
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state
from tsofence.model.variants import fences
from tsofence.specs import scenario as scenarios
from tsofence.specs.assumptions import assumption
from tsofence.specs.properties import Property, named
from tsofence.traces.tell import results
from tsofence.traces.tell.proved import proved

OFF = fences.whole("off")
OWN = Path(__file__).resolve().parents[2] / "docs/own-fence"


class Seen(Worker[Sought]):
    """A process that can be found."""

    all: list[Seen]

    def __init__(self, job: Sought, threads: int) -> None:
        super().__init__(job, threads)
        Seen.all.append(self)


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Seen]:
    Seen.all = []
    monkeypatch.setattr(runs, "Worker", Seen)
    return Seen.all


def found_by(sought: Sought, forgotten: Iterable[str] = ()) -> list[Told]:
    judged = [named(name) for name in sought.properties]
    return list(searched(sought, judged, set(forgotten), lambda: False))


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(scenarios, "names", lambda: names)
    monkeypatch.setattr(runs, "_MORE", {})


def levels(monkeypatch: pytest.MonkeyPatch, few: int, many: int, most: int) -> None:
    for name, states in (("FEW", few), ("MANY", many), ("MOST", most)):
        monkeypatch.setattr(runs, name, states)


def from_the_command_line(asked: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> list[Proof]:
    kept: list[Proof] = []

    def keeping(*given: Any, **options: Any) -> list[Proof]:
        kept.extend(prove_all(*given, **options))
        return kept

    monkeypatch.setattr(proving, "prove_all", keeping)
    words = [word for name in asked for word in ("--property", name)]
    CliRunner().invoke(main, ["prove", "--fence", "off", *words])
    return kept


def test_the_command_line_begins_one_search(begun: list[Seen], monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = from_the_command_line(("real-time", "single-writer"), monkeypatch)
    assert [proof.verdict for proof in proofs] == ["violated", "violated"]
    assert [worker.job.properties for worker in begun] == [("real-time", "single-writer")]


def test_one_search_is_for_all_that_are_in_doubt(begun: list[Seen]) -> None:
    asked = ("key-monotone", "real-time", "single-writer")
    proofs = prove_all([(OFF, named(name)) for name in asked])
    assert [proof.verdict for proof in proofs] == ["proved", "violated", "violated"]
    (worker,) = begun
    assert worker.job.properties == ("real-time", "single-writer")
    for proof in proofs[1:]:
        assert proof.counterexample is not None
        assert proof.counterexample.reachable
        assert breaks(proof.counterexample, named(proof.property))


def test_what_is_proved_begins_no_search(begun: list[Seen]) -> None:
    assert [proof.verdict for proof in prove_all([(OFF, named("key-monotone"))])] == ["proved"]
    assert begun == []


def test_a_fence_that_only_this_process_has_is_searched_here(begun: list[Seen]) -> None:
    name = fences.add(Variant("here-alone", "changes nothing"))
    assert prove(fences.whole(name), named("single-writer")).verdict == "violated"
    assert begun == []


def test_a_property_that_only_this_process_has_is_searched_here(begun: list[Seen]) -> None:
    known = named("single-writer")
    other = Property(known.name, "another of that name", known.broken_by, known.tested_by)
    assert prove(OFF, other).verdict == "violated"
    assert begun == []


def test_a_run_meets_what_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "rolling-upgrade")
    levels(monkeypatch, runs.FEW, runs.FEW, runs.FEW)
    for assumed, there_is_one in (("service-mode-only", True), ("no-tso-servers", False)):
        found = [
            each
            for each in found_by(Sought("off", ("single-writer",), (assumed,), None, ()))
            if isinstance(each, Found)
        ]
        assert bool(found) == there_is_one
        assert all(met(each.run, [assumption(assumed)]) for each in found)


def test_only_scenarios_that_can_break_what_is_lacking_promise_a_run() -> None:
    """Two PDs serve at once only where a stale delete may happen, else that is proved."""
    sought = Sought("off", ("two-of-a-kind", "unique"), (), None, ())
    worlds = runs._worlds(sought, [named(name) for name in sought.properties])
    promising = [each.scenario.name for each in worlds if each.promises["two-of-a-kind"]]
    assert promising == ["pd-failover", "more-deletes"]
    # that is proved of PDs alone that have none
    assert [each.scenario.name for each in worlds if not each.promises["unique"]] == ["more-elections"]
    assumed = Sought("off", ("two-of-a-kind",), ("no-stale-deletes",), None, ())
    assert all(
        each.promises == {"two-of-a-kind": 1} for each in runs._worlds(assumed, [named("two-of-a-kind")])
    )


def test_a_scenario_has_no_more_servers_than_asked_for() -> None:
    worlds = runs._worlds(Sought("off", ("unique",), (), 1, ()), [named("unique")])
    assert worlds == []


def test_nothing_is_searched_for_what_nobody_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "explore", lambda *given, **options: pytest.fail("searched"))
    assert found_by(Sought("off", ("unique",), (), None, ()), ["unique"]) == []


def test_a_search_that_is_killed_is_said(begun: list[Seen]) -> None:
    found = Runs("off")
    found.seek([named("two-of-a-kind")])
    begun[0].kill()
    assert found.many(named("two-of-a-kind")) is None
    assert "the process that looked for runs ended with status -9" in found.trouble
    found.close()


def test_a_fault_there_is_a_fault_here() -> None:
    found = Runs("off", dropped=[("grant", "no such guard")])
    found.seek([named("unique")])
    with pytest.raises(SearchFault, match="off: KeyError"):
        found.few(named("unique"))
    found.close()


def test_a_lemma_is_decided_once_for_all_properties() -> None:
    """And with the same result as if it were decided again; nothing is taken over from other lemmas."""
    before: Before = {}
    for name in ("unique", "real-time"):
        again = Induction(OFF, named(name), before=before)
        alone = Induction(OFF, named(name))
        results = [
            [(each.obligation.transition, each.obligation.lemma, each.obligation.result) for each in decided]
            for decided in (again.decide(), alone.decide())
        ]
        assert results[0] == results[1]
        assert [each.formula for each in again.constraints()] == [
            each.formula for each in alone.constraints()
        ]
    assert len(before) == 1
    fewer = Induction(OFF, named("unique"), given=again.lemmas[1:], before=before)
    failed = [each.obligation.lemma for each in fewer.decide() if each.obligation.result == "failed"]
    assert "window saved" in failed
    assert len(before) == 2


def test_how_far_it_was_looked_is_told_until_there_is_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run is as short as those of which none was said to break it."""
    only(monkeypatch, "rolling-upgrade")
    levels(monkeypatch, 200, 1_000, 8_000)
    told = found_by(Sought("off", ("real-time", "key-monotone"), (), None, ()))
    (run,) = (each.run for each in told if isinstance(each, Found))
    looked = [each for each in told if isinstance(each, Looked)]
    for name, times in (("real-time", 2), ("key-monotone", 3)):
        steps = [each.steps for each in looked if name in each.properties]
        assert len(steps) == times
        assert steps == sorted(set(steps))
    assert max(each.steps for each in looked if "real-time" in each.properties) < len(run.moves)
    assert not any(each.whole for each in looked)


def test_runs_that_are_kept_come_before_any_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "explore", lambda *given, **options: pytest.fail("searched"))
    judged = [named(name) for name in ("unique", "single-writer")]
    found = list(search(Sought("off", (), (), None, ()), judged, (), lambda: False))
    assert {each.property for each in found if isinstance(each, Found)} == {"unique", "single-writer"}
    for each in found:
        assert isinstance(each, Found)
        assert (each.run.fence, each.run.breaks, each.run.dropped) == ("off", each.property, ())
        assert breaks(each.run, named(each.property))


def test_a_kept_run_counts_where_it_can_be_taken_only() -> None:
    unique = [named("unique")]
    assert breaking("off", unique)
    assert not breaking("save-cas", unique)
    assert not breaking("off", unique, nodes=1)
    assert not breaking("off", unique, assumptions=[assumption("no-tso-servers")])
    meets = breaking("off", unique, assumptions=[assumption("clocks-agree")])["unique"]
    assert met(meets, [assumption("clocks-agree")])
    guard = ("load_window", "timestamp key holds what it should")
    without = breaking("save-cas", unique, dropped=[guard])["unique"]
    assert without.dropped == (guard,)
    assert breaks(without, unique[0])
    assert not breaking("off", [named("key-monotone")])


def test_a_kept_run_of_a_step_that_a_fence_forbids_is_none() -> None:
    """Though it be taken up to its last step."""
    fence = Variant("nobody-grants", "")
    fence.guard("grant", "never", FALSE)
    assert not breaking(fences.add(fence), [named("unique")])


def test_kept_runs_are_read_as_they_were_written() -> None:
    for there in (known.kept(), known.stricter()):
        assert known.read(known.written(there)) == there


def test_a_run_of_a_stricter_fence_is_tried_last() -> None:
    """It refutes fences of one's own at once; what comes with tsofence shows what it showed before."""
    epoch = fences.take(str(OWN / "epoch.py"))
    asked = [named(name) for name in ("unique", "session", "one-live")]
    assert breaking(epoch, asked).keys() == {"unique", "session", "one-live"}
    assert breaking(epoch, asked, runs=known.kept()).keys() == {"session", "one-live"}
    assert breaking("off", asked) == breaking("off", asked, runs=known.kept())


def test_whatever_may_happen_may_happen_where_runs_are_looked_for() -> None:
    worlds = [*runs.sought_in()]
    assert all(any(each.allows(fault) for each in worlds) for fault in scenarios.FAULTS)


def test_a_fault_that_no_scenario_has_shows_that_a_fence_is_wrong() -> None:
    """Whoever campaigns needs both election keys absent: a save that is nobody's lands all the same."""
    both_keys = Variant("both-keys", "a campaign needs both election keys absent")
    both_keys.guard("campaign", "nobody leads", state.leader == NOBODY)
    both_keys.guard("campaign", "nobody is primary", state.primary == NOBODY)
    name = fences.add(both_keys)
    assert breaking(name, [named("single-writer")]) == {}
    told = found_by(Sought(name, ("single-writer",), (), None, ()))
    (run,) = (each.run for each in told if isinstance(each, Found))
    assert "find_nobody" in {move.transition for move in run.moves}
    assert breaks(run, named("single-writer"))


def test_a_run_is_taken_with_steps_that_a_fence_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two PDs that serve at once after waiting, both of which look for a TSO primary in between."""
    asked, fence = [named("two-of-a-kind")], "check-tso-primary+wait-out"
    run = breaking(fence, asked)["two-of-a-kind"]
    (waiting,) = (each for each in known.kept() if (each.fence, each.breaks) == ("wait-out", run.breaks))
    assert breaking(fence, asked, runs=[waiting]) == {"two-of-a-kind": run}
    assert [move for move in run.moves if move.transition != "find_no_primary"] == [*waiting.moves]
    assert len(run.moves) > len(waiting.moves)
    monkeypatch.setattr(known, "_BETWEEN", 0)
    assert breaking(fence, asked) == {}


def test_a_run_is_taken_without_steps_that_a_build_has_not() -> None:
    run = next(each for each in known.kept() if (each.fence, each.breaks) == ("off", "one-live"))
    assert "find_own_key" in {move.transition for move in run.moves}
    found = breaking("release-8.5", [named("one-live")], runs=[run])["one-live"]
    assert [*found.moves] == [move for move in run.moves if move.transition != "find_own_key"]


def test_no_fault_lets_a_run_go_on() -> None:
    """A TSO server that has to be started anew before it campaigns: it does not crash for that."""
    anew = Variant("anew", "a TSO server that has not been started anew wins no election")
    started = anew.per_server("started", BOOL)
    anew.effect("restart", {"started": TRUE})
    anew.guard("campaign", "has been started", either(negate(state.is_tso[SELF]), started[SELF]))
    name = fences.add(anew)
    assert breaking(name, [named("one-live")]) == {}


def test_a_build_that_keeps_no_window_is_refuted_at_once() -> None:
    """The lemmas leave no doubt of it, but some step does not keep them."""
    assert breaking("release-6.5", [named("window")]).keys() == {"window"}


def test_a_run_that_is_kept_stays_until_a_shorter_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "single-writer"
    run = next(each for each in known.kept() if (each.fence, each.breaks) == ("off", name))
    shorter, longer = replace(run, moves=run.moves[1:]), replace(run, moves=(*run.moves, run.moves[-1]))
    monkeypatch.setattr(ship, "SYSTEMS", ("off",))
    monkeypatch.setattr(ship, "_unproved", lambda _: [name])
    monkeypatch.setattr(known, "kept", lambda: (run,))
    for told, there in (([], [run]), ([longer], [run]), ([shorter], [run, shorter])):
        found = [Found(name, each) for each in told]
        monkeypatch.setattr(ship, "searched", lambda *_, found=found: iter(found))
        assert ship.find() == there


def test_a_run_of_a_stricter_fence_stays_while_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ship, "in_doubt", lambda _: ["unique"])
    monkeypatch.setattr(ship, "searched", lambda *_: iter(()))
    files = [OWN / "tso_only.py"]
    (run,) = ship.find_stricter((), files)
    assert run in known.stricter()
    assert ship.find_stricter([run], files) == []


@pytest.mark.large
def test_no_shipped_system_needs_a_search() -> None:
    """Whatever lemmas alone do not give is broken by a run that is kept; else: `make known`."""
    for fence in ship.SYSTEMS:
        doubted = ship.in_doubt(fence)
        found = breaking(fence, [named(name) for name in doubted])
        assert set(doubted) == set(found), fence


@pytest.mark.large
def test_runs_that_go_on_forever_are_those_that_are_found() -> None:
    """Else: `make known`."""
    kept = [run for run in known.lasting() if run.fence.endswith("+check-tso-primary")]
    assert ship.find_lasting(["check-tso-primary"]) == kept != []


@pytest.mark.large
def test_a_run_that_only_many_states_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two PDs that serve at once under an own fence: neither proved nor among the first 400,000 states."""
    only(monkeypatch, "pd-failover")
    levels(monkeypatch, 200, 8_000, runs.MOST)
    fence = fences.take(str(OWN / "load_in_transaction.py"))
    told = found_by(Sought(f"check-tso-primary+{fence}", ("two-of-a-kind",), (), None, ()))
    (run,) = (each.run for each in told if isinstance(each, Found))
    assert breaks(run, named("two-of-a-kind"))


def test_what_stays_unknown_says_how_far_it_was_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "rolling-upgrade")
    levels(monkeypatch, 200, 300, 400)
    here = fences.whole(fences.add(Variant("here-alone", "changes nothing")))
    proof = prove(here, named("key-monotone"), lemmas=())
    (looked,) = proof.looked
    assert (proof.verdict, looked.scenario, looked.whole) == ("unknown", "rolling-upgrade", False)
    (told,) = results.proved([proof], {}).results
    (document,) = told.looked
    assert (document.states, document.steps) == (looked.states, looked.steps)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(proved([proof], {}, details=False))
    text = console.export_text()
    assert f"no run was found of up to {looked.steps} steps in rolling-upgrade. That proves nothing." in text


def test_what_is_decided_does_not_say_how_far_it_was_looked() -> None:
    assert prove(OFF, named("real-time")).looked == ()


def told_beside(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Which properties another process proves, where any is worth one."""
    told: dict[str, bool] = {}
    ask = Beside.proof

    def asked(self: Beside, prop: Property) -> Plain | None:
        plain = ask(self, prop)
        told[prop.name] = plain is not None
        return plain

    monkeypatch.setattr(Beside, "proof", asked)
    monkeypatch.setattr(beside, "WORTH", 0)
    monkeypatch.setattr(beside, "START", 0)
    monkeypatch.setattr(beside, "cores", lambda: 2)
    return told


def both_of(fence: Variant, dropped: Sequence[tuple[str, str]] = ()) -> list[Proof]:
    found = prove_all([(fence, named(name)) for name in ("key-monotone", "window")], dropped=dropped)
    plain = [[replace(each, seconds=0.0) for each in proof.obligations] for proof in found]
    return [replace(p, seconds=0.0, obligations=(*each,)) for p, each in zip(found, plain, strict=True)]


def test_what_another_process_proves_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = both_of(OFF)
    told = told_beside(monkeypatch)
    shared = both_of(OFF)
    # of which most is to be shown stays here, and nobody waits for the other meanwhile
    assert [*told.items()] == [("window", False), ("key-monotone", True)]
    for one, other in zip(alone, shared, strict=True):
        assert [each.name for each in one.lemmas] == [each.name for each in other.lemmas]
        assert one.constraints == other.constraints
        assert replace(one, lemmas=()) == replace(other, lemmas=())
    assert [proof.verdict for proof in shared] == ["proved", "proved"]


def test_another_system_of_that_name_is_proved_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process knows by a name need not be what was asked about."""
    mine = Variant("off", "another")
    mine.guard("grant", "never", FALSE)
    told = told_beside(monkeypatch)
    assert [proof.verdict for proof in both_of(mine)] == ["proved", "vacuous"]
    assert told == {"key-monotone": False, "window": False}

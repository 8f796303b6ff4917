"""A certificate of a proof by a rank shows what the proof does; none passes that lacks a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tsofence import __version__
from tsofence.checker.certificates import manifest
from tsofence.checker.certificates.manifest import Claim, Manifest
from tsofence.checker.certificates.ranked import ANY_STATE, Ranked, task
from tsofence.checker.certificates.solvers import Solver, solver
from tsofence.checker.certificates.verify import verify
from tsofence.checker.certificates.write import certificate
from tsofence.checker.proof.prove import prove
from tsofence.checker.proof.ranking import FAIR, Ranking
from tsofence.model.pd import state
from tsofence.model.variants import fences
from tsofence.specs.constraints import CONSTRAINTS
from tsofence.specs.liveness import named
from tsofence.specs.ranks import Rank
from tsofence.traces.tell.certified import verified

OLD, MASTER, WAITS = "release-7.5", "master-2026-08", "master-2026-08+wait-out"
READY = named("ready")


def ranked(fence: str = OLD) -> Ranked:
    made = task(fences.whole(fence), READY, None, (), CONSTRAINTS, ())
    assert isinstance(made, Ranked)
    return made


def claims(asked: Ranked) -> tuple[Claim, ...]:
    return tuple(asked.claim(each.name, each.meaning, each.claim) for each in asked.rank.lemmas)


def with_rank(asked: Ranked, **changed: object) -> Ranked:
    return replace(asked, rank=replace(asked.rank, **changed))  # type: ignore[arg-type]  # as in a rank


def without(asked: Ranked, part: str) -> Ranked:
    (gone,) = (each for each in asked.rank.parts if each.meaning == part)
    return with_rank(asked, parts=tuple(each for each in asked.rank.parts if each is not gone))


def failing(asked: Ranked, *steps: str) -> Iterator[tuple[str, str]]:
    """The checks of these steps, or of any state, that cvc5 does not refute: the step and what they show."""
    by = solver("cvc5")
    for each in asked.texts(claims(asked)):
        if each.transition in steps:
            answers = by.answers(Path(), each.text, len(each.checks))
            for check, answer in zip(each.checks, answers, strict=True):
                if answer != "unsat":
                    yield each.transition, check.step or check.shows


def test_every_obligation_of_the_proof_is_in_it() -> None:
    asked = ranked()
    ranking = Ranking(asked.fence, READY, asked.rank)
    checks = [check for each in asked.texts(claims(asked)) for check in each.checks]
    looked_up = len(asked.rank.helpful)  # that they are fair is no question to a solver
    assert len(checks) + looked_up == len(ranking)
    assert sum(check.shows == "possibility" for check in checks) == looked_up
    assert FAIR not in {check.shows for check in checks}


def test_another_solver_agrees_and_misses_what_is_left_out() -> None:
    whole = ranked()
    steps = ("revoke", "commit", ANY_STATE)
    assert not {*failing(whole, *steps)}
    assert ("revoke", "descent") in failing(without(whole, "servers that close"), "revoke")
    last = "steps of a save that is left of its last term, then of its sync"
    assert ("commit", "progress") in failing(without(whole, last), "commit")
    idle = tuple(each for each in whole.rank.helpful if each.transition != "raft_elects")
    assert {*failing(with_rank(whole, helpful=idle), ANY_STATE)} == {(ANY_STATE, "help")}
    always = tuple(replace(each, when=state.etcd_answers()) for each in whole.rank.helpful)
    assert (ANY_STATE, "commit") in failing(with_rank(whole, helpful=always), ANY_STATE)
    ends = tuple(each for each in whole.rank.faults if each != "crash")
    assert ("crash", "descent") in failing(with_rank(whole, faults=ends), "crash")


def test_a_step_of_time_has_to_be_chosen_so_that_it_can_be_taken() -> None:
    whole = ranked(WAITS)
    assert not {*failing(whole, "tick", ANY_STATE)}
    no_time = tuple(
        replace(each, chosen=dict.fromkeys(each.chosen, state.NO_TIME)) for each in whole.rank.helpful
    )
    assert {*failing(with_rank(whole, helpful=no_time), ANY_STATE)} == {(ANY_STATE, "tick")}
    unsaid = tuple(replace(each, chosen={}) for each in whole.rank.helpful)
    with pytest.raises(ValueError, match="tick is said to help, whatever by is"):
        list(with_rank(whole, helpful=unsaid).texts(()))


def test_a_step_that_nobody_has_to_take_helps_nobody() -> None:
    unfair = replace(READY, fairness={name: how for name, how in READY.fairness.items() if name != "commit"})
    with pytest.raises(ValueError, match="commit is said to help, and may be put off forever"):
        list(replace(ranked(), liveness=unfair).texts(()))


def test_a_certificate_says_what_it_rests_on_and_is_compared_with_the_rank(tmp_path: Path) -> None:
    rank: Rank = ranked().rank
    proof, texts = certificate(
        OLD,
        READY,
        rank.lemmas,
        assume=(),
        constraints=(),
        nodes=None,
        dropped=(),
        solver=("z3", "0"),
    )
    assert proof.given == rank.granted()
    (tmp_path / proof.folder).mkdir()
    for file, text in texts.items():
        (tmp_path / proof.folder / file).write_text(text, encoding="utf-8")
    yes = Solver("yes", "", lambda file, text: "unsat\n" * text.count("(check-sat)"))
    for changed, verdict, note in (
        ({}, "verified", ""),
        ({"fence": "hook"}, "unknown", "written for another system"),
        ({"build": "pull-10473-base"}, "unknown", "no rank is known of ready under off"),
        ({"property": "takeover"}, "unknown", "no proof is known of 'takeover'"),
    ):
        listed = msgspec.structs.replace(proof, **changed)
        text = manifest.as_text(Manifest(manifest.FORMAT, __version__, (listed,)))
        (tmp_path / manifest.FILE).write_text(text, encoding="utf-8")
        (found,) = verify(tmp_path, yes)
        assert found.verdict == verdict
        assert note in found.note
        shown = StringIO()
        Console(width=200, file=shown, color_system=None).print(verified([found], yes))
        assert "for granted: there is a PD; no step of these is put off forever" in shown.getvalue()


@pytest.mark.large
@pytest.mark.parametrize("fence", [OLD, "release-8.5+save-cas", "master-2026-08+yielded-flag"])
def test_shipped_ranks_are_verified(fence: str) -> None:
    found = prove(fences.whole(fence), READY)
    assert found.verdict == "proved"
    asked = replace(ranked(fence), constraints=tuple(found.constraints))
    steps = [each.transition for each in asked.texts(())]
    assert not {*failing(asked, *steps)}

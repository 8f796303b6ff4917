"""A run file is judged on its grants, whatever an observer remembers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tsofence.checker.run import Run
from tsofence.traces.runs import files as run_files
from tsofence.traces.runs.rerun import rerun
from tsofence.traces.sources.observation import NS_PER_MS

GOLDEN = Path(__file__).parents[1] / "runs" / "tso-restart.check-tso-primary.unique.json"


def verdicts(run: Run) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {each.property: (each.verdict, each.steps) for each in rerun(run, [], []).properties}


def blind(run: Run) -> Run:
    """The same run; the observer remembers nothing."""
    return replace(
        run,
        moves=tuple(
            replace(move, inputs={**move.inputs, "note": 0, "pick": 1})
            if move.transition == "grant"
            else move
            for move in run.moves
        ),
    )


def recorded(run: Run) -> Run:
    """The run as replay would write it: in ns, without an observer, and not there to break anything."""
    return replace(
        blind(run),
        constants={
            name: value if name in ("limit", "dynamic", "registry") else value * NS_PER_MS
            for name, value in run.constants.items()
        },
        first={
            place: value * NS_PER_MS if place[0] == "now" else value for place, value in run.first.items()
        },
        moves=tuple(
            replace(move, inputs={k: v * NS_PER_MS if k == "by" else v for k, v in move.inputs.items()})
            for move in blind(run).moves
        ),
        breaks=None,
    )


@pytest.fixture
def golden() -> Run:
    return run_files.load(GOLDEN)


def test_the_observer_does_not_matter(golden: Run) -> None:
    assert verdicts(blind(golden)) == verdicts(golden)
    assert verdicts(golden)["unique"] == ("violated", (20,))
    assert verdicts(golden)["real-time"] == ("violated", (20,))


def test_what_was_granted_before_the_run_counts(golden: Run) -> None:
    """A counterexample to induction may begin with a grant that the observer remembers."""
    first = {**golden.first, ("noted", 0): 1, ("noted_physical", 0): 1 << 40}
    whole = verdicts(replace(blind(golden), first=first))
    granting = tuple(number for number, move in enumerate(golden.moves, 1) if move.transition == "grant")
    assert whole["real-time"] == ("violated", granting)
    assert whole["unique"] == ("violated", (20,))


def test_an_explanation_with_a_duplicate_violates_unique(golden: Run) -> None:
    found = verdicts(recorded(golden))
    assert found["unique"] == ("violated", (20,))
    assert found["real-time"] == ("unknown", ())  # whether the calls overlapped is not in a run
    assert found["key-monotone"] == ("holds", ())


def test_an_explanation_without_one_cannot_tell(golden: Run) -> None:
    run = recorded(golden)
    assert run.moves[-1].transition == "grant"
    found = rerun(replace(run, moves=run.moves[:-1]), [], []).properties
    told = {each.property: each.note for each in found if each.verdict == "unknown"}
    assert {"window", "unique", "real-time", "session"} <= set(told)
    assert all(told.values())
    assert verdicts(replace(golden, moves=golden.moves[:-1]))["unique"] == ("holds", ())

"""Which assumptions are enough: proved with them, and violated by a real run without any one of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from tsofence.checker.proof import known
from tsofence.checker.proof import weakest as finding
from tsofence.checker.proof.prove import prove
from tsofence.checker.proof.weakest import KnownRuns, Weakest, weakest
from tsofence.checker.proof.witness import met
from tsofence.checker.run import Run, breaks
from tsofence.cli import main
from tsofence.model.variants import fences
from tsofence.specs.assumptions import ASSUMPTIONS
from tsofence.specs.properties import named

from ..documents import read_document


def needs(fence: str, prop: str, runs: KnownRuns | None = None) -> Weakest:
    return weakest(fences.whole(fence), named(prop), runs=runs)


def refutes(run: Run | None, prop: str, taken: Sequence[str]) -> bool:
    """A real run that breaks the property, and whose every step meets these."""
    assert run is not None
    assert run.reachable
    return breaks(run, named(prop)) and set(taken) <= met(run, ASSUMPTIONS)


def test_none_is_needed() -> None:
    found = needs("save-cas", "key-monotone")
    assert [each.assumptions for each in found.sufficient] == [()]
    assert (found.sufficient[0].verdict, found.violated) == ("proved", None)


def test_one_is_enough_and_needed() -> None:
    """And what the run without it breaks is proved with it, by the prover itself."""
    found = needs("check-tso-primary", "single-writer")
    proved = [each for each in found.sufficient if each.verdict == "proved"]
    assert [each.assumptions for each in proved] == [("service-mode-only",)]
    run = proved[0].without["service-mode-only"]
    assert refutes(run, "single-writer", ())
    assert run is not None
    assert "service-mode-only" not in met(run, ASSUMPTIONS)
    assert (
        prove(fences.whole("check-tso-primary"), named("single-writer"), assume=["service-mode-only"]).verdict
        == "proved"
    )


def test_none_is_enough() -> None:
    """Without a fence PD writes beside a TSO primary, whatever else is granted; without TSO servers that says
    nothing."""
    found = needs("off", "single-writer")
    assert [(each.assumptions, each.verdict) for each in found.sufficient] == [
        (("no-tso-servers",), "vacuous")
    ]
    assert len(found.beside) == 2
    for names, run in found.beside.items():
        assert len(names) == len(ASSUMPTIONS) - 2  # all but that one and the other mode
        assert refutes(run, "single-writer", names)


def test_a_set_is_enough_only_as_a_whole() -> None:
    found = needs("off", "one-live")
    (enough,) = found.sufficient
    assert enough.assumptions == ("no-tso-servers", "no-stale-deletes")
    assert refutes(enough.without["no-tso-servers"], "one-live", ("no-stale-deletes",))


def test_a_guard_that_is_dropped_takes_the_proof_with_it() -> None:
    """In service mode it is the check alone that is enough: without it nothing is."""
    dropped = tuple((step, "no TSO primary") for step in ("commit", "commit_answer_lost"))
    found = needs("check-tso-primary", "single-writer", KnownRuns(dropped))
    assert not [each for each in found.sufficient if each.verdict == "proved"]
    assert any(
        run is not None and "service-mode-only" in names and refutes(run, "single-writer", names)
        for names, run in found.beside.items()
    )


def test_runs_that_are_kept_are_known_where_they_can_be_taken() -> None:
    (run, *more) = KnownRuns().of("off", named("two-of-a-kind"))
    assert all(breaks(each, named("two-of-a-kind")) for each in (run, *more))
    assert not [*KnownRuns().of("off", named("key-monotone"))]
    assert [*KnownRuns().of("release-6.5", named("key-monotone"))]
    name = "single-writer"
    assert not [run for run in known.kept() if (run.fence, run.breaks) == ("release-8.3", name)]
    carried = [*KnownRuns().of("release-8.3", named(name))]
    assert carried, "a run of the base, without the look at the election key"
    assert all(breaks(run, named(name)) and run.fence == "release-8.3" for run in carried)


def test_a_set_that_falls_short_is_not_called_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no run is kept, and the search looks at no state, nothing is said to be needed."""
    monkeypatch.setattr(known, "kept", tuple)
    monkeypatch.setattr(finding.KnownRuns, "search", lambda *_: None)
    found = needs("off", "two-of-a-kind")
    (enough,) = found.sufficient
    assert dict(enough.without) == {"no-stale-deletes": None}
    assert found.violated is None


def test_on_the_command_line() -> None:
    asked = ["prove", "--weakest", "--fence", "check-tso-primary", "--property", "single-writer"]
    done = CliRunner().invoke(main, [*asked, "--json", "-"])
    assert done.exit_code == 1
    (need,) = read_document(done.stdout)["needs"]
    assert (need["verdict"], need["interrupted"]) == ("violated", False)
    proved = need["sufficient"][0]
    assert (proved["assumptions"], proved["verdict"]) == (["service-mode-only"], "proved")
    assert proved["without"][0]["steps"] == len(proved["without"][0]["counterexample"]["moves"])
    assert "proved if service-mode-only" in " ".join(done.stderr.split())


def test_only_what_can_be_answered_is_asked() -> None:
    done = CliRunner().invoke(main, ["prove", "--weakest", "--nodes", "3"])
    assert done.exit_code == 2
    assert "--weakest" in done.stderr

"""What recordings of other builds say of themselves, and that replay reads them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tsofence.model.language.transition import Kind
from tsofence.traces.explain.conformance import Refused
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.sources.builds import recognise
from tsofence.traces.sources.reading import read

TESTS = Path(__file__).parents[1]
R85 = TESTS / "recordings" / "r85-transfer-small"
#: rebuilt from what was reported: logs of 8.5 that begin without the lines that name the release
REPORTED = TESTS / "reports" / "api-service-8.5"
TSO2 = "tso2"


@pytest.mark.parametrize(
    ("folder", "expected", "why"),
    [
        (R85, {"release-8.5"}, "release v8.5.7"),
        (REPORTED, {"release-8.3", "release-8.5"}, '"API Service leader is ready to serve"'),
        (TESTS / "recordings" / "master-transfer-small", {"master-2026-08"}, "commit a186e0cc61"),
        (TESTS / "recordings" / "pr-intervals-differ", {"pull-10473-base"}, "commit c67277a89e"),
        # made without version and commit
        (TESTS / "recordings" / "pr8780", {"pull-8780"}, '"failed to switch TSO provider back to PD'),
        (
            TESTS / "recordings" / "upgrade-fenced",
            {"pull-10473-base"},
            '"tso microservice primary exists, PD',
        ),
        (TESTS / "recordings" / "upgrade-unfenced", {"pull-10473-base"}, '"try to update the tso but failed'),
        (TESTS / "recordings" / "soak", {"nextgen-8.5.4", "pull-10473-base"}, '"closing the TSO allocator"'),
    ],
)
def test_the_build_of_a_recording(folder: Path, expected: set[str], why: str) -> None:
    trace = read(folder.glob("*.log.gz"))
    found = recognise(trace.versions)
    assert set(found.builds) == expected
    assert found.why.startswith(why)
    assert {version.server for version in trace.versions} == {start.server for start in trace.starts}


def conforms(report: Report) -> dict[str, bool | None]:
    return {verdict.fence: verdict.conforms for verdict in report.fences}


def test_a_tso_server_of_8_5_saves_without_being_primary() -> None:
    """Where a save compares the leader, that is refused."""
    assert conforms(replay(read([R85]))) == {"release-8.5": True}
    report = replay(read([R85]), ["off", "check-tso-primary", "nextgen-8.5.4"])
    assert set(conforms(report).values()) == {False}
    for verdict in report.fences:
        assert verdict.revision == 21
        assert Refused("client_begin", TSO2, "leadership is granted") in verdict.refused_by


def test_who_is_expected_on_master_goes_before_the_winner_serves() -> None:
    folder = TESTS / "recordings" / "master-transfer-small"
    assert conforms(replay(read([folder]))) == {"master-2026-08": True}
    (before,) = replay(read([folder]), ["off"]).fences
    assert (before.conforms, before.revision) == (False, 25)
    assert Refused("expected_key_goes", TSO2, "it does not serve") in before.refused_by


def test_a_pd_of_pull_8780_hands_over_to_a_primary_that_is_expected() -> None:
    folder = TESTS / "recordings" / "pr8780"
    report = replay(read(path for path in folder.iterdir() if not path.name.startswith("client-")))
    assert conforms(report) == {"pull-8780": True}
    (verdict,) = report.fences
    assert verdict.run is not None
    steps = [move.transition for move in verdict.run.moves]
    (tso,) = [n for n, kind in enumerate(verdict.run.kinds, 1) if kind is Kind.TSO]
    assert steps.count("stop_allocator") == 2
    at = steps.index("stop_allocator")
    assert steps[at - 3 : at] == ["poll_registry", "probe_tso_primary", "look_for_ready_primary"]
    assert steps.index("expects_itself") < at
    # the two are PUT and DELETE of the key, which a PD of other builds does not wait for
    assert [steps.count(name) for name in ("expects_itself", "expected_key_goes")] == [2, 2]
    assert {move.server for move in verdict.run.moves if move.transition == "expects_itself"} == {tso}
    assert not any("do not have" in note or "does not have" in note for note in report.notes)


def test_merged_with_master_it_never_would() -> None:
    folder = TESTS / "recordings" / "pr8780"
    trace = read(path for path in folder.iterdir() if not path.name.startswith("client-"))
    (verdict,) = replay(trace, ["pull-8780-on-master"], properties=()).fences
    assert verdict.conforms is False


#: in which the leader before saves after the next one was elected
STALE = TESTS / "reports" / "stale-leader"


@pytest.mark.parametrize(
    ("build", "fits"),
    [
        ("off", False),
        ("check-tso-primary", False),
        ("nextgen-8.5.4", False),
        ("master-2026-08", False),
        ("release-6.5", False),
        ("release-7.5", True),
        ("release-8.5", True),
    ],
)
def test_a_former_leader_saves_where_no_leader_is_compared(build: str, fits: bool) -> None:
    (verdict,) = replay(read([STALE]), [build], properties=()).fences
    assert verdict.conforms is fits
    assert fits or verdict.revision == 45


def test_other_builds_are_tried_where_no_log_tells() -> None:
    untold = replace(read([R85]), versions=())
    assert recognise(untold.versions).why == "no log tells the build"
    found = conforms(replay(untold))
    assert found["off"] is found["check-tso-primary"] is False
    assert found["release-8.5"] is True


def test_the_mode_of_a_pd_that_calls_itself_api_service() -> None:
    trace = read([REPORTED])
    assert [start.api_mode for start in trace.starts if start.server == "pd1"] == [True]
    assert conforms(replay(trace, ["off"])) == {"off": True}


def test_without_the_log_of_that_pd_its_mode_is_not_known() -> None:
    trace = read(file for file in REPORTED.iterdir() if not file.name.startswith("pd-"))
    assert conforms(replay(trace, ["off"])) == {"off": None}


def test_a_pd_is_known_by_the_address_at_which_it_listens() -> None:
    """It advertises another one, at which something slow stands before it."""
    found = replay(read([TESTS / "recordings" / "pr-slow-load-small"]), ["off"])
    assert {each.property: each.verdict for each in found.properties}["one-live"] == "holds"
    unused = next(note for note in found.notes if note.endswith("do not say which server answered"))
    assert unused.startswith("not used: 1005 ")

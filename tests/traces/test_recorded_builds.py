"""What recordings of other builds say of themselves, and that replay reads them."""

from pathlib import Path

import pytest

from tsofence.traces.explain.conformance import Refused
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.sources.builds import recognise
from tsofence.traces.sources.reading import read

TESTS = Path(__file__).parents[1]
R85 = TESTS / "recordings" / "r85-transfer-small"
#: rebuilt from what was reported: logs of 8.5 that begin without the lines that name the release
REPORTED = TESTS / "reports" / "api-service-8.5"
TSO2 = "http://127.0.0.1:27479"


@pytest.mark.parametrize(
    ("folder", "expected", "why"),
    [
        (R85, {"release-8.5"}, "release v8.5.7"),
        (REPORTED, {"release-8.5"}, '"API Service leader is ready to serve"'),
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
    """That no fence explains: in each of them a save compares the leader."""
    report = replay(read([R85]))
    assert conforms(report) == {"off": False, "check-tso-primary": False}
    for verdict in report.fences:
        assert verdict.revision == 21
        assert Refused("sync_load", TSO2, "leader") in verdict.refused_by


def test_the_mode_of_a_pd_that_calls_itself_api_service() -> None:
    trace = read([REPORTED])
    assert [start.api_mode for start in trace.starts if start.server == "pd1"] == [True]
    assert conforms(replay(trace, ["off"])) == {"off": True}


def test_without_the_log_of_that_pd_its_mode_is_not_known() -> None:
    trace = read(file for file in REPORTED.iterdir() if not file.name.startswith("pd-"))
    assert conforms(replay(trace, ["off"])) == {"off": None}

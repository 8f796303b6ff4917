"""Replay of recorded runs: the verdicts, the reasons given, and what a missing source changes."""

import gzip
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tsofence.checker.run import Run, breaks, follow
from tsofence.specs import properties
from tsofence.traces.explain.conformance import FenceVerdict, Refused
from tsofence.traces.explain.replay import NAMES as NAMES_OF_PROPERTIES
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.judge.judgement import Judgement
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Kind

RECORDINGS = Path(__file__).parents[1] / "recordings"
NAMES = ("upgrade-unfenced", "upgrade-fenced", "pd-failover")
CHECK = "check-tso-primary"
TSO = "tso1"
#: where the unfenced upgrade cannot be fenced: the PD's first save beside a TSO primary
SAVED_BESIDE = 24


def files(name: str, *beginnings: str) -> list[Path]:
    """The files of a recording whose names begin so."""
    return [path for path in sorted((RECORDINGS / name).iterdir()) if path.name.startswith(beginnings)]


@cache
def whole(name: str) -> Report:
    """The report on a recording, all of its files."""
    return replay(read([RECORDINGS / name]))


def of(report: Report, fence: str) -> FenceVerdict:
    (verdict,) = [verdict for verdict in report.fences if verdict.fence == fence]
    return verdict


def judged(report: Report, name: str) -> Judgement:
    (judgement,) = [judgement for judgement in report.properties if judgement.property == name]
    return judgement


def conforms(report: Report) -> dict[str, bool | None]:
    return {verdict.fence: verdict.conforms for verdict in report.fences}


def replayed(paths: Iterable[Path], *fences: str) -> Report:
    return replay(read(list(paths)), fences)


# --- the three recordings --------------------------------------------------------------------------


def test_the_unfenced_upgrade_violates_and_does_not_conform_to_the_fence() -> None:
    report = whole("upgrade-unfenced")
    assert (judged(report, "unique").verdict, judged(report, "unique").count) == ("violated", 39)
    assert (judged(report, "real-time").verdict, judged(report, "real-time").count) == ("violated", 5008)
    assert conforms(report) == {"off": True, CHECK: False}
    verdict = of(report, CHECK)
    assert verdict.revision == SAVED_BESIDE
    assert verdict.stopped_at is not None
    assert verdict.stopped_at.file.endswith(("etcd.jsonl.gz", "etcd-recv.jsonl.gz"))
    assert Refused("find_no_primary", "pd1", "no TSO primary") in verdict.refused_by
    assert Refused("update_begin", TSO, "window is used up") in verdict.refused_by
    assert "etcd events" in verdict.note


def test_the_unfenced_upgrade_has_two_writers_and_two_that_grant() -> None:
    report = whole("upgrade-unfenced")
    single_writer = judged(report, "single-writer")
    assert (single_writer.verdict, single_writer.count) == ("violated", 7)
    assert single_writer.witness is not None
    primary, save = single_writer.witness
    assert getattr(primary, "revision", None) == 21
    assert getattr(save, "revision", None) == 24
    one_live = judged(report, "one-live")
    assert one_live.verdict == "violated"
    assert one_live.witness is not None
    assert {getattr(call, "kind", None) for call in one_live.witness} == {"pd", "tso"}


def test_the_fenced_upgrade_conforms_to_the_fence_and_not_to_none() -> None:
    report = whole("upgrade-fenced")
    assert judged(report, "unique").verdict == "holds"
    real_time = judged(report, "real-time")
    assert (real_time.verdict, real_time.count, real_time.worst_ms) == ("violated", 647, 1700)
    assert conforms(report) == {"off": False, CHECK: True}
    verdict = of(report, "off")
    assert verdict.stopped_at is not None
    assert verdict.stopped_at.file.endswith("pd-pd1.log.gz")
    assert verdict.stopped_at.line == 110
    assert verdict.refused_by == (
        Refused("refused_by_fence", "pd1", "there is no such step under this fence"),
    )
    assert judged(report, "single-writer").verdict == "holds"
    assert judged(report, "one-live").verdict == "violated"


def test_failover_conforms() -> None:
    report = whole("pd-failover")
    assert conforms(report) == {"off": True, CHECK: True}
    assert judged(report, "unique").verdict == judged(report, "real-time").verdict == "holds"
    assert judged(report, "one-live").verdict == "holds"
    assert judged(report, "single-writer").verdict == "vacuous"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upgrade-unfenced", {"first-save-only": True, "hook": False, "save-cas": False}),
        pytest.param(
            # the PD's first try would have found the loaded window above its own, had it looked for a
            # TSO primary last: it read its clock before its line was written, 20 us too early for that
            *("upgrade-fenced", {"first-save-only": False, "hook": False, "save-cas": False}),
            marks=pytest.mark.large,
        ),
        ("pd-failover", {"first-save-only": True, "hook": True, "save-cas": True}),
    ],
)
def test_other_fences(name: str, expected: dict[str, bool]) -> None:
    assert conforms(replayed(files(name, "etcd", "pd-", "tso-"), *expected)) == expected


# --- fewer sources ---------------------------------------------------------------------------------


def test_the_fence_cannot_be_told_from_etcd_alone_and_the_report_says_what_would_tell() -> None:
    report = replayed(files("upgrade-fenced", "etcd"))
    assert conforms(report) == {"off": True, CHECK: True}
    assert any(
        "off and check-tso-primary explain the trace" in note and "logs" in note for note in report.notes
    )


@pytest.mark.parametrize("watch", ["etcd.jsonl", "etcd-recv", "etcd"])
def test_etcd_alone_refutes_the_fence(watch: str) -> None:
    report = replayed(files("upgrade-unfenced", watch))
    assert conforms(report) == {"off": True, CHECK: False}
    # the first of them might be the TSO server's, whose log is not there
    assert of(report, CHECK).revision == SAVED_BESIDE + 1
    assert judged(report, "single-writer").verdict == "violated"


def test_without_the_log_of_the_pd_nothing_tells_that_it_was_refused() -> None:
    found = conforms(replayed(files("upgrade-fenced", "etcd", "tso-")))
    # whose check is for PDs in API mode
    assert found == {"off": True, CHECK: True, "pull-8780": True}


@pytest.mark.parametrize("name", NAMES)
def test_each_log_missing(name: str) -> None:
    true = {fence for fence, verdict in conforms(whole(name)).items() if verdict}
    for missing in files(name, "pd-", "tso-"):
        kept = [path for path in files(name, "etcd", "pd-", "tso-") if path != missing]
        found = conforms(replayed(kept))
        assert all(found[fence] for fence in true), missing.name


def test_a_refusal_by_the_fence_needs_no_etcd_events_to_refute_none() -> None:
    verdict = of(replayed(files("upgrade-fenced", "pd-")), "off")
    assert verdict.conforms is False
    assert verdict.stopped_at is not None
    assert verdict.stopped_at.line == 110


@pytest.mark.parametrize("name", NAMES)
def test_clients_alone_tell_nothing_of_the_fence(name: str) -> None:
    report = replayed(files(name, "client"))
    assert set(conforms(report).values()) == {None}
    assert all(verdict.note for verdict in report.fences)


@pytest.mark.parametrize("first", range(2, 8, 2))
def test_a_watch_that_began_late(first: int, tmp_path: Path) -> None:
    """It still refutes the fence: by whom the key was held before is one of the states that fit."""
    report = replayed([*later(first, tmp_path), *files("upgrade-unfenced", "pd-", "tso-")])
    assert conforms(report) == {"off": True, CHECK: False}
    assert of(report, CHECK).revision == SAVED_BESIDE
    assert any("began late" in note for note in report.notes)


def later(first: int, folder: Path) -> list[Path]:
    (path,) = files("upgrade-unfenced", "etcd.jsonl")
    late = folder / "etcd.jsonl"
    late.write_bytes(b"".join(gzip.decompress(path.read_bytes()).splitlines(keepends=True)[first - 1 :]))
    return [late]


# --- what the report is made of ---------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_explanation_is_a_run(name: str) -> None:
    for verdict in whole(name).fences:
        run = verdict.run
        assert isinstance(run, Run)
        assert len(list(follow(run))) == len(run.moves) > 0
        assert verdict.explanations > 0


def test_the_run_of_an_unfenced_upgrade_breaks_what_the_report_says() -> None:
    run = of(whole("upgrade-unfenced"), "off").run
    assert run is not None
    prop = properties.named("single-writer")
    broken = False
    for length, move in enumerate(run.moves, 1):
        if move.transition == "commit":
            first = Run(
                run.title, run.fence, run.kinds, run.names, run.constants, run.first, run.moves[:length]
            )
            broken |= breaks(first, prop)
    assert broken


def test_sources_and_settings_are_in_the_report() -> None:
    report = whole("upgrade-fenced")
    assert {source.kind for source in report.sources} >= {Kind.WATCH, Kind.PD_LOG, Kind.TSO_LOG, Kind.CLIENT}
    assert report.settings.save_interval_ns == 3_000_000_000
    assert [judgement.property for judgement in report.properties] == list(NAMES_OF_PROPERTIES)


def test_only_the_properties_asked_for() -> None:
    report = replay(read(files("pd-failover", "etcd")), ("off",), properties=("one-live", "key-monotone"))
    assert [judgement.property for judgement in report.properties] == ["one-live", "key-monotone"]
    assert conforms(report) == {"off": True}


def test_unknown_names_are_refused() -> None:
    trace = read(files("pd-failover", "etcd"))
    with pytest.raises(ValueError, match="unknown fence"):
        replay(trace, ("none",))
    with pytest.raises(ValueError, match="unknown property"):
        replay(trace, properties=("speed",))


def test_progress_goes_up_to_the_total() -> None:
    told: list[tuple[int, int]] = []
    replay(read(files("upgrade-fenced", "etcd", "pd-")), progress=lambda *at: told.append(at))
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert len({total for _, total in told}) == 1
    assert told[-1][0] == told[-1][1]


def test_ctrl_c_leaves_what_was_found() -> None:
    def interrupt(done: int, _: int) -> None:
        if done == 300:
            raise KeyboardInterrupt

    report = replay(read(files("upgrade-fenced", "etcd", "pd-")), (CHECK, "off"), progress=interrupt)
    verdict = of(report, CHECK)
    assert verdict.conforms is None
    assert "interrupted" in verdict.note
    assert verdict.run is not None
    assert judged(report, "key-monotone").verdict == "holds"

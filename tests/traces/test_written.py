"""Lines of one millisecond in any order, as stores that know milliseconds keep them."""

import gzip
from itertools import groupby
from pathlib import Path
from random import Random

import pytest

from tsofence.traces.clocks.align import align
from tsofence.traces.explain.conformance import Tried, _contradicted, _if_in_turn
from tsofence.traces.explain.replay import replay
from tsofence.traces.explain.timeline import timeline
from tsofence.traces.explain.watched import Contradiction
from tsofence.traces.sources.observation import KeyEvent, LogEvent
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.wrapping import Line
from tsofence.traces.sources.written import in_turn

from ..recorded import RECORDINGS, replayed

LOGS = sorted(path for path in RECORDINGS.glob("*/*.log.gz") if "soak" not in path.parts)
FENCES = {
    "pd-failover": "check-tso-primary",
    "pr-slow-load-small": "check-tso-primary",
    "master-transfer-small": "master-2026-08",
    "r85-transfer-small": "release-8.5",
    "pr-intervals-differ": "check-tso-primary",
}


def lines_of(path: Path) -> list[bytes]:
    with gzip.open(path) as log:
        return log.read().splitlines()


def shuffled(lines: list[bytes], seed: int) -> list[bytes]:
    """The lines, those of one millisecond in any order."""
    random, found = Random(seed), list[bytes]()
    for time, of_one in groupby(lines, key=lambda line: line[:24]):
        group = [*of_one]
        if time.startswith(b"[2"):
            random.shuffle(group)
        found += group
    return found


def recorded_otherwise(name: str, folder: Path, seed: int) -> Path:
    for path in RECORDINGS.joinpath(name).iterdir():
        if path.name.endswith(".log.gz"):
            (folder / path.stem).write_bytes(b"\n".join(shuffled(lines_of(path), seed)) + b"\n")
        else:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("path", LOGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_a_server_wrote_stays_as_it_is(path: Path) -> None:
    lines = [Line(number, line) for number, line in enumerate(lines_of(path), 1)]
    assert [*in_turn(lines)] == lines
    newest_first = [Line(len(lines) + 1 - line.number, line.content) for line in lines]
    assert [*in_turn(newest_first)] == newest_first


@pytest.mark.parametrize("name", FENCES)
def test_any_order_is_explained(name: str, tmp_path: Path) -> None:
    report = replay(read([recorded_otherwise(name, tmp_path, 1)]), [FENCES[name]])
    assert report.fences[0].conforms
    verdicts = [each.verdict for each in report.properties]
    assert verdicts == [each.verdict for each in replayed(name, FENCES[name]).properties]


def test_lines_keep_their_numbers_and_have_another_place() -> None:
    head = "[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] "
    messages = ("campaign PD leader ok", "a line of no interest", "write leaderData to leaderPath ok")
    lines = [Line(at, f'{head}["{message}"]'.encode()) for at, message in enumerate(messages, 5)]
    assert [(line.number, line.number + line.moved) for line in in_turn(lines)] == [(6, 5), (7, 6), (5, 7)]
    of_two = [Line(line.number, line.content, str(at % 3)) for at, line in enumerate(lines)]
    assert [*in_turn(of_two)] == of_two  # another server wrote it


def test_what_cannot_be_put_right_is_said(tmp_path: Path) -> None:
    """A debug log has a line for each attempt, of several at once."""
    folder = recorded_otherwise("upgrade-fenced-debug", tmp_path, 0)
    trace = read([path for path in folder.iterdir() if not path.name.startswith("client")])
    (verdict,) = replay(trace, ["check-tso-primary"]).fences
    assert verdict.conforms is None
    assert "lines of one millisecond are in another order than they were written" in verdict.note


def test_a_sync_with_another_save_interval_names_both_lines(tmp_path: Path) -> None:
    for path in RECORDINGS.joinpath("pd-failover").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "pd-pd2.log.gz"
    lines = lines_of(path)
    at = next(at for at, line in enumerate(lines) if b"sync and save timestamp" in line)
    lines[at] = lines[at].replace(b"[next=2026/11/23 07:11:40.308", b"[next=2026/11/23 07:11:41.008")
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    (verdict,) = replay(read([tmp_path]), ["check-tso-primary"]).fences
    assert verdict.conforms is None
    start = next(n for n, line in enumerate(lines, 1) if b'"PD config"' in line)
    assert (
        f"{path}:{at + 1} saves 2.3 s ahead, and {path}:{start} tells a save interval of 3 s" in verdict.note
    )


def test_what_rests_on_an_order_that_is_lost_refutes_nobody(tmp_path: Path) -> None:
    """A line that others deny, as they stand; etcd's events have an order of their own."""
    orders = {
        name: timeline(align(read([folder])))
        for name, folder in (
            ("as written", RECORDINGS / "pd-failover"),
            ("lost", recorded_otherwise("pd-failover", tmp_path, 1)),
        )
    }
    of_log, of_etcd = (
        next(seen.where for seen in orders["lost"].seen if isinstance(seen.what, kind) and test(seen.where))
        for kind, test in ((LogEvent, lambda where: where.moved), (KeyEvent, lambda where: not where.moved))
    )
    for name, where, expected in (
        ("lost", of_log, None),
        ("lost", of_etcd, False),
        ("as written", of_log, False),
    ):
        denied = Contradiction(where, None, "campaign", "pd3", "another line denies it")
        tried = Tried(_contradicted("check-tso-primary", denied), None, None)
        verdict = _if_in_turn(tried, orders[name]).verdict
        assert verdict.conforms is expected
        assert (expected is None) is ("in another order than written" in verdict.note)

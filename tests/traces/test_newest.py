"""Logs whose newest line stands first, as log stores show and export them."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources import newest
from tsofence.traces.sources.observation import LogEvent, Where
from tsofence.traces.sources.reading import read

RECORDINGS = Path(__file__).parents[1] / "recordings"
LINE = '[2026/11/26 07:{} +00:00] [INFO] [server.go:1] ["campaign PD leader ok"]\n'
_GRANTED = (
    '[2026/11/26 07:{} +00:00] [INFO] [lease.go:77] ["lease granted"] [lease-id={}] [lease-timeout=3]\n'
)


def lines(name: str, log: str) -> list[bytes]:
    return gzip.decompress((RECORDINGS / name / f"{log}.gz").read_bytes()).splitlines(keepends=True)


def told(path: Path, *, total: int = 0) -> list[LogEvent]:
    """What a log says, with its lines counted from the end of a file of so many."""
    return [
        replace(event, where=Where("", total + 1 - event.where.line if total else event.where.line))
        for event in read([path]).logs
    ]


def test_it_says_what_it_says_with_the_oldest_first(tmp_path: Path) -> None:
    """Also where two lines that a server wrote at once stand in the wrong order, as some do here."""
    log = lines("pd-failover", "pd-pd3.log")
    one, other = tmp_path / "pd-pd3.log", tmp_path / "turned" / "pd-pd3.log"
    one.write_bytes(b"".join(log))
    other.parent.mkdir()
    other.write_bytes(b"".join(reversed(log)))
    assert told(other, total=len(log)) == told(one) != []
    (source,) = read([other]).sources
    assert source.assumed == "its newest line stands first: it was read from its end"


def test_a_replay_decides_as_much(tmp_path: Path) -> None:
    folder = RECORDINGS / "r85-transfer-small"
    for log in ("pd-pd1.log", "tso-tso1.log", "tso-tso2.log"):
        (tmp_path / log).write_bytes(b"".join(reversed(lines(folder.name, log))))
    (verdict,) = replay(
        read([folder / "etcd-recv.jsonl.gz", tmp_path]), ["release-8.5"], properties=()
    ).fences
    assert verdict.conforms is True


def test_one_that_is_too_large_to_be_turned_says_so_and_accuses_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "_MAX_HELD", 10_000)
    folder = RECORDINGS / "pr-slow-load-small"
    log = lines(folder.name, "pd-pd1.log")
    (tmp_path / "pd-pd1.log").write_bytes(b"".join(reversed(log)))
    trace = read([folder / "etcd-recv.jsonl.gz", tmp_path])
    source = next(each for each in trace.sources if each.file.endswith("pd-pd1.log"))
    assert not source.whole
    assert any("turn it round with tac" in reason for reason in source.reasons)
    assert replay(trace, ["check-tso-primary"], properties=()).fences[0].conforms is not False
    (tmp_path / "pd-pd1.log").write_bytes(b"".join(log))
    assert read([tmp_path]).sources[0].whole


def test_what_a_log_store_exports_of_two_servers(tmp_path: Path) -> None:
    """Grafana and logcli write a line in JSON, with the labels of its stream."""
    export = []
    for pod in ("pd-pd1", "pd-pd3"):
        log = lines("pd-failover", f"{pod}.log")
        (tmp_path / f"{pod}.log").write_bytes(b"".join(log))
        export += [(line[:25], {"line": line.decode().rstrip(), "labels": {"pod": pod}}) for line in log]
    for where, newest_first in (("oldest", False), ("newest", True)):
        ordered = [each for _, each in sorted(export, key=lambda each: each[0])]
        if newest_first:
            ordered.reverse()
        (tmp_path / where).write_text("".join(f"{json.dumps(each)}\n" for each in ordered))
    apart = told(tmp_path / "pd-pd1.log") + told(tmp_path / "pd-pd3.log")
    by_server = {event.server: [each for each in apart if each.server == event.server] for event in apart}
    total = sum(len(lines("pd-failover", f"pd-{name}.log")) for name in by_server)
    for where in ("oldest", "newest"):
        found = told(tmp_path / where, total=total if where == "newest" else 0)
        assert len(by_server) == 2
        for server, events in by_server.items():
            of_server = [event for event in found if event.server == server]
            assert [event.step for event in of_server] == [event.step for event in events]


@pytest.mark.parametrize(
    "times",
    [
        ("01:00.000", "01:00.001", "01:00.002"),
        ("01:00.003", "01:00.002", "01:00.001", "01:00.002"),  # as servers write that do much at once
        ("09:00.000", "01:00.000", "01:01.000", "01:02.000"),  # a clock that was set back
        ("09:00.000", "01:00.000"),
        ("09:00.000", "05:00.000", "01:00.000", "01:05.000"),
        ("01:00.000",) * 9,
    ],
)
def test_what_goes_up_is_read_as_it_stands(times: tuple[str, ...], tmp_path: Path) -> None:
    told = [_GRANTED.format(time, n) for n, time in enumerate(times, 1)]
    (tmp_path / "pd.log").write_text("".join(told))
    trace = read([tmp_path])
    assert trace.sources[0].assumed == ""
    assert [event.where.line for event in trace.logs] == [*range(1, len(times) + 1)]

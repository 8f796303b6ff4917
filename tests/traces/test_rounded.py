"""Recordings that went through a tool which knows no 64-bit integers."""

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.rounded import Integers

RECORDINGS = Path(__file__).parents[1] / "recordings"
FENCE = "check-tso-primary"


def jq(number: int) -> int:
    """As jq 1.6 writes it."""
    return round(Decimal(f"{float(number):.17g}"))


def javascript(number: int) -> int:
    return int(Decimal(repr(float(number))))


def double(number: int) -> int:
    return int(float(number))


def spreadsheet(number: int) -> int:
    """15 digits of it."""
    unit = int("1".ljust(1 + max(0, len(str(number)) - 15), "0"))
    return number // unit * unit


TOOLS = pytest.mark.parametrize("by", [jq, javascript, double, spreadsheet])


def through(by: Callable[[int], int], document: Any) -> Any:
    """JSON as a tool that rounds hands it on."""
    if isinstance(document, dict):
        return {key: through(by, value) for key, value in document.items()}
    if isinstance(document, list):
        return [through(by, each) for each in document]
    return by(document) if type(document) is int else document


def lines(name: str, file: str) -> list[str]:
    return gzip.decompress((RECORDINGS / name / f"{file}.gz").read_bytes()).decode().splitlines()


def rounded(by: Callable[[int], int], name: str, file: str, path: Path) -> Path:
    found = path / file
    found.write_text("".join(f"{json.dumps(through(by, json.loads(line)))}\n" for line in lines(name, file)))
    return found


LARGE = st.integers(1 << 58, (1 << 64) - 1)


@TOOLS
@given(numbers=st.lists(LARGE, min_size=20, max_size=30))
def test_what_was_rounded_is_told_from_what_was_not(by: Callable[[int], int], numbers: list[int]) -> None:
    told = {by(number) for number in numbers if by(number) < 1 << 64}
    assert Integers(told).rounded == (len(told) >= 3)
    assert not Integers([*told, (1 << 60) + 7]).rounded


def test_a_few_numbers_that_look_so_are_not_enough() -> None:
    assert not Integers([1 << 62, 1 << 63]).rounded
    assert not Integers([5, 7, 1 << 40, (1 << 53) - 2]).rounded
    assert not Integers().rounded


@TOOLS
def test_leases_that_were_rounded_are_not_compared(by: Callable[[int], int], tmp_path: Path) -> None:
    watch = rounded(by, "pd-failover", "etcd.jsonl", tmp_path)
    logs = sorted((RECORDINGS / "pd-failover").glob("pd-*"))
    trace = read([watch, *logs])
    (said,) = [source.assumed for source in trace.sources if source.assumed]
    assert said.startswith("lease ids are rounded: the file went through a tool")
    assert all(event.lease is None for event in trace.keys)
    assert replay(trace, [FENCE], properties=()).fences[0].conforms is True
    # without logs two leases may have become one
    assert replay(read([watch]), [FENCE], properties=()).fences[0].conforms is not False


@TOOLS
def test_a_stream_beside_it_that_was_not_rounded_tells_them(by: Callable[[int], int], tmp_path: Path) -> None:
    watch = rounded(by, "pd-failover", "etcd.jsonl", tmp_path)
    exact = RECORDINGS / "pd-failover" / "etcd-recv.jsonl.gz"
    told = {(event.revision, event.path): event.lease for event in read([exact]).keys}
    assert any(told.values())
    both = {(event.revision, event.path): event.lease for event in read([watch, exact]).keys}
    assert {place: both[place] for place in told} == told


def test_another_lease_than_the_log_grants_is_refuted_where_ids_are_exact(tmp_path: Path) -> None:
    watch = tmp_path / "etcd.jsonl"
    text = "\n".join(lines("pd-failover", "etcd.jsonl")) + "\n"
    lease = next(event.lease for event in read([RECORDINGS / "pd-failover"]).keys if event.lease)
    watch.write_text(text.replace(str(lease), str(jq(lease))))
    logs = sorted((RECORDINGS / "pd-failover").glob("pd-*"))
    trace = read([watch, *logs])
    assert not any(source.assumed for source in trace.sources)
    assert replay(trace, [FENCE], properties=()).fences[0].conforms is False


@TOOLS
def test_so_it_is_with_logs_in_json(by: Callable[[int], int], tmp_path: Path) -> None:
    """PD's own, whose fields are numbers; the same lines as text keep what they say."""
    log = tmp_path / "pd-pd3.log"
    line = '{{"level":"INFO","time":"2026/11/23 07:11:1{at}.000 +00:00","caller":"lease.go:75",'
    line += '"message":"lease granted","lease-id":{lease},"lease-timeout":3,"purpose":"leader election"}}'
    granted = [1680583762962069263 + at * 47_110_815 for at in range(3)]
    for lease in (int, by):
        log.write_text("".join(line.format(at=at, lease=lease(n)) + "\n" for at, n in enumerate(granted)))
        told = [event.lease for event in read([log]).logs]
        assert told == (granted if lease is int else [None] * 3)

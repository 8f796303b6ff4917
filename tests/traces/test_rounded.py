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
from tsofence.traces.judge.exact import judge
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


def samples(path: Path, by: Callable[[int], int], *, swapped: bool = False) -> Path:
    """The calls of a recording, each timestamp in one number; `swapped`: the last call got the first one."""
    found = []
    for line in lines("pd-failover", "client-pd3.jsonl"):
        call = json.loads(line)
        if not call.get("error"):
            times = [call["start_unix_ns"], call["end_unix_ns"]]
            found.append([call["kind"], call["endpoint"], *times, (call["physical"] << 18) + call["logical"]])
    if swapped:
        found[0][-1], found[-1][-1] = found[-1][-1], found[0][-1]
    rows = [[*call[:-1], by(call[-1])] for call in found]
    heads = ["kind", "endpoint", "start", "end", "tso"]
    if path.suffix == ".csv":
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in [heads, *rows]))
    else:
        path.write_text("".join(json.dumps(dict(zip(heads, row, strict=True))) + "\n" for row in rows))
    return path


ORDER = ("unique", "real-time", "session")


@TOOLS
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_timestamps_that_were_rounded_are_not_compared(
    by: Callable[[int], int], name: str, tmp_path: Path
) -> None:
    trace = read([samples(tmp_path / name, by)])
    (source,) = trace.sources
    assert source.rounded
    assert source.assumed.startswith("timestamps are rounded: ")
    whole = RECORDINGS / "pd-failover" / "etcd-recv.jsonl.gz"
    for judgement in judge(read([samples(tmp_path / name, by), whole]), [*ORDER, "window"]):
        assert judgement.verdict == "unknown"
        assert judgement.note.endswith(f"the timestamps in {tmp_path / name} are rounded")


@TOOLS
def test_what_is_out_of_order_by_more_than_that_is(by: Callable[[int], int], tmp_path: Path) -> None:
    trace = read([samples(tmp_path / "rows.csv", by, swapped=True)])
    verdicts = {each.property: each.verdict for each in judge(trace, ORDER)}
    assert verdicts == {"unique": "unknown", "real-time": "violated", "session": "violated"}


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_exact_ones_are_compared(name: str, tmp_path: Path) -> None:
    assert [each.verdict for each in judge(read([samples(tmp_path / name, int)]), ORDER)] == ["holds"] * 3


@TOOLS
def test_a_duplicate_among_exact_ones_is_one_beside_those_that_are_not(
    by: Callable[[int], int], tmp_path: Path
) -> None:
    exact = samples(tmp_path / "exact.csv", int)
    text = exact.read_text().splitlines(keepends=True)
    cells = text[1].split(",")
    again = ",".join([*cells[:2], *(str(int(cell) + 10**7) for cell in cells[2:4]), cells[4]])
    exact.write_text("".join([*text, again]))
    trace = read([exact, samples(tmp_path / "rounded.jsonl", by)])
    assert [source.rounded for source in trace.sources] == [False, True]
    (found,) = judge(trace, ["unique"])
    assert (found.verdict, found.count) == ("violated", 1)


def test_timestamps_in_two_parts_are_exact_whatever_they_are(tmp_path: Path) -> None:
    """A client that asks for 64 at once."""
    path = tmp_path / "rows.csv"
    rows = [f"{1795417880000 + at},64,64" for at in range(50)]
    path.write_text("\n".join(["physical,logical,count", *rows, ""]))
    assert not read([path]).sources[0].rounded


def test_they_refute_nothing(tmp_path: Path) -> None:
    """What is cut to 15 digits may be of the ms before, which no leader granted."""
    cut = samples(tmp_path / "rows.csv", spreadsheet)
    others = [path for path in (RECORDINGS / "pd-failover").iterdir() if not path.name.startswith("client-")]
    assert replay(read([cut, *others]), [FENCE], properties=()).fences[0].conforms is True

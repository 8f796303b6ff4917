"""Timestamps as people export them, and what a client's log says when time goes back."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.judge.exact import judge
from tsofence.traces.sources import samples
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import Call
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Kind, Trace
from tsofence.traces.tell.replayed import when_of
from tsofence.traces.tell.witnesses import as_csv

REPORTS = Path(__file__).parents[1] / "reports"
MS = 1_000_000
PHYSICAL = 1773184695175
AT = 1773184695177 * MS

SAMPLES = st.builds(
    Call,
    st.just("f"),
    st.integers(2, 2),
    st.sampled_from(["tidb-0", "a b", 'q"x', "é;,"]),
    st.sampled_from(["pd", "tso", "lib"]),
    st.sampled_from(["http://pd-0:2379", "pd-1"]),
    st.one_of(st.none(), st.integers(0, 9)),
    st.integers(AT, AT + 10**12),
    st.integers(AT + 10**12, AT + 10**13),
    st.integers(PHYSICAL, PHYSICAL + 10**9),
    st.integers(100, (1 << 18) - 1),
    st.integers(1, 100),
    st.none(),
)


def decoded(text: str, tally: Tally | None = None) -> list[Call]:
    lines = enumerate((line.encode() for line in text.split("\n")), 1)
    return list(samples.Reader("f", tally or Tally()).calls(lines))


def row(call: Call, *, packed: bool) -> dict[str, object]:
    parts: dict[str, object] = (
        {"TSO": call.physical << 18 | call.logical}
        if packed
        else {"Physical ms": call.physical, "logical": call.logical}
    )
    return {
        **parts,
        "n": call.count,
        "Start-Time": call.start_ns,
        "received at": call.end_ns,
        "instance": call.client,
        "server": call.endpoint,
        "kind": call.kind,
        "worker": "" if call.worker is None else call.worker,
        "comment": "nothing",
    }


@given(SAMPLES, st.booleans(), st.sampled_from(",;\t|"))
def test_tables_round_trip(call: Call, packed: bool, delimiter: str) -> None:
    made = row(call, packed=packed)
    text = io.StringIO()
    table = csv.DictWriter(text, made, delimiter=delimiter, lineterminator="\n")
    table.writeheader()
    table.writerow(made)
    tally = Tally()
    assert decoded(text.getvalue(), tally) == [call]
    assert not tally.reasons
    assert samples.recognise(text.getvalue().split("\n")[0].encode(), None)


@given(SAMPLES, st.booleans())
def test_json_lines_round_trip(call: Call, packed: bool) -> None:
    made = {name: value for name, value in row(call, packed=packed).items() if value != ""}
    assert decoded("\n" + json.dumps(made)) == [call]
    assert samples.recognise(b"{}", made)


@pytest.mark.parametrize(
    "time",
    [
        "1773184695177000000",
        "1773184695177000",
        "1773184695177",
        "1773184695.177",
        "2026-03-10T23:18:15.177Z",
        "2026-03-10 23:18:15.177",
        "2026-03-11T07:18:15.177+08:00",
    ],
)
def test_times_in_every_unit(time: str) -> None:
    (call,) = decoded(f"start,end,physical,logical\n{time},{time},{PHYSICAL},4\n")
    assert abs(call.start_ns - AT) < 1000  # a float has 16 digits
    assert call.start_ns == call.end_ns


def test_a_time_that_is_not_told_leaves_room() -> None:
    (call,) = decoded(f"time,tso\n2026-03-10 23:18:15.177,{PHYSICAL << 18}\n")
    assert (call.start_ns, call.end_ns) == (AT - samples.UNTOLD_NS, AT)
    (call,) = decoded(f"sent,tso\n{AT},{PHYSICAL << 18}\n")
    assert (call.start_ns, call.end_ns) == (AT, AT + samples.UNTOLD_NS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tso\n12345678901234567890123", "field of the wrong type"),
        ("tso\n12", "a number that is no timestamp"),
        ("tso,end\n447201033313058816,yesterday", "a time that is none"),
        ("tso,end\n447201033313058816,12", "a time that is none"),
        ('{"tso": 447201033313058816, "end": 1e400}', "a time that is none"),
        ("physical,logical,n\n1773184695175,3,9", "impossible range"),
        ("tso,start,end\n447201033313058816,1773184695177,1773184695176", "ends before it starts"),
        ("end,tso\n1773184695177", "no timestamp"),
        ('{"tso": true}', "field of the wrong type"),
        ('{"tso": [1]}', "field of the wrong type"),
        ('{"tso": 1e300}', "field of the wrong type"),
        ("tso\nsome words", "field of the wrong type"),
        ("no table", "not a sample"),
    ],
)
def test_what_is_no_sample_is_counted(text: str, reason: str) -> None:
    tally = Tally()
    assert decoded(text, tally) == []
    assert tally.skipped == 1
    assert reason in tally.reasons[0]


@given(st.text(max_size=200))
def test_nothing_raises(text: str) -> None:
    decoded("tso,time,n\n" + text)
    samples.recognise(text.encode(), None)


def judged(path: Path) -> dict[str, tuple[str, int]]:
    return {each.property: (each.verdict, each.count) for each in judge(read([path]))}


@pytest.mark.parametrize(
    "rows",
    [
        [
            "mysql> select tso from probe;",
            "+-+",
            "| tso |",
            "+-+",
            "| {tso} |",
            "1 row in set (0 s)",
        ],
        ["| start | end | tso |", "|---|---|---|", "| {start} | {end} | {tso} |"],
        ["# a probe's", "sep=;", "beginTime;finishTime;TSO", "{start};{end};{tso}"],
        ['{{"start_ms": {start}, "end_ms": {end}, "timestamp": {{"physical": "{ms}", "logical": "3"}}}}'],
        ["2026-03-10 23:18:15.177 {tso}"],
    ],
)
def test_what_stands_around_rows_is_no_row(rows: list[str], tmp_path: Path) -> None:
    known = {"tso": PHYSICAL << 18 | 3, "start": PHYSICAL - 5, "end": PHYSICAL + 2, "ms": PHYSICAL}
    (tmp_path / "a.txt").write_text("\n".join(rows).format(**known) + "\n")
    trace = read([tmp_path])
    ((call,), (source,)) = trace.calls, trace.sources
    assert (call.physical, call.logical, source.skipped) == (PHYSICAL, 3, 0)
    if "{start}" in rows[-1]:
        assert (call.start_ns, call.end_ns) == ((PHYSICAL - 5) * 10**6, (PHYSICAL + 2) * 10**6)


@pytest.mark.parametrize(
    ("told", "text"),
    [("start", "asked at 23:18:15.177"), ("end", "answered at 23:18:15.177")],
)
def test_a_time_that_is_not_told_is_not_made_up(told: str, text: str, tmp_path: Path) -> None:
    """Of the second call, which is below the first one, only one time is known."""
    first = {"tso": (PHYSICAL + 9) << 18, "start": AT - 2 * 10**11, "end": AT - 10**11}
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps(each) + "\n" for each in (first, {"tso": PHYSICAL << 18, told: AT}))
    )
    trace = read([tmp_path])
    call = next(each for each in trace.calls if each.line == 2)
    assert (call.started, call.ended) == ((AT, None) if told == "start" else (None, AT))
    assert when_of(call) == text
    assert trace.sources[0].to_ns == AT
    judgement = next(each for each in judge(trace, witnesses=1) if each.property == "session")
    assert judgement.verdict == "violated"
    assert judgement.to_ns == AT
    (row,) = csv.DictReader(io.StringIO(as_csv([judgement])))
    other = "end" if told == "start" else "start"
    assert (row[f"later_{told}_unix_ns"], row[f"later_{other}_unix_ns"]) == (str(AT), "")


@pytest.mark.parametrize(
    ("time", "said"),
    [("2026-03-10 23:18:15.177", True), ("2026-03-10T23:18:15", True), ("2026-03-10", True)]
    + [(f"2026-03-10T23:18:15.5{zone}", False) for zone in ("Z", "+00:00", "-08:00", "+0530")]
    + [(str(AT), False)],
)
@pytest.mark.parametrize("table", [True, False])
def test_a_time_without_a_zone_is_said_to_be_taken_for_utc(
    time: str, said: bool, table: bool, tmp_path: Path
) -> None:
    row = {"tso": str(PHYSICAL << 18), "end": time}
    text = f"{','.join(row)}\n{','.join(row.values())}\n" if table else json.dumps(row) + "\n"
    (tmp_path / "a.txt").write_text(text)
    (source,) = read([tmp_path]).sources
    assert source.observations == 1
    assert source.whole
    assert bool(source.assumed) is said
    assert (samples.NO_ZONE in source.reasons) is said


def test_values_alone_are_judged_on_values_and_their_order(tmp_path: Path) -> None:
    trace = read([REPORTS / "packed-values" / "tso-values.txt"])
    assert [call.timed for call in trace.calls] == [False] * 3
    found = {each.property: each for each in judge(trace)}
    assert found["unique"].verdict == "holds"
    assert (found["session"].verdict, found["session"].count) == ("violated", 1)
    assert "in the order of their file" in found["session"].note
    assert {found[name].verdict for name in ("real-time", "window")} == {"unknown"}
    assert (found["session"].from_ns, found["session"].to_ns) == (None, None)
    (tmp_path / "twice.txt").write_text("447201033313058816\n447201033313058816\n")
    assert judged(tmp_path / "twice.txt")["unique"] == ("violated", 1)


def test_packed_samples_and_tables_are_calls() -> None:
    for name in ("tso-packed.jsonl", "tso-values.csv"):
        found = judged(REPORTS / "packed-values" / name)
        assert found["unique"] == ("holds", 0)
        assert found["session"] == ("holds", 0)


def fallback(trace: Trace) -> list[tuple[str, int, int]]:
    return [(call.endpoint, call.physical, call.logical) for call in trace.calls]


def test_a_client_that_panics_tells_of_two_calls() -> None:
    """TiDB's log of one panic: library clients went back by 26 ms."""
    trace = read([REPORTS / "panic-line" / "tidb-0.log"])
    (source,) = trace.sources
    assert (source.kind, source.observations, source.hosts) == (Kind.CLIENT_LOG, 2, ("tidb-0",))
    assert fallback(trace) == [
        ("http://pd-0.example:2379", 1773184695175, 4),
        ("http://pd-2.example:2379", 1773184695149, 1),
    ]
    found = {each.property: each for each in judge(trace)}
    for name in ("session", "real-time"):
        assert (found[name].verdict, found[name].worst_ms) == ("violated", 26)
    assert found["unique"].verdict == "holds"


PANIC = (
    "timestamp fallback, newly acquired ts (1773184695149, 1) is less or equal to last one (1773184695175, 4)"
)


@pytest.mark.parametrize(
    "line",
    [
        f"panic: {PANIC}",
        f"panic: [tso] {PANIC}",
        f"2026-03-10T23:18:15.190Z stderr F panic: [pd] {PANIC}",
        f'[2026/03/11 07:18:15.190 +08:00] [FATAL] [client.go:1] ["{PANIC}"]',
    ],
)
def test_panics_before_7_5(tmp_path: Path, line: str) -> None:
    (tmp_path / "tidb.log").write_text(line + "\n\ngoroutine 7 [running]:\n")
    trace = read([tmp_path / "tidb.log"])
    assert fallback(trace) == [("", 1773184695175, 4), ("", 1773184695149, 1)]
    found = {each.property: each for each in judge(trace)}
    assert (found["session"].verdict, found["session"].worst_ms) == ("violated", 26)
    assert found["real-time"].verdict == ("violated" if line.startswith("[2026") else "unknown")


def test_a_panic_of_another_group_says_nothing(tmp_path: Path) -> None:
    line = (REPORTS / "panic-line" / "tidb-0.log").read_text()
    other = line.replace("cur-keyspace-group-in-response=0", "cur-keyspace-group-in-response=1")
    (tmp_path / "tidb.log").write_text(other)
    assert read([tmp_path / "tidb.log"]).calls == ()


def test_receipts_within_a_millisecond_are_in_order(tmp_path: Path) -> None:
    line = (REPORTS / "panic-line" / "tidb-0.log").read_text()
    (tmp_path / "tidb.log").write_text(line.replace("07:18:15.177", "07:18:15.190"))
    assert judged(tmp_path / "tidb.log")["session"] == ("violated", 1)

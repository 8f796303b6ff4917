"""Samples with columns of other names, or of which one time only is told: judged as far as that goes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.judge.exact import judge
from tsofence.traces.judge.judgement import Judgement
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import Call
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.samples import Reader

from ..recorded import RECORDINGS, recorded

MS = 1_000_000
TSO = 447201033313058816
AT_NS = 1_705_243_681_100_000_000


def took_ms(call: Call) -> float:
    return (call.end_ns - call.start_ns) / MS


#: how a call is told, and whether it is told when it began and when it ended
TOLD: dict[str, tuple[Callable[[Call], dict[str, Any]], bool]] = {
    "begin and finish": (lambda call: {"begin": call.start_ns, "finish": call.end_ns}, True),
    "a latency": (lambda call: {"start_unix_ns": call.start_ns, "latency_ms": took_ms(call)}, True),
    "Go's duration": (lambda call: {"sent_at": call.start_ns, "elapsed": f"{took_ms(call):.3f}ms"}, True),
    "an end and a latency": (
        lambda call: {"time": call.end_ns, "durationUs": round(took_ms(call) * 1e3)},
        True,
    ),
    "other words": (lambda call: {"opened": call.start_ns, "gone": call.end_ns}, False),
    "a latency of no unit": (lambda call: {"start": call.start_ns, "latency": took_ms(call)}, False),
    "a start": (lambda call: {"start": call.start_ns}, False),
    "an end": (lambda call: {"time": call.end_ns}, False),
}


def written(name: str, folder: Path, told: Callable[[Call], dict[str, Any]], *, table: bool) -> Path:
    """The answered calls of a recording, as JSON lines or a table: each client in a file."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for call in recorded(name).calls:
        if call.error is None:
            of = {"client": call.client, "kind": call.kind, "server": call.endpoint}
            told_of = {**told(call), "tso": call.last, "count": call.count}
            rows.setdefault(call.client, []).append({**of, **told_of})
    for client, samples in rows.items():
        path = folder / f"{client}.{'csv' if table else 'jsonl'}"
        lines = (
            [";".join(samples[0]), *(";".join(map(str, each.values())) for each in samples)]
            if table
            else [*map(json.dumps, samples)]
        )
        path.write_text("\n".join(lines) + "\n")
    return folder


def judged(folder: Path) -> dict[str, Judgement]:
    return {each.property: each for each in judge(read([folder]), ["unique", "real-time", "session"])}


@pytest.mark.parametrize("table", [False, True], ids=["lines", "table"])
@pytest.mark.parametrize("how", TOLD)
@pytest.mark.parametrize("name", ["pr-slow-load-small", "pr-intervals-differ"])
def test_times_are_those_that_are_told(tmp_path: Path, name: str, how: str, table: bool) -> None:
    told, both = TOLD[how]
    found = judged(written(name, tmp_path, told, table=table))
    clients = judge(recorded(name), ["unique", "real-time", "session"])
    for each in clients:
        verdict = found[each.property].verdict
        assert (
            verdict == each.verdict if both or each.property == "unique" else verdict in ("unknown", "holds")
        )
    assert {each.verdict for each in clients} == {"violated", "holds"}
    if not both:
        assert found["real-time"].verdict == "unknown"


def test_columns_that_are_not_understood_are_named(tmp_path: Path) -> None:
    for how, name in (("other words", "opened, gone"), ("a latency of no unit", "took, without a unit")):
        folder = tmp_path / how
        folder.mkdir()
        found = judged(written("pr-slow-load-small", folder, TOLD[how][0], table=True))
        assert found["real-time"].note.endswith(f"is not told (not understood: {name})")


@pytest.mark.parametrize("end", [False, True], ids=["start", "end"])
def test_one_time_alone_ends_no_search(tmp_path: Path, end: bool) -> None:
    folder = RECORDINGS / "pd-failover"
    beside = [path for path in folder.iterdir() if not path.name.startswith("client")]
    told, _ = TOLD["an end" if end else "a start"]
    report = replay(
        read([*beside, written("pd-failover", tmp_path, told, table=False)]), ["check-tso-primary"]
    )
    assert report.fences[0].conforms
    verdicts = {each.property: each.verdict for each in report.properties}
    assert {verdicts[name] for name in ("window", "unique", "one-live", "two-of-a-kind")} == {"holds"}
    assert {verdicts[name] for name in ("real-time", "session")} == {"unknown"}


@pytest.mark.parametrize(
    ("column", "value", "end_ns"),
    [
        ("latency_ms", 20, 21 * MS),  # what is told in whole ms may have been cut
        ("latency_ms", "20.5", 20_600_000),
        ("Latency (us)", "20000", 20_001_000),
        ("took", "20ms", 21 * MS),
        ("duration", "1.5s", 1_600 * MS),
        ("elapsedMs", 2e-05, 30),
        ("rtt_ns", 17, 18),
        ("elapsed", "12.5\N{MICRO SIGN}s", 12_600),
    ],
)
def test_how_long_a_call_took(column: str, value: Any, end_ns: int) -> None:
    row = json.dumps({"start": AT_NS, column: value, "tso": TSO})
    (call,) = Reader("a.jsonl", Tally()).calls([(1, row.encode())])
    assert (call.started, call.ended) == (AT_NS, AT_NS + end_ns)


@pytest.mark.parametrize("value", ["20 parsecs", "-3ms", "1e999s", "ms", True, "9" * 19 + "s"])
def test_what_is_no_span_is_not_read(value: Any) -> None:
    tally = Tally()
    row = json.dumps({"start": AT_NS, "latency_ms": value, "tso": TSO})
    assert not [*Reader("a.jsonl", tally).calls([(1, row.encode())])]
    assert tally.reasons == ("1 x a span of time that is none (first: line 1)",)

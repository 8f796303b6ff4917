"""A call that several files tell of counts once; two that got the same timestamp are never taken for one."""

import json
from pathlib import Path
from typing import Any

import pytest

from tsofence.traces.judge.exact import judge
from tsofence.traces.sources.reading import read

PANIC = Path(__file__).parents[1] / "reports" / "panic-line"
MS = 1_000_000
#: of a call, in whole milliseconds
CALL: dict[str, Any] = {
    "client": "app",
    "kind": "lib",
    "endpoint": "http://pd-0.example:2379",
    "start_unix_ns": 1_773_184_695_100 * MS,
    "end_unix_ns": 1_773_184_695_177 * MS,
    "physical": 1_773_184_695_150,
    "logical": 4,
    "count": 1,
}
OTHER = CALL | {"end_unix_ns": 1_773_184_695_190 * MS, "physical": 1_773_184_695_160}
FINE = CALL | {"start_unix_ns": CALL["start_unix_ns"] + 17}
OLD, NEW = "tidb-0,pd-0.example:2379", "tidb-0,pd-2.example:2379"
HEAD = "client,endpoint,time,physical,logical\n"


def verdicts(*paths: Path) -> dict[str, tuple[str, int]]:
    found = judge(read(paths), ["unique", "real-time", "session"])
    return {each.property: (each.verdict, each.count) for each in found}


def written(folder: Path, **files: list[dict[str, Any]]) -> Path:
    for name, calls in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(call) + "\n" for call in calls))
    return folder


# --- a panic, and what else tells of it ------------------------------------------------------------


def test_a_panic_and_the_same_by_hand_are_two_calls() -> None:
    assert verdicts(PANIC) == verdicts(PANIC / "by-hand.jsonl")
    trace = read([PANIC])
    assert [len(trace.calls), trace.retold.count, trace.retold.doubtful] == [2, 2, 0]
    assert str(trace.retold).startswith("2 calls told more than once, and counted once: ")


@pytest.mark.parametrize(
    ("text", "unique"),
    [
        # the servers' addresses without a scheme, and times of receipt
        (
            f"{HEAD}{OLD},1773184695177,1773184695175,4\n{NEW},1773184695190,1773184695149,1\n",
            "holds",
        ),
        # nobody says who asked, or whom
        ("time,physical,logical\n1773184695177,1773184695175,4\n1773184695190,1773184695149,1\n", "holds"),
        # to the second
        (
            f"{HEAD}{OLD},1773184695,1773184695175,4\n{NEW},1773184695,1773184695149,1\n",
            "holds",
        ),
        # values alone
        ("464829728731955204\n464829728725139457\n", "holds"),
        # the later one only, of that client and server
        (f"{HEAD}{NEW},1773184695190,1773184695149,1\n", "holds"),
        # the later one only, of whoever
        ("time,physical,logical\n1773184695190,1773184695149,1\n", "unknown"),
        ("464829728725139457\n", "unknown"),
        # at another time: another call
        (f"{HEAD}{NEW},1773184696890,1773184695149,1\n", "violated"),
        # of another server: another call
        (f"{HEAD}tidb-0,pd-1.example:2379,1773184695190,1773184695149,1\n", "violated"),
    ],
)
def test_a_panic_and_a_table(text: str, unique: str, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(text)
    found = verdicts(PANIC / "tidb-0.log", table)
    assert found["unique"][0] == unique
    assert found["real-time"][0] == found["session"][0] == "violated"


def test_a_panic_in_two_logs(tmp_path: Path) -> None:
    log = (PANIC / "tidb-0.log").read_text()
    (tmp_path / "copied.log").write_text(log)
    assert verdicts(PANIC / "tidb-0.log", tmp_path) == verdicts(PANIC / "tidb-0.log")


def test_a_panic_for_the_same_timestamp_is_a_duplicate_whoever_tells_it(tmp_path: Path) -> None:
    log = (PANIC / "tidb-0.log").read_text().replace("(1773184695149, 1)", "(1773184695175, 4)")
    (tmp_path / "tidb-0.log").write_text(log)
    calls = [json.loads(line) for line in (PANIC / "by-hand.jsonl").read_text().splitlines()]
    later = calls[1] | {"physical": calls[0]["physical"], "logical": calls[0]["logical"]}
    alone = verdicts(tmp_path)
    assert alone["unique"] == ("violated", 1)
    written(tmp_path, by_hand=[calls[0], later])
    assert verdicts(tmp_path) == alone


# --- samples ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "unique"),
    [
        ([FINE, OTHER], [FINE], "holds"),  # nobody gets two answers in one nanosecond
        ([CALL, OTHER], [CALL, OTHER], "holds"),  # a copy
        ([CALL, OTHER], [CALL], "unknown"),
        ([CALL, OTHER, CALL], [], "unknown"),
        ([CALL], [CALL], "unknown"),
        ([CALL], [CALL | {"endpoint": "http://pd-2.example:2379"}], "violated"),
        ([CALL, CALL | {"endpoint": "http://pd-2.example:2379"}], [], "violated"),
        ([FINE], [FINE | {"endpoint": "http://pd-2.example:2379"}], "violated"),
        ([CALL], [CALL | {"client": "another"}], "violated"),
        ([CALL], [CALL | {"worker": 2}], "violated"),
        ([CALL, OTHER], [CALL | {"start_unix_ns": CALL["start_unix_ns"] + 1}], "violated"),
    ],
)
def test_samples_that_tell_the_same(
    one: list[dict[str, Any]], other: list[dict[str, Any]], unique: str, tmp_path: Path
) -> None:
    assert verdicts(written(tmp_path, one=one, other=other))["unique"][0] == unique


def test_what_may_be_two_calls_is_named(tmp_path: Path) -> None:
    (found,) = judge(read([written(tmp_path, one=[CALL, OTHER, CALL])]), ["unique"])
    assert found.note.startswith("1 call may be told twice, or got the same timestamp: ")
    assert "one.jsonl:1 and " in found.note
    assert found.note.endswith("one.jsonl:3")


def test_a_server_that_one_file_does_not_name_is_the_other_ones(tmp_path: Path) -> None:
    unnamed = [call | {"endpoint": ""} for call in (CALL, OTHER)]
    trace = read([written(tmp_path, one=unnamed, other=[CALL, OTHER])])
    assert [call.endpoint for call in trace.calls] == [CALL["endpoint"]] * 2
    assert not trace.retold.doubtful

"""Samples of clients: written by an encoder here, or copied from a real file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.sources import clients
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import (
    MAX_NS,
    NS_PER_MS,
    Call,
)
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Trace

from .decoding import NAMES, numbered


@given(
    st.builds(
        Call,
        st.just("f"),
        st.just(1),
        NAMES,
        st.sampled_from(["pd", "tso", "lib"]),
        NAMES,
        st.one_of(st.none(), st.integers(0, 9)),
        st.integers(10**18, MAX_NS // 2),
        st.integers(MAX_NS // 2, MAX_NS - 1),
        st.integers(1, MAX_NS // NS_PER_MS - 1),
        st.integers(100, (1 << 18) - 1),
        st.integers(1, 101),
        st.one_of(st.none(), NAMES),
    )
)
def test_calls_round_trip(call: Call) -> None:
    sample = {
        "client": call.client,
        "kind": call.kind,
        "endpoint": call.endpoint,
        "start_unix_ns": call.start_ns,
        "end_unix_ns": call.end_ns,
        "physical": call.physical,
        "logical": call.logical,
        "count": call.count,
        "tso_url": "not read",
    }
    sample |= {} if call.worker is None else {"worker": call.worker}
    sample |= {} if call.error is None else {"error": call.error}
    tally = Tally()
    told = call if call.error is None else replace(call, physical=0, logical=0)  # what failed has none
    assert clients.decode("f", numbered(sample), tally) == [told]
    assert tally.skipped == 0
    assert call.last - call.first == call.count - 1


GOOD = {
    "client": "c",
    "kind": "pd",
    "endpoint": "u",
    "start_unix_ns": 1,
    "end_unix_ns": 2,
    "physical": 3,
    "logical": 4,
    "count": 1,
}


@pytest.mark.parametrize(
    "change",
    [
        {"client": 1},
        {"kind": None},
        {"endpoint": []},
        {"start_unix_ns": "1"},
        {"start_unix_ns": -1},
        {"start_unix_ns": 3},
        {"start_unix_ns": 1.0},
        {"end_unix_ns": float("inf")},
        {"end_unix_ns": MAX_NS},
        {"end_unix_ns": True},
        {"physical": 0},
        {"physical": float("nan")},
        {"physical": MAX_NS // NS_PER_MS},
        {"physical": 10**4000},
        {"logical": -1},
        {"logical": 1 << 18},
        {"count": 0},
        {"count": 6},
        {"count": {}},
        {"physical": 1_795_417_000_000},  # of 2026, and the times are not
        {"error": 0},
        {"worker": "1"},
    ],
)
def test_samples_that_cannot_be_are_skipped(change: dict[str, Any]) -> None:
    tally = Tally()
    assert clients.decode("f", numbered(GOOD, GOOD | change), tally) == clients.decode(
        "f", numbered(GOOD), Tally()
    )
    assert tally.skipped == 1
    assert "line 2" in tally.reasons[0]


def test_half_a_character_cannot_be_carried_to_the_terminal() -> None:
    (call,) = clients.decode("f", numbered(GOOD | {"client": "\ud800"}), Tally())
    assert call.client.encode() == b"?"


def written(folder: Path, name: str, *documents: Any) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def test_calls_that_stand_in_two_files_are_one(tmp_path: Path) -> None:
    other = GOOD | {"worker": 1}
    written(tmp_path, "a", GOOD, other)
    written(tmp_path, "b", other, GOOD, GOOD | {"start_unix_ns": 0})
    trace: Trace = read([tmp_path, tmp_path / "a"])
    assert (len(trace.calls), trace.repeated) == (3, 2)
    assert [source.observations for source in trace.sources] == [2, 3]

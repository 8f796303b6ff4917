"""Every pair of observations that shows a violation, named once, with its places."""

import csv
import io
import sys
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tsofence.cli import main
from tsofence.traces.judge.exact import judge
from tsofence.traces.sources.observation import Call
from tsofence.traces.sources.reading import read

from ..documents import read_document
from .test_judge import asks, call, calls, timestamps, trace, tso

RECORDINGS = Path(__file__).parents[1] / "recordings"
VIOLATED = RECORDINGS / "upgrade-unfenced"


@given(st.lists(calls(), max_size=10))
def test_every_pair_that_shares_a_timestamp(made: list[Call]) -> None:
    granted = [call for call in made if call.error is None]
    pairs = [(a, b) for a, b in combinations(granted, 2) if timestamps(a) & timestamps(b)]
    (judgement,) = judge(trace(made), ["unique"], witnesses=sys.maxsize)
    assert sorted(sorted(map(repr, pair)) for pair in judgement.witnesses) == sorted(
        sorted(map(repr, pair)) for pair in pairs
    )


@pytest.mark.parametrize("name", ["real-time", "session"])
@given(made=st.lists(calls(), max_size=14))
def test_every_call_that_is_late_with_the_highest_before_it(name: str, made: list[Call]) -> None:
    (judgement,) = judge(trace(made), [name], witnesses=sys.maxsize)
    assert len(judgement.witnesses) == judgement.count
    assert judgement.witness is None or judgement.witness in judgement.witnesses
    for before, late in judgement.witnesses:
        assert isinstance(before, Call)
        assert isinstance(late, Call)
        ended = [
            call
            for call in made
            if call.error is None
            and call.end_ns < late.start_ns
            and (name == "real-time" or (call.client, call.worker) == (late.client, late.worker))
        ]
        assert late.first <= before.last == max(call.last for call in ended)


def test_every_outage() -> None:
    waits = [asks(0, 1), asks(2, 15), asks(16, 17), asks(18, 40)]
    (judgement,) = judge(trace([*waits, *tso(*range(60))]), ["availability"], witnesses=5)
    assert judgement.witnesses == ((waits[0], waits[1]), (waits[2], waits[3]))


@pytest.mark.parametrize("many", [1, 7])
def test_no_more_than_asked_for(many: int) -> None:
    found = judge(read(sorted(VIOLATED.glob("client-*"))), ["unique", "real-time"], witnesses=many)
    assert [(len(each.witnesses), each.count) for each in found] == [(many, 39), (many, 5008)]


def test_pairs_as_json_and_as_a_table(tmp_path: Path) -> None:
    asked = [*map(str, sorted(VIOLATED.glob("client-*"))), "--property", "unique", "--quiet"]
    found = tmp_path / "found.json"
    result = CliRunner().invoke(main, ["replay", *asked, "--json", str(found), "-o", "-"])
    assert result.exit_code == 1
    pairs = read_document(found.read_text())["properties"][0]["witnesses"]
    rows = [*csv.DictReader(io.StringIO(result.stdout))]
    assert len(rows) == len(pairs) == 39
    for row, (earlier, later) in zip(rows, pairs, strict=True):
        assert row["property"] == "unique"
        for which, seen in (("earlier", earlier), ("later", later)):
            assert (row[f"{which}_file"], int(row[f"{which}_line"])) == (seen["file"], seen["line"])
            assert int(row[f"{which}_last"]) == (seen["physical"] << 18) + seen["logical"][1]
        assert int(row["later_first"]) <= int(row["earlier_last"])
        assert row["earlier_at"].startswith("2026-11-23T07:08:3")

    result = CliRunner().invoke(main, ["replay", *asked, "--json", str(found), "--witnesses", "2"])
    assert len(read_document(found.read_text())["properties"][0]["witnesses"]) == 2
    assert result.stdout == ""


@pytest.mark.parametrize("many", ["0", "-1", "some", "9" * 5000, "1" + "0" * 6 + "1", "²"])
def test_what_is_no_number_of_pairs(many: str) -> None:
    result = CliRunner().invoke(main, ["replay", str(VIOLATED), "--witnesses", many])
    assert result.exit_code == 2
    assert "expected all, or a number from 1 to 1,000,000" in result.stderr


def test_pairs_of_one_timestamp_end() -> None:
    again = [call(at, at + 1, 5) for at in range(300)]
    (judgement,) = judge(trace(again), ["unique"], witnesses=1000)
    assert (judgement.count, len(judgement.witnesses)) == (300 * 299 // 2, 1000)

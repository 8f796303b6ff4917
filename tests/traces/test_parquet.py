"""Parquet files: the table in them, or one line that says why not."""

import io
import sys
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from pyarrow import parquet

from tsofence.traces.sources import packing, samples
from tsofence.traces.sources import parquet as worker
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import BadInput, Call
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Kind, Unread

TSO = 464828729728747524
MS = 1773184695177
MANY = 5000
SOME: dict[str, Any] = {
    "client": [f"c{each % 3}\n" for each in range(MANY)],
    "kind": ["tso", "pd"] * (MANY // 2),
    "tso": [TSO + (each << 18) for each in range(MANY)],
    "start": [MS + each for each in range(MANY)],
    "end": [MS + each + 1 for each in range(MANY)],
    "error": [None if each % 100 else "timeout" for each in range(MANY)],
    "nothing": [[each] for each in range(MANY)],
}


def written(columns: dict[str, Any], **how: Any) -> bytes:
    made = io.BytesIO()
    parquet.write_table(arrow.table(columns), made, **how)
    return made.getvalue()


def told(path: Path) -> list[Call]:
    (source,) = read([path]).sources
    assert (source.kind, source.whole) == (Kind.CLIENT, True)
    return [*read([path]).calls]


def why(path: Path) -> str:
    """What is said of a file that cannot be read at all."""
    with pytest.raises(BadInput) as refused:
        read([path])
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_it_is_the_table_in_it(tmp_path: Path) -> None:
    """In several row groups and batches, with repeated text in dictionaries, packed, in a tar or not."""
    made = written(SOME, row_group_size=1500, compression="zstd")
    (tmp_path / "f.parquet").write_bytes(made)
    rows = zip(*(SOME[name] for name in ("client", "kind", "tso", "start", "end", "error")), strict=True)
    text = "".join(
        f"{client.strip()},{kind},{tso},{start},{end},{error or ''}\n"
        for client, kind, tso, start, end, error in rows
    )
    (tmp_path / "f.csv").write_text("client,kind,tso,start,end,error\n" + text)
    expected, found = (
        [replace(call, file="") for call in told(tmp_path / f"f.{form}")] for form in ("csv", "parquet")
    )
    assert found == expected
    assert len(expected) == MANY
    with tarfile.open(tmp_path / "t", "w:gz") as archive:
        archive.add(tmp_path / "f.parquet", "f")
    assert len(told(tmp_path / "t")) == MANY


AT = datetime(2026, 3, 10, 23, 18, 15, 177_000, UTC)
TYPES: dict[str, dict[str, Any]] = {
    "ns": {"at": arrow.array([AT], arrow.timestamp("ns", tz="UTC"))},
    "ms, no zone": {"at": arrow.array([AT.replace(tzinfo=None)], arrow.timestamp("ms"))},
    "seconds": {"at": [MS / 1000]},
    "text": {"at": [AT.isoformat()]},
    "unsigned": {"tso": arrow.array([TSO], arrow.uint64())},
    "decimal": {"tso": [Decimal(TSO)]},
    "digits": {"tso": arrow.array([str(TSO)]).dictionary_encode()},
    "missing ones": {
        "tso": [None],
        "physical": [float(TSO >> 18)],
        "logical": [float(TSO % (1 << 18))],
        "count": [float("nan")],
    },
    "other names": {"tso": [None], "tso_value": [TSO]},
}


@pytest.mark.parametrize("columns", TYPES.values(), ids=TYPES)
def test_types_that_are_taken(columns: dict[str, Any]) -> None:
    made, text = io.BytesIO(written({"tso": [TSO], "at": [MS]} | columns)), io.BytesIO()
    worker.main(made, text)
    tally = Tally()
    (call,) = samples.Reader("f", tally).calls(enumerate(text.getvalue().splitlines(), 1))
    assert (call.physical, call.logical) == (TSO >> 18, TSO % (1 << 18))
    assert abs(call.end_ns - MS * 10**6) < 1000  # a float has 16 digits
    assert not tally.reasons


def test_types_that_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(written({"tso": [[TSO]]}))
    (source,) = read([path]).sources
    assert source.observations == 0
    assert source.truncated
    assert "its column tso is of type list" in source.reasons[-1]
    path.write_bytes(written({"tso": [float(TSO)], "at": [True]}))
    (source,) = read([path]).sources
    assert source.reasons == ("1 x a time that is none (first: line 2)",)
    path.write_bytes(written({"who": ["a"], "what": ["b"]}))
    assert "neither watch stream, log nor client samples" in why(path)


def test_what_is_damaged_is_said(tmp_path: Path) -> None:
    path = tmp_path / "f"
    read_ones = {name: SOME[name] for name in ("tso", "end")}
    made = written(read_ones, row_group_size=MANY // 5, write_page_checksum=True)
    path.write_bytes(made[: len(made) // 2])
    assert "the Parquet file is damaged, or in no form that is read" in why(path)
    half = len(made) // 2
    path.write_bytes(made[:half] + bytes(each ^ 0x55 for each in made[half : half + 50]) + made[half + 50 :])
    (source,) = read([path]).sources
    assert (source.truncated, 0 < source.observations < MANY) == (True, True)
    assert "damaged" in source.reasons[-1]


def test_what_crashes_or_takes_too_much_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, dies = tmp_path / "f", tmp_path / "dies"
    path.write_bytes(written(SOME))
    dies.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dies.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dies))
    assert "the Parquet file is damaged, or takes too much memory" in why(path)


def test_what_expands_without_measure_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "FREE_EXPANSION", 1 << 16)
    path = tmp_path / "f"
    path.write_bytes(written({"tso": arrow.array([TSO] * 200_000), "client": ["n" * 90] * 200_000}))
    (source,) = read([path]).sources
    assert "the Parquet stream expands more than 200 times" in source.reasons


def test_without_pyarrow_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "find_spec", lambda _: None)
    (tmp_path / "f").write_bytes(written(SOME))
    assert "(Parquet needs pyarrow: pip install '.[parquet]' in a clone of tsofence)" in why(tmp_path / "f")
    (tmp_path / "g.csv").write_text(f"tso\n{TSO}\n")
    ours, _ = read([tmp_path]).sources
    assert (ours.kind, ours.unread) == (Kind.IGNORED, Unread.ANYTHING)

"""Calls in columns: as one line after another says them, whatever the pieces in which they are read."""

import json
import tempfile
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tsofence.traces.judge.exact import judge
from tsofence.traces.sources import calls as in_columns
from tsofence.traces.sources import clients, columns, spilling
from tsofence.traces.sources.calls import Calls, Texts
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import BadInput, Call
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.spilling import Sorted

from .test_judge import asks, calls, trace, tso

PIECES = ((1, 1), (3, 2), (5, 4), (1 << 18, 1 << 16))

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
ODD: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "é",
    "\ud800",
    "n" * 600,
    -1,
    0,
    1.0,
    float("nan"),
    1 << 18,
    (1 << 63) - 1,
    1 << 63,
    10**30,
    [],
    {},
)


@pytest.fixture(params=PIECES)
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of all sizes, in memory and in temporary files."""
    monkeypatch.setattr(spilling, "ROOM", request.param[0])
    monkeypatch.setattr(spilling, "CHUNK", request.param[1])


def read_fast(lines: list[bytes | None], tally: Tally, many: int) -> list[Call]:
    texts = Texts()
    blocks = [(begin + 1, lines[begin : begin + many]) for begin in range(0, len(lines), many)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(in_columns, "MANY", many)
        rows = [*columns.decode("f", blocks, tally, texts)]
    stored = spilling.Stored(in_columns.ROW)
    for each in rows:
        stored.add(each)
    return [*Calls(stored, texts)]


TWICE = json.dumps(GOOD).encode() * 2
GOES_ON = [json.dumps(GOOD)[:-1].encode() + b',"else":', b'{"a":1}}']

LINES = st.one_of(
    st.just(GOOD),
    st.builds(lambda name, odd: GOOD | {name: odd}, st.sampled_from([*GOOD, "worker"]), st.sampled_from(ODD)),
    st.builds(
        lambda name, odd: GOOD | {"error": "e", name: odd},
        st.sampled_from(["physical", "logical", "count", "error", "keyspace_group_id", "else"]),
        st.sampled_from(ODD),
    ),
    st.builds(lambda name: {of: GOOD[of] for of in GOOD if of != name}, st.sampled_from([*GOOD])),
).map(lambda document: json.dumps(document).encode()) | st.sampled_from(
    [
        b"",
        b"{}",
        b"[]",
        b'{"client":"c"',
        TWICE,
        json.dumps(GOOD)[:-1].encode() + b',"else":"\xff"}',
        json.dumps(GOOD)[:-1].encode() + b',"else":' + b"9" * 5000 + b"}",
        json.dumps(GOOD)[:-1].encode() + b',"count":2,"logical":9}',
        None,
    ]
)


@given(st.lists(LINES, max_size=8), st.integers(1, 8))
@example([TWICE, b"", TWICE], 3)
@example([TWICE, *GOES_ON], 3)  # as many samples as lines
def test_many_lines_at_once_say_what_each_of_them_says(lines: list[bytes | None], many: int) -> None:
    fast, slow = Tally(), Tally()
    expected = clients.decode("f", enumerate(lines, 1), slow)
    for call in expected:  # what failed has no timestamp: its number is cut to what a column takes
        for name in ("physical", "logical", "count"):
            object.__setattr__(call, name, min(max(getattr(call, name), -(1 << 63)), (1 << 63) - 1))
    assert read_fast(lines, fast, many) == expected
    assert (fast.reasons, fast.skipped, fast.other) == (slow.reasons, slow.skipped, slow.other)


@pytest.mark.parametrize("many", [1, 2])
def test_what_failed_has_no_timestamp(many: int) -> None:
    """A client may tell the one that it had asked for, or the last that it got."""
    far = GOOD | {"error": "e", "physical": 1 << 40, "odd": "é"}
    lines: list[bytes | None] = [json.dumps(far, ensure_ascii=False).encode(), json.dumps(far).encode()]
    assert [(call.physical, call.logical) for call in read_fast(lines, Tally(), many)] == [(0, 0)] * 2


def test_good_lines_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(clients, "decode")
    good = [GOOD, GOOD | {"worker": 7, "else": {"a": [1.5, None]}}, GOOD | {"error": "e", "physical": 0}]
    lines: list[bytes | None] = [json.dumps(each).encode() for each in good]
    assert [call.worker for call in read_fast(lines, Tally(), 2)] == [None, 7, None]


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("seed", range(5))
def test_rows_are_sorted_wherever_they_are(seed: int) -> None:
    random = np.random.default_rng(seed)
    dtype = np.dtype([("key", np.int64), ("at", np.int64)])
    made = Sorted(dtype, "key")
    keys: list[int] = []
    for size in random.integers(0, 7, 12):
        rows = np.zeros(size, dtype)
        rows["key"], rows["at"] = random.integers(0, 6, size), np.arange(size) + len(keys)
        keys += rows["key"].tolist()
        made.add(rows)
    expected = sorted((key, at) for at, key in enumerate(keys))
    assert [(int(row["key"]), int(row["at"])) for rows in made for row in rows] == expected


def whole(made: list[Call]) -> list[str]:
    """What is said of calls that are all in memory and in one piece."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spilling, "ROOM", 1 << 18)
        patched.setattr(spilling, "CHUNK", 1 << 16)
        return [repr(each) for each in judge(trace(made))]


@pytest.mark.parametrize(("room", "chunk"), PIECES[:-1])
@given(made=st.lists(calls(), max_size=14))
def test_pieces_say_what_the_whole_says(room: int, chunk: int, made: list[Call]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spilling, "ROOM", room)
        patched.setattr(spilling, "CHUNK", chunk)
        found = [repr(each) for each in judge(trace(made))]
    assert found == whole(made)


@settings(max_examples=30)
@given(
    made=st.lists(
        st.builds(
            lambda start, takes, failed, client: asks(
                start, start + takes, error="e" if failed else None, client=client
            ),
            st.integers(0, 60),
            st.integers(0, 20),
            st.booleans(),
            st.sampled_from("ab"),
        ),
        max_size=8,
    )
)
def test_pieces_say_how_long_the_library_waits(made: list[Call]) -> None:
    served = [*made, *tso(*range(60))]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spilling, "ROOM", 9)
        patched.setattr(spilling, "CHUNK", 7)
        found = [repr(each) for each in judge(trace(served))]
    assert found == whole(served)


@pytest.mark.usefixtures("pieces")
def test_what_stands_twice_is_once_wherever_it_is(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    made = [
        GOOD | {"client": f"c{a}", "start_unix_ns": int(b), "end_unix_ns": 9, "logical": int(c)}
        for a, b, c in random.integers(1, 4, (60, 3))
    ]
    for name, part in (("a", made[:25]), ("b", made[25:])):
        (tmp_path / name).write_text("".join(json.dumps(each) + "\n" for each in part))
    found = read([tmp_path])
    of = [(each.client, each.start_ns, each.logical) for each in found.calls]
    assert len(set(of)) == len(of) == 60 - found.repeated
    assert set(of) == {(each["client"], each["start_unix_ns"], each["logical"]) for each in made}
    # by start, and in the order of the files
    for _, same in groupby(found.calls, key=lambda call: call.start_ns):
        places = [(Path(call.file).name, call.line) for call in same]
        assert places == sorted(places)


def test_no_room_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilling, "ROOM", 1)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "wb+"))  # noqa: PTH123, SIM115
    (tmp_path / "a").write_text("".join(json.dumps(GOOD | {"count": at}) + "\n" for at in (1, 2, 3)))
    with pytest.raises(BadInput, match="expected room for temporary files; free some"):
        read([tmp_path])

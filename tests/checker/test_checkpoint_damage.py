"""What is wrong with a checkpoint is said in one line; what cannot be written changes no verdict, no file."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tsofence.checker.machine.expand import Expander
from tsofence.checker.search import checkpoint
from tsofence.checker.search.checkpoint import Checkpoint, Position
from tsofence.checker.search.engine import Plain
from tsofence.checker.search.errors import CheckpointError
from tsofence.checker.search.explore import explore
from tsofence.checker.search.native import Native
from tsofence.specs.properties import PROPERTIES
from tsofence.specs.scenario import load

from .tables import anyhow

WORLD = load("rolling-upgrade")


@pytest.fixture(scope="module")
def search() -> tuple[Native, Position]:
    """The first levels of a search, in machine code."""
    configuration = anyhow(WORLD, "off")
    expander = Expander(configuration, PROPERTIES, list(WORLD.first_states(configuration)))
    engine, levels = Native(Plain(expander), 100_000), [0]
    last = len(engine)
    for _ in range(6):
        engine.expand(levels[-1], last)
        levels.append(last)
        last = len(engine)
    return engine, Position(levels[-1], last, levels, 1.5)


@pytest.fixture(scope="module")
def reader(search: tuple[Native, Position]) -> Native:
    """A new search of the same, to read files."""
    return Native(Plain(search[0].expander), 100_000)


@pytest.fixture
def file(tmp_path: Path, search: tuple[Native, Position]) -> Path:
    path = tmp_path / "off.search"
    with Checkpoint(path) as made:
        made.write(*search)
    return path


def refused(file: Path, data: bytes | bytearray, engine: Native) -> bool:
    """Is it, and in one line?"""
    file.write_bytes(data)
    try:
        with Checkpoint(file) as changed:
            changed.read(engine)
    except CheckpointError as error:
        return str(file) in str(error) and "\n" not in str(error)
    return False


def signed(body: bytes) -> bytes:
    return body + hashlib.blake2b(body, digest_size=32).digest()


def test_what_was_written_is_read(file: Path, search: tuple[Native, Position], reader: Native) -> None:
    engine, position = search
    with Checkpoint(file) as written:
        assert written.read(reader) == position
    assert [*reader.states()] == [*engine.states()]
    assert reader.watch == engine.watch


def test_every_byte_counts(file: Path, reader: Native) -> None:
    whole, chance = file.read_bytes(), random.Random(10)
    assert 1_000 < len(whole) < 20_000
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        assert refused(file, damaged, reader), place


@pytest.mark.large
def test_every_bit_counts(file: Path, reader: Native) -> None:
    """Of each byte some, which are others in the next."""
    whole = file.read_bytes()
    for bit in range(0, 8 * len(whole), 3):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refused(file, damaged, reader), bit


def test_every_length_counts(file: Path, reader: Native) -> None:
    whole, chance = file.read_bytes(), random.Random(11)
    for length in (*range(64), *chance.sample(range(len(whole)), 300), len(whole) - 1):
        assert refused(file, whole[:length], reader), length
    for other in (whole + whole, whole + b"x", whole[7:], b"[" * 100_000, b"0" * 100_000, b"{}\n"):
        assert refused(file, other, reader)


@pytest.mark.parametrize(
    "change",
    [
        {"at": -1},
        {"at": 10**6},
        {"at": 10**30},
        {"at": 1},
        {"at": 0.5},
        {"at": True},
        {"at": None},
        {"last": 0},
        {"last": 10**6},
        {"levels": []},
        {"levels": 3},
        {"levels": [1]},
        {"levels": [0, 0]},
        {"levels": [0, -1]},
        {"levels": [0, "1"]},
        {"levels": [0, 10**6]},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"seconds": "long"},
    ],
)
def test_where_nothing_can_be_is_refused(change: dict[str, Any], file: Path, reader: Native) -> None:
    """Even where the hash is right."""
    header, body = file.read_bytes()[:-32].split(b"\n", 1)
    told = json.loads(header)
    told["position"].update(change)
    assert refused(file, signed(json.dumps(told).encode() + b"\n" + body), reader)


@pytest.mark.parametrize("states", [-1, 0, 1, 10**6, 10**30, "many", None, 1.5, True])
def test_how_many_states_there_are_is_checked(states: Any, file: Path, reader: Native) -> None:
    header, body = file.read_bytes()[:-32].split(b"\n", 1)
    told = {**json.loads(header), "states": states}
    assert refused(file, signed(json.dumps(told).encode() + b"\n" + body), reader)


def test_states_that_nothing_led_to_are_refused(file: Path, reader: Native) -> None:
    header, body = file.read_bytes()[:-32].split(b"\n", 1)
    changed = bytearray(body)
    changed[json.loads(header)["states"] * 8 * reader._packing.words] += 1  # what the first state led to
    assert refused(file, signed(header + b"\n" + changed), reader)


def test_what_is_no_file_is_refused(tmp_path: Path, reader: Native) -> None:
    for name, make in (("folder", Path.mkdir), ("pipe", os.mkfifo)):
        place = tmp_path / f"{name}.search"
        make(place)
        with Checkpoint(place) as there, pytest.raises(CheckpointError, match="not a file"):
            there.read(reader)
    inside = file_of(tmp_path) / "off.search"
    with pytest.raises(CheckpointError, match="no checkpoint can be written"):
        Checkpoint(inside)


def file_of(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file"


class _Failing(io.FileIO):
    """A file of which one write fails, or writes a part only and then fails."""

    left = 0
    error = errno.ENOSPC
    part = 0

    def write(self, data: Any, /) -> int:
        if self.left:
            self.left -= 1
            return super().write(data)
        if self.part:
            some, self.part = memoryview(data)[: self.part], 0
            return super().write(some)
        raise OSError(self.error, os.strerror(self.error))


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("part", [0, 5])
def test_a_write_that_fails_leaves_the_last_file(
    error: int, part: int, file: Path, search: tuple[Native, Position], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, failed, left = file.read_bytes(), 0, 0
    opened = Path.open
    buffered: Callable[[Any], Any] = lambda raw: io.BufferedWriter(raw, 64)  # many writes  # noqa: E731

    def open_failing(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if mode != "xb":
            return opened(path, mode, *rest, **more)
        raw = _Failing(path, "x")
        raw.left, raw.error, raw.part = left, error, part
        return buffered(raw)

    monkeypatch.setattr(Path, "open", open_failing)
    with Checkpoint(file) as made:
        while True:
            made.write(*search)
            assert [*file.parent.glob("*.new")] == []
            if not made.trouble:
                break
            assert os.strerror(error) in made.trouble
            assert file.read_bytes() == before
            failed, left = failed + 1, left + 1
    assert failed > 5
    assert file.read_bytes() == before


@pytest.mark.parametrize("where", ["fsync", "replace", "unlink"])
def test_what_else_fails_leaves_the_last_file(
    where: str, file: Path, search: tuple[Native, Position], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    before = file.read_bytes()
    with Checkpoint(file) as made:
        with monkeypatch.context() as patched:
            patched.setattr(os if where == "fsync" else Path, where, fail)
            made.write(*search)
        assert os.strerror(errno.EIO) in made.trouble
        assert file.read_bytes() == before
        made.write(*search)
        assert made.trouble == ""


def test_a_search_on_a_full_disk_keeps_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Checkpoint, *_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Checkpoint, "_write", full)
    monkeypatch.setattr(checkpoint, "_PAUSE", 0)
    monkeypatch.setattr(checkpoint, "_SHARE", 0)
    world = replace(WORLD, budgets={**WORLD.budgets, "pd.term": 1})
    whole = explore(world, "first-save-only", PROPERTIES)
    found = explore(world, "first-save-only", PROPERTIES, checkpoint=tmp_path / "off.search")
    assert found.findings == whole.findings
    assert (found.states, found.complete) == (whole.states, True)
    (note,) = found.notes
    assert "No space left on device" in note
    assert {path.name for path in tmp_path.iterdir()} == {"off.search.lock"}

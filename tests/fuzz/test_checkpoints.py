"""Damaged checkpoints: refused in one line, whether or not somebody gave them a hash that is right."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.checkpoint import Checkpoint, Position
from tsofence.checker.search.engine import Plain
from tsofence.checker.search.errors import CheckpointError
from tsofence.checker.search.native import Native
from tsofence.model.variants import fences
from tsofence.specs.properties import PROPERTIES
from tsofence.specs.scenario import load

from .damage import damaged
from .examples import each, examples
from .oracles import told

_DIGEST = 32


@pytest.fixture(scope="module")
def engine() -> Native:
    """The first level of a search."""
    world = load("rolling-upgrade")
    configuration = world.configuration(fences.parse("off"))
    expander = Expander(configuration, PROPERTIES, list(world.first_states(configuration)))
    made = Native(Plain(expander), 100_000)
    made.expand(0, len(made))
    return made


@pytest.fixture
def written(tmp_path: Path, engine: Native) -> bytes:
    with Checkpoint(tmp_path / "first.search") as file:
        file.write(engine, Position(0, len(engine), [0], 0.5))
    return (tmp_path / "first.search").read_bytes()


def is_read(path: Path, content: bytes, engine: Native) -> bool:
    path.write_bytes(content)
    try:
        with Checkpoint(path) as file:
            file.read(engine)
    except CheckpointError as error:
        told(error)
        return False
    return True


@examples(40, 600)
def test_a_damaged_checkpoint(number: int, tmp_path: Path, engine: Native, written: bytes) -> None:
    reader = Native(Plain(engine.expander), 100_000)

    def check(content: bytes) -> None:
        assert is_read(tmp_path / "off.search", content, reader) == (content == written)

    each(damaged([written]), number, check)


@examples(40, 600)
def test_a_checkpoint_with_a_header_that_somebody_made(
    number: int, tmp_path: Path, engine: Native, written: bytes
) -> None:
    """Its hash is right: it is refused, or says where a search of these states can be."""
    reader = Native(Plain(engine.expander), 100_000)
    header, body = written[:-_DIGEST].split(b"\n", 1)

    def check(content: bytes) -> None:
        made = content + b"\n" + body
        is_read(tmp_path / "off.search", made + hashlib.blake2b(made, digest_size=_DIGEST).digest(), reader)

    each(damaged([header]), number, check)

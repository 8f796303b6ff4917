"""Arrays that grow: what was written stays, nothing is reserved that is far from being needed."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tsofence.checker.machine import room
from tsofence.checker.machine.expand import Expander
from tsofence.checker.machine.room import Room
from tsofence.checker.search import native, team
from tsofence.checker.search.engine import Plain
from tsofence.checker.search.native import Native
from tsofence.model.language.instance import REDUCTIONS
from tsofence.specs.properties import PROPERTIES
from tsofence.specs.scenario import load

from .tables import anyhow

MOST = 1 << 40


def filled(rows: int) -> Room:
    made = Room(MOST, 2, np.uint64)
    made.grow(rows, 0)
    made.rows[:rows] = np.arange(2 * rows, dtype=np.uint64).reshape(rows, 2)
    return made


def test_what_was_written_stays_and_the_rest_is_zero() -> None:
    made = filled(1000)
    for _ in range(3):
        many = len(made)
        made.grow(many + 1, 1000)
        assert many < len(made) <= 2 * many
    assert (made.rows[:1000].ravel() == np.arange(2000)).all()
    assert not made.rows[-1].any()
    made.rows[-1] = 7


def test_rows_that_somebody_looks_at_are_copied() -> None:
    made = filled(1000)
    seen = made.rows[:1000]
    made.grow(len(made) + 1, 1000)
    made.rows[0] = 9
    assert seen[0].tolist() == [0, 1]
    assert (made.rows[1:1000] == seen[1:]).all()


def test_what_does_not_fit_changes_nothing() -> None:
    made = filled(1000)
    many = len(made)
    for needed in (MOST, MOST + 1):
        with pytest.raises(MemoryError):
            made.grow(needed, 1000)
        assert len(made) == many
        assert (made.rows[:1000].ravel() == np.arange(2000)).all()


def test_it_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made = filled(1000)
    most = int(1.3 * len(made))
    move = room._moved

    def bounded(pages: object, size: int, used: int) -> object:
        if size > 16 * most:
            raise OSError("no memory")
        return move(pages, size, used)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(room, "_moved", bounded)
    made.grow(len(made) + 1, 1000)
    assert 1.2 * most / 1.3 < len(made) <= most
    made.grow(most, 1000)
    with pytest.raises(MemoryError):
        made.grow(most + 1, 1000)


def test_a_search_is_the_same_wherever_its_rows_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_FIRST", 64)
    for module in (native, team):
        monkeypatch.setattr(module, "BATCH", 64)
    world = load("rolling-upgrade")
    configuration = replace(anyhow(world, "off"), reductions=frozenset(REDUCTIONS))
    expander = Expander(configuration, PROPERTIES, list(world.first_states(configuration)))
    plain, one, two = Plain(expander), Native(Plain(expander), MOST), Native(Plain(expander), MOST)
    two.threads = 2
    done = 0
    while len(plain) < 3_000:
        upto = len(plain)
        for engine in (plain, one, two):
            engine.expand(done, upto)
        done = upto
    for engine in (one, two):
        assert [*engine.states()] == plain.order
        assert engine.watch == plain.watch
        assert engine.path(len(plain) - 1) == plain.path(len(plain) - 1)


def test_a_small_search_fits_into_little_address_space(tmp_path: Path) -> None:
    """The bounds allow a hundred million states; a few are all that is needed."""
    program = (
        "from tsofence.checker.search.explore import explore\n"
        "from tsofence.specs.properties import named\n"
        "from tsofence.specs.scenario import load\n"
        "found = explore(load('rolling-upgrade'), 'first-save-only', [named('window')], engine='native',\n"
        "    memory=1 << 40, threads=lambda: 2, max_states=10_000_000_000)\n"
        "assert found.complete and found.states > 50_000, found\n"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", program],
        check=True,
        cwd=tmp_path,
        env={"OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)),
    )

"""What machine code's states stand in: ranges, packed words, and the table of them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import ir

from tsofence.checker.machine.expand import Expander
from tsofence.checker.machine.machine_code import Compiled
from tsofence.checker.machine.packing import Packing
from tsofence.checker.machine.ranges import Ranges
from tsofence.checker.machine.table import Table, TableCode
from tsofence.specs.scenario import load

from .tables import anyhow


def test_guards_bound_what_is_no_time() -> None:
    world = load("lost-answer")
    configuration = anyhow(world, "off")
    first = list(world.first_states(configuration))
    expander = Expander(configuration, (), first)
    found = Ranges(expander.layout, expander.instances, first).of_slot
    slots = expander.layout.slots
    assert found[slots["raft_leader", 0]] == (0, 1)  # only a PD leads the raft group
    assert found[slots["logical", 2]] == (0, 1)  # stays below clients.limit
    assert found[slots["skew", 1]] == (128, 128)  # no clock jumps here
    assert found[slots["left pd.lost", 0]] == (0, 1)
    assert found[slots["timestamp", 0]] == (0, 255)


RANGES = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)).map(sorted), min_size=1, max_size=60)


@given(RANGES, st.randoms(use_true_random=False))
def test_what_is_packed_can_be_unpacked(bounds: list[list[int]], chance: random.Random) -> None:
    packing = Packing([(low, high) for low, high in bounds])
    rows = [[chance.randint(low, high) for low, high in bounds] for _ in range(20)]
    values = np.array(rows, np.uint8)
    assert (packing.unpack(packing.pack(values)) == values).all()
    masks = [packing.mask([index]) for index in range(len(bounds))]
    for word in range(packing.words):
        assert sum(mask[word] for mask in masks) < 1 << 64  # no two fields share a bit
        assert sum(mask[word].bit_count() for mask in masks) == sum(m[word] for m in masks).bit_count()


@pytest.mark.parametrize("words", [1, 2, 3])
def test_a_table_is_a_set_that_keeps_the_order(words: int) -> None:
    module = ir.Module()
    TableCode(module, words)
    table = Table(Compiled(module), words, 50_000)
    chance = random.Random(words)
    # few and close values, so that rows are met again and hashes have little to go by
    rows = np.array([[chance.randrange(200) for _ in range(words)] for _ in range(40_000)], np.uint64)
    order: dict[tuple[int, ...], int] = {}
    for row in rows:
        assert table.add(row) == order.setdefault(tuple(row.tolist()), len(order))
    assert [tuple(row) for row in table.rows.tolist()] == list(order)


def test_a_table_can_be_filled_at_once_and_is_bounded() -> None:
    module = ir.Module()
    TableCode(module, 2)
    compiled = Compiled(module)
    table = Table(compiled, 2, 6_000)
    rows = np.arange(12_000, dtype=np.uint64).reshape(-1, 2)
    table.fill(rows[:5_000])
    assert len(table) == 5_000
    assert [table.add(row) for row in rows] == list(range(6_000))
    with pytest.raises(MemoryError):
        table.add(np.array([1, 1], np.uint64))
    with pytest.raises(MemoryError):
        Table(compiled, 2, 1 << 33)

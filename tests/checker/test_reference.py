"""An engine that gets another protocol's counts right is an engine.

The protocol and its counts come from `docs/reference-protocol.md`; TLC, Spin and a hand-written
C++ explorer agree on them.
"""

from __future__ import annotations

import pytest

from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.engine import Engine, Plain
from tsofence.checker.search.native import Native
from tsofence.specs.reference import reference


def expanded(pds: int, tsos: int, end: int, clocks: int, *, fence: bool) -> Expander:
    configuration = reference(pds, tsos, end, clocks, fence=fence)
    return Expander(configuration, (), [configuration.layout().initial({}, {})])


def start(expander: Expander, engine: str, most: int) -> Engine:
    plain = Plain(expander)
    return plain if engine == "plain" else Native(plain, most)


def walk(engine: Engine) -> int:
    """Expand everything; how many levels there are."""
    first, last, levels = 0, len(engine), 0
    while first < last:
        engine.expand(first, last)
        first, last, levels = last, len(engine), levels + 1
    return levels


SMALL = ((1, 1, 8, 3), 9_364, 42_206, 1_400, None)
MIDDLE = ((2, 1, 8, 3), 115_260, 705_916, 24_892, (25, 27))
GREAT = ((2, 2, 8, 3), 1_090_923, 8_598_522, 279_720, (28, 30))


@pytest.mark.parametrize("fence", [False, True])
@pytest.mark.parametrize(
    ("engine", "size", "states", "transitions", "marked", "levels"),
    [
        ("plain", *SMALL),
        ("plain", *MIDDLE),
        ("native", *SMALL),
        ("native", *MIDDLE),
        ("native", *GREAT),
    ],
)
def test_counts(
    size: tuple[int, int, int, int],
    states: int,
    transitions: int,
    marked: int,
    levels: tuple[int, int] | None,
    fence: bool,
    engine: str,
) -> None:
    expander = expanded(*size, fence=fence)
    made = start(expander, engine, states + 100)
    deep = walk(made)
    assert (len(made), sum(made.watch.fired)) == (states, transitions)
    slot = expander.layout.slots["bad", 0]
    assert sum(state[slot] for state in made.states()) == marked
    if levels is not None:
        assert deep == levels[fence]


def test_a_step_out_of_what_a_state_can_hold_is_counted() -> None:
    found = []
    for engine in ("plain", "native"):
        made = start(expanded(1, 0, 1, 300, fence=False), engine, 10_000)
        walk(made)
        found.append((len(made), made.watch))
    assert found[0] == found[1]
    assert sum(found[0][1].cut) > 0


def test_no_room_is_an_error_and_not_a_wrong_count() -> None:
    with pytest.raises(MemoryError):
        walk(start(expanded(2, 1, 8, 3, fence=True), "native", 5_000))

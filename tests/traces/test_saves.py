"""Which write of the timestamp key a line is about, where two of them wrote one value, to the millisecond."""

from __future__ import annotations

import pytest

from tsofence.traces.explain.saves import Saves
from tsofence.traces.explain.seen import FOREVER
from tsofence.traces.sources.observation import Key, KeyEvent, Where

MS, S = 10**6, 10**9
#: the first is the history that a watch begins with
RECEIVED = (100, 101, 110, 130)
VALUES = (40, 50, 50, 60)


def saves(received: tuple[int | None, ...] = RECEIVED) -> Saves:
    return Saves(
        [
            KeyEvent(
                Where("f", n),
                n,
                Key.TIMESTAMP,
                "/pd/1/timestamp",
                True,
                timestamp_ns=value * S,
                latest_ns=None if at is None else at * S,
            )
            for n, (value, at) in enumerate(zip(VALUES, received, strict=True))
        ],
        {"pd1": ([3 * S], [0])},
        frozenset(),
    )


@pytest.mark.parametrize(
    ("at_s", "write"),
    [(101, 1), (103, 1), (105, None), (106, None), (112, 2), (90, None), (140, None)],
)
def test_only_a_clock_that_is_far_off_can_mean_the_other(at_s: int, write: int | None) -> None:
    assert saves().of(50 * S + MS // 2, at_s * S) == write


def test_without_receipts_nobody_knows() -> None:
    assert saves((None,) * 4).of(50 * S, 101 * S) is None
    assert saves((None,) * 4).of(60 * S, 101 * S) == 3


@pytest.mark.parametrize(
    ("at_s", "between"),
    [(101, (2, 2)), (108, (2, 3)), (120, (3, 3)), (1, (2, 3))],
)
def test_when_it_was_read(at_s: int, between: tuple[int, int]) -> None:
    """After the write of the value and before the next one."""
    assert saves().read_between(50 * S, at_s * S) == between


def test_what_was_never_written() -> None:
    assert saves().of(70 * S, 101 * S) is None
    assert saves().of(None, 101 * S) is None
    assert saves().read_between(70 * S, 101 * S) == (0, FOREVER)

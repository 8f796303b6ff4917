"""Which calls got a timestamp twice, or one that is not above what another had got before it started.

`judge` counts them; here each is found, with the call that it is to be held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sources.observation import LOGICAL_BITS, Call
from ..sources.trace import Trace

_Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two calls that may not both be: the ``earlier`` had ended before the ``later`` did; ``back_ms``: by how
    much the physical part went back."""

    earlier: Call
    later: Call
    back_ms: int


@dataclass(frozen=True, slots=True)
class Flagged:
    """By when the later one ended: pairs that got a timestamp ``twice``; calls that went ``back``, each with
    the highest that had ended before it started.
    """

    twice: tuple[Pair, ...]
    back: tuple[Pair, ...]


def flagged(trace: Trace) -> Flagged:
    """Every such pair: of those that got a timestamp twice each with the nearest below."""
    calls = [call for call in trace.calls if call.error is None and call.timed]
    if len(calls) < 2:
        return Flagged((), ())
    first = np.fromiter((call.first for call in calls), np.int64, len(calls))
    last = np.fromiter((call.last for call in calls), np.int64, len(calls))
    start = np.fromiter((call.start_ns for call in calls), np.int64, len(calls))
    end = np.fromiter((call.end_ns for call in calls), np.int64, len(calls))
    twice = [_pair(calls, a, b, end) for a, b in _overlaps(first, last)]
    back = [_pair(calls, a, b, end) for a, b in _late(first, last, start, end)]
    return Flagged(*(tuple(sorted(pairs, key=lambda pair: pair.later.end_ns)) for pairs in (twice, back)))


def _pair(calls: Sequence[Call], one: int, other: int, end: _Longs) -> Pair:
    earlier, later = (one, other) if end[one] <= end[other] else (other, one)
    back = (calls[earlier].last >> LOGICAL_BITS) - calls[later].physical
    return Pair(calls[earlier], calls[later], max(back, 0))


def _overlaps(first: _Longs, last: _Longs) -> list[tuple[int, int]]:
    """Each range that begins before one that began below it has ended, with the one that reaches highest."""
    order = np.argsort(first, kind="stable")
    highs = last[order]
    reach = np.maximum.accumulate(highs)
    over = np.flatnonzero(first[order][1:] <= reach[:-1]) + 1
    # the range that reaches so high is the first that does
    widest = np.searchsorted(reach, reach[over - 1])
    return [(int(order[a]), int(order[b])) for a, b in zip(widest, over, strict=True)]


def _late(first: _Longs, last: _Longs, start: _Longs, end: _Longs) -> list[tuple[int, int]]:
    """Each call whose lowest is not above the highest that had ended before it started."""
    ended = np.argsort(end, kind="stable")
    top = np.maximum.accumulate(last[ended])
    before = np.searchsorted(end[ended], start)  # so many had ended by then
    late = np.flatnonzero((before > 0) & (first <= top[np.maximum(before, 1) - 1]))
    holder = np.searchsorted(top, top[before[late] - 1])
    return [(int(ended[a]), int(b)) for a, b in zip(holder, late, strict=True)]

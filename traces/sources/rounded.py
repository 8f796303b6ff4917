"""Integers that went through a tool which knows no 64-bit ones.

Spreadsheets keep 15 digits, JavaScript, pandas and jq before 1.7 the nearest double, of which they write 17
digits or fewer: what two such numbers have in common, the exact ones need not.  One number may look so by
chance; that all of several do means that they went this way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

_BY = "the file went through a tool that knows no 64-bit integers (jq before 1.7 is one)"
#: what is said of a file whose leases are not those that etcd granted
LEASES = f"lease ids are rounded: {_BY}; leases are not compared"
#: what is said of a file whose timestamps are not those that were granted
TIMESTAMPS = f"timestamps are rounded: {_BY}; whether two are the same, or which is greater, is not told"
#: below it what was rounded stands too close to what was not
_LEAST = 1 << 56
#: the largest double that is one
_MOST = float(2**64 - 2**11)
#: so many different numbers are not all as if rounded by chance: each is in one of 20 cases
_SEVERAL = 3
#: so many timestamps, which people also put together from a time and no logical part
TIMESTAMPS_AT_LEAST = 8
#: by how much a timestamp may be off: of its 18 digits a spreadsheet keeps 15
TIMESTAMP_OFF = 1_000


class Integers:
    """Integers of a file, as they are read."""

    def __init__(self, values: Iterable[int] = (), enough: int = _SEVERAL) -> None:
        self._enough = enough
        self._exact = False
        self._rounded: set[int] = set()
        self.add(np.array([*values], np.uint64))

    def add(self, values: np.ndarray[Any, np.dtype[Any]]) -> None:
        """Some of them, not negative, of 64 bits."""
        if self._exact:
            return
        large = values[values >= _LEAST].astype(np.uint64)
        self._exact = not bool(np.all(_as_if_rounded(large)))
        if len(self._rounded) < self._enough:
            self._rounded.update(np.unique(large)[: self._enough].tolist())

    @property
    def rounded(self) -> bool:
        """Whether all that are large enough were rounded."""
        return not self._exact and len(self._rounded) >= self._enough


def _as_if_rounded(values: np.ndarray[Any, np.dtype[Any]]) -> Any:
    """Which of these a tool may have written that rounds."""
    nearest = np.minimum(values.astype(np.float64), _MOST).astype(np.uint64)
    off = np.where(values > nearest, values - nearest, nearest - values)
    hundred, ten = values % np.uint64(100) == 0, values % np.uint64(10) == 0
    return hundred | (off == 0) | ten & (off <= 5)

"""How much is tried of what takes long: all by `make faults` and `make pairs`, else always the same part."""

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar
from zlib import crc32

Case = TypeVar("Case")
Row = TypeVar("Row")
Column = TypeVar("Column")

ALL = os.environ.get("TSOFENCE_TRY") == "all"


def some(cases: Iterable[Case], one_in: int) -> list[Case]:
    """One in so many of them, whichever; all with `TSOFENCE_TRY=all`."""
    return [case for case in cases if ALL or crc32(repr(case).encode()) % one_in == 0]


def spread(rows: Sequence[Row], columns: Sequence[Column], one_in: int) -> list[tuple[Row, Column]]:
    """One in so many pairs, so that none has fewer than another of its kind; all with `TSOFENCE_TRY=all`.

    Each row and each column is in some pair where there are as many of the others.
    """
    return [
        (row, column)
        for at, row in enumerate(rows)
        for place, column in enumerate(columns)
        if ALL or (at + place) % one_in == 0
    ]


def seeds(every: Iterable[int]) -> list[int]:
    """The first of them; all with `TSOFENCE_TRY=all`."""
    found = list(every)
    return found if ALL else found[:1]

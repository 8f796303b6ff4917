"""How much is tried of what takes hours: all by `make faults`, by `make test-large` always the same part."""

import os
from collections.abc import Iterable
from typing import TypeVar
from zlib import crc32

Case = TypeVar("Case")

_ALL = os.environ.get("TSOFENCE_FAULTS") == "all"


def some(cases: Iterable[Case], one_in: int) -> list[Case]:
    """One in so many of them, whichever; all with `TSOFENCE_FAULTS=all`."""
    return [case for case in cases if _ALL or crc32(repr(case).encode()) % one_in == 0]


def seeds(every: Iterable[int]) -> list[int]:
    """The first of them; all with `TSOFENCE_FAULTS=all`."""
    found = list(every)
    return found if _ALL else found[:1]

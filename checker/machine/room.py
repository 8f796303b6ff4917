"""Arrays whose rows become more: no more is reserved than a few times what is needed."""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: rows that are reserved at least: what nobody writes to takes up addresses, but no memory
_FIRST = 1 << 20
#: bytes from which on large pages pay
_LARGE = 1 << 22


class Room:
    """An array of at most ``most`` rows, zero at first.

    It moves when it grows: views and addresses from before are then out of date.  On Linux the pages move
    without being copied.
    """

    def __init__(self, most: int, columns: int, dtype: DTypeLike) -> None:
        self._most = most
        self._dtype = np.dtype(dtype)
        self._columns = columns
        self._pages: mmap.mmap | None = None
        #: all rows, those not used yet included
        self.rows: NDArray[Any] = self._looked_at(0)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def address(self) -> int:
        """Where the rows stand until it grows again."""
        return self.rows.ctypes.data

    def grow(self, needed: int, used: int) -> None:
        """Have that many rows or, to grow seldom, more; the first ``used`` are kept.

        Raises:
            MemoryError: there is no room for them; nothing has changed.
        """
        if needed <= len(self):
            return
        if needed > self._most:
            raise MemoryError(f"{self._most} rows are all there is room for")
        more = min(self._most, max(_FIRST, 2 * len(self))) - needed
        while more > 0:
            with suppress(MemoryError):
                self._resize(needed + more, used)
                return
            more //= 2
        self._resize(needed, used)

    def _resize(self, rows: int, used: int) -> None:
        before, bytes_a_row = len(self), self._columns * self._dtype.itemsize
        size = rows * bytes_a_row
        self.rows = np.empty((0, self._columns), self._dtype)  # pages that are looked at cannot move
        try:
            if self._pages is None:
                self._pages = _reserved(size)
            else:
                self._pages = _moved(self._pages, size, used * bytes_a_row)
        except OSError as error:
            rows = before
            raise MemoryError(f"no room for {size >> 20} MiB") from error
        finally:
            self.rows = self._looked_at(rows)
        if size >= _LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a kernel without them
                self._pages.madvise(mmap.MADV_HUGEPAGE)

    def _looked_at(self, rows: int) -> NDArray[Any]:
        pages = self._pages if rows else None
        return np.frombuffer(pages or b"", self._dtype, rows * self._columns).reshape(rows, self._columns)


def _reserved(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _moved(pages: mmap.mmap, size: int, used: int) -> mmap.mmap:
    """More pages, with the same in those that are used."""
    try:
        pages.resize(size)
    except (BufferError, SystemError):  # somebody still looks at them; or this system can only copy
        wider = _reserved(size)
        wider[:used] = pages[:used]
        return wider
    return pages

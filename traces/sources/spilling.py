"""Rows of numbers, more than memory should hold: what goes beyond `ROOM` is in temporary files."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Any, TypeAlias

import numpy as np

from .observation import no_room

Rows: TypeAlias = np.ndarray[Any, np.dtype[Any]]

#: rows that are held in memory before they are written to a file
ROOM = 1 << 18
#: rows that are handed out at once, about
CHUNK = 1 << 16


# Rows that are indexed by numbers or by truth, or concatenated, numpy copies field by field; their bytes are
# copied by `take`, `compress` and this, in a tenth of the time.
def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of one kind, at least one part of them, behind each other."""
    if len(parts) == 1:
        return parts[0]
    together: Rows = np.concatenate([part.view(np.uint8) for part in parts]).view(parts[0].dtype)
    return together


class Stored:
    """Rows in the order in which they came."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._file: IO[bytes] | None = None
        self._written = 0
        self._new: list[Rows] = []
        self._waiting = 0

    def __len__(self) -> int:
        return self._written + self._waiting

    def add(self, rows: Rows) -> None:
        """Put rows behind the others.

        Raises:
            BadInput: there is no room for temporary files.
        """
        self._new.append(rows)
        self._waiting += len(rows)
        if self._waiting > ROOM:
            try:
                self._write()
            except OSError as error:
                raise no_room(error) from None

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="tsofence-")  # noqa: SIM115  # closed with the rows
            weakref.finalize(self, _close, self._file)
        self._file.seek(0, 2)
        for part in self._new:
            self._file.write(np.ascontiguousarray(part).data)
        self._file.flush()
        self._written += self._waiting
        self._new, self._waiting = [], 0

    def read(self, begin: int, size: int) -> Rows:
        """So many rows from there on; fewer at the end."""
        if len(self._new) > 1:
            self._new = [joined(self._new)]
        parts = []
        if begin < self._written and self._file:
            self._file.seek(begin * self._dtype.itemsize)
            data = self._file.read(min(size, self._written - begin) * self._dtype.itemsize)
            parts.append(np.frombuffer(data, self._dtype))
        if begin + size > self._written:
            at = slice(max(0, begin - self._written), begin + size - self._written)
            parts += [rows[at] for rows in self._new]
        return joined(parts) if parts else np.empty(0, self._dtype)

    def __iter__(self) -> Iterator[Rows]:
        """All of them, in pieces."""
        for begin in range(0, len(self), CHUNK):
            yield self.read(begin, CHUNK)


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # on a full disk it was said when it was written
        file.close()


class Sorted:
    """Rows by one field; equal ones in the order in which they came."""

    def __init__(self, dtype: np.dtype[Any], key: str) -> None:
        self._dtype = dtype
        self._key = key
        self._runs: list[Stored] = []
        self._new: list[Rows] = []
        self._waiting = 0

    def add(self, rows: Rows) -> None:
        """Put rows with the others; raises as `Stored.add`."""
        self._new.append(rows)
        self._waiting += len(rows)
        if self._waiting > ROOM:
            self._end_run()

    def _end_run(self) -> None:
        """Sorted pieces are merged at last."""
        run = Stored(self._dtype)
        run.add(self._in_order(self._new))
        self._runs.append(run)
        self._new, self._waiting = [], 0

    def _in_order(self, parts: Sequence[Rows]) -> Rows:
        rows = joined(parts)
        keys = rows[self._key].copy()
        return rows if np.all(keys[1:] >= keys[:-1]) else rows.take(np.argsort(keys, kind="stable"))

    def __iter__(self) -> Iterator[Rows]:
        """All of them, in pieces."""
        if self._new:
            self._end_run()
        size = max(1, CHUNK // max(1, len(self._runs)))
        heads = [np.empty(0, self._dtype) for _ in self._runs]
        read = [0] * len(heads)
        while True:
            for number, run in enumerate(self._runs):
                if not len(heads[number]):
                    heads[number] = run.read(read[number], size)
                    read[number] += len(heads[number])
            # The run whose next rows may be the first of all that are not here yet.
            goes_on = [n for n, run in enumerate(self._runs) if read[n] < len(run)]
            last = min(goes_on, key=lambda number: heads[number][self._key][-1], default=None)
            bound: Any = None if last is None else heads[last][self._key][-1]
            taken = []
            for number, head in enumerate(heads):
                end = len(head)
                if last is not None:  # of equal ones those of earlier runs come first
                    end = int(np.searchsorted(head[self._key], bound, "right" if number <= last else "left"))
                taken.append(head[:end])
                heads[number] = head[end:]
            if not any(map(len, taken)):
                return
            yield self._in_order(taken)

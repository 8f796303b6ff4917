"""The cells of a table's columns: where they stand in its text, many at once."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]

#: so many digits always fit 64 bits with a sign, and one more without it
DIGITS = 18
_LARGEST = np.iinfo(np.int64).max
#: bytes that are taken at once, as a number of which the first is the lowest
_WORD = 8
#: of a word the first bytes, and the last ones: so many
_FIRST = np.array([(1 << 8 * n) - 1 for n in range(_WORD + 1)], np.uint64)
_LAST = _FIRST[::-1] ^ _FIRST[-1]
_EIGHT_DIGITS = np.uint64(10**8)
#: texts that are wider, or that many different ones, are not compared as numbers
_WIDE, _DIFFERENT = 64, 64
_BLANK, _NEWLINE, _RETURN, _QUOTE, _NOT_ASCII = b' \n\r"\x80'


class Column:
    """The cells of one column, without blanks around them."""

    def __init__(self, text: bytes, begin: Numbers, end: Numbers) -> None:
        """Cells from ``begin`` to ``end`` in a `_padded` text, which other columns may have as well."""
        self._text, self._begin, self._end = text, begin, end
        self.widths = end - begin

    @classmethod
    def of(cls, cells: Sequence[str]) -> Column:
        """These, with or without blanks around them."""
        encoded = [cell.strip().encode() for cell in cells]
        edges = np.fromiter(accumulate(map(len, encoded), initial=len(_PADDING)), np.int64)
        return cls(_padded(b"".join(encoded)), edges[:-1], edges[1:])

    def __len__(self) -> int:
        return len(self.widths)

    def __bool__(self) -> bool:
        """Whether any of them is not empty."""
        return bool(np.any(self.widths))

    def has_blanks(self) -> bool:
        """Whether there may be blanks around one."""
        told = self.widths > 0
        edges = np.frombuffer(self._text, np.uint8)[np.append(self._begin[told], self._end[told] - 1)]
        return bool(np.any((edges <= _BLANK) | (edges >= _NOT_ASCII)))

    def texts(self) -> Iterator[str]:
        """Each of them."""
        for begin, end in zip(self._begin.tolist(), self._end.tolist(), strict=True):
            yield self._text[begin:end].decode()

    def at(self, row: int) -> str:
        """One of them."""
        return self._text[self._begin[row] : self._end[row]].decode()

    def numbers(self, empty: int | None = None) -> Numbers | None:
        """What they are if all of them are digits, as 64 bits; where there are none, ``empty``.

        None: something else is told, or a number may not fit.
        """
        found = self._digits
        if found is None or not empty:
            return found if empty == 0 or np.all(self.widths) else None
        return np.where(self.widths > 0, found, empty)

    @cached_property
    def _digits(self) -> Numbers | None:
        """What they are if all of them are digits; where there are none, 0."""
        wide = int(self.widths.max(initial=1))
        if wide > DIGITS + 1:
            return None
        found: Numbers = np.zeros(len(self), np.uint64)
        for behind in reversed(range(0, wide, _WORD)):
            eight = _number(self._word(self._end - behind - _WORD), self.widths - behind)
            if eight is None:
                return None
            found = found * _EIGHT_DIGITS + eight
        if np.any(found > _LARGEST):
            return None
        return found.astype(np.int64)

    def words(self) -> Numbers | None:
        """By row some numbers that are the same where cells are; None: such would be too many."""
        wide = int(self.widths.max(initial=0))
        if wide > _WIDE:
            return None
        found = np.empty((len(self), 1 + -(-wide // _WORD)), np.int64)
        found[:, 0] = self.widths
        for number, before in enumerate(range(0, wide, _WORD), 1):
            told = _FIRST[np.clip(self.widths - before, 0, _WORD)]
            found[:, number] = (self._word(self._begin + before) & told).view(np.int64)
        return found

    def _word(self, begin: Numbers) -> Numbers:
        """Eight bytes from there on, the first of them the lowest."""
        found: Numbers = np.ndarray(len(self._text) - _WORD + 1, "<u8", self._text, strides=1)[begin]
        return found


def _number(words: Numbers, widths: Numbers) -> Numbers | None:
    """What the last bytes of words say, so many (if more, all), in digits; None: something else."""
    told = _LAST[np.clip(widths, 0, _WORD)]
    digits = (words ^ _all(ord("0"))) & told
    # a byte that is more than 9 has its highest bit, or gets it
    if np.any((digits | digits + _all(0x7F - 9)) & _all(0x80)):
        return None
    digits = digits * np.uint64(10 << 8 | 1) >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF)
    digits = digits * np.uint64(100 << 16 | 1) >> np.uint64(16) & np.uint64(0x0000FFFF0000FFFF)
    found: Numbers = digits * np.uint64(10000 << 32 | 1) >> np.uint64(32)
    return found


def _all(byte: int) -> np.uint64:
    """A word of which each byte is this one."""
    return np.uint64(int.from_bytes(bytes([byte]) * _WORD, "little"))


#: as much as is looked at before and behind a cell
_PADDING = bytes(_WIDE)


def _padded(text: bytes) -> bytes:
    return _PADDING + text + _PADDING


def columns(text: bytes, delimiter: str, many: int) -> list[Column]:
    """The first columns, so many, of a table with a row in each line (no newline ends the last one).

    Raises:
        ValueError: a row has fewer cells, or a cell does not end in its line.
        csv.Error: a cell is too long.
    """
    rows = text.count(b"\n") + 1
    quoted, lines = _not_plain(text), list[bytes]()
    plain = np.delete(np.arange(rows), quoted)
    if quoted:
        lines = text.split(b"\n")
        text = b"\n".join([lines[at] for at in plain.tolist()])
    text = _padded(text + b"\n")
    edges = np.empty((2, many, rows), np.int64)
    if len(plain):
        edges[:, :, plain] = _split(text, delimiter, many)
    if quoted:
        told = [*csv.reader((lines[at].decode(errors="replace") for at in quoted), delimiter=delimiter)]
        if len(told) != len(quoted) or min(map(len, told)) < many:
            raise ValueError("a row that ends elsewhere, or has too few cells")
        cells = [cell.encode() for row in told for cell in row[:many]]
        ends = np.fromiter(accumulate(map(len, cells), initial=len(text)), np.int64)
        edges[:, :, quoted] = np.stack((ends[:-1], ends[1:])).reshape(2, len(quoted), many).swapaxes(1, 2)
        text = _padded(text[len(_PADDING) :] + b"".join(cells))
    found = [Column(text, *edges[:, at]) for at in range(many)]
    if not quoted and not _has_blanks(text):
        return found
    return [Column.of([*each.texts()]) if each.has_blanks() else each for each in found]


def _has_blanks(text: bytes) -> bool:
    """Whether there may be blanks in a `_padded` text."""
    kinds = np.frombuffer(text, np.uint8)
    blanks = np.count_nonzero(kinds <= _BLANK) - 2 * len(_PADDING)
    return bool(blanks > np.count_nonzero(kinds == _NEWLINE))


def _not_plain(text: bytes) -> list[int]:
    """The lines in which something may be more than its bytes, or stand for something else."""
    if text.isascii() and not any(each in text for each in b'"\r'):
        return []
    kinds = np.frombuffer(text, np.uint8)
    found = np.flatnonzero((kinds == _QUOTE) | (kinds == _RETURN) | (kinds >= _NOT_ASCII))
    lines: list[int] = np.unique(np.searchsorted(np.flatnonzero(kinds == _NEWLINE), found)).tolist()
    return lines


def _split(text: bytes, delimiter: str, many: int) -> Numbers:
    """Where the first cells begin, and where they end, by line."""
    kinds = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((kinds == ord(delimiter)) | (kinds == _NEWLINE))
    begins = np.append(len(_PADDING), ends[:-1] + 1)
    last = np.flatnonzero(kinds[ends] == _NEWLINE)
    first = np.append(0, last[:-1] + 1)
    if np.any(last - first + 1 < many):
        raise ValueError("a row with too few cells")
    cells = first + np.arange(many)[:, None]
    return np.stack((begins[cells], ends[cells]))


def alike(columns: Sequence[Column]) -> tuple[Numbers, list[int]] | None:
    """A number for each row, the same for those that are alike in all of these columns; of each number a row.

    None: there are too many different ones.
    """
    words = [column.words() for column in columns]
    known = [each for each in words if each is not None]
    if len(known) < len(words):
        return None
    rows = np.column_stack(known)
    number = np.zeros(len(rows), np.int64)
    found: list[int] = []
    left = np.arange(len(rows))
    while len(left):
        if len(found) == _DIFFERENT:
            return None
        same = np.all(rows[left] == rows[left[0]], axis=1)
        number[left[same]] = len(found)
        found.append(int(left[0]))
        left = left[~same]
    return number, found

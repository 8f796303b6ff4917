"""States packed into 64-bit words: each place takes the bits that its range needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ranges import Range

#: bits of a word
WORD = 64


@dataclass(frozen=True, slots=True)
class Field:
    """Where a value stands: it is ``least`` plus the ``bits`` bits from ``shift`` up in ``word``."""

    word: int
    shift: int
    bits: int
    least: int

    @property
    def ones(self) -> int:
        """The greatest number that fits, which is also the mask before it is shifted."""
        return (1 << self.bits) - 1


class Packing:
    """The fields of values whose ranges are known; no field crosses from one word into the next.

    ``together``: places of the same range whose fields stand side by side.
    """

    def __init__(self, ranges: Sequence[Range], together: Sequence[Sequence[int]] = ()) -> None:
        used: list[int] = []
        fields: dict[int, Field] = {}
        joined = {index for unit in together for index in unit}
        units = [*together, *((index,) for index in range(len(ranges)) if index not in joined)]

        def bits_of(unit: Sequence[int]) -> int:
            low, high = ranges[unit[0]]
            return (high - low).bit_length()

        if any(
            len({ranges[index] for index in unit}) > 1 or len(unit) * bits_of(unit) > WORD for unit in units
        ):
            raise ValueError("places that stand together have to have one range and fit into a word")
        for unit in sorted(units, key=lambda unit: (-len(unit) * bits_of(unit), unit[0])):
            bits, low = bits_of(unit), ranges[unit[0]][0]
            if not bits:
                fields |= {index: Field(0, 0, 0, low) for index in unit}
                continue
            needed = len(unit) * bits
            word = next((w for w, full in enumerate(used) if full + needed <= WORD), len(used))
            if word == len(used):
                used.append(0)
            for index in unit:
                fields[index] = Field(word, used[word], bits, low)
                used[word] += bits
        self.fields = tuple(fields[index] for index in range(len(ranges)))
        self.words = max(len(used), 1)

    @property
    def order(self) -> list[int]:
        """The places in the order in which packed states are compared, word by word."""
        return sorted(range(len(self.fields)), key=lambda i: (self.fields[i].word, -self.fields[i].shift))

    def mask(self, indexes: Sequence[int]) -> list[int]:
        """The bits of each word that hold these values."""
        mask = [0] * self.words
        for index in indexes:
            field = self.fields[index]
            mask[field.word] |= field.ones << field.shift
        return mask

    def pack(self, values: NDArray[np.uint8]) -> NDArray[np.uint64]:
        """Rows of values (one byte each) to rows of words."""
        rows = np.zeros((len(values), self.words), np.uint64)
        for index, field in enumerate(self.fields):
            part = (values[:, index] - np.uint8(field.least)).astype(np.uint64)
            rows[:, field.word] |= part << np.uint64(field.shift)
        return rows

    def unpack(self, rows: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """Rows of words to rows of values."""
        values = np.empty((len(rows), len(self.fields)), np.uint8)
        for index, field in enumerate(self.fields):
            part = (rows[:, field.word] >> np.uint64(field.shift)) & np.uint64(field.ones)
            values[:, index] = part.astype(np.uint8) + np.uint8(field.least)
        return values

"""A set of rows of words, in the order in which they were added: open addressing, exact.

One thread adds at a time; others may look rows up meanwhile, and may miss those that are just being added.
Rows stand one after the other; they move only while room is made for more.  The slots that find them hold
32 bits each: the number of the row and, in the bits that this leaves, a part of its hash, so that a slot
that belongs to another row seldom has to be followed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .machine_code import (
    I32,
    I64,
    NOTHING,
    POINTER,
    Code,
    Compiled,
    Value,
    function,
    number,
    prefetcher,
    word,
)
from .room import Room

#: which part of the slots is in use at most, and how many times as many there are then
_FULL, _GROWTH = 0.85, 1.4
#: while there are fewer slots than that, they become four times as many: to fill them again takes longer than
#: what is saved is worth
_FEW = 1 << 18
#: rows whose slots are asked for at a time when slots are filled again
_BATCH = 64
#: bytes that the slots of one row take at most
SLOT_BYTES = 4 / _FULL * _GROWTH
_FIRST_SIZE = 1 << 12
#: rows that slots can number
MOST_ROWS = (1 << 32) - 1
#: odd numbers with well mixed bits, from the golden ratio and from MurmurHash3's finaliser
_MIX = (0x9E3779B97F4A7C15, 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)


class _Shared(ctypes.Structure):
    """What machine code knows of a table; ``numbers`` masks the bits of a slot that number a row.

    ``count`` is kept off the cache line of what every look-up reads: one thread changes it all the time.
    """

    _fields_ = (
        ("rows", ctypes.c_void_p),
        ("slots", ctypes.c_void_p),
        ("size", ctypes.c_uint64),
        ("numbers", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("apart", ctypes.c_uint64 * 8),
        ("count", ctypes.c_uint64),
    )


class TableCode:
    """The functions of tables whose rows have that many words, written into a module."""

    def __init__(self, module: Value, words: int) -> None:
        self.words = words
        self.prefetch = prefetcher(module)
        self.find = self._write_search(module, "find", adds=False)
        self.insert = self._write_search(module, "insert", adds=True)
        self._write_add(module)
        self._write_rebuild(module)

    def hashed(self, code: Code, words: Sequence[Value]) -> Value:
        """64 bits of which each depends on each bit of the words."""
        mixed = word(0)
        for part in words:
            mixed = code.mul(code.xor(mixed, part), word(_MIX[0]))
            mixed = code.xor(mixed, code.lshr(mixed, word(32)))
        for factor in _MIX[1:]:
            mixed = code.mul(mixed, word(factor))
            mixed = code.xor(mixed, code.lshr(mixed, word(32)))
        return mixed

    def row(self, code: Code, rows: Value, index: Value) -> list[Value]:
        """The addresses of a row's words."""
        first = code.mul(index, word(self.words))
        return [code.element(rows, code.add(first, word(i)), I64) for i in range(self.words)]

    def load(self, code: Code, rows: Value, index: Value) -> list[Value]:
        """The words of a row."""
        return [code.load(address, typ=I64) for address in self.row(code, rows, index)]

    def slot(self, code: Code, table: Value, hashed: Value) -> Value:
        """The number of the slot at which a search for that hash begins."""
        high = code.lshr(hashed, word(32))
        return code.lshr(code.mul(high, code.get(table, _Shared.size)), word(32))

    def slot_address(self, code: Code, table: Value, slot: Value) -> Value:
        """Where a slot stands."""
        return code.element(code.get(table, _Shared.slots, POINTER), slot, I32)

    def likely(self, code: Code, table: Value, hashed: Value) -> Value:
        """The address of the row that a search for that hash is the likeliest to look at."""
        content = code.load(self.slot_address(code, table, self.slot(code, table, hashed)), typ=I32)
        numbers = code.trunc(code.get(table, _Shared.numbers), I32)
        index = code.sub(code.zext(code.and_(content, numbers), I64), word(1))
        return self.row(code, self.rows_of(code, table), index)[0]

    def _write_search(self, module: Value, name: str, *, adds: bool) -> Value:
        """find(table, words, hash): the number of the row, -1: none; insert(…): which then is added."""
        made, code = function(module, name, I64, POINTER, *[I64] * self.words, I64)
        table, *words, hashed = made.args
        rows = code.get(table, _Shared.rows, POINTER)
        numbers = code.trunc(code.get(table, _Shared.numbers), I32)
        mark = code.and_(code.trunc(hashed, I32), code.not_(numbers))
        at = code.variable(self.slot(code, table, hashed))
        look, used, follow, onwards, absent, found = (code.append_basic_block() for _ in range(6))
        code.branch(look)

        code.position_at_end(look)
        address = self.slot_address(code, table, code.load(at, typ=I64))
        # another thread may be adding: who sees a slot also sees the row that was written before it
        content = code.load_atomic(address, "acquire", 4, typ=I32)
        code.cbranch(code.icmp_unsigned("==", content, number(0)), absent, used)

        code.position_at_end(used)
        same_mark = code.icmp_unsigned("==", code.and_(content, code.not_(numbers)), mark)
        code.cbranch(same_mark, follow, onwards)

        code.position_at_end(follow)
        index = code.zext(code.sub(code.and_(content, numbers), number(1)), I64)
        differs = word(0)
        for mine, theirs in zip(words, self.load(code, rows, index), strict=True):
            differs = code.or_(differs, code.xor(mine, theirs))
        code.cbranch(code.icmp_unsigned("==", differs, word(0)), found, onwards)

        code.position_at_end(found)
        code.ret(index)

        code.position_at_end(onwards)
        self._next_slot(code, table, at)
        code.branch(look)

        code.position_at_end(absent)
        if adds:
            count = code.get(table, _Shared.count)
            for part, place in zip(words, self.row(code, rows, count), strict=True):
                code.store(part, place)
            after = code.add(count, word(1))
            code.store(after, code.member(table, _Shared.count))
            code.release(code.or_(mark, code.trunc(after, I32)), address)
            code.ret(count)
        else:
            code.ret(word(-1))
        return made

    def _next_slot(self, code: Code, table: Value, at: Value) -> None:
        later = code.add(code.load(at, typ=I64), word(1))
        past = code.icmp_unsigned("==", later, code.get(table, _Shared.size))
        code.store(code.select(past, word(0), later), at)

    def _write_add(self, module: Value) -> None:
        """add(table, row): insert, for a row that stands in memory."""
        made, code = function(module, "add", I64, POINTER, POINTER)
        table, row = made.args
        words = self.load(code, row, word(0))
        code.ret(code.call(self.insert, (table, *words, self.hashed(code, words))))

    def _write_rebuild(self, module: Value) -> None:
        """rebuild(table): put every row into slots that are all empty; rows are known to differ.

        Their slots stand anywhere in memory, so those of a batch are asked for before the first is used.
        """
        made, code = function(module, "rebuild", NOTHING, POINTER)
        (table,) = made.args
        rows = code.get(table, _Shared.rows, POINTER)
        count = code.get(table, _Shared.count)
        hashes = code.alloca(I64, word(_BATCH))
        with code.counting(code.udiv(code.add(count, word(_BATCH - 1)), word(_BATCH))) as batch:
            first = code.mul(batch, word(_BATCH))
            left = code.sub(count, first)
            many = code.select(code.icmp_unsigned("<", left, word(_BATCH)), left, word(_BATCH))
            with code.counting(many) as index:
                hashed = self.hashed(code, self.load(code, rows, code.add(first, index)))
                code.store(hashed, code.element(hashes, index, I64))
                self.prefetch(code, self.slot_address(code, table, self.slot(code, table, hashed)))
            with code.counting(many) as index:
                hashed = code.load(code.element(hashes, index, I64), typ=I64)
                self._write_into_free(code, table, code.add(first, index), hashed)
        code.ret_void()

    def _write_into_free(self, code: Code, table: Value, index: Value, hashed: Value) -> None:
        """Number a row in the first free slot of its hash."""
        numbers = code.trunc(code.get(table, _Shared.numbers), I32)
        mark = code.and_(code.trunc(hashed, I32), code.not_(numbers))
        at = code.variable(self.slot(code, table, hashed))
        look, used, free = (code.append_basic_block() for _ in range(3))
        code.branch(look)
        code.position_at_end(look)
        address = self.slot_address(code, table, code.load(at, typ=I64))
        empty = code.icmp_unsigned("==", code.load(address, typ=I32), number(0))
        code.cbranch(empty, free, used)
        code.position_at_end(used)
        self._next_slot(code, table, at)
        code.branch(look)
        code.position_at_end(free)
        code.store(code.or_(mark, code.trunc(code.add(index, word(1)), I32)), address)

    # What other generated code asks of a table.

    def rows_of(self, code: Code, table: Value) -> Value:
        """Where the rows stand."""
        return code.get(table, _Shared.rows, POINTER)

    def count_of(self, code: Code, table: Value) -> Value:
        """How many rows there are."""
        return code.get(table, _Shared.count)

    def has_room(self, code: Code, table: Value, more: Value) -> Value:
        """Can so many rows be added before the slots have to grow?"""
        after = code.add(code.get(table, _Shared.count), more)
        return code.icmp_unsigned("<=", after, code.get(table, _Shared.limit))


class Table:
    """A table in memory, of at most ``most`` rows, which takes up what its rows need.

    Raises MemoryError where there is no room even for a few.
    """

    def __init__(self, compiled: Compiled, words: int, most: int) -> None:
        if most > MOST_ROWS:
            raise MemoryError(f"a table numbers at most {MOST_ROWS} rows, not {most}")
        self.most = most
        self._room = Room(most, words, np.uint64)
        self._beside: list[Room] = []
        self._slots = np.empty(0, np.uint32)
        self._shared = _Shared(numbers=(1 << most.bit_length()) - 1)
        self._add = compiled.function("add", ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
        self._rebuild = compiled.function("rebuild", None, ctypes.c_void_p)
        self.address = ctypes.addressof(self._shared)
        self._reserve(min(most, 1))
        self._resize(_FIRST_SIZE)

    def __len__(self) -> int:
        return int(self._shared.count)

    def beside(self, columns: int, dtype: DTypeLike) -> Room:
        """An array with room for a row of its own beside each row here; it grows with the table."""
        made = Room(self.most, columns, dtype)
        made.grow(len(self._room), 0)
        self._beside.append(made)
        return made

    def has_room(self, more: int) -> bool:
        """Can so many rows be added without `make_room`?"""
        return bool(len(self) + more <= self._shared.limit)

    @property
    def rows(self) -> NDArray[np.uint64]:
        """The rows so far."""
        return self._room.rows[: len(self)]

    @property
    def memory(self) -> int:
        """Bytes in use."""
        return self.rows.nbytes + self._slots.nbytes

    def add(self, row: NDArray[np.uint64]) -> int:
        """The number of that row, which is added if it is new."""
        self.make_room(1)
        return int(self._add(self.address, row.ctypes.data))

    def fill(self, rows: NDArray[np.uint64]) -> None:
        """Hold these rows, which differ from each other, and no others.

        Raises:
            MemoryError: there is no room for them.
        """
        self.blank(len(rows))[:] = rows
        self.filled(len(rows))

    def blank(self, many: int) -> NDArray[np.uint64]:
        """Where so many rows may be written, before `filled` says that they were.

        Raises:
            MemoryError: there is no room for them.
        """
        self._reserve(many)
        return self._room.rows[:many]

    def filled(self, many: int) -> None:
        """Hold so many rows, which differ from each other."""
        self._shared.count = many
        self._resize(max(_FIRST_SIZE, int(many / _FULL * _GROWTH)))

    def make_room(self, more: int) -> None:
        """See to it that so many rows can be added; rows and what is beside them may move.

        Raises:
            MemoryError: there is no room for them.
        """
        self._reserve(len(self) + more)
        size = self._shared.size
        while len(self) + more > int(size * _FULL):
            size = int(size * (_GROWTH if size >= _FEW else 4))
        if size > self._shared.size:
            self._resize(size)

    def _reserve(self, rows: int) -> None:
        # what is beside them first: there is never less of that than of rows
        for room in (*self._beside, self._room):
            room.grow(rows, len(self))
        self._shared.rows = self._room.address
        self._limit()

    def _limit(self) -> None:
        self._shared.limit = min(int(self._shared.size * _FULL), len(self._room))

    def _resize(self, size: int) -> None:
        slots = np.zeros(size, np.uint32)  # which takes no memory yet
        self._slots = slots  # let go of the old slots first: the rows say it all
        self._shared.slots = self._slots.ctypes.data
        self._shared.size = size
        self._limit()
        self._rebuild(self.address)

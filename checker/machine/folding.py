"""`model.language.past.Past.fold` in machine code: what becomes of the times of a state as time passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from ...model.language.layout import RELATIVE_NOW
from ...model.language.past import Past, reached
from .machine_code import I32, I64, NOTHING, POINTER, Code, Value, function, number, word
from .state_code import StateCode


class FoldingCode:
    """``fold(to, words)`` puts the times of a packed state, ``by`` units of time later, into a row.

    ``times`` masks the bits of each word that hold times, ``past`` all on which it depends what they
    become.
    """

    def __init__(self, module: Value, code: StateCode, past: Past, *, by: int) -> None:
        self._states = code
        self._slots = code.layout.time_slots
        self._flag = past.flag
        self._now = number(RELATIVE_NOW)
        self.times = code.packing.mask(self._slots)
        self.past = code.packing.mask((*self._slots, *(() if past.flag is None else (past.flag,))))
        self._by = by
        self._from_now = _table(module, f"from_now_{by}", past.from_now)
        flat = [thresholds for table in past.between for row in table for thresholds in row]
        kinds = {thresholds: at for at, thresholds in enumerate(dict.fromkeys(flat))}
        #: distances further apart are all alike
        self._most = max((max(each, default=0) for each in kinds), default=0)
        floors = [reached(each, distance) for each in kinds for distance in range(self._most + 1)]
        self._floors = _table(module, f"floors_{by}", floors)
        self._between = _table(module, f"between_{by}", [kinds[each] * (self._most + 1) for each in flat])
        self.fold = self._write(module)

    def _write(self, module: Value) -> Value:
        words = [I64] * self._states.packing.words
        made, code = function(module, f"fold_{self._by}", NOTHING, POINTER, *words, inner=True)
        to, *state = made.args
        many = len(self._slots)
        before, after = (code.alloca(I32, word(many)) for _ in range(2))
        for index, slot in enumerate(self._slots):
            time = self._states.stored(code, slot, state)
            # ZERO stays: it is no point in time
            some = code.icmp_signed("!=", time, number(0))
            time = code.sub(time, code.select(some, number(self._by), number(0)))
            for array in (before, after):
                code.store(time, code.element(array, word(index), I32))
        flag = word(0)
        if self._flag is not None:
            flag = code.zext(self._states.stored(code, self._flag, state), I64)
        between = code.element(self._between, code.mul(flag, word(many * many)), I32)
        self._shorten(code, before, after, between)
        values = {
            slot: code.load(code.element(after, word(index), I32), typ=I32)
            for index, slot in enumerate(self._slots)
        }
        for index, part in enumerate(self._states.written(code, [word(0)] * len(state), values)):
            code.store(part, code.element(to, word(index), I64))
        code.ret_void()
        return made.bitcast(POINTER)

    def _shorten(self, code: Code, before: Value, after: Value, between: Value) -> None:
        """Gap by gap, from now down into the past.

        ``before`` orders the times, ``after`` holds where they stand by now.  All times below a gap move
        up by as much of it as changes no distance that matters.
        """
        many = word(len(self._slots))
        upper, upper_at = code.variable(self._now), code.variable(self._now)
        with code.counting(many):
            lower, lower_at = code.variable(number(0)), code.variable(number(0))
            with code.counting(many) as index:
                time = _at(code, before, index)
                nearer = code.icmp_signed("<", code.load(lower, typ=I32), time)
                with code.if_then(code.and_(nearer, code.icmp_signed("<", time, code.load(upper, typ=I32)))):
                    code.store(time, lower)
                    code.store(_at(code, after, index), lower_at)
            top = code.load(lower, typ=I32)
            with code.if_then(code.icmp_signed("<", number(0), top)):
                gap = code.sub(code.load(upper_at, typ=I32), code.load(lower_at, typ=I32))
                least = self._least(code, before, after, between, top, gap)
                shift = code.sub(gap, least)
                with self._upto(code, before, top) as low:
                    code.count_up(code.element(after, low, I32), shift)
                code.store(code.add(code.load(lower_at, typ=I32), shift), upper_at)
                code.store(top, upper)

    def _least(
        self, code: Code, before: Value, after: Value, between: Value, top: Value, gap: Value
    ) -> Value:
        """How much of the gap above ``top`` has to stay."""
        many = word(len(self._slots))
        least = code.variable(number(0))

        def keep(distance: Value, kept: Value) -> None:
            needed = code.sub(gap, code.sub(distance, kept))
            was = code.load(least, typ=I32)
            code.store(code.select(code.icmp_signed("<", was, needed), needed, was), least)

        with self._upto(code, before, top) as low:
            low_at = _at(code, after, low)
            below = code.sub(self._now, low_at)
            keep(below, _lesser(code, below, _at(code, self._from_now, low)))
            with (
                code.counting(many) as high,
                code.if_then(code.icmp_signed("<", top, _at(code, before, high))),
            ):
                row = _at(code, between, code.add(code.mul(high, many), low))
                distance = code.sub(_at(code, after, high), low_at)
                within = code.add(row, _lesser(code, distance, number(self._most)))
                keep(distance, _at(code, self._floors, code.zext(within, I64)))
        return code.load(least, typ=I32)

    @contextmanager
    def _upto(self, code: Code, times: Value, top: Value) -> Iterator[Value]:
        """A loop over the places of times up to ``top``."""
        with code.counting(word(len(self._slots))) as index:
            time = _at(code, times, index)
            some = code.icmp_signed("<", number(0), time)
            with code.if_then(code.and_(some, code.icmp_signed("<=", time, top))):
                yield index


def _at(code: Code, array: Value, index: Value) -> Value:
    return code.load(code.element(array, index, I32), typ=I32)


def _lesser(code: Code, one: Value, other: Value) -> Value:
    return code.select(code.icmp_signed("<", one, other), one, other)


def _table(module: Value, name: str, values: Sequence[int]) -> Value:
    """Constants in memory."""
    sort = ir.ArrayType(I32, len(values))
    made = ir.GlobalVariable(module, sort, name)
    made.global_constant, made.linkage = True, "internal"
    made.initializer = ir.Constant(sort, [number(value) for value in values])
    return made.bitcast(POINTER)

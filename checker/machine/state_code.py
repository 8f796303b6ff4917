"""The model's expressions over packed states, as LLVM IR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...model.language.expr import BOOL, Expr
from ...model.language.instance import Instance
from ...model.language.layout import Layout
from .machine_code import I32, I64, Code, Value, number, word
from .packing import Field, Packing
from .ranges import BYTE, UNKNOWN, Ranges


class StateCode:
    """Reads, writes and judges packed states."""

    def __init__(self, layout: Layout, packing: Packing, ranges: Ranges) -> None:
        self.layout, self.packing, self._ranges = layout, packing, ranges

    def stored(self, code: Code, slot: int, state: Sequence[Value]) -> Value:
        field = self.packing.fields[slot]
        if not field.bits:
            return number(field.least)
        part = code.lshr(state[field.word], word(field.shift))
        value = code.trunc(code.and_(part, word(field.ones)), I32)
        return code.add(value, number(field.least)) if field.least else value

    def written(self, code: Code, state: Sequence[Value], changes: Mapping[int, Value]) -> list[Value]:
        """The state with these places set to stored values that their fields have room for."""
        after = list(state)
        for slot, value in changes.items():
            field: Field = self.packing.fields[slot]
            if not field.bits:
                continue
            hole = word(~(field.ones << field.shift) & (1 << 64) - 1)
            part = code.zext(code.sub(value, number(field.least)), I64)
            after[field.word] = code.or_(
                code.and_(after[field.word], hole), code.shl(part, word(field.shift))
            )
        return after

    def values_after(
        self, code: Code, instance: Instance, state: Sequence[Value]
    ) -> tuple[dict[int, Value], Value | None]:
        """What a step stores in the places that it changes; and whether that leads out of what a state can
        hold (None: it cannot)."""
        ranges = self._ranges.after(instance)
        values, outside = {}, None
        for slot, expr in instance.changes(self.layout).items():
            value = self._number(code, expr, state)
            offset = self.layout.offset(slot)
            values[slot] = value = code.add(value, number(offset)) if offset else value
            low, high = ranges.get(slot, UNKNOWN)
            if low < BYTE[0] or high > BYTE[1]:
                beyond = code.icmp_unsigned("<", number(BYTE[1]), value)
                outside = beyond if outside is None else code.or_(outside, beyond)
        return values, outside

    def _number(self, code: Code, expr: Expr, state: Sequence[Value]) -> Value:
        """An expression as 32 bits."""
        if expr.sort == BOOL and expr.op not in ("var", "field", "literal"):
            return code.zext(self.truth(code, expr, state), I32)
        match expr.op:
            case "literal":
                return number(expr.value)
            case "var" | "field":
                slot = self.layout.slots[expr.name, expr.args[0].value if expr.args else 0]
                offset = self.layout.offset(slot)
                value = self.stored(code, slot, state)
                return code.sub(value, number(offset)) if offset else value
            case "ite":
                condition = self.truth(code, expr.args[0], state)
                then, other = (self._number(code, arg, state) for arg in expr.args[1:])
                return code.select(condition, then, other)
            case "+" | "-":
                left, right = (self._number(code, arg, state) for arg in expr.args)
                return code.add(left, right) if expr.op == "+" else code.sub(left, right)
        raise ValueError(f"cannot compile {expr.op!r} in {expr}")

    def truth(self, code: Code, expr: Expr, state: Sequence[Value]) -> Value:
        """A condition as one bit."""
        match expr.op:
            case "not":
                return code.not_(self.truth(code, expr.args[0], state))
            case "and" | "or":
                join = code.and_ if expr.op == "and" else code.or_
                result = self.truth(code, expr.args[0], state)
                for arg in expr.args[1:]:
                    result = join(result, self.truth(code, arg, state))
                return result
            case "ite":
                condition, then, other = (self.truth(code, arg, state) for arg in expr.args)
                return code.select(condition, then, other)
            case "==" | "<" | "<=":
                left, right = (self._number(code, arg, state) for arg in expr.args)
                return code.icmp_signed(expr.op, left, right)
        return code.icmp_unsigned("!=", self._number(code, expr, state), number(0))

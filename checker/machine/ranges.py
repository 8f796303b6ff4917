"""Which values each place of a state can hold, worked out from the guards and effects themselves.

Intervals only, so the answer may be too wide, never too narrow: what a guard bounds, in the words in
which an effect then uses it, is bounded; everything else may be any byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...model.language.expr import BOOL, TIME, Expr
from ...model.language.instance import Instance
from ...model.language.layout import Layout, State

#: least and greatest value, both included
Range = tuple[int, int]

#: what a place of a state can hold at most
BYTE: Range = (0, 255)
#: of a step that nothing is known of
UNKNOWN: Range = (-(1 << 31), 1 << 31)
_TRUTH: Range = (0, 1)
#: rounds in which a range may grow step by step, before it is taken to be any byte
_PATIENCE = 3
#: rounds in which the guards then narrow it again
_NARROWING = 8


class Ranges:
    """The ranges of a layout's places; what is said of a place is said of the stored value."""

    def __init__(self, layout: Layout, instances: Sequence[Instance], first: Iterable[State]) -> None:
        """``first``: the first states, and whatever else may be put into a place at any time."""
        self._layout = layout
        start = [(min(column), max(column)) for column in zip(*first, strict=True)]
        # Time passes in all of these, and their distances from now are the folding's affair; a deadline only
        # comes nearer, from what a step makes of it to nothing.
        times = set(layout.time_slots)
        self._start = [BYTE if slot in times else known for slot, known in enumerate(start)]
        self.of_slot = list(self._start)
        for patience in range(_PATIENCE, -1, -1):
            if not self._grow(instances, by_steps=patience > 0):
                break
        else:
            while self._grow(instances, by_steps=False):
                pass
            for _ in range(_NARROWING):
                self._narrow(instances)

    def _grow(self, instances: Sequence[Instance], *, by_steps: bool) -> bool:
        """Take in what one step can lead to; did that change anything?"""
        found = self._reached(instances, self.of_slot)
        changed = found != self.of_slot
        if not by_steps:
            found = [
                (BYTE[0] if low < was[0] else low, BYTE[1] if high > was[1] else high)
                for (low, high), was in zip(found, self.of_slot, strict=True)
            ]
        self.of_slot = found
        return changed

    def _narrow(self, instances: Sequence[Instance]) -> None:
        """No state holds what neither a first state nor a step puts there."""
        self.of_slot = self._reached(instances, self._start)

    def _reached(self, instances: Sequence[Instance], base: Sequence[Range]) -> list[Range]:
        reached = list(base)
        for instance in instances:
            for slot, written in self.after(instance).items():
                least, most = reached[slot]
                low, high = max(written[0], BYTE[0]), min(written[1], BYTE[1])
                if low <= high:
                    reached[slot] = (min(low, least), max(high, most))
        return reached

    def after(self, instance: Instance) -> dict[int, Range]:
        """What the step writes, by place; beyond a byte, it leads out of what a state can hold."""
        facts: dict[str, Range] = {}
        for condition in instance.tests.values():
            self._learn_condition(condition, facts, holds=True)
        found = {}
        for slot, value in instance.changes(self._layout).items():
            low, high = self._of(value, facts)
            if low > high:
                return {}  # the guards exclude each other: the step never happens
            offset = self._layout.offset(slot)
            found[slot] = (low + offset, high + offset)
        return found

    def _of(self, expr: Expr, facts: Mapping[str, Range]) -> Range:
        if expr.op == "literal":
            return expr.value, expr.value
        low, high = self._unguarded(expr, facts)
        least, most = facts.get(str(expr), (low, high))
        return max(low, least), min(high, most)

    def _unguarded(self, expr: Expr, facts: Mapping[str, Range]) -> Range:
        match expr.op:
            case "var" | "field":
                slot = self._layout.slots[expr.name, expr.args[0].value if expr.args else 0]
                offset = self._layout.offset(slot)
                low, high = self.of_slot[slot]
                return low - offset, high - offset
            case "ite":
                ranges = [self._of(arg, facts) for arg in expr.args[1:]]
                return min(low for low, _ in ranges), max(high for _, high in ranges)
            case "+" | "-":
                (a, b), (c, d) = (self._of(arg, facts) for arg in expr.args)
                return (a + c, b + d) if expr.op == "+" else (a - d, b - c)
        if expr.sort == BOOL:
            return _TRUTH
        raise ValueError(f"cannot bound {expr.op!r} in {expr}")

    def _learn_condition(self, condition: Expr, facts: dict[str, Range], *, holds: bool) -> None:
        match condition.op:
            case "not":
                self._learn_condition(condition.args[0], facts, holds=not holds)
            case "and" if holds:
                for part in condition.args:
                    self._learn_condition(part, facts, holds=True)
            case "or" if not holds:
                for part in condition.args:
                    self._learn_condition(part, facts, holds=False)
            case "<" | "<=":
                # a < b fails where b <= a holds, and the other way round
                lower, upper = condition.args if holds else condition.args[::-1]
                apart = int((condition.op == "<") == holds)
                least, most = self._of(lower, facts)[0], self._of(upper, facts)[1]
                self._learn(lower, (least, most - apart), facts)
                self._learn(upper, (least + apart, most), facts)
            case "==" if holds:
                (a, b), (c, d) = (self._of(arg, facts) for arg in condition.args)
                for arg in condition.args:
                    self._learn(arg, (max(a, c), min(b, d)), facts)
            case "var" | "field":
                self._learn(condition, (int(holds), int(holds)), facts)

    def _learn(self, expr: Expr, known: Range, facts: dict[str, Range]) -> None:
        was = facts.get(str(expr), known)
        facts[str(expr)] = (max(was[0], known[0]), min(was[1], known[1]))
        if expr.op == "+" and expr.sort != TIME and expr.args[1].op == "literal":
            by = expr.args[1].value
            self._learn(expr.args[0], (known[0] - by, known[1] - by), facts)

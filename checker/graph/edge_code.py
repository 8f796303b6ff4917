"""Machine code that takes every step of a finished search once more and notes where it leads."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from llvmlite import ir

from ...model.language.python import passes
from ..machine.folding import FoldingCode
from ..machine.machine_code import BIT, I16, I32, I64, NOTHING, POINTER, Code, Compiled, Value, function, word
from ..machine.native_code import NativeCode, Shared
from ..machine.table import TableCode
from ..machine.trie import Test


class Edges(Shared):
    """The tables of a search, and the arrays of the graph: ``many`` edges are written, ``room`` fit."""

    _fields_ = (  # type: ignore[assignment]  # after those of the base class
        ("offset", ctypes.c_void_p),
        ("target", ctypes.c_void_p),
        ("label", ctypes.c_void_p),
        ("many", ctypes.c_uint64),
        ("room", ctypes.c_uint64),
    )


class EdgeCode(NativeCode):
    """``expand(edges, first, last)`` writes the edges of these states and returns the first that it did
    not, because there may be no room for them, or none for times; a step to a state that is not in the
    table has target -1."""

    def _compile(self) -> Compiled:
        module = ir.Module()
        self._table = TableCode(module, self.packing.words)
        self._edge = self._write_edge(module)
        self._write_expand(module)
        return Compiled(module, quickly=True)

    def _write_edge(self, module: Value) -> Value:
        """edge(edges, label, unsettled, words): a step led to this state."""
        words = [I64] * self.packing.words
        made, code = function(module, "edge", NOTHING, POINTER, I16, BIT, *words, inner=True)
        edges, label, unsettled, *state = made.args
        state = self._write_settling(module, code, edges, unsettled, state)
        states = code.get(edges, Edges.states, POINTER)
        found = code.call(self._table.find, (states, *state, self._table.hashed(code, state)))
        at = code.get(edges, Edges.many)
        code.store(code.trunc(found, I32), code.element(code.get(edges, Edges.target, POINTER), at, I32))
        code.store(label, code.element(code.get(edges, Edges.label, POINTER), at, I16))
        code.store(code.add(at, word(1)), code.member(edges, Edges.many))
        code.ret_void()
        return made

    def _write_expand(self, module: Value) -> None:
        made, code = function(module, "expand", I64, POINTER, I64, I64)
        edges, first, last = made.args
        states = code.get(edges, Edges.states, POINTER)
        at = code.variable(first)
        head, room, body, done = (code.append_basic_block() for _ in range(4))
        code.branch(head)
        code.position_at_end(head)
        here = code.load(at, typ=I64)
        code.cbranch(code.icmp_signed("<", here, last), room, done)
        code.position_at_end(room)
        most = code.add(code.get(edges, Edges.many), word(len(self._steps)))
        fits = code.icmp_unsigned("<=", most, code.get(edges, Edges.room))
        fits = code.and_(fits, self._folding_fits(code, edges))
        code.cbranch(fits, body, done)
        code.position_at_end(body)
        begin = code.element(code.get(edges, Edges.offset, POINTER), here, I64)
        code.store(code.get(edges, Edges.many), begin)
        state = self._table.load(code, self._table.rows_of(code, states), here)
        later: Sequence[Value] = state
        if self._past is not None:
            later = self._write_passing(code, edges, state, FoldingCode(module, self, self._past, by=1))
        self._block(code, edges, self.expander.trie.top, state, later)
        code.store(code.add(here, word(1)), at)
        code.branch(head)
        code.position_at_end(done)
        code.ret(here)

    def _block(
        self,
        code: Code,
        edges: Value,
        level: Sequence[Test | int],
        state: Sequence[Value],
        later: Sequence[Value],
    ) -> None:
        """What stands behind each test that holds."""
        for test in level:
            if isinstance(test, Test):
                with code.if_then(self.truth(code, test.condition, state)):
                    self._block(code, edges, test.inner, state, later)
            else:
                self._take(code, edges, test, state, later)

    def _take(
        self, code: Code, edges: Value, index: int, state: Sequence[Value], later: Sequence[Value]
    ) -> None:
        instance, label = self._steps[index], ir.Constant(I16, index)
        if passes(instance):
            code.call(self._edge, (edges, label, ir.Constant(BIT, 1), *later))
            return
        values, outside = self.values_after(code, instance, state)
        after = self.written(code, state, values)
        call = (edges, label, ir.Constant(BIT, int(self.expander.unsettles(instance))), *after)
        if outside is None:
            code.call(self._edge, call)
            return
        with code.if_then(code.not_(outside)):
            code.call(self._edge, call)

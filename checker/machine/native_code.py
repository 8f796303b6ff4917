"""A configuration compiled to machine code that expands states: the same steps, in the same order, as
`expand.py` takes them.

The model's expressions become LLVM IR over packed states.  A step's new state is put into a short
queue; its slot in the table is asked for at once and looked at later, when it has arrived from memory.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...model.language.instance import FOLDING
from ...model.language.layout import RELATIVE_NOW
from ...model.language.python import folding, forgotten, passes
from ..reductions.symmetry import exchanges, pairs, pointers
from .expand import Expander
from .folding import FoldingCode
from .machine_code import BIT, I8, I64, NOTHING, POINTER, Code, Compiled, Value, function, number, word
from .state_code import StateCode
from .table import TableCode
from .trie import Test

#: new states that wait for their slots; enough to hide the way to memory, few enough to stay in cache
_QUEUE = 64
#: states from which on LLVM's optimisations take less time than they save
MANY = 500_000


class Shared(ctypes.Structure):
    """What Python and the machine code of a search share: addresses of arrays, and the queue's length.

    ``states``, ``pasts`` and ``presents`` are tables.  Row i of ``folded`` is what the times in row i of
    ``pasts`` become when time passes, row i of ``settled`` what those in row i of ``presents`` are folded to.
    ``children`` counts by state how many new ones it led to.  The others are those of `expand.Watch`;
    ``hit_at`` is -1 where nothing was hit yet.

    Without ``kept`` (null) new states go into the table at once.  With it the table is only read: what is
    not in it, as far as can be seen, is kept there, ``many_kept`` queue entries, until ``join`` adds them.
    """

    _fields_ = (
        ("states", ctypes.c_void_p),
        ("pasts", ctypes.c_void_p),
        ("folded", ctypes.c_void_p),
        ("presents", ctypes.c_void_p),
        ("settled", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("fired", ctypes.c_void_p),
        ("refused", ctypes.c_void_p),
        ("tested", ctypes.c_void_p),
        ("hit_at", ctypes.c_void_p),
        ("hit_via", ctypes.c_void_p),
        ("cut", ctypes.c_void_p),
        ("queue", ctypes.c_void_p),
        ("waiting", ctypes.c_uint64),
        ("kept", ctypes.c_void_p),
        ("many_kept", ctypes.c_uint64),
    )


class NativeCode(StateCode):
    """The machine code of an expander.

    ``expand(shared, first, last)`` expands these states and returns the first that it did not, because
    there may not be room for what it leads to.  ``join(shared)`` adds what was kept, in its order.  Both are
    made quickly at first, and again once there are many states.
    """

    def __init__(self, expander: Expander) -> None:
        super().__init__(expander.layout, expander.packing, expander.ranges)
        self.expander = expander
        self._steps = tuple(expander.instances)
        for step in self._steps:
            if passes(step) > 1 or (passes(step) and (len(step.effect) > 1 or step.spends)):
                raise ValueError(f"{step.name}: time has to pass one unit at a time, in a step of its own")
        #: bits that count how many new states one state led to
        self.child_bits = 8 if len(self._steps) < 1 << 8 else 16
        self._forgotten = forgotten(expander.configuration, self.layout)
        self._past, _ = folding(expander.configuration, self.layout)
        self._folds_at_once = self._past is not None and FOLDING in expander.configuration.reductions
        #: words of a state that waits: its own, its hash, and the number of the state that led to it
        self.entry_words = self.packing.words + 2
        self.queue_words = (_QUEUE + len(self._steps)) * self.entry_words
        self.compiled = self._compile()
        self._optimised = False
        self._take_functions()

    def _take_functions(self) -> None:
        self.expand = self.compiled.function(
            "expand", ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64
        )
        self.join = self.compiled.function("join", None, ctypes.c_void_p)

    def optimise(self, states: int) -> None:
        """Where there are so many states that it is worth it."""
        if states >= MANY and not self._optimised:
            self._optimised = True
            self.compiled.optimise()
            self._take_functions()

    def _compile(self) -> Compiled:
        module = ir.Module()
        self._table = TableCode(module, self.packing.words)
        self._settle = self._write_settle(module)
        self._flush = self._write_flush(module, self._write_sift(module))
        self._write_join(module)
        self.arrive = self._write_arrive(module)
        self._write_expand(module)
        return Compiled(module, quickly=True)

    def _write_arrive(self, module: Value) -> Value:
        """arrive(shared, from, unsettled, words): a step led to this state; put it into the queue."""
        words = self.packing.words
        made, code = function(module, "arrive", NOTHING, POINTER, I64, BIT, *[I64] * words, inner=True)
        shared, origin, unsettled, *state = made.args
        state = self._write_settling(module, code, shared, unsettled, state)
        hashed = self._table.hashed(code, state)
        waiting = code.get(shared, Shared.waiting)
        row = code.element(code.get(shared, Shared.queue, POINTER), self._queued(code, waiting), I64)
        for index, part in enumerate((*state, hashed, origin)):
            code.store(part, code.element(row, word(index), I64))
        code.store(code.add(waiting, word(1)), code.member(shared, Shared.waiting))
        states = code.get(shared, Shared.states, POINTER)
        slot = self._table.slot(code, states, hashed)
        self._table.prefetch(code, self._table.slot_address(code, states, slot))
        code.ret_void()
        return made

    def _write_settling(
        self, module: Value, code: Code, shared: Value, unsettled: Value, state: Sequence[Value]
    ) -> list[Value]:
        """The state as a search holds it: see `model.python.settling` and `symmetry.least`."""
        places = [code.variable(part) for part in state]
        with code.if_then(unsettled):
            for index, when in self.expander.merged:
                now = [code.load(place, typ=I64) for place in places]
                values, outside = self.values_after(code, self._steps[index], now)
                taken = self.truth(code, when, now)
                if outside is not None:
                    taken = code.and_(taken, code.not_(outside))
                with code.if_then(taken):
                    _store(code, self.written(code, now, values), places)
                    fired = code.get(shared, Shared.fired, POINTER)
                    code.count_up(code.element(fired, word(index), I64), word(1))
            for condition, slots in self._forgotten:
                now = [code.load(place, typ=I64) for place in places]
                gone = self.truth(code, condition, now)
                after = self.written(code, now, {slot: number(0) for slot in slots})
                _store(code, [code.select(gone, *both) for both in zip(after, now, strict=True)], places)
            if self._past is not None and self._folds_at_once:
                now = [code.load(place, typ=I64) for place in places]
                at_once = FoldingCode(module, self, self._past, by=0)
                folded = self._folded(code, shared, (Shared.presents, Shared.settled), now, at_once)
                _store(code, folded, places)
        return self._write_least(code, [code.load(place, typ=I64) for place in places])

    def _write_least(self, code: Code, state: list[Value]) -> list[Value]:
        """The least of the states in which equal servers have changed places."""
        for orbit in self.expander.equals:
            image = best = state
            for place in exchanges(len(orbit)):
                image = self._exchanged(code, image, (orbit[place], orbit[place + 1]))
                best = self._lesser(code, image, best)
            state = best
        return state

    def _exchanged(self, code: Code, state: Sequence[Value], servers: tuple[int, int]) -> list[Value]:
        """The state in which two servers have changed places."""
        after = list(state)
        masks: dict[tuple[int, int], int] = {}
        for one, other in pairs(self.layout, servers):
            field, its = self.packing.fields[one], self.packing.fields[other]
            if field.bits:
                key = field.word, its.shift - field.shift
                masks[key] = masks.get(key, 0) | field.ones << field.shift
        for (at, up), mask in masks.items():
            apart = code.xor(code.lshr(after[at], word(up)), after[at])
            apart = code.and_(apart, word(mask))
            after[at] = code.xor(after[at], code.or_(apart, code.shl(apart, word(up))))
        for slot in pointers(self.layout):
            if self.packing.fields[slot].bits:
                was = holder = self.stored(code, slot, after)
                for one, other in (servers, servers[::-1]):
                    is_one = code.icmp_signed("==", was, number(one))
                    holder = code.select(is_one, number(other), holder)
                after = self.written(code, after, {slot: holder})
        return after

    def _lesser(self, code: Code, one: Sequence[Value], other: Sequence[Value]) -> list[Value]:
        """Of two packed states the one that is less, word by word."""
        less = ir.Constant(BIT, 0)
        for mine, theirs in list(zip(one, other, strict=True))[::-1]:
            same = code.icmp_unsigned("==", mine, theirs)
            less = code.select(same, less, code.icmp_unsigned("<", mine, theirs))
        return [code.select(less, mine, theirs) for mine, theirs in zip(one, other, strict=True)]

    def _queued(self, code: Code, index: Value) -> Value:
        return code.mul(index, word(self.entry_words))

    def _entry(self, code: Code, queue: Value, index: Value) -> list[Value]:
        """The words of a state in a queue, its hash, and the number of the state that led to it."""
        row = code.element(queue, self._queued(code, index), I64)
        return [code.load(code.element(row, word(i), I64), typ=I64) for i in range(self.entry_words)]

    def _ask_for(self, code: Code, states: Value, queue: Value, waiting: Value) -> None:
        """Ask for the rows to which the states in a queue will be compared."""
        with code.counting(waiting) as index:
            *_, hashed, _ = self._entry(code, queue, index)
            self._table.prefetch(code, self._table.likely(code, states, hashed))

    def _write_settle(self, module: Value) -> Value:
        """settle(shared, queue, waiting): add what waits in a queue, in the order in which it came."""
        made, code = function(module, "settle", NOTHING, POINTER, POINTER, I64, inner=True)
        shared, queue, waiting = made.args
        states = code.get(shared, Shared.states, POINTER)
        self._ask_for(code, states, queue, waiting)
        with code.counting(waiting) as index:
            *state, hashed, origin = self._entry(code, queue, index)
            before = self._table.count_of(code, states)
            found = code.call(self._table.insert, (states, *state, hashed))
            sort = ir.IntType(self.child_bits)
            new = code.zext(code.icmp_unsigned("==", found, before), sort)
            children = code.get(shared, Shared.children, POINTER)
            code.count_up(code.element(children, origin, sort), new)
        code.ret_void()
        return made

    def _write_sift(self, module: Value) -> Value:
        """sift(shared): keep what waits in the queue and is not in the table."""
        made, code = function(module, "sift", NOTHING, POINTER, inner=True)
        (shared,) = made.args
        states = code.get(shared, Shared.states, POINTER)
        queue = code.get(shared, Shared.queue, POINTER)
        waiting = code.get(shared, Shared.waiting)
        kept = code.get(shared, Shared.kept, POINTER)
        self._ask_for(code, states, queue, waiting)
        with code.counting(waiting) as index:
            *state, hashed, origin = self._entry(code, queue, index)
            many = code.get(shared, Shared.many_kept)
            row = code.element(kept, self._queued(code, many), I64)
            for place, part in enumerate((*state, hashed, origin)):
                code.store(part, code.element(row, word(place), I64))
            found = code.call(self._table.find, (states, *state, hashed))
            absent = code.zext(code.icmp_signed("<", found, word(0)), I64)
            code.store(code.add(many, absent), code.member(shared, Shared.many_kept))
        code.ret_void()
        return made

    def _write_flush(self, module: Value, sift: Value) -> Value:
        """flush(shared): empty the queue, into the table or into what is kept."""
        made, code = function(module, "flush", NOTHING, POINTER, inner=True)
        (shared,) = made.args
        keeps = code.icmp_unsigned("!=", code.get(shared, Shared.kept), word(0))
        with code.if_else(keeps) as (later, now):
            with later:
                code.call(sift, (shared,))
            with now:
                queue = code.get(shared, Shared.queue, POINTER)
                code.call(self._settle, (shared, queue, code.get(shared, Shared.waiting)))
        code.store(word(0), code.member(shared, Shared.waiting))
        code.ret_void()
        return made

    def _write_join(self, module: Value) -> None:
        """join(shared): add what was kept, a queue's length at a time; there has to be room for it."""
        made, code = function(module, "join", NOTHING, POINTER)
        (shared,) = made.args
        kept = code.get(shared, Shared.kept, POINTER)
        many = code.get(shared, Shared.many_kept)
        rounds = code.udiv(code.add(many, word(_QUEUE - 1)), word(_QUEUE))
        with code.counting(rounds) as index:
            done = code.mul(index, word(_QUEUE))
            left = code.sub(many, done)
            some = code.select(code.icmp_unsigned("<", left, word(_QUEUE)), left, word(_QUEUE))
            code.call(self._settle, (shared, code.element(kept, self._queued(code, done), I64), some))
        code.store(word(0), code.member(shared, Shared.many_kept))
        code.ret_void()

    def _write_expand(self, module: Value) -> None:
        made, code = function(module, "expand", I64, POINTER, I64, I64)
        shared, first, last = made.args
        states = code.get(shared, Shared.states, POINTER)
        rows = self._table.rows_of(code, states)
        at = code.variable(first)
        head, room, body, done = (code.append_basic_block() for _ in range(4))
        code.branch(head)

        code.position_at_end(head)
        here = code.load(at, typ=I64)
        code.cbranch(code.icmp_signed("<", here, last), room, done)

        code.position_at_end(room)
        more = code.add(code.get(shared, Shared.waiting), word(len(self._steps)))
        keeps = code.icmp_unsigned("!=", code.get(shared, Shared.kept), word(0))
        fits = code.or_(keeps, self._table.has_room(code, states, more))
        fits = code.and_(fits, self._folding_fits(code, shared))
        code.cbranch(fits, body, done)

        code.position_at_end(body)
        state = self._table.load(code, rows, here)
        later: Sequence[Value] = state
        if self._past is not None:
            later = self._write_passing(code, shared, state, FoldingCode(module, self, self._past, by=1))
        writer = _Steps(self, code, shared, here, state, later)
        writer.block(self.expander.trie.top)
        full = code.icmp_unsigned("<=", word(_QUEUE), code.get(shared, Shared.waiting))
        with code.if_then(full):
            code.call(self._flush, (shared,))
        code.store(code.add(here, word(1)), at)
        code.branch(head)

        code.position_at_end(done)
        code.call(self._flush, (shared,))
        code.ret(here)

    def _folding_fits(self, code: Code, shared: Value) -> Value:
        """Is there room for the times that one state can lead to?"""
        fits: Value = ir.Constant(BIT, 1)
        if self._past is not None:
            pasts = code.get(shared, Shared.pasts, POINTER)
            fits = code.and_(fits, self._table.has_room(code, pasts, word(1)))
        if self._folds_at_once:
            presents = code.get(shared, Shared.presents, POINTER)
            fits = code.and_(fits, self._table.has_room(code, presents, word(len(self._steps))))
        return fits

    def _folded(
        self, code: Code, shared: Value, known: tuple[Any, Any], state: Sequence[Value], folding: FoldingCode
    ) -> list[Value]:
        """The state with its times folded; states with the same times share that work, in these tables."""
        key = [code.and_(part, word(mask)) for part, mask in zip(state, folding.past, strict=True)]
        table, results = (code.get(shared, member, POINTER) for member in known)
        before = self._table.count_of(code, table)
        index = code.call(self._table.insert, (table, *key, self._table.hashed(code, key)))
        folded = self._table.row(code, results, index)
        with code.if_then(code.icmp_unsigned("==", index, before), likely=False):
            code.call(folding.fold, (folded[0], *key))
        return [
            code.or_(code.and_(part, word(~mask & (1 << 64) - 1)), code.load(times, typ=I64))
            for part, mask, times in zip(state, folding.times, folded, strict=True)
        ]

    def _write_passing(
        self, code: Code, shared: Value, state: Sequence[Value], folding: FoldingCode
    ) -> list[Value]:
        """The state as it is one unit of time later."""
        later = self._folded(code, shared, (Shared.pasts, Shared.folded), state, folding)
        deadlines = {}
        for slot in self.layout.deadline_slots:
            value = self.stored(code, slot, state)
            # the last unit of time ends it
            ahead = code.icmp_signed("<", number(RELATIVE_NOW + 1), value)
            deadlines[slot] = code.select(ahead, code.sub(value, number(1)), number(0))
        return self.written(code, later, deadlines)

    def too_far_back(self, code: Code, state: Sequence[Value]) -> Value | None:
        """Does a unit of time lead out of what a state can hold: does some time lie as far back as it can?"""
        outside = None
        for slot in self.layout.time_slots if self._past is not None else ():
            last = code.icmp_signed("==", number(1), self.stored(code, slot, state))
            outside = last if outside is None else code.or_(outside, last)
        return outside


class _Steps:
    """Writes what becomes of one state: tests, and the steps behind them."""

    def __init__(
        self,
        native: NativeCode,
        code: Code,
        shared: Value,
        here: Value,
        state: Sequence[Value],
        later: Sequence[Value],
    ) -> None:
        self._native = native
        self._code = code
        self._shared = shared
        self._here = here
        self._state = state
        self._later = later

    def block(self, level: Sequence[Test | int]) -> None:
        """These tests one after the other, each with what stands behind it."""
        code = self._code
        for test in level:
            if not isinstance(test, Test):
                self._step(test)
                continue
            with code.if_else(self._native.truth(code, test.condition, self._state)) as (holds, refuses):
                with holds:
                    self.block(test.inner)
                with refuses:
                    code.store(ir.Constant(I8, 1), self._counter(Shared.refused, test.number, I8))

    def _counter(self, array: Any, index: int, sort: Value = I64) -> Value:
        code = self._code
        return code.element(code.get(self._shared, array, POINTER), word(index), sort)

    def _step(self, index: int) -> None:
        code, expander = self._code, self._native.expander
        instance = expander.instances[index]
        code.count_up(self._counter(Shared.fired, index), word(1))
        for which, prop in enumerate(expander.properties):
            tested = expander.judged(prop.tested_by, instance)
            if tested is not None:
                met = code.zext(self._native.truth(code, tested, self._state), I64)
                code.count_up(self._counter(Shared.tested, which), met)
            broken = expander.judged(prop.broken_by, instance)
            if broken is not None:
                with code.if_then(self._native.truth(code, broken, self._state), likely=False):
                    self._hit(which, index)
        if passes(instance):
            outside = self._native.too_far_back(code, self._state)
            after, unsettled = self._later, True
        else:
            values, outside = self._native.values_after(code, instance, self._state)
            after = self._native.written(code, self._state, values)
            unsettled = expander.unsettles(instance)
        if outside is None:
            self._arrive(after, unsettled=unsettled)
            return
        with code.if_else(outside, likely=False) as (leaves, stays):
            with leaves:
                code.count_up(self._counter(Shared.cut, index), word(1))
            with stays:
                self._arrive(after, unsettled=unsettled)

    def _hit(self, which: int, index: int) -> None:
        code = self._code
        at = self._counter(Shared.hit_at, which)
        first = code.icmp_signed("<", code.load(at, typ=I64), word(0))
        with code.if_then(first):
            code.store(self._here, at)
            code.store(word(index), self._counter(Shared.hit_via, which))

    def _arrive(self, state: Sequence[Value], *, unsettled: bool) -> None:
        call = (self._shared, self._here, ir.Constant(BIT, int(unsettled)), *state)
        self._code.call(self._native.arrive, call)


def _store(code: Code, state: Sequence[Value], places: Sequence[Value]) -> None:
    for part, place in zip(state, places, strict=True):
        code.store(part, place)

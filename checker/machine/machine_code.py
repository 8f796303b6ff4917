"""The few words of LLVM IR that the generated code is made of, and how it becomes machine code.

Structures that Python and machine code share are ctypes structures: their offsets hold for both.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

BIT, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
POINTER = ir.PointerType()
NOTHING = ir.VoidType()
#: an IR value; llvmlite has no types of its own to tell
Value = Any

#: of LLVM's pass pipeline: 1 leaves the guards' common parts, 3 takes longer and gains nothing
_LEVEL = 2


def word(value: int) -> Value:
    """A 64-bit constant, from an unsigned number."""
    return ir.Constant(I64, value)


def number(value: int) -> Value:
    """A 32-bit constant."""
    return ir.Constant(I32, value)


class Code(ir.IRBuilder):  # type: ignore[misc]  # llvmlite has no stubs, so that its classes are Any
    """A builder that writes one function."""

    def element(self, base: Value, index: Value, sort: Value) -> Value:
        """The address of an array's element."""
        return self.gep(base, [index], source_etype=sort)

    def member(self, base: Value, descriptor: Any) -> Value:
        """The address of a ctypes structure's member."""
        return self.gep(base, [word(descriptor.offset)], source_etype=I8)

    def get(self, base: Value, descriptor: Any, sort: Value = I64) -> Value:
        """The value of a ctypes structure's member."""
        return self.load(self.member(base, descriptor), typ=sort)

    def count_up(self, address: Value, by: Value) -> None:
        """Add to what stands there."""
        self.store(self.add(self.load(address, typ=by.type), by), address)

    def release(self, value: Value, address: Value) -> None:
        """Store 32 bits so that a thread that sees them also sees all that was stored before them."""
        # IRBuilder.store_atomic does not know pointers without a type
        self._insert(ir.instructions.StoreAtomicInstr(self.block, value, address, "release", 4))

    def variable(self, initial: Value) -> Value:
        """A new local variable's address; optimisation makes it a register."""
        with self.goto_entry_block():
            address = self.alloca(initial.type)
        self.store(initial, address)
        return address

    @contextmanager
    def counting(self, end: Value) -> Iterator[Value]:
        """A loop from 0 to ``end``, which is not reached."""
        at = self.variable(word(0))
        head, body, done = (self.append_basic_block() for _ in range(3))
        self.branch(head)
        self.position_at_end(head)
        index = self.load(at, typ=I64)
        self.cbranch(self.icmp_unsigned("<", index, end), body, done)
        self.position_at_end(body)
        yield index
        self.store(self.add(index, word(1)), at)
        self.branch(head)
        self.position_at_end(done)


def function(
    module: Value, name: str, result: Value, *parameters: Value, inner: bool = False
) -> tuple[Value, Code]:
    """A new function and the builder that writes it; ``inner``: only this module calls it, in many places."""
    made = ir.Function(module, ir.FunctionType(result, parameters), name)
    if inner:
        made.linkage = "internal"
        made.attributes.add("noinline")
    return made, Code(made.append_basic_block())


def prefetcher(module: Value) -> Callable[[Code, Value], None]:
    """Ask for memory that is needed soon."""
    made = ir.Function(module, ir.FunctionType(NOTHING, (POINTER, I32, I32, I32)), "llvm.prefetch.p0")
    # for a read, to be kept in every cache, of data
    return lambda code, address: code.call(made, (address, number(0), number(3), number(1)))


def _target(level: int) -> Any:
    """This machine; an execution engine takes possession of it, so each needs one of its own."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features=features, opt=level, jit=True)


class Compiled:
    """The machine code of a module; it lives as long as this object or one of its functions.

    ``quickly``: as it stands, which takes a tenth of the time, and the code then two or three times as long.
    """

    def __init__(self, module: Value, *, quickly: bool = False) -> None:
        machine = _target(0)
        module.triple, module.data_layout = machine.triple, str(machine.target_data)
        text = str(module)
        #: tells this code from other code
        self.digest = hashlib.sha256(text.encode()).hexdigest()
        self._text = text
        self._engine = self._compiled(0 if quickly else _LEVEL)

    def optimise(self) -> None:
        """Compile it again, as if not quickly; functions that were made before stay as they are."""
        self._engine = self._compiled(_LEVEL)

    def _compiled(self, level: int) -> Any:
        machine = _target(level)
        parsed = llvm.parse_assembly(self._text)
        if level:
            tuning = llvm.create_pipeline_tuning_options(speed_level=level)
            passes = llvm.create_pass_builder(machine, tuning)
            passes.getModulePassManager().run(parsed, passes)
        engine = llvm.create_mcjit_compiler(parsed, machine)
        engine.finalize_object()
        return engine

    def function(self, name: str, result: Any, *parameters: Any) -> Callable[..., Any]:
        """A function to call from Python, which lets other threads run meanwhile."""
        made = ctypes.CFUNCTYPE(result, *parameters)(self._engine.get_function_address(name))
        made.owner = self._engine  # type: ignore[attr-defined]  # so that the code is not freed under it
        return made

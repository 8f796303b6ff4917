"""How fast the engines are, all in one run on one core: plain Python, machine code, hand-written C++.

Times are of the processor, so that other load on the machine counts little; compilation is apart.
Wrong counts end the run with status 1.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tsofence.checker.engine import Engine, Plain
from tsofence.checker.expand import Expander
from tsofence.checker.native import Native
from tsofence.model import fence as fences
from tsofence.model.layout import State
from tsofence.specs import scenario
from tsofence.specs.properties import PROPERTIES
from tsofence.specs.reference import reference

#: P, S, T, C of the reference protocol, and whether plain Python takes part
SIZES = (((2, 2, 8, 3), True), ((2, 2, 10, 5), False))
#: scenario and fence of the PD model
SCENARIOS = (("rolling-upgrade", "off"), ("tso-restart", "off"))
MOST = 20_000_000
CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Result:
    """One search; ``memory`` in bytes, 0: nobody counted."""

    who: str
    states: int
    transitions: int
    levels: int
    seconds: float
    compiling: float = 0.0
    memory: int = 0


def walk(engine: Engine) -> int:
    """Expand everything; how many levels there are."""
    first, last, levels = 0, len(engine), 0
    while first < last:
        for start in range(first, last, CHUNK):
            engine.expand(start, min(start + CHUNK, last))
        first, last, levels = last, len(engine), levels + 1
    return levels


def search(expander: Expander, first: Sequence[State], *, native: bool) -> Result:
    """One engine's search, as `tsofence explore` runs it, without what only reports need."""
    began = time.process_time()
    plain = Plain(expander, first)
    engine = Native(plain, MOST) if native else plain
    ready = time.process_time()
    levels = walk(engine)
    seconds = time.process_time() - ready
    memory = engine.memory if isinstance(engine, Native) else 0
    fired = sum(engine.watch.fired)
    who = "machine code" if native else "plain Python"
    return Result(who, len(engine), fired, levels, seconds, ready - began, memory)


def by_hand(size: tuple[int, int, int, int], compiler: str) -> Result:
    """The C++ explorer of the reference protocol."""
    source = Path(__file__).with_name("reference.cpp")
    sizes = [f"-D{name}={value}" for name, value in zip("PSTC", size, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "reference"
        options = ["-std=c++17", "-O3", "-march=native", *sizes, "-DFENCE=1"]
        subprocess.run([compiler, *options, str(source), "-o", str(program)], check=True)
        done = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True)
    states, transitions, _, levels, seconds, memory = done.stdout.split()
    return Result("C++", int(states), int(transitions), int(levels), float(seconds), memory=int(memory))


def measure(compiler: str | None) -> Iterator[tuple[str, list[Result]]]:
    """What was searched, and by whom in which time."""
    for size, plainly in SIZES:
        expander = Expander(reference(*size, fence=True), ())
        first = [expander.layout.initial({}, {})]
        results = [by_hand(size, compiler)] if compiler else []
        results += [
            search(expander, first, native=native) for native in ([True, False] if plainly else [True])
        ]
        yield "reference " + ",".join(map(str, size)), results
    for name, fence in SCENARIOS:
        world = scenario.load(name)
        configuration = world.configuration(fences.parse(fence))
        expander = Expander(configuration, PROPERTIES)
        yield f"{name} {fence}", [search(expander, list(world.first_states(configuration)), native=True)]


def main() -> int:
    """Print the table; 1 if two disagree about a count."""
    # as wide as it needs to be, also where the output goes to a file
    console = Console(width=max(100, Console().width))
    compiler = shutil.which("g++")
    if compiler is None:
        console.print("no g++ here: the hand-written C++ explorer is left out")
    table = Table(box=None, pad_edge=False)
    for column in ("searched", "by", "states", "s", "M states/s", "B/state", "compiling", "x C++"):
        table.add_column(column, no_wrap=True, justify="left" if column in ("searched", "by") else "right")
    wrong = 0
    for what, results in measure(compiler):
        reference_time = next((result.seconds for result in results if result.who == "C++"), None)
        wrong += len({(result.states, result.transitions, result.levels) for result in results}) > 1
        for result in results:
            table.add_row(
                what,
                result.who,
                f"{result.states:,}",
                f"{result.seconds:.2f}",
                f"{result.states / result.seconds / 1e6:.2f}",
                f"{result.memory / result.states:.1f}" if result.memory else "",
                f"{result.compiling:.2f}" if result.compiling >= 0.01 else "",
                f"{result.seconds / reference_time:.2f}" if reference_time else "",
            )
    console.print(table)
    if wrong:
        console.print(f"{wrong} searches: the counts differ; one of the engines is wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

"""How fast the engines are, all in one run on one core: plain Python, machine code, C++ by hand, Spin;
and, by the clock on the wall, machine code on two cores and Ray with one worker and with two.

Times are of the processor, so that other load on the machine counts little, the quickest of some rounds;
compilation is apart.  Wrong counts end the run with status 1.  Arguments are other sizes of the reference
protocol, P,S,T,C each: `python -m benchmarks.engines 3,2,8,2`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Console

from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.engine import Plain
from tsofence.checker.search.native import Native
from tsofence.specs.reference import reference

from . import cluster
from .results import Comparison, Result, disagree
from .rivals import Size, missing, rivals
from .walk import walk

#: sizes of the reference protocol, and whether the slow take part: plain Python and Ray
SIZES: tuple[tuple[Size, bool], ...] = (((2, 2, 8, 3), True), ((2, 2, 10, 5), False))
MOST = 20_000_000
ROUNDS = 3


def search(expander: Expander, *, native: bool, threads: int = 1) -> Result:
    """One engine's search, as `tsofence explore` runs it, without what only reports need."""
    clock = time.process_time if threads == 1 else time.monotonic
    began = clock()
    plain = Plain(expander)
    engine = Native(plain, MOST) if native else plain
    engine.threads = threads
    ready = clock()
    levels = walk(engine)
    seconds = clock() - ready
    memory = engine.memory if isinstance(engine, Native) else 0
    fired = sum(engine.watch.fired)
    who = "machine code" if native else "plain Python"
    if threads > 1:
        who += f", {threads} threads, wall"
    return Result(who, len(engine), fired, levels, seconds, ready - began, memory)


def protocol(size: Size, *, plainly: bool) -> list[Result]:
    """Everybody's search of the reference protocol; rounds go through all of them in turn."""
    configuration = reference(*size, fence=True)
    expander = Expander(configuration, (), [configuration.layout().initial({}, {})])
    results = [search(expander, native=True)]
    with rivals(size, results[0].states) as others:
        for again in range(ROUNDS):
            results += [other() for other in others]
            if again:
                results.append(search(expander, native=True))
            results.append(search(expander, native=True, threads=2))
    if plainly:
        results.append(search(expander, native=False))
        if not cluster.absent():
            results += cluster.on_workers(size, MOST)
    return results


def measure(sizes: Sequence[Size]) -> Iterator[tuple[str, list[Result]]]:
    """What was searched, and by whom in which time; other sizes: of the protocol alone."""
    for size in sizes:
        yield "reference " + ",".join(map(str, size)), protocol(size, plainly=False)
    if sizes:
        return
    for size, plainly in SIZES:
        yield "reference " + ",".join(map(str, size)), protocol(size, plainly=plainly)


def _size(text: str) -> Size:
    pds, tsos, end, clocks = map(int, text.split(","))
    return pds, tsos, end, clocks


def main() -> int:
    """Print the table; 1 if two disagree about a count."""
    # as wide as it needs to be, also where the output goes to a file
    console = Console(width=max(140, Console().width))
    for line in (*missing(), *cluster.absent()):
        console.print(line)
    comparison, wrong = Comparison(), 0
    for what, results in measure([_size(text) for text in sys.argv[1:]]):
        comparison.add(what, results)
        wrong += disagree(results)
    console.print(comparison.table)
    if wrong:
        console.print(f"{wrong} searches: the counts differ; one of the engines is wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

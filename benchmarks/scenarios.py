"""The PD model: scenario by engine, with reductions and without, in one run on one core.

`python -m benchmarks.scenarios [SCENARIO FENCE]...`; seconds are of the processor, compilation apart.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from tsofence.checker.machine.expand import Expander
from tsofence.checker.reductions.folding import derive, of_safety
from tsofence.checker.reductions.merging import prove
from tsofence.checker.search.engine import Engine, Plain
from tsofence.checker.search.native import Native
from tsofence.model.language.instance import REDUCTIONS
from tsofence.model.variants import fences
from tsofence.specs import scenario
from tsofence.specs.properties import PROPERTIES

from .results import Result
from .walk import walk

#: scenario and fence
SEARCHES = (
    ("rolling-upgrade", "check-tso-primary"),
    ("tso-restart", "check-tso-primary"),
    ("tso-restart", "off"),
    ("mixed-upgrade", "check-tso-primary"),
    ("tso-pair", "off"),
)
MOST = 20_000_000
#: more states than that are too slow for plain Python
PLAIN = 100_000


def search(name: str, fence: str, reductions: Collection[str], *, native: bool) -> Result:
    """One search of everything, as `tsofence explore` does it."""
    world = scenario.load(name)
    configuration = replace(world.configuration(fences.parse(fence)), reductions=frozenset(reductions))
    first = list(world.first_states(configuration))
    configuration = prove(configuration).of(configuration)
    configuration = derive(configuration, first, of_safety(configuration)).of(configuration)
    began = time.process_time()
    plain = Plain(Expander(configuration, PROPERTIES, first))
    engine: Engine = Native(plain, MOST) if native else plain
    ready = time.process_time()
    levels = walk(engine)
    seconds = time.process_time() - ready
    who = "machine code" if native else "plain Python"
    fired = sum(engine.watch.fired)
    return Result(who, len(engine), fired, levels, seconds, ready - began, engine.memory)


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    table = Table(box=None, pad_edge=False)
    for column in ("scenario", "fence", "reductions", "by"):
        table.add_column(column, no_wrap=True)
    for column in ("states", "x fewer", "transitions", "levels", "s", "M states/s", "B/state", "compiling"):
        table.add_column(column, no_wrap=True, justify="right")
    for name, fence in zip(arguments[::2], arguments[1::2], strict=True) if arguments else SEARCHES:
        every = 0
        for reductions in ((), *((each,) for each in REDUCTIONS), REDUCTIONS):
            found = [search(name, fence, reductions, native=True)]
            if found[0].states <= PLAIN:
                found.append(search(name, fence, reductions, native=False))
            every = every or found[0].states
            for result in found:
                table.add_row(
                    name,
                    fence,
                    "all" if reductions == REDUCTIONS else "".join(reductions) or "none",
                    result.who,
                    f"{result.states:,}",
                    f"{every / result.states:.1f}",
                    f"{result.transitions:,}",
                    str(result.levels),
                    f"{result.seconds:.2f}",
                    f"{result.states / result.seconds / 1e6:.2f}",
                    f"{result.memory / result.states:.1f}",
                    f"{result.compiling:.2f}",
                )
    Console(width=max(160, Console().width)).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

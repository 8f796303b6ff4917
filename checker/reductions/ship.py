"""What comes with tsofence, found and proved anew where it is missing: tables, and what may be taken at once.

``make tables`` runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

from ...model.language.instance import Configuration
from ...model.variants import fences
from ...specs import scenario as scenarios
from . import kept, merging
from .folding import digest_of, look_for, of_liveness, of_safety
from .system import System

#: seconds of work for a table: enough for the least one
_PATIENCE = 1200.0


class About(Enum):
    """What is found for a scenario under a fence."""

    MERGES = "what may be taken at once"
    STEPS = "the table for what is asked of steps"
    RUNS = "the table for what is asked of runs"


#: scenarios whose tables take minutes each: these are found where they are asked for
LARGE = ("client-sync", "tso-pair")

#: scenario, fence, and what is found
Which = tuple[str, str, About]


def which() -> Iterator[Which]:
    """All that comes with tsofence."""
    for name in scenarios.names():
        for fence in fences.ALL:
            yield name, fence, About.MERGES
            if name in LARGE:
                continue
            yield name, fence, About.STEPS
            if scenarios.load(name).liveness:
                yield name, fence, About.RUNS


def configuration_of(name: str, fence: str) -> Configuration:
    """The system, before anything is known of it."""
    return scenarios.load(name).configuration(fences.parse(fence))


def system_of(name: str, fence: str, about: About) -> System:
    """The system that a table is about."""
    made = configuration_of(name, fence)
    first = list(scenarios.load(name).first_states(made))
    if about is About.STEPS:
        made = merging.prove(made).of(made)
        return System(made, first, of_safety(made))
    return System(replace(made, domains={**made.domains, "note": (0,)}), first, of_liveness())


def digest(each: Which) -> str:
    """Under which it is kept."""
    name, fence, about = each
    if about is About.MERGES:
        return merging.digest_of(configuration_of(name, fence))
    return digest_of(system_of(*each))


def find(each: Which) -> Any:
    """It, as JSON has it."""
    name, fence, about = each
    if about is About.MERGES:
        return merging.look_for(configuration_of(name, fence), merging.every(), lambda _: None)
    return kept.to_json(look_for(system_of(*each), lambda _: None, _PATIENCE))


def main() -> None:
    """Write the file; what is in it and still is about the same system stays."""
    path = Path(__file__).with_name(kept.SHIPPED)
    made: dict[str, Any] = {}
    # A table is for what may be taken at once as well, so that this is found first.
    for kinds in ((About.MERGES,), (About.STEPS, About.RUNS)):
        missing: dict[str, Which] = {}
        for each in which():
            if each[2] not in kinds:
                continue
            at = digest(each)
            if at in kept.shipped():
                made[at] = kept.shipped()[at]
            else:
                missing.setdefault(at, each)
        with ProcessPoolExecutor() as pool:
            under_way = {pool.submit(find, each): at for at, each in missing.items()}
            for done in as_completed(under_way):
                name, fence, about = missing[under_way[done]]
                entry = made[under_way[done]] = done.result()
                told = {key: value for key, value in entry.items() if key not in ("tables", "without")}
                print(name, fence, about.name, told, flush=True)  # noqa: T201  # a command of its own
                path.write_bytes(kept.pack({**kept.shipped(), **made}))
    path.write_bytes(kept.pack(made))
    print(f"{len(made)} entries, {path.stat().st_size} bytes", file=sys.stderr)  # noqa: T201  # the same


if __name__ == "__main__":
    main()

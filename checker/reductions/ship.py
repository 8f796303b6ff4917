"""What comes with tsofence, found and proved anew: tables, and what may be taken at once: ``make tables``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...model.language.instance import Configuration
from ...model.variants import fences
from ...specs import scenario as scenarios
from . import kept, merging
from .folding import digest_of, look_for, of_liveness, of_safety
from .system import System


def systems() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """What each scenario asks under each fence: what may be taken at once, what of steps, and, where it is
    there for that, what of runs.  Each with its digest, and how to find it."""
    for name in scenarios.names():
        world = scenarios.load(name)
        for fence in fences.ALL:
            made = world.configuration(fences.parse(fence))
            first = list(world.first_states(made))
            yield f"{name} {fence} merging", merging.digest_of(made), partial(_merges, made)
            made = merging.prove(made).of(made)
            yield f"{name} {fence}", *_table(System(made, first, of_safety(made)))
            if world.liveness:
                unobserved = replace(made, domains={**made.domains, "note": (0,)})
                yield f"{name} {fence} liveness", *_table(System(unobserved, first, of_liveness()))


def _merges(configuration: Configuration) -> Any:
    return merging.look_for(configuration, merging.every(), lambda _: None)


def _table(system: System) -> tuple[str, Callable[[], Any]]:
    return digest_of(system), lambda: kept.to_json(look_for(system, lambda _: None))


def main() -> None:
    """Write the file; what is in it and still is about the same system stays."""
    path = Path(__file__).with_name(kept.SHIPPED)
    made: dict[str, Any] = {}
    for name, digest, find in systems():
        if digest in kept.shipped():
            made[digest] = kept.shipped()[digest]
        elif digest not in made:
            entry = made[digest] = find()
            told = {key: value for key, value in entry.items() if key not in ("tables", "without")}
            print(name, told, flush=True)  # noqa: T201  # a command of its own
            path.write_bytes(kept.pack({**kept.shipped(), **made}))
    path.write_bytes(kept.pack(made))
    print(f"{len(made)} entries, {path.stat().st_size} bytes", file=sys.stderr)  # noqa: T201  # the same


if __name__ == "__main__":
    main()

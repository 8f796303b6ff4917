"""The tables that come with tsofence, found and proved anew: ``make tables``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...model.variants import fences
from ...specs import scenario as scenarios
from . import kept
from .folding import digest_of, look_for, of_liveness, of_safety
from .system import System

#: seconds of work for a table: enough for the least one
_PATIENCE = 1200.0


def systems() -> Iterator[tuple[str, System]]:
    """What each scenario asks under each fence: of steps, and, where it is there for that, of runs."""
    for name in scenarios.names():
        world = scenarios.load(name)
        for fence in fences.ALL:
            made = world.configuration(fences.parse(fence))
            first = list(world.first_states(made))
            yield f"{name} {fence}", System(made, first, of_safety(made))
            if world.liveness:
                unobserved = replace(made, domains={**made.domains, "note": (0,)})
                yield f"{name} {fence} liveness", System(unobserved, first, of_liveness())


def main() -> None:
    """Write the file; those that are in it and still are about the same system stay."""
    path = Path(__file__).with_name(kept.SHIPPED)
    entries: dict[str, kept.Entry] = {}
    for name, system in systems():
        digest = digest_of(system)
        if digest in kept.shipped():
            entries[digest] = kept.from_json(kept.shipped()[digest])
        elif digest not in entries:
            entry = entries[digest] = look_for(system, lambda _: None, _PATIENCE)
            print(  # noqa: T201  # a command of its own
                name,
                "proved" if entry.tables else "NOT PROVED",
                f"{entry.obligations} obligations, {entry.seconds:.1f} s",
                f"{[sum(map(len, between.values())) for _, between in entry.tables]} thresholds",
                "+".join(entry.forgets),
                entry.note,
                flush=True,
            )
            written = {**{each: kept.from_json(old) for each, old in kept.shipped().items()}, **entries}
            path.write_bytes(kept.pack(written))
    path.write_bytes(kept.pack({digest: entry for digest, entry in entries.items() if entry.tables}))
    print(  # noqa: T201  # the same
        f"{len(entries)} tables, {path.stat().st_size} bytes", file=sys.stderr
    )


if __name__ == "__main__":
    main()

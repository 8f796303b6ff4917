"""What comes with tsofence, found and proved anew where it is missing, tables and what may be taken at once:
``make tables``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from ...model.variants import fences
from ...specs import scenario as scenarios
from . import kept, merging
from .folding import digest_of, look_for, of_liveness, of_safety
from .system import System

#: scenario, fence, and whether it is asked about runs
Which = tuple[str, str, bool]

#: seconds of work for a table: enough for the least one
_PATIENCE = 1200.0


def which() -> Iterator[Which]:
    """What each scenario asks under each fence: of steps, and, where it is there for that, of runs."""
    for name in scenarios.names():
        for fence in fences.ALL:
            yield name, fence, False
            if scenarios.load(name).liveness:
                yield name, fence, True


def system_of(name: str, fence: str, lively: bool) -> System:
    """The system that is asked about."""
    world = scenarios.load(name)
    made = world.configuration(fences.parse(fence))
    first = list(world.first_states(made))
    if not lively:
        made = merging.prove(made).of(made)
        return System(made, first, of_safety(made))
    return System(replace(made, domains={**made.domains, "note": (0,)}), first, of_liveness())


def _found(each: Which) -> kept.Entry:
    return look_for(system_of(*each), lambda _: None, _PATIENCE)


def write_merges() -> None:
    """The file of what may be taken at once; what is in it and still is about the same system stays."""
    found: dict[str, object] = {}
    for name, fence, lively in which():
        made = scenarios.load(name).configuration(fences.parse(fence))
        digest = merging.digest_of(made)
        if not lively and digest not in found:
            known = merging.shipped().get(digest)
            found[digest] = known or merging.look_for(made, merging.every(), lambda _: None)
            if not known:
                print(name, fence, found[digest], flush=True)  # noqa: T201  # a command of its own
    path = Path(__file__).with_name(merging.SHIPPED)
    path.write_text(json.dumps(found, sort_keys=True, indent=0) + "\n")


def main() -> None:
    """Write the file; those that are in it and still are about the same system stay."""
    write_merges()
    merging.shipped.cache_clear()
    path = Path(__file__).with_name(kept.SHIPPED)
    missing: dict[str, Which] = {}
    entries: dict[str, kept.Entry] = {}
    for each in which():
        digest = digest_of(system_of(*each))
        known = kept.shipped_entry(digest)
        if known is None:
            missing.setdefault(digest, each)
        else:
            entries[digest] = known
    with ProcessPoolExecutor() as pool:
        under_way = {pool.submit(_found, each): digest for digest, each in missing.items()}
        for done in as_completed(under_way):
            digest, entry = under_way[done], done.result()
            name, fence, lively = missing[digest]
            how = f"{entry.obligations} obligations, {entry.seconds:.1f} s" if entry.tables else "NOT PROVED"
            sizes = [sum(map(len, between.values())) for _, between in entry.tables]
            told = (
                name,
                fence,
                "runs" if lively else "steps",
                how,
                sizes,
                "+".join(entry.forgets),
                entry.note,
            )
            print(*told, flush=True)  # noqa: T201  # a command of its own
            if entry.tables:
                entries[digest] = entry
                path.write_bytes(kept.pack(entries))
    path.write_bytes(kept.pack(entries))
    print(f"{len(entries)} tables, {path.stat().st_size} bytes", file=sys.stderr)  # noqa: T201  # the same


if __name__ == "__main__":
    main()

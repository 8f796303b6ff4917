"""docs/needs.md: what each property needs, under each build and fence; a row a system.

`python -m tests.pages.needs [SYSTEM]...`: these rows made again, or all; two systems at once.  What stands
above the table is written by hand.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tsofence.checker.proof.weakest import Sufficient, Weakest, all_weakest
from tsofence.model.builds import known as builds
from tsofence.model.variants import fences
from tsofence.specs.assumptions import ASSUMPTIONS
from tsofence.specs.properties import PROPERTIES
from tsofence.traces.tell.needed import verdict

from .page import Page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "needs.md"
SECTION, KEY = "Every cell", "Assumptions"
SYSTEMS = (*fences.ALL, *(name for name in builds.SHIPPED if name != builds.DEFAULT))
#: how a table calls them
_LETTERS = {
    each.name: letter for each, letter in zip(ASSUMPTIONS, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=False)
}


def row(system: str) -> tuple[str, ...]:
    """A system, what became of each property, and seconds until all of it was known."""
    began = time.monotonic()
    found = all_weakest((fences.whole(system), prop) for prop in PROPERTIES)
    return system, *map(cell, found), f"{time.monotonic() - began:.0f}"


def cell(found: Weakest) -> str:
    """The verdict with nothing assumed, and what is enough."""
    became = verdict(found)
    parts = [f"violated {len(found.violated.moves)}" if found.violated is not None else became]
    if any(each.without for each in found.sufficient):
        parts += [_set(each) for each in found.sufficient]
    elif became in ("violated", "unknown"):
        parts += ["nothing is known to be enough"]
    return "; ".join(parts)


def _set(each: Sufficient) -> str:
    if each.verdict == "vacuous":  # no run is looked for
        return f"*vacuous if {'+'.join(_LETTERS[name] for name in each.without)}*"
    letters = "+".join(f"{_LETTERS[name]}{'' if run else '?'}" for name, run in each.without.items())
    return f"{each.verdict} if {letters}"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows."""
    names = ("system", *(prop.name for prop in PROPERTIES), "s")
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"
    for each in rows:
        yield f"| {' | '.join(each)} |"


def key() -> Iterator[str]:
    """Which letter is which assumption."""
    for each in ASSUMPTIONS:
        yield f"- **{_LETTERS[each.name]}** `{each.name}`: {each.meaning}."


def main(arguments: Sequence[str]) -> int:
    """Write the page; rows that are not made again stay."""
    page = Page.read(PAGE)
    there = {
        line.split(" | ")[0].removeprefix("| "): line for line in page.sections.get(SECTION, "").splitlines()
    }
    asked = arguments or SYSTEMS
    with multiprocessing.get_context("spawn").Pool(min(2, len(asked)), maxtasksperchild=1) as pool:
        made = {each[0]: each for each in pool.imap_unordered(row, asked)}
    kept = {name: there[name].strip("| ").split(" | ") for name in SYSTEMS if name in there}
    every = kept | made
    page.sections[SECTION] = "\n".join(table([every[name] for name in SYSTEMS if name in every]))
    page.sections[KEY] = "\n".join(key())
    page.write(PAGE, (SECTION, KEY))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

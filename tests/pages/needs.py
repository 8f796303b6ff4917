"""docs/needs.md: what each property needs, under each build and fence; a row a system.

`python -m tests.pages.needs [SYSTEM]...`: these rows made again, or what is missing in all.  The page is
written after each cell, so that little is lost of a run that is ended.  What stands above the table is
written by hand.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tsofence.checker.interruption import deferred, noted
from tsofence.checker.proof.weakest import KnownRuns, Sufficient, Weakest, weakest
from tsofence.model.builds import known as builds
from tsofence.model.pd.system import transitions
from tsofence.model.variants import fences
from tsofence.specs.assumptions import ASSUMPTIONS
from tsofence.specs.properties import PROPERTIES, named
from tsofence.traces.tell.needed import verdict

from .page import Page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "needs.md"
SECTION, KEY = "Every cell", "Assumptions"
SYSTEMS = (*fences.ALL, *(name for name in builds.SHIPPED if name != builds.DEFAULT))
NAMES = tuple(prop.name for prop in PROPERTIES)
#: seconds of the processor after which a cell is left as it is then
PATIENCE = 60.0
#: what a cell says that was left, and one that was not begun
LEFT, MISSING = "not seen to end", "…"
#: how a table calls them
LETTERS = {each.name: letter for each, letter in zip(ASSUMPTIONS, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=False)}

#: by system, what stands in each property's cell
Table = dict[str, dict[str, str]]


def same_as(system: str) -> str:
    """The first row whose servers take the very same steps: its cells are this one's, and not asked twice."""

    def steps(name: str) -> str:
        return repr([(each.name, each.step) for each in transitions(fences.whole(name))])

    return next(name for name in SYSTEMS if steps(name) == steps(system))


def made(system: str, prop: str, runs: KnownRuns) -> str:
    """A cell: what is known of it within `PATIENCE`."""
    until = time.process_time() + PATIENCE

    def heed(_: str) -> None:
        if time.process_time() > until:
            raise KeyboardInterrupt  # as Ctrl-C, it leaves what is known

    return cell(weakest(fences.whole(system), named(prop), runs=runs, tell=heed))


def cell(found: Weakest) -> str:
    """The verdict with nothing assumed, and what is enough."""
    became = verdict(found)
    parts = [f"violated {len(found.violated.moves)}" if found.violated is not None else became]
    if any(each.without for each in found.sufficient):
        parts += [_set(each) for each in found.sufficient]
    elif became in ("violated", "unknown") and not found.interrupted:
        parts += ["nothing is known to be enough"]
    return "; ".join([*parts, LEFT] if found.interrupted else parts)


def _set(each: Sufficient) -> str:
    if each.verdict == "vacuous":  # no run is looked for
        return f"*vacuous if {'+'.join(LETTERS[name] for name in each.without)}*"
    letters = "+".join(f"{LETTERS[name]}{'' if run else '?'}" for name, run in each.without.items())
    return f"{each.verdict} if {letters}"


def table(cells: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The rows."""
    yield f"| {' | '.join(('system', *NAMES))} |"
    yield "|---" * (1 + len(NAMES)) + "|"
    for system in SYSTEMS:
        if system in cells:
            yield f"| {' | '.join((system, *(cells[system][name] for name in NAMES)))} |"


def read(page: Page) -> Table:
    """The cells that are there, of systems and properties that still are."""
    head, *rows = (line.strip("| ").split(" | ") for line in page.sections.get(SECTION, "|").splitlines())
    there = {row[0]: dict(zip(head[1:], row[1:], strict=False)) for row in rows}
    return {system: {name: there.get(system, {}).get(name, MISSING) for name in NAMES} for system in SYSTEMS}


def key() -> Iterator[str]:
    """Which letter is which assumption."""
    for each in ASSUMPTIONS:
        yield f"- **{LETTERS[each.name]}** `{each.name}`: {each.meaning}."


def main(asked: Sequence[str]) -> int:
    """Write the page."""
    if unknown := set(asked) - set(SYSTEMS):
        raise SystemExit(f"no such row: {', '.join(sorted(unknown))}; rows are {', '.join(SYSTEMS)}")
    page = Page.read(PAGE)
    cells = read(page)
    cells |= {system: dict.fromkeys(NAMES, MISSING) for system in asked}
    page.sections[KEY] = "\n".join(key())
    runs = KnownRuns()
    with deferred():
        for system, name in ((system, name) for system in SYSTEMS for name in NAMES):
            if cells[system][name] != MISSING:
                continue
            told = cells[same_as(system)][name]
            if told == MISSING:
                told = made(system, name, runs)
            if noted():
                break
            cells[system][name] = told
            page.sections[SECTION] = "\n".join(table(cells))
            page.write(PAGE, (SECTION, KEY))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""docs/matrix.md: builds and fences by properties, a table a scenario, as `tsofence explore` prints it.

`python -m tests.pages.matrix [SCENARIO]...`: these sections made again, or all.  What stands above them is
written by hand.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsofence.model.builds import known as builds
from tsofence.model.language.transition import Kind
from tsofence.model.variants import fences
from tsofence.specs import scenario

from .page import Page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "matrix.md"

#: scenarios that come with tsofence, and some for behaviours that they leave out.  Not asked: those whose
#: tables of times take minutes for each build (client-sync, tso-pair, mixed-upgrade)
SCENARIOS = (
    "rolling-upgrade",
    "tso-restart",
    "pd-failover",
    "docs/two-reads.toml",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs" / "matrix").glob("*.toml"))),
)
#: where a search is cut: some 20 s
MOST = 4_000_000
#: builds from before there were TSO servers: only asked where a scenario has none
BEFORE_TSO = ("release-6.5",)
#: what else is asked of the build that has the most mended, and of the release that has the least
REPAIRED = ("master-2026-08", "release-8.5")
REPAIRS = ("check-tso-primary", "save-cas", fences.ALL[-1])
THOROUGH = ("rolling-upgrade", "tso-restart", "pd-failover")


def _builds(place: str) -> list[str]:
    """Those that are asked by themselves: that of the fences is one of their rows."""
    has_tso = Kind.TSO in scenario.load(place).configuration(fences.parse(fences.NONE)).kinds
    left_out = {builds.DEFAULT, *(BEFORE_TSO if has_tso else ())}
    return [name for name in builds.SHIPPED if name not in left_out]


def _asked(place: str) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Builds and fences of each command of a scenario: builds without a fence; fences on the base; in some
    scenarios what repairs a build, on two of them as well."""
    yield _builds(place), ()
    yield (), fences.ALL if place in scenario.names() else (fences.NONE, *REPAIRS)
    if place in THOROUGH:
        yield REPAIRED, REPAIRS


def systems(place: str) -> list[str]:
    """The rows of the table of a scenario."""
    return [
        fences.of_build(build, fence)
        for asked, fenced in _asked(place)
        for build in asked or (builds.DEFAULT,)
        for fence in fenced or (fences.NONE,)
    ]


@dataclass(frozen=True)
class Cell:
    """A verdict, its steps where violated, and what the command says of it."""

    verdict: str
    steps: int | None
    note: str

    def __str__(self) -> str:
        if self.verdict == "violated":
            return f"{'≤ ' if self.note else ''}{self.steps}"
        return {"holds": "**holds**", "vacuous": "*vacuous*"}.get(self.verdict, self.verdict)


@dataclass(frozen=True)
class Row:
    """A system: what was found of each property, what cut the search, and seconds of the proofs that allow it
    to be small, whenever these were made."""

    system: str
    cells: dict[str, Cell]
    cut_by: tuple[str, ...]
    proving: float


def commands(place: str) -> Iterator[str]:
    """The commands that make the table of a scenario."""
    for asked, fenced in _asked(place):
        options = ["--all-fences"] if fenced == fences.ALL else [f"--fence {name}" for name in fenced]
        options[:0] = [f"--build {name}" for name in asked]
        yield f"tsofence explore --scenario {place} {' '.join(options)} --max-states {MOST}"


def explored(command: str) -> list[Row]:
    """What a command finds, row by row.

    Raises:
        RuntimeError: it was refused, or a fault of tsofence.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [Path(sys.executable).with_name(program), *arguments, "--quiet", "--json", str(result)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1, 3):
            raise RuntimeError(f"{command}: status {done.returncode}: {done.stderr.strip()}")
        return [_row(each) for each in json.loads(result.read_text(encoding="utf-8"))["results"]]


def _row(found: dict[str, Any]) -> Row:
    cells = {
        each["property"]: Cell(each["verdict"], each["steps"], each["note"]) for each in found["properties"]
    }
    proving = sum(each["seconds"] for each in found["reductions"])
    return Row(fences.of_build(found["build"], found["fence"]), cells, tuple(found["cut_by"]), proving)


def section(place: str) -> str:
    """The part of the page that is about a scenario."""
    asked = tuple(commands(place))
    began = time.monotonic()
    rows = [row for command in asked for row in explored(command)]
    took = time.monotonic() - began
    columns = list(rows[0].cells)
    description = scenario.load(place).description
    lines = [
        f"{description[:1].upper()}{description[1:]}.",
        "",
        f"| system | {' | '.join(columns)} |",
        f"|---{'|---' * len(columns)}|",
        *(f"| {row.system} | {' | '.join(str(row.cells[name]) for name in columns)} |" for row in rows),
        "",
        *_below(rows),
        "```",
        *asked,
        "```",
        "",
        (
            f"It took {took:.0f} s this time; the proofs behind the searches took "
            f"{sum(row.proving for row in rows):.0f} s in all, once: they are kept."
        ),
    ]
    return "\n".join(lines)


def _below(rows: Sequence[Row]) -> Iterator[str]:
    """What makes a verdict worth less, and of which systems it is said."""
    said: dict[str, list[str]] = {}
    for row in rows:
        open_ones = [name for name, cell in row.cells.items() if cell.verdict == "unknown"]
        if open_ones:
            why = ", ".join(dict.fromkeys((*row.cut_by, *(row.cells[name].note for name in open_ones))))
            said.setdefault(f"unknown: {why.strip(', ')}", []).append(row.system)
        for name, cell in row.cells.items():
            if cell.note and cell.verdict != "unknown":
                said.setdefault(f"`{name}`, {cell.note}", []).append(row.system)
    for why, those in said.items():
        yield f"- {why}: {'all' if len(those) == len(rows) else ', '.join(those)}."
    if said:
        yield ""


def main(arguments: Sequence[str]) -> int:
    """Write the page, section by section."""
    for place in arguments or SCENARIOS:
        made = section(place)
        page = Page.read(PAGE)
        page.sections[place] = made
        page.write(PAGE, SCENARIOS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

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
from tsofence.specs.properties import NAMES as PROPERTIES

from .page import Page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "matrix.md"

#: scenarios that come with tsofence, and some for behaviours that they leave out
SCENARIOS = (
    "rolling-upgrade",
    "tso-restart",
    "pd-failover",
    "mixed-upgrade",
    "tso-pair",
    "client-sync",
    "docs/two-reads.toml",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs" / "matrix").glob("*.toml"))),
)
NOT_SEARCHED = "not searched"
_NO_TIME = "the table of times takes minutes for each"
#: where a search is cut: some 20 s
MOST = 4_000_000
#: builds from before there were TSO servers: only asked where a scenario has none
BEFORE_TSO = ("release-6.5",)
#: what else is asked of the build that has the most mended, and of the release that has the least
REPAIRED = ("master-2026-08", "release-8.5")
REPAIRS = ("check-tso-primary", "save-cas", fences.ALL[-1])
THOROUGH = ("rolling-upgrade", "tso-restart", "pd-failover")
#: whose tables of times take minutes for each system: the fences that are asked all the same, on the base,
#: and beside them only `REPAIRED`
LARGE: dict[str, tuple[str, ...]] = {
    "tso-pair": (fences.NONE, "check-tso-primary"),
    "client-sync": (fences.NONE, "check-tso-primary"),
}


def _builds(place: str) -> list[str]:
    """Those that are asked by themselves: that of the fences is one of their rows."""
    has_tso = Kind.TSO in scenario.load(place).configuration(fences.parse(fences.NONE)).kinds
    left_out = {builds.DEFAULT, *(BEFORE_TSO if has_tso else ())}
    return [name for name in builds.TABLED if name not in left_out]


@dataclass(frozen=True)
class Asked:
    """What one command asks: builds without a fence, fences on the base, or fences on builds."""

    place: str
    builds: Sequence[str] = ()
    fences: Sequence[str] = ()

    @property
    def systems(self) -> list[str]:
        """The rows that it makes."""
        return [
            fences.of_build(build, fence)
            for build in self.builds or (builds.DEFAULT,)
            for fence in self.fences or (fences.NONE,)
        ]

    def __str__(self) -> str:
        options = [f"--build {name}" for name in self.builds]
        every = self.fences == fences.ALL
        options += ["--all-fences"] if every else [f"--fence {name}" for name in self.fences]
        return f"tsofence explore --scenario {self.place} {' '.join(options)} --max-states {MOST}"


def asked(place: str) -> Iterator[Asked]:
    """The commands that make the table of a scenario."""
    if place in LARGE:
        yield Asked(place, builds=REPAIRED)
        yield Asked(place, fences=LARGE[place])
        return
    yield Asked(place, builds=_builds(place))
    yield Asked(place, fences=fences.ALL if place in scenario.names() else (fences.NONE, *REPAIRS))
    if place in THOROUGH:
        yield Asked(place, REPAIRED, REPAIRS)


def systems(place: str) -> list[str]:
    """The rows of the table of a scenario; the last ones are not searched."""
    searched = [system for each in asked(place) for system in each.systems]
    return list(dict.fromkeys((*searched, *(REPAIRS if place in LARGE else ()), *_builds(place))))


def columns(place: str) -> list[str]:
    """The columns of the table of a scenario."""
    return [*PROPERTIES, *scenario.load(place).liveness]


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
    """A system: what was found of each property (nothing: it was not searched), what cut the search, and
    seconds of the proofs that allow it to be small, whenever these were made."""

    system: str
    cells: dict[str, Cell]
    cut_by: tuple[str, ...]
    proving: float

    def told(self, name: str) -> str:
        """What stands in the column of a property."""
        return str(self.cells[name]) if name in self.cells else NOT_SEARCHED


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
    commands = [str(each) for each in asked(place)]
    began = time.monotonic()
    rows = [row for command in commands for row in explored(command)]
    took = time.monotonic() - began
    found = {row.system for row in rows}
    rows += [Row(name, {}, (), 0.0) for name in systems(place) if name not in found]
    names = columns(place)
    description = scenario.load(place).description
    lines = [
        f"{description[:1].upper()}{description[1:]}.",
        "",
        f"| system | {' | '.join(names)} |",
        f"|---{'|---' * len(names)}|",
        *(f"| {row.system} | {' | '.join(row.told(name) for name in names)} |" for row in rows),
        "",
        *_below(rows),
        "```",
        *commands,
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
        if not row.cells:
            said.setdefault(f"{NOT_SEARCHED}: {_NO_TIME}", []).append(row.system)
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

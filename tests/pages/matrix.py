"""docs/matrix.md: builds and fences by properties, a table a scenario, as `tsofence explore` prints it.

`python -m tests.pages.matrix [SCENARIO]...`: these sections made again, or the rows that are missing in all.
What stands above them is written by hand.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Container, Iterator, Sequence
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
_UNSEARCHED = f"{NOT_SEARCHED}: the table of times takes minutes for each"
#: states at which a search is cut
MOST = 10_000_000
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
    return [name for name in builds.SHIPPED if name not in left_out]


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
class Row:
    """A system: what stands in each column (nothing: it was not searched), what makes it worth less, and
    seconds of the proofs that allow its search to be small, whenever these were made."""

    system: str
    cells: dict[str, str]
    said: tuple[str, ...] = ()
    proving: float = 0.0

    def told(self, name: str) -> str:
        """What stands in the column of a property."""
        return self.cells.get(name, NOT_SEARCHED)


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
    judged = found["properties"]
    open_ones = [each["note"] for each in judged if each["verdict"] == "unknown"]
    why = [text for text in dict.fromkeys((*found["cut_by"], *open_ones)) if text]
    said = [f"unknown: {', '.join(why)}"] if open_ones else []
    said += [
        f"`{each['property']}`, {each['note']}"
        for each in judged
        if each["note"] and each["verdict"] != "unknown"
    ]
    return Row(
        fences.of_build(found["build"], found["fence"]),
        {each["property"]: _cell(each["verdict"], each["steps"], each["note"]) for each in judged},
        tuple(said),
        sum(each["seconds"] for each in found["reductions"]),
    )


def _cell(verdict: str, steps: int | None, note: str) -> str:
    if verdict == "violated":
        return f"{'≤ ' if note else ''}{steps}"
    return {"holds": "**holds**", "vacuous": "*vacuous*"}.get(verdict, verdict)


@dataclass(frozen=True)
class Section:
    """The part of the page that is about a scenario: its rows, by system, seconds of the searches, and of the
    proofs behind them."""

    rows: dict[str, Row]
    took: float = 0.0
    proving: float = 0.0

    @classmethod
    def read(cls, text: str) -> Section:
        """It as it stands there, without rows that were not searched."""
        head, *body = (
            [cell.strip() for cell in line.strip("| ").split(" | ")]
            for line in text.splitlines()
            if line.startswith("| ")
        )
        cells = {system: dict(zip(head[1:], told, strict=True)) for system, *told in body}
        said: dict[str, list[str]] = {}
        for why, those in re.findall(r"^- (.*): (.*)\.$", text, re.MULTILINE):
            for system in cells if those == "all" else those.split(", "):
                said.setdefault(system, []).append(why)
        seconds = re.search(r"took (\d+) s in all.* took (\d+) s, once", text)
        return cls(
            {
                system: Row(system, told, tuple(said.get(system, ())))
                for system, told in cells.items()
                if NOT_SEARCHED not in told.values()
            },
            *(map(float, seconds.groups()) if seconds else ()),
        )

    def told(self, place: str) -> str:
        """The text."""
        names, commands = columns(place), map(str, asked(place))
        rows = [self.rows.get(system, Row(system, {}, (_UNSEARCHED,))) for system in systems(place)]
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
                f"The searches took {self.took:.0f} s in all, whenever a row was made; "
                f"the proofs behind them took {self.proving:.0f} s, once: they are kept."
            ),
        ]
        return "\n".join(lines)


def section(place: str, kept: Section) -> Section:
    """The part of the page that is about a scenario, with the rows that are kept."""
    began = time.monotonic()
    made = [row for each in _missing(place, kept.rows) for row in explored(str(each))]
    return Section(
        kept.rows | {row.system: row for row in made},
        kept.took + time.monotonic() - began,
        kept.proving + sum(row.proving for row in made),
    )


def _missing(place: str, rows: Container[str]) -> Iterator[Asked]:
    """Of the commands of a scenario what makes the rows that are not there."""
    for each in asked(place):
        left = {fences.parted(system) for system in each.systems if system not in rows}
        if left:
            yield Asked(
                place,
                [name for name in each.builds if any(name == build for build, _ in left)],
                [name for name in each.fences if any(name == fence for _, fence in left)],
            )


def _below(rows: Sequence[Row]) -> Iterator[str]:
    """What makes a verdict worth less, and of which systems it is said."""
    said: dict[str, list[str]] = {}
    for row in rows:
        for why in row.said:
            said.setdefault(why, []).append(row.system)
    for why, those in said.items():
        yield f"- {why}: {'all' if len(those) == len(rows) else ', '.join(those)}."
    if said:
        yield ""


def main(arguments: Sequence[str]) -> int:
    """Write the page, section by section."""
    for place in arguments or SCENARIOS:
        page = Page.read(PAGE)
        there = (
            Section.read(page.sections[place]) if place in page.sections and not arguments else Section({})
        )
        page.sections[place] = section(place, there).told(place)
        page.write(PAGE, SCENARIOS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Commands in the pages of docs/, run again, and what the pages say comes out.

In a code block, a line that begins with ``tsofence explore``, ``prove`` or ``replay`` is a command, run from
the root (a ``\\`` at its end: it goes on in the next line).  The lines below it that are indented by four
spaces say what comes out, one line a system, each property with its verdict, and its steps if it has any::

    tsofence explore --scenario tso-restart --fence off --fence save-cas --property unique --property session
        off: unique violated in 17 steps, session holds
        save-cas: unique holds, session holds (a minute)

Or they are what the command prints, as far as a page quotes it::

    tsofence explore --scenario tso-restart --fence off --property unique --property session  # a minute
        off: violated — unique in 17 steps; holds session.

A system is called as the tables of the command call it: a fence, a build, or both (``release-8.5+save-cas``).
Of a recording, a line says ``check-tso-primary: conforms`` or ``off: does not conform``, and one without a
system what properties come out (``unique violated, window holds``).  Words in parentheses at a line's end,
or a comment behind the command, say how long it takes: with them, ``make test`` leaves it out.  Commands
without such lines are not run.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tsofence.model.variants import fences

from .documents import read_document

ROOT = Path(__file__).resolve().parents[1]
TSOFENCE = Path(sys.executable).with_name("tsofence")
HISTORY = ROOT / "docs" / "history.md"

_COMMAND = re.compile(r"tsofence (explore|prove|replay) ")
_OUTCOME = re.compile(r"    (?:(?P<system>\S+): )?(?P<said>[^()]+?)(?: \((?P<time>[^()]+)\))?")
_PART = re.compile(r"(?P<property>\S+) (?P<verdict>\w+)(?: in (?P<steps>\d+) steps)?")
#: as the commands print it: an outcome, and the properties that have it
_PRINTED = re.compile(
    r"    (?P<system>[^:]+): (?P<said>(?:violated —|unknown —|holds|proved|vacuous) .+?)\.?"
)
_PRINTED_PART = re.compile(r"(?P<property>\S+)(?: in (?P<steps>\d+)(?: steps)?| [\d,]+(?: times)?)?")
_PRINTED_CONFORMS = re.compile(r"    (?P<system>\S+): (?P<said>conforms|does not conform)(?:\.| — .+)")
#: what the judgement of a recording itself is called
_RECORDING = "this recording"
_CONFORMS = {"conforms": True, "does not conform": False}

#: by (system, property): verdict and steps; by (system, ""): whether a recording conforms
Outcomes = dict[tuple[str, str], object]


@dataclass(frozen=True)
class Told:
    """A command of a page, and what the page says comes out."""

    page: str
    command: str
    outcomes: Outcomes
    long: bool

    def __str__(self) -> str:
        return f"{self.page}: {self.command}"


class Unreadable(ValueError):
    """A line below a command that says nothing that can be compared."""


def told(page: str, text: str) -> Iterator[Told]:
    """The commands of a page that say what comes out."""
    for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        lines = re.sub(r" *\\\n\s*", " ", block).splitlines()
        for at, line in enumerate(lines):
            if not _COMMAND.match(line):
                continue
            below = []
            for each in lines[at + 1 :]:
                if not each.startswith("    "):
                    break
                below.append(each)
            if below:
                yield _told(page, line, below)


def _told(page: str, command: str, below: list[str]) -> Told:
    command, _, takes = command.partition("  # ")
    outcomes: Outcomes = {}
    long = bool(takes)
    for line in below:
        if printed := _printed(line):
            outcomes |= printed
            continue
        found = _OUTCOME.fullmatch(line)
        if found is None:
            raise Unreadable(f"{page}: {line.strip()!r}")
        long = long or found["time"] is not None
        system = found["system"] or ""
        if found["said"] in _CONFORMS:
            outcomes[system, ""] = _CONFORMS[found["said"]]
            continue
        for part in found["said"].split(", "):
            said = _PART.fullmatch(part)
            if said is None:
                raise Unreadable(f"{page}: {line.strip()!r}")
            outcomes[system, said["property"]] = (said["verdict"], int(said["steps"] or 0))
    return Told(page, command, outcomes, long)


def _printed(line: str) -> Outcomes:
    """What a line says that is one of the command's; nothing: it is none."""
    if conforms := _PRINTED_CONFORMS.fullmatch(line):
        return {(conforms["system"], ""): _CONFORMS[conforms["said"]]}
    found = _PRINTED.fullmatch(line)
    if found is None:
        return {}
    system = "" if found["system"] == _RECORDING else found["system"]
    outcomes: Outcomes = {}
    for group in found["said"].split("; "):
        verdict, names = group.replace(" —", "", 1).split(" ", 1)
        for part in names.split(", "):
            said = _PRINTED_PART.fullmatch(part)
            if said is None:
                raise Unreadable(line.strip())
            outcomes[system, said["property"]] = (verdict, int(said["steps"] or 0))
    return outcomes


def came_out(command: str, result: dict[str, Any]) -> Outcomes:
    """The same of a command's JSON."""
    if command.split()[1] == "replay":
        systems = {
            fences.of_build(each["build"], each["fence"]): each["conforms"] for each in result["fences"]
        }
        judged = {each["property"]: (each["verdict"], 0) for each in result["properties"]}
        return {(name, ""): conforms for name, conforms in systems.items()} | {
            ("", name): verdict for name, verdict in judged.items()
        }
    return {
        (fences.of_build(each["build"], each["fence"]), found["property"]): (
            found["verdict"],
            found.get("steps") or 0,
        )
        for each in result["results"]
        for found in each.get("properties", [each])
    }


def together(every: Iterable[Told]) -> Iterator[Told]:
    """Each command once, with what all pages say of it.

    Raises:
        Unreadable: two pages contradict each other.
    """
    by_command: dict[str, list[Told]] = {}
    for each in every:
        by_command.setdefault(each.command, []).append(each)
    for command, alike in by_command.items():
        outcomes: Outcomes = {}
        for each in alike:
            if any(outcomes.get(key, said) != said for key, said in each.outcomes.items()):
                raise Unreadable(f"{each.page}: another page says something else of {command}")
            outcomes |= each.outcomes
        pages = ", ".join(dict.fromkeys(each.page for each in alike))
        yield Told(pages, command, outcomes, any(each.long for each in alike))


PAGES = sorted(path for path in (ROOT / "docs").glob("*.md"))
COMMANDS = [each for page in PAGES for each in told(page.name, page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    "each",
    [
        pytest.param(each, marks=pytest.mark.large if each.long else (), id=str(each))
        for each in together(COMMANDS)
    ],
)
def test_what_a_page_says_comes_out(each: Told, tmp_path: Path) -> None:
    _, *args = shlex.split(each.command)
    done = subprocess.run(
        [TSOFENCE, *args, "--quiet", "--json", str(tmp_path / "result.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    found = came_out(each.command, read_document((tmp_path / "result.json").read_text(encoding="utf-8")))
    assert {name: found.get(name) for name in each.outcomes} == each.outcomes


def test_all_of_history_is_told() -> None:
    """Every file of specs/history/ is one that a command of the page takes, and says what comes out."""
    taken = {
        Path(word.partition(":")[0]).name
        for each in COMMANDS
        if each.page == HISTORY.name
        for word in shlex.split(each.command)
        if word.startswith("specs/history/")
    }
    there = {path.name for path in (ROOT / "specs" / "history").iterdir() if path.suffix in (".py", ".toml")}
    assert taken == there


def test_what_a_page_may_say() -> None:
    text = """
```
tsofence explore --scenario tso-restart \\
    --fence off --fence save-cas
    off: unique violated in 17 steps, real-time holds
    save-cas: unique holds (a minute)

tsofence explore --scenario nothing-said
tsofence replay a
    off: does not conform
    unique violated
```
`tsofence explore` in a text
"""
    first, second = told("a.md", text)
    assert first.command == "tsofence explore --scenario tso-restart --fence off --fence save-cas"
    assert first.long
    assert first.outcomes == {
        ("off", "unique"): ("violated", 17),
        ("off", "real-time"): ("holds", 0),
        ("save-cas", "unique"): ("holds", 0),
    }
    assert second.outcomes == {("off", ""): False, ("", "unique"): ("violated", 0)}
    assert not second.long
    (third,) = told(
        "a.md",
        """
```
tsofence replay a --fence off  # half a minute
    this recording: violated — unique 39 times, real-time 5,008 times
    off: conforms.
    save-cas: does not conform — a.gz:11
    b: violated — unique in 17 steps, session in 18; holds window.
```
""",
    )
    assert (third.command, third.long) == ("tsofence replay a --fence off", True)
    assert third.outcomes == {
        ("", "unique"): ("violated", 0),
        ("", "real-time"): ("violated", 0),
        ("off", ""): True,
        ("save-cas", ""): False,
        ("b", "unique"): ("violated", 17),
        ("b", "session"): ("violated", 18),
        ("b", "window"): ("holds", 0),
    }
    with pytest.raises(Unreadable, match="nothing at all"):
        list(told("a.md", "```\ntsofence prove \n    nothing at all\n```\n"))


def test_a_command_is_run_once_for_all_pages() -> None:
    one = Told("a.md", "tsofence explore", {("off", "unique"): ("violated", 17)}, long=False)
    other = Told("b.md", "tsofence explore", {("off", "session"): ("holds", 0)}, long=False)
    assert list(together([one, other])) == [
        Told("a.md, b.md", "tsofence explore", one.outcomes | other.outcomes, long=False)
    ]
    contrary = Told("c.md", "tsofence explore", {("off", "unique"): ("holds", 0)}, long=False)
    with pytest.raises(Unreadable, match=r"c\.md: another page"):
        list(together([one, other, contrary]))


def test_another_outcome_is_noticed() -> None:
    """Of each kind of command: what came out is compared by system and property, with its steps."""
    found = {
        "build": "release-8.5",
        "fence": "save-cas",
        "property": "unique",
        "verdict": "violated",
        "steps": 17,
    }
    for result in (
        {"results": [{**found, "properties": [found]}]},
        {"results": [{key: found[key] for key in found}]},
    ):
        assert came_out("tsofence explore", result) == {("release-8.5+save-cas", "unique"): ("violated", 17)}
    recording = {
        "fences": [{"build": "pull-10473-base", "fence": "off", "conforms": False}],
        "properties": [{"property": "unique", "verdict": "holds"}],
    }
    assert came_out("tsofence replay", recording) == {("off", ""): False, ("", "unique"): ("holds", 0)}

"""Of the runs that were found: the shortest one, how to see the others, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from ...checker.run import Run
from ...model.builds import known as builds
from ...model.variants import fences
from ...specs import own
from ..output.terminal import clean
from ..runs.last import LAST
from ..story import show
from .tables import OneLine, indented


@dataclass(frozen=True, slots=True)
class Next:
    """A command that fits the result, and what it is good for."""

    command: Sequence[str]
    good_for: str


def shortest(found: Mapping[tuple[str, str], Run]) -> tuple[str, str] | None:
    """The fence and the property of the shortest run; None: there is none.

    One that no cluster begins stands behind all others.
    """
    return min(found, key=lambda each: (not found[each].reachable, len(found[each].moves)), default=None)


def one_run(found: Mapping[tuple[str, str], Run], *, kept: bool) -> list[RenderableType]:
    """The shortest run, and how to see the others; ``kept``: they can be shown later."""
    first = shortest(found)
    if first is None:
        return []
    return [Text(), show.text(found[first], brief=True), *others(found, first, kept=kept)]


def others(
    found: Mapping[tuple[str, str], Run], first: tuple[str, str] | None, *, kept: bool
) -> list[RenderableType]:
    """How to see the runs that are not shown, the shortest ones first."""
    left = sorted((each for each in found if each != first), key=lambda each: len(found[each].moves))
    if not left:
        return []
    more = f"{len(left)} more" if first else f"{len(left)} runs"
    if not kept:
        return [indented(f"{more}: --runs DIR writes them (they cannot be kept in the cache)", "yellow")]
    named = [f"{'.'.join(each)} ({len(found[each].moves)} steps)" for each in left]
    return [Text(), OneLine(f"{more}: tsofence show {LAST} ", named, style="")]


def show_last(which: tuple[str, str], *more: str) -> list[str]:
    """The command that shows a run that was kept, whatever files of one's own it needs."""
    needed = [
        word
        for kind, files in (("--build", fences.files("build")), ("--fence", fences.files("fence")))
        for file in files
        for word in (kind, file)
    ]
    properties = [word for file in own.files() for word in ("--property", file)]
    return ["show", LAST, ".".join(which), *needed, *properties, *more]


def system(name: str) -> tuple[str, ...]:
    """The options that name a build and its fence."""
    build, fence = fences.parted(name)
    return (*(() if build == builds.DEFAULT else ("--build", build)), "--fence", fence)


@dataclass(frozen=True, slots=True)
class _Command:
    """A command, with what it is good for if the line has room for that."""

    command: str
    good_for: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line, note = Text(f"  {self.command}"), Text(f"  # {self.good_for}", style="dim")
        yield line.append_text(note) if line.cell_len + note.cell_len <= options.max_width else line


def next_steps(steps: Iterable[Next]) -> list[RenderableType]:
    """What to do next, a line a command."""
    parts: list[RenderableType] = []
    for each in steps:
        parts.append(_Command(clean(shlex.join(["tsofence", *each.command])), each.good_for))
    return [Text("\nNext:"), *parts] if parts else []

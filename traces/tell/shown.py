"""Of the runs that were found: the shortest one, how to see the others, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
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


#: at the end of a line after which a command goes on, and what such a line needs beside its words
_GOES_ON = " \\"
_INDENT = 4 + len(_GOES_ON)


@dataclass(frozen=True, slots=True)
class _Command:
    """A command that can be copied, with what it is good for if the line has room for that."""

    words: Sequence[str]
    good_for: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        *before, line = self._lines(options.max_width)
        yield from map(Text, before)
        last, note = Text(line), Text(f"  # {self.good_for}", style="dim")
        yield last.append_text(note) if last.cell_len + note.cell_len <= options.max_width else last

    def _lines(self, room: int) -> list[str]:
        """The command, broken as a shell takes it."""
        lines, line = [], f"  {self.words[0]}"
        for word in self.words[1:]:
            first, *more = _pieces(word, room)
            if cell_len(f"{line} {first}") + len(_GOES_ON) > room:
                lines.append(line + _GOES_ON)
                line = f"    {first}"
            else:
                line += f" {first}"
            for piece in more:  # right at the margin: a space would end the word
                lines.append(f"{line}\\")
                line = piece
        return [*lines, line]


def _pieces(word: str, room: int) -> list[str]:
    """A word as a shell takes it; one that no line has room for in pieces, each of them quoted by itself."""
    whole, most = clean(shlex.quote(word)), max(1, room // 2)
    if cell_len(whole) + _INDENT <= room:
        return [whole]
    return [clean(shlex.quote(word[at : at + most])) for at in range(0, len(word), most)]


def next_steps(steps: Iterable[Next]) -> list[RenderableType]:
    """What to do next, a line a command."""
    parts: list[RenderableType] = []
    for each in steps:
        parts.append(_Command(("tsofence", *each.command), each.good_for))
    return [Text("\nNext:"), *parts] if parts else []

"""What all tables have in common: how verdicts, notes and columns look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..output.terminal import clean

_STYLES = {
    "violated": "bold red",
    "holds": "green",
    "proved": "bold green",
    "verified": "bold green",
    "refuted": "bold red",
    "reachable": "bold green",
    "unreachable": "bold red",
    "vacuous": "yellow",
    "unknown": "bold yellow",
}


def style_of(verdict: str) -> str:
    """The colour of a verdict."""
    return _STYLES.get(verdict, "dim")


def verdict_text(verdict: str) -> Text:
    """A verdict in its colour."""
    return Text(verdict, style=style_of(verdict))


def columns(*headings: str) -> Table:
    """An empty table; what is too long for its column goes on in the next line."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def indented(text: str, style: str) -> RenderableType:
    """A line, whatever it quotes."""
    return Padding(Text(clean(text), style=style), (0, 0, 0, 2))


def files_written(written: Mapping[tuple[str, str], str]) -> list[RenderableType]:
    """Where runs were written, a line a file."""
    return [Text(clean(f"run written: {path}"), style="dim") for path in written.values()]


@dataclass(frozen=True, slots=True)
class OneLine:
    """So many items as the line has room for, and how many more there are; ``rest``: what tells them all."""

    lead: str
    items: Sequence[str]
    rest: str = ""
    style: str = "dim"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = [clean(item) for item in self.items]
        line = clean(self.lead) + ", ".join(shown)
        while len(shown) > 1 and cell_len(line) > options.max_width:
            shown.pop()
            more = f" and {len(self.items) - len(shown)} more{self.rest and f' ({self.rest})'}"
            line = clean(self.lead) + ", ".join(shown) + more
        yield Text(line, style=self.style)


@dataclass(frozen=True, slots=True)
class FewLines:
    """So many lines of a text; what does not fit is left out."""

    text: Text
    most: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self.text.wrap(console, options.max_width)
        for number, line in enumerate(lines[: self.most], 1):
            if number == self.most < len(lines):
                line.rstrip()
                if line.cell_len > options.max_width - 2:
                    line.truncate(options.max_width - 2)
                    if whole := line.plain.rpartition(" ")[0]:  # no word is cut in two
                        line.right_crop(len(line) - len(whole))
                line.rstrip()
                line.append(" …")
            yield line


def said(lines: Iterable[tuple[str, str, str]]) -> list[RenderableType]:
    """Lines of (who, text, style), each text once, with all of whom it is said."""
    who: dict[tuple[str, str], list[str]] = {}
    for whose, text, style in lines:
        who.setdefault((text, style), []).append(whose)
    return [indented(f"{', '.join(names)}: {text}", style) for (text, style), names in who.items()]

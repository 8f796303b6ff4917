"""What all tables have in common: how verdicts, notes and columns look."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..output.terminal import clean

_STYLES = {
    "violated": "bold red",
    "holds": "green",
    "proved": "bold green",
    "reachable": "bold green",
    "unreachable": "bold red",
    "vacuous": "yellow",
    "unknown": "bold yellow",
}


def verdict_text(verdict: str, detail: str = "") -> Text:
    """A verdict in its colour, and what belongs to it below."""
    text = Text(verdict, style=_STYLES.get(verdict, "dim"))
    if detail:
        text.append(f"\n{detail}", style="dim")
    return text


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

"""Names that a user can give, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from ...model.pd import system
from ...model.variants import fences
from ...specs import liveness, properties, scenario

LISTS = ("scenarios", "fences", "properties", "transitions")


def listing(which: Sequence[str]) -> RenderableType:
    """Names and what they mean."""
    meanings: dict[str, dict[str, str]] = {
        "scenarios": {name: scenario.load(name).description for name in scenario.names()},
        "fences": {name: fence.meaning for name, fence in fences.SHIPPED.items()},
        "properties": {prop.name: prop.meaning for prop in (*properties.PROPERTIES, *liveness.PROPERTIES)},
        "transitions": {rule.name: rule.meaning for rule in system.RULES},
    }
    parts: list[RenderableType] = []
    for heading in which:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, title=heading, title_justify="left")
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for name, meaning in meanings[heading].items():
            table.add_row(name, meaning)
        parts.append(table)
    return Group(*parts)

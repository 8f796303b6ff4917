"""Names that a user can give, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from ...model.builds import known as builds
from ...model.variants import fences
from ...specs import liveness, properties, scenario
from . import schemas

LISTS = ("scenarios", "builds", "fences", "properties", "transitions", "schemas")


def listing(which: Sequence[str]) -> RenderableType:
    """Names and what they mean."""
    meanings: dict[str, dict[str, str]] = {
        "scenarios": {name: scenario.load(name).description for name in scenario.names()},
        "builds": {name: f"{build.meaning} ({build.source})" for name, build in builds.SHIPPED.items()},
        "fences": {name: fence.meaning for name, fence in fences.SHIPPED.items()},
        "properties": {prop.name: prop.meaning for prop in (*properties.PROPERTIES, *liveness.PROPERTIES)},
        "transitions": {name: rule.meaning for name, rule in fences.shipped_rules().items()},
        "schemas": schemas.MEANINGS,
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

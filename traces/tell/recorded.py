"""What is said of a recording when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from ..output.terminal import clean

if TYPE_CHECKING:
    from ..live.collect import Recorded


def recorded(found: Recorded, *, kept: bool = True) -> RenderableType:
    """How much it is, what is missing, and what to do with it."""
    samples = f", {found.samples} samples" if found.samples else ""
    parts = [Text(f"{found.events} events of etcd, up to revision {found.revision}{samples}")]
    parts += [Text(f"revisions {low} to {high} are missing", style="yellow") for low, high in found.gaps]
    parts += [Text(f"it ended by itself: {clean(found.ended)}", style="yellow")] if found.ended else []
    if kept:
        parts.append(Text(f"to judge it: tsofence replay {clean(str(found.folder))}"))
    return Group(*parts)

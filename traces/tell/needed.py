"""What is said of assumptions: which are enough, and why none of them can be left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from ...checker.run import Run
from ..output.terminal import clean
from .tables import files_written, indented, style_of

if TYPE_CHECKING:  # it comes with z3, which takes long to import
    from ...checker.proof.weakest import Sufficient, Weakest


def verdict(found: Weakest) -> str:
    """What becomes of the property with nothing assumed."""
    for each in found.sufficient:
        if not each.without:
            return each.verdict
    return "unknown" if found.violated is None else "violated"


def runs_of(results: Sequence[Weakest]) -> dict[tuple[str, str], Run]:
    """The shortest run that breaks each property, by fence and property."""
    return {(each.fence, each.property): each.violated for each in results if each.violated is not None}


def needed(results: Sequence[Weakest], written: Mapping[tuple[str, str], str]) -> RenderableType:
    """For the terminal."""
    parts: list[RenderableType] = []
    for found in results:
        parts.append(_sentence(found))
        parts += [indented(line, "dim") for line in _lines(found)]
    return Group(*parts, *files_written(written))


def _sentence(found: Weakest) -> Text:
    told = Text(clean(found.fence), style="bold").append(f": {clean(found.property)} ", style="not bold")
    became = verdict(found)
    told.append(became, style=style_of(became))
    if found.violated is not None:
        told.append(f" in {len(found.violated.moves)} steps")
    sets = [
        " + ".join(each.assumptions) for each in found.sufficient if each.without and _says_something(each)
    ]
    if sets:
        told.append(f"; proved if {', or if '.join(sets)}")
    elif found.interrupted:
        told.append("; interrupted before it was known what is enough")
    elif became in ("violated", "unknown"):
        told.append("; no assumptions here are known to be enough")
    else:
        told.append("; nothing needs to be assumed")
    return told.append(f" ({found.seconds:.0f} s).")


def _says_something(each: Sufficient) -> bool:
    return each.verdict != "vacuous"


def _lines(found: Weakest) -> Iterator[str]:
    """Of each set why it is no smaller, and what is known where none is enough."""
    for each in found.sufficient:
        if not each.without:
            continue
        if not _says_something(each):
            yield f"it says nothing if {' + '.join(each.assumptions)}: no step meets its premise"
            continue
        for name, run in each.without.items():
            yield f"{_without(each, name)}: {_how(run)}"
    for names, run in found.beside.items():
        yield f"all of {' + '.join(names)}: {_how(run)}"


def _without(each: Sufficient, name: str) -> str:
    others = " + ".join(other for other in each.without if other != name)
    return f"{others} without {name}" if others else f"without {name}"


def _how(run: Run | None) -> str:
    if run is None:
        return "no run was found, so it is not known whether this is enough"
    return f"violated in {len(run.moves)} steps"

"""The short answer: what became of each property of a system, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from ..output.terminal import clean
from .tables import style_of

_PASSED = ("holds", "proved")
#: of more, how many there are is said
_FEW = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a property; ``measure``: how it is violated, in words (``in 14 steps``)."""

    property: str
    verdict: str
    measure: str = ""


def sentence(system: str, outcomes: Sequence[Outcome]) -> Text:
    """What is violated and how, what is not decided, and how many properties are neither."""
    told = Text(clean(system), style="bold")
    told.append(": ")
    if not outcomes:
        return told.append("nothing was found", style=style_of("unknown"))
    parts: list[Text] = []
    for verdict in ("violated", "unknown"):
        which = [each for each in outcomes if each.verdict == verdict]
        if which:
            told_each = [clean(f"{each.property} {each.measure}".strip()) for each in which]
            if verdict == "unknown" and len(which) > _FEW:
                told_each = [f"{len(which)} of {len(outcomes)}"]
            names = ", ".join(told_each)
            parts.append(
                Text(verdict, style=style_of(verdict)).append(f" — {names}", style="not bold default")
            )
    for verdict in _PASSED:
        if many := sum(each.verdict == verdict for each in outcomes):
            of = f" {many} of {len(outcomes)}" if many < len(outcomes) else " all" * (many > 1)
            of = f" {outcomes[0].property}" if len(outcomes) == 1 else of
            parts.append(Text(verdict, style=style_of(verdict)).append(of, style="not bold default"))
    vacuous = [each.property for each in outcomes if each.verdict == "vacuous"]
    if vacuous:
        these = (
            ", ".join(map(clean, vacuous)) if len(vacuous) <= _FEW else f"{len(vacuous)} of {len(outcomes)}"
        )
        parts.append(Text("vacuous", style=style_of("vacuous")).append(f" {these}"))
    return told.append_text(Text("; ").join(parts)).append(".")

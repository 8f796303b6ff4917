"""What is said of a search for a state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ...checker.search.findings import Exploration
from ...checker.search.reached import REACHABLE, UNREACHABLE, finding_of
from ...specs.scenario import Scenario
from ..output.terminal import clean

#: as exit statuses take it: that there is such a state is what was to be checked
_STATUS = {REACHABLE: "holds", UNREACHABLE: "violated"}


def found(world: Scenario, results: Sequence[Exploration], texts: Mapping[str, str]) -> RenderableType:
    """A sentence a fence; ``texts``: what was sought under each, as it may be typed."""
    return Group(*(_sentence(world, each, texts[each.fence]) for each in results))


def _sentence(world: Scenario, result: Exploration, text: str) -> Text:
    finding = finding_of(result)
    if finding.verdict == REACHABLE:
        way = (
            f"in {finding.steps} step{'s' * (finding.steps != 1)}"
            if finding.steps
            else "the first state is so"
        )
        said = Text(f"reachable, {way}", style="bold green")
    elif finding.verdict == UNREACHABLE:
        said = Text(f"no reachable state of this scenario ({result.states:,} states)", style="bold red")
    else:
        said = Text(f"not found among {result.states:,} states, which are not all", style="bold yellow")
    return (
        Text("\n")
        .append(clean(f"{world.name} under {result.fence}: "))
        .append(said)
        .append(clean(f": {text}"))
    )


def verdicts(results: Sequence[Exploration]) -> list[str]:
    """What the exit status follows from: 0: each search found one, 1: one shows that there is none."""
    return [_STATUS.get(finding_of(each).verdict, "unknown") for each in results]


def found_json(
    told: Mapping[str, Any], result: Exploration, written: Mapping[tuple[str, str], str], text: str
) -> dict[str, Any]:
    """A fence's result for scripts: no property, and what was sought."""
    finding = finding_of(result)
    sought = {
        "expression": text,
        "verdict": finding.verdict,
        "steps": finding.steps,
        "run": written.get((result.fence, finding.property)),
        "note": finding.note,
    }
    return {**told, "properties": [], "find": sought}

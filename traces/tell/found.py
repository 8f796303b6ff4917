"""What is said of a search for a state."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from ...checker.search.findings import Exploration
from ...checker.search.reached import REACHABLE, UNREACHABLE, finding_of
from ..output.terminal import clean

#: as exit statuses take it: that there is such a state is what was to be checked
_STATUS = {REACHABLE: "holds", UNREACHABLE: "violated"}


def sentence(result: Exploration, text: str) -> Text:
    """What became of it under a fence; ``text``: what was sought, as it may be typed."""
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
    name = Text(clean(result.fence), style="bold").append(": ")
    return name.append_text(said).append(clean(f": {text}"), style="not bold default")


def verdicts(results: Sequence[Exploration]) -> list[str]:
    """What the exit status follows from: 0: each search found one, 1: one shows that there is none."""
    return [_STATUS.get(finding_of(each).verdict, "unknown") for each in results]

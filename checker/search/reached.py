"""Finding a state: what is asked of a search, and what its answer says of reaching such a state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...model.variants import fences
from ...specs.phrases.names import names
from ...specs.phrases.reading import read
from ...specs.phrases.sought import FIND, Sought, may_be_asked
from ...specs.phrases.spelling import spelled
from ...specs.scenario import Scenario
from .explore import ALL_VIOLATED
from .findings import Exploration, Finding

REACHABLE, UNREACHABLE, UNKNOWN = "reachable", "unreachable", "unknown"


def sought(text: str, scenario: Scenario, fence: str, dropped: Sequence[tuple[str, str]] = ()) -> Sought:
    """A state that somebody described, to be looked for in a scenario.

    Raises:
        PhraseError: the text is no condition over its states.
        SoughtError: its states cannot be asked.
    """
    made = scenario.configuration(fences.parse(fence), dropped)
    may_be_asked(made.transitions)
    words = names(made.vocabulary, made.transitions, scenario.server_names)
    condition = read(text, words)
    return Sought(condition, spelled(condition, words))


def reached(found: Exploration, asked: Sequence[Sought]) -> Exploration:
    """The same answer, in which the state that was sought is reachable or not; the way there ends in it."""
    by_name = {each.name: each for each in asked}
    told = (
        _told(each, by_name[each.property]) if each.property in by_name else each for each in found.findings
    )
    cut_by = tuple("such a state is found" if cut == ALL_VIOLATED else cut for cut in found.cut_by)
    return replace(found, findings=tuple(told), cut_by=cut_by if asked else found.cut_by)


def finding_of(found: Exploration) -> Finding:
    """What became of the state that was sought."""
    return next(each for each in found.findings if each.property == FIND)


def _told(finding: Finding, prop: Sought) -> Finding:
    if finding.run is None:
        sure = finding.verdict in ("holds", "vacuous")
        return replace(finding, verdict=UNREACHABLE if sure else UNKNOWN, note="" if sure else finding.note)
    title = finding.run.title.replace(f"{FIND} under", f"{prop.meaning} under", 1)
    run = replace(finding.run, moves=finding.run.moves[:-1], breaks=None, title=title)
    return replace(finding, verdict=REACHABLE, steps=len(run.moves), run=run)

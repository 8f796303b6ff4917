"""All questions, in the order in which people ask them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..judge.judgement import Judgement
from ..sources.builds import Recognised
from ..sources.trace import Trace
from .answer import Answer
from .backwards import went_back
from .bugs import known_bugs
from .harmless import harmless
from .outage import why_none
from .terms import Terms, terms
from .writers import was_synced, who_wrote


@dataclass(frozen=True, slots=True)
class Asked:
    """Who led when, and the answers."""

    terms: Terms
    answers: tuple[Answer, ...]


def ask(trace: Trace, judged: Iterable[Judgement], build: Recognised) -> Asked:
    """Answer from what the files say by themselves.

    ``judged``: the verdicts on calls; ``build``: what is known of the release.
    """
    told = terms(trace)
    by_name = {each.property: each for each in judged}
    return Asked(
        told,
        (
            went_back(trace, told, by_name),
            who_wrote(trace, told, by_name),
            was_synced(trace, told),
            *harmless(trace, told),
            known_bugs(trace, told, build),
            why_none(trace, told),
        ),
    )

"""What is not certain of explanations where clocks are apart, or were set."""

from __future__ import annotations

from dataclasses import replace

from ..judge.judgement import Judgement
from ..sources.offsets import Clocks
from .conformance import Tried
from .impossible import GROWS, ONLY_WRITTEN
from .steps import NO_SUCH_STEP
from .timeline import Timeline

#: what refutes by etcd's values alone, whoever it was
_OF_ETCD = (GROWS, ONLY_WRITTEN)


def by_its_clocks(tried: Tried, order: Timeline, clocks: Clocks) -> Tried:
    """A fence that was tried: what refutes it must not depend on clocks of which only bounds are known."""
    verdict, doubtful = tried.verdict, clocks.doubtful()
    if verdict.conforms is not False or not doubtful or _whatever_the_clocks(tried, order):
        return tried
    note = f"{verdict.note or 'not explained'}, if clocks are as estimated: {doubtful[0]}"
    return replace(tried, verdict=replace(verdict, conforms=None, note=note))


def _whatever_the_clocks(tried: Tried, order: Timeline) -> bool:
    """Whether no time was compared: with what etcd holds, or with what the fence can do at all."""
    if order.contradicted:
        return order.contradicted[0].transition != "grant"
    refused = tried.verdict.refused_by
    return bool(refused) and all(
        each.guard == NO_SUCH_STEP or (each.guard in _OF_ETCD and not each.server) for each in refused
    )


def certain(judgement: Judgement, conforms: bool, clocks: Clocks) -> Judgement:
    """A property judged on explanations: what breaks it must be part of one that explains everything."""
    doubtful = clocks.doubtful()
    if judgement.verdict != "violated" or conforms or not doubtful:
        return judgement
    return Judgement(judgement.property, "unknown", note=f"it depends on a clock: {doubtful[0]}")

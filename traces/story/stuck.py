"""Why a run never gets out, in words: one sentence for what repeats, one for each way out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .because import Part, Sentence, names_step
from .forever import Forever, WayOut
from .spelling import Spelling

#: of the guards that refuse a step, so many are named
_FEW = 3


def sentences(found: Forever, say: Spelling) -> tuple[Sentence, ...]:
    """That it repeats, and what refuses each way out."""
    return (tuple(_round(found, say)), *(tuple(_way(way, say)) for way in found.ways))


def _round(found: Forever, say: Spelling) -> Iterator[Part]:
    later = f", every time {say.span(found.shift)} later" if found.shift else ""
    yield Part("After ")
    yield names_step(found.last)
    yield Part(" all is as it was before ")
    yield names_step(found.first)
    yield Part(later)
    if found.differ:
        names = [
            f"{name.replace('_', ' ')}{f' of {say.names[of]}' if of else ''}" for name, of in found.differ
        ]
        yield Part(f", but for what no step can tell apart any more ({', '.join(names)})")
    yield Part(".")


def _way(way: WayOut, say: Spelling) -> Iterator[Part]:
    who, what = say.names[way.server] if way.server else "the cluster", way.transition.replace("_", " ")
    if way.counts:
        yield Part(f"{who} can {what} in place of ")
        yield names_step(way.possible[0])
        yield Part(f", but that is none that is asked for: {way.counts} does not hold.")
        return
    if not way.possible:
        always = [label for label, count in way.refused if count == way.states]
        yield Part(f"{who} cannot {what}: ")
        if always:
            states = f"all {way.states} states" if way.states > 1 else "the one state"
            yield Part(f"{_quoted(always)} fail{'s' * (len(always) == 1)} in {states}.")
        else:
            labels = [f"“{label}” in {count} of {way.states} states" for label, count in way.refused[:_FEW]]
            yield Part(f"{' and '.join(labels)} fail{'s' * (len(labels) == 1)}.")
        return
    yield Part(f"{who} could {what} in place of ")
    yield names_step(way.possible[0])
    yield Part(
        ", but not always: it may be put off forever."
        if way.owed
        else ", and that would end it; but nothing makes it happen."
    )


def _quoted(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _FEW} more" if len(labels) > _FEW else ""
    return " and ".join(f"“{label}”" for label in labels[:_FEW]) + more

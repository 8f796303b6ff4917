"""All questions, in the order in which people ask them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from ...model.variants import fences
from ..judge.judgement import Judgement
from ..sources.builds import BUILDS, Recognised
from ..sources.trace import Trace
from .answer import Answer, seconds
from .backwards import went_back
from .bugs import known_bugs
from .harmless import harmless
from .outage import why_none
from .terms import Terms, terms
from .writers import was_synced, who_wrote

#: where an offset is known less closely, a host's times are its own
_WIDE_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Who led when, and the answers; ``clocks``: by which their times are, empty where one tells all."""

    terms: Terms
    answers: tuple[Answer, ...]
    clocks: str = ""


def ask(
    trace: Trace,
    judged: Iterable[Judgement],
    build: Recognised,
    fitting: Collection[str] = (),
    writers: Callable[[], Mapping[int, str]] = dict,
) -> Asked:
    """Answer from what the files say by themselves.

    ``judged``: the verdicts on calls; ``build``: what is known of the release; ``fitting``: the builds and
    fences that explain the trace; ``writers``: who saved which value of the timestamp key (ns), as the first
    of them explains it; it is only asked where no line shows another writer.
    """
    by = next(iter(fitting), "")
    build = _that_fit(build, fitting)
    told = terms(trace)
    by_name = {each.property: each for each in judged}
    back = went_back(trace, told, by_name)
    return Asked(
        told,
        (
            back,
            who_wrote(trace, told, by_name, by, writers),
            was_synced(trace, told),
            *harmless(trace, told, back, both_saved=_violated(by_name, "single-writer")),
            known_bugs(trace, told, build, by_name),
            why_none(trace, told),
        ),
        _by_which_clocks(trace, told),
    )


def _violated(judged: Mapping[str, Judgement], name: str) -> bool:
    return name in judged and judged[name].verdict == "violated"


def _that_fit(build: Recognised, fitting: Collection[str]) -> Recognised:
    """Of what words tell, the builds that explain the trace; what a server says of itself stands."""
    if not build.evidence or any(each.own for each in build.evidence):
        return build
    of_fences = {fences.parted(name)[0] for name in fitting}
    fit = [name for name in BUILDS if name in of_fences]
    return replace(
        build, builds=tuple(each for each in build.builds if each in fit) or tuple(fit) or build.builds
    )


def _by_which_clocks(trace: Trace, told: Terms) -> str:
    """By which clocks the times of terms are: what was taken off, and which are each host's own."""
    files = {term.first.where.file for term in told.terms}
    clocks = [clock for clock in trace.clocks.clocks if not files.isdisjoint(clock.files)]
    moved = [f"{clock.name} less {seconds(clock.moved_ns)}" for clock in clocks if clock.moved_ns]
    own = [clock.name for clock in clocks if not clock.moved_ns and clock.width_ns > _WIDE_NS]
    parts = [f"on the clock of {clocks[0].against}: {', '.join(moved)}"] if moved else []
    if own and len(clocks) > 1:
        parts.append(f"by each host's own clock: {', '.join(own)}, which events do not tie closely to others")
    return "; ".join(parts)

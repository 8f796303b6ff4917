"""Replay: is a trace a behaviour of the system under a fence, and what does it violate?

Exact properties are judged on the observations (`judge/exact.py`), those that need to know who did what
on the explanations (`deduced.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

from ...model.builds import known as builds
from ...model.language.rolling import ROLLING
from ...model.variants import fences
from ...specs import properties as specs
from ..clocks.align import align, as_written
from ..judge.availability import AVAILABILITY
from ..judge.exact import PROPERTIES, judge
from ..judge.judgement import Judgement, Pair, exactly
from ..output.faults import Held
from ..sources.builds import BUILDS, Recognised, recognise
from ..sources.observation import LogEvent
from ..sources.offsets import Clocks
from ..sources.servers import Unclear
from ..sources.settings import Settings
from ..sources.trace import Source, Trace
from .conformance import FAULT, FenceVerdict, Progress, Tried, cut_short, try_fences, undecided
from .deduced import judged_on_explanations
from .doubt import at_other_times, by_its_clocks, in_doubt, rests_on_times
from .seen import Granted
from .silence import (
    cut_sources,
    denied_by_logs,
    silent_in,
    steady,
    tells_attempts,
    tells_syncs,
    unread_in,
    untold_mode,
)
from .timeline import Timeline, timeline

#: every property, in the order of reports
NAMES = (*specs.NAMES, AVAILABILITY)


#: how a note begins that only counts what demands nothing
NOT_USED = "not used: "


@dataclass(frozen=True, slots=True)
class Report:
    """What replay found in a trace; `notes` say what was taken for granted and what was left out; ``build``:
    what the logs tell of the builds that wrote them, ``clocks`` how far clocks are apart. Times are those of
    ``clocks``; observations have them as they are written."""

    sources: tuple[Source, ...]
    settings: Settings
    properties: tuple[Judgement, ...]
    fences: tuple[FenceVerdict, ...]
    notes: tuple[str, ...]
    build: Recognised
    clocks: Clocks


def replay(
    trace: Trace,
    fences: Sequence[str] = (),
    *,
    properties: Sequence[str] | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    progress: Progress | None = None,
    held: Held | None = None,
    witnesses: int = 0,
) -> Report:
    """Judge a trace: whether it conforms to each fence, and the properties.

    No fence named: those of the builds that the logs tell; where nothing tells, `fences.DEFAULTS`. If none of
    these fits, every other build is tried as well; properties are not judged under builds that the logs deny.

    ``progress`` is called with what is explained so far and how much there is. Ctrl-C ends the search for
    explanations and leaves what was found. ``held`` (None: not held) holds a fault back, for the caller to
    release: the fence or the property in which it happened is unknown, and the others are judged.
    ``witnesses``: how many pairs of observations that show a violation are named.

    Raises:
        ValueError: an unknown fence or property; the message lists what there is.
    """
    asked = NAMES if properties is None else tuple(properties)
    for name in asked:
        if name not in (*NAMES, *specs.known()):
            raise ValueError(f"unknown property {name!r}; choose from {', '.join(NAMES)}")
    parts = held or Held()
    build = recognise(trace.versions)
    with parts:
        trace = align(trace)
    first, others = (tuple(fences), ()) if fences else _systems(build)
    report = None
    with parts:
        report = _explaining(trace, asked, first, others, dropped, progress, parts, witnesses)
    report = report or _unexplained(trace, asked, first, FAULT, parts, witnesses)
    if held is None:
        parts.release()
    return report


def verdict(
    trace: Trace, name: str, fences: Sequence[str] = (), dropped: Sequence[tuple[str, str]] = ()
) -> str:
    """The verdict on one property alone; raises as `replay`."""
    if name in PROPERTIES:  # explanations take longer
        return judge(align(trace), [name])[0].verdict
    return replay(trace, fences, properties=[name], dropped=dropped).properties[0].verdict


def _systems(build: Recognised) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Under which builds and fences a trace is explained, and which others there are.

    Where servers are of two builds, it was a rolling upgrade.
    """
    of_build = {
        name: fences.DEFAULTS if name == builds.DEFAULT else (name,)
        # what is as the default build needs no search of its own, nor does what nobody runs
        for name, made in builds.SHIPPED.items()
        if name == builds.DEFAULT or (made.changes and name in BUILDS)
    }
    if build.upgrades:
        rolling = ((ROLLING.join(pair), pair[1]) for pair in build.upgrades)
        return tuple(
            fences.of_build(name, fences.NONE if fence == new else fence)
            for name, new in rolling
            for fence in of_build[new]
        ), ()
    known = [name for name in of_build if name in build.builds]
    if build.builds and build.evidence:
        first = tuple(chain.from_iterable(of_build[name] for name in known)) or fences.DEFAULTS
    else:
        first = fences.DEFAULTS
    return first, tuple(name for name in chain.from_iterable(of_build.values()) if name not in first)


def _explaining(
    trace: Trace,
    asked: Sequence[str],
    fences: Sequence[str],
    others: Sequence[str],
    dropped: Sequence[tuple[str, str]],
    progress: Progress | None,
    held: Held,
    witnesses: int,
) -> Report:
    """The trace explained, and judged on its explanations as well."""
    try:
        exact, _ = exactly(trace)  # a rounded timestamp may be of another ms
        order = timeline(exact)
    except Unclear as error:
        return _unexplained(trace, asked, fences, f"not explained: {error}", held, witnesses)
    silent = silent_in(trace, order)
    order = replace(
        order,
        mode_text=order.mode_text or untold_mode(trace, order, silent),
        denied=denied_by_logs(trace, order, silent),
        steady=steady(trace, order, silent),
        tells_syncs=tells_syncs(trace, order, silent),
        tells_attempts=tells_attempts(trace, order, silent),
    )
    own = [specs.named(name) for name in asked if name not in NAMES]
    open_: dict[str, None] = {}

    @cache
    def other_times() -> tuple[Timeline, str] | None:
        return at_other_times(order, trace.clocks)

    def loosened(tried: Tried) -> Timeline | None:
        other = other_times() if rests_on_times(tried, order) else None
        return other and other[0]

    def try_(names: Sequence[str]) -> list[Tried]:
        found = try_fences(order, names, progress, held, dropped, own, loosened)
        return [_whatever_the_offsets(each, other_times, open_, trace.clocks) for each in found]

    tried = try_(fences)
    told, judging = recognise(trace.versions), tried
    denied: tuple[str, ...] = ()
    if not order.contradicted and all(each.verdict.conforms is False for each in tried):
        more = try_(others)
        # what a server did is not judged under a build that its own words deny
        judging = tried if told.evidence else [*tried, *more]
        tried = [*tried, *more]
        if told.evidence and (fitting := [each.verdict.fence for each in more if each.verdict.conforms]):
            denied = (f"{' and '.join(fitting)}: the logs have words of other builds",)
    tried = [by_its_clocks(each, order, trace.clocks) for each in tried]
    judging = tried[: len(judging)]
    found = [_judged(name, trace, order, judging, silent, held, witnesses) for name in asked]
    return Report(
        trace.sources,
        trace.settings,
        tuple(found),
        tuple(each.verdict for each in tried),
        (
            *_retold(trace),
            *_notes(order, tried, told, trace.clocks, [*open_]),
            *denied,
            *cut_sources(trace, order),
        ),
        told,
        trace.clocks,
    )


def _whatever_the_offsets(
    tried: Tried,
    other_times: Callable[[], tuple[Timeline, str] | None],
    open_: dict[str, None],
    clocks: Clocks,
) -> Tried:
    """A fence that was tried; what refutes it by times must do so however far clocks may be apart.

    If it does not, ``open_`` gets the clock that wrote what is not explained, if that shows another time, or
    that of which least is known; so it does where a limit left open whether it is refuted.
    """
    loosely = tried.verdict.conforms is False and tried.anyhow is False
    if not (loosely or cut_short(tried)) or (other := other_times()) is None:
        return tried
    clock = in_doubt(tried.verdict, clocks) or other[1]
    open_[clock] = None
    if not loosely:
        return tried
    note = f"{tried.verdict.note}, if clocks are as estimated: {clock}"
    return replace(tried, verdict=replace(tried.verdict, conforms=None, note=note))


def _unexplained(
    trace: Trace, asked: Sequence[str], fences: Sequence[str], why: str, held: Held, witnesses: int
) -> Report:
    """What the observations tell by themselves."""
    return Report(
        trace.sources,
        trace.settings,
        tuple(
            _exact(name, trace, held, witnesses)
            if name in PROPERTIES
            else Judgement(name, "unknown", note=why)
            for name in asked
        ),
        tuple(undecided(name, why) for name in dict.fromkeys(fences)),
        _retold(trace),
        recognise(trace.versions),
        trace.clocks,
    )


def _exact(name: str, trace: Trace, held: Held, witnesses: int) -> Judgement:
    """A property that the observations tell."""
    with held:
        return _as_written(judge(trace, [name], witnesses=witnesses)[0], trace)
    return Judgement(name, "unknown", note=FAULT)


def _judged(
    name: str,
    trace: Trace,
    order: Timeline,
    tried: Sequence[Tried],
    silent: Sequence[str],
    held: Held,
    witnesses: int,
) -> Judgement:
    """A property, on the observations if they tell, else on the explanations."""
    if name in PROPERTIES:
        return _exact(name, trace, held, witnesses)
    if name not in NAMES and specs.named(name).compares_grants:
        return Judgement(name, "unknown", note="it compares grants: only a run file remembers one")
    with held:
        judgement = judged_on_explanations(name, order, tried, silent, unread_in(trace), witnesses)
        return _as_written(judgement, trace)
    return Judgement(name, "unknown", note=FAULT)


def _as_written(judgement: Judgement, trace: Trace) -> Judgement:
    """A judgement whose witnesses have their times as they are written."""
    if judgement.witness is None:
        return judgement

    def pair(seen: Pair) -> Pair:
        one, other = (as_written(each, trace.clocks) for each in seen)
        return one, other

    return replace(
        judgement, witness=pair(judgement.witness), witnesses=tuple(map(pair, judgement.witnesses))
    )


def _retold(trace: Trace) -> tuple[str, ...]:
    """What is to be said of calls that stand in the files more than once."""
    return tuple(filter(None, (str(trace.retold),)))


def _notes(
    order: Timeline, tried: Sequence[Tried], build: Recognised, clocks: Clocks, open_: Sequence[str]
) -> tuple[str, ...]:
    """What was taken for granted, what was left out, and what would decide between fences."""
    notes = [
        *clocks.back.values(),
        *(f"clocks are apart: {clock}" for clock in clocks.doubtful()),
        *(
            f"clocks may be apart: {clock}"
            for clock in clocks.suspect()
            if any(each.verdict.conforms is None for each in tried) and str(clock) not in open_
        ),
        *(f"clocks may be apart: {clock}" for clock in open_),
        *order.assumed,
    ]
    if order.late:
        notes.append("the watch began late: what etcd held before is one of the states that fit")
    if order.begins:
        shown = "an explanation that begins with it is shown, if there is one"
        notes.append(f"what etcd held at revision {order.begins.revision} was read: {shown}")
    if order.gap_text:
        notes.append(f"{order.gap_text}: taken to be of other keys as far as the trace was explained")
    notes += [f"{NOT_USED}{count} {what}" for what, count in order.unused.items()]
    fitting = [each.verdict.fence for each in tried if each.verdict.conforms]
    if len(fitting) > 1:
        release = [] if build.evidence else ["a server's log from its start, which says its release"]
        missing = release + [
            text
            for kind, text in ((LogEvent, "the servers' logs"), (Granted, "client samples"))
            if not any(isinstance(one.what, kind) for one in order.seen)
        ]
        decides = f"; {' and '.join(missing)} may decide between them" if missing else ""
        notes.append(f"{' and '.join(fitting)} explain the trace{decides}")
    return tuple(notes)

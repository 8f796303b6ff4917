"""What the page of a recording shows: one time axis, servers, etcd's keys, clients, and what went wrong.

Times are those of the clocks that wrote them, which are taken to agree; those of etcd's events are estimated
(`spans.times_of`). Units: ns since 1970.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from ..explain.replay import Report
from ..output.terminal import clean
from ..sources.naming import Places
from ..sources.observation import NS_PER_MS, Call, Key, LogEvent, LogStep, Observation, Service
from ..sources.trace import Trace
from ..story.explained import Explained, asked_of, first_explanation
from ..story.stopped import why_it_stops
from . import blame, spans
from .blame import Fault, Said
from .flagged import Flagged, Pair
from .happened import ADMIN, FAULTS, Happened, happened, observed
from .spans import Save, Span
from .wording import clock, short

#: errors that follow each other within this are one, where there are many
_TOGETHER_NS = 1_000_000_000
#: so many duplicates stand alone
_ALONE = 100
#: a client that waits longer than this for an answer, while it asks, is shown as being without
_WITHOUT_NS = 300 * NS_PER_MS
#: an answer names so many places
_EVIDENCE = 3
#: of what happened, so many rows are told
_MOST_ROWS = 1_500


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment: ``kind`` is ``save``, ``refused``, ``admin`` or ``fault``."""

    at: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Lead:
    """How far something was ahead of the clock at a moment; both in ns."""

    at: int
    ahead: int


@dataclass(frozen=True, slots=True)
class ServerLane:
    """A server: when it was ``elected`` and ``able`` to grant, what it granted and saved by the clock.

    ``untold``: it could grant when it was last heard of, and nothing tells of later.
    """

    name: str
    kind: str
    elected: tuple[Span, ...]
    able: tuple[Span, ...]
    untold: tuple[Span, ...]
    granted: tuple[Lead, ...]
    saved: tuple[Lead, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class KeyLane:
    """A key of etcd: who stood in it."""

    name: str
    holders: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class ClientLane:
    """A client: when its calls were answered, when they failed, and when it was ``without`` answers.

    ``library``: it is of PD's library, which looks for a server that answers; others ask the one they know.
    """

    name: str
    asks: str
    answered: tuple[int, ...]
    failed: tuple[int, ...]
    without: tuple[Span, ...]
    calls: int
    library: bool


@dataclass(frozen=True, slots=True)
class Error:
    """Something that may not be: ``kind`` is ``duplicate``, ``regression``, ``save`` (beside a primary),
    ``key`` (the timestamp key goes back), or a property that is violated.

    ``count`` of them from ``at`` to ``until``; ``calls``: the two, or other observations, that show it.
    """

    number: int
    kind: str
    at: int
    until: int
    count: int
    text: str
    clients: tuple[str, ...]
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Errors:
    """All errors of a kind, by time, and in how many places the recording has them."""

    kind: str
    count: int
    places: tuple[Error, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a property or a fence, in words."""

    name: str
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class Incident:
    """All of it; ``said``: the first cause, in sentences whose parts name moments."""

    title: str
    facts: tuple[str, ...]
    start: int
    end: int
    servers: tuple[ServerLane, ...]
    keys: tuple[KeyLane, ...]
    saves: tuple[Save, ...]
    clients: tuple[ClientLane, ...]
    errors: tuple[Error, ...]
    said: tuple[Said, ...]
    verdicts: tuple[Verdict, ...]
    fences: tuple[Verdict, ...]
    asked: tuple[Verdict, ...]
    happened: tuple[Happened, ...]
    left_out: int
    flagged: Flagged

    def offset(self, at: int) -> float:
        """A moment in ms from the start, cut to the microsecond."""
        return (at - self.start) // 1000 / 1000

    @property
    def by_kind(self) -> Iterator[Errors]:
        """The errors of each kind, the kind that came first before the others."""
        for kind in dict.fromkeys(error.kind for error in self.errors):
            own = tuple(error for error in self.errors if error.kind == kind)
            yield Errors(kind, sum(error.count for error in own), own)

    @property
    def judged(self) -> bool:
        """Is anything known of any property?"""
        return any(each.verdict in ("holds", "violated") for each in self.verdicts)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The properties and fences of which nothing is known."""
        return tuple(each.name for each in (*self.verdicts, *self.fences) if each.verdict == "unknown")


def incident(trace: Trace, report: Report) -> Incident:
    """What there is to show of a recording and of what replay found in it."""
    facts = blame.facts(trace, report)
    explained = first_explanation(report)
    key_lanes = tuple(KeyLane(key.value, holders) for key, holders in facts.holders.items())
    elected = facts.elected
    rows = happened(trace, facts.times, facts.saves, explained)
    servers = tuple(_servers(trace, facts.answers, elected, facts.saves, explained, facts.end))
    places = Places(trace)
    return Incident(
        _title(trace),
        tuple(_facts(trace, report)),
        facts.start,
        facts.end,
        servers,
        tuple(lane for lane in key_lanes if lane.holders),
        facts.saves,
        tuple(_clients([call for call in trace.calls if call.timed], places)),
        tuple(_errors(facts.found, facts, places)),
        tuple(blame.told(facts)),
        tuple(map(_judged, report.properties)),
        tuple(_fences(report)),
        tuple(_asked(trace, report, explained)),
        tuple(rows[:_MOST_ROWS]),
        max(0, len(rows) - _MOST_ROWS),
        facts.found,
    )


def _title(trace: Trace) -> str:
    folder = Path(trace.sources[0].file).parent.name if trace.sources else ""
    return clean(f"Recording {folder}".strip())


def _facts(trace: Trace, report: Report) -> Iterator[str]:
    read = [source for source in trace.sources if source.observations]
    counts = f"{len(trace.keys)} events of etcd, {len(trace.logs)} log lines, {len(trace.calls)} calls"
    yield f"{counts} in {len(read)} file{'s' * (len(read) != 1)}"
    yield from _clocks(trace)
    if known := Places(trace).by_server():
        yield clean("servers: " + ", ".join(f"{name} = {' '.join(urls)}" for name, urls in known.items()))
    builds = " or ".join(report.build.names) if report.build.evidence else ""
    why = report.build.why
    for source in trace.sources:
        why = why.replace(source.file, Path(source.file).name)
    yield f"build {builds or 'unknown'} ({clean(why)})"
    for source in trace.sources:
        if source.unread is not None or not source.whole:
            yield clean(f"{Path(source.file).name} was not read whole: {'; '.join(source.reasons)}")
    yield from map(clean, report.notes)


def _clocks(trace: Trace) -> Iterator[str]:
    """Which times were moved, and by how much."""
    moved = [clock for clock in trace.clocks.clocks if clock.moved_ns]
    if not moved:
        yield "the clocks of servers, clients and the recorder are taken to agree"
        return
    told = (f"{clock.name} by {-clock.moved_ns / NS_PER_MS:+,.0f} ms" for clock in moved)
    yield clean(f"all times are on one clock, for which these were moved: {', '.join(told)}")


# --- lanes -------------------------------------------------------------------------------------------


def _servers(
    trace: Trace,
    answers: Mapping[str, Sequence[Call]],
    elected: Sequence[Span],
    saves: Sequence[Save],
    explained: Explained,
    end: int,
) -> Iterator[ServerLane]:
    crashes = [each for each in explained.faults if each.transition == "crash"]
    able = spans.able(trace, elected, crashes, end)
    lines: defaultdict[str, list[LogEvent]] = defaultdict(list)
    for line in trace.logs:
        lines[line.server].append(line)
    tso = {line.server for line in trace.logs if line.service is Service.TSO}
    tso |= {event.server for event in trace.keys if event.key is Key.PRIMARY and event.server}
    names = dict.fromkeys((*(span.what for span in elected), *lines, *answers))
    for name in sorted(names, key=lambda name: (name in tso, name)):
        own = [save for save in saves if save.writers == (name,)]
        supposed = [
            Mark(each.at, "fault", f"{each.text}, as explained under {explained.under}")
            for each in explained.faults
            if each.server == name
        ]
        heard = max(
            (
                *(line.at_ns for line in lines[name]),
                *(call.end_ns for call in answers.get(name, ())),
                *(save.at for save in own),
            ),
            default=0,
        )
        shown, untold = spans.told_until(able.get(name, ()), heard)
        yield ServerLane(
            short(name),
            "TSO server" if name in tso else "PD",
            tuple(span for span in elected if span.what == name),
            shown or tuple(spans.answering(answers.get(name, []))),
            untold,
            tuple(
                Lead(call.end_ns, call.physical * NS_PER_MS - call.end_ns) for call in answers.get(name, ())
            ),
            tuple(Lead(save.at, (save.value or 0) - save.at) for save in own if save.value),
            tuple(sorted((*_once(_marks(lines[name])), *map(_saved, own), *supposed), key=attrgetter("at"))),
        )


def _saved(save: Save) -> Mark:
    value = "key deleted" if save.value is None else f"window up to {clock(save.value)}"
    return Mark(save.at, "save", f"revision {save.event.revision}: {value}")


def _once(marks: Iterable[Mark]) -> Iterator[Mark]:
    """What a server says again and again is marked where it begins; each refusal stands."""
    last: dict[str, str] = {}
    for mark in marks:
        if mark.kind == "refused" or last.get(mark.kind) != mark.text:
            yield mark
        last[mark.kind] = mark.text


def _marks(lines: Iterable[LogEvent]) -> Iterator[Mark]:
    for line in lines:
        text = clean(f"{line.step.value} {line.text}".strip())
        if line.step is LogStep.SAVE_REFUSED:
            why = line.refusal.value if line.refusal else ""
            yield Mark(line.at_ns, "refused", f"save refused: {why}")
        elif line.step in ADMIN:
            yield Mark(line.at_ns, "admin", text)
        elif line.step in FAULTS:
            yield Mark(line.at_ns, "fault", text)


def _clients(calls: Sequence[Call], places: Places) -> Iterator[ClientLane]:
    of: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        of[call.client].append(call)
    for name, own in sorted(of.items()):
        answered = sorted(call.end_ns for call in own if call.error is None)
        asks = dict.fromkeys(call.endpoint for call in own if call.endpoint)
        first, last = own[0].start_ns, max(call.end_ns for call in own)
        silent = pairwise((first, *answered, last))
        yield ClientLane(
            clean(name),
            ", ".join(clean(places.of(endpoint)) for endpoint in list(asks)[:3]),
            tuple(answered),
            tuple(sorted(call.end_ns for call in own if call.error is not None)),
            tuple(Span("without", since, until) for since, until in silent if until - since > _WITHOUT_NS),
            len(own),
            any(call.kind == "lib" for call in own),
        )


# --- what went wrong ------------------------------------------------------------------------------------


def _errors(found: Flagged, facts: Fault, places: Places) -> Iterator[Error]:
    """By time: duplicates (alone, if there are few), regressions in a row, saves, the key going back."""
    told: list[Error] = []
    alone = len(found.twice) <= _ALONE
    for kind, pairs, apart in (("duplicate", found.twice, alone), ("regression", found.back, False)):
        for group in _grouped(pairs, 0 if apart else _TOGETHER_NS):
            worst = max(group, key=lambda pair: pair.back_ms)
            clients = tuple(
                dict.fromkeys(clean(call.client) for pair in group for call in (pair.later, pair.earlier))
            )
            told.append(
                Error(
                    0,
                    kind,
                    group[0].later.end_ns,
                    group[-1].later.end_ns,
                    len(group),
                    _text(kind, group, worst),
                    clients,
                    (call_text(worst.earlier, places), call_text(worst.later, places)),
                )
            )
    for save, primary in blame.beside(facts):
        who = " or ".join(map(short, save.writers))
        text = f"{who} saves revision {save.event.revision} while {short(primary.what)} is TSO primary"
        told.append(Error(0, "save", save.at, save.at, 1, text, ()))
    for save in facts.saves:
        if save.back:
            text = f"the timestamp key goes back at revision {save.event.revision}"
            told.append(Error(0, "key", save.at, save.at, 1, text, ()))
    told += _violated(facts.report, {each.kind for each in told}, places)
    told.sort(key=attrgetter("at"))
    for number, error in enumerate(told, 1):
        yield Error(
            number, error.kind, error.at, error.until, error.count, error.text, error.clients, error.calls
        )


#: the property that an error of a kind violates
_PROPERTY = {
    "duplicate": "unique",
    "regression": "real-time",
    "save": "single-writer",
    "key": "key-monotone",
}
_BROKEN = {
    "window": "a call got a timestamp beyond the saved window",
    "session": "a client of PD's library saw its timestamps go back",
    "one-live": "two servers are able to grant at once",
    "two-of-a-kind": "two servers of a kind are able to grant at once",
    "availability": "a client of PD's library got no timestamp while a server answered others",
}


def _violated(report: Report, kinds: Collection[str], places: Places) -> Iterator[Error]:
    """What is violated and has no place of its own yet, where it is known when."""
    placed = {_PROPERTY[kind] for kind in kinds}
    for each in report.properties:
        if each.verdict != "violated" or each.property in placed or each.from_ns is None:
            continue
        pair = each.witness or ()
        yield Error(
            0,
            each.property,
            each.from_ns,
            each.from_ns if each.to_ns is None else each.to_ns,
            max(each.count, 1),
            _BROKEN.get(each.property, f"{each.property} is violated")
            + (f", {each.count} times" if each.count > 1 else ""),
            tuple(clean(one.client) for one in reversed(pair) if isinstance(one, Call)),
            tuple(dict.fromkeys(_observed(one, places) for one in pair)),
        )


def _observed(one: Observation, places: Places) -> str:
    return call_text(one, places) if isinstance(one, Call) else observed(one)


def _grouped(pairs: Sequence[Pair], within: int) -> Iterator[list[Pair]]:
    group: list[Pair] = []
    for pair in pairs:
        if group and (not within or pair.later.end_ns - group[-1].later.end_ns > within):
            yield group
            group = []
        group.append(pair)
    if group:
        yield group


def _text(kind: str, group: Sequence[Pair], worst: Pair) -> str:
    if kind == "duplicate":
        many = f"{len(group)} pairs of calls got the same timestamp; one" if len(group) > 1 else "two calls"
        return f"{many} of {clean(worst.earlier.client)} and {clean(worst.later.client)}" + (
            " got the same timestamp" if len(group) == 1 else ""
        )
    many = f"{len(group)} call{'s' * (len(group) > 1)} that started after another was answered got"
    return f"{many} {f'less, up to {worst.back_ms} ms back' if worst.back_ms else 'no larger timestamp'}"


def call_text(call: Call, places: Places) -> str:
    """A call and its answer, on one line."""
    own = f"{call.logical - call.count + 1} to {call.logical}" if call.count > 1 else f"{call.logical}"
    at = f" at {places.of(call.endpoint)}" if call.endpoint else ""
    start, end = clock(call.start_ns), clock(call.end_ns)
    when = f"answered at {end}" if call.untold_start else f"{start} to {end}"
    when = f"asked at {start}" if call.untold_end else when
    where = f"{Path(call.file).name}:{call.line}"
    return clean(f"{call.client}{at} got ({call.physical}, {own}), {when} [{where}]")


# --- words --------------------------------------------------------------------------------------------


def _judged(judgement: object) -> Verdict:
    name, verdict, count, worst, note = (
        getattr(judgement, each) for each in ("property", "verdict", "count", "worst_ms", "note")
    )
    parts = [f"{count}" if count else "", "" if worst is None else f"worst {worst} ms", note]
    return Verdict(name, verdict, clean("; ".join(filter(None, parts))))


def _asked(trace: Trace, report: Report, explained: Explained) -> Iterator[Verdict]:
    """What people ask, and the answers; what asks why or who has no yes or no."""
    for each in asked_of(trace, report, explained).answers:
        says_who = each.question.startswith(("why", "who")) and each.verdict != "unknown"
        evidence = ", ".join(f"{Path(place.file).name}:{place.line}" for place in each.evidence[:_EVIDENCE])
        yield Verdict(
            clean(each.question[0].upper() + each.question[1:]),
            "" if says_who else each.verdict,
            clean(f"{each.text}.{f' [{evidence}]' if evidence else ''}"),
        )


def _fences(report: Report) -> Iterator[Verdict]:
    for each in report.fences:
        verdict = "unknown" if each.conforms is None else "conforms" if each.conforms else "does not conform"
        stop = each.stopped_at
        at = "" if stop is None else f"stopped at {Path(stop.file).name}:{stop.line}"
        why = why_it_stops(each) if each.conforms is False else ""
        yield Verdict(each.fence, verdict, clean("; ".join(filter(None, [each.note, at, why]))))

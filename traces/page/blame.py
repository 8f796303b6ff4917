"""The first cause of what went wrong in a recording, in sentences whose parts name moments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from operator import attrgetter
from pathlib import Path

from ..explain.replay import Report
from ..output.terminal import clean
from ..sources.naming import Places
from ..sources.observation import NS_PER_MS, Call, Key, LogEvent, LogStep, Refusal
from ..sources.servers import Servers, Unclear
from ..sources.trace import Trace
from ..story.explained import first_explanation
from . import spans
from .flagged import Flagged, Pair, flagged
from .spans import Save, Span, certainly_answering, together
from .wording import clock, short


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a sentence; ``at``: the moment that it names (ns), if it names one."""

    text: str
    at: int | None = None


#: of clients, so many are named
_FEW = 6
#: a sentence, its pieces one after the other
Said = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is known of a recording: the saves, calls that may not be, who was elected, who answered.

    ``start``, ``end``: the time that it is about (ns); ``times``: about when each event of etcd happened, by
    revision and path; ``holders``: who stood in each key; ``answers``: by server, the answered calls of
    clients that asked it by its address.
    """

    trace: Trace
    report: Report
    start: int
    end: int
    times: Mapping[tuple[int, str], int]
    holders: Mapping[Key, tuple[Span, ...]]
    saves: tuple[Save, ...]
    found: Flagged
    answers: Mapping[str, Sequence[Call]]

    @property
    def primaries(self) -> Sequence[Span]:
        """Who was TSO primary."""
        return self.holders[Key.PRIMARY]

    @property
    def elected(self) -> Sequence[Span]:
        """Who was PD leader or TSO primary, by when that began."""
        return sorted((*self.holders[Key.LEADER], *self.primaries), key=attrgetter("since"))

    def violated(self, name: str) -> bool:
        """Was a property found to be violated?"""
        return any(each.property == name and each.verdict == "violated" for each in self.report.properties)


def facts(trace: Trace, report: Report) -> Fault:
    """What is known of a recording and of what replay found in it."""
    times = spans.times_of(trace)
    calls = [call for call in trace.calls if call.timed]
    moments = [*times.values(), *(line.at_ns for line in trace.logs)]
    told = [each for call in calls for each in (call.started, call.ended) if each is not None]
    moments += [min(told, default=0), max(told, default=0)]
    start, end = _within([each for each in moments if each] or [0])
    holders = {
        key: spans.holders(trace, key, times, end) for key in (Key.LEADER, Key.PRIMARY, Key.EXPECTED_PRIMARY)
    }
    elected = sorted((*holders[Key.LEADER], *holders[Key.PRIMARY]), key=attrgetter("since"))
    saves = spans.saves(trace, first_explanation(report).writers, times, elected)
    found = flagged(trace)
    return Fault(trace, report, start, end, times, holders, saves, found, _answers(trace, calls))


def _within(moments: Sequence[int]) -> tuple[int, int]:
    """The time axis, with a little room at both ends; it begins with a millisecond."""
    low, high = min(moments), max(moments)
    room = max((high - low) // 100, NS_PER_MS)
    return (low - room) // NS_PER_MS * NS_PER_MS, high + room


def _answers(trace: Trace, calls: Iterable[Call]) -> dict[str, list[Call]]:
    """By server, the answered calls of clients that asked it by its address."""
    try:
        servers = Servers(trace)
    except Unclear:
        return {}
    found: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        number = servers.at(call.kind, call.endpoint) if call.error is None else 0
        if number and not servers.in_api_mode(number, call.end_ns):
            found[servers.names[number - 1]].append(call)
    return found


def told(fault: Fault) -> Iterator[Said]:
    """What happened, then why: the save that nothing refused, or who answered from memory."""
    yield from _counts(fault)
    yield from _key_back(fault)
    first = next(beside(fault), None)
    if first is not None:
        yield from _save_beside(fault, *first)
    yield from _stale_load(fault)
    yield from _both_answered(fault)
    yield from _outage(fault)
    yield from _otherwise_violated(fault)
    yield from _refuted(fault)


def _when(ns: int) -> Word:
    return Word(clock(ns), ns)


def _counts(fault: Fault) -> Iterator[Said]:
    """Who got what, how often and from when until when."""
    count = next((each.count for each in fault.report.properties if each.property == "unique"), 0)
    if fault.found.twice and count:
        yield (
            Word(f"{count} pair{'s' * (count > 1)} of calls got the same timestamp, "),
            *_range(fault.found.twice),
            Word(f": {_whose(fault, fault.found.twice)}."),
        )
    if fault.found.back and fault.violated("real-time"):
        many = len(fault.found.back)
        worst = max(fault.found.back, key=lambda pair: pair.back_ms)
        yield (
            Word(
                f"{many} call{'s' * (many > 1)} got no larger timestamp than one that had ended before, "
                if worst.back_ms == 0
                else f"{many} call{'s' * (many > 1)} got less than one that had ended before, "
            ),
            *_range(fault.found.back),
            *_worst(worst, many),
            Word(f": {_whose(fault, fault.found.back)}."),
        )


def _range(pairs: Sequence[Pair]) -> Iterator[Word]:
    """When they ended."""
    first, last = (_when(pair.later.end_ns) for pair in (pairs[0], pairs[-1]))
    yield from (Word("at "), first) if first.text == last.text else (Word("from "), first, Word(" to "), last)


def _worst(worst: Pair, many: int) -> Iterator[Word]:
    """By how much, if the physical part went back."""
    if worst.back_ms:
        yield Word(f", up to {worst.back_ms} ms back")
        if many > 1:
            yield from (Word(" (at "), _when(worst.later.end_ns), Word(")"))


def _whose(fault: Fault, pairs: Sequence[Pair]) -> str:
    """Which clients got them, and whom they had asked, as far as that is known."""
    places = Places(fault.trace)
    asked: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for call in (call for pair in pairs for call in (pair.earlier, pair.later)):
        server = places.of(call.endpoint) if call.endpoint else ""
        asked["" if server == call.client else server][clean(call.client)] = None
    told = [
        f"client{'s' * (len(names) > 1)} {_few(sorted(names))}" + (f" of {clean(server)}" if server else "")
        for server, names in asked.items()
    ]
    return _few(told)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")


def _key_back(fault: Fault) -> Iterator[Said]:
    back = [save for save in fault.saves if save.back]
    if back and fault.violated("key-monotone"):
        who = " or ".join(map(short, back[0].writers)) or "somebody"
        yield (
            Word(f"The timestamp key first goes back at revision {back[0].event.revision}, at "),
            _when(back[0].at),
            Word(f", in a save of {who}."),
        )


def beside(fault: Fault) -> Iterator[tuple[Save, Span]]:
    """The saves of another server than the TSO primary, while there was one; only if that may not be."""
    if not fault.violated("single-writer"):
        return
    for save in fault.saves:
        for span in fault.primaries:
            known = len(save.writers) == 1
            if known and span.since < save.at < span.until and span.what not in save.writers:
                yield save, span


def _save_beside(fault: Fault, save: Save, primary: Span) -> Iterator[Said]:
    (who,) = save.writers
    yield (
        Word(f"{short(who)} saved a window (revision {save.event.revision}) at "),
        _when(save.at),
        Word(f" although {short(primary.what)} was TSO primary since "),
        _when(primary.since),
        Word(f" (revision {primary.revision})."),
    )
    refusals = [
        line
        for line in fault.trace.logs
        if line.server == who and line.step is LogStep.SAVE_REFUSED and primary.since <= line.at_ns <= save.at
    ]
    if not refusals:
        yield (Word(f"No line of {short(who)} tells that anything refused a save of it in between."),)
        return
    yield (
        Word(f"In between its save was refused {_times(len(refusals))}, first at "),
        _when(refusals[0].at_ns),
        Word(f": {_reasons(refusals)}; the next one went through."),
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _reasons(lines: Sequence[LogEvent]) -> str:
    refusals = dict.fromkeys((line.refusal or Refusal.OTHER).value for line in lines)
    return ", ".join(refusals)


def _stale_load(fault: Fault) -> Iterator[Said]:
    """Of the first timestamp granted twice: a sync that went on from a window that others had passed."""
    if not fault.found.twice:
        return
    pair = fault.found.twice[0]
    for server, calls in fault.answers.items():
        granted = [call for call in (pair.later, pair.earlier) if call in calls]
        own = [
            save
            for save in fault.saves
            if granted and save.writers == (server,) and save.at <= granted[0].end_ns
        ]
        if not own:
            continue
        loaded = _loaded(fault, server, own)
        if loaded is None:
            continue
        passed = fault.saves[fault.saves.index(loaded) + 1 : fault.saves.index(own[-1])]
        if not passed:
            continue
        last, who = passed[-1], " or ".join(map(short, passed[-1].writers)) or "somebody"
        yield (
            Word(
                f"{short(server)} went on from the window of revision {loaded.event.revision}, which it had "
                f"loaded, and saved revision {own[-1].event.revision} at "
            ),
            _when(own[-1].at),
            Word(f"; before that, {who} had saved revision {last.event.revision} at "),
            _when(last.at),
            Word(". A save is only asked to move the window on."),
        )


def _loaded(fault: Fault, server: str, own: Sequence[Save]) -> Save | None:
    """The save whose window a server had loaded for the last of its own, as its log tells."""
    lines = [line for line in fault.trace.logs if line.server == server and line.step in _OF_A_SYNC]
    loads = [
        line
        for line, ended in pairwise(lines)
        if line.step is LogStep.WINDOW_LOADED
        and ended.step is LogStep.SYNC_SAVED
        and line.at_ns <= own[-1].at
    ]
    if not loads or any(save.at > loads[-1].at_ns for save in own[:-1]):
        return None
    value = (loads[-1].last_ns or 0) // NS_PER_MS
    before = fault.saves[: fault.saves.index(own[-1])]
    return next((each for each in before if (each.value or 0) // NS_PER_MS == value), None)


def _both_answered(fault: Fault) -> Iterator[Said]:
    """For each two servers, the first time in which both answered, if it is told that this may not be.

    A call was answered at some moment while it ran: both certainly answered only from the end of one call on,
    and up to the start of another.
    """
    if not any(map(fault.violated, _BESIDE)):
        return
    periods = {server: certainly_answering(calls) for server, calls in fault.answers.items()}
    for one, other in combinations(sorted(periods), 2):
        shared = list(together(periods[one], periods[other]))
        if not shared:
            continue
        since, until = shared[0]
        yield (
            Word(f"{short(one)} and {short(other)} both answered clients from "),
            _when(since),
            Word(" to "),
            _when(until),
            Word(f" ({(until - since) // NS_PER_MS} ms)." + _again(len(shared) - 1)),
        )
        yield from _from_memory(fault, (one, other), since)
        yield from _refused_after(fault, since, until)


def _from_memory(fault: Fault, servers: tuple[str, str], since: int) -> Iterator[Said]:
    """Of two that both answered, the one that was elected first: it still had a window."""
    begun = [_elected(fault, server, since) for server in servers]
    if begun[0] is None or begun[1] is None:
        return
    old, new = sorted((begun[0], begun[1]), key=attrgetter("since"))
    own = [save for save in fault.saves if save.writers == (old.what,) and save.value is not None]
    before = [save for save in own if save.at <= new.since]
    if old.since == new.since or not before or (before[-1].value or 0) <= since:
        return
    window = before[-1]
    next_ = min(
        (
            *(save.at for save in own if save.at > since),
            *(
                line.at_ns
                for line in fault.trace.logs
                if line.server == old.what and line.step is LogStep.SAVE_REFUSED and line.at_ns > since
            ),
        ),
        default=None,
    )
    yield (
        Word(f"{short(old.what)} granted from its memory: it had saved revision {window.event.revision} at "),
        _when(window.at),
        Word(", a window up to "),
        _when(window.value or 0),
        Word(f", before {short(new.what)} was elected at "),
        _when(new.since),
        Word("; nothing is checked again before its next save"),
        *(() if next_ is None else (Word(", at "), _when(next_))),
        Word("."),
    )


def _elected(fault: Fault, server: str, at: int) -> Span | None:
    """The term in which a server is at a moment."""
    terms = (span for span in fault.elected if span.what == server)
    return next((span for span in terms if span.since <= at <= span.until), None)


def _again(more: int) -> str:
    return f" Later they did so {_times(more)} more." if more else ""


def _refused_after(fault: Fault, since: int, until: int) -> Iterator[Said]:
    """What ended it: a save that the fence refused."""
    for line in fault.trace.logs:
        fenced = line.step is LogStep.SAVE_REFUSED and line.refusal is Refusal.FENCE
        if fenced and since <= line.at_ns <= until + 1_000 * NS_PER_MS:
            yield (
                Word(f"{short(line.server)} answered from memory until its next save, which was refused at "),
                _when(line.at_ns),
                Word(f": {Refusal.FENCE.value}."),
            )
            return


def _outage(fault: Fault) -> Iterator[Said]:
    for each in fault.report.properties:
        if each.property == "availability" and each.verdict == "violated" and each.from_ns and each.to_ns:
            yield (
                Word("A client of PD's library got no timestamp from "),
                _when(each.from_ns),
                Word(" to "),
                _when(each.to_ns),
                Word(f" ({each.worst_ms} ms) while a TSO server answered others."),
            )


#: what a log tells of a sync: that it has read the timestamp key, and how it ended
_OF_A_SYNC = (LogStep.WINDOW_LOADED, LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED)
#: those that two servers break that answer at once
_BESIDE = ("one-live", "two-of-a-kind", "unique", "real-time", "session")
#: the properties of which the sentences above tell
_TOLD = ("key-monotone", "single-writer", "one-live", "availability")


def _otherwise_violated(fault: Fault) -> Iterator[Said]:
    """What is violated and not told yet: without times, or of a property of somebody's own."""
    told = {*_TOLD, *(["unique"] if fault.found.twice else []), *(["real-time"] if fault.found.back else [])}
    for each in fault.report.properties:
        if each.verdict == "violated" and each.property not in told:
            count = f", {each.count} times" if each.count > 1 else ""
            since = () if each.from_ns is None else (Word(", first at "), _when(each.from_ns))
            yield Word(f"{each.property} is violated{count}"), *since, Word(".")


def _refuted(fault: Fault) -> Iterator[Said]:
    """The recording is no behaviour under any fence: something happened that nothing explains."""
    fences = fault.report.fences
    if fences and all(each.conforms is False for each in fences):
        first = fences[0]
        stop = first.stopped_at
        at = "" if stop is None else f"; the first one stops at {Path(stop.file).name}:{stop.line}"
        yield (Word(clean(f"Nothing explains it under {', '.join(each.fence for each in fences)}{at}.")),)

"""Properties judged on the observations themselves: exactly, over the whole trace, without a model.

`holds` means that nothing in the trace violates the property and that nothing known to be missing could. A
trace with calls that could not be read has no `holds` for a property of calls, but `violated` stays
`violated`, and its count is a lower bound. What was never recorded (a client without a file, a failed call's
lost answer) is not known to be missing.

Two clocks are compared in two places, and are taken to agree: clients with each other (real-time), and
clients with the recorder of the watch stream and with the servers (window).

Ranges of timestamps are compared as (physical, logical). Everything is sorting and one sweep: O(n log n).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import Literal

from ..sources.observation import LOGICAL_BITS, NS_PER_MS, Call, Key, KeyEvent, LogEvent, LogStep, Observation
from ..sources.trace import WATCHES, Kind, Trace

#: judged on calls alone: no step of a server breaks it
AVAILABILITY = "availability"
#: how long a library client may wait: twice a lease that runs out (of 3 s; etcd makes it 5 s) and an election
MAX_OUTAGE_NS = 10_000 * NS_PER_MS
#: a TSO server serves as long as raw clients get an answer that often
_ANSWERED_NS = 1_000 * NS_PER_MS

Verdict = Literal["violated", "holds", "vacuous", "unknown"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one property.

    `count`: what violates it, in the property's own unit (see the functions); for an `unknown` window, the
    calls that remain undecided. `witness`: two observations that show it, the earlier first. `worst_ms`: by
    how much the physical part went back (or beyond), at most; how long an outage lasted. `from_ns` to
    `to_ns`: the time in which it happened, on the clock of the witness's kind; `None` without a violation, or
    where no clock is known. `note`: one sentence that a reader needs beside the verdict, or empty.
    """

    property: str
    verdict: Verdict
    count: int = 0
    witness: tuple[Observation, Observation] | None = None
    worst_ms: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    note: str = ""


def judge(
    trace: Trace, properties: Iterable[str] | None = None, progress: Callable[[str], None] | None = None
) -> tuple[Judgement, ...]:
    """Judge `properties` (names in `PROPERTIES`, all of them if `None`); `progress` is called with each name.

    Raises `KeyError` for a name that is not there.
    """
    judgements = []
    for name in PROPERTIES if properties is None else properties:
        if progress:
            progress(name)
        judgements.append(PROPERTIES[name](trace))
    return tuple(judgements)


def unique(trace: Trace) -> Judgement:
    """No timestamp is granted twice. Counts pairs of calls whose ranges overlap.

    The witness is the pair with the lowest timestamp that was granted twice.
    """
    calls = _granted(trace)
    if len(calls) < 2:
        return _nothing("unique", trace, "fewer than two calls got a timestamp")
    calls.sort(key=attrgetter("first"))
    lows = [call.first for call in calls]
    highs = [call.last for call in calls]
    # Before the i-th range begins, i others have begun; those of them that have ended do not overlap it.
    ended = sorted(highs)
    count = over = 0
    for index, low in enumerate(lows):
        while ended[over] < low:
            over += 1
        count += index - over
    if not count:
        return _clean("unique", trace)
    involved: set[int] = set()
    witness: tuple[Call, Call] | None = None
    widest = 0  # the range before `index` that reaches highest
    for index in range(1, len(calls)):
        if lows[index] <= highs[widest]:
            involved |= {widest, index}
            witness = witness or (calls[widest], calls[index])
        if lows[index] <= highs[index - 1]:
            involved.add(index - 1)
        if highs[index] > highs[widest]:
            widest = index
    assert witness is not None
    earlier, later = sorted(witness, key=attrgetter("end_ns"))
    return Judgement(
        "unique",
        "violated",
        count,
        (earlier, later),
        from_ns=min(calls[index].start_ns for index in involved),
        to_ns=max(calls[index].end_ns for index in involved),
        note=_lower_bound(trace),
    )


def real_time(trace: Trace) -> Judgement:
    """A call that starts after another has ended gets greater timestamps. Counts those that did not.

    The witness is the pair whose physical part stepped back furthest.
    """
    granted = _granted(trace)
    return _in_order("real-time", trace, [granted] if granted else [])


def session(trace: Trace) -> Judgement:
    """Each client, or each worker of a client with several, sees its timestamps grow. Counts calls.

    Calls of one session that overlap in time have no order and are not compared.
    """
    sessions: defaultdict[tuple[str, int | None], list[Call]] = defaultdict(list)
    for call in _granted(trace):
        sessions[call.client, call.worker].append(call)
    return _in_order("session", trace, list(sessions.values()))


def key_monotone(trace: Trace) -> Judgement:
    """The timestamp key never goes back. Counts the writes below the highest value so far, and the deletions.

    Times are receipts. The order is etcd's own, so a violation is certain even with events missing in
    between.
    """
    top: KeyEvent | None = None
    count = 0
    worst: tuple[int, KeyEvent, KeyEvent] | None = None
    times: list[int] = []
    saves = _saves(trace)
    for event in saves:
        value = event.timestamp_ns or 0  # a key that is gone reads as the zero time
        if top is not None and value < (top.timestamp_ns or 0):
            count += 1
            times += [event.latest_ns] if event.latest_ns is not None else []
            back = (top.timestamp_ns or 0) - value
            if worst is None or back > worst[0]:
                worst = (back, top, event)
        elif event.put:
            top = event
    incomplete = not _unbroken(saves) or _watch_cut(trace, saves)
    if worst is not None:
        back, high, low = worst
        return Judgement(
            "key-monotone",
            "violated",
            count,
            (high, low),
            worst_ms=back // NS_PER_MS if low.put else None,
            from_ns=min(times, default=None),
            to_ns=max(times, default=None),
            note="there may be more: the watch streams are incomplete" if incomplete else "",
        )
    if incomplete:
        return Judgement("key-monotone", "unknown", note="writes of the timestamp key may be missing")
    if len(saves) < 2:
        return Judgement("key-monotone", "vacuous", note="fewer than two writes of the timestamp key")
    late = saves[0].version != 1
    return Judgement("key-monotone", "holds", note=f"from revision {saves[0].revision} on" if late else "")


def window(trace: Trace) -> Judgement:
    """A granted timestamp is below a window saved before, by whichever server. Counts calls.

    An `unknown` counts the undecided ones.

    A call is fine for certain if a save of a greater value (the physical part in ms against nanoseconds) was
    received, or any later event was, before the call ended: receipts bound a write from above. It is a
    violation for certain if no save that can have come before its end has a greater value. For that an event
    must be known to be written AFTER the call ended: an election, whose campaign a log dates and whose
    revision it gives; the saves below that revision, all of them (`version` counts them), are then the only
    ones that can count. Everything else is undecided: a recording alone does not tell a save that arrived
    just after the answer from one that was made just after the grant.
    """
    calls = _granted(trace)
    if not calls:
        return _nothing("window", trace, "no call got a timestamp")
    saves = _saves(trace)
    covered = _covered_since(trace, saves)
    limits = _limits(trace, saves)
    exceeded: tuple[int, Call, KeyEvent] | None = None
    undecided = 0
    beyond_window: list[Call] = []
    for call in calls:
        if covered(call.physical) <= call.end_ns:
            continue
        highest = limits(call.end_ns)
        if highest is None or (highest.timestamp_ns or 0) > call.physical * NS_PER_MS:
            undecided += 1
            continue
        beyond_window.append(call)
        beyond = call.physical - (highest.timestamp_ns or 0) // NS_PER_MS
        if exceeded is None or beyond > exceeded[0]:
            exceeded = (beyond, call, highest)
    if exceeded is not None:
        beyond, call, highest = exceeded
        note = f"{undecided} more calls are undecided" if undecided else _lower_bound(trace)
        return Judgement(
            "window",
            "violated",
            len(beyond_window),
            (highest, call),
            beyond,
            min(call.start_ns for call in beyond_window),
            max(call.end_ns for call in beyond_window),
            note,
        )
    if undecided:
        note = (
            f"{undecided} of {len(calls)} calls were answered before the save that covers them was received"
        )
        return Judgement("window", "unknown", undecided, note=note)
    return _clean("window", trace)


def availability(trace: Trace) -> Judgement:
    """No client of PD's library goes without timestamps for long while a TSO server answers others.

    A client waits from the start of the first call after its last answer to its next answer, or to the end of
    its last call. What counts of that are stretches in which raw clients of TSO servers had an answer every
    `_ANSWERED_NS`: those longer than `MAX_OUTAGE_NS`, each one once. `worst_ms` is the longest, from
    `from_ns` to `to_ns`; the witness is the last call answered before it (if none was, the first call) and
    the first after it (if none was, the last call).
    """
    asked: defaultdict[str, list[Call]] = defaultdict(list)
    for call in trace.calls:
        if call.kind == "lib":
            asked[call.client].append(call)
    if not asked:
        return _nothing(AVAILABILITY, trace, "no client of PD's library")
    served = _stretches(call.end_ns for call in _granted(trace) if call.kind == "tso")
    if not served:
        return _nothing(AVAILABILITY, trace, "no TSO server answered a client that asked it")
    outages: list[tuple[int, int, Call, Call]] = []
    for calls in asked.values():
        for begin, end, before, after in _silences(calls):
            first = bisect_right(served, begin, key=lambda stretch: stretch[1])
            for since, until in served[first:]:
                if since >= end:
                    break
                if min(until, end) - max(since, begin) > MAX_OUTAGE_NS:
                    outages.append((max(since, begin), min(until, end), before, after))
    if not outages:
        return _clean(AVAILABILITY, trace)
    since, until, before, after = max(outages, key=lambda outage: outage[1] - outage[0])
    return Judgement(
        AVAILABILITY,
        "violated",
        len(outages),
        (before, after),
        (until - since) // NS_PER_MS,
        since,
        until,
        _lower_bound(trace),
    )


def _stretches(answers: Iterable[int]) -> list[tuple[int, int]]:
    """The times in which one answer followed another within `_ANSWERED_NS`."""
    found: list[tuple[int, int]] = []
    for at in sorted(answers):
        if found and at - found[-1][1] <= _ANSWERED_NS:
            found[-1] = found[-1][0], at
        else:
            found.append((at, at))
    return found


def _silences(calls: Sequence[Call]) -> Iterator[tuple[int, int, Call, Call]]:
    """(begin, end, last call answered before, first answered after) of the times in which a client waited.

    The calls are one client's, by start.
    """
    answered = sorted((call for call in calls if call.error is None), key=attrgetter("end_ns"))
    starts = [call.start_ns for call in calls]
    last = max(calls, key=attrgetter("end_ns"))
    for before, after in pairwise((None, *answered, None)):
        begins = bisect_right(starts, before.end_ns) if before else 0
        if begins == len(calls):
            continue
        waits = calls[begins]
        end = after or last
        if waits.start_ns < end.end_ns:
            yield waits.start_ns, end.end_ns, before or calls[0], end


PROPERTIES: dict[str, Callable[[Trace], Judgement]] = {
    "key-monotone": key_monotone,
    "window": window,
    "unique": unique,
    "real-time": real_time,
    "session": session,
    AVAILABILITY: availability,
}
"""What can be judged here, by the name users give; the other properties need the model (replay)."""


def _in_order(name: str, trace: Trace, groups: Sequence[Sequence[Call]]) -> Judgement:
    """Real-time order within each group of calls; a group is not empty and sorted by start."""
    late: list[Call] = []
    compared = False
    worst: tuple[int, Call, Call] | None = None
    for calls in groups:
        by_end = sorted(calls, key=attrgetter("end_ns"))
        top, highest = by_end[0], -1  # of the calls that had ended
        ended = 0
        for call in calls:
            while by_end[ended].end_ns < call.start_ns:
                if by_end[ended].last > highest:
                    top, highest = by_end[ended], by_end[ended].last
                ended += 1
            if call.first > highest:
                continue
            late.append(call)
            back = (highest >> LOGICAL_BITS) - call.physical
            if worst is None or back > worst[0]:
                worst = (back, top, call)
        compared = compared or ended > 0
    if worst is not None:
        back, earlier, later = worst
        return Judgement(
            name,
            "violated",
            len(late),
            (earlier, later),
            back,
            min(call.start_ns for call in late),
            max(call.end_ns for call in late),
            _lower_bound(trace),
        )
    if not compared:
        return _nothing(name, trace, "no call started after another had ended")
    return _clean(name, trace)


def _granted(trace: Trace) -> list[Call]:
    return [call for call in trace.calls if call.error is None]


def _saves(trace: Trace) -> list[KeyEvent]:
    return [event for event in trace.keys if event.key is Key.TIMESTAMP]


def _higher(one: KeyEvent, other: KeyEvent) -> KeyEvent:
    return one if (one.timestamp_ns or 0) >= (other.timestamp_ns or 0) else other


def _unbroken(saves: Sequence[KeyEvent]) -> bool:
    """Whether these are all writes of the key from the first to the last of them: `version` counts them."""
    return all(
        not after.put or after.version == ((before.version or 0) if before.put else 0) + 1
        for before, after in pairwise(saves)
    )


def _covered_since(trace: Trace, saves: Sequence[KeyEvent]) -> Callable[[int], float]:
    """From which time on a physical part (ms) is certainly below a saved window; infinite if never."""
    known: dict[int, float] = {}  # revision -> when it was certainly written
    earliest = float("inf")
    for event in reversed(trace.keys):
        if event.latest_ns is not None:
            earliest = min(earliest, event.latest_ns)
        known[event.revision] = earliest
    by_value = sorted((event.timestamp_ns or 0, known[event.revision]) for event in saves if event.put)
    values = [value for value, _ in by_value]
    since = [*accumulate((time for _, time in reversed(by_value)), min, initial=float("inf"))][::-1]
    cache: dict[int, float] = {}

    def covered(physical: int) -> float:
        if physical not in cache:
            cache[physical] = since[bisect_right(values, physical * NS_PER_MS)]
        return cache[physical]

    return covered


def _limits(trace: Trace, saves: Sequence[KeyEvent]) -> Callable[[int], KeyEvent | None]:
    """The highest save that can have been made by a time; `None` if the trace does not bound it."""
    if not saves or saves[0].version != 1 or not _unbroken(saves):
        return lambda _: None
    known = trace.gaps[0].first - 1 if trace.gaps else trace.keys[-1].revision
    elections = _elections(trace.logs, known)
    times = [time for time, _ in elections]
    first_after = [*accumulate((revision for _, revision in reversed(elections)), min)][::-1]
    revisions = [save.revision for save in saves]
    highest = [*accumulate(saves, _higher)]

    def limit(end_ns: int) -> KeyEvent | None:
        index = bisect_right(times, end_ns)
        if index == len(times):
            return None
        before = bisect_right(revisions, first_after[index] - 1)
        return highest[before - 1] if before else None

    return limit


def _elections(logs: Iterable[LogEvent], last_revision: int) -> list[tuple[int, int]]:
    """(when its campaign began, revision) of the elections that the watch streams reach, by time."""
    campaign: dict[str, int] = {}
    elections = []
    for event in logs:
        if event.step is LogStep.CAMPAIGN_START:
            campaign[event.server] = event.at_ns
        elif event.step is LogStep.ELECTED and event.revision is not None and event.server in campaign:
            if event.revision <= last_revision:
                elections.append((campaign[event.server], event.revision))
            del campaign[event.server]
    return sorted(elections)


def _clean(name: str, trace: Trace) -> Judgement:
    """No violation among the calls that were read."""
    missing = _calls_missing(trace)
    return (
        Judgement(name, "unknown", note=f"no violation, but {missing}")
        if missing
        else Judgement(name, "holds")
    )


def _nothing(name: str, trace: Trace, why: str) -> Judgement:
    """Nothing among the calls that were read to which the property applies."""
    missing = _calls_missing(trace)
    return (
        Judgement(name, "unknown", note=f"{why}, but {missing}")
        if missing
        else Judgement(name, "vacuous", note=why)
    )


def _lower_bound(trace: Trace) -> str:
    missing = _calls_missing(trace)
    return f"there may be more: {missing}" if missing else ""


def _calls_missing(trace: Trace) -> str:
    """Which files have, or may have had, calls that could not be read; empty if none."""
    files = [
        source.file
        for source in trace.sources
        if (source.kind is Kind.CLIENT and not source.whole)
        or (source.kind is Kind.IGNORED and source.truncated)
    ]
    return f"not all of {', '.join(files)} could be read" if files else ""


def _watch_cut(trace: Trace, saves: Sequence[KeyEvent]) -> bool:
    """Whether saves after the last one may be missing: no stream was read to its end, or etcd went on."""
    watches = [source for source in trace.sources if source.kind in WATCHES]
    unknown = any(source.kind is Kind.IGNORED and source.truncated for source in trace.sources)
    if not any(source.whole for source in watches):
        return bool(watches) or unknown
    last = saves[-1].revision if saves else 0
    return any(gap.last > last for gap in trace.gaps)

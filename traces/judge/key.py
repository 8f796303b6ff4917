"""Properties of the timestamp key: of its writes, and of the calls that the windows saved there cover.

Where calls are compared with writes (window), the clocks of clients are taken to agree with those of the
watch stream's recorder and of the servers.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise

from ..sources.observation import NS_PER_MS, Call, Key, KeyEvent, LogEvent, LogStep
from ..sources.trace import WATCHES, Trace, Unread
from .calls import span, timed, untimed
from .judgement import Judgement, clean, lower_bound, nothing
from .judgement import undecided as left_open


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
    calls = timed(trace)
    if not calls and untimed(trace):
        return Judgement("window", "unknown", note=untimed(trace))
    if not calls:
        return nothing("window", trace, "no call got a timestamp")
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
        note = f"{undecided} more calls are undecided" if undecided else lower_bound(trace)
        return Judgement(
            "window",
            "violated",
            len(beyond_window),
            (highest, call),
            beyond,
            *span(beyond_window),
            note,
        )
    if undecided:
        note = (
            f"{undecided} of {len(calls)} calls were answered before the save that covers them was received"
        )
        return Judgement("window", "unknown", undecided, note=note)
    return left_open(clean("window", trace), untimed(trace))


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


def _watch_cut(trace: Trace, saves: Sequence[KeyEvent]) -> bool:
    """Whether saves after the last one may be missing: no stream was read to its end, or etcd went on."""
    watches = [source for source in trace.sources if source.kind in WATCHES]
    hidden = any(source.hides(Unread.WATCH) for source in trace.sources)
    if not any(source.whole for source in watches):
        return bool(watches) or hidden
    last = saves[-1].revision if saves else 0
    return any(gap.last > last for gap in trace.gaps)

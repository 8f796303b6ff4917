"""Properties of the timestamp key: of its writes, and of the calls that the windows saved there cover.

Where calls are compared with writes (window), the clocks of clients are taken to agree with those of the
watch stream's recorder and of the servers.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ..sources.observation import ELECTIONS, MAX_NS, NS_PER_MS, Call, Key, KeyEvent, LogEvent, LogStep
from ..sources.trace import WATCHES, Trace, Unread
from .calls import Span, first_highest, timed, untimed
from .judgement import Judgement, Pair, clean, exactly, lower_bound, nothing
from .judgement import undecided as left_open

#: later than any time
_NEVER = 2 * MAX_NS - 1
#: what tells of a value that etcd has; the times of lines are in whole milliseconds
_SAVED = frozenset({LogStep.SYNC_SAVED, LogStep.WINDOW_SAVED})
_LOADED = frozenset({LogStep.WINDOW_LOADED, LogStep.SYNC_SKIPPED})


def key_monotone(trace: Trace, witnesses: int = 0) -> Judgement:
    """The timestamp key never goes back. Counts the writes below the highest value so far, and the deletions.

    Times are receipts. The order is etcd's own, so a violation is certain even with events missing in
    between.
    """
    top: KeyEvent | None = None
    pairs: list[Pair] = []
    worst: tuple[int, KeyEvent, KeyEvent] | None = None
    times: list[int] = []
    saves = _saves(trace)
    for event in saves:
        value = _value(event)
        if top is not None and value < _value(top):
            pairs.append((top, event))
            times += [event.latest_ns] if event.latest_ns is not None else []
            back = _value(top) - value
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
            len(pairs),
            (high, low),
            worst_ms=back // NS_PER_MS if low.put else None,
            from_ns=min(times, default=None),
            to_ns=max(times, default=None),
            note="there may be more: the watch streams are incomplete" if incomplete else "",
            witnesses=tuple(pairs[:witnesses]),
        )
    if incomplete:
        return Judgement("key-monotone", "unknown", note="writes of the timestamp key may be missing")
    if len(saves) < 2:
        return Judgement("key-monotone", "vacuous", note="fewer than two writes of the timestamp key")
    late = saves[0].version != 1
    return Judgement("key-monotone", "holds", note=f"from revision {saves[0].revision} on" if late else "")


def window(trace: Trace, witnesses: int = 0) -> Judgement:
    """A granted timestamp is below a window saved before, by whichever server. Counts calls.

    An `unknown` counts the undecided ones.

    A call is fine for certain if a save of a greater value (the physical part in ms against nanoseconds)
    was read or received or told of in a server's log, or any later event was, before the call ended: that
    bounds a write from above. It is a violation for certain if no save that can have come before its end
    has a greater value. For that an event must be known to be written AFTER the call ended: an election,
    whose campaign a log dates and whose revision it gives; the saves below that revision, all of them
    (`version` counts them), are then the only ones that can count. Everything else is undecided: a
    recording alone does not tell a save that arrived just after the answer from one that was made just
    after the grant.
    """
    exact, rounded = exactly(trace)
    if rounded:
        certain = window(exact, witnesses)
        return certain if certain.verdict == "violated" else left_open(certain, rounded)
    saves = _saves(trace)
    covered = _covered_since(trace, saves)
    limits = _limits(trace, saves)
    saved = np.array([*map(_value, saves), 0], np.int64)
    calls = undecided = 0
    exceeded: tuple[int, Call, KeyEvent] | None = None
    beyond_window = Span()
    pairs: list[Pair] = []
    for rows in timed(trace):
        calls += len(rows)
        rows = rows.compress(covered(rows["physical"]) > rows["end"])  # noqa: PLW2901
        highest = limits(rows["end"])
        values = saved[highest]
        beyond = (highest >= 0) & (values <= rows["physical"] * NS_PER_MS)
        undecided += int(np.sum(~beyond))
        found = rows[beyond]
        beyond_window.add(found)
        room = witnesses - len(pairs)
        of = zip(highest[beyond][:room], found[:room], strict=True)
        pairs += ((saves[save], trace.calls.call(row)) for save, row in of)
        if len(found):
            by = found["physical"] - values[beyond] // NS_PER_MS
            most = int(np.argmax(by))
            if exceeded is None or by[most] > exceeded[0]:
                save = saves[highest[beyond][most]]
                exceeded = int(by[most]), trace.calls.call(found[most]), save
    if not calls:
        untold = untimed(trace)
        none = nothing("window", trace, "no call got a timestamp")
        return Judgement("window", "unknown", note=untold) if untold else none
    if exceeded is not None:
        beyond_ms, call, save = exceeded
        note = f"{undecided} more calls are undecided" if undecided else lower_bound(trace)
        return Judgement(
            "window",
            "violated",
            beyond_window.count,
            (save, call),
            beyond_ms,
            *beyond_window.told(),
            note,
            tuple(pairs),
        )
    if undecided:
        note = f"{undecided} of {calls} calls were answered before the save that covers them was received"
        if len(trace.clocks.clocks) > 1:
            note += ", as far as the clock of the watch's recorder tells"
        return Judgement("window", "unknown", undecided, note=note)
    return left_open(clean("window", trace), untimed(trace))


def _saves(trace: Trace) -> list[KeyEvent]:
    return [event for event in trace.keys if event.key is Key.TIMESTAMP]


def _value(save: KeyEvent) -> int:
    """A key that is gone reads as the zero time."""
    return save.timestamp_ns or 0


def _unbroken(saves: Sequence[KeyEvent]) -> bool:
    """Whether these are all writes of the key from the first to the last of them: `version` counts them."""
    return all(
        not after.put or after.version == ((before.version or 0) if before.put else 0) + 1
        for before, after in pairwise(saves)
    )


def _covered_since(trace: Trace, saves: Sequence[KeyEvent]) -> Callable[[Any], Any]:
    """From which times on physical parts (ms) are certainly below a saved window; `_NEVER` if never."""
    known: dict[int, int] = {}  # revision -> when it was certainly written
    told = _told(trace)
    earliest = _NEVER
    for event in reversed(trace.keys):
        if event.latest_ns is not None:
            earliest = min(earliest, event.latest_ns)
        earliest = known[event.revision] = min(earliest, told.get(event.revision, _NEVER))
    by_value = [(event.timestamp_ns or 0, known[event.revision]) for event in saves if event.put]
    for event in trace.state.events if trace.state else ():
        if event.key is Key.TIMESTAMP and event.latest_ns is not None:
            by_value.append((event.timestamp_ns or 0, min(earliest, event.latest_ns)))
    by_value.sort()
    values = np.array([value for value, _ in by_value], np.int64)
    since = np.array([*accumulate((time for _, time in reversed(by_value)), min, initial=_NEVER)][::-1])
    return lambda physical: since[np.searchsorted(values, physical * NS_PER_MS, "right")]


def _told(trace: Trace) -> dict[int, int]:
    """By revision when a log tells of it: an election that its server won, windows it saved or loaded."""
    puts = [event for event in reversed(trace.keys) if event.put]
    won = {event.revision: event.server for event in puts if event.key in ELECTIONS}
    of = {_value(save) // NS_PER_MS: save.revision for save in puts if save.key is Key.TIMESTAMP}
    told: dict[int, int] = {}
    for line in trace.logs:
        revision = None
        if line.step is LogStep.ELECTED and line.revision is not None:
            revision = line.revision if won.get(line.revision) == line.server else None
        elif value := line.save_ns if line.step in _SAVED else line.last_ns if line.step in _LOADED else None:
            revision = of.get(value // NS_PER_MS)
        if revision is not None:
            told[revision] = min(told.get(revision, _NEVER), line.at_ns + NS_PER_MS)
    return told


def _limits(trace: Trace, saves: Sequence[KeyEvent]) -> Callable[[Any], Any]:
    """Which save is the highest that can have been made by a time; -1 if the trace does not bound it."""
    if not saves or saves[0].version != 1 or not _unbroken(saves):
        return lambda ends: np.full(len(ends), -1)
    known = trace.gaps[0].first - 1 if trace.gaps else trace.keys[-1].revision
    elections = _elections(trace.logs, known)
    times = np.array([time for time, _ in elections], np.int64)
    first_after = [*accumulate((revision for _, revision in reversed(elections)), min)][::-1]
    revisions = np.array([save.revision for save in saves], np.int64)
    highest = first_highest(np.array([*map(_value, saves)], np.int64))
    # by how many elections have begun, after the last one nothing is known
    before = np.searchsorted(revisions, np.array(first_after, np.int64), "left")
    known_by = np.append(np.array([-1, *highest])[before], [-1])
    return lambda ends: known_by[np.searchsorted(times, ends, "right")]


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

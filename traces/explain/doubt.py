"""What is not certain of explanations where clocks are apart, or were set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from ..sources.intervals import goes_on
from ..sources.observation import NS_PER_MS, Key, KeyEvent
from ..sources.offsets import Clocks, Span
from .conformance import FenceVerdict, Tried
from .seen import FOREVER, LATE_NS, Granted, Seen
from .steps import NO_SUCH_STEP
from .streams import merged
from .timeline import Timeline


def by_its_clocks(tried: Tried, order: Timeline, clocks: Clocks) -> Tried:
    """A fence that was tried: what refutes it must not depend on clocks of which only bounds are known."""
    verdict, doubtful = tried.verdict, clocks.unsure()
    if verdict.conforms is not False or not doubtful or _whatever_the_clocks(tried, order):
        return tried
    clock = in_doubt(verdict, clocks) or str(doubtful[0])
    note = f"{verdict.note or 'not explained'}, if clocks are as estimated: {clock}"
    return replace(tried, verdict=replace(verdict, conforms=None, note=note))


def in_doubt(verdict: FenceVerdict, clocks: Clocks) -> str:
    """The clock that wrote what is not explained, if it shows another time than others; else empty."""
    stopped = verdict.stopped_at
    here = (clock for clock in clocks.unsure() if stopped is not None and stopped.file in clock.files)
    return next(map(str, here), "")


def rests_on_times(tried: Tried, order: Timeline) -> bool:
    """Whether a fence is refuted by a search that compared times."""
    return (
        tried.verdict.conforms is False and not order.contradicted and not _whatever_the_clocks(tried, order)
    )


def at_other_times(order: Timeline, clocks: Clocks) -> tuple[Timeline, str] | None:
    """The observations as they may be if clocks are apart by what events leave open, or the recorder of the
    watch was late, or its clock wrong for a while, as saved values tell; and the one of which least is known.
    None if nothing is open."""
    by_file = {file: (clock.open_ns, clock) for clock in clocks.clocks for file in clock.files}
    most = max((by for by, _ in by_file.values()), default=0) if len(clocks.clocks) > 1 else 0
    late, early = _late(order), _early(order)
    if not (most or late or early):
        return None

    def loose(one: Seen) -> Seen:
        if one.stream:
            by = by_file[one.where.file][0] if one.where.file in by_file else most
            return replace(one, earliest=max(one.earliest - by, 0), latest=min(one.latest + by, FOREVER))
        received = one.what.latest_ns if isinstance(one.what, KeyEvent) else None
        low, high = one.at_most
        low = min([low, *(begin for begin, end in late if begin <= (received or 0) <= end)])
        at = one.at
        if one.revision in early:
            at, high = early[one.revision]
            high += most
        return replace(one, at=at, earliest=low, latest=min(max(high, at), FOREVER))

    seen = _each_by_itself(map(loose, order.seen))
    loosely = replace(order, seen=_by_time(seen) if early else tuple(seen))
    if early:
        return loosely, "the recorder of the watch: it tells of saves before they began"
    if late:
        longest = max(end - begin for begin, end in late) / NS_PER_MS
        return loosely, f"the recorder of the watch: at most {longest:,.0f} ms late, as saved values tell"
    return loosely, str(max(by_file.values(), key=lambda each: each[0])[1])


def _each_by_itself(seen: Iterable[Seen]) -> list[Seen]:
    """The same, with the calls that a PD may have sent on in a stream of their own for each who wrote them:
    in which order they came is told by clocks, and not by what was granted."""
    found = [*seen]
    streams: dict[tuple[int, str], int] = {}
    free = 1 + max((one.stream for one in found), default=0)
    for at, one in enumerate(found):
        if isinstance(one.what, Granted) and one.what.sent_on:
            stream = streams.setdefault((one.stream, one.where.file), free + len(streams))
            found[at] = replace(one, stream=stream)
    return found


def _by_time(seen: Sequence[Seen]) -> tuple[Seen, ...]:
    """The observations in the order of their times, each stream in its own."""
    streams = range(1 + max((one.stream for one in seen), default=0))
    return tuple(merged([[one for one in seen if one.stream == stream] for stream in streams]))


def _saves(order: Timeline) -> list[tuple[int, int, int]]:
    """Of each save its revision, the least clock reading that the value shows, and its receipt.

    Without those that show none, for they go on just above what was saved before.
    """
    found, before = [], {0}
    for event in (one.what for one in order.seen if isinstance(one.what, KeyEvent)):
        if event.key is not Key.TIMESTAMP or not event.timestamp_ns:
            continue
        if event.latest_ns is not None and not goes_on(event.timestamp_ns, before, order.every_window):
            reading = event.timestamp_ns - max(order.windows_of(event.timestamp_ns))
            found.append((event.revision, reading, event.latest_ns))
        before.add(event.timestamp_ns)
    return found


def _late(order: Timeline) -> list[Span]:
    """From when until when the recorder may have received nothing: what a server saved shows a clock reading
    from long before the receipt."""
    told = [(reading, received) for _, reading, received in _saves(order)]
    first = min((received for _, received in told), default=0)  # with what was before the watch
    return [span for span in told if span[0] + 2 * LATE_NS < span[1] != first]


def _early(order: Timeline) -> dict[int, Span]:
    """Since when and until when saves happened that the recorder tells of long before, by revision, if it
    agrees with the next one: a server's clock that was set stays as it is."""
    return {
        revision: (reading, then)
        for (revision, reading, received), (_, after, then) in pairwise(_saves(order))
        if received + LATE_NS < reading <= then and after <= then + LATE_NS
    }


def _whatever_the_clocks(tried: Tried, order: Timeline) -> bool:
    """Whether no time was compared: with what etcd holds, or with what the fence can do at all."""
    if order.contradicted:
        return order.contradicted[0].transition != "grant"
    refused = tried.verdict.refused_by
    return tried.never or (bool(refused) and all(each.guard == NO_SUCH_STEP for each in refused))

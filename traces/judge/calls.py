"""Properties of the calls of clients: what one got, compared with what others got before.

Ranges of timestamps are compared as (physical, logical). Clients' clocks are taken to agree (real-time).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from ..sources.observation import LOGICAL_BITS, Call
from ..sources.trace import Trace
from .judgement import Judgement, clean, lower_bound, nothing, undecided


def granted(trace: Trace) -> list[Call]:
    """The calls that got a timestamp, by start."""
    return [call for call in trace.calls if call.error is None]


def timed(trace: Trace) -> list[Call]:
    """Those of them of which it is told when."""
    return [call for call in granted(trace) if call.timed]


def untimed(trace: Trace) -> str:
    """What is to be said of timestamps without times; empty if there are none."""
    count = sum(not call.timed for call in trace.calls)
    return f"when {count} timestamps were granted is not told" if count else ""


def span(calls: Sequence[Call]) -> tuple[int | None, int | None]:
    """When the first of these calls started, and when the last one ended (ns)."""
    if not all(call.timed for call in calls):
        return None, None
    return min(call.start_ns for call in calls), max(call.end_ns for call in calls)


def unique(trace: Trace) -> Judgement:
    """No timestamp is granted twice. Counts pairs of calls whose ranges overlap.

    The witness is the pair with the lowest timestamp that was granted twice.
    """
    calls = granted(trace)
    if len(calls) < 2:
        return nothing("unique", trace, "fewer than two calls got a timestamp")
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
        return clean("unique", trace)
    involved: set[int] = set()
    witness: tuple[Call, Call] | None = None
    widest = 0  # the range before `index` that reaches highest
    twice = -1  # the highest timestamp that two have
    for index in range(1, len(calls)):
        if lows[index] <= highs[widest]:
            involved |= {widest, index}
            witness = witness or (calls[widest], calls[index])
            twice = max(twice, min(highs[index], highs[widest]))
        if lows[index] <= highs[index - 1]:
            involved.add(index - 1)
        if highs[index] > highs[widest]:
            widest = index
    assert witness is not None
    earlier, later = sorted(witness, key=attrgetter("end_ns"))
    since, until = span([calls[index] for index in sorted(involved)])
    return Judgement(
        "unique",
        "violated",
        count,
        (earlier, later),
        from_ns=since,
        to_ns=until,
        note=lower_bound(trace),
        doubtful=(max(each.first for each in witness), twice),
    )


def real_time(trace: Trace) -> Judgement:
    """A call that starts after another has ended gets greater timestamps. Counts those that did not.

    The witness is the pair whose physical part stepped back furthest.
    """
    calls = timed(trace)
    judgement = _in_order("real-time", trace, [calls] if calls else [])
    return judgement if judgement.verdict == "violated" else undecided(judgement, untimed(trace))


def session(trace: Trace) -> Judgement:
    """Each client, or each worker of a client with several, sees its timestamps grow. Counts calls.

    Calls of one session that overlap in time have no order and are not compared. Timestamps without times are
    in the order of their file.
    """
    sessions: defaultdict[tuple[str, int | None, str], list[Call]] = defaultdict(list)
    for call in granted(trace):
        sessions[call.client, call.worker, "" if call.timed else call.file].append(call)
    judgement = _in_order("session", trace, list(sessions.values()))
    untold = untimed(trace)
    in_order = f"{untold}: taken in the order of their file" if untold else ""
    return replace(judgement, note="; ".join(filter(None, (judgement.note, in_order))))


def _in_order(name: str, trace: Trace, groups: Sequence[Sequence[Call]]) -> Judgement:
    """Real-time order within each group of calls; a group is not empty and sorted by start."""
    late: list[Call] = []
    compared = False
    worst: tuple[int, Call, Call] | None = None
    reached = -1  # the highest timestamp that a later call went back behind
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
            reached = max(reached, highest)
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
            *span(late),
            lower_bound(trace),
            (min(call.first for call in late), reached),
        )
    if not compared:
        return nothing(name, trace, "no call started after another had ended")
    return clean(name, trace)

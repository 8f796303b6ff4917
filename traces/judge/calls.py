"""Properties of the calls of clients: what one got, compared with what others got before.

Ranges of timestamps are compared as (physical, logical). Of clocks that may be apart, order
is what it is however far they are (real-time).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from operator import attrgetter, itemgetter

from ..sources.observation import LOGICAL_BITS, Call
from ..sources.offsets import Clocks, told
from ..sources.trace import Trace
from .judgement import Judgement, clean, lower_bound, nothing, undecided

#: how many pairs of clocks a note names
_FEW = 2


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
    since, until = span([calls[index] for index in sorted(involved)])
    return Judgement(
        "unique",
        "violated",
        count,
        (earlier, later),
        from_ns=since,
        to_ns=until,
        note=lower_bound(trace),
    )


def real_time(trace: Trace) -> Judgement:
    """A call that starts after another has ended gets greater timestamps. Counts those that did not.

    Calls of several clocks are compared as far as these are known to be apart: what is late only if they are
    apart by some of the possible times is open. The witness is the pair whose physical part stepped back
    furthest.
    """
    calls = timed(trace)
    groups = _by_clock(calls, trace.clocks)
    judgement = _across(trace, groups) if len(groups) > 1 else _in_order("real-time", trace, groups)
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


@dataclass(slots=True)
class Late:
    """Calls that got too little although they started later, and the pair that stepped back furthest.

    `compared`: some call had ended before another one started.
    """

    calls: list[Call]
    compared: bool
    worst: tuple[int, Call, Call] | None


def in_order(earlier: Sequence[Call], later: Sequence[Call] | None = None, apart_ns: int = 0) -> Late:
    """Real-time order of calls, sorted by start: of a group, or of ``later`` ones with those of another.

    A call is late only to those that had ended ``apart_ns`` before its start.
    """
    found = Late([], False, None)
    by_end = sorted(earlier, key=attrgetter("end_ns"))
    top, highest = None, -1  # of the calls that had ended
    ended = 0
    for call in earlier if later is None else later:
        since = call.start_ns - apart_ns
        while ended < len(by_end) and by_end[ended].end_ns < since:
            if by_end[ended].last > highest:
                top, highest = by_end[ended], by_end[ended].last
            ended += 1
        if top is None or call.first > highest:
            continue
        found.calls.append(call)
        back = (highest >> LOGICAL_BITS) - call.physical
        if found.worst is None or back > found.worst[0]:
            found.worst = (back, top, call)
    found.compared = ended > 0
    return found


def _in_order(name: str, trace: Trace, groups: Sequence[Sequence[Call]]) -> Judgement:
    """Real-time order within each group of calls; a group is not empty and sorted by start."""
    return _judged_late(name, trace, [in_order(calls) for calls in groups])


def _judged_late(name: str, trace: Trace, found: Sequence[Late]) -> Judgement:
    """The verdict on calls that were found late."""
    late = list({id(call): call for each in found for call in each.calls}.values())
    worst = max((each.worst for each in found if each.worst), key=itemgetter(0), default=None)
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
        )
    if not any(each.compared for each in found):
        return nothing(name, trace, "no call started after another had ended")
    return clean(name, trace)


def _by_clock(calls: Sequence[Call], clocks: Clocks) -> list[list[Call]]:
    """The calls by the clock that tells their times, as far as these are not known to agree."""
    if not clocks.between:
        return [list(calls)] if calls else []
    groups: list[list[str]] = []
    of: dict[str, list[Call]] = {}
    for file in dict.fromkeys(call.file for call in calls):
        agreeing = (group for group in groups if not any((file, each) in clocks.between for each in group))
        group = next(agreeing, None)
        if group is None:
            groups.append(group := [])
        group.append(file)
        of[file] = of[group[0]] if len(group) > 1 else []
    for call in calls:
        of[call.file].append(call)
    return [of[group[0]] for group in groups]


def _across(trace: Trace, groups: Sequence[Sequence[Call]]) -> Judgement:
    """Real-time order of calls whose clocks may be apart."""
    certain = [in_order(calls) for calls in groups]
    possible: list[Late] = []
    doubts: dict[str, None] = {}
    for one, other in permutations(groups, 2):
        spans = {
            (a, b): trace.clocks.between.get((a, b), (0, 0))
            for a in {call.file for call in one}
            for b in {call.file for call in other}
        }
        low, high = min(each[0] for each in spans.values()), max(each[1] for each in spans.values())
        certain.append(in_order(one, other, -low))
        open_ = in_order(one, other, -high)
        if len(open_.calls) > len(certain[-1].calls):
            possible.append(open_)
            (a, b), worst = max(spans.items(), key=lambda each: each[1][1] - each[1][0])
            doubts[f"{a} against {b}: {told(worst)}"] = None
    judgement = _judged_late("real-time", trace, certain)
    late = {id(call) for each in certain for call in each.calls}
    left = {id(call) for each in possible for call in each.calls} - late
    if not left:
        return judgement
    why = f"{len(left)} calls are late or not, as clocks are apart: {'; '.join([*doubts][:_FEW])}"
    if judgement.verdict == "violated":
        return replace(judgement, note="; ".join(filter(None, (judgement.note, f"there may be more: {why}"))))
    return replace(judgement, verdict="unknown", count=len(left), note=why)

"""Whether clients of PD's library get timestamps while a TSO server answers others."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter

from ..sources.observation import NS_PER_MS, Call
from ..sources.trace import Trace
from .calls import timed
from .judgement import Judgement, clean, lower_bound, nothing

#: judged on calls alone: no step of a server breaks it
AVAILABILITY = "availability"
#: how long a library client may wait: twice a lease that runs out (of 3 s; etcd makes it 5 s) and an election
MAX_OUTAGE_NS = 10_000 * NS_PER_MS
#: a TSO server serves as long as raw clients get an answer that often
_ANSWERED_NS = 1_000 * NS_PER_MS


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
        if call.kind == "lib" and call.timed:
            asked[call.client].append(call)
    if not asked:
        return nothing(AVAILABILITY, trace, "no client of PD's library")
    served = _stretches(call.end_ns for call in timed(trace) if call.kind == "tso")
    if not served:
        return nothing(AVAILABILITY, trace, "no TSO server answered a client that asked it")
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
        return clean(AVAILABILITY, trace)
    since, until, before, after = max(outages, key=lambda outage: outage[1] - outage[0])
    return Judgement(
        AVAILABILITY,
        "violated",
        len(outages),
        (before, after),
        (until - since) // NS_PER_MS,
        since,
        until,
        lower_bound(trace),
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

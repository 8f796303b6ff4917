"""Whether clients of PD's library get timestamps while a TSO server answers others."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ..sources.calls import Calls, Numbers, as_they_come, granted
from ..sources.observation import NS_PER_MS
from ..sources.spilling import Rows
from ..sources.trace import Trace
from .calls import timed
from .judgement import Judgement, clean, lower_bound, nothing

#: judged on calls alone: no step of a server breaks it
AVAILABILITY = "availability"
#: how long a library client may wait: twice a lease that runs out (of 3 s; etcd makes it 5 s) and an election
MAX_OUTAGE_NS = 10_000 * NS_PER_MS
#: a TSO server serves as long as raw clients get an answer that often
_ANSWERED_NS = 1_000 * NS_PER_MS


def availability(trace: Trace, witnesses: int = 0) -> Judgement:
    """No client of PD's library goes without timestamps for long while a TSO server answers others.

    A client waits from the start of the first call after its last answer to its next answer, or to the end of
    its last call. What counts of that are stretches in which raw clients of TSO servers had an answer every
    `_ANSWERED_NS`: those longer than `MAX_OUTAGE_NS`, each one once. `worst_ms` is the longest, from
    `from_ns` to `to_ns`; the witness is the last call answered before it (if none was, the first call) and
    the first after it (if none was, the last call).
    """
    calls = trace.calls
    by_library = calls.told(lambda who: who.kind == "lib") != 0
    by_tso = calls.told(lambda who: who.kind == "tso") != 0
    if not any(bool(np.any(by_library[rows["who"]] & (rows["timed"] != 0))) for rows in calls.chunks()):
        return nothing(AVAILABILITY, trace, "no client of PD's library")
    if calls.unended:
        return nothing(AVAILABILITY, trace, f"when {calls.unended} calls were answered is not told")
    answers = _Stretches(_ANSWERED_NS)
    for rows in timed(trace):
        answers.add(rows.compress(by_tso[rows["who"]]))
    served = [(int(first["end"]), int(last["end"])) for first, last in answers.found]
    if not served:
        return nothing(AVAILABILITY, trace, "no TSO server answered a client that asked it")
    outages: list[tuple[int, int, Any, Any]] = []
    for begin, end, before, after in _silences(calls, by_library):
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
        (calls.call(before), calls.call(after)),
        (until - since) // NS_PER_MS,
        since,
        until,
        lower_bound(trace),
        tuple((calls.call(before), calls.call(after)) for _, _, before, after in outages[:witnesses]),
    )


class _Stretches:
    """The times in which one answer followed another `within` so long: the first one and the last of each."""

    def __init__(self, within: int) -> None:
        self._within = within
        self.found: list[tuple[Any, Any]] = []

    def add(self, rows: Rows) -> None:
        """Answers that are not among those so far."""
        if not len(rows):
            return
        rows = rows.take(np.argsort(rows["end"], kind="stable"))
        apart = np.flatnonzero(np.diff(rows["end"]) > self._within)
        new = zip(rows[np.append([0], apart + 1)], rows[np.append(apart, [-1])], strict=True)
        known, self.found = self.found, []
        for first, last in sorted((*known, *new), key=lambda stretch: int(stretch[0]["end"])):
            if self.found and first["end"] - self.found[-1][1]["end"] <= self._within:
                begun, ended = self.found.pop()
                last = max(ended, last, key=lambda row: (int(row["end"]), int(row["start"])))  # noqa: PLW2901
                self.found.append((begun, last))
            else:
                self.found.append((first, last))


class _Client:
    """A client of the library: its first call, the one that ended last, and when it had answers."""

    def __init__(self, first: Any) -> None:
        self.first = self.last = first
        self.answers = _Stretches(MAX_OUTAGE_NS)  # no silence in them is long enough
        self.waits: dict[int, int] = {}  # since when it waits that had an answer then

    def add(self, rows: Rows) -> None:
        """Calls after those so far."""
        latest = rows[np.argmax(rows["end"])]
        self.last = latest if latest["end"] > self.last["end"] else self.last
        self.answers.add(rows.compress(granted(rows)))

    def asks_again(self, rows: Rows) -> None:
        """When it asks again after its last answers; from the first call on, once all are added."""
        for _, answered in self.answers.found:
            at = int(np.searchsorted(rows["start"], answered["end"], "right"))
            if at < len(rows):
                self.waits.setdefault(int(answered["end"]), int(rows["start"][at]))

    def silences(self) -> Iterator[tuple[int, int, Any, Any]]:
        """(begin, end, last call answered before, first answered after) of the times in which it waited."""
        first, last = self.first, self.last
        for before, after in pairwise((None, *self.answers.found, None)):
            begin = int(first["start"]) if before is None else self.waits.get(int(before[1]["end"]))
            end = after[0] if after else last
            if begin is not None and begin < end["end"]:
                yield begin, int(end["end"]), before[1] if before else first, end


def _silences(calls: Calls, by_library: Any) -> Iterator[tuple[int, int, Any, Any]]:
    clients: dict[str, _Client] = {}
    for name, rows in _by_client(calls, by_library):
        clients.setdefault(name, _Client(rows[0])).add(rows)
    for name, rows in _by_client(calls, by_library):
        clients[name].asks_again(rows)
    for client in clients.values():
        yield from client.silences()


def _by_client(calls: Calls, by_library: Any) -> Iterator[tuple[str, Rows]]:
    """The calls of each client of the library by start, some of them at a time."""
    numbers: Numbers[str] = Numbers()
    client_of = calls.told(lambda who: numbers[who.client])
    names = list(numbers)
    for rows in calls.chunks():
        asked = rows.compress(by_library[rows["who"]] & (rows["timed"] != 0))
        client = client_of[asked["who"]]
        for number in as_they_come(client):
            yield names[number], asked.compress(client == number)

"""Properties of the calls of clients: what one got, compared with what others got before.

Ranges of timestamps are compared as 64-bit numbers. Calls come by start, many at once; of those before, what
later ones can be compared with is kept. Clocks are taken to agree; `across.py` has those that may not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from ..sources import calls as columns
from ..sources.calls import as_they_come
from ..sources.observation import LOGICAL_BITS
from ..sources.rounded import TIMESTAMP_OFF
from ..sources.spilling import Rows, Sorted, joined
from ..sources.trace import Kind, Trace
from .judgement import Judgement, Pair, clean, exactly, lower_bound, nothing, undecided, unless_rounded

#: a range of timestamps that was granted, and where it stands among all calls
RANGE = np.dtype(
    [(name, np.int64) for name in ("start", "end", "physical", "first", "last", "at", "group")]
    + [(name, np.int32) for name in ("timed", "who", "file")]
)

#: how many pairs of clocks a note names
_FEW = 2


def timed(trace: Trace) -> Iterator[Rows]:
    """The calls that got a timestamp, and of which it is told when, by start."""
    for rows in trace.calls.chunks():
        yield rows.compress(columns.granted(rows) & (rows["timed"] != 0))


def untimed(trace: Trace) -> str:
    """What is to be said of timestamps without times; empty if there are none."""
    count = trace.calls.untimed
    return f"when {count} timestamps were granted is not told{_unread(trace)}" if count else ""


def whatever_is_not_told(
    judgement: Judgement, trace: Trace, judged: Callable[[Trace], Judgement]
) -> Judgement:
    """The judgement of calls by their order, where of some one time only is told.

    A call that starts after another has ended comes after it by whichever time: where all are in order by
    those that are told, they are.
    """
    calls = trace.calls
    told = ((calls.unbegun, "asked for"), (calls.unended, "answered"))
    untold = [f"when {many} calls were {what} is not told" for many, what in told if many]
    if judgement.verdict in ("violated", "unknown") or not untold:
        return judgement
    by_told = judged(replace(trace, calls=calls.at_told_times()))
    why = f"{' and '.join(untold)}{_unread(trace)}"
    return undecided(judgement, why) if by_told.verdict in ("violated", "unknown") else by_told


def _unread(trace: Trace) -> str:
    """Which columns may say more, in half a sentence."""
    files = {*trace.calls.files()}
    names = dict.fromkeys(chain(*(source.columns for source in trace.sources if source.file in files)))
    return f" (not understood: {', '.join(names)})" if names else ""


@dataclass(slots=True)
class Span:
    """When the first of some calls started, and when the last one ended (ns); None if one is not timed."""

    count: int = 0
    since: int | None = None
    until: int | None = None
    timed: bool = True

    def add(self, rows: Rows) -> None:
        """These calls as well."""
        if not len(rows):
            return
        self.count += len(rows)
        since, until = columns.told_since(rows), columns.told_until(rows)
        self.since = since if self.since is None else min(self.since, since)
        self.until = until if self.until is None else max(self.until, until)
        self.timed = self.timed and bool(np.all(rows["timed"]))

    def told(self) -> tuple[int | None, int | None]:
        """From when until when."""
        return (self.since, self.until) if self.timed else (None, None)


def ranges(trace: Trace, *, timed: bool = False) -> Iterator[Rows]:
    """What was granted, by start; `timed`: only where it is told when.

    Of timestamps that were rounded, what they were at least and at most: the lowest is above the highest.
    """
    begin = 0
    rounded = trace.rounded()
    off = np.array([TIMESTAMP_OFF if file in rounded else 0 for file in trace.calls.every_file], np.int64)
    for rows in trace.calls.chunks():
        got = columns.granted(rows)
        at = np.flatnonzero(got & (rows["timed"] != 0) if timed else got)
        ranges = np.empty(len(at), RANGE)
        for name in ("start", "end", "physical", "timed", "who", "file"):
            ranges[name] = rows[name][at]
        by = off[rows["file"][at]]
        ranges["first"], ranges["last"] = columns.first(rows)[at] + by, columns.last(rows)[at] - by
        ranges["at"], ranges["group"] = at + begin, 0
        begin += len(rows)
        yield ranges


def unique(trace: Trace, witnesses: int = 0) -> Judgement:
    """No timestamp is granted twice. Counts pairs of calls whose ranges overlap.

    The witness is the pair with the lowest timestamp that was granted twice. What may be one call that is
    told twice, or two, counts as one and leaves it open; so does what a file that says neither who asked nor
    which server has in common with other files. Timestamps that were rounded leave it open.
    """
    exact, rounded = exactly(trace)
    if rounded:
        certain = unique(exact, witnesses)
        return certain if certain.verdict == "violated" else undecided(certain, rounded)
    judgement = _unique(trace, witnesses)
    if judgement.witness is None:
        return undecided(judgement, trace.retold.open_)
    files, nameless = trace.calls.files(), trace.calls.nameless()
    if not nameless or len(files) == 1:
        return judgement
    for several in (nameless, *([each for each in files if each != one] for one in nameless)):
        certain = _unique(replace(trace, calls=trace.calls.without(several)), witnesses)
        if certain.verdict == "violated":
            return certain
    one, other = judgement.witness
    told = f"{one.where} and {other.where} tell of the same timestamp"
    which = next(file for file in nameless if file in (one.where.file, other.where.file))
    why = f"{told}; {which} says neither who asked nor which server: one call told twice, or two"
    return Judgement("unique", "unknown", note=why)


def _unique(trace: Trace, witnesses: int) -> Judgement:
    by_first = Sorted(RANGE, "first")
    calls = 0
    for rows in ranges(trace):
        by_first.add(rows)
        calls += len(rows)
    if calls < 2:
        return nothing("unique", trace, "fewer than two calls got a timestamp")
    count = 0
    witness: Pair | None = None
    lowest = twice = -1  # the lowest and the highest timestamp that two have
    involved = Span()
    pairs: list[Pair] = []
    still_open = np.empty(0, RANGE)  # the ranges before that may overlap those to come
    before = np.empty(0, RANGE)  # the one of them that reaches highest, and the last one
    for rows in by_first:
        # Before the i-th range begins, i others have begun; those of them that have ended do not overlap it.
        open_rows = joined((still_open, rows))
        ended = np.searchsorted(np.sort(open_rows["last"]), rows["first"])
        overlaps = len(still_open) + np.arange(len(rows)) - ended
        count += int(np.sum(overlaps))
        for index in np.flatnonzero(overlaps)[: witnesses - len(pairs)]:
            begun = open_rows[: len(still_open) + index]
            of = begun[begun["last"] >= rows["first"][index]]["at"][: witnesses - len(pairs)]
            pairs += [_by_end(trace, one, rows["at"][index]) for one in of]
        still_open = open_rows.compress(open_rows["last"] >= rows["first"][-1])
        all_rows = joined((before, rows))
        widest = first_highest(all_rows["last"])
        at = np.arange(max(1, len(before)), len(all_rows))
        overlap = at[all_rows["first"][at] <= all_rows["last"][widest[at - 1]]]
        if len(overlap):
            if witness is None:
                lowest = int(all_rows["first"][overlap[0]])
                witness = _by_end(trace, *all_rows["at"][[widest[overlap[0] - 1], overlap[0]]])
            shared = np.minimum(all_rows["last"][overlap], all_rows["last"][widest[overlap - 1]])
            twice = max(twice, int(shared.max()))
            neighbours = at[all_rows["first"][at] <= all_rows["last"][at - 1]] - 1
            involved.add(all_rows[np.concatenate((overlap, widest[overlap - 1], neighbours))])
        before = all_rows[[widest[-1], -1]]
    if witness is None:
        return clean("unique", trace)
    since, until = involved.told()
    return Judgement(
        "unique",
        "violated",
        count,
        witness,
        from_ns=since,
        to_ns=until,
        note=lower_bound(trace),
        witnesses=tuple(pairs),
        doubtful=(lowest, twice),
    )


def _by_end(trace: Trace, one: int, other: int) -> Pair:
    earlier, later = sorted((trace.calls[one], trace.calls[other]), key=lambda call: call.end_ns)
    return earlier, later


def first_highest(values: Any) -> Any:
    """At each place, where the highest value so far stands; the first of equal ones."""
    highest = np.maximum.accumulate(values)
    higher = np.append([True], highest[1:] > highest[:-1])
    return np.maximum.accumulate(np.where(higher, np.arange(len(values)), 0))


def real_time(trace: Trace, witnesses: int = 0) -> Judgement:
    """A call that starts after another has ended gets greater timestamps. Counts those that did not.

    The witness is the pair whose physical part stepped back furthest.
    """
    return _in_order("real-time", trace, ranges(trace, timed=True), witnesses)


def session(trace: Trace, witnesses: int = 0) -> Judgement:
    """Each client, or each worker of a client with several, sees its timestamps grow. Counts calls.

    Calls of one session that overlap in time have no order and are not compared. Timestamps without times are
    in the order of their file.
    """
    sessions: columns.Numbers[int] = columns.Numbers()
    askers = trace.calls.askers

    def by_session(rows: Rows) -> Rows:
        file = np.where(rows["timed"] != 0, 0, rows["file"] + 1)
        of = askers[rows["who"]] << 32 | file
        numbers = {each: sessions[each] for each in as_they_come(of)}
        known = np.array(sorted(numbers), np.int64)
        number = np.array([numbers[each] for each in known.tolist()], np.int64)
        rows["group"] = number[np.searchsorted(known, of)]
        return rows

    judgement = _in_order("session", trace, map(by_session, ranges(trace)), witnesses)
    if judgement.verdict == "violated" and (files := _of_nobody(trace)):
        certain = session(replace(trace, calls=trace.calls.without(files)), witnesses)
        why = f"{', '.join(files)} has calls to several servers, and does not say which client asked"
        return certain if certain.verdict == "violated" else undecided(certain, why)
    judgement = whatever_is_not_told(judgement, trace, session)
    untold = untimed(trace)
    in_order = f"{untold}: taken in the order of their file" if untold else ""
    told = replace(judgement, note="; ".join(filter(None, (judgement.note, in_order))))
    return unless_rounded(told, trace)


def _of_nobody(trace: Trace) -> list[str]:
    """The files with calls to several servers that do not say who asked: there may be a client for each."""
    told_by_clients = {source.file for source in trace.sources if source.kind is Kind.CLIENT_LOG}
    return [file for file in trace.calls.of_nobody() if file not in told_by_clients]


@dataclass(slots=True)
class Late:
    """Calls that got too little although they started later. `compared`: some call had ended before another
    one started; `pairs`: such as show a violation, at most `witnesses`."""

    trace: Trace
    witnesses: int
    compared: bool = False
    span: Span = field(default_factory=Span)
    pairs: list[Pair] = field(default_factory=list)
    _worst: tuple[tuple[int, int], int, int] | None = None
    _doubtful: list[tuple[int, int]] = field(default_factory=list)

    def add(self, earlier: Any, highest: Any, later: Rows) -> None:
        """Late calls, and of each which one before it got the highest timestamp, and what it is."""
        if not len(later):
            return
        self.span.add(later)
        calls = self.trace.calls
        for one, other in zip(earlier, later["at"], strict=True):
            if len(self.pairs) >= self.witnesses:
                break
            self.pairs.append((calls[one], calls[other]))
        self._doubtful.append((int(later["first"].min()), int(highest.max())))
        back = (highest >> LOGICAL_BITS) - later["physical"]
        index = np.lexsort((later["group"], -back))[0]
        how = int(back[index]), -int(later["group"][index])
        if self._worst is None or how > self._worst[0]:
            self._worst = how, int(earlier[index]), int(later["at"][index])

    def judged(self, name: str) -> Judgement:
        """The verdict on what was compared."""
        if self._worst is not None:
            (back_ms, _), earlier, later = self._worst
            return Judgement(
                name,
                "violated",
                self.span.count,
                (self.trace.calls[earlier], self.trace.calls[later]),
                back_ms,
                *self.span.told(),
                lower_bound(self.trace),
                tuple(self.pairs),
                (min(low for low, _ in self._doubtful), max(high for _, high in self._doubtful)),
            )
        if not self.compared:
            return nothing(name, self.trace, "no call started after another had ended")
        return clean(name, self.trace)


def _in_order(name: str, trace: Trace, found: Iterable[Rows], witnesses: int) -> Judgement:
    """Real-time order within each group of calls; groups are numbered as they come."""
    late = Late(trace, witnesses)
    ended = np.empty(0, RANGE)  # by group and end: the highest timestamps by then
    for rows in found:
        if not len(rows):
            continue
        ended = _highest(joined((ended, rows)))
        before = _last_before(ended, rows)
        after = before >= 0
        late.compared = late.compared or bool(after.any())
        at = np.flatnonzero(after & (rows["first"] <= ended["last"][before]))
        late.add(ended["at"][before[at]], ended["last"][before[at]], rows[at])
        ended = _still_of_use(ended, int(rows["start"][-1]))
    return late.judged(name)


def _highest(rows: Rows) -> Rows:
    """By group and end, those that got a higher timestamp than all of the group that had ended before."""
    end, group, last = (rows[name].copy() for name in ("end", "group", "last"))
    order = np.lexsort((end, group)) if group.any() else np.argsort(end, kind="stable")
    last = last[order]
    within_group = last
    if group.any():  # by the rank of what they got, which leaves room for the group
        within_group = group[order] << 32 | np.searchsorted(np.sort(last), last)
    highest = np.maximum.accumulate(within_group)
    higher: Rows = rows.take(order[np.append([True], within_group[1:] > highest[:-1])])
    return higher


def _last_before(ended: Rows, rows: Rows) -> Any:
    """Which of `ended` was the last of its group to end before each call began; -1: none."""
    ends = np.sort(ended["end"])
    ended_at = ended["group"] << 32 | np.searchsorted(ends, ended["end"])
    begun_at = rows["group"] << 32 | np.searchsorted(ends, rows["start"])
    at = np.searchsorted(ended_at, begun_at) - 1
    return np.where((at >= 0) & (ended["group"][at] == rows["group"]), at, -1)


def _still_of_use(ended: Rows, start: int) -> Rows:
    """Without those that another one of the group stands for, to all that start no earlier."""
    replaced = (ended["end"][1:] < start) & (ended["group"][1:] == ended["group"][:-1])
    kept: Rows = ended.compress(np.append(~replaced, [True]))
    return kept

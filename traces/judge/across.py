"""Real-time order of calls whose times are from clocks that may be apart, as far as bounds on that tell.

All calls are in memory at once.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ..sources.offsets import Clocks, told
from ..sources.spilling import Rows
from ..sources.trace import Trace
from . import calls
from .calls import Late, first_highest, ranges, untimed, whatever_is_not_told
from .judgement import Judgement, undecided, unless_rounded

#: how many pairs of clocks a note names
_FEW = 2


def real_time(trace: Trace, witnesses: int = 0) -> Judgement:
    """A call that starts after another has ended gets greater timestamps. Counts those that did not.

    Calls of several clocks are compared as far as these are known to be apart: what is late only if they are
    apart by some of the possible times is open.
    """
    judgement = _across(trace, witnesses) if trace.clocks.between else calls.real_time(trace, witnesses)
    judgement = whatever_is_not_told(judgement, trace, real_time)
    return unless_rounded(
        judgement if judgement.verdict == "violated" else undecided(judgement, untimed(trace)), trace
    )


def _across(trace: Trace, witnesses: int) -> Judgement:
    rows = np.concatenate([*ranges(trace, timed=True)] or [np.empty(0, calls.RANGE)])
    clock_of, clocks = _by_clock(trace.calls.files(), trace.clocks)
    group = np.array([clock_of.get(file, -1) for file in trace.calls.every_file])[rows["file"]]
    late, doubts = Late(trace, witnesses), dict[str, None]()
    #: of each call, the highest timestamp of those that had certainly ended, whose that is, and the highest
    #: of those that may have
    highest, whose, possible = (np.full(len(rows), -1) for _ in range(3))
    for one, other in product(range(len(clocks)), repeat=2):
        pairs = {
            (a, b): trace.clocks.between.get((a, b), (0, 0))
            for a in clocks[one]
            for b in clocks[other]
            if one != other
        } or {("", ""): (0, 0)}
        low, high = min(low for low, _ in pairs.values()), max(high for _, high in pairs.values())
        earlier, at = rows[group == one], np.flatnonzero(group == other)
        certain, certain_at = _highest_before(earlier, rows["start"][at] + low)
        late.compared = late.compared or bool(np.any(certain >= 0))
        nearer = certain > highest[at]
        highest[at[nearer]], whose[at[nearer]] = certain[nearer], certain_at[nearer]
        maybe, _ = _highest_before(earlier, rows["start"][at] + high)
        possible[at] = np.maximum(possible[at], maybe)
        if np.any((maybe >= rows["first"][at]) & (certain < rows["first"][at])):
            (a, b), widest = max(pairs.items(), key=lambda each: each[1][1] - each[1][0])
            if f"{b} against {a}: {told((-widest[1], -widest[0]))}" not in doubts:
                doubts[f"{a} against {b}: {told(widest)}"] = None
    is_late = highest >= rows["first"]
    late.add(whose[is_late], highest[is_late], rows[is_late])
    judgement = late.judged("real-time")
    open_ = int(np.sum((possible >= rows["first"]) & ~is_late))
    if not open_:
        return judgement
    why = f"{open_} calls are late or not, as clocks are apart: {'; '.join([*doubts][:_FEW])}"
    if judgement.verdict == "violated":
        return replace(judgement, note="; ".join(filter(None, (judgement.note, f"there may be more: {why}"))))
    return replace(judgement, verdict="unknown", count=open_, note=why)


def _by_clock(files: list[str], clocks: Clocks) -> tuple[dict[str, int], list[list[str]]]:
    """The clocks that tell times, as far as these are not known to agree: by file, and the files of each."""
    groups: list[list[str]] = []
    of: dict[str, int] = {}
    for file in files:
        agreeing = (
            number
            for number, group in enumerate(groups)
            if not any((file, each) in clocks.between for each in group)
        )
        of[file] = next(agreeing, len(groups))
        if of[file] == len(groups):
            groups.append([])
        groups[of[file]].append(file)
    return of, groups


def _highest_before(earlier: Rows, times: Any) -> tuple[Any, Any]:
    """The highest timestamp of those that had ended before each time, and whose it is; -1: none had."""
    if not len(earlier):
        return np.full(len(times), -1), np.full(len(times), -1)
    by_end = earlier[np.argsort(earlier["end"], kind="stable")]
    top = first_highest(by_end["last"])
    last = np.searchsorted(by_end["end"], times) - 1
    found = last >= 0
    return np.where(found, by_end["last"][top[last]], -1), np.where(found, by_end["at"][top[last]], -1)

"""Receipts from before what was received: the recorder's clock was set back between two events.

A save's value tells a reading of its server's clock from before it was made. Where a receipt is lower, either
clock may be wrong; that clients were answered with such timestamps when their own clocks had come as far says
that it is not the server's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, groupby
from operator import itemgetter

from ..sources.intervals import goes_on
from ..sources.observation import NS_PER_MS, Key
from ..sources.trace import Trace
from .hosts import BACK_NS

#: before it was set, so many receipts fit at least
_FIT = 2
#: so many answers tell of the clocks of clients, which read no earlier than the memory but for this
_ANSWERS, _CLOSE_NS = 3, 20 * NS_PER_MS


def without_early(trace: Trace) -> tuple[Trace, dict[str, str]]:
    """The trace without receipts by a clock that was set back, and by file a sentence of it."""
    saves = [*_saves(trace)]
    told: dict[str, str] = {}
    keys = [*trace.keys]
    fit = 0
    for early, each in groupby(saves, itemgetter(2)):
        stretch = [*each]
        (first, reading_ns, _), (last, *_) = stretch[0], stretch[-1]
        fit += 0 if early else len(stretch)
        if not early or fit < _FIT or not _clients_agree(trace, reading_ns):
            continue
        by = f"{(reading_ns - (keys[first].latest_ns or 0)) / NS_PER_MS:,.0f} ms"
        where = keys[first].where
        what = f"received {by} before it was saved, by what clients were answered: its clock was set"
        told.setdefault(where.file, f"{where}: {what}")
        until = len(keys) if stretch[-1] == saves[-1] else last + 1
        keys[first:until] = [replace(event, latest_ns=None) for event in keys[first:until]]
    return replace(trace, keys=tuple(keys)) if told else trace, told


def _saves(trace: Trace) -> Iterator[tuple[int, int, bool]]:
    """Of each save that shows a clock reading its place, the least that it can be, and whether the receipt is
    lower. One that goes on just above the last window shows none."""
    settings = (trace.settings.save_interval, *trace.settings.own("save_interval_ns").values())
    windows = {*chain.from_iterable(each.values for each in settings)}
    before = {0}
    for index, event in enumerate(trace.keys):
        value = event.timestamp_ns
        if event.key is not Key.TIMESTAMP or not value or not windows:
            continue
        reading_ns = value - max(windows)
        if event.latest_ns is not None and not goes_on(value, before, windows):
            yield index, reading_ns, event.latest_ns + BACK_NS < reading_ns
        before.add(value)


def _clients_agree(trace: Trace, since_ns: int) -> bool:
    """Whether all that were answered with later timestamps had clocks that were as far."""
    many = 0
    for rows in trace.calls.chunks():
        told = rows.compress((rows["physical"] >= since_ns // NS_PER_MS) & (rows["timed"] == 1))
        if (told["end"] + _CLOSE_NS < told["physical"] * NS_PER_MS).any():
            return False
        many += len(told)
    return many >= _ANSWERS

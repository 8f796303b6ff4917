"""Save intervals that the saved timestamps themselves tell, of the server that saved them.

Who holds an election key when the timestamp key is written may be its writer, and nobody else. Two kinds of
writes tell the window W of their writer:
- A sync that finds its clock behind the loaded value saves W and the guard G beyond that, to the nanosecond.
- A steady writer, see `steady`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from .observation import ELECTIONS, NS_PER_MS, Key, KeyEvent, Where

#: updateTimestamp saves when no more than this is left of the window
GUARD_NS = NS_PER_MS
#: save intervals are set in multiples of this
ROUND_NS = 100 * NS_PER_MS
_LATE_NS = 10 * NS_PER_MS  # how late a tick and its save may be without being a failure
_FEW_SAVES = 4


@dataclass(frozen=True, slots=True)
class Inferred:
    """A save interval, and what it is inferred from; `sure`: enough saves, of only one server."""

    value: int
    source: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class _Save:
    """A write of the timestamp key, the value before (`None`: not known) and who held an election key then.

    `holders`: the one elected last is last. `term` counts changes of election keys.
    """

    value: int
    before: int | None
    holders: tuple[str, ...]
    term: int
    where: Where


def by_writer(
    keys: Iterable[KeyEvent], told: Mapping[str, frozenset[int]], update_ns: int, *, whole: bool
) -> dict[str, Inferred]:
    """The save interval of each server of which the saved timestamps tell one, and only one.

    `told`: the save intervals that logs tell, by server; nothing is inferred of these. `update_ns`: how often
    servers look at their windows, at least. `whole`: no event is missing, so nobody else holds an election
    key.
    """
    found: dict[str, dict[int, Inferred]] = {}
    for term in _terms(keys):
        holders = term[0].holders
        silent = [name for name in holders if name not in told]
        if not silent:
            continue
        writer = found.setdefault(silent[-1], {})
        for save in term:
            value = _just_above(save.before, save.value)
            # a server syncs when it was elected: it is the one elected last, if that can have this window
            if value is not None and value not in told.get(holders[-1], ()):
                writer.setdefault(value, Inferred(value, f"inferred from {save.where}"))
        value = steady([save.value for save in term], update_ns, at_least=2)
        if value is not None and whole and len(holders) == 1:
            sure = len(term) > _FEW_SAVES
            inferred = Inferred(value, f"inferred from {len(term)} saves in a row", sure)
            if sure:
                writer[value] = inferred
            writer.setdefault(value, inferred)
    best = {
        name: [each for each in values.values() if each.sure] or [*values.values()]
        for name, values in found.items()
    }
    return {name: values[0] for name, values in best.items() if len(values) == 1}


def agreeing(
    keys: Iterable[KeyEvent], server: str, window: int, since_ns: int, until_ns: int
) -> tuple[int, int]:
    """How many saves of that server, as it may be, agree that W was its window from then until then.

    First those just above the window before, which need no clock, then those by its clock.
    """
    saves = [save for term in _terms(keys) for save in term if not save.holders or server in save.holders]
    return (
        sum(_just_above(save.before, save.value) == window for save in saves),
        sum(since_ns <= save.value - window < until_ns for save in saves),
    )


def common(keys: Iterable[KeyEvent], update_ns: int) -> Inferred | None:
    """The save interval by the longest stretch of saves in which no election key changes, whoever saved."""
    longest = max(([save.value for save in term] for term in _terms(keys)), key=len, default=[])
    value = steady(longest, update_ns)
    return None if value is None else Inferred(value, f"inferred from {len(longest)} saves in a row")


def exact(keys: Iterable[KeyEvent]) -> int | None:
    """The save interval by saves just above the window before, whoever saved; `None` if they differ."""
    found = {_just_above(save.before, save.value) for term in _terms(keys) for save in term} - {None}
    return found.pop() if len(found) == 1 else None


def holders(keys: Iterable[KeyEvent]) -> Iterator[tuple[str, ...]]:
    """Who holds an election key at each event, as far as these tell; the one elected last is last."""
    held: dict[Key, str] = {}
    for event in keys:
        if event.key in ELECTIONS:
            held.pop(event.key, None)
            if event.put:
                held[event.key] = event.server or ""
        yield tuple(held.values())


def steady(values: Sequence[int], update_ns: int, at_least: int = _FEW_SAVES + 1) -> int | None:
    """W from the differences between the timestamps that one steady writer saved, `None` if unsure.

    Such a writer saves W beyond its clock whenever a tick finds at most the guard G left: G before the
    window's end at the earliest, and later than that by less than a tick and the time a save takes. So each
    difference d has W - G <= d < W - G + tick + delay, and all of them together leave W between (largest d) +
    G - tick - delay and (smallest d) + G. The answer is the one multiple of 100 ms in that interval; two
    writers at once, a clock that jumps or an unusual W leave none or several, and then nothing is inferred.
    The first of the values may be that of a sync, whose successor is steady all the same.
    """
    if len(values) < at_least:
        return None
    steps = [later - earlier for earlier, later in pairwise(values)]
    low = max(steps) + GUARD_NS - update_ns - _LATE_NS
    high = min(steps) + GUARD_NS
    value = high // ROUND_NS * ROUND_NS
    if value <= 0 or value < low or value - ROUND_NS >= low:
        return None
    return value


def _just_above(before: int | None, value: int) -> int | None:
    """W if the value lies W and the guard above the one before."""
    window = value - (before or value) - GUARD_NS
    return window if window > 0 and window % ROUND_NS == 0 else None


def _terms(keys: Iterable[KeyEvent]) -> Iterator[list[_Save]]:
    """The saves between two changes of an election key."""
    for _, saves in groupby(_saves(keys), key=lambda save: save.term):
        yield list(saves)


def _saves(keys: Iterable[KeyEvent]) -> Iterator[_Save]:
    before: int | None = None
    term = 0
    events = tuple(keys)
    for event, held in zip(events, holders(events), strict=True):
        if event.key in ELECTIONS:
            term += 1
        elif event.timestamp_ns is not None:
            yield _Save(event.timestamp_ns, before, held, term, event.where)
            before = event.timestamp_ns

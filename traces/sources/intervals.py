"""Save intervals that the saved timestamps themselves tell, of the server that saved them.

Who holds an election key when the timestamp key is written may be its writer, and nobody else. Two kinds of
writes tell the window W of their writer:
- A sync that finds its clock behind the loaded value saves W and the guard G beyond that, to the nanosecond.
- A steady writer, see `steady`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from .observation import ELECTIONS, NS_PER_MS, Key, KeyEvent, Where

#: updateTimestamp saves when no more than this is left of the window
GUARD_NS = NS_PER_MS
#: save intervals are set in multiples of this
ROUND_NS = 100 * NS_PER_MS
_LATE_NS = 10 * NS_PER_MS  # how late a tick and its save may be without being a failure
_FEW_SAVES = 4
_TWO = 2


def goes_on(value_ns: int, saved_ns: Container[int], windows_ns: Iterable[int]) -> bool:
    """Whether a saved value goes on just above the end of a window saved before, and shows no clock reading;
    whoever saves it may have loaded an earlier one."""
    return any(value_ns - window - GUARD_NS in saved_ns for window in windows_ns)


@dataclass(frozen=True, slots=True)
class Inferred:
    """A save interval, and what it is inferred from: so many saves in a row, or one that tells as much.

    `since`: the election since which saves show it, and `since_ns` the first reading of its server's clock.
    """

    value: int
    source: str
    saves: int
    since: Where
    since_ns: int

    @property
    def sure(self) -> bool:
        """Whether there were enough saves, of only one server."""
        return self.saves > _FEW_SAVES


@dataclass(frozen=True, slots=True)
class _Save:
    """A write of the timestamp key, the value before (`None`: not known) and who held an election key then.

    `holders`: the one elected last is last. `term` counts changes of election keys, the last at `elected`.
    """

    value: int
    before: int | None
    holders: tuple[str, ...]
    term: int
    elected: Where
    where: Where


def by_writer(
    keys: Iterable[KeyEvent],
    told: Mapping[str, frozenset[int]],
    update_ns: int,
    *,
    whole: bool,
    until: Mapping[str, int] | None = None,
) -> dict[str, tuple[Inferred, ...]]:
    """The save interval of each server of which the saved timestamps tell one; or two, if all of its terms
    with the one come before those with the other: it may have been started anew in between.

    `told`: the save intervals that logs tell, by server; nothing is inferred of these, but of what they saved
    `until` then, by their clocks. `update_ns`: how often servers look at their windows, at least. `whole`: no
    event is missing, so nobody else holds an election key.
    """
    until = until or {}
    found: dict[str, list[Inferred]] = {}
    for term in _terms(keys):
        holders = term[0].holders
        silent = [name for name in holders if name not in told or term[0].value < until.get(name, 0)]
        if not silent:
            continue
        writer = found.setdefault(silent[-1], [])
        for save in term:
            value = _just_above(save.before, save.value)
            # a server syncs when it was elected: it is the one elected last, if that can have this window
            if value is not None and value not in told.get(holders[-1], ()):
                writer.append(_inferred(value, f"inferred from {save.where}", _FEW_SAVES + 1, term))
        value = steady([save.value for save in term], update_ns, at_least=2)
        if value is not None and whole and len(holders) == 1:
            writer.append(_inferred(value, f"inferred from {len(term)} saves in a row", len(term), term))
    return {name: agreed for name, every in found.items() if (agreed := _agreed(every))}


def _inferred(value: int, source: str, saves: int, term: Sequence[_Save]) -> Inferred:
    return Inferred(value, source, saves, term[0].elected, term[0].value - value)


def _agreed(every: Sequence[Inferred]) -> tuple[Inferred, ...]:
    """Of two that differ, the one in all terms before the other, both; else the one that all tell, or all
    that are sure; else none."""
    several = [each for each in every if each.saves > _TWO]
    spells = [[*of_one] for _, of_one in groupby(several, key=lambda each: each.value)]
    if len(spells) == _TWO and spells[0][-1].since != spells[1][0].since:
        one, other = (max(spell, key=lambda each: each.saves) for spell in spells)
        return one, replace(other, since=spells[1][0].since, since_ns=spells[1][0].since_ns)
    best = [each for each in every if each.sure] or every
    return (best[0],) if len({each.value for each in best}) == 1 else ()


def common(keys: Iterable[KeyEvent], update_ns: int) -> tuple[int, str] | None:
    """The save interval by the longest stretch of saves in which no election key changes, whoever saved; and
    what tells it."""
    longest = max(([save.value for save in term] for term in _terms(keys)), key=len, default=[])
    value = steady(longest, update_ns)
    return None if value is None else (value, f"inferred from {len(longest)} saves in a row")


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
    term, elected = 0, Where("", 0)
    events = tuple(keys)
    for event, held in zip(events, holders(events), strict=True):
        if event.key in ELECTIONS:
            term, elected = term + 1, event.where
        elif event.timestamp_ns is not None:
            yield _Save(event.timestamp_ns, before, held, term, elected, event.where)
            before = event.timestamp_ns

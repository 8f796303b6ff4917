"""The timeline as geometry: lanes below each other, times as parts of the width. No colour and no SVG in it.

Whatever is too dense for a screen is joined by columns: so a drawing is as large for hours as for seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import numpy as np

from ..sources.observation import NS_PER_MS
from .incident import ClientLane, Incident, KeyLane, Lead, Mark, ServerLane
from .wording import clock, short

#: into so many columns the time is divided
COLUMNS = 1_200
#: marks that stand alone, with a text of their own; where there are more, they are one path
_ALONE = 80
#: the heights of the lanes, and of what is in a server's
SERVER, KEY, CLIENT, AXIS = 96, 24, 40, 26
#: a line at the chart's lower edge is as thick as another
_CHART, _EDGE = 52, 4
_STEPS_MS = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000),
    *(60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 86_400_000),
)
_TICKS = 8
#: so many letters of a name are shown
_LABEL = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """From ``x``, so wide (in percent of all); ``kind`` says how it looks, ``text`` what it is."""

    x: float
    width: float
    kind: str
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """At ``x`` percent; ``error``: the number of the error that it is, if it is one."""

    x: float
    kind: str
    text: str
    error: int | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """``y`` and ``height`` in pixels; ``area``, ``line`` and ``dense`` are paths over `COLUMNS`; a client
    ``asks`` servers."""

    name: str
    note: str
    kind: str
    y: int
    height: int
    bars: tuple[Bar, ...] = ()
    points: tuple[Point, ...] = ()
    area: str = ""
    line: str = ""
    dense: tuple[tuple[str, str], ...] = ()
    colour: int | None = None
    zero: float = 0
    scale: str = ""
    asks: str = ""

    @property
    def label(self) -> str:
        """The name, as much of it as there is room for."""
        return self.name if len(self.name) <= _LABEL else f"{self.name[: _LABEL - 6]}…{self.name[-5:]}"


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment of the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """``colours``: a number for each server, by name."""

    title: str
    height: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    start: int
    end: int
    colours: dict[str, int]


class _Axis:
    def __init__(self, start: int, end: int) -> None:
        self.start, self.length = start, max(end - start, 1)

    def x(self, at: int) -> float:
        """Where a moment is, in percent."""
        return round(min(max((at - self.start) * 100 / self.length, 0), 100), 3)

    def column(self, at: int) -> int:
        """In which column a moment is."""
        return min(max((at - self.start) * COLUMNS // self.length, 0), COLUMNS - 1)

    def columns(self, moments: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """How many of them are in each column."""
        at = (np.asarray(moments, np.int64) - self.start) * (COLUMNS / self.length)  # no product of two times
        return np.bincount(np.clip(at.astype(np.int64), 0, COLUMNS - 1), minlength=COLUMNS)

    def bar(self, since: int, until: int, kind: str, text: str, label: str = "") -> Bar:
        """A stretch of time, never too thin to be seen."""
        x = self.x(since)
        return Bar(x, max(round(self.x(until) - x, 3), 0.05), kind, text, label)


def drawing(found: Incident) -> Drawing:
    """Where everything stands."""
    axis = _Axis(found.start, found.end)
    names = [lane.name for lane in found.servers]
    colours = {name: number for number, name in enumerate(names)}
    lanes: list[Lane] = []
    y = AXIS
    for server in found.servers:
        lanes.append(_server(server, axis, y, colours[server.name] % 8))
        y += SERVER
    for key in found.keys:
        lanes.append(_key(key, axis, y, colours))
        y += KEY
    lanes.append(_saves(found, axis, y, colours))
    y += KEY
    for client in found.clients:
        lanes.append(_client(client, found, axis, y))
        y += CLIENT
    return Drawing(
        found.title,
        y,
        tuple(lanes),
        tuple(_ticks(found.start, found.end, axis)),
        found.start,
        found.end,
        colours,
    )


def _ticks(start: int, end: int, axis: _Axis) -> Iterator[Tick]:
    wanted = (end - start) // NS_PER_MS // _TICKS
    days = -(-wanted // _STEPS_MS[-1]) * _STEPS_MS[-1]
    step = next((each for each in _STEPS_MS if each >= wanted), days) * NS_PER_MS
    for at in range(-(-start // step) * step, end, step):
        moment = datetime.fromtimestamp(at // 10**9, tz=UTC)
        text = clock(at) if step < 10**9 else f"{moment:%H:%M:%S}"
        yield Tick(axis.x(at), text)


def _server(lane: ServerLane, axis: _Axis, y: int, colour: int) -> Lane:
    bars = [
        axis.bar(span.since, span.until, "elected", f"{lane.name} elected {_from(span.since, span.until)}")
        for span in lane.elected
    ]
    bars += [
        axis.bar(span.since, span.until, "able", f"{lane.name} able to grant {_from(span.since, span.until)}")
        for span in lane.able
    ]
    bars += [
        axis.bar(
            span.since,
            span.until,
            "untold",
            f"{lane.name} was able to grant, and nothing tells of it {_from(span.since, span.until)}",
        )
        for span in lane.untold
    ]
    leads = np.array([lead.ahead for lead in (*lane.granted, *lane.saved)] or [0])
    low, high = min(int(leads.min()), 0), max(int(leads.max()), NS_PER_MS)
    room = (high - low) / (_CHART - _EDGE)
    points, dense = _marks(lane.marks, axis)
    return Lane(
        lane.name,
        lane.kind,
        "server",
        y,
        SERVER,
        tuple(bars),
        points,
        _band(lane.granted, axis, high, room),
        _steps(lane.saved, lane.elected, axis, high, room),
        dense,
        colour,
        round(high / room, 1),
        f"up to {_span(high)} ahead" if lane.granted or lane.saved else "",
    )


def _from(since: int, until: int) -> str:
    return f"{clock(since)} to {clock(until)}"


def _span(ns: int) -> str:
    for unit, name in ((3600 * 10**9, "h"), (60 * 10**9, "min"), (10**9, "s")):
        if ns >= unit:
            return f"{ns / unit:.3g} {name}"
    return f"{ns / NS_PER_MS:.3g} ms"


def _band(leads: Sequence[Lead], axis: _Axis, high: int, room: float) -> str:
    """What was granted against the clock: from the least to the most in each column."""
    parts = []
    for column, group in groupby(leads, key=lambda lead: axis.column(lead.at)):
        ahead = [lead.ahead for lead in group]
        top, bottom = (high - max(ahead)) / room, (high - min(ahead)) / room
        parts.append(f"M{column} {top:.1f}V{max(bottom, top + 1):.1f}")
    return "".join(parts)


def _steps(leads: Sequence[Lead], elected: Sequence[object], axis: _Axis, high: int, room: float) -> str:
    """The window saved against the clock: up at each save, and down as time passes."""
    parts = []
    for before, lead in zip((None, *leads), leads, strict=False):
        x = (lead.at - axis.start) * COLUMNS / axis.length
        if before is not None:
            left = before.ahead - (lead.at - before.at)
            end = (min(lead.at, before.at + max(before.ahead, 0)) - axis.start) * COLUMNS / axis.length
            parts.append(f"L{end:.1f} {(high - max(left, 0)) / room:.1f}")
        parts.append(f"M{x:.1f} {(high - lead.ahead) / room:.1f}")
    if leads:
        last = leads[-1]
        end = min(last.at + max(last.ahead, 0), axis.start + axis.length)
        left = last.ahead - (end - last.at)
        parts.append(f"L{(end - axis.start) * COLUMNS / axis.length:.1f} {(high - left) / room:.1f}")
    return "".join(parts)


def _marks(marks: Sequence[Mark], axis: _Axis) -> tuple[tuple[Point, ...], tuple[tuple[str, str], ...]]:
    """Marks with their texts, or, of a kind that is too dense, one path."""
    points: list[Point] = []
    dense: list[tuple[str, str]] = []
    for kind in ("save", "refused", "admin", "fault"):
        own = [mark for mark in marks if mark.kind == kind]
        columns = {axis.column(mark.at): mark for mark in reversed(own)}
        if len(columns) > _ALONE:
            dense.append((kind, "".join(f"M{column} 0v1" for column in sorted(columns))))
            continue
        counts: dict[int, int] = {}
        for mark in own:
            counts[axis.column(mark.at)] = counts.get(axis.column(mark.at), 0) + 1
        for column, mark in columns.items():
            more = f" and {counts[column] - 1} more" if counts[column] > 1 else ""
            points.append(Point(axis.x(mark.at), kind, f"{clock(mark.at)} {mark.text}{more}"))
    return tuple(points), tuple(dense)


def _key(lane: KeyLane, axis: _Axis, y: int, colours: dict[str, int]) -> Lane:
    bars = tuple(
        axis.bar(
            span.since,
            span.until,
            f"holder c{colours.get(short(span.what), 7) % 8}",
            f"{short(span.what)} {_from(span.since, span.until)}, revision {span.revision}",
            short(span.what),
        )
        for span in lane.holders
    )
    return Lane(f"{lane.name} key", "etcd", "key", y, KEY, bars)


def _saves(found: Incident, axis: _Axis, y: int, colours: dict[str, int]) -> Lane:
    """Each save in the colour of who made it."""
    points = []
    by_column: dict[tuple[int, str], int] = {}
    for save in found.saves:
        who = short(save.writers[0]) if len(save.writers) == 1 else ""
        kind = f"write c{colours.get(who, 7) % 8}" + (" back" if save.back else "")
        place = axis.column(save.at), kind
        by_column[place] = by_column.get(place, 0) + 1
        if by_column[place] == 1:
            value = "deleted" if save.value is None else clock(save.value)
            text = (
                f"{clock(save.at)} timestamp {value} by {who or 'somebody'}, revision {save.event.revision}"
            )
            points.append(Point(axis.x(save.at), kind, text))
    wrong = [
        Point(axis.x(error.at), "wrong", f"{clock(error.at)} {error.text}", error.number)
        for error in found.errors
        if not error.clients
    ]
    return Lane("timestamp key", "etcd", "key", y, KEY, (), (*points, *wrong))


def _client(lane: ClientLane, found: Incident, axis: _Axis, y: int) -> Lane:
    answered = axis.columns(lane.answered)
    most = max(int(answered.max()), 1)
    area = "".join(
        f"M{column} 20v-{max(1.0, 18 * int(many) / most):.1f}" for column, many in enumerate(answered) if many
    )
    failed = axis.columns(lane.failed)
    dense = (("failed", "".join(f"M{column} 21v4" for column in np.flatnonzero(failed))),)
    without = "without" if lane.library else "without alone"
    bars = tuple(
        axis.bar(
            span.since, span.until, without, f"{lane.name} without answers {_from(span.since, span.until)}"
        )
        for span in lane.without
    )
    points = tuple(_wrong(lane, found, axis))
    note = f"{len(lane.answered)} of {lane.calls} answered"
    asks = "" if lane.asks == lane.name else lane.asks
    return Lane(lane.name, note, "client", y, CLIENT, bars, points, area, "", dense, asks=asks)


def _wrong(lane: ClientLane, found: Incident, axis: _Axis) -> Iterable[Point]:
    """The errors that this client saw."""
    for error in found.errors:
        if lane.name in error.clients[:1]:
            yield Point(axis.x(error.at), error.kind, f"{clock(error.at)} {error.text}", error.number)

"""The calls of a trace: by start, each once, in columns; there may be more of them than memory should hold.

A row has the numbers of a `Call`; what texts it has, tables tell that have each of them once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np

from .lines import OBSERVATION
from .observation import LOGICAL_BITS, Call
from .retold import Found, Joined, Retold, repeated
from .samples import default_client
from .spilling import Rows, Sorted, Stored, joined

Thing = TypeVar("Thing", bound=Hashable)

ONLY_END, ONLY_START = 2, 3
ROW = np.dtype(
    [
        ("start", np.int64),
        ("end", np.int64),
        ("physical", np.int64),
        ("logical", np.int64),
        ("count", np.int64),
        ("line", np.int64),
        ("file", np.int32),
        ("who", np.int32),  # see `Who`
        ("error", np.int32),  # 0: none
        ("timed", np.int32),  # 0: no, 1: yes, else which of its times alone is told
    ]
)
#: where a call stands in a file, who asked, when it started and ended, and what it got
_PLACE = np.dtype([(name, np.int64) for name in ("place", "line", "start", "end", "last", "who")])
#: bits of a line's number
_LINE_BITS = 40
#: all that makes two lines the same call, but for who asked
_SAME = ("end", "physical", "logical", "count", "error")
#: calls that are read at once, at least
MANY = 4096
#: numbers below that have 16 bits
_FEW = 1 << 16
#: of so many different ones each is looked for
_SEVERAL = 32
_FEWEST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class Who(NamedTuple):
    """Who asked, and whom."""

    client: str
    kind: str
    endpoint: str
    worker: int | None


class _InAll(NamedTuple):
    """How many calls tell no start, no end, or no time; by the number of a file, as they come, whether any is
    timed."""

    unbegun: int
    unended: int
    untimed: int
    files: dict[int, bool]


class Numbers(dict[Thing, int]):
    """A number for each thing, from 0, as they come."""

    #: about how many bytes they take
    size = 0

    def __missing__(self, thing: Thing) -> int:
        self[thing] = number = len(self)
        self.size += OBSERVATION + len(repr(thing))
        return number


class Texts:
    """The texts that rows stand for."""

    def __init__(self) -> None:
        self.files: Numbers[str] = Numbers()
        self.who: Numbers[tuple[str, str, str, int | None]] = Numbers()
        self.errors: Numbers[str | None] = Numbers({None: 0, "": 0})

    def rows(self, calls: Iterable[Call]) -> Rows:
        """Calls as rows."""
        return np.array([self._row(call) for call in calls], ROW)

    def _row(self, call: Call) -> tuple[int, ...]:
        return (
            call.start_ns,
            call.end_ns,
            # what a failed call says of a timestamp may be any number
            *(min(max(each, _FEWEST), _MOST) for each in (call.physical, call.logical, call.count)),
            call.line,
            self.files[call.file],
            self.who[call.client, call.kind, call.endpoint, call.worker],
            self.errors[call.error],
            ONLY_END if call.untold_start else ONLY_START if call.untold_end else call.timed,
        )


def told_since(rows: Rows) -> int:
    """The earliest time that is told of timed calls."""
    return int(np.where(rows["timed"] == ONLY_END, rows["end"], rows["start"]).min())


def told_until(rows: Rows) -> int:
    """The latest time that is told of timed calls."""
    return int(np.where(rows["timed"] == ONLY_START, rows["start"], rows["end"]).max())


class Calls(Sequence[Call]):
    """Calls by start."""

    def __init__(self, stored: Stored, texts: Texts) -> None:
        self._stored = stored
        #: what the numbers in ``file`` mean
        self.every_file = list(texts.files)
        self._errors = list(texts.errors)
        #: what the numbers in ``who`` mean
        self.who = [Who(*who) for who in texts.who]
        askers: Numbers[tuple[str, int | None]] = Numbers()
        #: the client and its worker behind each of them, as a number
        self.askers = np.array([askers[who.client, who.worker] for who in self.who], np.int64)

    @classmethod
    def of(cls, calls: Iterable[Call]) -> Calls:
        """These calls, which are in order."""
        texts = Texts()
        stored = Stored(ROW)
        stored.add(texts.rows(calls))
        return cls(stored, texts)

    def chunks(self) -> Iterator[Rows]:
        """All rows, in pieces."""
        return iter(self._stored)

    @cached_property
    def _in_all(self) -> _InAll:
        """What all rows have, counted once."""
        files: dict[int, bool] = {}
        unbegun = unended = untimed = 0
        for rows in self.chunks():
            timed = rows["timed"] != 0
            files |= dict.fromkeys((n for n in as_they_come(rows["file"]) if n not in files), False)
            files |= dict.fromkeys(as_they_come(rows["file"][timed]), True)
            unbegun += int(np.sum(rows["timed"] == ONLY_END))
            unended += int(np.sum(rows["timed"] == ONLY_START))
            untimed += len(rows) - int(np.sum(timed))
        return _InAll(unbegun, unended, untimed, files)

    @property
    def unbegun(self) -> int:
        """Of how many it is told when they were answered, and not when they were asked for."""
        return self._in_all.unbegun

    @property
    def unended(self) -> int:
        """Of how many it is told when they were asked for, and not when they were answered."""
        return self._in_all.unended

    @property
    def untimed(self) -> int:
        """Of how many it is not told when."""
        return self._in_all.untimed

    def those(self, which: Callable[[Rows], Any]) -> Iterator[Call]:
        """The calls of the rows for which this is true."""
        for rows in self.chunks():
            yield from map(self.call, rows.compress(which(rows)))

    def told(self, by: Callable[[Who], int]) -> Any:
        """What this says, by the number that rows have in ``who``."""
        return np.array([by(who) for who in self.who], np.int64)

    def files(self) -> list[str]:
        """The files that they are in."""
        return [self.every_file[number] for number in sorted(self._in_all.files)]

    def timed_files(self) -> list[str]:
        """The files that tell of a call when it was, as they come by start."""
        return [self.every_file[number] for number, timed in self._in_all.files.items() if timed]

    def nameless(self) -> list[str]:
        """The files that say of no call who asked, or which server: they are called after the file."""
        named = {file for file, who in self._asked() if who.endpoint or who.client != default_client(file)}
        return [file for file in self.files() if file not in named]

    def of_nobody(self) -> list[str]:
        """The files that do not say who asked, and that several servers were asked."""
        servers = {(file, who.endpoint) for file, who in self._asked() if who.client == default_client(file)}
        return [file for file, many in Counter(file for file, _ in servers).items() if many > 1]

    def _asked(self) -> Iterator[tuple[str, Who]]:
        """By file who asked, now and then the same again."""
        for rows in self.chunks():
            for pair in np.unique(rows["file"].astype(np.int64) << 32 | rows["who"]).tolist():
                yield self.every_file[pair >> 32], self.who[pair & 0xFFFFFFFF]

    def by_line(self) -> Iterator[tuple[str, Rows]]:
        """The timed rows of each file, by line, in pieces: as `_PLACE` has them, without an answer 0."""
        sorted_ = Sorted(_PLACE, "place")
        for rows in self.chunks():
            timed = rows.compress(rows["timed"] != 0)
            places = np.empty(len(timed), _PLACE)
            places["place"] = _place(timed)
            for name in ("line", "start", "end", "who"):
                places[name] = timed[name]
            places["last"] = np.where(granted(timed), last(timed), 0)
            sorted_.add(places)
        for places in sorted_:
            file = places["place"] >> _LINE_BITS
            for number in as_they_come(file):
                yield self.every_file[number], places.compress(file == number)

    def of_kinds(self, kind_at: Callable[[str], str]) -> Calls:
        """The same, where no kind is told that which this says of the endpoint."""
        other = copy(self)
        other.who = [who if who.kind else who._replace(kind=kind_at(who.endpoint)) for who in self.who]
        return other

    def without(self, files: Container[str]) -> Calls:
        """Those that are in other files."""
        out = np.array([file in files for file in self.every_file], bool)
        stored = Stored(ROW)
        for rows in self.chunks():
            stored.add(rows.compress(~out[rows["file"]]))
        return self._with(stored)

    def at_told_times(self) -> Calls:
        """The same, where those of which one time only is told take none, by start."""
        sorted_, stored = Sorted(ROW, "start"), Stored(ROW)
        for rows in self.chunks():
            instants = rows.copy()
            only_end, only_start = rows["timed"] == ONLY_END, rows["timed"] == ONLY_START
            instants["start"] = np.where(only_end, rows["end"], rows["start"])
            instants["end"] = np.where(only_start, rows["start"], rows["end"])
            instants["timed"] = rows["timed"] != 0
            sorted_.add(instants)
        for rows in sorted_:
            stored.add(rows)
        return self._with(stored)

    def moved(self, by_ns: Callable[[str], int]) -> Calls:
        """The same with so much taken off all times in a file, by start."""
        by = np.array([*map(by_ns, self.every_file)], np.int64)
        sorted_, stored = Sorted(ROW, "start"), Stored(ROW)
        for rows in self.chunks():
            moved = rows.copy()
            off = np.where(rows["timed"] != 0, by[rows["file"]], 0)
            moved["start"], moved["end"] = rows["start"] - off, rows["end"] - off
            sorted_.add(moved)
        for rows in sorted_:
            stored.add(rows)
        return self._with(stored)

    def _with(self, stored: Stored) -> Calls:
        """Other rows that stand for the same texts."""
        other = copy(self)
        other._stored = stored
        vars(other).pop("_in_all", None)
        return other

    def call(self, row: Any) -> Call:
        """A row as a call."""
        start, end, physical, logical, count, line, file, number, error, timed = row.tolist()
        who, text = self.who[number], self._errors[error]
        of = (self.every_file[file], line, who.client, who.kind, who.endpoint, who.worker)
        told = bool(timed), timed == ONLY_END, timed == ONLY_START
        return Call(*of, start, end, physical, logical, count, text, *told)

    def __len__(self) -> int:
        return len(self._stored)

    def __iter__(self) -> Iterator[Call]:
        for rows in self.chunks():
            yield from map(self.call, rows)

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Call]: ...
    def __getitem__(self, index: int | slice) -> Call | Sequence[Call]:
        found = range(len(self))[index]
        if isinstance(found, range):
            return [self[each] for each in found]
        return self.call(self._stored.read(found, 1)[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(Call.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # as of a list


class Gathering:
    """Calls as they are read, file by file."""

    def __init__(self) -> None:
        self.texts = Texts()
        self._sorted = Sorted(ROW, "start")
        self._rows = 0
        self._answered = Counter[int]()  # calls that got a timestamp, by file
        self._told: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """Rows of these texts."""
        self._count(rows)
        self._sorted.add(rows)

    def add_told(self, rows: Rows) -> None:
        """Rows of these texts, two of each line, that the log of a client tells."""
        self._count(rows)
        self._told.append(rows)

    def _count(self, rows: Rows) -> None:
        self._rows += len(rows)
        counts = np.bincount(rows["file"][granted(rows)])
        self._answered.update({file: int(counts[file]) for file in np.flatnonzero(counts).tolist()})

    @property
    def size(self) -> int:
        """How many bytes they take, in memory or in temporary files."""
        return self._rows * ROW.itemsize + self.texts.who.size + self.texts.errors.size

    def once(self) -> tuple[Calls, Retold]:
        """The calls by start, without those that another file or line repeats; and what these are."""
        found = Found([*self.texts.files])
        if self._told:
            self._join(found)
        stored = Stored(ROW)
        calls = Calls(stored, self.texts)
        servers = self._servers()
        waiting = np.empty(0, ROW)  # those that started last: more may have started then
        for rows in self._sorted:
            rows = joined((waiting, rows))  # noqa: PLW2901
            end = int(np.searchsorted(rows["start"], rows["start"][-1]))
            waiting = rows[end:]
            _add_once(rows[:end], calls.askers, servers, stored, found)
        _add_once(waiting, calls.askers, servers, stored, found)
        return calls, found.told(self._answered)

    def _join(self, found: Found) -> None:
        """Put what the logs of clients tell with the other calls, or with those of them that it is of."""
        values = np.unique(np.concatenate([last(rows) for rows in self._told]))
        alike = [rows[granted(rows) & np.isin(last(rows), values)] for rows in self._sorted]
        pool = np.concatenate((np.empty(0, ROW), *alike))
        own = len(pool)
        places = _place(pool)
        joined = Joined(pool, self._as_another)
        for told in self._told:
            clients = Numbers[str]()
            of = np.array([clients[who[0]] for who in self.texts.who], np.int64)
            joined.add(told, of, self._servers(), found)
        instead = sorted(joined.gone | joined.changed)
        if any(each < own for each in instead):
            others = Sorted(ROW, "start")
            for rows in self._sorted:
                others.add(rows[~np.isin(_place(rows), places[[each for each in instead if each < own]])])
            self._sorted = others
        added = {*range(own, len(joined.pool)), *joined.changed} - joined.gone
        self._sorted.add(joined.pool[sorted(added)])

    def _as_another(self, who: int, client: int) -> int:
        """One that asks the same server, but is the client, and the worker, of another."""
        who_is = [*self.texts.who]
        (_, kind, endpoint, _), (name, _, _, worker) = who_is[who], who_is[client]
        return self.texts.who[name, kind, endpoint, worker]

    def _servers(self) -> Rows:
        """Which server each asks, as a number; 0: that is not told."""
        numbers = Numbers[str]({"": 0})
        return np.array(
            [numbers[endpoint.rpartition("://")[2].rstrip("/")] for _, _, endpoint, _ in self.texts.who],
            np.int64,
        )


def _place(rows: Rows) -> Rows:
    """Where rows stand, as a number."""
    place: Rows = rows["file"].astype(np.int64) << _LINE_BITS | rows["line"]
    return place


def _add_once(rows: Rows, askers: Rows, servers: Rows, stored: Stored, found: Found) -> None:
    """Store the rows, of calls that are the same the first."""
    out, kept, certain = repeated(rows, askers, servers, _SAME)
    if len(out):
        found.add(rows[out], rows[kept], certain)
    stored.add(np.delete(rows, out) if len(out) else rows)


def in_rows(calls: Iterable[Call], texts: Texts) -> Iterator[Rows]:
    """Calls as rows, some of them at a time."""
    waiting = iter(calls)
    while some := [*islice(waiting, MANY)]:
        yield texts.rows(some)


def granted(rows: Rows) -> Any:
    """Which of these calls got a timestamp."""
    return rows["error"] == 0


def first(rows: Rows) -> Any:
    """The lowest timestamps granted, each as the number that it is to whoever uses it."""
    return last(rows) - rows["count"] + 1


def last(rows: Rows) -> Any:
    """The highest ones."""
    return (rows["physical"] << LOGICAL_BITS) + rows["logical"]


def as_they_come(numbers: Any) -> list[int]:
    """Each of them once."""
    if len(numbers) and numbers.max() < _FEW and numbers.min() >= 0:  # without sorting
        found = np.flatnonzero(np.bincount(numbers))
        if len(found) <= _SEVERAL:
            return [int(found[at]) for at in np.argsort([np.argmax(numbers == each) for each in found])]
    found, at = np.unique(numbers, return_index=True)
    return [int(number) for number in found[np.argsort(at)]]


def by_number(numbers: Any) -> Any:
    """Where they stand, from the lowest on; equal ones in their order."""
    few = bool(len(numbers)) and numbers.max() < _FEW and numbers.min() >= 0
    return np.argsort(numbers.astype(np.uint16) if few else numbers, kind="stable")  # of 16 bits: by digits

"""Tables of samples, many rows at once; where one cannot be read, `samples.py` goes over all of them again.

What is read here, `samples.py` reads in the same way.  A column is taken as a whole: all of it digits, or
each of its cells with `samples.time_ns`.  A row that might be anything else than one of the table (another
heading, JSON) leaves its neighbours to `samples.py` as well.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import groups, samples
from .calls import ONLY_END, ONLY_START, ROW, Texts, granted, last
from .cells import Column, alike, columns
from .columns import Checked, larger
from .lines import Tally
from .observation import LOGICAL_BITS, MAX_NS, MAX_TEXT
from .rounded import TIMESTAMPS, TIMESTAMPS_AT_LEAST, Integers
from .samples import Table
from .spilling import Rows

#: of a number that is a time
_FEWEST_DIGITS = 9
#: more than any logical part is
_NO_LOGICAL = 1 << LOGICAL_BITS
#: a line that is JSON
_JSON = re.compile(rb"^\s*\{", re.MULTILINE)


class _LeaveIt(Exception):
    """These rows are not what is read here."""


def decode(
    file: str,
    blocks: Iterable[tuple[int, Sequence[bytes | None]]],
    tally: Tally,
    texts: Texts,
    group: int = groups.DEFAULT,
) -> Iterator[Rows]:
    """The samples in the order of the file, some of them at a time; see `columns.decode`."""
    reader = samples.Reader(file, tally, group)
    integers = Integers(enough=TIMESTAMPS_AT_LEAST)
    for number, lines in larger(blocks):
        rows = _fast(file, number, lines, reader, texts, group)
        if rows is None:
            rows = texts.rows(reader.calls(enumerate(lines, number)))
        integers.add(last(rows)[granted(rows)])
        yield rows
    if integers.rounded and not reader.in_parts:
        tally.rounded = True
        tally.assume(TIMESTAMPS)


def _fast(
    file: str,
    number: int,
    lines: Sequence[bytes | None],
    reader: samples.Reader,
    texts: Texts,
    group: int,
) -> Rows | None:
    """These lines, if all of them are rows of one table that can be."""
    known = [line for line in lines if line is not None]
    if len(known) != len(lines) or not known:
        return None
    table = samples.headings(known[0])
    begin = 1 if table else 0
    table = table or reader.table
    text = b"\n".join(known[begin:])
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if table is None or (b"{" in text and _JSON.search(text)):
        return None
    many = len(known) - begin
    try:
        cells = _cells(table, text) if many else {}
        rows = _rows(file, number + begin, many, cells, texts, group)
    except (_LeaveIt, ValueError, OverflowError, csv.Error):
        return None
    reader.table = table
    reader.tally.columns |= dict.fromkeys(table.unread)
    reader.in_parts |= "logical" in cells
    zoned = samples.NO_ZONE not in reader.tally.assumed
    if zoned and any(_no_zone(cells[name]) for name in ("start", "end") if name in cells):
        reader.tally.assume(samples.NO_ZONE)
    return rows


def _no_zone(cells: Column) -> bool:
    """Whether one of these times does not say in which zone it is."""
    return cells.numbers() is None and any(map(samples.without_zone, cells.texts()))


def _cells(table: Table, text: bytes) -> dict[str, Column]:
    """The cells of each column that means something and is not empty."""
    means = [name for name in table.columns if name]
    if len(set(means)) < len(means):
        raise _LeaveIt
    found = zip(table.columns, columns(text, table.delimiter, len(table.columns)), strict=True)
    return {name: column for name, column in found if name and column}


def _rows(file: str, number: int, many: int, cells: Mapping[str, Column], texts: Texts, group: int) -> Rows:
    rows = np.empty(many, ROW)
    if many and _groups(cells) != {str(group)}:
        raise _LeaveIt
    rows["error"] = 0
    if "error" in cells:
        for at in np.flatnonzero(cells["error"].widths).tolist():
            rows["error"][at] = texts.errors[cells["error"].at(at)[:MAX_TEXT]]
    failed = rows["error"] != 0
    physical, logical = _parts(cells, many)
    rows["physical"], rows["logical"] = np.where(failed, 0, physical), np.where(failed, 0, logical)
    rows["count"] = count = _numbers(cells["count"], 1) if "count" in cells else np.ones(many, np.int64)
    start, end = (_times(cells[name]) if name in cells else None for name in ("start", "end"))
    if (start is None) is not (end is None):
        for name in [name for name in samples.TOOK if name in cells][:1]:
            took = _spans(name, cells[name])
            start, end = (start, start + took) if end is None else (np.maximum(0, end - took), end)
    timed = start is not None or end is not None
    rows["line"] = np.arange(number, number + many)
    rows["timed"] = ONLY_END if timed and start is None else ONLY_START if timed and end is None else timed
    if start is None:
        start = rows["line"] if end is None else np.maximum(0, end - samples.UNTOLD_NS)
    if end is None:
        end = start + samples.UNTOLD_NS if timed else start
    rows["start"], rows["end"] = start, end
    can_be = (samples.SINCE_MS <= physical) & (physical < samples.MAX_PHYSICAL)
    can_be &= (0 <= logical) & (logical < 1 << LOGICAL_BITS) & (0 < count) & (count - 1 <= logical)
    # a failure that has neither time nor timestamp looks like headings
    if not np.all(np.where(failed, timed, can_be) & (start <= end)):
        raise _LeaveIt
    rows["who"] = _who(file, many, cells, texts)
    rows["file"] = texts.files[file]
    return rows


def _groups(cells: Mapping[str, Column]) -> set[str]:
    """The keyspace groups that were asked."""
    if "group" not in cells:
        return {str(groups.DEFAULT)}
    found = alike([cells["group"]])
    return {cells["group"].at(row) for row in found[1]} if found else {*cells["group"].texts()}


def _parts(cells: Mapping[str, Column], many: int) -> tuple[Any, Any]:
    """The physical and the logical part of each; where there is none, such as cannot be."""
    if "physical" in cells and "logical" in cells:
        if "tso" in cells:
            raise _LeaveIt
        return _numbers(cells["physical"], 0), _numbers(cells["logical"], _NO_LOGICAL)
    if "tso" in cells:
        value = _numbers(cells["tso"], 0)
        return value >> LOGICAL_BITS, value & _NO_LOGICAL - 1
    return np.zeros(many, np.int64), np.zeros(many, np.int64)


def _numbers(cells: Column, empty: int | None = None) -> Any:
    """A column of numbers; those that are not told are ``empty``."""
    numbers = cells.numbers(empty)
    if numbers is None:
        raise _LeaveIt
    return numbers


def _times(cells: Column) -> Any:
    """A column of times, in ns since 1970."""
    numbers = cells.numbers()
    if numbers is None or int(cells.widths.min(initial=_FEWEST_DIGITS)) < _FEWEST_DIGITS:
        return np.fromiter(map(samples.time_ns, cells.texts()), np.int64, len(cells))
    unit = np.select([numbers >= least for least, _ in samples.UNITS], [by for _, by in samples.UNITS])
    if not np.all((unit > 0) & (numbers < MAX_NS // np.maximum(unit, 1))):
        raise _LeaveIt
    return numbers * unit


def _spans(name: str, cells: Column) -> Any:
    """A column that tells how long calls took, in ns."""
    found = [samples.took_ns(name, each) for each in cells.texts()]
    if None in found:
        raise _LeaveIt
    return np.array(found, np.int64)


def _who(file: str, many: int, cells: Mapping[str, Column], texts: Texts) -> Any:
    """The numbers of those who ask."""
    names = [name for name in ("client", "kind", "endpoint", "worker") if name in cells]
    asked = _Who(file, names, texts)
    of = [cells[name] for name in names]
    if not of:
        return asked[()] if many else 0
    found = alike(of)
    if found is None:
        each = zip(*(column.texts() for column in of), strict=True)
        return np.fromiter(map(asked.__getitem__, each), np.int32, many)
    number, rows = found
    return np.array([asked[tuple(column.at(row) for column in of)] for row in rows], np.int32)[number]


class _Who(dict[tuple[str, ...], int]):
    """The numbers of those who ask, by what their cells in these columns say."""

    def __init__(self, file: str, names: Sequence[str], texts: Texts) -> None:
        self._names = names
        self._default = samples.default_client(file)
        self._checked: Callable[[tuple[str, str, str, int | None]], int] = Checked(texts.who).__getitem__

    def __missing__(self, told: tuple[str, ...]) -> int:
        of = dict(zip(self._names, told, strict=True))
        worker = of.get("worker")
        number = int(_numbers(Column.of([worker]))[0]) if worker else None
        client = of.get("client") or self._default
        self[told] = found = self._checked((client, of.get("kind", ""), of.get("endpoint", ""), number))
        return found

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
from .calls import ONLY_END, ONLY_START, ROW, Texts
from .columns import Checked, larger
from .lines import Tally
from .observation import LOGICAL_BITS, MAX_NS, MAX_TEXT
from .samples import Table
from .spilling import Rows

#: longer numbers may not fit 64 bits
_DIGITS = 18
#: of a number that is a time
_FEWEST_DIGITS = 9
#: more than any logical part is
_NO_LOGICAL = str(1 << LOGICAL_BITS)
#: a line that is JSON
_JSON = re.compile(rb"^\s*\{", re.MULTILINE)
Cells = Sequence[str]


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
    for number, lines in larger(blocks):
        rows = _fast(file, number, lines, reader, texts, group)
        if rows is None:
            rows = texts.rows(reader.calls(enumerate(lines, number)))
        yield rows


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
    text = b"\n".join(known[begin:]).replace(b"\r\n", b"\n").removesuffix(b"\r")
    if table is None or (b"{" in text and _JSON.search(text)):
        return None
    try:
        cells = _cells(table, samples.text_of(text).split("\n") if len(known) > begin else [])
        rows = _rows(file, number + begin, len(known) - begin, cells, texts, group)
    except (_LeaveIt, ValueError, OverflowError, csv.Error):
        return None
    reader.table = table
    if not reader.tally.assumed and any(_no_zone(cells[name]) for name in ("start", "end") if name in cells):
        reader.tally.assumed = samples.NO_ZONE
    return rows


def _no_zone(cells: Cells) -> bool:
    """Whether one of these times does not say in which zone it is."""
    return not _digits(cells) and any(map(samples.without_zone, map(str.strip, cells)))


def _cells(table: Table, lines: list[str]) -> dict[str, Cells]:
    """The cells of each column that means something and is not empty, with blanks around them."""
    means = [name for name in table.columns if name]
    if len(set(means)) < len(means):
        raise _LeaveIt
    columns = zip(table.columns, _columns(table, lines), strict=False)
    return {name: cells for name, cells in columns if name and any(map(str.strip, cells))}


def _columns(table: Table, lines: list[str]) -> Iterable[Cells]:
    """The cells of each column."""
    text, delimiter = "\n".join(lines), table.delimiter
    many = text.partition("\n")[0].count(delimiter) + 1
    plain = not any(each in text for each in '"\r') and len(table.columns) <= many
    if plain and lines:
        cells = text.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
        breaks = cells[many :: many + 1]
        as_many = len(cells) == len(lines) * (many + 1) - 1 and breaks == ["\n"] * (len(lines) - 1)
        if as_many and max(map(len, cells)) <= MAX_TEXT:  # csv would find the same
            return [cells[at :: many + 1] for at in range(len(table.columns))]
    found = [*csv.reader(lines, delimiter=delimiter)]
    if len(found) != len(lines) or (found and min(map(len, found)) < len(table.columns)):
        raise _LeaveIt
    return zip(*found, strict=False)


def _rows(file: str, number: int, many: int, cells: Mapping[str, Cells], texts: Texts, group: int) -> Rows:
    rows = np.empty(many, ROW)
    if {*map(str.strip, cells.get("group", (str(groups.DEFAULT),)))} != {str(group)} and many:
        raise _LeaveIt
    none = ("",) * many
    errors = _Errors(texts)
    rows["error"] = np.fromiter(map(errors.__getitem__, cells.get("error", none)), np.int32, many)
    failed = rows["error"] != 0
    physical, logical = _parts(cells, many)
    rows["physical"], rows["logical"] = np.where(failed, 0, physical), np.where(failed, 0, logical)
    rows["count"] = count = _numbers(cells["count"], "1") if "count" in cells else np.ones(many, np.int64)
    start, end = (_times(cells[name]) if name in cells else None for name in ("start", "end"))
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
    who = zip(*(cells.get(name, none) for name in ("client", "kind", "endpoint", "worker")), strict=True)
    asked = _Who(file, texts)
    rows["who"] = np.fromiter(map(asked.__getitem__, who), np.int32, many)
    rows["file"] = texts.files[file]
    return rows


def _parts(cells: Mapping[str, Cells], many: int) -> tuple[Any, Any]:
    """The physical and the logical part of each; where there is none, such as cannot be."""
    if "physical" in cells and "logical" in cells:
        if "tso" in cells:
            raise _LeaveIt
        return _numbers(cells["physical"], "0"), _numbers(cells["logical"], _NO_LOGICAL)
    if "tso" in cells:
        value = _numbers(cells["tso"], "0")
        return value >> LOGICAL_BITS, value & ((1 << LOGICAL_BITS) - 1)
    return np.zeros(many, np.int64), np.zeros(many, np.int64)


def _numbers(cells: Cells, empty: str = "") -> Any:
    """A column of numbers; those that are not told are ``empty``."""
    if not _digits(cells):
        cells = [cell.strip() or empty for cell in cells]
    if not _digits(cells) or max(map(len, cells)) > _DIGITS:
        raise _LeaveIt
    return _whole_numbers(cells)


def _digits(cells: Cells) -> bool:
    """Whether each of them is digits, and at least one."""
    whole = "".join(cells)
    return whole.isascii() and not whole.encode().translate(None, b"0123456789") and all(cells)


def _whole_numbers(cells: Cells) -> Any:
    """Digits as numbers; one that is too large as the largest that there is."""
    return np.fromstring(",".join(cells), np.int64, sep=",")


def _times(cells: Cells) -> Any:
    """A column of times, in ns since 1970."""
    if not _digits(cells):
        cells = [*map(str.strip, cells)]
    if not _digits(cells) or min(map(len, cells)) < _FEWEST_DIGITS:
        return np.fromiter(map(samples.time_ns, cells), np.int64, len(cells))
    numbers = _whole_numbers(cells)
    unit = np.select([numbers >= least for least, _ in samples.UNITS], [by for _, by in samples.UNITS])
    if not np.all((unit > 0) & (numbers < MAX_NS // np.maximum(unit, 1))):
        raise _LeaveIt
    return numbers * unit


class _Errors(dict[str, int]):
    """The numbers of what went wrong, by what cells say; 0: nothing."""

    def __init__(self, texts: Texts) -> None:
        self._numbers = texts.errors

    def __missing__(self, told: str) -> int:
        self[told] = found = self._numbers[told.strip()[:MAX_TEXT] or None]
        return found


class _Who(dict[tuple[str, ...], int]):
    """The numbers of those who ask, by what their cells say."""

    def __init__(self, file: str, texts: Texts) -> None:
        self._default = samples.default_client(file)
        self._checked: Callable[[tuple[str, str, str, int | None]], int] = Checked(texts.who).__getitem__

    def __missing__(self, told: tuple[str, ...]) -> int:
        client, kind, endpoint, worker = map(str.strip, told)
        number = int(_numbers([worker])[0]) if worker else None
        found = self._checked((client or self._default, kind or samples.DEFAULT_KIND, endpoint, number))
        self[told] = found
        return found

"""Timestamps as people export them: tables, JSON lines or bare numbers, whatever their columns are called.

| column | also called | what it means |
|---|---|---|
| `tso` | `ts`, `timestamp`, `tso_value` | a 64-bit timestamp: physical part (ms) << 18, logical part |
| `physical`, `logical` | `physical_ms`, `logic` | its two parts; `logical` is the last one of `count` |
| `count` | `batch`, `n` | how many were granted at once; 1 |
| `start` | `start_time`, `started`, `started_at`, `begin`, `begin_time`, `sent`, `sent_at`, `request_time` | when it was asked for |
| `end` | `end_time`, `ended_at`, `finish`, `finished_at`, `finish_time`, `done`, `completed_at`, `received`, `received_at`, `response_time`, `time`, `at` | when it was here |
| `took` | `latency`, `duration`, `elapsed`, `rtt` | how long it took: a number whose unit is behind the name (`latency_ms`), or a text with its unit (`1.2ms`) |
| `client` | `session`, `connection`, `connection_id`, `instance` | who asked; the file |
| `worker` | `thread` | which of several, a number; none |
| `kind` | | pd or tso (asked there), lib (PD's client library); what `endpoint` is, if logs or etcd tell, else lib |
| `endpoint` | `server`, `address`, `url` | which server was asked; unknown |
| `error` | | text of the failure; then there is no timestamp |
| `group` | `keyspace_group`, `keyspace_group_id` | the keyspace group asked; 0 |

The same columns of a Parquet file (numbers, text, decimals, times) are a table of which the first row is line 2.
Capitals and what stands between words do not matter, nor does a unit behind a time's name (`start_unix_ns`,
`end_ms`).  `timestamp` may have its two parts in it.  Without headings a line is a timestamp, or a time and a
timestamp.  The frame that `mysql` draws around a table is none of its rows.  Times are numbers in ns, microseconds, ms or s since 1970
(which, their size tells) or RFC 3339 (without an offset: UTC).  A call of which only one time is told may have
begun `UNTOLD_NS` before its end, or ended so long after its start.  Without both it has its place in the file
only (`Call.timed`).

`start_ts` and `commit_ts` are no such columns: a transaction's stand in the row of each of its statements, and
the times beside them are not those at which a timestamp was asked for.
"""  # noqa: E501  # a row of a table is one line

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from math import ceil
from pathlib import PurePath
from typing import Any

from . import groups
from .lines import MAX_LINE, Tally, json_object
from .observation import LOGICAL_BITS, MAX_NAME, MAX_NS, MAX_TEXT, NS_PER_MS, Call

#: how long a call may take whose start or end is not told
UNTOLD_NS = 60_000_000_000

_NAMES = {
    "tso": ("tso", "ts", "timestamp", "tso_value"),
    "physical": ("physical", "physical_ms"),
    "logical": ("logical", "logic"),
    "count": ("count", "batch", "n"),
    "start": (
        *("start", "start_time", "started", "started_at", "begin", "begin_time", "begun_at"),
        *("sent", "sent_at", "request_time"),
    ),
    "end": (
        *("end", "end_time", "ended", "ended_at", "finish", "finished", "finished_at", "finish_time"),
        *("done", "done_at", "completed", "completed_at"),
        *("received", "received_at", "response_time", "time", "at"),
    ),
    "client": ("client", "session", "connection", "connection_id", "instance"),
    "worker": ("worker", "thread"),
    "kind": ("kind",),
    "endpoint": ("endpoint", "server", "address", "url"),
    "error": ("error",),
    "group": ("group", "keyspace_group", "keyspace_group_id"),
}
_MEANS = {name: column for column, names in _NAMES.items() for name in names}
_TOOK = re.compile(r"(?:took|latency|duration|elapsed|rtt)(?:_time)?(?:_([a-z]+))?")
#: units of how long a call took, in ns
_UNITS_NS = {
    **dict.fromkeys(("ns", "nanos"), 1),
    **dict.fromkeys(("us", "micros", "\N{MICRO SIGN}s", "\N{GREEK SMALL LETTER MU}s"), 1_000),
    **dict.fromkeys(("ms", "millis"), 1_000_000),
    **dict.fromkeys(("s", "sec", "seconds"), 1_000_000_000),
}
#: columns of how long a call took, by the unit behind the name (empty: none is)
TOOK = {f"took_{unit}" if unit else "took": unit for unit in ("", *_UNITS_NS)}
_LONGEST_NS = MAX_NS >> 8
_SPAN = re.compile(r"(\d{1,19}(?:\.\d{1,30})?(?:[eE]-\d{1,2})?) ?(\D{0,7})")
#: behind a time's name, in which unit it is: its size tells that as well
_UNIT = re.compile(r"(?:_unix)?_(?:ns|us|ms|s|sec|nanos|micros|millis)$")
#: where a word of a time's name begins that no blank or mark is before
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: of columns that mean nothing so many are named
_FEW = 8
#: what `mysql` and Markdown draw around rows, and `mysql` says beside them; what stands before headings
_BESIDE = re.compile(rb"[\s+|:=-]+|\d+ rows? in set.*|Query OK,.*|mysql> .*")
_BEFORE = re.compile(rb"#.*|sep=.")
#: a time and a timestamp
_TWO = re.compile(r"(\S+(?: \d\d:\d\d:\d\d\S*)?)[ \t]+(\d{17,19})")
_DELIMITERS = ",;\t|"
_SEPARATORS = re.compile(r"[\W_]+")
#: a cell that begins with a digit, whatever stands between cells: no heading does
_DIGIT_FIRST = re.compile(rf"(?:^|[{_DELIMITERS}])[\s\"]*\d")
_NUMBER = re.compile(r"\d{1,20}")
_NUMERIC = re.compile(r"\d{9,19}(?:\.\d{1,9})?")
_ZONE = re.compile(r"[Tt ].*(?:[Zz]|[+-]\d\d(?::?\d\d){0,2})$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: a timestamp before that is none: TiDB is younger
#: what is said where a time has no zone
NO_ZONE = "times without a zone are read as UTC; if they are not, write their offset behind them (+08:00)"
SINCE_MS = 1_420_070_400_000
MAX_PHYSICAL = MAX_NS // NS_PER_MS
#: units of a time by the size of its number, in ns
UNITS = ((10**17, 1), (10**14, 1_000), (10**11, 1_000_000), (10**8, 1_000_000_000))


@dataclass(frozen=True, slots=True)
class Table:
    """What the columns of a table mean (None: nothing that is read), what stands between them, and the names
    of those that mean nothing."""

    columns: tuple[str | None, ...]
    delimiter: str
    unread: tuple[str, ...] = ()


def recognise(line: bytes, document: Any) -> bool:
    """Whether a line (``document``: what it is in JSON) is a sample, headings of a table, or a timestamp."""
    if isinstance(document, dict):
        named = _named(document)
        words = [value for name in ("tso", "physical") if isinstance(value := named.get(name), str) and value]
        return tells_a_timestamp(meanings(document)) and all(map(_NUMBER.fullmatch, words))
    return headings(line) is not None or _bare(line) is not None or bool(_with_time(line))


def headings(line: bytes) -> Table | None:
    """The line as the headings of a table of samples, if it is that."""
    text = line.decode(errors="replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if len(line) > MAX_TEXT or _DIGIT_FIRST.search(text):
        return None
    for delimiter in sorted(_DELIMITERS, key=text.count, reverse=True):
        names = _row(text, delimiter)
        columns = meanings(names)
        if tells_a_timestamp(columns):
            return Table(columns, delimiter, unread(names, columns))
    return None


class Reader:
    """Reads the samples of a file, line by line; ``table`` are the last headings that it came to."""

    def __init__(self, file: str, tally: Tally, group: int = groups.DEFAULT) -> None:
        self.table: Table | None = None
        self._file = file
        self.tally = tally
        self._group = group
        #: whether some row has the two parts of its timestamp
        self.in_parts = False

    def calls(self, lines: Iterable[tuple[int, bytes | None]]) -> Iterator[Call]:
        """The samples in their order; the tally counts what cannot be read, or is of another group."""
        for number, sample in self._rows(lines):
            self.in_parts |= "logical" in sample
            if str(sample.get("group", groups.DEFAULT)) == str(self._group):
                yield from _call(self._file, number, sample, self.tally)
            else:
                self.tally.other += 1

    def _rows(self, lines: Iterable[tuple[int, bytes | None]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """By line, what it says by column."""
        for number, line in lines:
            if line is None:
                self.tally.skip(number, f"line longer than {MAX_LINE >> 20} MiB")
            elif not line.strip():
                continue
            elif _BESIDE.fullmatch(line.strip()) or (self.table is None and _BEFORE.fullmatch(line.strip())):
                self.tally.other += 1
            elif line.lstrip()[:1] == b"{":
                document = json_object(number, line, self.tally)
                if document is not None:
                    self.tally.columns |= dict.fromkeys(unread([*document], meanings(document)))
                    yield number, _named(document)
            elif (found := headings(line)) is not None:
                self.table = found
                self.tally.columns |= dict.fromkeys(found.unread)
            elif (value := _bare(line)) is not None:
                yield number, {"tso": value}
            elif self.table is None and (told := _with_time(line)):
                yield number, told
            elif self.table is not None:
                cells = zip(self.table.columns, _row(text_of(line), self.table.delimiter), strict=False)
                yield number, {name: cell for name, cell in cells if name and cell}
            else:
                self.tally.skip(number, "not a sample")


def text_of(line: bytes) -> str:
    """A line as text, whatever bytes it has."""
    return line.decode(errors="replace")


def _row(text: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader(io.StringIO(text), delimiter=delimiter), [])]
    except csv.Error:
        return []


def meanings(names: Iterable[str]) -> tuple[str | None, ...]:
    """What columns of these names are; None: nothing that is read."""
    return tuple(map(_meaning, names))


def _meaning(name: str) -> str | None:
    plain = _SEPARATORS.sub("_", name.strip().lower()).strip("_")
    if plain in _MEANS:
        return _MEANS[plain]
    words = _SEPARATORS.sub("_", _WORD.sub("_", name.strip()).lower()).strip("_")
    if (took := _TOOK.fullmatch(words)) and (took[1] or "") in TOOK.values():
        return f"took_{took[1]}" if took[1] else "took"
    found = _MEANS.get(_UNIT.sub("", words))
    return found if found in ("start", "end") else None


def unread(names: Sequence[str], columns: Sequence[str | None]) -> tuple[str, ...]:
    """The names of columns that mean nothing, some of them."""
    found = (name[:MAX_NAME] for name, column in zip(names, columns, strict=True) if name and not column)
    return tuple(islice(found, _FEW))


def tells_a_timestamp(columns: Sequence[str | None]) -> bool:
    """Whether these columns are enough."""
    return "tso" in columns or {"physical", "logical"} <= set(columns)


def _named(document: Mapping[str, Any]) -> dict[str, Any]:
    found = zip(meanings(document), document.values(), strict=True)
    named = {name: value for name, value in found if name and value is not None}
    if isinstance(parts := named.get("tso"), dict):  # as PD's messages have it
        del named["tso"]
        named |= {name: parts[name] for name in ("physical", "logical") if name in parts}
    return named


def _with_time(line: bytes) -> dict[str, Any]:
    """A line that is a time and a timestamp; empty: it is not, or either may be either."""
    two = _TWO.fullmatch(text_of(line[:MAX_NAME]).strip())
    value = _bare(two[2].encode()) if two else None
    if two is None or value is None or _bare(two[1].encode()) is not None:
        return {}
    try:
        time_ns(two[1])
    except ValueError:
        return {}
    return {"end": two[1], "tso": value}


def _bare(line: bytes) -> int | None:
    """A line that is a timestamp and nothing else."""
    text = line.strip()
    value = int(text) if len(text) <= 19 and text.isdigit() else 0
    return value if value >> LOGICAL_BITS >= SINCE_MS and value < 1 << 63 else None


def _call(file: str, number: int, sample: Mapping[str, Any], tally: Tally) -> Iterator[Call]:
    """The call that a row tells of, if it does."""
    try:
        times = [sample.get(name) for name in ("start", "end")]
        start, end = (None if each is None else time_ns(each) for each in times)
        start, end = _with_took(sample, start, end, tally)
        if any(map(without_zone, times)):
            tally.assume(NO_ZONE)
        error = str(sample["error"])[:MAX_TEXT] if sample.get("error") else None
        physical, logical = (0, 0) if error else _parts(sample)
        count = _integer(sample.get("count", 1))
        worker = _integer(sample["worker"]) if "worker" in sample else None
    except ValueError as wrong:
        tally.skip(number, str(wrong))
        return
    names = [str(sample.get(name, "")) for name in ("client", "kind", "endpoint")]
    if max(map(len, names)) > MAX_NAME:
        tally.skip(number, f"name of more than {MAX_NAME} characters")
        return
    if error is None and not (0 < count <= logical + 1):
        tally.skip(number, "impossible range of timestamps")
        return
    timed = start is not None or end is not None
    begin = start if start is not None else max(0, (end or 0) - UNTOLD_NS)
    until = end if end is not None else begin + UNTOLD_NS
    if begin > until:
        tally.skip(number, "call that ends before it starts")
        return
    if not timed:
        begin = until = number
    client, kind, endpoint = (name.encode(errors="replace").decode() for name in names)
    of = client or default_client(file), kind, endpoint, worker
    yield Call(
        file,
        number,
        *of,
        begin,
        until,
        physical,
        logical,
        count,
        error,
        timed,
        timed and start is None,
        timed and end is None,
    )


def _with_took(
    sample: Mapping[str, Any], start: int | None, end: int | None, tally: Tally
) -> tuple[int | None, int | None]:
    """Both times, if one is told and how long it took."""
    if (start is None) is (end is None):
        return start, end
    for name in [name for name in TOOK if name in sample][:1]:
        took = took_ns(name, sample[name])
        if took is None:
            tally.columns[f"{name}, without a unit"] = None
        elif end is not None:
            return max(0, end - took), end
        elif start is not None:
            return start, start + took
    return start, end


def took_ns(column: str, value: Any) -> int | None:
    """How long a call took at most, in ns: its last digit may be rounded. None: its unit is not told.

    Raises:
        ValueError: it is none.
    """
    found = _SPAN.fullmatch(str(value)[:MAX_NAME].strip()) if not isinstance(value, bool) else None
    unit = (found[2] or TOOK[column]) if found else ""
    if found is None or (unit and unit not in _UNITS_NS):
        raise ValueError("a span of time that is none")
    if not unit:
        return None
    took = Decimal(found[1])
    least = took.as_tuple().exponent
    assert isinstance(least, int)
    most = (took + Decimal(1).scaleb(least)) * _UNITS_NS[unit]
    if most >= _LONGEST_NS:
        raise ValueError("a span of time that is none")
    return ceil(most)


def default_client(file: str) -> str:
    """Who asked, where no column tells."""
    return PurePath(file).name.partition(".")[0]


def _parts(sample: Mapping[str, Any]) -> tuple[int, int]:
    """The physical and the logical part.

    Raises:
        ValueError: there is none, or it can be none.
    """
    if "physical" in sample and "logical" in sample:
        physical, logical = _integer(sample["physical"]), _integer(sample["logical"])
    elif "tso" in sample:
        value = _integer(sample["tso"])
        physical, logical = value >> LOGICAL_BITS, value & ((1 << LOGICAL_BITS) - 1)
    else:
        raise ValueError("no timestamp")
    if not (SINCE_MS <= physical < MAX_PHYSICAL and logical < 1 << LOGICAL_BITS):
        raise ValueError("a number that is no timestamp")
    return physical, logical


def _integer(value: Any) -> int:
    if type(value) is int and 0 <= value < 1 << 63:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value) and int(value) < 1 << 63:
        return int(value)
    raise ValueError("field of the wrong type")


def without_zone(value: Any) -> bool:
    """Whether a time is a text that does not say in which zone it is."""
    return isinstance(value, str) and not _NUMERIC.fullmatch(value) and not _ZONE.search(value)


def time_ns(value: Any) -> int:
    """A time in ns since 1970.

    Raises:
        ValueError: it is none.
    """
    try:
        if isinstance(value, str) and not _NUMERIC.fullmatch(value):
            moment = datetime.fromisoformat(value[:MAX_NAME])
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            found = (moment - _EPOCH) // _MICROSECOND * 1000
        else:
            number = float(value) if isinstance(value, float) or "." in str(value) else _integer(value)
            unit = next((unit for least, unit in UNITS if number >= least), 0)
            found = int(number * unit)
    except (ValueError, OverflowError):
        raise ValueError("a time that is none") from None
    if not 0 < found < MAX_NS:
        raise ValueError("a time that is none")
    return found

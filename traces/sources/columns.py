"""Client samples, many lines at once; where one cannot be read, `clients.py` goes over all of them again.

What is read here, `clients.py` reads in the same way: msgspec takes neither a text for a number nor one kind
of number for another. Only in what nobody wants it looks less closely: text that is not UTF-8, numbers of
thousands of digits. So lines that are long or not ASCII are left to `clients.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

import msgspec
import numpy as np

from . import calls, clients, groups
from .calls import ROW, Numbers, Texts
from .lines import Tally
from .observation import LOGICAL_BITS, MAX_NAME, MAX_NS, MAX_TEXT, NS_PER_MS
from .samples import SINCE_MS
from .spilling import Rows


class _Sample(msgspec.Struct, gc=False):
    """A sample; see `clients.py`."""

    client: str
    kind: str
    endpoint: str
    start_unix_ns: int
    end_unix_ns: int
    physical: int
    logical: int
    count: int
    worker: int | None = None
    error: str | None = None
    keyspace_group_id: int = groups.DEFAULT


_decode = msgspec.json.Decoder(_Sample).decode
_decode_lines = msgspec.json.Decoder(_Sample).decode_lines
_who = attrgetter("client", "kind", "endpoint", "worker")
_group, _error = attrgetter("keyspace_group_id"), attrgetter("error")
_NUMBERS = {
    "start": attrgetter("start_unix_ns"),
    "end": attrgetter("end_unix_ns"),
    "physical": attrgetter("physical"),
    "logical": attrgetter("logical"),
    "count": attrgetter("count"),
}


def decode(
    file: str,
    blocks: Iterable[tuple[int, Sequence[bytes | None]]],
    tally: Tally,
    texts: Texts,
    group: int = groups.DEFAULT,
) -> Iterator[Rows]:
    """The samples in the order of the file, some of them at a time.

    `blocks` are lines that follow each other, with the number of the first.
    """
    for number, lines in larger(blocks):
        rows = _fast(file, number, lines, texts, group)
        if rows is None:
            rows = texts.rows(clients.decode(file, enumerate(lines, number), tally, group))
        yield rows


def larger(
    blocks: Iterable[tuple[int, Sequence[bytes | None]]],
) -> Iterator[tuple[int, Sequence[bytes | None]]]:
    begin, many = 1, list[bytes | None]()
    for number, lines in blocks:
        begin = begin if many else number
        many += lines
        if len(many) >= calls.MANY:
            yield begin, many
            many = []
    if many:
        yield begin, many


def _fast(file: str, number: int, lines: Sequence[bytes | None], texts: Texts, group: int) -> Rows | None:
    """These lines, if all of them are samples that can be."""
    known = [line for line in lines if line is not None]
    text = b"\n".join(known)
    if len(known) != len(lines) or not text.isascii() or max(map(len, known), default=0) > MAX_TEXT:
        return None
    rows = np.empty(len(known), ROW)
    try:
        samples = _samples(text, known)
        for column, of in _NUMBERS.items():
            rows[column] = np.fromiter(map(of, samples), np.int64, len(samples))
        asked = np.fromiter(map(_group, samples), np.int64, len(samples))
        rows["who"] = np.fromiter(map(Checked(texts.who).__getitem__, map(_who, samples)), np.int32)
        rows["error"] = np.fromiter(map(texts.errors.__getitem__, map(_error, samples)), np.int32)
    except (msgspec.MsgspecError, RecursionError, OverflowError, ValueError):
        return None
    start, end, physical, logical, count = (rows[column] for column in _NUMBERS)
    can_be = (0 < physical) & (physical < MAX_NS // NS_PER_MS) & (0 < count) & (count - 1 <= logical)
    granted = can_be & (logical < 1 << LOGICAL_BITS)
    granted &= (physical < SINCE_MS) | (start >= clients.LEAST_NS)
    if not np.all((0 <= start) & (start <= end) & (end < MAX_NS) & ((rows["error"] != 0) | granted)):
        return None
    failed = rows["error"] != 0
    rows["physical"][failed] = rows["logical"][failed] = 0
    rows["line"] = np.arange(number, number + len(known))
    rows["file"], rows["timed"] = texts.files[file], True
    return rows if np.all(asked == group) else None


def _samples(text: bytes, lines: Sequence[bytes]) -> Sequence[_Sample]:
    """The samples on these lines, one on each; ``text``: all of them."""
    # Nothing that is valid goes on from a line that ends with } to one that begins with {.
    if text.startswith(b"{") and text.endswith(b"}") and text.count(b"}\n{") == len(lines) - 1:
        samples = _decode_lines(text)
        if len(samples) == len(lines):
            return samples
    return [*map(_decode, lines)]


class Checked(dict[tuple[str, str, str, int | None], int]):
    """The numbers of those who ask; a name that is too long raises a ValueError."""

    def __init__(self, numbers: Numbers[tuple[str, str, str, int | None]]) -> None:
        self._numbers = numbers

    def __missing__(self, who: tuple[str, str, str, int | None]) -> int:
        if max(map(len, who[:3])) > MAX_NAME:
            raise ValueError(who)
        self[who] = number = self._numbers[who]
        return number

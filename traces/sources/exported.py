"""Log lines in tables, as stores export them: columns that say whose a line is mark it (`labels.py`).

Rows become documents, which `wrapping.py` takes lines from; without such a column they stay as they are.
Headings are no line of a log.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import chain

from . import labels
from .observation import MAX_TEXT

_DELIMITERS = ",;\t|"

#: what the column with the lines is called
_LINES = frozenset(
    (
        *("line", "message", "@message", "msg", "_msg", "log", "logmessage", "logentry", "content", "text"),
        *("textpayload", "body", "_raw", "@rawstring"),
    )
)

Numbered = tuple[int, bytes | None]


def marked(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The lines of a log; those of a table that says so with whose they are."""
    every = iter(lines)
    first = next(every, (0, b""))
    names, delimiter = _headings(first[1] or b"")
    marks = [at for at, name in enumerate(names) if labels.called(name)]
    if not marks:
        yield from chain((first,) if first[0] and not names else (), every)
        return
    for number, line in every:
        cells = _row(line or b"", delimiter)
        if len(cells) == len(names):
            told = {names[at] if at in marks else str(at): cell for at, cell in enumerate(cells)}
            yield number, json.dumps(told).encode()
        else:
            yield number, line


def _headings(line: bytes) -> tuple[list[str], str]:
    """The names of a table's columns, and what stands between them; none if it is no headings of one."""
    for delimiter in _DELIMITERS if len(line) < MAX_TEXT else "":
        names = [name.lower().strip("\N{ZERO WIDTH NO-BREAK SPACE}") for name in _row(line, delimiter)]
        if len(names) > 1 and not _LINES.isdisjoint(names):
            return names, delimiter
    return [], ""


def _row(line: bytes, delimiter: str) -> list[str]:
    try:
        text = line.decode(errors="replace").rstrip("\r\n")
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:
        return []

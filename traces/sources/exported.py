"""Log lines in tables, as stores export them: a column that says whose line it is marks it.

| column | also called |
|---|---|
| `pod` | `pod_name`, `kubernetes.pod.name` |
| `instance` | |
| `container` | `container_name`, `kubernetes.container.name` |
| `hostname` | `host`, `host.name`, `node`, `_HOSTNAME` |

The first of these that a table has counts; capitals do not matter.  Its rows become documents, which
`wrapping.py` takes lines from; without such a column they stay as they are.  Headings are no line of a log.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import chain

from .observation import MAX_TEXT

_NAMES = (
    *("pod", "pod_name", "kubernetes.pod.name", "kubernetes.pod_name", "instance"),
    *("container", "container_name", "kubernetes.container.name", "kubernetes.container_name"),
    *("hostname", "host", "host.name", "node", "_hostname"),
)
_DELIMITERS = ",;\t|"

#: what the column with the lines is called
_LINES = frozenset(("line", "message", "@message", "msg", "log", "content", "text"))

Numbered = tuple[int, bytes | None]


def marked(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The lines of a log; those of a table that says so with whose they are."""
    every = iter(lines)
    first = next(every, (0, b""))
    names, delimiter = _headings(first[1] or b"")
    of = next((name for name in _NAMES if name in names), None)
    if of is None:
        yield from chain((first,) if first[0] and not names else (), every)
        return
    for number, line in every:
        cells = _row(line or b"", delimiter)
        if len(cells) == len(names):
            told = {"pod": cells.pop(names.index(of)), **{str(at): cell for at, cell in enumerate(cells)}}
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

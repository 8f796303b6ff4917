"""Lines of a file that nobody vouches for: plain or packed, of any size, cut off or damaged anywhere.

Nothing here grows with the file. A line longer than `MAX_LINE` is passed over. What goes on and on ends: a
file is read up to `MAX_SIZE` bytes of text, `MAX_KEPT` bytes of observations (of all files together) or
`MAX_SKIPPED` lines that cannot be read, whichever comes first, and its damage is said.
"""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from .packing import Text

MAX_LINE = 8 << 20  # etcd's first watch response packs up to 1000 revisions of history into one line
MAX_SIZE = 8 << 30
MAX_KEPT = 800 << 20  # of all files of a trace; of calls, in temporary files
OBSERVATION = 400  # what one takes, about, from where it is read to where it is judged
MAX_SKIPPED = 1_000_000
_CHUNK = 1 << 20


class Tally:
    """What became of a file's lines that gave no observation.

    `kept` is about how many bytes the observations take, with those of files before; `other` counts what is
    well formed and says nothing about the protocol; `skipped` what could not be read, by reason. `assumed` is
    what was taken for granted of what could; `rounded`: its timestamps are not exact; `columns`: those that
    mean nothing here.
    """

    def __init__(self, kept: int = 0) -> None:
        self.kept = kept
        self.other = 0
        self.skipped = 0
        self.assumed = ""
        self.rounded = False
        self.columns: dict[str, None] = {}
        self._skipped: dict[str, tuple[int, int]] = {}

    def keep(self, *texts: str | None) -> None:
        """Count an observation, with texts of its own."""
        self.kept += OBSERVATION + sum(len(text) for text in texts if text)

    def skip(self, line: int, reason: str) -> None:
        """Count something unreadable on `line`."""
        count, first = self._skipped.get(reason, (0, line))
        self._skipped[reason] = (count + 1, first)
        self.skipped += 1

    def assume(self, what: str) -> None:
        """Say once what was taken for granted."""
        if what not in self.assumed:
            self.assumed = "; ".join(filter(None, (self.assumed, what)))

    @property
    def reasons(self) -> tuple[str, ...]:
        """One sentence for each reason, naming the first line it was found on."""
        return tuple(
            f"{count} x {reason} (first: line {line})" for reason, (count, line) in self._skipped.items()
        )


class Lines:
    """The lines of a text, once, as (number from 1, content without its end).

    A line that is too long has content `None`.

    A last line without an end is given only when it can be a whole JSON object, or is the only one and can be
    a whole line of a log; otherwise it is `unfinished`.
    `damage` says after the last line why the text could not be read to its end, `None` when it could. What
    becomes of the lines is counted in `tally`. Raises `BadInput` when the file cannot be read.
    """

    def __init__(self, text: Text, tally: Tally | None = None) -> None:
        self._text = text
        self._tally = tally or Tally()
        self.damage: str | None = None
        self.unfinished: tuple[int, bytes] | None = None
        self._all = self._read()
        self._taken: list[tuple[int, list[bytes | None]]] = []

    def ahead(self) -> Iterator[tuple[int, bytes | None]]:
        """The first lines, as far as they are asked for; they are given again."""
        for number, lines in self._all:
            self._taken.append((number, lines))
            for each in enumerate(lines, number):
                if self._ends():
                    return
                yield each

    def __iter__(self) -> Iterator[tuple[int, bytes | None]]:
        for number, lines in chain(self._taken, self._all):
            for each in enumerate(lines, number):
                if self._ends():
                    return
                yield each

    def blocks(self) -> Iterator[tuple[int, list[bytes | None]]]:
        """The same, many at once: the number of the first of them, and what they are."""
        for block in chain(self._taken, self._all):
            if self._ends():
                return
            yield block

    def _ends(self) -> bool:
        """Whether no more lines are to be given."""
        if self._tally.kept > MAX_KEPT:
            self.damage = f"the observations take more than {MAX_KEPT >> 20} MiB"
        elif self._tally.skipped > MAX_SKIPPED:
            self.damage = f"more than {MAX_SKIPPED:,} lines cannot be read"
        else:
            return False
        return True

    def _read(self) -> Iterator[tuple[int, list[bytes | None]]]:
        number = 1
        parts: list[bytes] = []  # of the line that has not ended yet
        size = 0
        for chunk in self._chunks():
            head, *ended = chunk.split(b"\n")
            size += len(head)
            if size <= MAX_LINE:
                parts.append(head)
            if not ended:
                continue
            *lines, rest = ended  # shorter than a chunk
            yield number, [b"".join(parts) if size <= MAX_LINE else None, *lines]
            number += 1 + len(lines)
            parts, size = [rest], len(rest)
        rest = b"".join(parts)
        if size > MAX_LINE:
            yield number, [None]
        elif rest.rstrip().endswith(b"}") or (number == 1 and rest.rstrip().endswith(b"]")):
            yield number, [rest]
        elif rest:
            self.unfinished = (number, rest)

    def _chunks(self) -> Iterator[bytes]:
        left = MAX_SIZE
        while chunk := self._text.read(_CHUNK):
            yield chunk
            left -= len(chunk)
            if left < 0:
                self.damage = f"there are more than {MAX_SIZE >> 30} GiB"
                return
        self.damage = self._text.damage


def json_object(number: int, line: bytes | None, tally: Tally) -> dict[str, Any] | None:
    """The JSON object on a line; anything else is counted and `None`, but for a line that is blank."""
    if line is None:
        tally.skip(number, f"line longer than {MAX_LINE >> 20} MiB")
        return None
    if not line.strip():
        return None
    try:
        document = json.loads(str(line, "utf-8"))
    except (
        ValueError,
        RecursionError,
    ):  # not UTF-8, not JSON, an integer of thousands of digits; nested too deeply
        tally.skip(number, "not JSON")
        return None
    if not isinstance(document, dict):
        tally.skip(number, "not a JSON object")
        return None
    return document

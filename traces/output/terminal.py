"""Everything that a terminal or a pipe gets to see: text of unknown origin is made harmless here.

Names of servers, clients and files, descriptions, titles and messages come out of files that nobody vouches
for. A `Terminal` prints none of their control characters (escape sequences, overrides of direction, halves of
characters) and takes no text for markup; `one_line` keeps a message on its line.

What cannot be written is no traceback: stderr that is closed or full is like ``--no-progress``, and stdout
that is closed like ``--quiet`` where only tables would go there; a reader of stdout that goes away has read
enough; stdout that is full, or closed although a document was to go there, ends in a line and exit status 2.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.segment import Segment

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.console import ConsoleOptions, RenderableType

#: the exit status when output that was asked for cannot be written
UNWRITABLE = 2
#: a message that is longer is cut: it quotes too much
_LONG = 2_000
#: of what goes to no terminal, unless COLUMNS says otherwise
WIDTH = 80
#: the greatest exit status of a verdict; those above say what is worse than lost output
VERDICTS = 3


def clean(text: str) -> str:
    """Text of unknown origin without anything that a terminal could obey, line breaks included."""
    if text.isprintable():
        return text
    return "".join(letter if _harmless(letter) else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _harmless(letter: str) -> bool:
    """Python counts every space but one as not printable; tables keep formulas together with this one."""
    return letter.isprintable() or letter == "\N{NO-BREAK SPACE}"


def clean_lines(text: str) -> str:
    """The same of a text of several lines."""
    return "\n".join(map(clean, text.split("\n")))


def one_line(message: object) -> str:
    """A message on one line, whatever it quotes."""
    line = clean(" ".join(str(message).split()))
    return line if len(line) <= _LONG else f"{line[:_LONG]}…"


class Terminal(Console):
    """A console that takes no text for markup, and prints nothing that a terminal could obey but colours."""

    def __init__(self, *, stderr: bool = False, quiet: bool = False, file: TextIO | None = None) -> None:
        super().__init__(stderr=stderr, quiet=quiet, file=file, highlight=False, markup=False, emoji=False)
        # rich would take the width of a terminal that another stream leads to
        if not self.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
            self.width = WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of whatever is printed; what moves the cursor is rich's own."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(clean_lines(segment.text), segment.style)


class _Stream(io.FileIO):
    """The raw end of stdout or stderr: remembers that something could not be written, and goes on."""

    def __init__(self, number: int, broken: OSError | None) -> None:
        super().__init__(number, "w", closefd=False)
        self.closed_from_the_start = broken is not None
        self._broken = broken
        self.lost: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        if self._broken is None:
            try:
                return super().write(data) or 0  # a terminal that does not block: again
            except OSError as error:
                self._broken = error
        self.lost = self._broken
        return memoryview(data).nbytes


_guarded: dict[str, _Stream] = {}


def guard() -> None:
    """Make stdout and stderr streams to which everything can be written: see above."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        given: TextIO | None = getattr(sys, name)
        if given is None:  # closed: a file that is opened later must not take its place
            while os.open(os.devnull, os.O_WRONLY) < number:
                pass
        stream = _Stream(number, None if given else OSError(errno.EBADF, "it is closed"))
        text = io.TextIOWrapper(
            io.BufferedWriter(stream),
            encoding=given.encoding if given else "utf-8",
            errors="replace",
            line_buffering=name == "stderr" or stream.isatty(),
        )
        setattr(sys, name, text)
        _guarded[name] = stream


def is_closed(name: str) -> bool:
    """Was this stream closed from the beginning? Then nobody wants what would go there."""
    stream = _guarded.get(name)
    return stream is not None and stream.closed_from_the_start


def finish(status: int) -> int:
    """The exit status when all is said: another one if a result was to go to stdout and could not."""
    sys.stdout.flush()
    lost = _guarded["stdout"].lost
    if lost is None or lost.errno == errno.EPIPE or status > VERDICTS:
        return status
    sys.stderr.write(
        f"tsofence: stdout: the result cannot be written ({lost.strerror}); write it to a file\n"
    )
    return UNWRITABLE

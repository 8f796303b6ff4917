"""A log that a server goes on writing, followed through rotation: its lines, in their order.

A file that was renamed is read to its end before the new one of its name.  One that was cut to nothing while
it was open may have lost lines that nobody read: a line that no server writes stands there then, which a
replay counts as one that it cannot read, so that the log is not taken to be whole.  Where a server writes
nothing for a while, and at the end, a line says that the log was followed to there: it is quiet, and not cut.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from ..sources.words import FOLLOWED
from .lines import Lines

#: how often a log is looked at, s
_LOOK_S = 0.2
#: how often it is said that nothing was written, s: a replay takes a log for cut after 10
_QUIET_S = 5.0
#: what is read at once, and the longest line that is kept, bytes
_AT_ONCE = 1 << 20
_LOST = b"tsofence: lines may be missing here, for the log was truncated\n"


class Tail:
    """Follows one log; ``say`` is told what is amiss, a line each."""

    def __init__(self, path: Path, lines: Lines, say: Callable[[str], None]) -> None:
        self.path = path
        self._lines = lines
        self._say = say
        self._begun = b""  # a line of which the end is not there yet
        self._file: FileIO | None = None
        self._said_at = 0.0

    async def follow(self, stop: asyncio.Event) -> None:
        """Until it is to stop, and then what is there by then.  A log that cannot be read may be later."""
        while True:
            last = stop.is_set()
            read_at = datetime.now(UTC)
            while self._step():
                await asyncio.sleep(0)
            if last or time.monotonic() - self._said_at > _QUIET_S:
                self._followed(read_at)
            if last:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_S)

    def turn(self, lines: Lines) -> None:
        """Go on in another file."""
        self._lines.close()
        self._lines = lines

    def close(self) -> None:
        """Nothing more is read or written."""
        self._lines.close()
        if self._file is not None:
            self._file.close()

    def _step(self) -> bool:
        """A step on; whether there may be more."""
        try:
            return self._next()
        except OSError as error:
            self._say(f"{self.path} cannot be read ({error.strerror or type(error).__name__})")
            return False

    def _next(self) -> bool:
        if self._file is None:
            self._file = _opened(self.path)
            return self._file is not None
        here = os.fstat(self._file.fileno())
        there = _stat(self.path)
        if more := self._file.read(_AT_ONCE):
            self._take(more)
            return True
        if here.st_size < self._file.tell():
            self._say(f"{self.path} was truncated: lines may be missing")
            self._end()
            self._lines.write(_LOST)
            self._file.seek(0)
            return True
        other = there is not None and (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)
        if other and there is not None and there.st_size:
            # a server that writes to the new one no longer writes to this one, which was read after that
            self._end()
            self._file.close()
            self._file = _opened(self.path)
            return self._file is not None
        return False

    def _followed(self, read_at: datetime) -> None:
        """Say that all is read which was written by then, if that is so."""
        if self._file is not None and self._said_at and not self._begun:
            moment = f"{read_at:%Y/%m/%d %H:%M:%S}.{read_at.microsecond // 1000:03d} +00:00"
            self._lines.write(f'[{moment}] [INFO] ["{FOLLOWED}"]\n'.encode())
            self._said_at = time.monotonic()

    def _take(self, more: bytes) -> None:
        self._said_at = time.monotonic()
        lines, newline, self._begun = (self._begun + more).rpartition(b"\n")
        if newline:
            self._lines.write(lines + newline)
        elif len(self._begun) > _AT_ONCE:
            self._end()

    def _end(self) -> None:
        """A line that does not end is one."""
        if self._begun:
            self._lines.write(self._begun + b"\n")
        self._begun = b""


def _opened(path: Path) -> FileIO | None:
    """None: it is not there, as between the two steps of a rotation."""
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None

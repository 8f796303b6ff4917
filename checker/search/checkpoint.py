"""A search written to a file now and then, so that it can go on after its process was killed.

The file is written beside the last one and then takes its place: whenever the process dies, or the disk is
full, one of the two is there, whole.  It goes with one model: version, scenario, fence, properties and
reductions.  Its last bytes are a hash of all the others.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Self

from ... import __version__
from .errors import CheckpointError
from .native import Native

#: seconds of search between two files at least, and how many times as long as the last one took: what
#: checkpoints cost stays below a twentieth
_PAUSE, _SHARE = 10.0, 20
#: goes up when the same version reads and writes something else
_FORMAT = 2
_DIGEST = 32
#: bytes of a header at most: levels by the million
_HEADER = 1 << 26


@dataclass(frozen=True, slots=True)
class Position:
    """Where a search is: ``levels`` holds the first state of each level, ``last`` the end of the last one,
    ``at`` the next state to be expanded; ``seconds``: how long it took."""

    at: int
    last: int
    levels: list[int]
    seconds: float


def _position(told: Any, states: int) -> Position | None:
    """Where a search of so many states can be; None: it cannot be there."""
    at, last, levels, seconds = told["at"], told["last"], told["levels"], told["seconds"]
    if not isinstance(levels, list) or not all(type(number) is int for number in (states, at, last, *levels)):
        return None
    bounds = [*levels, last]
    rising = levels[:1] == [0] and all(one < other for one, other in pairwise(bounds))
    if not rising or not levels[-1] <= at <= last <= states:
        return None
    if type(seconds) is not float or not 0 <= seconds < math.inf:
        return None
    return Position(at, last, levels, seconds)


class Checkpoint:
    """The file of one search, which no other process may use meanwhile.

    Raises:
        CheckpointError: another process does, or the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        #: why the last file was not written; empty: it was
        self.trouble = ""
        self._written, self._took = time.monotonic(), 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # it stays: who removed it could remove the one that somebody else has just locked
            self._lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise CheckpointError(f"{path}: no checkpoint can be written: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            if isinstance(error, BlockingIOError):
                why = "another process is at this search: wait for it, or name another folder"
            else:
                why = f"cannot be locked: {error.strerror}; name another folder"
            raise CheckpointError(f"{path}: {why}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def due(self) -> bool:
        """Is it time to write again?"""
        return time.monotonic() - self._written > max(_PAUSE, _SHARE * self._took)

    def write(self, engine: Native, position: Position) -> None:
        """Write the states and where the search is; where that fails, say so in ``trouble``."""
        began = time.monotonic()
        aside = self.path.with_name(f"{self.path.name}.new")
        try:
            aside.unlink(missing_ok=True)
            with aside.open("xb") as file:
                self._write(file, engine, position)
            aside.replace(self.path)
            self.trouble = ""
        except OSError as error:
            # the search is worth more than its file
            self.trouble = f"{self.path} was not written: {error.strerror}; an earlier one is kept"
            with suppress(OSError):
                aside.unlink(missing_ok=True)
        self._written = time.monotonic()
        self._took = self._written - began

    def _write(self, file: IO[bytes], engine: Native, position: Position) -> None:
        header = {**_model(engine), "states": len(engine), "position": asdict(position)}
        hashed = _Hashed(file)
        hashed.write(json.dumps(header).encode() + b"\n")
        engine.write(hashed)
        file.write(hashed.digest())
        file.flush()
        os.fsync(file.fileno())

    def read(self, engine: Native) -> Position:
        """Give a new engine the states of the file; where the search was.

        Raises:
            CheckpointError: the file is not of this model, or not whole.
            MemoryError: there is no room for the states.
        """
        if not self.path.is_file():
            raise CheckpointError(f"{self.path}: this is not a file: name another folder")
        try:
            with self.path.open("rb") as file:
                return self._read(file, engine)
        except OSError as error:
            raise CheckpointError(f"{self.path}: cannot be read: {error.strerror}") from None

    def _read(self, file: IO[bytes], engine: Native) -> Position:
        hashed = _Hashed(file)
        try:
            header = json.loads(hashed.readline(_HEADER))
            asked = _model(engine)
            model = {name: header[name] for name in asked}
            states = header["states"]
            position = _position(header["position"], states)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise CheckpointError(f"{self.path}: this is not a checkpoint") from None
        if model != asked:
            raise CheckpointError(
                f"{self.path}: a checkpoint of another model or version: name another folder"
            )
        damaged = CheckpointError(f"{self.path}: the checkpoint is damaged: delete it")
        left = os.fstat(file.fileno()).st_size - file.tell()
        if position is None or left != engine.written_bytes(states) + _DIGEST:
            raise damaged
        engine.read(hashed, states)
        if file.read() != hashed.digest() or not engine.take_in(states):
            raise damaged
        return position


def _model(engine: Native) -> dict[str, Any]:
    return {"tsofence": __version__, "format": _FORMAT, "model": engine.fingerprint}


class _Hashed:
    """A file, and the hash of what was read from it or written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file: Any = file  # every binary file has readinto, but its type does not say so
        self._hash = hashlib.blake2b(digest_size=_DIGEST)
        self.digest = self._hash.digest

    def write(self, data: Any) -> None:
        self._file.write(data)
        self._hash.update(data)

    def readline(self, most: int) -> bytes:
        line: bytes = self._file.readline(most)
        self._hash.update(line)
        return line

    def readinto(self, into: Any) -> None:
        self._file.readinto(into)
        self._hash.update(into)

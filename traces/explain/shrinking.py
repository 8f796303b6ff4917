"""The smallest part of a recording that still shows a violation, as a recording of its own.

Lines are left out, first those of whole files, then fewer and fewer at once, while the property is judged as
before (delta debugging: A. Zeller, R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002).
What is left needs each of its lines, or `MAX_TRIES` are over.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Any, Self, TypeAlias

import numpy as np

from ..judge.judgement import Judgement
from ..sources.lines import Lines
from ..sources.observation import BadInput, no_room
from ..sources.packing import Text
from ..sources.reading import texts

#: how often the property is judged at most: what needs the model takes a second each time
MAX_TRIES = 2_000
_PACKED = {".gz", ".zst", ".xz", ".bz2"}

#: whether the recording in a folder shows the violation
Shows = Callable[[Path], bool]
#: some of all lines, by number, in order
_Part: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
#: more bytes than that are not held in memory
_ROOM = 16 << 20


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Where the part of a recording is that shows a violation; how many lines it has, and had."""

    folder: Path
    lines: int
    of: int


def shrink(paths: Iterable[Path | str], judgement: Judgement, shows: Shows, folder: Path) -> Shrunk | None:
    """Write the part that shows the violation to a folder; None: it does not show in the lines alone.

    Raises:
        BadInput: a path cannot be read, or the folder cannot be written.
    """
    places = {(seen.where.file, seen.where.line) for seen in judgement.witness or ()}
    with _Recording(paths, places) as recording, tempfile.TemporaryDirectory(prefix="tsofence-") as aside:
        tries = _Tries(recording, shows, Path(aside))
        for begin in (recording.shown, recording.with_headings, recording.lines):
            if tries.show(begin):
                kept = tries.fewest(begin)
                recording.write(kept, folder)
                return Shrunk(folder, len(kept), len(recording.lines))
    return None


class _Recording:
    """The lines of all files, in one temporary file; `shown` are those at some places.

    Of each line only where it begins is in memory.
    """

    def __init__(self, paths: Iterable[Path | str], places: set[tuple[str, int]]) -> None:
        self.files: list[str] = []
        self._text: IO[bytes] = tempfile.SpooledTemporaryFile(_ROOM, prefix="tsofence-")  # noqa: SIM115  # see _close
        self._first = array("q")  # line of each file
        self._headed: list[bool] = []  # whether that is line 1
        self._begins = array("q", [0])
        shown = array("q")
        try:
            for text in texts(paths):
                with text:
                    self._add(text, places, shown)
        except BaseException:
            self._close()
            raise
        self.lines: _Part = np.arange(len(self._begins) - 1)
        self.shown: _Part = np.array(shown, np.int64)

    def _add(self, text: Text, places: set[tuple[str, int]], shown: array[int]) -> None:
        self.files.append(text.name)
        self._first.append(len(self._begins) - 1)
        self._headed.append(False)
        lines = Lines(text)
        for number, line in lines:
            if line is not None:
                self._put(number, line, places, shown)
        if lines.unfinished:
            self._put(*lines.unfinished, places, shown)
        try:
            self._text.flush()
        except OSError as error:
            raise no_room(error) from None

    def _put(self, number: int, line: bytes, places: set[tuple[str, int]], shown: array[int]) -> None:
        """Put a line behind the others.

        Raises:
            BadInput: there is no room for temporary files.
        """
        if (self.files[-1], number) in places:
            shown.append(len(self._begins) - 1)
        self._headed[-1] = self._headed[-1] or number == 1
        try:
            self._text.write(line)
        except OSError as error:
            raise no_room(error) from None
        self._begins.append(self._begins[-1] + len(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        with suppress(OSError):  # on a full disk it was said when it was written
            self._text.close()

    @property
    def with_headings(self) -> _Part:
        """What is shown, with the first lines of these files: those of a table."""
        headings = [self._first[of] for of in np.unique(self.file_of(self.shown)) if self._headed[of]]
        return np.union1d(self.shown, np.array(headings, np.int64))

    def file_of(self, part: _Part) -> _Part:
        """In which file each line is, by number."""
        found: _Part = np.searchsorted(np.array(self._first, np.int64), part, "right") - 1
        return found

    def write(self, kept: _Part, folder: Path) -> None:
        """Write a part of it, a file for each."""
        folder.mkdir(parents=True, exist_ok=True)
        of = self.file_of(kept)
        names = {number: self._name(number) for number in np.unique(of).tolist()}
        for number, name in names.items():
            unlike = name if [*names.values()].count(name) == 1 else f"{number}-{name}"
            try:
                with (folder / unlike).open("wb") as file:
                    file.writelines(self._read(line) + b"\n" for line in kept[of == number].tolist())
            except OSError as error:
                what_to_do = f"check the path and its disk ({error.strerror})"
                raise BadInput(str(folder / unlike), None, "a file that can be written", what_to_do) from None

    def _read(self, line: int) -> bytes:
        self._text.seek(self._begins[line])
        return self._text.read(self._begins[line + 1] - self._begins[line])

    def _name(self, number: int) -> str:
        """What a file is called without what it was packed with: a client may be called after it."""
        path = PurePath(self.files[number])
        while path.suffix in _PACKED:
            path = path.with_suffix("")
        return path.name


class _Tries:
    """Parts of a recording, tried in a folder."""

    def __init__(self, recording: _Recording, shows: Shows, aside: Path) -> None:
        self._recording = recording
        self._shows = shows
        self._aside = aside
        self._left = MAX_TRIES

    def show(self, part: _Part) -> bool:
        """Whether this part shows the violation; False when there were too many tries."""
        if not len(part) or not self._left:
            return False
        self._left -= 1
        folder = self._aside / str(self._left)
        self._recording.write(part, folder)
        try:
            return self._shows(folder)
        except BadInput:  # nothing that is a recording is left
            return False
        finally:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()

    def fewest(self, part: _Part) -> _Part:
        """A part of this part of which no line can be left out."""
        for file in np.unique(self._recording.file_of(part)).tolist():
            part = self._without(part, part[self._recording.file_of(part) == file])
        size = len(part) // 2
        while size and self._left:
            before = len(part)
            for some in [*_pieces(part, size)]:
                part = self._without(part, some)
            if size > 1 or len(part) == before:  # single lines again, while some could be left out
                size //= 2
        return part

    def _without(self, part: _Part, some: _Part) -> _Part:
        fewer: _Part = part[~np.isin(part, some)]
        return fewer if self.show(fewer) else part


def _pieces(part: _Part, size: int) -> Iterator[_Part]:
    """The last ones first: what comes after a violation is not needed for it."""
    for begin in range((len(part) - 1) // size * size, -1, -size):
        yield part[begin : begin + size]

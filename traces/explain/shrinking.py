"""The smallest part of a recording that still shows a violation, as a recording of its own.

Lines are left out, first those of whole files, then fewer and fewer at once, while the property is judged as
before (delta debugging: A. Zeller, R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002).
What is left needs each of its lines, or `MAX_TRIES` are over.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..judge.judgement import Judgement
from ..sources.lines import Lines
from ..sources.observation import BadInput
from ..sources.reading import texts

#: how often the property is judged at most: what needs the model takes a second each time
MAX_TRIES = 2_000
_PACKED = {".gz", ".zst", ".xz", ".bz2"}

#: whether the recording in a folder shows the violation
Shows = Callable[[Path], bool]
#: a file by number, and a line of it
_Line = tuple[int, int]


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
    recording = _Recording(paths)
    places = {(seen.where.file, seen.where.line) for seen in judgement.witness or ()}
    shown = {(file, line) for file, line in recording.lines if (recording.files[file], line) in places}
    headings = {(file, 1) for file, _ in shown}  # of a table
    with tempfile.TemporaryDirectory(prefix="tsofence-") as aside:
        tries = _Tries(recording, shows, Path(aside))
        for begin in (shown, shown | headings, {*recording.lines}):
            if tries.show(begin):
                kept = tries.fewest(sorted(begin))
                recording.write(kept, folder)
                return Shrunk(folder, len(kept), len(recording.lines))
    return None


class _Recording:
    """The lines of all files."""

    def __init__(self, paths: Iterable[Path | str]) -> None:
        self.files: list[str] = []
        self.lines: dict[_Line, bytes] = {}
        for text in texts(paths):
            with text:
                lines = Lines(text)
                found = [(number, line) for number, line in lines if line is not None]
                found += [lines.unfinished] if lines.unfinished else []
                self.lines |= {(len(self.files), number): line for number, line in found}
                self.files.append(text.name)

    def write(self, kept: Iterable[_Line], folder: Path) -> None:
        """Write a part of it, a file for each."""
        of: defaultdict[int, list[bytes]] = defaultdict(list)
        for line in sorted(kept):
            of[line[0]].append(self.lines[line])
        folder.mkdir(parents=True, exist_ok=True)
        names = [self._name(number) for number in of]
        for number, name in zip(of, names, strict=True):
            unlike = name if names.count(name) == 1 else f"{number}-{name}"
            text = b"".join(line + b"\n" for line in of[number])
            try:
                (folder / unlike).write_bytes(text)
            except OSError as error:
                what_to_do = f"check the path and its disk ({error.strerror})"
                raise BadInput(str(folder / unlike), None, "a file that can be written", what_to_do) from None

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

    def show(self, part: Iterable[_Line]) -> bool:
        """Whether this part shows the violation; False when there were too many tries."""
        part = [*part]
        if not part or not self._left:
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

    def fewest(self, part: Sequence[_Line]) -> Sequence[_Line]:
        """A part of this part of which no line can be left out."""
        for file in {line[0] for line in part}:
            part = self._without(part, [line for line in part if line[0] == file])
        size = len(part) // 2
        while size and self._left:
            before = len(part)
            for some in [*_pieces(part, size)]:
                part = self._without(part, some)
            if size > 1 or len(part) == before:  # single lines again, while some could be left out
                size //= 2
        return part

    def _without(self, part: Sequence[_Line], some: Sequence[_Line]) -> Sequence[_Line]:
        left_out = {*some}
        fewer = [line for line in part if line not in left_out]
        return fewer if self.show(fewer) else part


def _pieces(part: Sequence[_Line], size: int) -> Iterator[Sequence[_Line]]:
    """The last ones first: what comes after a violation is not needed for it."""
    for begin in range((len(part) - 1) // size * size, -1, -size):
        yield part[begin : begin + size]

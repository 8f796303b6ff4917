"""Which of the files that somebody names, or of those in folders, are runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..sources import reading
from ..sources.observation import BadInput
from .files import is_run

#: files below a folder that are looked at
_MANY = 10_000


@dataclass(frozen=True, slots=True)
class Runs:
    """Run `files`; `beside` them, in the same folders, others that are no recordings."""

    files: tuple[Path, ...] = ()
    beside: tuple[Path, ...] = ()


def all_runs(paths: Sequence[Path]) -> Runs:
    """The run files that these are, or that are below these folders; none where there is a recording too.

    Raises:
        BadInput: there are so many files below a folder that some of the runs might be missed.
    """
    files: list[Path] = []
    beside: list[Path] = []
    for path in paths:
        if not path.is_dir():
            if not is_run(path):
                return Runs()
            files.append(path)
            continue
        below = [*islice(path.rglob("*"), _MANY)]
        for each in sorted(filter(Path.is_file, below)):
            (files if is_run(each) else beside).append(each)
        if files and len(below) == _MANY:
            expected = f"fewer than {_MANY:,} files below it"
            raise BadInput(str(path), None, expected, "name the runs, or a part")
    if not files or any(map(_is_recording, beside)):
        return Runs()
    return Runs(tuple(files), tuple(beside))


def _is_recording(path: Path) -> bool:
    try:
        return reading.is_recording(path)
    except BadInput:
        return False

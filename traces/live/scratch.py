"""A folder for as long as a process lives: what a kill -9 leaves, the next process that wants one removes.

A file in the folder is locked (flock) from before anybody sees it, and the kernel takes the lock away with
the process.  So a folder whose file can be locked belongs to nobody.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..sources.observation import no_room

_NAMED = "tsofence-watch-"
_LOCK = "locked"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of this process, with its lock in it.

    Raises:
        BadInput: there is no room for it.
    """
    _tidy(Path(tempfile.gettempdir()))
    try:
        folder = Path(tempfile.mkdtemp(prefix=_NAMED))
        lock = (folder / "lock").open("xb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "lock").rename(folder / _LOCK)
    except OSError as error:
        raise no_room(error) from None
    try:
        with lock:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tidy(where: Path) -> None:
    """Remove the folders that nobody has any more."""
    for folder in where.glob(f"{_NAMED}*"):
        with suppress(OSError):  # somebody else's, in use, or being removed
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            with (folder / _LOCK).open("r+b") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)

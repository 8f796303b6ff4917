"""Faults of tsofence itself: what nobody expected is told in one line, and costs nothing that was found."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import TracebackType

from ... import __version__

#: in the environment: show the traceback as well
TRACEBACK = "TSOFENCE_TRACEBACK"

_ROOT = Path(__file__).resolve().parents[2]
_LONG = 300


class Held:
    """Work of several parts, each in a ``with``: where one fails the others go on, and it is told at last."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> None:
        return

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = self.error or error
        return True

    def release(self) -> None:
        """All parts are told.

        Raises:
            Exception: whatever went wrong first.
        """
        if self.error is not None:
            raise self.error


def describe(error: BaseException) -> str:
    """What to report: the exception, and where in tsofence it was raised."""
    message = str(error)
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.is_relative_to(_ROOT) and "site-packages" not in file.relative_to(_ROOT).parts:
            where = f" at {file.relative_to(_ROOT).as_posix()}:{frame.lineno}"
    return f"{type(error).__name__}: {message[:_LONG]}{where}"


def told(error: BaseException) -> str:
    """The line that a user can report."""
    return (
        f"a fault of tsofence {__version__}: {describe(error)}; please report this line and the command "
        f"({TRACEBACK}=1 in the environment shows the traceback)"
    )


def trace(error: BaseException) -> str:
    """The traceback, if the environment asks for it."""
    return "".join(traceback.format_exception(error)) if os.environ.get(TRACEBACK) else ""

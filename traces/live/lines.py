"""A file of a recording while it is written."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from ..sources.observation import BadInput


class Lines:
    """A file that is written a line at a time, whole lines whenever it is looked at.

    Raises:
        BadInput: it cannot be written, or is there already.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from None

    def write(self, line: bytes) -> None:
        """One line, with its end."""
        left = memoryview(line)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError as error:
            raise self._unwritable(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more is written."""
        self._file.close()

    def _unwritable(self, error: OSError) -> BadInput:
        reason = error.strerror or type(error).__name__
        return BadInput(
            str(self.path), None, "a file that can be written", f"check the folder and its disk ({reason})"
        )

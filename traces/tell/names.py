"""Names of files as people read them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..output.terminal import clean


class Names:
    """File names as short as they can be while they differ: below the folder that all are in."""

    def __init__(self, files: Sequence[str]) -> None:
        self._folder = os.path.commonpath([Path(file).parent for file in files]) if files else ""

    def place(self, file: str, line: int) -> str:
        """A line of a file."""
        return f"{self.short(file)}:{line}"

    def short(self, file: str) -> str:
        """A file."""
        return clean(os.path.relpath(file, self._folder) if self._folder else file)

    def within(self, text: str) -> str:
        """A text that names files."""
        return clean(text.replace(f"{self._folder}{os.sep}", "") if self._folder else text)

"""A page whose sections are made, below what is written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_HEADING = "\n## "


@dataclass
class Page:
    """``above``: all before the first heading; ``sections``: by heading, without it."""

    above: str
    sections: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Page:
        """The page as it is.

        Raises:
            OSError: it cannot be read.
        """
        above, *parts = path.read_text(encoding="utf-8").split(_HEADING)
        split = (part.partition("\n") for part in parts)
        return cls(above, {heading: text.strip("\n") for heading, _, text in split})

    def write(self, path: Path, order: Iterable[str]) -> None:
        """Write it, with those sections that it has, in that order."""
        parts = [f"{_HEADING}{name}\n\n{self.sections[name]}\n" for name in order if name in self.sections]
        path.write_text(self.above.rstrip("\n") + "\n" + "".join(parts), encoding="utf-8")

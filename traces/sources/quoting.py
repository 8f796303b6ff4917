"""A line of a recording, read again to be shown."""

from __future__ import annotations

from pathlib import Path

from .lines import Lines
from .observation import BadInput, Where
from .packing import opened
from .wrapping import unwrap

#: of a line that is quoted
_LONGEST = 240


def quoted(where: Where) -> str:
    """A line of a file, again; empty where it cannot be read or is no text for people."""
    path = Path(where.file)
    try:
        if not path.is_file():
            return ""
        with opened(path) as file:
            for text in file.members():
                for number, line in Lines(text) if text.name == where.file else ():
                    if number == where.line:
                        told = unwrap(line or b"")[:_LONGEST].decode(errors="replace")
                        return "" if told.startswith("{") else told
    except BadInput:
        return ""
    return ""

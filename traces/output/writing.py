"""Results in files: whole, or as they were before.

A disk that is full half way leaves no half result, and does not take the last one along: a file is written
beside the one that it replaces. What is no file (a pipe, a device) is written to as it is.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

import click

from ..sources.observation import BadInput


def write(file: Path, text: str) -> None:
    """Write a file; where that fails, what was there before stays.

    Raises:
        BadInput: it cannot be written; the message names the file.
    """
    target = Path(os.path.realpath(file))  # a link stays one
    try:
        if _has_neighbours(file, target):
            _replace(target, text)
        else:
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(
            str(file), None, "a file that can be written", f"check the path and its disk ({reason})"
        ) from None


def put(text: str, target: Path | str | None) -> None:
    """Write to a file, or to stdout (``-``, or None); raises as `write`."""
    if target is not None and target != "-":
        write(Path(target), text)
    elif text:
        click.echo(text, nl=not text.endswith("\n"))


def _has_neighbours(file: Path, target: Path) -> bool:
    """Whether something can be written beside it: it is no stream, and its folder takes new files."""
    stream = file.exists() and (not file.is_file() or Path("/dev") in file.absolute().parents)
    return not stream and (os.access(target.parent, os.W_OK) or not target.exists())


def _replace(file: Path, text: str) -> None:
    aside = file.with_name(f".tsofence-{secrets.token_hex(8)}")
    try:
        with aside.open("x", encoding="utf-8") as beside:
            if file.exists():
                aside.chmod(file.stat().st_mode & 0o777)
            beside.write(text)
            beside.flush()
            os.fsync(beside.fileno())  # some of a disk's errors are told here and nowhere else
        aside.replace(file)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)

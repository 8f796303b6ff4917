"""Files and folders to write to: said before the work, not after it."""

from __future__ import annotations

import os
from pathlib import Path

import click


def writable(ctx: click.Context, param: click.Parameter, to: str | None) -> str | None:
    """Said before the work, not after it."""
    if to in (None, "-"):
        return to
    file = Path(to)
    if not to or file.is_dir() or not file.absolute().parent.is_dir():
        raise click.BadParameter(f"{to!r}: expected a file in a folder that exists; make the folder first")
    if not os.access(file if file.exists() else file.absolute().parent, os.W_OK):
        raise click.BadParameter(f"{to}: expected a file that may be written; check its permissions")
    return to


def empty(ctx: click.Context, param: click.Parameter, folder: Path | None) -> Path | None:
    """A folder with nothing in it: what lies there would be read with what is written."""
    if folder is not None and folder.is_dir() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder}: expected an empty folder, or a new one; name another")
    return folder


def made(ctx: click.Context, param: click.Parameter, folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder

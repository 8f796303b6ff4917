"""The runs that the last search or proof found: they can be shown although nobody asked for files of them.

One file in the user's cache directory, replaced as a whole: of two commands at once, the later one's runs are
there, and nobody finds a part. A place that cannot be written costs nothing but that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...checker.reductions import kept
from ...checker.run import Run
from ..output.writing import write
from ..sources.observation import BadInput
from ..sources.packing import open_bounded
from . import files

#: the word that stands for it where a file could be named
LAST = "last"
#: of all runs together: the shortest ones are kept
MAX_BYTES = 32 << 20
#: of the file: JSON within JSON
_MOST = 2 * MAX_BYTES
_FORMAT = "tsofence last"
_FIND_AGAIN = "find it again: tsofence explore, or prove"
_FEW = 12


def keep(command: str, found: Mapping[tuple[str, str], Run]) -> bool:
    """Keep runs by fence and property instead of the last ones; was there a place for them?

    ``command``: how the user called it, for messages.
    """
    place = _place()
    if place is None:
        return False
    runs: dict[str, str] = {}
    room = MAX_BYTES
    for (fence, prop), run in sorted(found.items(), key=lambda each: len(each[1].moves)):
        text = files.dumps(run)
        room -= len(text)
        if room < 0:
            break
        runs[f"{fence}.{prop}"] = text
    with suppress(OSError, BadInput):
        place.parent.mkdir(parents=True, exist_ok=True)
        write(place, json.dumps({"format": _FORMAT, "command": command, "runs": runs}))
        return True
    return False


def load(which: Sequence[str]) -> Run:
    """The run that a property names, or a fence and a property (``off.unique``); no word names the only one.

    Raises:
        BadInput: nothing was kept, none is called so, or several are.
    """
    command, runs = _kept()
    asked = ".".join(which)
    by = f"the last search or proof ({command})"
    if not runs:
        raise BadInput(LAST, None, f"a run of {by}, which found none", _FIND_AGAIN)
    named = [name for name in runs if _names(name, asked)]
    if not named:
        raise BadInput(LAST, None, f"a run of {by}: {_some(runs)}; not {asked!r}", "name one of those")
    if len(named) > 1:
        expected = f"one run, but {by} found {len(named)}{f' of {asked}' if asked else ''}: {_some(named)}"
        raise BadInput(LAST, None, expected, f"name one: tsofence show {LAST} {named[0]}")
    run = files.parse(runs[named[0]].encode(), f"{LAST} {named[0]}")
    return files.checked(run, f"{LAST} {named[0]}")


def _names(name: str, asked: str) -> bool:
    """A fence may have dots in its name, and a property of one's own as well."""
    return not asked or name == asked or name.endswith(f".{asked}") or name.startswith(f"{asked}.")


def _some(names: Iterable[str]) -> str:
    all_ = list(names)
    return ", ".join(all_[:_FEW]) + (f" and {len(all_) - _FEW} more" if len(all_) > _FEW else "")


def _kept() -> tuple[str, dict[str, str]]:
    place = _place()
    text = b""
    with suppress(OSError):
        if place is not None:
            with open_bounded(place) as file:
                text = file.read(_MOST)
    if not text:
        raise BadInput(LAST, None, "a run of the last search or proof, but none is kept", _FIND_AGAIN)
    found: Any = None
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
    if (
        not isinstance(found, dict)
        or found.get("format") != _FORMAT
        or not isinstance(found.get("command"), str)
        or not isinstance(found.get("runs"), dict)
        or not all(isinstance(run, str) for run in found["runs"].values())
    ):
        raise BadInput(str(place), None, "what tsofence keeps of the last search", _FIND_AGAIN)
    return found["command"], found["runs"]


def _place() -> Path | None:
    folder = kept.directory()
    return None if folder is None else folder / f"{LAST}.json"

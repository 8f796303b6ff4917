"""Where what a command found goes: to the terminal, as JSON, as files of runs; and what failed on the way."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from ...checker.run import Run
from ..output import faults
from ..output.document import Document
from ..output.faults import Held
from ..output.terminal import Terminal, is_closed, one_line
from ..output.writing import put, write
from ..runs import files, last
from .documents import Result


def as_json(document: Document) -> str:
    """A document in plain ASCII: every terminal and encoding takes that, whatever names are in it."""
    return json.dumps(document.plain(), indent=2).replace("\x7f", "\\u007f") + "\n"


class Outlet:
    """What a user said about output.

    ``json_to``: a file, ``-`` for stdout or None; ``runs``: the folder for runs or None; ``live``: progress
    is shown while the command works. Tables go to ``console``: stdout, or stderr where a document takes that;
    how far the work is, to ``progress``. Faults in ``held`` wait until everything else is told.
    """

    def __init__(self, *, json_to: str | None, runs: Path | None, quiet: bool, live: bool) -> None:
        self.progress = Terminal(stderr=True, quiet=quiet)
        self.console = Terminal(quiet=quiet or is_closed("stdout"))
        self.live = live
        self.held = Held()
        self._json_to = json_to
        self._runs = runs
        if self.to_stdout:
            self.leave_stdout()

    @property
    def to_stdout(self) -> bool:
        """Does the result go to stdout as JSON?"""
        return self._json_to == "-"

    def leave_stdout(self) -> None:
        """A document goes there, alone: tables go to stderr."""
        self.console = self.progress

    def write_runs(self, found: Mapping[tuple[str, str], Run]) -> dict[tuple[str, str], str]:
        """Write runs by fence and property; the file of each that could be written."""
        if self._runs is None:
            return {}
        written = {}
        for (fence, prop), run in found.items():
            path = self._runs / f"{fence}.{prop}.json"
            with self.held:
                write(path, files.dumps(run))
                written[fence, prop] = str(path)
        return written

    def keep(self, found: Mapping[tuple[str, str], Run]) -> bool:
        """Keep runs by fence and property for ``show last``; was there a place for them?"""
        return last.keep(shlex.join(["tsofence", *sys.argv[1:]]), found)

    def finish(self, result: Callable[[], Result]) -> None:
        """Write the result, if somebody wants it.

        Raises:
            BadInput: it cannot be written.
            Exception: a fault that was held back.
        """
        if self._json_to is not None:
            fault = None if self.held.error is None else one_line(faults.describe(self.held.error))
            put(as_json(replace(result(), fault=fault)), self._json_to)
        self.held.release()

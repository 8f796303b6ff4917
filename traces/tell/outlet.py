"""Where what a command found goes: to the terminal, as JSON, as files of runs; and what failed on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from ...checker.run import Run
from ..output import faults
from ..output.document import Document
from ..output.faults import Held
from ..output.terminal import Terminal, one_line
from ..output.writing import put, write
from ..runs import files
from .documents import Result


def as_json(document: Document) -> str:
    """A document in plain ASCII: every terminal and encoding takes that, whatever names are in it."""
    return json.dumps(document.plain(), indent=2).replace("\x7f", "\\u007f") + "\n"


class Outlet:
    """What a user said about output.

    ``json_to``: a file, ``-`` for stdout or None; ``runs``: the folder for runs or None; ``live``: progress
    is shown while the command works. Faults in ``held`` wait until everything else is told.
    """

    def __init__(self, *, json_to: str | None, runs: Path | None, quiet: bool, live: bool) -> None:
        #: stdout stays free for machines
        self.console = Terminal(stderr=True, quiet=quiet)
        self.live = live
        self.held = Held()
        self._json_to = json_to
        self._runs = runs

    @property
    def to_stdout(self) -> bool:
        """Does the result go to stdout?"""
        return self._json_to == "-"

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

    def finish(self, result: Result) -> None:
        """Write the result.

        Raises:
            BadInput: it cannot be written.
            Exception: a fault that was held back.
        """
        self._write_json(result)
        self.held.release()

    def _write_json(self, result: Result) -> None:
        if self._json_to is None:
            return
        fault = None if self.held.error is None else one_line(faults.describe(self.held.error))
        put(as_json(replace(result, fault=fault)), self._json_to)

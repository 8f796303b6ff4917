"""A search written to a file now and then, so that it can go on after its process was killed.

The file is written beside the last one and then takes its place: whenever the process dies, one of the
two is there, whole.  It goes with one model: version, scenario, fence and properties.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import IO, Any

from .. import __version__
from .engine import CheckpointError
from .native import Native

#: seconds of search between two files at least, and how many times as long as the last one took: what
#: checkpoints cost stays below a twentieth
_PAUSE, _SHARE = 10.0, 20


class Checkpoint:
    """The file of one search."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written, self._took = time.monotonic(), 0.0

    def due(self) -> bool:
        """Is it time to write again?"""
        return time.monotonic() - self._written > max(_PAUSE, _SHARE * self._took)

    def write(self, engine: Native, position: dict[str, Any]) -> None:
        """Write the states and where the search is."""
        began = time.monotonic()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f"{self.path.name}.new")
        header = {**self._model(engine), "states": len(engine), "position": position}
        with aside.open("wb") as file:
            file.write(json.dumps(header).encode() + b"\n")
            engine.write(file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.path)
        self._written = time.monotonic()
        self._took = self._written - began

    def read(self, engine: Native) -> dict[str, Any]:
        """Give a new engine the states of the file; where the search was.

        Raises:
            CheckpointError: the file is not of this model, or not whole.
            MemoryError: there is no room for the states.
        """
        with self.path.open("rb") as file:
            try:
                header = json.loads(file.readline())
                model = {name: header[name] for name in self._model(engine)}
                states, position = int(header["states"]), dict(header["position"])
            except (ValueError, KeyError, TypeError):
                raise CheckpointError(f"{self.path}: this is not a checkpoint") from None
            if model != self._model(engine):
                raise CheckpointError(
                    f"{self.path}: a checkpoint of another model or version: name another folder"
                )
            if _left(file) != engine.written_bytes(states):
                raise CheckpointError(f"{self.path}: the checkpoint is damaged: delete it")
            engine.read(file, states)
        return position

    @staticmethod
    def _model(engine: Native) -> dict[str, str]:
        return {"tsofence": __version__, "model": engine.fingerprint}


def _left(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size - file.tell()

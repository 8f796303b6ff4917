"""Recordings, read and replayed once in each process: several modules ask about the same ones."""

from functools import cache
from pathlib import Path

from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Trace

RECORDINGS = Path(__file__).parent / "recordings"


@cache
def recorded(name: str) -> Trace:
    return read([RECORDINGS / name])


@cache
def replayed(name: str, fence: str) -> Report:
    """All properties of it, and whether it conforms to a fence."""
    return replay(recorded(name), [fence])

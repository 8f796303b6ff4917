"""Every pair of observations that shows a violation, as a table for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

from ..judge.judgement import Judgement
from ..sources.observation import Call, KeyEvent, LogEvent, Observation

_NS = 1_000_000_000
_TIMES, _VALUES = ("start_unix_ns", "end_unix_ns"), ("first", "last")
_OF_EACH = ("file", "line", "at", "client", "server", *_TIMES, *_VALUES, "revision")
COLUMNS = ("property", *(f"{which}_{name}" for which in ("earlier", "later") for name in _OF_EACH))
"""`at`: the wall clock, in UTC, of whoever wrote the line: when a call began (or, where that is not
told, was answered), an event was received or a log line was written. `first` to `last`: the 64-bit timestamps
that a call got; of an event the saved time in ns. What an observation does not have is empty."""


def as_csv(judgements: Iterable[Judgement]) -> str:
    """A row for each pair, with `COLUMNS`."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for judgement in judgements:
        for earlier, later in judgement.witnesses:
            table.writerow([judgement.property, *_cells(earlier), *_cells(later)])
    return text.getvalue()


def _cells(seen: Observation) -> list[str | int | None]:
    of: list[str | int | None] = [seen.where.file, seen.where.line]
    if isinstance(seen, Call):
        times = [seen.started, seen.ended]
        when = next((each for each in times if each is not None), None)
        return [*of, _clock(when), seen.client, seen.endpoint, *times, seen.first, seen.last, None]
    if isinstance(seen, KeyEvent):
        saved = seen.timestamp_ns
        return [*of, _clock(seen.latest_ns), None, seen.server, None, None, saved, saved, seen.revision]
    assert isinstance(seen, LogEvent)
    return [*of, _clock(seen.at_ns), None, seen.server, None, None, None, None, seen.revision]


def _clock(ns: int | None) -> str | None:
    if ns is None:
        return None
    return f"{datetime.fromtimestamp(ns // _NS, UTC):%Y-%m-%dT%H:%M:%S}.{ns % _NS:09d}Z"

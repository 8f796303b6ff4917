"""No clock that differs or was set makes the sources of a healthy recording deny each other."""

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from tsofence.traces.explain.contradictions import contradictions
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.servers import Servers

from ..planting import Recording, load
from ..planting_more import log_shifted
from .test_planted import RECORDINGS


def denied(recording: Recording, folder: Path) -> tuple[object, ...]:
    recording.write(folder)
    trace = read([folder])
    return contradictions(trace, Servers(trace)).denied


@pytest.mark.parametrize("seconds", [-3600, -5, -1, 1, 5, 3600])
@pytest.mark.parametrize("name", ["pd-failover", "pr-intervals-differ", "upgrade-fenced-debug"])
def test_a_log_by_another_clock(name: str, seconds: int, tmp_path: Path) -> None:
    """An hour: from its middle on."""
    recording = load(RECORDINGS / name, clients=True)
    log = random.Random(f"{name} {seconds}").choice(recording.logs())
    begin = len(recording.files[log]) // 2 if abs(seconds) == 3600 else 0
    assert not denied(log_shifted(recording, log, timedelta(seconds=seconds), begin), tmp_path)


@pytest.mark.parametrize("seconds", [-5, 5, 3600])
def test_a_client_by_another_clock(seconds: int, tmp_path: Path) -> None:
    recording = load(RECORDINGS / "pd-failover", clients=True)
    name = "client-pd1.jsonl"
    begin = len(recording.files[name]) // 2 if seconds == 3600 else 0
    lines = recording.files[name][:begin]
    for line in recording.files[name][begin:]:
        call = json.loads(line)
        for field in ("start_unix_ns", "end_unix_ns"):
            call[field] += seconds * 10**9
        lines.append(json.dumps(call).encode() + b"\n")
    assert not denied(Recording({**recording.files, name: lines}), tmp_path)

"""No clock that differs or was set makes the sources of a healthy recording deny each other."""

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from tsofence.traces.clocks.align import align
from tsofence.traces.explain.contradictions import contradictions
from tsofence.traces.sources.observation import Key
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.servers import Servers

from ..planting import WATCH, Recording, load
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


@pytest.mark.parametrize(
    ("name", "revision"),
    [
        ("master-transfer-small", 26),
        ("upgrade-unfenced", 22),
        ("r85-transfer-small", 28),
        ("tso-failover", 64),
    ],
)
def test_a_first_save_just_above_another_that_nobody_saw(name: str, revision: int, tmp_path: Path) -> None:
    """It tells nothing of its server's clock: a watch that begins late does not make it one."""
    recording = load(RECORDINGS / name, clients=True)
    late = [line for line in recording.files[WATCH] if _told_at(line) >= revision - 2]
    Recording({**recording.files, WATCH: late}).write(tmp_path)
    trace = align(read([tmp_path]))
    assert next(event.revision for event in trace.keys if event.key is Key.TIMESTAMP) == revision
    assert not trace.clocks.doubtful()


def _told_at(line: bytes) -> int:
    return max((event["kv"]["mod_revision"] for event in json.loads(line)["response"]["Events"]), default=0)

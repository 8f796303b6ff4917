"""A log in which nothing is written is no log that is cut, if anything tells that it went on."""

import gzip
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.words import FOLLOWED

RECORDINGS = Path(__file__).parents[1] / "recordings"
RECORDED = Path(__file__).parents[1] / "live" / "recorded"


def told(folder: Path, log: str, text: bytes, into: Path) -> tuple[list[str], str]:
    """What is said of logs that end early, and whether the PD may have saved, with another log of a PD."""
    (into / log).write_bytes(text)
    others = [path for path in folder.iterdir() if not path.name.startswith((log, "client-", "samples"))]
    report = replay(read([*others, into]), ["check-tso-primary"], properties=["single-writer"])
    return [note for note in report.notes if "had nothing to write" in note], report.properties[0].verdict


def lines(folder: Path, log: str) -> list[bytes]:
    return gzip.decompress((folder / f"{log}.gz").read_bytes()).splitlines(keepends=True)


def test_any_line_tells_that_a_log_goes_on(tmp_path: Path) -> None:
    """The PD writes nothing of the protocol in the last 15 s; then nothing else either."""
    folder = RECORDINGS / "pr-client-sync-small"
    log = lines(folder, "pd-pd1.log")
    assert told(folder, "pd-pd1.log", b"".join(log), tmp_path) == ([], "holds")
    last = max(number for number, line in enumerate(log) if b"PD leader is ready to serve" in line)
    (note,), verdict = told(folder, "pd-pd1.log", b"".join(log[: last + 1]), tmp_path)
    assert note.startswith("the log of pd1 ends 1")
    assert verdict == "unknown"


@pytest.mark.parametrize(("followed", "open_"), [("", True), ("02:39:36.000", True), ("02:39:55.000", False)])
def test_so_does_a_recorder_that_followed_it(followed: str, open_: bool, tmp_path: Path) -> None:
    """Where nothing at all is written to the end, and nobody says so, it stays open, and is told."""
    folder = RECORDED / "pr-upgrade-sampled"
    log = b"".join(lines(folder, "pd-pd1.log"))
    if followed:
        log += f'[2026/11/27 {followed} +00:00] [INFO] ["{FOLLOWED}"]\n'.encode()
    notes, verdict = told(folder, "pd-pd1.log", log, tmp_path)
    assert (verdict == "unknown", len(notes)) == (open_, open_)

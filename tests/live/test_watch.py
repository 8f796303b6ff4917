"""A watch of a gateway that is none, whose judgements the test makes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from tsofence.traces.live import judge as judging
from tsofence.traces.live import record, watch
from tsofence.traces.live.collect import Order, Recorded
from tsofence.traces.live.gateway import Access
from tsofence.traces.live.judge import Judged, Violation, judge
from tsofence.traces.live.metrics import Metrics
from tsofence.traces.live.watch import Asked, Watched
from tsofence.traces.output.endings import status
from tsofence.traces.sources import reading
from tsofence.traces.sources.observation import BadInput

from .gateways import CLUSTER, TIMESTAMP, Gateway, serving
from .recording import until

BROKEN = Violation("single-writer", ("revision 3: primary", "revision 4: timestamp = 5"))


class Judge:
    """Judges what it is told to; `judged` are the folders and what etcd's events in them were."""

    def __init__(self) -> None:
        self.verdict = Judged({"single-writer": "holds"}, ())
        self.judged: list[list[int]] = []
        self.folders: list[list[str]] = []

    async def __call__(
        self, folders: Iterable[Path], properties: Sequence[str], fences: Sequence[str], builds: Sequence[str]
    ) -> Judged:
        self.folders.append([each.name for each in folders])
        self.judged.append([event.revision for event in reading.read(folders).keys])
        return self.verdict


class Watching:
    """A watch in this process, and what it told."""

    def __init__(self, folder: Path, judged: Judge) -> None:
        self.folder = folder
        self.judge = judged
        self.etcd = Gateway()
        self.etcd.write("/pd/cluster_id", CLUSTER.to_bytes(8, "big"))
        self.said: list[str] = []
        self.found: list[Violation] = []

    def while_(
        self, happens: Callable[[], None], *, keep: bool = True, metrics: Metrics | None = None
    ) -> tuple[Recorded, Watched]:
        """Watch while something happens in a thread, and until Ctrl-C comes then."""

        def then_stop() -> None:
            try:
                happens()
            finally:
                os.kill(os.getpid(), signal.SIGINT)

        happening = threading.Thread(target=then_stop, daemon=True)

        def say(line: str) -> None:
            self.said.append(line)
            if line.startswith("recording to "):
                happening.start()

        with serving(self.etcd):
            return watch.watch(
                Order([self.etcd.url], Access(), (), 600),
                self.folder,
                Asked(["single-writer"]),
                say,
                self.found.append,
                lambda _: None,
                keep=keep,
                metrics=metrics,
            )

    def saves(self, value: int) -> None:
        """A save, and wait until it is judged."""
        self.etcd.write(TIMESTAMP, value.to_bytes(8, "big"))
        revision = self.etcd.revision
        until(lambda: any(revision in judged for judged in self.judge.judged))


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watching:
    judged = Judge()
    monkeypatch.setattr(record, "BEAT_S", 0.01)
    monkeypatch.setattr(watch, "REST_S", 0.01)
    monkeypatch.setattr(watch, "IDLE", 0.0)
    monkeypatch.setattr(watch, "judge", judged)
    return Watching(tmp_path / "recorded", judged)


def test_a_violation_is_told_once_and_stays(watching: Watching) -> None:
    def happens() -> None:
        watching.saves(1)
        watching.judge.verdict = Judged({"single-writer": "violated"}, (BROKEN,))
        watching.saves(2)
        watching.saves(3)
        watching.judge.verdict = Judged({"single-writer": "holds"}, ())
        watching.saves(4)

    recorded, watched = watching.while_(happens)
    assert watching.found == [BROKEN]
    assert (recorded.whole, status(watched.verdicts)) == (True, 1)
    assert watched.last == Judged({"single-writer": "holds"}, ())


def test_the_end_is_judged_too(watching: Watching) -> None:
    recorded, watched = watching.while_(lambda: watching.etcd.write(TIMESTAMP, bytes(8)))
    assert watching.judge.judged[-1] == [3]
    assert (recorded.events, status(watched.verdicts)) == (1, 0)


def test_parts_go_on_from_each_other_and_old_ones_go(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PART_EVENTS", 1)

    def happens() -> None:
        for value in range(12):
            watching.saves(value)

    watching.while_(happens, keep=False)
    assert all(len(folders) <= 2 for folders in watching.judge.folders)
    assert all(judged == [*range(judged[0], judged[-1] + 1)] for judged in watching.judge.judged if judged)
    assert len([*watching.folder.rglob("etcd.jsonl")]) == 2


def test_a_whole_recording_in_parts_is_one_recording(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PART_EVENTS", 1)

    def happens() -> None:
        for value in range(6):
            watching.saves(value)

    recorded, _ = watching.while_(happens)
    trace = reading.read([recorded.folder])
    assert [event.revision for event in trace.keys] == [*range(3, 9)]
    assert trace.state is not None
    assert (trace.state.revision, len(trace.gaps)) == (2, 1)


def test_what_was_unknown_in_a_part_stays_unknown(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PART_EVENTS", 1)

    def happens() -> None:
        watching.judge.verdict = Judged({"single-writer": "unknown"}, ())
        for value in range(4):
            watching.saves(value)
        watching.judge.verdict = Judged({"single-writer": "holds"}, ())
        for value in range(4):
            watching.saves(value)

    _, watched = watching.while_(happens)
    assert status(watched.verdicts) == 3


def test_metrics_are_served(watching: Watching) -> None:
    watching.judge.verdict = Judged({"single-writer": "violated"}, (BROKEN,))
    metrics = Metrics("127.0.0.1", 0)
    try:
        port = metrics._server.server_port

        def scraped() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                return str(answer.read().decode())

        def happens() -> None:
            watching.saves(1)
            until(lambda: "tsofence_events 1.0" in scraped())

        watching.while_(happens, metrics=metrics)
        told = scraped()
        with pytest.raises(BadInput, match="expected a port that is free"):
            Metrics("127.0.0.1", port)
    finally:
        metrics.close()
    assert 'tsofence_violations_total{property="single-writer"} 1.0' in told
    assert 'tsofence_verdict{property="single-writer"} 2.0' in told
    assert "tsofence_revision 3.0" in told


def test_a_judgement_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "LONGEST_S", 0.0)
    found = asyncio.run(judge([tmp_path], ["single-writer"], (), ()))  # which waits for its process to end
    assert found == Judged({"single-writer": "unknown"}, (), why="it took more than 0 s")


def test_a_judgement_that_fails_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that judges, with nothing to judge."""
    monkeypatch.setattr(judging, "LONGEST_S", 10_000.0)
    found = asyncio.run(judge([tmp_path / "nothing"], ["single-writer"], (), ()))
    assert found.verdicts == {"single-writer": "unknown"}
    assert "nothing" in found.why

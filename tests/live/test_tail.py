"""Logs that go on, are rotated and truncated, are followed line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tsofence.traces.live import tail as tailing
from tsofence.traces.live.lines import Lines
from tsofence.traces.live.tail import Tail
from tsofence.traces.sources import reading
from tsofence.traces.sources.words import FOLLOWED

from .recording import until

LINE = '[2026/11/26 07:09:26.{:03d} +00:00] [INFO] [server.go:1] ["campaign PD leader ok"]\n'


class Following:
    """A log and what was read of it."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "pd.log"
        self.copy = folder / "copy" / "pd.log"
        self.copy.parent.mkdir()
        self.said: list[str] = []
        self.followed: list[str] = []

    def while_(self, happens: Callable[[], None]) -> str:
        """What is read while something happens to the log, without what is said of that."""

        async def run() -> None:
            tail = Tail(self.log, Lines(self.copy), self.said.append)
            stop = asyncio.Event()
            following = asyncio.create_task(tail.follow(stop))
            try:
                async with asyncio.timeout(300):
                    await asyncio.to_thread(happens)
            finally:
                stop.set()
                await following
                tail.close()

        asyncio.run(run())
        lines = self.copy.read_text().splitlines(keepends=True)
        self.followed = [line for line in lines if FOLLOWED in line]
        return "".join(line for line in lines if FOLLOWED not in line)

    def write(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(text)

    def read(self, text: str) -> None:
        """Wait until that is read."""
        until(lambda: text in self.copy.read_text())


@pytest.fixture
def following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Following:
    monkeypatch.setattr(tailing, "_LOOK_S", 0.01)
    return Following(tmp_path)


def test_a_log_that_goes_on_is_read_in_whole_lines(following: Following) -> None:
    following.write("one\ntw")

    def happens() -> None:
        following.read("one\n")
        following.write("o\nthr")
        following.read("two\n")

    assert following.while_(happens) == "one\ntwo\n"
    assert following.said == []
    assert following.followed == []  # in the middle of a line nothing is said


def test_a_log_in_which_nothing_is_written_says_until_when(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailing, "_QUIET_S", 0.0)

    def happens() -> None:
        following.log.touch()
        following.write(LINE.format(1))
        following.read(FOLLOWED)
        following.write(LINE.format(2))
        following.read(LINE.format(2))

    assert following.while_(happens) == LINE.format(1) + LINE.format(2)
    trace = reading.read([following.copy])
    (until_ns,) = trace.known_until.values()
    assert until_ns > trace.logs[-1].at_ns + 10**9
    assert all(end < until_ns for stretches in trace.stretches.values() for _, end in stretches)
    (source,) = trace.sources
    assert (source.whole, source.observations) == (True, 2)


def test_what_is_written_to_a_renamed_log_is_read_before_the_new_one(following: Following) -> None:
    """A server that is told of the rotation writes on to the old file until it has heard."""
    following.write("one\n")

    def happens() -> None:
        following.read("one\n")
        with following.log.open("a") as old:
            following.log.rename(following.log.with_name("pd-1.log"))
            old.write("two\n")
        following.log.touch()
        following.read("two\n")
        following.write("three\n")
        following.read("three\n")

    assert following.while_(happens) == "one\ntwo\nthree\n"
    assert following.said == []


def test_a_log_that_is_gone_for_a_while_comes_again(following: Following) -> None:
    following.write("one\n")

    def happens() -> None:
        following.read("one\n")
        following.log.unlink()
        following.write("two\n")
        following.read("two\n")

    assert following.while_(happens) == "one\ntwo\n"


def test_a_replay_knows_that_a_truncated_log_may_lack_lines(following: Following) -> None:
    following.write(LINE.format(1) * 3)

    def happens() -> None:
        following.read(LINE.format(1))
        following.log.write_text("")
        until(lambda: bool(following.said))
        following.write(LINE.format(2))
        following.read(LINE.format(2))

    following.while_(happens)
    assert following.said == [f"{following.log} was truncated: lines may be missing"]
    (source,) = reading.read([following.copy]).sources
    assert not source.whole
    assert source.reasons == ("1 x not a log line (first: line 4)",)

"""Where there is no screen, a line now and then says how far a command is; a terminal gets a display."""

from __future__ import annotations

import io
import re
import threading
from typing import Self

import pytest

from tsofence.checker.search.findings import Exploration, Progress
from tsofence.specs import scenario
from tsofence.traces.output.terminal import Terminal
from tsofence.traces.tell import progress
from tsofence.traces.tell.matrix import Exploring
from tsofence.traces.tell.progress import Heartbeat, Steps


class Told(io.StringIO):
    """Somewhere to write to, which says when the third line is there."""

    def __init__(self) -> None:
        super().__init__()
        self.enough = threading.Event()

    def write(self, text: str, /) -> int:
        done = super().write(text)
        if self.getvalue().count("\n") >= 3:
            self.enough.set()
        return done


def test_lines_come_as_long_as_it_lasts() -> None:
    told = Told()
    lines = iter(["", "one", "two " * 100])
    with Heartbeat(Terminal(file=told), lambda: next(lines, "three"), between=0.001):
        assert told.enough.wait(60)
    found = told.getvalue().splitlines()
    assert (found[0], found[2], {*found[2:]}) == ("one", "three", {"three"})
    assert found[1].strip() == " ".join(["two"] * 100), "nothing is cut off, however narrow the console is"
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())


@pytest.mark.parametrize(("live", "quiet"), [(False, False), (True, True), (True, False)])
def test_no_line_where_none_is_wanted(*, live: bool, quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[object] = []

    class Beats(Heartbeat):
        def __enter__(self) -> Self:
            began.append(self)
            return super().__enter__()

    monkeypatch.setattr(progress, "Heartbeat", Beats)
    with Steps(Terminal(file=io.StringIO(), quiet=quiet), live=live) as screen:
        screen.reading("a file")
    assert bool(began) is (live and not quiet)


def untimed(line: str) -> str:
    """Without how long it has been proving."""
    return re.sub(r"proving, \d+ s", "proving, N s", line)


def test_what_a_line_says() -> None:
    world = scenario.load("rolling-upgrade")
    screen = Exploring(
        Terminal(file=io.StringIO()), world, ["off", "save-cas", "hook"], ["unique"], live=True
    )
    assert screen.line() == "3 waiting"
    screen.progress("off", Progress(12_000, 30_000, 17, 100, 24_000, 6.0, 0, 1, {}))
    screen.progress("save-cas", Progress(0, 0, 0, 0, None, 0.0, 0, 1, {}, "proving"))
    assert untimed(screen.line()) == (
        "exploring off: 12 k states, depth 17, ~12 s left; save-cas: proving, N s; 1 waiting"
    )
    screen.done(Exploration("x", "off", 1, 1, 1, 1.0, (), (), (), (), ()))
    assert untimed(screen.line()) == "exploring save-cas: proving, N s; 1 done; 1 waiting"
    steps = Steps(Terminal(file=io.StringIO()), live=True)
    assert steps.line() == ""
    steps.task("unique under off")(3, 10, "grant")
    assert steps.line().startswith("unique under off: 3 of 10")

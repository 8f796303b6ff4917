"""Whatever signal comes whenever: what was found is told, nothing goes on, nothing looks like a verdict."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from tsofence.checker.processes import matrix
from tsofence.checker.processes.matrix import SearchFault, explore_all
from tsofence.checker.processes.worker import Job, Worker
from tsofence.checker.reductions import folding, kept
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import INTERRUPTED, Exploration, Progress
from tsofence.specs.properties import named
from tsofence.specs.scenario import load
from tsofence.traces.output.endings import OneLine

from .documents import read_document
from .worlds import TINY

WORLD = load("rolling-upgrade")

#: far more states than any test waits for
HUGE = """
[servers]
pd = 1
tso = 2
[time]
window = 4
[faults.pd]
term = 6
stop = 6
[faults.tso]
term = 6
stop = 6
"""
#: the command line, which says on stdout what happens inside
COMMAND = """
import os, signal, sys
from tsofence.checker.processes import matrix
from tsofence.checker.processes.matrix import _Searches
from tsofence.cli import main
from tsofence.traces.tell.matrix import Exploring
from tsofence.traces.tell.progress import Steps

def telling(owner, name, line):
    method = getattr(owner, name)
    def told(self, *args):
        result = method(self, *args)
        print(line(self, *args), flush=True)
        return result
    setattr(owner, name, told)

telling(Exploring, "progress", lambda _, fence, state: f"progress {fence} {len(state.violated)}")
telling(Steps, "task", lambda *_: "proving")
telling(Steps, "reading", lambda *_: "reading")
telling(Steps, "explaining", lambda *_: "explaining")
telling(_Searches, "_hear", lambda _self, _worker, told: f"heard {type(told).__name__}")
telling(_Searches, "start", lambda self, *_: f"started {self.running[-1]._process.pid}")
matrix._ONE_SIGNAL_S = float(os.environ.get("ONE_SIGNAL_S", matrix._ONE_SIGNAL_S))
interrupt = _Searches._interrupt
def told(self, *args):
    interrupt(self, *args)  # first: another signal must not come before this one counts
    os.write(1, b"signal\\n")  # what was being printed may not be finished
_Searches._interrupt = told
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background ignores
print("ready", flush=True)
main()
"""


@dataclass
class Command:
    """A command line under way, in a session of its own."""

    process: subprocess.Popen[str]

    def until(self, *words: str) -> list[str]:
        """Wait for a line that begins so."""
        stdout = self.process.stdout
        assert stdout is not None
        for line in stdout:
            if line.split()[: len(words)] == [*words]:
                return line.split()
        raise AssertionError(f"it never said {words}")

    def end(self) -> tuple[int, str]:
        """Wait until it has ended, and every process that it began; its status, what it said."""
        _, errors = self.process.communicate(timeout=300)
        deadline = time.monotonic() + 120
        while left := members(self.process.pid):
            assert time.monotonic() < deadline, f"still there: {left}"
            time.sleep(0.01)
        assert "Traceback" not in errors
        return self.process.returncode, errors


def members(session: int) -> list[int]:
    """The processes of a session, but for those that only wait for their end to be noticed."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            status = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(status[3]) == session and status[0] not in "ZX":
            found.append(int(place.name))
    return found


@contextmanager
def command(*args: str | Path) -> Iterator[Command]:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Command(process)
        finally:
            if members(process.pid):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    path = tmp_path / "huge.toml"
    path.write_text(HUGE, encoding="utf-8")
    return path


def options(scenario: Path, json_to: Path, *more: str) -> list[str | Path]:
    return ["explore", "--scenario", scenario, "--quiet", "--no-progress", "--json", json_to, *more]


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")


@needs_proc
@pytest.mark.parametrize(("kind", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_what_was_found_is_told(kind: signal.Signals, group: bool, huge: Path, tmp_path: Path) -> None:
    with command(*options(huge, tmp_path / "json", "--fence", "off")) as running:
        while int(running.until("progress", "off")[2]) == 0:
            pass
        for _ in range(2 if group else 1):  # as `timeout` does: the process, and then its group
            (os.killpg if group else os.kill)(running.process.pid, kind)
        assert running.end() == (1, "")
    (result,) = read_document((tmp_path / "json").read_text())["results"]
    assert result["cut_by"] == ["interrupted"]
    assert {prop["verdict"] for prop in result["properties"]} == {"violated", "unknown"}
    assert not any("--max-states" in prop["note"] for prop in result["properties"])


@needs_proc
def test_a_signal_while_searches_begin_ends_them(huge: Path, tmp_path: Path) -> None:
    with command(*options(huge, tmp_path / "json", "--all-fences")) as running:
        running.until("started")
        os.killpg(running.process.pid, signal.SIGINT)
        status, errors = running.end()
    if (tmp_path / "json").exists():  # one was quick enough to find something
        assert status in (1, 3)
        assert errors.strip() == ""
        results = read_document((tmp_path / "json").read_text())["results"]
        assert {cut for result in results for cut in result["cut_by"]} == {"interrupted"}
    else:
        assert status == 130
        assert errors.strip().startswith("tsofence: interrupted: nothing decided after ")


@needs_proc
def test_a_signal_while_liveness_is_decided_keeps_the_rest(tmp_path: Path) -> None:
    tiny = tmp_path / "tiny.toml"
    tiny.write_text(TINY, encoding="utf-8")
    asked = ("--fence", "off", "--property", "unique", "--property", "takeover", "--property", "availability")
    with command(*options(tiny, tmp_path / "json", *asked)) as running:
        running.until("heard", "Exploration")
        os.killpg(running.process.pid, signal.SIGINT)
        assert running.end() == (1, "")
    (result,) = read_document((tmp_path / "json").read_text())["results"]
    assert result["properties"][0]["verdict"] == "violated"
    assert result["properties"][2]["verdict"] == "unknown"
    assert "interrupted" in {prop["note"] for prop in result["properties"]}


@needs_proc
def test_the_second_signal_does_not_wait(huge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_SIGNAL_S", "0")  # else what comes at once is the same one
    with command(*options(huge, tmp_path / "json", "--fence", "off")) as running:
        worker = int(running.until("started")[1])
        running.until("progress")
        os.kill(worker, signal.SIGSTOP)  # it will not answer
        os.kill(running.process.pid, signal.SIGINT)
        running.until("signal")
        os.kill(running.process.pid, signal.SIGINT)
        assert running.end()[0] == 130
    assert not (tmp_path / "json").exists()


@needs_proc
def test_nobody_outlives_who_asked(huge: Path, tmp_path: Path) -> None:
    for line in ("started", "progress"):
        with command(*options(huge, tmp_path / "json", "--all-fences")) as running:
            running.until(line)
            running.process.kill()
            assert running.end() == (-signal.SIGKILL, "")


@needs_proc
@pytest.mark.parametrize(
    ("event", "kind"),
    [("proving", signal.SIGTERM), ("reading", signal.SIGINT), ("explaining", signal.SIGTERM)],
)
def test_proofs_and_replays_end(event: str, kind: signal.Signals) -> None:
    args: list[str | Path] = ["prove", "--fence", "check-tso-primary", "--property", "real-time"]
    if event != "proving":
        args = ["replay", Path(__file__).parent / "recordings" / "upgrade-fenced", "--fence", "off"]
    with command(*args, "--quiet", "--no-progress") as running:
        running.until(event)
        os.killpg(running.process.pid, kind)
        status, errors = running.end()
    assert status in (1, 3, 130)
    assert errors.strip() in ("", "tsofence: interrupted: nothing decided")


class Seen(Worker[Job]):
    """A worker that can be found."""

    all: list[Seen]

    def __init__(self, job: Job, threads: int) -> None:
        super().__init__(job, threads)
        Seen.all.append(self)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exploration]:
    """By fence, for `searched` to fill."""
    monkeypatch.setattr(matrix, "Worker", Seen)
    monkeypatch.setattr(Seen, "all", [], raising=False)
    return {}


def searched(
    ended: dict[str, Exploration], fences: list[str], progress: Any, most: int = 30_000
) -> list[Exploration]:
    def done(found: Exploration) -> None:
        ended[found.fence] = found

    return explore_all(WORLD, fences, ["window"], most, progress=progress, done=done)


def test_a_worker_that_is_killed_costs_its_fence(ended: dict[str, Exploration]) -> None:
    def progress(fence: str, _: Progress) -> None:
        if fence == "off":
            next(worker for worker in Seen.all if worker.job.fence == "off").kill()

    off, other = searched(ended, ["off", "first-save-only"], progress)
    assert off.findings[0].verdict == "unknown"
    assert "was killed (SIGKILL)" in off.cut_by[0]
    assert off.states > 0
    assert other.states > 30_000
    assert "--max-states" in other.cut_by[0]


def test_a_fence_named_twice_is_searched_once(ended: dict[str, Exploration]) -> None:
    (found,) = searched(ended, ["off", "off"], lambda *_: None, 100)
    assert found.states > 100
    assert len(Seen.all) == 1


def test_a_fault_costs_its_fence(ended: dict[str, Exploration]) -> None:
    with pytest.raises(SearchFault, match="no-such-fence: ValueError: unknown fence") as raised:
        searched(ended, ["no-such-fence", "off"], lambda *_: None)
    assert "Traceback" in raised.value.__notes__[0]
    assert "a fault of tsofence: ValueError" in ended["no-such-fence"].cut_by[0]
    assert ended["no-such-fence"].findings[0].verdict == "unknown"
    assert ended["off"].states > 30_000


def test_a_crash_is_a_fault(ended: dict[str, Exploration]) -> None:
    def progress(*_: object) -> None:
        os.kill(Seen.all[0]._process.pid, signal.SIGSEGV)

    with pytest.raises(SearchFault, match="off: the process of this search ended with status -11"):
        searched(ended, ["off"], progress)
    assert ended["off"].findings[0].verdict == "unknown"


def kill_at_random(args: list[str | Path], chance: random.Random, longest: float) -> tuple[str, int, str]:
    """Something is killed sometime; what and how, and what came of it."""
    with command(*args) as running:
        running.until("ready")
        # workers begin one after the other, so that any may be there
        time.sleep(longest * chance.random())
        process = running.process
        workers = [pid for pid in members(process.pid) if pid != process.pid]
        kind = chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
        who = chance.choice(["command", "group", "worker"])
        try:
            if who == "group":
                os.killpg(process.pid, kind)
            elif who == "command" or not workers:
                who = "command"
                process.send_signal(kind)
            else:
                os.kill(chance.choice(workers), kind)
        except ProcessLookupError:
            who = "nobody"
        status, errors = running.end()
    return f"{who} {kind.name}", status, errors


@pytest.mark.large
@needs_proc
@pytest.mark.timeout(3600)
def test_killed_at_any_moment(tmp_path: Path) -> None:
    scenario = tmp_path / "tiny.toml"
    scenario.write_text(TINY, encoding="utf-8")
    chance = random.Random(20)
    told = tmp_path / "json"
    more = ["--fence", "save-cas", "--fence", "off"]
    args = [*options(scenario, told, *more, "--property", "unique", "--property", "takeover")]
    began = time.monotonic()
    with command(*args) as whole:
        assert whole.end()[0] == 1
    longest = 1.2 * (time.monotonic() - began)
    for number in range(6):
        told.unlink(missing_ok=True)
        kept = ["--checkpoint", str(tmp_path / "kept")] if number % 2 else []
        what, status, errors = kill_at_random([*args, *kept], chance, longest)
        who, kind = what.split()
        if status == -signal.SIGKILL:
            assert (who, kind) in (("command", "SIGKILL"), ("group", "SIGKILL"))
            continue
        assert status in (1, 3, 130), (what, status, errors)
        if status == 130:
            assert who in ("command", "group")
            assert errors.strip() == "" or errors.strip().startswith("tsofence: interrupted: "), (
                what,
                errors,
            )
            continue
        assert errors.strip() == "", (what, errors)
        results = read_document(told.read_text())["results"]
        assert [result["fence"] for result in results] == more[1::2]
        verdicts = [prop["verdict"] for result in results for prop in result["properties"]]
        assert status == (1 if "violated" in verdicts else 3), what
        for result in results:
            unique = result["properties"][0]
            expected = "violated" if result["fence"] == "off" else "holds"
            assert unique["verdict"] == expected or result["cut_by"], what


def test_a_stop_while_a_table_is_looked_for_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "_found", {})
    monkeypatch.setattr(kept, "read", lambda _: None)
    told: list[Progress] = []

    def stop() -> bool:
        return bool(told) and told[-1].doing.startswith("folding")

    asked = [named("unique"), named("real-time"), named("window")]
    found = explore(WORLD, "off", asked, progress=told.append, stop=stop)
    assert found.cut_by == (INTERRUPTED,)
    verdicts = [finding.verdict for finding in found.findings]
    assert "violated" in verdicts
    assert "holds" not in verdicts
    assert told[-1].violated.keys() == {f.property for f in found.findings if f.verdict == "violated"}


@pytest.mark.parametrize("doing", ["", "folding: 3 distances found"])
def test_an_interruption_says_that_nothing_is_decided(doing: str, capfd: pytest.CaptureFixture[str]) -> None:
    searches = matrix._Searches(lambda _fence, _progress: None)
    searches._far["off"] = Progress(7, 0, 0, 0, None, 1.0, 0, 0, {}, doing)
    how_far = searches.undecided(7)

    @click.command()
    def stopped() -> None:
        raise KeyboardInterrupt(how_far)

    group = OneLine(commands={"stopped": stopped})
    with pytest.raises(SystemExit) as ended:
        group.main(["stopped"])
    assert ended.value.code == 130
    began = f" (not begun yet: {doing})" if doing else ""
    said = capfd.readouterr().err.strip()
    assert said == f"tsofence: interrupted: nothing decided after 7 states{began}"

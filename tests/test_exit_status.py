"""Nothing that fails may look like a verdict: streams that break, faults of tsofence, an early Ctrl-C."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tsofence import cli
from tsofence.checker.processes import matrix
from tsofence.checker.proof import prove
from tsofence.checker.search.findings import Exploration, Finding
from tsofence.commands import replay as replay_command
from tsofence.traces.output import faults
from tsofence.traces.runs import files as run_files
from tsofence.traces.runs import rerun

TSOFENCE = Path(sys.executable).with_name("tsofence")
RUN = Path(__file__).parent / "runs" / "tso-restart.check-tso-primary.unique.json"


def shell(command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command as a user types it; $T is tsofence, $R a run file that is violated."""
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "T": str(TSOFENCE), "R": str(RUN), **env},
    )


# --- streams ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        # tables that nobody can read are like --quiet: the status still says the verdict
        ("$T replay $R >&-", 1, None),
        ("$T replay $R 2>&-", 1, ""),
        ("$T replay $R 2>/dev/full", 1, ""),
        ("$T replay $R >&- 2>&- <&-", 1, ""),
        # a result that was asked for and is lost
        ("$T replay $R --quiet --json - >/dev/full", 2, "No space left on device"),
        ("$T replay $R --quiet --json - >&-", 2, "it is closed"),
        ("$T replay $R --quiet --json /dev/full", 2, "/dev/full: expected a file that can be written"),
        ("$T list fences >/dev/full", 2, "No space left on device"),
        ("$T --help >/dev/full", 2, "No space left on device"),
        ("$T show $R -o /dev/full", 2, "/dev/full: expected a file that can be written"),
        # a reader that has read enough
        ("$T show $R | head -1; exit ${PIPESTATUS[0]}", 0, ""),
        ("$T show $R --to html | true; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(command: str, status: int, says: str | None) -> None:
    done = shell(command)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    if says == "":
        assert done.stderr == ""
    elif says:
        (line,) = done.stderr.splitlines()
        assert says in line


def test_a_file_that_is_opened_does_not_take_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    done = shell(f"$T replay $R --json {tmp_path}/out.json >&- 2>&-")
    assert done.returncode == 1
    assert json.loads((tmp_path / "out.json").read_bytes())["command"] == "replay"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_any_encoding(encoding: str) -> None:
    done = shell("$T show $R && $T replay $R --json -", PYTHONIOENCODING=encoding)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Breaks unique" in done.stdout


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"x[\xff\x1b[31m")
    folder.mkdir()
    (folder / os.fsdecode(b"\xfe[bold].json")).write_bytes(RUN.read_bytes().replace(b"tso1", b"[/bold]x"))
    done = shell('$T replay "$D" --json -', D=str(folder))
    assert done.returncode == 1
    (source,) = json.loads(done.stdout)["sources"]
    assert os.fsencode(source["file"]).endswith(b"x[\xff\x1b[31m/\xfe[bold].json")
    assert done.stdout.isascii()
    done = shell('$T show "$D"/*; $T show "$D/missing"', D=str(folder))
    assert "[/bold]x" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr.startswith("tsofence: ")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["explore", "--memory", "nan"], "expected a number of GiB"),
        (["explore", "--memory", "inf"], "expected a number of GiB"),
        (["explore", "--memory", "1e300"], "expected a number of GiB"),
        (["explore", "--memory", "0"], "expected a number of GiB"),
        (["explore", "--max-states", "9" * 30], "--max-states"),
        (["explore", "--max-states", "9" * 5000], "--max-states"),
        (["explore", "--json", ""], "--json"),
        (["explore", "--json", "."], "--json"),
        (["explore", "--runs", ""], "got an empty text"),
        (["explore", "--checkpoint", ""], "got an empty text"),
        (["prove", "--nodes", "9" * 5000], "--nodes"),
        (["prove", "--nodes", "٣"], "--nodes"),
        (["replay", ""], "got an empty text"),
        (["show", ""], "got an empty text"),
        (["replay", ".", "--lease", "9" * 30], "--lease"),
        (["replay", ".", "--save-interval", "999999999h"], "such as 3s or 50ms"),
        (["explore", "--scenario", "\x1b[31m\n[/bold]"], "unknown scenario"),
        (["\u202e[/bold]"], "No such command"),
    ],
)
def test_mistakes(args: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(args)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert line.isprintable()


# --- run files that say two things -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"breaks": "takeover"}, "a property of safety, for the run ends, not 'takeover'"),
        ({"cycle_from": 3}, "one of liveness, for the run repeats, not 'unique'"),
        ({"cycle_from": 0, "moves": []}, "for there are no moves that repeat"),
        ({"cycle_from": 20}, "cycle_from to be a whole number from 0 to 19"),
    ],
)
def test_breaks_and_cycle_from_agree(
    change: dict[str, Any], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(RUN.read_bytes()) | change))
    for command in ("show", "replay"):
        with pytest.raises(SystemExit) as ended:
            cli.main([command, str(path)])
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert says in line


# --- faults ----------------------------------------------------------------------------------------


def fault(*_: object, **__: object) -> Any:
    raise KeyError("role\x1b[31m", 0)


def ends(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    """Exit status, JSON and the last line of stderr."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*args, "--json", "-", "--no-progress"])
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, json.loads(out), err.splitlines()[-1]


def assert_told(line: str) -> None:
    assert line.startswith("tsofence: a fault of tsofence ")
    assert "KeyError: ('role\\x1b[31m', 0)" in line
    assert "please report" in line
    assert line.isprintable()


def test_a_fault_in_a_search_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_files.load(RUN)

    def explore_all(*_: object, done: Callable[[Exploration], None], **__: object) -> None:
        finding = Finding("unique", "violated", 20, run)
        done(Exploration("tiny", "off", 10, 20, 3, 0.1, (), (), (), (), (finding,)))
        fault()

    monkeypatch.setattr(matrix, "explore_all", explore_all)
    args = ["explore", "--fence", "off", "--fence", "save-cas", "--runs", str(tmp_path)]
    status, told, line = ends(args, capsys)
    assert status == 70
    assert_told(line)
    assert [result["fence"] for result in told["results"]] == ["off"]
    assert told["fault"].startswith("KeyError")
    assert run_files.load(tmp_path / "off.unique.json") == run


def test_a_fault_in_a_proof_keeps_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = prove._Proofs.proof

    def some(proofs: Any, prop: Any, progress: Any) -> Any:
        return fault() if prop.name == "window" else one(proofs, prop, progress)

    monkeypatch.setattr(prove._Proofs, "proof", some)
    asked = [word for name in ("window", "key-monotone") for word in ("--property", name)]
    status, told, line = ends(["prove", "--fence", "save-cas", *asked], capsys)
    assert status == 70
    assert_told(line)
    assert [(result["property"], result["verdict"]) for result in told["results"]] == [
        ("key-monotone", "proved")
    ]


def test_a_fault_in_a_replay_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(RUN.read_bytes())
    one = rerun.rerun
    titles = iter("abc")

    def some(*args: Any) -> rerun.Rerun:
        return fault() if next(titles) == "b" else one(*args)

    monkeypatch.setattr(replay_command, "rerun", some)
    status, told, line = ends(["replay", str(tmp_path), "--property", "unique"], capsys)
    assert status == 70
    assert_told(line)
    assert [(each["file"][-1], each["verdict"]) for each in told["properties"]] == [
        ("a", "violated"),
        ("c", "violated"),
    ]
    # a file that is bad is no fault; the others are judged all the same
    (tmp_path / "b").write_bytes(RUN.read_bytes().replace(b'"window": 3', b'"window": "x"'))
    monkeypatch.setattr(replay_command, "rerun", one)
    status, told, line = ends(["replay", str(tmp_path), "--property", "unique"], capsys)
    assert status == 2
    assert "constants: window to be a whole number" in line
    assert len(told["properties"]) == 2


def test_a_run_that_cannot_be_written_keeps_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    args = ["prove", "--fence", "off", "--property", "single-writer", "--runs", str(tmp_path)]
    status, told, line = ends(args, capsys)
    assert status == 2
    assert "off.single-writer.json: expected a file that can be written" in line
    assert told["results"][0]["verdict"] == "violated"


def test_a_fault_says_where_and_shows_its_traceback_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_files, "load", lambda _: run_files.dumps(None))  # type: ignore[arg-type]  # the fault
    with pytest.raises(SystemExit) as ended:
        cli.main(["show", str(RUN)])
    assert ended.value.code == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert "AttributeError: " in line
    assert " at traces/runs/files.py:" in line
    monkeypatch.setenv(faults.TRACEBACK, "1")
    with pytest.raises(SystemExit) as ended:
        cli.main(["show", str(RUN)])
    assert ended.value.code == 70
    assert capsys.readouterr().err.startswith("Traceback (most recent call last):\n")


# --- Ctrl-C ----------------------------------------------------------------------------------------

INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
import tsofence.__main__ as entry

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.{kind})

sys.meta_path.insert(0, Finder())
sys.argv = ["tsofence", "show", {run!r}]
{before}
entry.main()
"""


@pytest.mark.parametrize(
    "name",
    ["rich.segment", "click", "tsofence.checker.run", "tsofence.commands.show", "tsofence.traces.story.show"],
)
@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM"])
def test_ctrl_c_before_anything_began(name: str, kind: str) -> None:
    program = INTERRUPTED.format(name=name, kind=kind, run=str(RUN), before="")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 130
    assert (done.stdout, done.stderr.strip()) == ("", "")


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    program = INTERRUPTED.format(
        kind="SIGINT", name="click", run=str(RUN), before="signal.signal(signal.SIGINT, signal.SIG_IGN)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Breaks unique" in done.stdout

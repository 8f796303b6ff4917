"""Disks that are full, break, or tell so late: at each place that writes a result."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tsofence import cli
from tsofence.checker.processes import matrix
from tsofence.checker.proof import prove
from tsofence.checker.proof.attempt import Proof
from tsofence.checker.search.findings import Exploration, Finding
from tsofence.model.variants import fences
from tsofence.specs import properties
from tsofence.traces.output import writing
from tsofence.traces.runs import files as run_files
from tsofence.traces.sources.observation import BadInput

TESTS = Path(__file__).parent
RUN = TESTS / "runs" / "tso-restart.check-tso-primary.unique.json"
WATCH = TESTS / "recordings" / "upgrade-fenced" / "etcd.jsonl.gz"
TSOFENCE = Path(sys.executable).with_name("tsofence")


class Disk(io.FileIO):
    """A file on a disk that fails: after so many bytes, when it is closed; or takes less than it is given."""

    room, error, short, fails_to_close = 0, errno.ENOSPC, False, False

    def write(self, data: Any, /) -> int:
        data = memoryview(data).cast("B")
        if self.short:
            return super().write(data[: max(1, len(data) // 2)]) or 0
        if len(data) > type(self).room:
            data = data[: type(self).room]
            if not data:
                raise OSError(self.error, os.strerror(self.error))
        type(self).room -= len(data)
        return super().write(data) or 0

    def close(self) -> None:
        failed = self.fails_to_close and not self.closed
        super().close()
        if failed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


FULL: dict[str, dict[str, Any]] = {
    "full": {"room": 0, "error": errno.ENOSPC},
    "full half way": {"room": 300, "error": errno.ENOSPC},
    "over quota": {"room": 300, "error": errno.EDQUOT},
    "broken": {"room": 300, "error": errno.EIO},
    "fails to close": {"room": 1 << 30, "fails_to_close": True},
}
#: what is written by which command, in a folder; `old` is a file that is there already
PLACES: dict[str, tuple[str, list[str]]] = {
    "explore --json": ("old", ["explore", "--json", "old"]),
    "explore --runs": ("off.unique.json", ["explore", "--runs", "."]),
    "prove --json": ("old", ["prove", "--fence", "off", "--property", "key-monotone", "--json", "old"]),
    "prove --runs": (
        "off.single-writer.json",
        ["prove", "--fence", "off", "--property", "single-writer", "--runs", "."],
    ),
    "replay --json": ("old", ["replay", str(WATCH), "--fence", "off", "--json", "old"]),
    "replay --runs": ("off.explanation.json", ["replay", str(WATCH), "--fence", "off", "--runs", "."]),
    "replay of a run --json": ("old", ["replay", str(RUN), "--json", "old"]),
    "replay --to": ("old", ["replay", str(WATCH), "--fence", "off", "--to", "svg", "-o", "old"]),
    "show --to html": ("old", ["show", str(RUN), "--to", "html", "-o", "old"]),
    "show -o": ("old", ["show", str(RUN), "--to", "mermaid", "-o", "old"]),
}


def explore_all(*_: object, done: Callable[[Exploration], None], **__: object) -> None:
    finding = Finding("unique", "violated", 20, run_files.load(RUN))
    done(Exploration("tiny", "off", 10, 20, 3, 0.1, (), (), (), (), (finding,)))


@cache
def proof(fence: str, prop: str) -> Proof:
    return prove.prove(fences.parse(fence), properties.named(prop))


def prove_all(asked: Sequence[tuple[Any, Any]], **_: object) -> list[Proof]:
    return [proof(fence.name, prop.name) for fence, prop in asked]


def ends(args: list[str]) -> tuple[int, list[str]]:
    err = io.StringIO()
    quiet = [] if args[0] == "show" else ["--quiet"]
    with redirect_stdout(io.StringIO()), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli.main([*args, *quiet])
    assert isinstance(ended.value.code, int)
    return ended.value.code, err.getvalue().splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(matrix, "explore_all", explore_all)
    monkeypatch.setattr(prove, "prove_all", prove_all)
    (tmp_path / "old").write_text("what was there before")
    return tmp_path


def on_disk(monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    disk = type("_Disk", (Disk,), how)
    opened = Path.open

    def opens(path: Path, mode: str = "r", **more: Any) -> Any:
        if set(mode).isdisjoint("wxa"):
            return opened(path, mode, **more)
        return io.TextIOWrapper(io.BufferedWriter(disk(path, mode)), encoding="utf-8")

    monkeypatch.setattr(Path, "open", opens)


@pytest.mark.parametrize("place", PLACES)
def test_a_disk_that_fails(folder: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Said in one line with the file's name, never as a verdict; the file is as it was."""
    name, args = PLACES[place]
    there = name == "old"
    for how in FULL.values():
        with monkeypatch.context() as patch:
            on_disk(patch, **how)
            status, lines = ends(args)
        assert status == 2
        (line,) = lines
        assert line.startswith("tsofence: ")
        assert f"{name}: expected a file that can be written" in line
        assert [path.name for path in folder.iterdir()] == ["old"]
        assert (folder / "old").read_text() == "what was there before"
    status, lines = ends(args)
    assert (status in (0, 1, 3), lines) == (True, [])
    assert {path.name for path in folder.iterdir()} == {"old", name}
    whole = (folder / name).read_bytes()
    assert whole != b"what was there before"
    with monkeypatch.context() as patch:  # a short write is no error
        on_disk(patch, short=True)
        ends(args)
    again = (folder / name).read_bytes()
    assert again == whole or (there and again.count(b"\n") == whole.count(b"\n"))


def test_an_error_that_only_fsync_tells(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(BadInput, match=r"old: expected a file that can be written.*Input/output error"):
        writing.write(folder / "old", "new")
    assert [path.read_text() for path in folder.iterdir()] == ["what was there before"]


def test_a_file_keeps_its_permissions_and_its_links(folder: Path) -> None:
    old = folder / "old"
    old.chmod(0o640)
    (folder / "link").symlink_to("old")
    (folder / "nowhere").symlink_to("new")
    writing.write(folder / "link", "one")
    writing.write(folder / "nowhere", "two")
    assert (old.read_text(), stat.S_IMODE(old.stat().st_mode)) == ("one", 0o640)
    assert (folder / "new").read_text() == "two"
    assert (folder / "link").is_symlink()
    assert (folder / "nowhere").is_symlink()
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o666 & ~umask


def test_a_pipe_is_written_to(folder: Path) -> None:
    reading, to = os.pipe()
    writing.write(Path(f"/dev/fd/{to}"), "text")
    os.close(to)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "text"


def test_files_that_may_grow_no_further(folder: Path) -> None:
    """A limit on the size of files, in a process of its own: the first 1024 bytes are written, then none."""
    # Python would keep half of a module that it compiles first here, and stumble over that ever after
    limited = 'ulimit -f 1; PYTHONDONTWRITEBYTECODE=1 "$@"'
    args = [str(TSOFENCE), "replay", str(WATCH), "--quiet", "--json", "old"]
    done = subprocess.run(["bash", "-c", limited, "-", *args], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "File too large" in line
    assert (folder / "old").read_text() == "what was there before"


@pytest.mark.parametrize(("stream", "status"), [("stdout", 2), ("stderr", 1)])
def test_a_terminal_that_is_gone(stream: str, status: int) -> None:
    ours, theirs = pty.openpty()
    os.close(ours)
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: theirs}
    done = subprocess.run([TSOFENCE, "replay", str(RUN), "--json", "-"], **streams, text=True, check=False)
    os.close(theirs)
    assert done.returncode == status
    if stream == "stdout":
        assert "Input/output error" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    else:
        assert json.loads(done.stdout)["command"] == "replay"

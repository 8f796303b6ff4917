"""The command that watches, beside a real etcd that does what a recorded one did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tsofence.traces.live import scratch

from .etcds import Event, etcd, events, free_port, needs_etcd, write
from .recording import until

TSOFENCE = Path(sys.executable).with_name("tsofence")
UNFENCED = Path(__file__).parents[1] / "recordings" / "upgrade-unfenced"
#: the first revisions of it at which two servers have saved
BOTH = range(2, 31)


@contextmanager
def watching(folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A watch with its temporary files in a folder, once it has begun."""
    folder.mkdir(exist_ok=True)
    command = [str(TSOFENCE), "watch", "--no-progress", *more]
    environment = os.environ | {"TMPDIR": str(folder)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("recording to ")
        yield process
    finally:
        process.kill()
        process.wait()


def stopped(process: subprocess.Popen[str]) -> list[str]:
    """Ctrl-C, and what was said since then."""
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=600)[0].splitlines()


def running(folder: Path) -> list[str]:
    """The commands of processes that work on something in a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(each.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [command for command in found if str(folder) in command and "tsofence" in command]


def of(revisions: range) -> list[list[Event]]:
    return events(UNFENCED)[revisions.start - 2 : revisions.stop - 2]


@pytest.mark.large
@needs_etcd
def test_a_violation_is_a_line_and_a_metric_although_etcd_was_killed(tmp_path: Path) -> None:
    """Two servers save windows, in the recording and so here; etcd is killed in between."""
    port = free_port()
    place = tmp_path / "scratch"

    def scraped() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return str(answer.read().decode())

    with (
        etcd(tmp_path) as (member,),
        watching(place, "--pd", member.client, "--metrics", str(port)) as process,
    ):
        write(member, of(range(2, 16)))
        until(lambda: "tsofence_revision 15.0" in scraped())
        member.kill()
        member.start([member])
        member.ready()
        write(member, of(range(16, BOTH.stop)))
        assert process.stdout is not None
        seen = next(line for line in process.stdout if "violated" in line)
        assert "single-writer violated: revision" in seen
        until(lambda: 'tsofence_verdict{property="single-writer"} 2.0' in scraped())
        assert 'tsofence_violations_total{property="single-writer"} 1.0' in scraped()
        assert "tsofence_gaps 0.0" in scraped()
        said = stopped(process)
    assert process.returncode == 1, said
    told = [line.split(" ", 1)[1] for line in (seen, *said) if " violated: " in line]
    assert len(told) == len(set(told)), "each once"
    assert any(line.split()[:2] == ["single-writer", "violated"] for line in said)
    assert ([*place.iterdir()], running(place)) == ([], [])


@contextmanager
def having(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has a folder of its own in this one, for a while."""
    code = "from tsofence.traces.live import scratch as a\nwith a.scratch() as b: print(b, flush=1), input()"
    environment, pipe = os.environ | {"TMPDIR": str(folder)}, subprocess.PIPE
    command = [sys.executable, "-P", "-c", code]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        assert Path(process.stdout.readline().strip()).is_dir()
        yield process


def test_what_a_killed_watch_leaves_the_next_one_removes(tmp_path: Path) -> None:
    with having(tmp_path) as killed:
        killed.kill()
    (left,) = tmp_path.iterdir()
    with having(tmp_path) as first:
        assert not left.exists()
        with having(tmp_path) as second:
            assert len([*tmp_path.iterdir()]) == 2
            second.communicate("\n")
        assert len([*tmp_path.iterdir()]) == 1
        first.communicate("\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("what", ["file", "link", "folder"])
def test_what_is_not_ours_stays(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: _made(tmp_path / f"{prefix}mine"))
    kept = _made(tmp_path / "kept")
    (Path(kept) / "locked").touch()
    place = tmp_path / "tsofence-watch-other"
    if what == "file":
        place.touch()
    elif what == "link":
        place.symlink_to(kept, target_is_directory=True)
    else:
        place.mkdir()
    with scratch.scratch():
        pass
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kept", "tsofence-watch-other"]
    assert (Path(kept) / "locked").exists()


def _made(folder: Path) -> str:
    folder.mkdir()
    return str(folder)

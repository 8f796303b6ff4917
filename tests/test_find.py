"""`explore --find` and `step` from the command line: exit statuses, JSON, runs, one line for a mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tsofence.traces.runs import files

from .worlds import TINY

TSOFENCE = Path(sys.executable).with_name("tsofence")


def call(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TSOFENCE, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "80"},
    )


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_a_state_that_is_reached_is_a_run(tiny: Path, tmp_path: Path) -> None:
    find = ("explore", "--scenario", tiny, "--fence", "off", "--find", "pd1.leader and tso1.serving")
    done = call(*find, "--json", "-", "--runs", tmp_path / "runs")
    assert done.returncode == 0
    (result,) = json.loads(done.stdout)["results"]
    path = tmp_path / "runs" / "off.find.json"
    assert result["find"] == {
        "expression": "pd1.role == leader and tso1.serving",
        "verdict": "reachable",
        "steps": 2,
        "run": str(path),
        "note": "",
    }
    assert result["properties"] == []
    assert result["cut_by"] == ["such a state is found"]
    assert "off: reachable, in 2 steps: pd1.role == leader and tso1.serving" in done.stderr
    assert "wins the primary key" in done.stderr
    run = files.load(path)
    assert [move.transition for move in run.moves] == ["campaign", "campaign"]
    assert run.breaks is None


def test_a_state_that_is_not_reached_is_status_1(tiny: Path) -> None:
    find = ("explore", "--scenario", tiny, "--fence", "off", "--find", "leader == tso1")
    done = call(*find, "--json", "-")
    assert done.returncode == 1
    (result,) = json.loads(done.stdout)["results"]
    assert (result["find"]["verdict"], result["complete"]) == ("unreachable", True)
    assert "no reachable state of this scenario (" in done.stderr


def test_a_search_that_is_cut_is_status_3(tiny: Path) -> None:
    cut = call(
        "explore", "--scenario", tiny, "--fence", "off", "--find", "leader == tso1", "--max-states", "50"
    )
    assert cut.returncode == 3
    assert "which are not all" in cut.stdout


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (
            ["explore", "--find", "pd1.leadr"],
            "--find: column 5: expected a variable of a server, not 'leadr'",
        ),
        (
            ["explore", "--find", "pd1.leader\x1b[2J\n("],
            r"--find: column 11: '\x1b[2J\n(' does not belong there",
        ),
        (["explore", "--find", "noted", "--property", "unique"], "--find asks for a state, --property for"),
        (["step"], "step needs a terminal; show RUN.json tells a run without one"),
        (["step", "nosuch.json"], "nosuch.json: expected a run file that can be read"),
        (["step", "--fence", "off", "--fence", "hook"], "expected one: one system is stepped through"),
    ],
)
def test_what_is_wrong_is_one_line(args: list[str], told: str) -> None:
    done = call(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1

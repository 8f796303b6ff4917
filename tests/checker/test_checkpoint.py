"""A search that was killed goes on, and answers as if nothing had happened."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tsofence.checker.checkpoint import Checkpoint
from tsofence.checker.engine import CheckpointError
from tsofence.checker.explore import Exploration, Progress, explore
from tsofence.cli import main
from tsofence.model.instance import REDUCTIONS
from tsofence.specs.properties import PROPERTIES, Property, named
from tsofence.specs.scenario import Scenario, load

WORLD = load("rolling-upgrade")
#: a search that writes as often as it can, so that it is often killed while it writes
SEARCH = """
import sys
from pathlib import Path
from tsofence.checker import checkpoint
from tsofence.checker.explore import explore
from tsofence.specs.properties import PROPERTIES
from tsofence.specs.scenario import load
checkpoint._PAUSE, checkpoint._SHARE = 0, 0
explore(load("rolling-upgrade"), "off", PROPERTIES, checkpoint=Path(sys.argv[1]), threads=lambda: 2)
"""


def same(found: Exploration) -> Exploration:
    return replace(found, seconds=0)


def test_killed_at_any_moment(tmp_path: Path) -> None:
    file, chance, kills = tmp_path / "off.search", random.Random(4), 0
    for _ in range(30):
        with subprocess.Popen([sys.executable, "-c", SEARCH, str(file)]) as search:
            # past the start, which is the same each time, into the search or a file being written
            deadline = time.monotonic() + 60
            before = file.stat().st_mtime_ns if file.exists() else 0
            while search.poll() is None and time.monotonic() < deadline:
                if file.exists() and file.stat().st_mtime_ns != before:
                    break
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.1))
            kills += search.poll() is None
            search.kill()
        if search.returncode == 0 or kills == 6:
            break
    assert kills > 1
    assert same(explore(WORLD, "off", PROPERTIES, checkpoint=file)) == same(explore(WORLD, "off", PROPERTIES))


def test_a_bound_and_an_interruption_leave_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "first-save-only.search"
    cut = explore(WORLD, "first-save-only", PROPERTIES, max_states=50_000, checkpoint=file)
    assert same(explore(WORLD, "first-save-only", PROPERTIES, max_states=50_000, checkpoint=file)) == same(
        cut
    )
    more = explore(
        WORLD, "first-save-only", PROPERTIES, checkpoint=file, stop=lambda: file.stat().st_size > 0
    )
    assert more.cut_by == ("interrupted",)
    whole = same(explore(WORLD, "first-save-only", PROPERTIES))
    seen: list[Progress] = []
    assert same(explore(WORLD, "first-save-only", PROPERTIES, checkpoint=file, progress=seen.append)) == whole
    # it went on, and did not start again
    states = [progress.states for progress in seen]
    assert any(before < 20_000 and after > 50_000 for before, after in pairwise(states))
    assert (
        same(explore(WORLD, "first-save-only", PROPERTIES, checkpoint=file)) == whole
    )  # it is there already


def test_what_is_not_this_search_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "off.search"
    explore(WORLD, "off", PROPERTIES, max_states=30_000, checkpoint=file)
    smaller = replace(WORLD, budgets={**WORLD.budgets, "pd.term": 1})
    others: tuple[tuple[Scenario, str, Sequence[Property], dict[str, Any]], ...] = (
        (smaller, "off", PROPERTIES, {}),
        (replace(WORLD, window=WORLD.window + 1), "off", PROPERTIES, {}),
        (replace(WORLD, skew=WORLD.skew + 1), "off", PROPERTIES, {}),
        (WORLD, "save-cas", PROPERTIES, {}),
        (WORLD, "off", [named("key-monotone")], {}),
        (WORLD, "off", PROPERTIES[::-1], {}),
        (WORLD, "off", PROPERTIES, {"dropped": [("grant", "serving")]}),
        *((WORLD, "off", PROPERTIES, {"reductions": {*REDUCTIONS} - {name}}) for name in REDUCTIONS),
    )
    for world, fence, properties, more in others:
        with pytest.raises(CheckpointError, match="another model"):
            explore(world, fence, properties, checkpoint=file, **more)
    whole = file.read_bytes()
    for damaged, told in (
        (whole[:-1], "damaged"),
        (whole + b"x", "damaged"),
        (whole[7:], "not a checkpoint"),
        (b"", "not a checkpoint"),
        (b"[" * 100_000, "not a checkpoint"),
        (b"0" * 100_000, "not a checkpoint"),
    ):
        file.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=told):
            explore(WORLD, "off", PROPERTIES, checkpoint=file)


def test_another_process_keeps_away(tmp_path: Path) -> None:
    file = tmp_path / "off.search"
    with Checkpoint(file), pytest.raises(CheckpointError, match="another process is at this search"):
        explore(WORLD, "off", PROPERTIES, max_states=9_000, checkpoint=file)
    explore(WORLD, "off", PROPERTIES, max_states=9_000, checkpoint=file)


def test_the_command_line_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "off.search").write_text("{}\n")
    result = CliRunner().invoke(main, ["explore", "--fence", "off", "--checkpoint", str(tmp_path)])
    assert result.exit_code == 2
    assert "off.search: this is not a checkpoint" in result.output
    plain = CliRunner().invoke(main, ["explore", "--engine", "plain", "--checkpoint", str(tmp_path)])
    assert plain.exit_code == 2

"""A search that was killed goes on, and answers as if nothing had happened."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.checkpoint import Checkpoint
from tsofence.checker.search.engine import Plain
from tsofence.checker.search.errors import CheckpointError
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import Exploration, Progress
from tsofence.checker.search.native import Native
from tsofence.cli import main
from tsofence.model.language.instance import REDUCTIONS
from tsofence.model.variants import fences
from tsofence.specs.properties import PROPERTIES, Property
from tsofence.specs.scenario import Scenario, load

WORLD = replace(load("rolling-upgrade"), window=3)
#: a search that writes as often as it can, so that it is often killed while it writes
SEARCH = """
import sys
from dataclasses import replace
from pathlib import Path
from tsofence.checker.search import checkpoint
from tsofence.checker.search.explore import explore
from tsofence.specs.properties import PROPERTIES
from tsofence.specs.scenario import load
checkpoint._PAUSE, checkpoint._SHARE = 0, 0
world = replace(load("rolling-upgrade"), window=3)
explore(world, "off", PROPERTIES, checkpoint=Path(sys.argv[1]), threads=lambda: 2)
"""
#: of the search under no fence, told by another process
FINGERPRINT = """
from dataclasses import replace
from tsofence.checker.search.engine import Plain
from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.native import Native
from tsofence.model.variants import fences
from tsofence.model.language.instance import REDUCTIONS
from tsofence.specs.properties import PROPERTIES
from tsofence.specs.scenario import load
world = replace(load("rolling-upgrade"), window=3, pd=1, tso=1)
configuration = replace(world.configuration(fences.parse("off")), reductions=frozenset(REDUCTIONS))
expander = Expander(configuration, PROPERTIES, list(world.first_states(configuration)))
print(Native(Plain(expander), 1000).fingerprint, end="")
"""


def same(found: Exploration) -> Exploration:
    return replace(found, seconds=0)


@pytest.mark.large
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


def test_each_search_has_a_fingerprint_of_its_own() -> None:
    """Whatever changes states, their order or what is noted of them; and it is the same in every process."""
    small = replace(WORLD, pd=1, tso=1)

    def fingerprint(
        world: Scenario = small,
        fence: str = "off",
        properties: Sequence[Property] = PROPERTIES,
        dropped: Sequence[tuple[str, str]] = (),
        reductions: Collection[str] = REDUCTIONS,
    ) -> str:
        configuration = world.configuration(fences.parse(fence), dropped)
        configuration = replace(configuration, reductions=frozenset(reductions))
        expander = Expander(configuration, properties, list(world.first_states(configuration)))
        return Native(Plain(expander), 1000).fingerprint

    found = [
        fingerprint(),
        fingerprint(replace(small, budgets={**small.budgets, "pd.term": 7})),
        fingerprint(replace(small, window=small.window + 1)),
        fingerprint(replace(small, skew=small.skew + 1)),
        fingerprint(replace(small, counts=(1, 2), limit=3)),
        fingerprint(fence="save-cas"),
        fingerprint(properties=PROPERTIES[::-1]),
        fingerprint(dropped=[("grant", "serving")]),
        *(fingerprint(reductions={*REDUCTIONS} - {name}) for name in REDUCTIONS),
    ]
    assert len({*found}) == len(found)
    again = subprocess.run(
        [sys.executable, "-c", FINGERPRINT],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert again.stdout == found[0]


def test_what_is_not_this_search_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "off.search"
    explore(WORLD, "off", PROPERTIES, max_states=100, engine="native", reductions=(), checkpoint=file)
    with pytest.raises(CheckpointError, match="another model"):
        explore(WORLD, "off", PROPERTIES[::-1], engine="native", reductions=(), checkpoint=file)


def test_another_process_keeps_away(tmp_path: Path) -> None:
    file = tmp_path / "off.search"
    with Checkpoint(file), pytest.raises(CheckpointError, match="another process is at this search"):
        explore(WORLD, "off", PROPERTIES, max_states=100, checkpoint=file)
    explore(WORLD, "off", PROPERTIES, max_states=100, checkpoint=file)


def test_the_command_line_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "off.search").write_text("{}\n")
    result = CliRunner().invoke(main, ["explore", "--fence", "off", "--checkpoint", str(tmp_path)])
    assert result.exit_code == 2
    assert "off.search: this is not a checkpoint" in result.output
    plain = CliRunner().invoke(main, ["explore", "--engine", "plain", "--checkpoint", str(tmp_path)])
    assert plain.exit_code == 2

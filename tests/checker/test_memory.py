"""The bound on memory: what a container allows, and what each engine does when it is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsofence.checker.search.explore import explore
from tsofence.checker.search.memory import container_limits, default_bound
from tsofence.specs.properties import named
from tsofence.specs.scenario import load


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        ({}, []),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/memory.max": "1000"}, [1000]),
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/fs/cgroup/a/b/memory.max": "max",
                "sys/fs/cgroup/a/memory.max": "7",
            },
            [7],
        ),
        ({"proc/self/cgroup": "0::/of/the/host", "sys/fs/cgroup/memory.max": "500"}, [500]),
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/x\n0::/",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "300",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
                "sys/fs/cgroup/cpu,cpuacct/x/memory.limit_in_bytes": "1",
            },
            [300, 9223372036854771712],
        ),
    ],
)
def test_limits_of_a_container(tmp_path: Path, files: dict[str, str], limits: list[int]) -> None:
    write(tmp_path, files)
    assert list(container_limits(tmp_path)) == limits


def test_the_default_is_within_every_limit() -> None:
    assert 0 < default_bound() <= min(container_limits(), default=1 << 62)


def test_plain_python_is_bounded_too() -> None:
    found = explore(load("rolling-upgrade"), "off", [named("window")], memory=2 << 20, engine="plain")
    assert "--memory" in found.cut_by[0]
    assert 1_000 < found.states < 40_000
    assert [finding.verdict for finding in found.findings] == ["unknown"]

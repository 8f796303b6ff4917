"""Shards on a local Ray give what one process gives: the same counts, verdicts and lengths of runs.

Skipped where Ray is not installed (`pip install '.[cluster]'`).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.engine import Plain, WorkerLost
from tsofence.checker.search.explore import explore
from tsofence.model.variants import fences
from tsofence.specs.properties import PROPERTIES
from tsofence.specs.reference import reference
from tsofence.specs.scenario import load

ray: Any = pytest.importorskip("ray", reason="Ray is not installed: pip install '.[cluster]'")
from tsofence.checker.search.cluster import Cluster, owners  # noqa: E402  # needs nothing of Ray but is of no use without

pytestmark = [
    pytest.mark.large,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),
]
MOST = 2_000_000


@pytest.fixture(scope="module", autouse=True)
def local() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def protocol(size: tuple[int, int, int, int], *, fence: bool, workers: int = 2) -> Cluster:
    make = partial(reference, *size, fence=fence)
    return Cluster(make, [make().layout().initial({}, {})], (), most=MOST, workers=workers)


def walk(cluster: Cluster, chunk: int) -> int:
    first, last, levels = 0, len(cluster), 0
    while first < last:
        for start in range(first, last, chunk):
            cluster.expand(start, min(start + chunk, last))
        first, last, levels = last, len(cluster), levels + 1
    return levels


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("size", "counts", "levels", "chunk"),
    [
        ((1, 1, 8, 3), (9_364, 42_206, 1_400), None, 700),
        ((2, 1, 8, 3), (115_260, 705_916, 24_892), 27, 100_000),
        ((2, 2, 8, 3), (1_090_923, 8_598_522, 279_720), 30, Cluster.chunk),
    ],
)
def test_counts(
    size: tuple[int, int, int, int],
    counts: tuple[int, int, int],
    levels: int | None,
    chunk: int,
    workers: int,
) -> None:
    cluster = protocol(size, fence=True, workers=workers)
    deep = walk(cluster, chunk)
    slot = cluster.expander.layout.slots["bad", 0]
    found = list(cluster.states())
    assert len(set(found)) == len(found)
    assert (len(cluster), sum(cluster.watch.fired), sum(state[slot] for state in found)) == counts
    assert levels in (None, deep)


def test_same_levels_and_paths_as_plain_python() -> None:
    """Numbers differ within a level; what stands in it and how far it is does not."""
    world = load("rolling-upgrade")
    make = partial(world.configuration, fences.parse("off"))
    configuration = make()
    first = list(world.first_states(configuration))
    names = [prop.name for prop in PROPERTIES]
    plain, cluster = (
        Plain(Expander(configuration, PROPERTIES, first)),
        Cluster(make, first, names, most=MOST, workers=2),
    )
    begun = [0]
    while len(plain) < 20_000:
        start, end = begun[-1], len(plain)
        plain.expand(start, end)
        for at in range(start, end, 1_000):
            cluster.expand(at, min(at + 1_000, end))
        assert len(cluster) == len(plain)
        assert set(cluster.states(end)) == set(plain.states(end))
        begun.append(end)
    watches = [replace(engine.watch, hits={}) for engine in (plain, cluster)]
    assert watches[0] == watches[1]
    assert set(plain.watch.hits) == set(cluster.watch.hits)
    for depth in range(1, len(begun) - 1):
        index = begun[depth]
        way = cluster.path(index)
        assert (way[0] < len(first), len(way)) == (True, depth + 1)
        for before, after in pairwise(way):
            there = Plain(plain.expander, [cluster.state(before)])
            there.expand(0, 1)
            assert cluster.state(after) in there.order


@pytest.mark.parametrize("fence", ["off", "save-cas+window-lease+wait-out"])
def test_a_whole_search_is_the_same(fence: str) -> None:
    world = replace(
        load("rolling-upgrade"), budgets={**load("rolling-upgrade").budgets, "pd.term": 1}, window=2
    )
    native, cluster = (
        explore(world, fence, PROPERTIES, max_states=150_000, engine=engine)
        for engine in ("native", "cluster")
    )
    assert native.complete
    assert replace(native, seconds=0, findings=()) == replace(cluster, seconds=0, findings=())
    verdicts = [
        [(each.property, each.verdict, each.steps, each.tested, each.note) for each in found.findings]
        for found in (native, cluster)
    ]
    assert verdicts[0] == verdicts[1]


def test_a_worker_that_dies_ends_the_search_without_a_verdict() -> None:
    cluster = protocol((2, 1, 8, 3), fence=True)
    first, last = 0, len(cluster)
    for _ in range(8):
        cluster.expand(first, last)
        first, last = last, len(cluster)
    os.kill(cluster.processes[1], signal.SIGKILL)
    with pytest.raises(WorkerLost, match="run it again"):
        cluster.expand(first, last)


def test_a_lost_worker_is_an_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    expand = Cluster.expand

    def struck(self: Cluster, first: int, last: int) -> None:
        if len(self) > 1_000:
            os.kill(self.processes[0], signal.SIGKILL)
        expand(self, first, last)

    monkeypatch.setattr(Cluster, "expand", struck)
    found = explore(replace(load("rolling-upgrade"), window=3), "off", PROPERTIES, engine="cluster")
    assert ["worker" in reason for reason in found.cut_by] == [True]
    # what the small search before it found stays found
    verdicts = {finding.property: finding.verdict for finding in found.findings}
    assert verdicts.pop("single-writer") == verdicts.pop("unique") == "violated"
    assert verdicts["key-monotone"] == verdicts["window"] == "unknown"


def test_no_room_is_an_unknown() -> None:
    found = explore(load("rolling-upgrade"), "off", PROPERTIES, engine="cluster", memory=1 << 18)
    assert "--memory" in found.cut_by[0]


def test_a_bound_is_an_unknown() -> None:
    found = explore(load("rolling-upgrade"), "off", PROPERTIES, engine="cluster", max_states=50_000)
    assert found.cut_by == ("more than 50000 states: raise --max-states",)


def test_shards_are_of_one_size() -> None:
    rows = np.arange(100_000, dtype=np.uint64).reshape(-1, 2)
    for shards in (2, 3, 7):
        sizes = np.bincount(owners(rows, shards).astype(np.int64), minlength=shards)
        assert sizes.min() > 0.95 * len(rows) / shards

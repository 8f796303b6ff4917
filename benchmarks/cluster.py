"""The reference protocol on a local Ray, with one worker and with two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec

from tsofence.specs.reference import reference

from .results import Result
from .rivals import Size
from .walk import walk

WORKERS = (1, 2)


def absent() -> list[str]:
    """One line where Ray cannot take part."""
    return [] if find_spec("ray") else ["no Ray here (pip install '.[cluster]'): the cluster is left out"]


def on_workers(size: Size, most: int) -> Iterator[Result]:
    """The search with each number of workers, in seconds of the clock on the wall; starting Ray apart."""
    import ray

    from tsofence.checker.search.cluster import Cluster, start

    make = partial(reference, *size, fence=True)
    first = [make().layout().initial({}, {})]
    for workers in WORKERS:
        began = time.monotonic()
        start(ray, workers)
        cluster = Cluster(make, first, (), most=most, workers=workers)
        ready = time.monotonic()
        levels = walk(cluster)
        seconds = time.monotonic() - ready
        who = f"Ray, {workers} worker{'s' * (workers > 1)}, wall"
        yield Result(who, len(cluster), sum(cluster.watch.fired), levels, seconds, ready - began)
        ray.shutdown()

"""Every kind of planted fault, over calls, etcd, logs, leases and clocks: who notices it, and who is accused.

A fault is noticed where the fence of the recording is refuted, where a property is violated that the clean
recording does not violate as often, or where what cannot be is said to be no input. One that only lines which
are missing would tell is noticed where nobody knows, and the note says why.
"""

import random
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.sources.reading import read

from .. import planting_calls, planting_more  # noqa: F401  # their kinds are noted where they are imported
from ..amount import seeds, some
from ..planting import KINDS, Kind, Recording, load
from .test_planted import BUILDS, RECORDINGS

_EXACT = ("key-monotone", "window", "unique", "real-time", "session")
SMALL = ("r85-transfer-small", "pr-intervals-differ", "pr-slow-load-small")
HEALTHY = sorted(name for name in KINDS if name.startswith("healthy-"))
VISIBLE = sorted(name for name, kind in KINDS.items() if kind.visible)


@cache
def whole(name: str, clients: bool) -> Recording:
    return load(RECORDINGS / name, clients=clients)


def judged(recording: Recording, name: str, folder: Path, *, clients: bool) -> Report | None:
    recording.write(folder)
    try:
        trace = read([folder])
    except BadInput:
        return None
    return replay(trace, [BUILDS[name]], properties=_EXACT if clients else ("key-monotone",))


@cache
def _clean_counts(name: str, clients: bool) -> dict[str, int]:
    trace = read([RECORDINGS / name])
    return {each.property: each.count for each in replay(trace, [], properties=_EXACT).properties}


def noticed(kind: Kind, name: str, report: Report | None) -> bool:
    if report is None or any(source.skipped or source.truncated for source in report.sources):
        return True
    (verdict,) = report.fences
    if verdict.conforms is False or (kind.doubted and verdict.note):
        return True
    counts = _clean_counts(name, kind.clients) if kind.clients else {}
    return any(
        each.verdict == "violated" and each.count > counts.get(each.property, 0) for each in report.properties
    )


def planted(name: str, kind: str, seed: int) -> Recording | None:
    clean = whole(name, KINDS[kind].clients)
    return KINDS[kind].plant(clean, random.Random(f"{name} {kind} {seed}"))


def tried(name: str, kind: str, seed: int, folder: Path) -> bool | None:
    """Whether the verdict on a fault is right; None where there is nothing to plant it into."""
    fault = planted(name, kind, seed)
    if fault is None:
        return None
    report = judged(fault, name, folder, clients=KINDS[kind].clients)
    if kind in HEALTHY:
        return report is not None and report.fences[0].conforms is not False
    return noticed(KINDS[kind], name, report)


def test_there_are_kinds_of_everything() -> None:
    assert len(KINDS) >= 60
    assert len(VISIBLE) >= 50


@pytest.mark.parametrize("kind", [kind for kind in VISIBLE if not KINDS[kind].clients])
def test_a_fault_is_noticed(kind: str, tmp_path: Path) -> None:
    """In the first small recording that has something to plant it into."""
    found = (tried(name, kind, 0, tmp_path / name) for name in SMALL)
    assert next((right for right in found if right is not None), True)


@pytest.mark.parametrize("kind", [kind for kind in VISIBLE if KINDS[kind].clients])
def test_a_fault_in_calls_is_noticed(kind: str, tmp_path: Path) -> None:
    assert tried("pr-intervals-differ", kind, 0, tmp_path) in (None, True)


@pytest.mark.parametrize("kind", HEALTHY)
@pytest.mark.parametrize("name", SMALL[:2])
def test_what_is_healthy_is_not_accused(name: str, kind: str, tmp_path: Path) -> None:
    assert tried(name, kind, 0, tmp_path) in (None, True)


def _missed(kind: str, name: str) -> bool:
    """What goes unnoticed: after the made-up exit the server logs nothing that is a step of the model."""
    return (kind, name) == ("an-exit-made-up", "master-transfer-small")


@pytest.mark.large
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(*case, marks=[pytest.mark.xfail(strict=True, reason=str(_missed.__doc__))])
        if _missed(*case)
        else case
        for case in some(product(VISIBLE, BUILDS), 16)
    ],
)
def test_every_fault_is_noticed(kind: str, name: str, tmp_path: Path) -> None:
    for seed in seeds(range(3)):
        assert tried(name, kind, seed, tmp_path / str(seed)) in (None, True), seed


@pytest.mark.large
@pytest.mark.parametrize(("kind", "name"), some(product(HEALTHY, BUILDS), 2))
def test_nothing_healthy_is_accused(kind: str, name: str, tmp_path: Path) -> None:
    for seed in seeds(range(3)):
        assert tried(name, kind, seed, tmp_path / str(seed)) in (None, True), seed

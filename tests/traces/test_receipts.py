"""Receipts as clocks of shells write them: in seconds, ms or microseconds, and cut."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tsofence.traces.clocks.align import align
from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Trace

from ..recorded import RECORDINGS, recorded, replayed

S, MS, US = 10**9, 10**6, 10**3
#: how a receipt is told, and how much of it is lost at most
TOLD: dict[str, tuple[Callable[[int], int], int]] = {
    "seconds": (lambda at: at // S, S),
    "whole seconds": (lambda at: at // S * S, S),
    "ms": (lambda at: at // MS, MS),
    "whole ms": (lambda at: at // MS * MS, MS),
    "microseconds": (lambda at: at // US, 0),
}
NAMES = {
    "pd-failover": "check-tso-primary",
    "tso-failover": "check-tso-primary",
    "pr-intervals-differ": "check-tso-primary",
    "r85-transfer-small": "release-8.5",
}


def received(name: str, folder: Path, told: Callable[[int], int]) -> Trace:
    """A recording whose only watch has receipts that are told so."""
    (watch,) = RECORDINGS.joinpath(name).glob("etcd-recv.jsonl*")
    with gzip.open(watch, "rt") if watch.suffix == ".gz" else watch.open() as lines:
        answers = [json.loads(line) for line in lines]
    for answer in answers:
        answer["recv_unix_ns"] = told(answer["recv_unix_ns"])
    path = folder / "etcd-recv.jsonl"
    path.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    return read([path, *(each for each in RECORDINGS.joinpath(name).iterdir() if "etcd" not in each.name)])


@pytest.mark.parametrize("how", TOLD)
@pytest.mark.parametrize("name", NAMES)
def test_the_unit_is_told_by_its_size(tmp_path: Path, name: str, how: str) -> None:
    told, lost = TOLD[how]
    trace = received(name, tmp_path, told)
    at = {(event.revision, event.path): event.latest_ns for event in recorded(name).keys}
    for event in trace.keys:
        was = at[event.revision, event.path]
        assert event.latest_ns is not None
        assert event.received_ns is not None
        assert was is not None
        assert event.coarse_ns == lost
        assert event.received_ns - US <= was <= event.latest_ns + US
    (source,) = (each for each in trace.sources if "etcd" in each.file)
    assert (
        source.assumed
        == {S: "receipts are told in whole s", MS: "receipts are told in whole ms", 0: ""}[lost]
    )


@pytest.mark.parametrize("how", ["seconds", "ms"])
@pytest.mark.parametrize("name", NAMES)
def test_they_decide_as_finer_ones_do(tmp_path: Path, name: str, how: str) -> None:
    """All but window, for which a second is much; within one, more may be before the watch's end."""
    expected = replayed(name, NAMES[name])
    found = replay(received(name, tmp_path, TOLD[how][0]), [NAMES[name]])
    assert found.fences[0].conforms == expected.fences[0].conforms is True
    for one, other in zip(found.properties, expected.properties, strict=True):
        kept = one.verdict in ("holds", "vacuous") and other.verdict in ("holds", "vacuous")
        assert kept or one.verdict == other.verdict or (one.property, one.verdict) == ("window", "unknown")


def test_a_recorder_that_began_late_moves_no_client() -> None:
    """Of few receipts one is of a save that goes on from a window that was loaded long before."""
    trace = recorded("pr-slow-load-small")
    keys = tuple(event if event.revision > 20 else replace(event, latest_ns=None) for event in trace.keys)
    late = replace(trace, keys=keys)
    assert not align(late).clocks.doubtful()
    expected, found = replayed("pr-slow-load-small", "check-tso-primary"), replay(late, ["check-tso-primary"])
    assert found.fences[0].conforms
    for one, other in zip(found.properties, expected.properties, strict=True):
        assert one.verdict == other.verdict or (one.property, one.verdict) == ("window", "unknown")


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_recorder_is_none_whose_clock_is_apart(seed: int) -> None:
    """Each receipt is up to 0.4 s later, in order: it still says by when."""
    random, last = Random(seed), 0
    trace, keys = recorded("pr-intervals-differ"), []
    for event in trace.keys:
        last = max(last, (event.latest_ns or 0) + random.randrange(400) * MS)
        keys.append(replace(event, latest_ns=last))
    slow = replace(trace, keys=tuple(keys))
    assert not [clock for clock in align(slow).clocks.doubtful() if clock.kind == "recorder"]
    expected = replayed("pr-intervals-differ", "check-tso-primary")
    found = replay(slow, ["check-tso-primary"])
    # that others are apart by as much, as the recorder alone tells, may still leave it open
    assert found.fences[0].conforms is not False
    for one, other in zip(found.properties, expected.properties, strict=True):
        assert one.verdict in (other.verdict, "unknown")

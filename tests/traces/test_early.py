"""A recorder whose clock is set back between two events: who was answered when tells that it was that one."""

from dataclasses import replace

import pytest

from tsofence.traces.clocks.early import without_early
from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.trace import Trace

from ..recorded import RECORDINGS, recorded

NS_PER_MS = 1_000_000
HEALTHY = sorted(path.name for path in RECORDINGS.iterdir() if path.name not in ("etcd-gateway", "soak"))


def set_back(trace: Trace, since: int, by_ms: int) -> Trace:
    """The trace by a recorder whose clock was set back before it received a revision."""
    return replace(
        trace,
        keys=tuple(
            replace(event, latest_ns=(event.latest_ns or 0) - by_ms * NS_PER_MS * (event.revision >= since))
            for event in trace.keys
        ),
    )


@pytest.mark.parametrize("by_ms", [300, 700, 2_000])
def test_receipts_of_a_clock_that_was_set_back_are_not_used(by_ms: int) -> None:
    other = set_back(recorded("pd-failover"), 82, by_ms)
    found, told = without_early(other)
    assert [event.latest_ns is None for event in found.keys] == [event.revision >= 82 for event in found.keys]
    (sentence,) = told.values()
    assert "before it was saved, by what clients were answered: its clock was set" in sentence


def test_what_is_left_decides() -> None:
    report = replay(set_back(recorded("pd-failover"), 82, 700), ["check-tso-primary"])
    assert report.fences[0].conforms is True
    assert any("its clock was set" in note for note in report.notes)


@pytest.mark.parametrize("name", HEALTHY)
def test_receipts_as_recorded_are_used(name: str) -> None:
    """Where servers' clocks jump, or an admin sets them, clients' clocks do not follow."""
    trace = recorded(name)
    assert without_early(trace) == (trace, {})


def test_without_answers_nobody_knows_whose_clock_it_was() -> None:
    trace = set_back(recorded("pd-failover"), 82, 700)
    trace = replace(trace, calls=trace.calls.without(set(trace.calls.files())))
    assert without_early(trace)[1] == {}

"""Which windows servers can have saved: what lies in none of them, or goes back, is refuted at once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tsofence.traces.clocks.align import align
from tsofence.traces.explain import conformance, impossible, search
from tsofence.traces.explain import windows as saved
from tsofence.traces.explain.doubt import at_other_times
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.explain.seen import FOREVER, Granted, Seen
from tsofence.traces.explain.steps import World
from tsofence.traces.explain.timeline import Timeline, timeline
from tsofence.traces.sources.observation import NS_PER_MS, Key, KeyEvent, LogEvent
from tsofence.traces.sources.reading import read

from ..planting import load
from ..recorded import RECORDINGS, recorded
from .test_planted import BUILDS

FENCES = BUILDS | {"pr8780": "pull-8780", "dynamic-switch-base": "off"}
PD1 = 1


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "MAX_DETOURS", 1_500)


def with_answer(name: str, file: str, place: int, by_ms: int, folder: Path) -> Report:
    """A recording of which one answer tells so much more."""
    clean = load(RECORDINGS / name, clients=True)
    lines = [*clean.files[file]]
    call = json.loads(lines[place])
    lines[place] = json.dumps(call | {"physical": call["physical"] + by_ms}).encode() + b"\n"
    replace(clean, files={**clean.files, file: lines}).write(folder)
    return replay(read([folder]), [FENCES[name]], properties=[])


@pytest.mark.parametrize(("by_ms", "known"), [(-500, True), (500, True), (500, False)])
@pytest.mark.usefixtures("few_steps")
def test_who_may_have_passed_it_on_goes_not_back_either(
    by_ms: int, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PD in API mode answers what it or a TSO server grants: only one of them has that window."""
    if not known:
        monkeypatch.setattr(search, "set_back", lambda *_: False)
    (verdict,) = with_answer("pr8780", "client-pd1-b.jsonl", 2_637, by_ms, tmp_path).fences
    assert verdict.conforms is (False if known else None)
    assert known or "a limit ended the search" in verdict.note


@pytest.mark.parametrize("known", [True, False])
def test_what_lies_in_no_window_is_refuted_however_far_clocks_are_apart(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is below what the new leader's sync set, and above what its former one saved."""
    if not known:
        monkeypatch.setattr(impossible, "outside", lambda *_: iter(()))
    (verdict,) = with_answer("pd-failover", "client-pd3.jsonl", 1_063, -9_000, tmp_path).fences
    assert verdict.conforms is (False if known else None)


def in_time(name: str) -> tuple[World, Timeline]:
    order = timeline(align(recorded(name)))
    told = {("commit_answer_lost", number): FOREVER for number, _ in enumerate(order.names, 1)}
    order = replace(order, denied=told)
    return World(FENCES[name], order), order


@pytest.mark.parametrize("name", sorted(FENCES))
def test_whatever_was_saved_and_answered_is_in_a_window(name: str) -> None:
    world, order = in_time(name)
    assert not [*saved.unsaved(world, order), *saved.unsaved(world, order, by_times=True)]
    assert not [*saved.outside(world, order)]


def with_save(order: Timeline, place: int, by_ms: int) -> tuple[Timeline, int]:
    """Of what etcd shows, that save so much higher, and its revision."""
    saves = [one for one in order.seen if isinstance(one.what, KeyEvent) and one.what.key is Key.TIMESTAMP]
    asked = saves[place]

    def changed(one: Seen) -> Seen:
        if one is not asked or not isinstance(one.what, KeyEvent):
            return one
        value_ns = (one.what.timestamp_ns or 0) + by_ms * NS_PER_MS
        return replace(one, what=replace(one.what, timestamp_ns=value_ns))

    return replace(order, seen=tuple(map(changed, order.seen))), asked.revision or 0


def test_a_window_is_used_up_before_the_next_one_is_saved() -> None:
    world, order = in_time("reset-ts")
    low, revision = with_save(order, 3, -500)
    assert [one.revision for one in saved.unsaved(world, low)] == [revision]
    # its server may not have learned that it was saved
    assert not [*saved.unsaved(world, replace(low, denied={}))]
    # nor is it known what was saved between
    for unknown in (
        {"late": True},
        {"gap_text": "a gap"},
        {"window_assumed": True},
        {"watched": False},
        {"mode_text": "a PD may be in API mode"},
    ):
        assert not [*saved.unsaved(world, replace(low, **unknown))]


def test_a_client_s_sync_may_have_loaded_long_before() -> None:
    """Unless the server has answered since it was elected: until then the sync holds its lock."""
    world, order = in_time("upgrade-unfenced")
    low, revision = with_save(order, 5, -500)
    assert not [*saved.unsaved(world, low)]
    assert [one.revision for one in saved.unsaved(world, low, by_times=True)] == [revision]
    unheard = tuple(one for one in low.seen if not isinstance(one.what, Granted))
    assert not [*saved.unsaved(world, replace(low, seen=unheard), by_times=True)]


def test_in_which_mode_a_pd_saves_beside_a_primary() -> None:
    """Pull 8780 asks in API mode, that of the fence out of it."""
    order = timeline(align(recorded("pr8780")))
    found = {}
    for fence in ("pull-8780", "check-tso-primary"):
        world = World(fence, order)
        may = saved.may_save(world, order, order.seen, PD1)
        events = (one for one in order.seen if not one.stream)
        primary, beside = False, set()
        for one, it in zip(events, may, strict=True):
            if isinstance(one.what, KeyEvent) and one.what.key is Key.PRIMARY:
                primary = one.what.put
            if primary and saved.saves(one, PD1):
                beside.add(it)
        found[fence] = beside
    assert found == {"pull-8780": {False}, "check-tso-primary": {True}}


def test_a_sync_that_goes_on_below_what_it_loads_may_save_anything() -> None:
    order = timeline(align(recorded("pr8780")))
    world = World("pull-8780", order, [("update_begin", saved.USED_UP)])
    assert not [*saved.unsaved(world, with_save(order, 6, -500)[0])]


def test_who_else_wrote_calls_may_be_ahead() -> None:
    """What a PD passes on is in the order of its clients' clocks, which may be apart."""
    trace = align(recorded("pr8780"))
    order = timeline(trace)
    loosely = at_other_times(order, trace.clocks)
    assert loosely is not None

    def files(order: Timeline) -> list[set[str]]:
        streams: dict[int, set[str]] = {}
        for one in order.seen:
            if isinstance(one.what, Granted) and one.what.sent_on:
                streams.setdefault(one.stream, set()).add(one.where.file)
        return list(streams.values())

    assert [len(each) for each in files(order)] == [2]
    assert [len(each) for each in files(loosely[0])] == [1, 1]


def test_what_one_log_leaves_open_is_not_open_of_what_others_tell() -> None:
    """Nothing ties the log of a PD that writes little; who received the events is known to milliseconds."""
    trace = align(recorded("r85-transfer-small"))
    order = timeline(trace)
    loosely = at_other_times(order, trace.clocks)
    assert loosely is not None
    later_ns: dict[bool, int] = {True: 0, False: 0}
    for one, other in zip(order.seen, loosely[0].seen, strict=True):
        if not one.stream or (isinstance(one.what, LogEvent) and one.server == PD1):
            of_etcd = not one.stream
            later_ns[of_etcd] = max(later_ns[of_etcd], other.latest - one.latest)
            assert other.earliest <= one.earliest
            assert other.latest >= one.latest
    assert later_ns[True] < 100 * NS_PER_MS < 4_000 * NS_PER_MS < later_ns[False]

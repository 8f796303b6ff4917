"""A watch that begins late, with what etcd held then: where its explanation begins."""

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tsofence.traces.explain.first_states import first_states
from tsofence.traces.explain.replay import Report, replay
from tsofence.traces.explain.steps import World
from tsofence.traces.explain.timeline import timeline
from tsofence.traces.sources import state
from tsofence.traces.sources.observation import BadInput, Key, KeyEvent
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Gap, Trace

RECORDED = Path(__file__).parents[1] / "recordings" / "upgrade-fenced" / "etcd.jsonl.gz"
Pair = dict[str, Any]


def name(pair: Pair) -> str:
    return b64decode(pair["key"]).decode()


def from_revision(
    first: int, folder: Path, of_state: Callable[[Pair], bool] | None = None, *, by_hand: bool = False
) -> Report:
    """The recording from there on, with the state that etcd had then, or a part of it."""
    held: dict[str, Pair] = {}
    lines = []
    for line in gzip.decompress(RECORDED.read_bytes()).splitlines():
        for event in json.loads(line).get("Events", []):
            if event["kv"]["mod_revision"] > first:
                lines.append({"result": {"header": {}, "events": [event]}})
                continue
            held.pop(name(event["kv"]), None)
            held |= {} if event.get("type") else {name(event["kv"]): event["kv"]}
    pairs = [each for path, each in held.items() if state.concerns(path) and (not of_state or of_state(each))]
    response = {"header": {"revision": str(first)}, "kvs": pairs}
    begin = {"recv_unix_ns": 1, "state": True, "response": response}
    (folder / "etcd.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    text = json.dumps(response if by_hand else begin, indent=2 if by_hand else None)
    (folder / "etcd-get.json").write_text(text + "\n")
    return replay(read([folder]), ["check-tso-primary"])


def test_a_state_that_somebody_read_by_hand(tmp_path: Path) -> None:
    found = from_revision(29, tmp_path, by_hand=True)
    (verdict,) = found.fences
    assert (verdict.conforms, verdict.run is not None) == (True, True), verdict.note
    assert any(note.startswith("what etcd held at revision 29 was read: ") for note in found.notes)
    assert any("--rev=30" in reason for source in found.sources for reason in source.reasons)


@pytest.mark.parametrize("first", range(3, 40, 6))
def test_what_is_left_of_a_healthy_recording_conforms(first: int, tmp_path: Path) -> None:
    found = from_revision(first, tmp_path)
    (verdict,) = found.fences
    assert (verdict.conforms, verdict.run is not None) == (True, True), verdict.note
    assert any(note.startswith(f"what etcd held at revision {first} was read: ") for note in found.notes)


def test_an_explanation_begins_with_those_who_held_the_keys(tmp_path: Path) -> None:
    """The primary's key goes, and no event names who had it."""
    (verdict,) = from_revision(29, tmp_path).fences
    run = verdict.run
    assert run is not None
    leads, primary = (run.names[run.first[key, 0] - 1] for key in ("leader", "primary"))
    assert (leads, primary) == ("pd1", "tso1")


@pytest.mark.parametrize("key", ["leader", "primary", "timestamp"])
def test_a_state_that_fits_nothing_refutes_nothing(key: str, tmp_path: Path) -> None:
    """What servers had in memory, or in flight, the keys do not tell: verdicts do not rest on them."""
    (verdict,) = from_revision(24, tmp_path, lambda pair: key not in name(pair)).fences
    assert verdict.conforms is True, verdict.note


def read_at(revision: int, folder: Path, change: Callable[[dict[str, Pair]], None]) -> Trace:
    """The whole recording, and a state that somebody read at a revision within it."""
    held: dict[str, Pair] = {}
    for line in gzip.decompress(RECORDED.read_bytes()).splitlines():
        for event in json.loads(line).get("Events", []):
            if event["kv"]["mod_revision"] <= revision:
                held.pop(name(event["kv"]), None)
                held |= {} if event.get("type") else {name(event["kv"]): event["kv"]}
    change(held)
    response = {"header": {"revision": revision}, "kvs": [*held.values()]}
    (folder / "etcd-get.json").write_text(json.dumps(response) + "\n")
    return read([RECORDED, folder])


@pytest.mark.parametrize("revision", [24, 29, 39])
def test_a_state_read_while_the_watch_went_on_agrees_with_it(revision: int, tmp_path: Path) -> None:
    trace = read_at(revision, tmp_path, lambda _: None)
    assert trace.state is None
    assert trace.keys == read([RECORDED]).keys


def _another_value(held: dict[str, Pair]) -> None:
    key = next(path for path in held if path.endswith("/timestamp"))
    held[key] = held[key] | {"value": b64encode((10**18).to_bytes(8)).decode()}


def _another_revision(held: dict[str, Pair]) -> None:
    key = next(path for path in held if path.endswith("/timestamp"))
    held[key] = held[key] | {"mod_revision": held[key]["mod_revision"] - 1}


def _never_written(held: dict[str, Pair]) -> None:
    key = next(path for path in held if path.endswith("/timestamp"))
    held[key] = held[key] | {"mod_revision": 27}


@pytest.mark.parametrize("change", [_another_value, _another_revision, _never_written])
def test_a_state_that_the_watch_denies_is_of_another_run(
    change: Callable[[dict[str, Pair]], None], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"etcd-get\.json.*(as in|no write of)"):
        read_at(27, tmp_path, change)


#: etcd held this just before each revision that a watch may begin at, and the model's variables of it
HELD = {Key.LEADER: ("leader", 0), Key.PRIMARY: ("primary", 0)}


@pytest.mark.parametrize("first", [13, 19, 27])
def test_first_states_are_those_that_the_first_events_leave(first: int) -> None:
    recording = RECORDED.parents[1] / "r85-transfer-small"
    trace = read([recording])
    keys = tuple(event for event in trace.keys if event.revision > first)
    late = timeline(replace(trace, keys=keys, gaps=(Gap(2, first),)))
    every = [*first_states(World("release-8.5", late), late)]
    states = [state for state in every if ("leader", 0) in state]
    # a cluster that was never used is among them where no event tells that a key was there
    firsts = {(event.key, event.server if _registers(event) else ""): event for event in reversed(keys)}
    used = any(not event.put or (event.version or 1) > 1 for event in firsts.values())
    assert states
    assert (len(every) == len(states)) is used
    for key, of in HELD.items():
        events = [event for event in trace.keys if event.key is key]
        before = [event for event in events if event.revision <= first]
        held = bool(before and before[-1].put)
        told = {bool(state[of]) for state in states}
        assert told == ({held} if len(events) > len(before) else {False, True})
    listed = {
        event.server: event.put for event in trace.keys if event.revision <= first and _registers(event)
    }
    for event in keys:
        if _registers(event) and event.server:
            of = "registration", late.names.index(event.server) + 1
            assert {bool(state[of]) for state in states} == {listed.get(event.server, False)}


def _registers(event: KeyEvent) -> bool:
    return event.key is Key.REGISTRY

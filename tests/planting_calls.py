"""Faults planted into clients' samples."""

import json
import random

from .planting import HOUR_NS, Recording, answered, kind, with_call

_MAX_LOGICAL = 1 << 18


def _one(recording: Recording, chance: random.Random, **fields: int) -> Recording | None:
    """One answered call with other fields."""
    found = answered(recording)
    if not found:
        return None
    name, number, _ = chance.choice(found)
    return with_call(recording, name, number, **fields)


@kind(clients=True)
def a_call_granted_twice(recording: Recording, chance: random.Random) -> Recording | None:
    """What one client got, another one gets."""
    found = answered(recording)
    if not found:
        return None
    _, _, call = chance.choice(found)
    name, number, other = chance.choice(found)
    if call["physical"] == other["physical"]:
        return None
    fields = ("physical", "logical", "count")
    return with_call(recording, name, number, **{each: call[each] for each in fields})


@kind(clients=True)
def a_smaller_timestamp(recording: Recording, chance: random.Random) -> Recording | None:
    found = answered(recording)[1:]
    if not found:
        return None
    name, number, call = chance.choice(found)
    return with_call(recording, name, number, physical=call["physical"] - 60_000)


@kind(clients=True)
def a_range_that_overlaps(recording: Recording, chance: random.Random) -> Recording | None:
    """A batch begins before the one that was granted before it has ended."""
    found = [each for each in answered(recording) if each[2]["logical"] > each[2]["count"] > 0]
    taken = {(each[2]["physical"], each[2]["logical"]) for each in answered(recording)}
    found = [each for each in found if (each[2]["physical"], each[2]["logical"] - each[2]["count"]) in taken]
    if not found:
        return None
    name, number, call = chance.choice(found)
    return with_call(recording, name, number, count=call["count"] + 1)


@kind(clients=True)
def a_call_that_ends_before_it_starts(recording: Recording, chance: random.Random) -> Recording | None:
    found = answered(recording)
    if not found:
        return None
    name, number, call = chance.choice(found)
    times = {"start_unix_ns": call["end_unix_ns"] + 1, "end_unix_ns": call["start_unix_ns"]}
    return with_call(recording, name, number, **times)


@kind(clients=True)
def a_count_of_nothing(recording: Recording, chance: random.Random) -> Recording | None:
    return _one(recording, chance, count=0)


@kind(clients=True)
def a_count_below_nothing(recording: Recording, chance: random.Random) -> Recording | None:
    return _one(recording, chance, logical=-1)


@kind(clients=True)
def a_logical_part_at_the_bound(recording: Recording, chance: random.Random) -> Recording | None:
    return _one(recording, chance, logical=_MAX_LOGICAL)


@kind(clients=True)
def more_than_there_is_room_for(recording: Recording, chance: random.Random) -> Recording | None:
    """More timestamps than the last one has below it in its millisecond."""
    return _one(recording, chance, count=_MAX_LOGICAL + 1)


@kind(clients=True)
def an_answer_of_a_server_that_does_not_lead(recording: Recording, chance: random.Random) -> Recording | None:
    """In the middle of a term another PD is said to have answered."""
    found = [each for each in answered(recording) if each[2]["kind"] == "pd"]
    urls = sorted({call["endpoint"] for *_, call in found})
    if len(urls) < 2:
        return None
    middle = [
        (name, number, call)
        for (name, number, call), before, after in zip(found[100:], found, found[200:], strict=False)
        if before[0] == after[0] == name and before[2]["endpoint"] == after[2]["endpoint"] == call["endpoint"]
    ]
    if not middle:
        return None
    name, number, call = chance.choice(middle)
    other = next(url for url in urls if url != call["endpoint"])
    changed = {**call, "endpoint": other}
    return recording.changed(name, number, json.dumps(changed).encode() + b"\n")


@kind(visible=False, clients=True)
def an_answer_of_an_unknown_server(recording: Recording, chance: random.Random) -> Recording | None:
    """Nothing tells who that is."""
    found = answered(recording)
    if not found:
        return None
    name, number, call = chance.choice(found)
    changed = {**call, "endpoint": "http://127.0.0.9:1"}
    return recording.changed(name, number, json.dumps(changed).encode() + b"\n")


@kind(visible=False, clients=True)
def healthy_client_ahead(recording: Recording, chance: random.Random) -> Recording | None:
    """A client's clock differs: no server is to blame."""
    return _shifted(recording, chance, chance.choice([-2, -1, 1, 2]) * 1_000_000_000, middle=False)


@kind(visible=False, clients=True)
def healthy_client_set_ahead(recording: Recording, chance: random.Random) -> Recording | None:
    """A client's clock is set by an hour, between two calls."""
    return _shifted(recording, chance, chance.choice([-HOUR_NS, HOUR_NS]), middle=True)


def _shifted(recording: Recording, chance: random.Random, by: int, *, middle: bool) -> Recording | None:
    names = recording.logs("client-")
    if not names:
        return None
    name = chance.choice(names)
    return clients_shifted(recording, name, by, chance.randrange(len(recording.files[name])) if middle else 0)


def clients_shifted(recording: Recording, name: str, by: int, begin: int = 0) -> Recording:
    """A client's file with later times (ns) from a line on."""
    lines = recording.files[name][:begin]
    for line in recording.files[name][begin:]:
        call = json.loads(line)
        call["start_unix_ns"] += by
        call["end_unix_ns"] += by
        lines.append(json.dumps(call).encode() + b"\n")
    return Recording({**recording.files, name: lines}, f"{name} by {by / 1e9} s from {begin + 1}")

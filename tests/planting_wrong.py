"""More visible faults: calls of servers that cannot answer, values that are none, events that moved."""

import json
import random
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .planting import (
    TIME,
    WATCH,
    Event,
    Recording,
    answered,
    events_of,
    kind,
    lines_of,
    ns_of,
    url_of,
    with_call,
    with_pair,
)

_HEAD = rf"^\[({TIME})\]"
_STARTED = '"(?:PD config|TSO service config|API Service config)"'
_SYNCED = '"sync and save timestamp"'


# --- calls -----------------------------------------------------------------------------------------


def _spans(recording: Recording, name: str, begin: str, end: str) -> list[tuple[int, int]]:
    """From when until when a log says that something was (ns)."""
    spans, since = [], None
    for *_, match in lines_of(recording, _HEAD + rf".*(?:({begin})|{end})", name):
        if match[2]:
            since = since or ns_of(match[1])
        elif since:
            spans.append((since, ns_of(match[1])))
            since = None
    return spans


def _answer_at(
    recording: Recording, chance: random.Random, choices: list[tuple[str, int]]
) -> Recording | None:
    """A server answers once more at some time: after what it answered nearest to that."""
    calls = [
        (name, at, [each for each in answered(recording) if each[2]["endpoint"] == url_of(recording, name)])
        for name, at in choices
    ]
    calls = [each for each in calls if each[2]]
    if not calls:
        return None
    _, at, answers = chance.choice(calls)
    name, number, call = min(answers, key=lambda each: abs(int(each[2]["end_unix_ns"]) - at))
    other = {**call, "start_unix_ns": at, "end_unix_ns": at + 1_000_000, "logical": call["logical"] + 5}
    line = recording.files[name][number]
    return recording.changed(name, number, line, json.dumps(other).encode() + b"\n")


@kind(clients=True)
def an_answer_of_a_server_that_stopped(recording: Recording, chance: random.Random) -> Recording | None:
    """Between the exit that its log tells of and the next start."""
    spans = [
        (name, span) for name in recording.logs() for span in _spans(recording, name, '"got signal', _STARTED)
    ]
    return _answer_at(
        recording,
        chance,
        [(name, end - (end - begin) // 4) for name, (begin, end) in spans if end - begin > 2e9],
    )


@kind(clients=True)
def an_answer_before_the_first_sync(recording: Recording, chance: random.Random) -> Recording | None:
    """Just after the start."""
    spans = [(name, _spans(recording, name, _STARTED, _SYNCED)[:1]) for name in recording.logs()]
    choices = [(name, begin + 10**8) for name, found in spans for begin, end in found if end - begin > 15e8]
    return _answer_at(recording, chance, choices)


@kind(clients=True)
def an_answer_of_a_follower(recording: Recording, chance: random.Random) -> Recording | None:
    """A PD that nobody elected answered."""
    elected = {name for name, *_ in lines_of(recording, '"check campaign resp"')}
    asked = {call["endpoint"] for *_, call in answered(recording)}
    urls = {url_of(recording, name) for name in recording.logs("pd-") if name not in elected} - asked - {""}
    found = [each for each in answered(recording) if each[2]["kind"] == "pd"]
    if not urls or not found:
        return None
    name, number, call = chance.choice(found)
    changed = {**call, "endpoint": chance.choice(sorted(urls))}
    return recording.changed(name, number, json.dumps(changed).encode() + b"\n")


@kind(clients=True)
def granted_to_the_library_too(recording: Recording, chance: random.Random) -> Recording | None:
    """What one client got from a server, another one got through PD's library."""
    found = answered(recording)
    libraries = [
        (name, number, call)
        for name in recording.logs("client-")
        for number, line in enumerate(recording.files[name])
        if (call := json.loads(line))["kind"] == "lib" and not call.get("error")
    ]
    if not libraries or not found:
        return None
    *_, call = chance.choice(found)
    name, number, other = chance.choice(libraries)
    if call["physical"] == other["physical"]:
        return None
    return with_call(
        recording, name, number, **{each: call[each] for each in ("physical", "logical", "count")}
    )


@kind(clients=True)
def a_millisecond_carried_over(recording: Recording, chance: random.Random) -> Recording | None:
    """Written as (p - 1, l + 2^18): no logical part is that large."""
    name, number, call = chance.choice(answered(recording))
    return with_call(
        recording, name, number, physical=call["physical"] - 1, logical=call["logical"] + (1 << 18)
    )


#: what a field of a call cannot hold
_NONE = (
    ("physical", -1),
    ("physical", 0),
    ("physical", 1 << 46),
    ("physical", 10**400),
    ("physical", float("nan")),
    ("physical", True),
    ("physical", None),
    ("physical", [1]),
    ("logical", 1.5),
    ("count", 1 << 40),
    ("start_unix_ns", None),
    ("start_unix_ns", -5),
    ("end_unix_ns", 1 << 70),
)


@kind(clients=True)
def a_call_with_what_is_no_number_of_it(recording: Recording, chance: random.Random) -> Recording | None:
    name, number, call = chance.choice(answered(recording))
    field, value = chance.choice(_NONE)
    return recording.changed(name, number, json.dumps({**call, field: value}).encode() + b"\n")


@kind(clients=True)
def a_line_that_is_no_call(recording: Recording, chance: random.Random) -> Recording | None:
    """Two in one line, or what is nested deeper than anybody reads."""
    name, number, _ = chance.choice(answered(recording))
    line = recording.files[name][number]
    other = chance.choice([line.rstrip(b"\n") + line, b"[" * 100_000 + b"]" * 100_000 + b"\n"])
    return recording.changed(name, number, other)


# --- etcd's events ---------------------------------------------------------------------------------


def _saved(value: int) -> str:
    return b64encode(value.to_bytes(8, "big")).decode()


#: what no save writes, by what it is made of
_VALUES: tuple[Callable[[int], str | None], ...] = (
    lambda _: _saved(0),
    lambda _: _saved((1 << 64) - 1),
    lambda value: _saved(value // 1_000_000),
    lambda value: _saved(value - 86_400 * 10**9),
    lambda value: b64encode(value.to_bytes(9, "big")).decode(),
    lambda value: b64encode(str(value).encode()).decode(),
    lambda _: "",
    lambda _: "!",
    lambda _: None,
)


@kind(doubted=True)
def a_value_that_nobody_saves(recording: Recording, chance: random.Random) -> Recording | None:
    found = [*events_of(recording, "timestamp")][1:]
    if not found:
        return None
    event = chance.choice(found)
    value = int.from_bytes(b64decode(event.pair["value"]), "big")
    return with_pair(recording, event, value=chance.choice(_VALUES)(value))


@kind(doubted=True)
def an_election_of_nobody(recording: Recording, chance: random.Random) -> Recording | None:
    """Its value is cut, empty or noise."""
    found = [event for event in events_of(recording, "leader", "primary") if event.put]
    if not found:
        return None
    event = chance.choice(found)
    noise = bytes(chance.randrange(256) for _ in range(60))
    value = chance.choice([b64decode(event.pair["value"])[:7], b"", noise])
    return with_pair(recording, event, value=b64encode(value).decode())


@kind()
def a_lease_that_is_none(recording: Recording, chance: random.Random) -> Recording | None:
    found = [event for event in events_of(recording, "leader", "primary") if event.put]
    return with_pair(recording, chance.choice(found), lease=chance.choice([0, -7])) if found else None


@kind(doubted=True)
def a_revision_of_another_time(recording: Recording, chance: random.Random) -> Recording | None:
    found = [*events_of(recording, "timestamp")][2:]
    if not found:
        return None
    event = chance.choice(found)
    at = event.pair["mod_revision"]
    return with_pair(
        recording, event, mod_revision=chance.choice([0, -3, 1 << 70, at - 2, at + 1, at + 1000])
    )


def _exchanged(recording: Recording, one: Event, other: Event) -> Recording:
    """Two events have each other's revisions and places."""
    documents = {at: json.loads(recording.files[WATCH][at]) for at in {one.number, other.number}}
    first, second = (documents[each.number]["response"]["Events"] for each in (one, other))
    a, b = first[one.index], second[other.index]
    for event, at in ((a, other.pair["mod_revision"]), (b, one.pair["mod_revision"])):
        if event["kv"].get("create_revision") == event["kv"]["mod_revision"]:
            event["kv"]["create_revision"] = at
        event["kv"]["mod_revision"] = at
    first[one.index], second[other.index] = b, a
    for at, document in documents.items():
        recording = recording.changed(WATCH, at, json.dumps(document).encode() + b"\n")
    return recording


def _neighbours(recording: Recording, *keys: str) -> list[tuple[Event, Event]]:
    """Events that follow each other, received apart."""
    return [(a, b) for a, b in pairwise(events_of(recording, *keys)) if a.number != b.number]


@kind()
def a_save_before_its_election(recording: Recording, chance: random.Random) -> Recording | None:
    pairs = _neighbours(recording, "leader", "primary", "timestamp")
    pairs = [(a, b) for a, b in pairs if a.put and a.key != "timestamp" and b.key == "timestamp"]
    return _exchanged(recording, *chance.choice(pairs)) if pairs else None


@kind()
def an_election_before_the_key_went(recording: Recording, chance: random.Random) -> Recording | None:
    pairs = [
        (a, b) for key in ("leader", "primary") for a, b in _neighbours(recording, key) if not a.put and b.put
    ]
    return _exchanged(recording, *chance.choice(pairs)) if pairs else None


@kind()
def who_was_elected_exchanged(recording: Recording, chance: random.Random) -> Recording | None:
    pairs = [
        (a, b)
        for key in ("leader", "primary")
        for a, b in pairwise(event for event in events_of(recording, key) if event.put)
        if a.pair["value"] != b.pair["value"]
    ]
    if not pairs:
        return None
    one, other = chance.choice(pairs)
    named: tuple[dict[str, Any], ...] = tuple(
        {name: event.pair[name] for name in ("value", "lease")} for event in (one, other)
    )
    return with_pair(with_pair(recording, one, **named[1]), other, **named[0])


@kind()
def all_revisions_later_from_there(recording: Recording, chance: random.Random) -> Recording | None:
    """By one: logs tell of the elections at others."""
    elections = [event.number for event in events_of(recording, "leader", "primary") if event.put]
    if not elections or not lines_of(recording, '"check campaign resp"') or elections[-1] < 2:
        return None
    begin = chance.randrange(1, elections[-1])
    lines = recording.files[WATCH][:begin]
    for line in recording.files[WATCH][begin:]:
        document = json.loads(line)
        document["response"]["Header"]["revision"] += 1
        for event in document["response"].get("Events") or []:
            event["kv"]["mod_revision"] += 1
            event["kv"]["create_revision"] = event["kv"].get("create_revision", 0) + (
                event["kv"].get("version") == 1
            )
        lines.append(json.dumps(document).encode() + b"\n")
    return Recording({**recording.files, WATCH: lines}, f"{WATCH} from {begin + 1}")


@kind()
def a_primary_at_another_address(recording: Recording, chance: random.Random) -> Recording | None:
    found = [event for event in events_of(recording, "primary") if event.put]
    if not found:
        return None
    event = chance.choice(found)
    value = re.sub(rb":\d(\d{4})", rb":4\1", b64decode(event.pair["value"]))
    return with_pair(recording, event, value=b64encode(value).decode())

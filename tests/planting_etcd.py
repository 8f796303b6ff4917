"""Faults planted into what etcd says of its own events: revisions, versions, responses, values before."""

import json
import random
from base64 import b64decode, b64encode
from itertools import pairwise
from typing import Any

from .planting import WATCH, Event, Recording, events_of, kind, with_pair


def _chosen(recording: Recording, chance: random.Random, *keys: str, after: int = 0) -> Event | None:
    """One of the writes of these keys, so many others came before."""
    found = [event for event in events_of(recording, *keys) if event.put][after:]
    return chance.choice(found) if found else None


def _with_line(recording: Recording, number: int, document: Any) -> Recording:
    return recording.changed(WATCH, number, json.dumps(document).encode() + b"\n")


def _with_header(recording: Recording, chance: random.Random, name: str, by: int) -> Recording | None:
    """A response in the middle whose header says something else."""
    number = chance.randrange(1, len(recording.files[WATCH]))
    document = json.loads(recording.files[WATCH][number])
    document["response"]["Header"][name] += by
    return _with_line(recording, number, document)


@kind()
def two_saves_of_one_revision(recording: Recording, chance: random.Random) -> Recording | None:
    """A key is written once in a transaction."""
    found = [*events_of(recording, "timestamp")]
    if len(found) < 2:
        return None
    one, other = chance.choice([*pairwise(found)])
    return with_pair(recording, other, mod_revision=one.pair["mod_revision"])


@kind()
def a_version_repeated(recording: Recording, chance: random.Random) -> Recording | None:
    event = _chosen(recording, chance, "timestamp", after=1)
    return None if event is None else with_pair(recording, event, version=event.pair["version"] - 1)


@kind()
def a_version_that_begins_anew(recording: Recording, chance: random.Random) -> Recording | None:
    """As if the key had been deleted in between."""
    event = _chosen(recording, chance, "timestamp", after=2)
    return None if event is None else with_pair(recording, event, version=1)


@kind()
def an_election_over_another(recording: Recording, chance: random.Random) -> Recording | None:
    """The key was there already, says its version; a campaign only wins where there is none."""
    event = _chosen(recording, chance, "leader", "primary")
    return None if event is None else with_pair(recording, event, version=2)


@kind()
def created_after_it_was_written(recording: Recording, chance: random.Random) -> Recording | None:
    event = _chosen(recording, chance, "timestamp", "leader", "primary")
    if event is None:
        return None
    return with_pair(recording, event, create_revision=event.pair["mod_revision"] + 1)


@kind()
def created_at_another_revision(recording: Recording, chance: random.Random) -> Recording | None:
    """Of a key that nobody deleted, the revision at which it was created changes."""
    event = _chosen(recording, chance, "timestamp", after=1)
    if event is None:
        return None
    return with_pair(recording, event, create_revision=event.pair["create_revision"] + 1)


@kind()
def first_written_before_it_was_created(recording: Recording, chance: random.Random) -> Recording | None:
    """Version 1 is the write that creates a key."""
    event = _chosen(recording, chance, "leader", "primary")
    if event is None:
        return None
    return with_pair(recording, event, create_revision=event.pair["create_revision"] - 1)


@kind()
def deleted_twice(recording: Recording, chance: random.Random) -> Recording | None:
    """Instead of a save, the election key goes that has gone before."""
    gone = [event for event in events_of(recording, "leader", "primary") if not event.put]
    elections = [event for event in events_of(recording, "leader", "primary") if event.put]
    others = _unread(recording)
    choices = [
        (one, other)
        for one in gone
        for other in others
        if one.number < other.number
        and not any(one.number < each.number <= other.number and each.key == one.key for each in elections)
    ]
    if not choices:
        return None
    one, other = chance.choice(choices)
    document = json.loads(recording.files[WATCH][other.number])
    pair = {"key": one.pair["key"], "mod_revision": other.pair["mod_revision"]}
    document["response"]["Events"][other.index] = {"type": 1, "kv": pair}
    return _with_line(recording, other.number, document)


def _unread(recording: Recording) -> list[Event]:
    """Writes of keys that are none of the protocol's, alone in their responses."""
    known = {event.number for event in events_of(recording, "timestamp", "leader", "primary")}
    found = []
    for number, line in enumerate(recording.files[WATCH]):
        events = json.loads(line)["response"].get("Events") or []
        if number not in known and len(events) == 1 and not events[0].get("type"):
            found.append(Event(number, 0, "", events[0]["kv"], put=True))
    return found


@kind()
def a_response_of_an_older_etcd(recording: Recording, chance: random.Random) -> Recording | None:
    """etcd says that it was at a revision below that of the event that it sends."""
    return _with_header(recording, chance, "revision", -1)


@kind()
def a_response_of_another_cluster(recording: Recording, chance: random.Random) -> Recording | None:
    return _with_header(recording, chance, "cluster_id", 1)


@kind(doubted=True)
def a_value_in_the_other_byte_order(recording: Recording, chance: random.Random) -> Recording | None:
    """A window of another year; of the last one in a watch, only a clock would say that it cannot be."""
    event = _chosen(recording, chance, "timestamp")
    if event is None:
        return None
    return with_pair(recording, event, value=b64encode(b64decode(event.pair["value"])[::-1]).decode())


@kind()
def a_value_below_by_one(recording: Recording, chance: random.Random) -> Recording | None:
    """One nanosecond less than what was saved before."""
    found = [*events_of(recording, "timestamp")]
    if len(found) < 2:
        return None
    one, other = chance.choice([*pairwise(found)])
    value = int.from_bytes(b64decode(one.pair["value"]), "big") - 1
    return with_pair(recording, other, value=b64encode(value.to_bytes(8, "big")).decode())


@kind()
def a_value_before_that_never_was(recording: Recording, chance: random.Random) -> Recording | None:
    """With `--prev-kv` an event has what the key held before, which is not what it held."""
    found = [*events_of(recording, "timestamp")]
    if len(found) < 2:
        return None
    one, other = chance.choice([*pairwise(found)])
    value = int.from_bytes(b64decode(one.pair["value"]), "big") - 7_000_000
    return _with_prev(recording, other, {**one.pair, "value": b64encode(value.to_bytes(8, "big")).decode()})


@kind()
def a_value_before_at_another_revision(recording: Recording, chance: random.Random) -> Recording | None:
    found = [*events_of(recording, "timestamp")]
    if len(found) < 2:
        return None
    one, other = chance.choice([*pairwise(found)])
    return _with_prev(recording, other, {**one.pair, "mod_revision": one.pair["mod_revision"] + 1})


def _with_prev(recording: Recording, at: Event, pair: Any) -> Recording:
    document = json.loads(recording.files[WATCH][at.number])
    document["response"]["Events"][at.index]["prev_kv"] = pair
    return _with_line(recording, at.number, document)


@kind(visible=False)
def healthy_values_before(recording: Recording, chance: random.Random) -> Recording | None:
    """A watch with `--prev-kv`."""
    found = [*events_of(recording, "timestamp")]
    for one, other in pairwise(found):
        recording = _with_prev(recording, other, one.pair)
    return recording


@kind(visible=False)
def healthy_responses_in_another_order(recording: Recording, chance: random.Random) -> Recording | None:
    """Lines of the watch that a tool has put into another order."""
    lines = [*recording.files[WATCH]]
    chance.shuffle(lines)
    return Recording({**recording.files, WATCH: lines}, "the watch's lines")


@kind(visible=False)
def healthy_receipt_too_early(recording: Recording, chance: random.Random) -> Recording | None:
    """The recorder's clock is wrong for one line."""
    number = chance.randrange(1, len(recording.files[WATCH]))
    document = json.loads(recording.files[WATCH][number])
    document["recv_unix_ns"] -= chance.choice([2, 10, 3600]) * 10**9
    return _with_line(recording, number, document)


@kind(visible=False)
def healthy_recorder_that_stood_still(recording: Recording, chance: random.Random) -> Recording | None:
    """For 20 s; then it receives what it missed."""
    begin = chance.randrange(1, len(recording.files[WATCH]))
    lines, at = recording.files[WATCH][:begin], 0
    for line in recording.files[WATCH][begin:]:
        document = json.loads(line)
        at = max(at or document["recv_unix_ns"] + 20 * 10**9, document["recv_unix_ns"])
        lines.append(json.dumps({**document, "recv_unix_ns": at}).encode() + b"\n")
    return Recording({**recording.files, WATCH: lines}, f"{WATCH} from {begin + 1}")


@kind(visible=False)
def healthy_receipt_in_milliseconds(recording: Recording, chance: random.Random) -> Recording | None:
    number = chance.randrange(1, len(recording.files[WATCH]))
    document = json.loads(recording.files[WATCH][number])
    document["recv_unix_ns"] //= 1_000_000
    return _with_line(recording, number, document)


@kind(visible=False)
def healthy_watch_of_the_gateway(recording: Recording, chance: random.Random) -> Recording | None:
    """The same responses as etcd's gateway writes them: int64 as text, lower case."""
    return _each_response(recording, lambda response: {"result": _as_gateway(response)})


def _as_gateway(response: Any) -> Any:
    header = {name: str(value) for name, value in response["Header"].items()}
    events = []
    for event in response.get("Events") or []:
        pair = {name: str(value) for name, value in event["kv"].items()}
        events.append({"kv": pair, **({"type": "DELETE"} if event.get("type") else {})})
    return {"header": header, "events": events}


@kind(visible=False)
def healthy_watch_without_receipts(recording: Recording, chance: random.Random) -> Recording | None:
    return _each_response(recording, lambda response: response)


def _each_response(recording: Recording, change: Any) -> Recording:
    lines = []
    for line in recording.files[WATCH]:
        response = json.loads(line)["response"]
        if "Header" not in response:
            return recording
        lines.append(json.dumps(change(response)).encode() + b"\n")
    return Recording({**recording.files, WATCH: lines}, "the watch")

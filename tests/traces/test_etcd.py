"""Watch streams of etcd: written by an encoder here, or copied from a real file."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.sources import etcd
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import (
    MAX_NS,
    Key,
    KeyEvent,
    Where,
)

from .decoding import INT64, NAMES, numbered


def encode_varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def encode_field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return encode_varint(number << 3) + encode_varint(content)
    return encode_varint(number << 3 | 2) + encode_varint(len(content)) + content


@given(st.integers(0, (1 << 64) - 1), st.binary(max_size=3))
def test_varint_round_trip(number: int, rest: bytes) -> None:
    encoded = encode_varint(number)
    assert etcd.varint(encoded + rest, 0) == (number, len(encoded))


def test_varint_is_bounded() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        etcd.varint(b"\xff" * 9 + b"\x7f", 0)
    with pytest.raises(ValueError, match="10 bytes"):
        etcd.varint(b"\x80" * 1000, 0)
    with pytest.raises(IndexError):
        etcd.varint(b"\x80", 0)


@given(NAMES, INT64, st.lists(NAMES, max_size=2), st.lists(NAMES, max_size=2))
def test_member_round_trip(name: str, number: int, third: list[str], fourth: list[str]) -> None:
    encoded = encode_field(1, name.encode()) + encode_field(2, number)
    encoded += b"".join(encode_field(3, url.encode()) for url in third)
    encoded += b"".join(encode_field(4, url.encode()) for url in fourth)
    encoded += encode_field(15, b"a later field") + b"\x85\x01" + b"1234" + b"\x81\x01" + b"12345678"

    assert etcd.member(encoded) == (name, tuple(third), tuple(fourth))


@given(st.binary(max_size=60))
def test_member_of_any_bytes_is_a_member_or_none(value: bytes) -> None:
    found = etcd.member(value)
    assert found is None or found[0] is not None


@pytest.mark.parametrize("value", [b"", b"http://127.0.0.1:23379", b"\x0a\x05pd1", b"\x0b", b"\x10\x01"])
def test_what_is_no_member(value: bytes) -> None:
    assert etcd.member(value) is None


def member(name: str, third: str, fourth: str | None = None) -> bytes:
    urls = encode_field(3, third.encode()) + (encode_field(4, fourth.encode()) if fourth else b"")
    return encode_field(1, name.encode()) + encode_field(2, 7) + urls


PATHS = {
    Key.LEADER: "/pd/{}/leader",
    Key.PRIMARY: "/ms/{}/tso/00000/primary",
    Key.EXPECTED_PRIMARY: "/ms/{}/tso/00000/primary/expected_primary",
    Key.REGISTRY: "/ms/{}/tso/registry/http://10.0.0.1:3379",
    Key.TIMESTAMP: "/pd/{}/timestamp",
}


@st.composite
def events(draw: st.DrawFn) -> tuple[KeyEvent, bytes]:
    """An event as it should be read, and the value it was written with."""
    key = draw(st.sampled_from(Key))
    put = draw(st.booleans())
    meaning: dict[str, Any] = {}
    value = b""
    if put and key is Key.TIMESTAMP:
        meaning = {"timestamp_ns": draw(st.integers(0, MAX_NS - 1))}
        value = meaning["timestamp_ns"].to_bytes(8, "big")
    elif put and key is Key.REGISTRY:
        meaning = {"text": draw(NAMES)}
        value = meaning["text"].encode()
    elif put:
        meaning = {"name": draw(NAMES), "url": draw(NAMES)}
        meaning["urls"] = (meaning["url"],)
        is_leader = key is Key.LEADER
        value = member(
            meaning["name"], "peer" if is_leader else meaning["url"], meaning["url"] if is_leader else None
        )
    if key is Key.REGISTRY:
        meaning["url"] = "http://10.0.0.1:3379"
    event = KeyEvent(
        where=Where("f", 1),
        revision=draw(st.integers(1, (1 << 63) - 1)),
        key=key,
        path=PATHS[key].format(draw(INT64)),
        put=put,
        lease=draw(st.integers(1, (1 << 63) - 1)) if put and key is not Key.TIMESTAMP else None,
        version=draw(st.integers(1, 1000)) if put else None,
        created=draw(st.none() | st.integers(1, (1 << 63) - 1)) if put else None,
        etcd_at=5,
        **meaning,
    )
    return event, value


def pair(event: KeyEvent, value: bytes, number: Callable[[int], Any]) -> dict[str, Any]:
    """`mvccpb.KeyValue` as JSON; fields that are zero are left out."""
    made: dict[str, Any] = {
        "key": b64encode(event.path.encode()).decode(),
        "mod_revision": number(event.revision),
    }
    if event.put:
        made |= {"version": number(event.version or 0), "value": b64encode(value).decode()}
    if event.lease:
        made["lease"] = number(event.lease)
    if event.created:
        made["create_revision"] = number(event.created)
    return made


@given(
    st.lists(events(), min_size=1, max_size=4),
    st.integers(10**17, MAX_NS - 1).filter(lambda at: at % 10**6),  # what is smaller, or round: test_receipts
)
def test_watch_responses_round_trip_in_all_three_shapes(
    made: list[tuple[KeyEvent, bytes]], received: int
) -> None:
    etcdctl = {
        "Header": {"revision": 5},
        "Events": [
            {"kv": pair(event, value, int)} | ({} if event.put else {"type": 1}) for event, value in made
        ],
        "CompactRevision": 0,
        "Canceled": False,
        "Created": False,
    }
    gateway = {
        "header": {"revision": "5"},
        "events": [
            {"kv": pair(event, value, str)} | ({} if event.put else {"type": "DELETE"})
            for event, value in made
        ],
    }
    expected = [event for event, _ in made]
    for line, latest in (
        (etcdctl, None),
        ({"recv_unix_ns": received, "response": etcdctl}, received),
        ({"result": gateway}, None),
        ({"recv_unix_ns": received, "response": {"result": gateway}}, received),
    ):
        tally = Tally()
        watch = etcd.decode("f", numbered(line), tally)
        assert [(event.latest_ns, event) for event in watch.events] == [
            (latest, event_with(event, latest)) for event in expected
        ]
        assert watch.seen == {event.revision for event in expected}
        assert watch.reached == 5
        assert (tally.skipped, tally.other) == (0, 0)


def event_with(event: KeyEvent, latest: int | None) -> KeyEvent:
    fields = {name: getattr(event, name) for name in event.__slots__}
    return KeyEvent(**(fields | {"latest_ns": latest}))


def test_an_expected_primary_set_by_a_transfer_is_a_bare_url() -> None:
    event = KeyEvent(Where("f", 1), 3, Key.EXPECTED_PRIMARY, PATHS[Key.EXPECTED_PRIMARY].format(1), True)
    line = {
        "Header": {"revision": 3},
        "Events": [{"kv": pair(event, b"http://127.0.0.1:23379", int)}],
    }
    (read_back,) = etcd.decode("f", numbered(line), Tally()).events
    assert (read_back.name, read_back.url, read_back.server) == (
        None,
        "http://127.0.0.1:23379",
        "http://127.0.0.1:23379",
    )


def test_other_keys_are_counted_and_other_keyspace_groups_are_other_keys() -> None:
    paths = ["/pd/1/raft", "/pd/1/timestamp/x", "/ms/1/tso/00001/primary", "/pd/x/leader", "/pd/cluster_id"]
    line = {
        "Header": {"revision": 9},
        "Events": [
            {"kv": {"key": b64encode(path.encode()).decode(), "mod_revision": n, "value": ""}}
            for n, path in enumerate(paths, start=2)
        ],
    }
    tally = Tally()
    watch = etcd.decode("f", numbered(line), tally)
    assert (watch.events, watch.seen, watch.reached) == ([], {2, 3, 4, 5, 6}, 9)
    assert (tally.other, tally.skipped) == (5, 0)


def timestamp_event(**changes: Any) -> dict[str, Any]:
    kv = {
        "key": b64encode(b"/pd/1/timestamp").decode(),
        "mod_revision": 2,
        "value": b64encode(bytes(8)).decode(),
    }
    return {"kv": {name: value for name, value in (kv | changes).items() if value is not ...}}


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {"kv": None},
        timestamp_event(key="not base64!"),
        timestamp_event(key=...),
        timestamp_event(key=7),
        timestamp_event(mod_revision=...),
        timestamp_event(mod_revision=True),
        timestamp_event(mod_revision=-1),
        timestamp_event(mod_revision=2.5),
        timestamp_event(mod_revision=float("nan")),
        timestamp_event(mod_revision="2x"),
        timestamp_event(mod_revision="٣"),
        timestamp_event(mod_revision=1 << 63),
        timestamp_event(value=b64encode(bytes(7)).decode()),
        timestamp_event(value=...),
        timestamp_event(value=["AA=="]),
        timestamp_event() | {"type": "MOVE"},
        timestamp_event() | {"type": []},
    ],
)
def test_events_that_cannot_be_read_are_skipped_and_not_seen(event: Any) -> None:
    tally = Tally()
    watch = etcd.decode("f", numbered({"Header": {"revision": 2}, "Events": [event]}), tally)
    assert (watch.events, watch.seen, tally.skipped) == ([], set(), 1)


@pytest.mark.parametrize(
    "line",
    [
        None,
        b"{",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"{}",
        b'{"Events": []}',
        b'{"Header": 5, "Events": []}',
        b'{"Header": {}, "Events": {}}',
        b'{"Header": {}, "Events": 3}',
        b'{"result": []}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"Header": ' + b"9" * 5000 + b"}",
    ],
)
def test_lines_that_are_no_watch_response_are_skipped_or_empty(line: bytes | None) -> None:
    tally = Tally()
    watch = etcd.decode("f", numbered(line), tally)
    assert watch.events == []
    assert tally.skipped + tally.other == 1
    assert len(tally.reasons) == tally.skipped

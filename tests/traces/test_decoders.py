"""Each decoder reads back what it documents: written by an encoder here, or copied from a real file."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.sources import clients, etcd, pdlog
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import (
    MAX_NS,
    NS_PER_MS,
    Attempt,
    Call,
    Key,
    KeyEvent,
    LogStep,
    Refusal,
    Service,
    Where,
)
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.settings import duration_ns, find
from tsofence.traces.sources.trace import Trace

INT64 = st.integers(0, (1 << 63) - 1)
NAMES = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())


def numbered(*lines: Any) -> list[tuple[int, bytes | None]]:
    return [
        (number, line if isinstance(line, bytes) or line is None else json.dumps(line).encode())
        for number, line in enumerate(lines, start=1)
    ]


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
    return made


@given(st.lists(events(), min_size=1, max_size=4), st.integers(0, MAX_NS - 1))
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
        b"",
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


@given(
    st.builds(
        Call,
        st.just("f"),
        st.just(1),
        NAMES,
        st.sampled_from(["pd", "tso", "lib"]),
        NAMES,
        st.one_of(st.none(), st.integers(0, 9)),
        st.integers(0, MAX_NS // 2),
        st.integers(MAX_NS // 2, MAX_NS - 1),
        st.integers(1, MAX_NS // NS_PER_MS - 1),
        st.integers(100, (1 << 32) - 1),
        st.integers(1, 101),
        st.one_of(st.none(), NAMES),
    )
)
def test_calls_round_trip(call: Call) -> None:
    sample = {
        "client": call.client,
        "kind": call.kind,
        "endpoint": call.endpoint,
        "start_unix_ns": call.start_ns,
        "end_unix_ns": call.end_ns,
        "physical": call.physical,
        "logical": call.logical,
        "count": call.count,
        "tso_url": "not read",
    }
    sample |= {} if call.worker is None else {"worker": call.worker}
    sample |= {} if call.error is None else {"error": call.error}
    tally = Tally()
    assert clients.decode("f", numbered(sample), tally) == [call]
    assert tally.skipped == 0
    assert call.last - call.first == call.count - 1


GOOD = {
    "client": "c",
    "kind": "pd",
    "endpoint": "u",
    "start_unix_ns": 1,
    "end_unix_ns": 2,
    "physical": 3,
    "logical": 4,
    "count": 1,
}


@pytest.mark.parametrize(
    "change",
    [
        {"client": 1},
        {"kind": None},
        {"endpoint": []},
        {"start_unix_ns": "1"},
        {"start_unix_ns": -1},
        {"start_unix_ns": 3},
        {"start_unix_ns": 1.0},
        {"end_unix_ns": float("inf")},
        {"end_unix_ns": MAX_NS},
        {"end_unix_ns": True},
        {"physical": 0},
        {"physical": float("nan")},
        {"physical": MAX_NS // NS_PER_MS},
        {"physical": 10**4000},
        {"logical": -1},
        {"logical": 1 << 32},
        {"count": 0},
        {"count": 6},
        {"count": {}},
        {"error": 0},
        {"worker": "1"},
    ],
)
def test_samples_that_cannot_be_are_skipped(change: dict[str, Any]) -> None:
    tally = Tally()
    assert clients.decode("f", numbered(GOOD, GOOD | change), tally) == clients.decode(
        "f", numbered(GOOD), Tally()
    )
    assert tally.skipped == 1
    assert "line 2" in tally.reasons[0]


def test_half_a_character_cannot_be_carried_to_the_terminal() -> None:
    (call,) = clients.decode("f", numbered(GOOD | {"client": "\ud800"}), Tally())
    assert call.client.encode() == b"?"


HEAD = b"[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] "
FENCE = b'[error="tso microservice primary exists, PD in PD service mode must yield"]'


def log_of(*lines: bytes, head: bytes = HEAD) -> pdlog.Log:
    return pdlog.decode("dir/pd-x.log.gz", numbered(*(head + line for line in lines)), Tally())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026/11/23 07:09:28.483 +00:00", 1795417768483 * 10**6),
        ("2026/11/23 15:09:28.483 +08:00", 1795417768483 * 10**6),
        ("0001/01/01 00:00:00.000 +00:00", None),
        ("0001/01/01 08:05:43.000 +08:05", None),
        ("2026/13/23 07:09:28.483 +00:00", None),
        ("2026/11/23 07:09:28.483 +99:00", None),
        ("2026/11/23", None),
        ("", None),
    ],
)
def test_log_times(text: str, expected: int | None) -> None:
    assert pdlog.time_ns(text) == expected


def test_the_lines_of_one_refused_update_are_one_event() -> None:
    tried = [
        line
        for retry in (b"0", b"1", b"2")
        for line in (
            b'["save timestamp failed"] [] ' + FENCE,
            b'["try to update the tso but failed"] [retry-count='
            + retry
            + b"] [retry-interval=50ms] "
            + FENCE,
        )
    ]
    last = b'["failed to update allocator\'s timestamp"] [] [name=pd1] [id=1] ' + FENCE
    log = log_of(*tried, last, b'["reset the timestamp in memory"] []')

    assert [(event.step, event.attempt, event.refusal, event.retry) for event in log.events] == [
        (LogStep.SAVE_REFUSED, Attempt.UPDATE, Refusal.FENCE, 0),
        (LogStep.SAVE_REFUSED, Attempt.UPDATE, Refusal.FENCE, 1),
        (LogStep.SAVE_REFUSED, Attempt.UPDATE, Refusal.FENCE, 2),
        (LogStep.RESET, None, None, None),
    ]
    assert [event.where.line for event in log.events] == [1, 3, 5, 8]
    assert len(log_of(*tried[1:], last).events) == 3, "the log begins between the two lines of the first try"
    assert len(log_of(last).events) == 1
    assert len(log_of(*tried[:1]).events) == 1


def test_the_lines_of_one_refused_sync_are_one_event() -> None:
    pd = [b'["failed to initialize the TSO allocator"] ' + FENCE, b'["failed to start TSO jobs"] ' + FENCE]
    tso = b'["failed to initialize the tso allocator"] [] [error="x ErrEtcdTxnConflict y"]'
    log = log_of(*pd, *pd, tso)

    assert [(event.attempt, event.refusal) for event in log.events] == [
        (Attempt.SYNC, Refusal.FENCE),
        (Attempt.SYNC, Refusal.FENCE),
        (Attempt.SYNC, Refusal.CONFLICT),
    ]
    assert len(log_of(pd[1]).events) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("tso microservice primary exists, pd must yield embedded tso", Refusal.FENCE),
        ("saving timestamp 1 is less than or equal to the previous one 2", Refusal.NOT_GREATER),
        ("is not leader due to leadership has not been granted yet", Refusal.LEADERSHIP),
        ("[PD:etcd:ErrEtcdTxnConflict]etcd transaction failed, conflicted", Refusal.CONFLICT),
        ("context deadline exceeded", Refusal.OTHER),
    ],
)
def test_reasons_of_refusals(error: str, reason: Refusal) -> None:
    (event,) = log_of(f'["save timestamp failed"] [] [error="{error}"]'.encode()).events
    assert (event.refusal, event.text) == (reason, error)


def test_fields_of_the_steps() -> None:
    log = log_of(
        b'["lease granted"] [lease-id=77] [lease-timeout=3] [purpose="tso expected primary"]',
        b'["check campaign resp"] [resp="{\\"header\\":{\\"revision\\":21},\\"succeeded\\":true}"]',
        b'["check campaign resp"] [resp="{\\"header\\":{\\"revision\\":22}}"]',
        b'["sync and save timestamp"] [] [last=2026/11/23 07:09:28.483 +00:00]'
        b" [last-saved=0001/01/01 00:00:00.000 +00:00] [save=2026/11/23 07:09:31.484 +00:00]"
        b" [next=2026/11/23 07:09:28.484 +00:00]",
        b'["saving timestamp to the storage"] [group-id=0] [ts=2026/11/23 07:09:28.483 +00:00]'
        b" [leader-key=/pd/77/leader] [expected-leader-value=] [check-tso-primary=true]",
        b'["current leadership is deleted"] [revision=24] [leader-key=/ms/7/tso/00000/primary] [purpose=x]',
        b"[reset-ts] [new-ts=470658187486298112] [ignore-smaller=false]",
        b'["try to transfer primary"] [service=tso] [from=tso1] [to=tso2]',
        b'["campaign PD leader meets error due to txn conflict, another PD may campaign"] [error=e]',
    )
    lease, elected, synced, attempt, deleted, reset, transfer, refused = log.events
    at = 1795417768483 * 10**6

    assert (lease.step, lease.lease, lease.lease_s, lease.key) == (
        LogStep.LEASE_GRANTED,
        77,
        3,
        Key.EXPECTED_PRIMARY,
    )
    assert (elected.step, elected.revision, elected.at_ns) == (LogStep.ELECTED, 21, at)
    assert (synced.last_ns, synced.last_saved_ns) == (at, None)
    assert (synced.save_ns, synced.next_ns) == (at + 3001 * 10**6, at + 10**6)
    assert (attempt.step, attempt.save_ns, attempt.fenced, attempt.key) == (
        LogStep.SAVE_ATTEMPT,
        at,
        True,
        Key.LEADER,
    )
    assert (deleted.step, deleted.revision, deleted.key) == (LogStep.KEY_DELETED, 24, Key.PRIMARY)
    assert (reset.step, reset.next_ns) == (LogStep.ADMIN_RESET, (470658187486298112 >> 18) * 10**6)
    assert (transfer.step, transfer.text) == (LogStep.TRANSFER, "tso1 -> tso2")
    assert (refused.step, refused.text) == (LogStep.CAMPAIGN_REFUSED, "e")


def config(**values: Any) -> bytes:
    return json.dumps(json.dumps({name.replace("_", "-"): value for name, value in values.items()})).encode()


def test_servers_are_called_as_their_configuration_says() -> None:
    pd = b'["PD config"] [enable-keyspace-group=true] [config=' + config(
        name="pd7",
        lease=4,
        tso_save_interval="5s",
        micro_service={"enable-tso-dynamic-switching": "true"},
        advertise_client_urls="http://a:1,http://b:1",
    )
    tso = b'["TSO service config"] [config=' + config(
        name="tso1", advertise_listen_addr="http://h:3379", lease="three", tso_save_interval="soon"
    )
    reset = b'["reset the timestamp in memory"] []'
    log = log_of(reset, pd + b"]", reset)
    (start,) = log.starts

    assert [event.server for event in log.events] == ["pd7", "pd7", "pd7"]
    assert {event.service for event in log.events} == {Service.PD}
    assert (start.api_mode, start.dynamic_switching, start.urls) == (True, True, ("http://a:1", "http://b:1"))
    assert (start.save_interval_ns, start.update_interval_ns, start.lease_s) == (5 * 10**9, None, 4)

    log = log_of(tso + b"]", reset)
    (start,) = log.starts
    assert (start.server, start.service, start.api_mode) == ("http://h:3379", Service.TSO, None)
    assert (start.save_interval_ns, start.lease_s) == (None, None)


def test_without_a_dump_a_server_is_called_as_its_lines_or_its_file() -> None:
    reset = b'["reset the timestamp in memory"] []'
    campaign = b'["start to campaign PD leader"] [campaign-leader-name=pd3]'
    primary = b'["start to campaign the primary"] [] [name=http://h:1-00000] [id=1]'

    assert [event.server for event in log_of(reset, campaign).events] == ["pd3", "pd3"]
    assert log_of(reset, campaign).service is Service.PD
    assert [event.server for event in log_of(primary, reset).events] == ["http://h:1"] * 2
    assert log_of(primary).service is Service.TSO
    assert (log_of(reset).events[0].server, log_of(reset).service) == ("pd-x", Service.UNKNOWN)


@pytest.mark.parametrize(
    "line",
    [
        HEAD + b'["PD config"] [config="{broken"]',
        HEAD + b'["PD config"] [config=' + json.dumps("[" * 50_000).encode() + b"]",
        HEAD + b'["PD config"] [config="7"]',
        HEAD + b'["check campaign resp"] [resp="[]"]',
        HEAD + b'["check campaign resp"] [resp="{\\"header\\":7,\\"succeeded\\":true}"]',
        HEAD + b'["try to update the tso but failed"] [retry-count=' + b"9" * 5000 + b"]",
        HEAD + b'["lease granted"] [lease-id=\xff]',
        HEAD + b'["' + b"\\" * 50_001,
        b'[2026/99/99 07:09:28.483 +00:00] [INFO] [a.go:1] ["reset the timestamp in memory"]',
        b"panic: runtime error",
        b"",
        None,
    ],
)
def test_hostile_log_lines_are_counted(line: bytes | None) -> None:
    tally = Tally()
    log = pdlog.decode("f", numbered(line, HEAD + b'["skip sync timestamp"] []'), tally)
    assert log.events[-1].step is LogStep.SYNC_SKIPPED
    assert len(log.events) + tally.other + tally.skipped == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3s", 3 * 10**9),
        ("50ms", 50 * 10**6),
        ("1h0m0.5s", 3600 * 10**9 + 5 * 10**8),
        ("1.5µs", 1500),
        ("", None),
        ("3", None),
        ("3s!", None),
        ("-3s", None),
        ("9" * 5000 + "s", None),
    ],
)
def test_durations(text: str, expected: int | None) -> None:
    assert duration_ns(text) == expected


def saves(*values_ms: int) -> list[KeyEvent]:
    return [
        KeyEvent(Where("f", n), n, Key.TIMESTAMP, "/pd/1/timestamp", True, timestamp_ns=value * 10**6)
        for n, value in enumerate(values_ms)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 3005, 6049, 9050, 12060), 3000),
        ((0, 3005, 6049, 9050), None),  # too few
        ((0, 2948, 3000, 5948, 6000), None),  # two writers
        ((0, 3065, 6160, 9225, 12320), None),  # W = 3.05 s is not round
        ((0, 3005, 13000, 16005, 19010), None),  # a gap
    ],
)
def test_inferred_save_interval(values: tuple[int, ...], expected: int | None) -> None:
    found = find([], [], saves(*values)).save_interval
    assert found.value == (None if expected is None else expected * 10**6)


def test_servers_that_differ_leave_the_common_setting_unknown() -> None:
    starts = [
        log_of(b'["PD config"] [config=' + config(name=name, lease=lease) + b"]").starts[0]
        for name, lease in (("pd1", 3), ("pd2", 5))
    ]
    assert find(starts[:1], [], []).lease.value == 3
    assert find(starts, [], [], {"lease_s": 9}).lease.value is None
    assert "differ" in find(starts, [], []).lease.source


def test_the_lease_of_a_log_that_begins_later() -> None:
    log = log_of(b'["lease granted"] [lease-id=77] [lease-timeout=3] [purpose="leader election"]')
    found = find([], log.events, [], {"lease_s": 9}).lease
    assert (found.value, found.source) == (3, "dir/pd-x.log.gz:1")


def written(folder: Path, name: str, *documents: Any) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def test_calls_that_stand_in_two_files_are_one(tmp_path: Path) -> None:
    other = GOOD | {"worker": 1}
    written(tmp_path, "a", GOOD, other)
    written(tmp_path, "b", other, GOOD, GOOD | {"start_unix_ns": 0})
    trace: Trace = read([tmp_path, tmp_path / "a"])
    assert (len(trace.calls), trace.repeated) == (3, 2)
    assert [source.observations for source in trace.sources] == [2, 3]

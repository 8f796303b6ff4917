"""Logs of servers, and the settings that they tell: lines copied from real files."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tsofence.traces.sources import pdlog, zap
from tsofence.traces.sources.lines import Tally
from tsofence.traces.sources.observation import (
    Attempt,
    Key,
    KeyEvent,
    LogEvent,
    LogStep,
    Refusal,
    Service,
    Where,
)
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.settings import GIVEN, Setting, duration_ns, find

from .decoding import numbered

LOG = Path(__file__).parents[1] / "recordings" / "upgrade-fenced" / "pd-pd1.log.gz"
HEAD = b"[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] "
FENCE = b'[error="tso microservice primary exists, PD in PD service mode must yield"]'


def log_of(*lines: bytes, head: bytes = HEAD) -> pdlog.Log:
    (log,) = pdlog.decode("dir/pd-x.log.gz", numbered(*(head + line for line in lines)), Tally())
    return log


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
    assert zap.time_ns(text) == expected


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
        b" [leader-key=/pd/7/leader] [expected-leader-value=] [check-tso-primary=true]",
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
    (log,) = pdlog.decode("f", numbered(line, HEAD + b'["skip sync timestamp"] []'), tally)
    assert log.events[-1].step is LogStep.SYNC_SKIPPED
    assert len(log.events) + tally.other + tally.skipped == 2


@pytest.mark.parametrize(
    "rest",
    [
        b'[last=7] [ts-window-key="x"INFO] [a.go:1] ["triggering the start callback functions"]',
        b'[ts-window-key="x"] [a.go:1] ["load timestamp window',
        b"[last=7] 2026/11/23",
    ],
)
def test_a_line_that_goes_on_with_another_is_damaged(rest: bytes) -> None:
    """A part of the log is missing there: what its server did is not all known."""
    tally = Tally()
    (log,) = pdlog.decode("f", numbered(HEAD + b'["skip sync timestamp"] ' + rest), tally)
    assert (log.events, tally.skipped) == ([], 1)


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
    assert find(starts, [], [], {"lease_s": Setting(9, GIVEN)}).lease.value is None
    assert "differ" in find(starts, [], []).lease.source


def test_the_lease_of_a_log_that_begins_later() -> None:
    log = log_of(b'["lease granted"] [lease-id=77] [lease-timeout=3] [purpose="leader election"]')
    found = find([], log.events, [], {"lease_s": Setting(9, GIVEN)}).lease
    assert (found.value, found.source) == (3, "dir/pd-x.log.gz:1")


@pytest.mark.parametrize(
    ("tick", "election", "least"),
    [
        ("500ms", "3s", 5),  # PD's own: 4.5 s, in whole seconds
        ("100ms", "1s", 2),
        ("500ms", "500ms", 1),
        ("500ms", "100ms", 0),
        ("0s", "3s", None),
        ("soon", "3s", None),
    ],
)
def test_etcd_grants_no_lease_below_an_election_and_a_half(
    tick: str, election: str, least: int | None
) -> None:
    line = b'["PD config"] [config=' + config(**{"tick-interval": tick, "election-interval": election}) + b"]"
    assert log_of(line).starts[0].least_lease_s == least


@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_a_log_in_two_pieces_tells_what_it_does_as_one(overlap: int, tmp_path: Path) -> None:
    """Wherever it is cut, also between the lines of one refusal, and if both have some of them."""
    lines = gzip.decompress(LOG.read_bytes()).splitlines(keepends=True)

    def told(*pieces: list[bytes]) -> list[LogEvent]:
        for name, piece in zip(("pd-pd1.log", "pd-pd1.log.1"), pieces, strict=False):
            (tmp_path / name).write_bytes(b"".join(piece))
        return [replace(each, where=Where("", 0)) for each in read([tmp_path]).logs]

    whole = told(lines)
    assert any(each.retry == 2 for each in whole)
    for cut in range(106, 122):
        assert told(lines[cut - overlap :], lines[:cut]) == whole, cut

"""The words that PD's releases have for one step, and what a log says of its own build."""

import json

import pytest

from tsofence.traces.sources import pdlog
from tsofence.traces.sources.lines import OBSERVATION, Tally
from tsofence.traces.sources.observation import Attempt, Key, LogStep, Refusal, Service

from .decoding import numbered

HEAD = b"[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] "
DUMP = json.dumps(
    json.dumps(
        {"name": "pd7", "advertise-client-urls": "http://a:1", "advertise-listen-addr": "http://h:3379"}
    )
).encode()
MASTERS_LAST = (
    b"[\"failed to update allocator's timestamp, "
    b'resetting the TSO allocator with leadership resignation"] [] [error=x]'
)


def log_of(*lines: bytes) -> pdlog.Log:
    (log,) = pdlog.decode("dir/x.log", numbered(*(HEAD + line for line in lines)), Tally())
    return log


@pytest.mark.parametrize(
    ("line", "api_mode", "server"),
    [
        (b'["API Service config"]', True, "pd7"),  # 7.5 to 8.5
        (b'["API service config"]', True, "pd7"),  # 7.0 to 7.4
        (b'["PD config"]', False, "pd7"),  # 7.0 to 8.5
        (b'["PD Config"]', False, "pd7"),  # to 6.6
        (b'["PD config"] [enable-keyspace-group=true]', True, "pd7"),
        (b'["PD config"] [enable-keyspace-group=false]', False, "pd7"),
        (b'["PD config"] [enable-keyspace-group=trXe]', None, "pd7"),
        (b'["PD config"] [enable-kXyspace-group=true]', None, "pd7"),
        (b'["PD config"] [enable-keyspace-group=true)]', None, "pd7"),
        (b'["TSO service config"]', None, "http://h:3379"),
        (b'["TSO config"]', None, "http://h:3379"),  # 7.0 to 7.4
    ],
)
def test_the_mode_of_a_server_that_starts(line: bytes, api_mode: bool | None, server: str) -> None:
    (start,) = log_of(line + b" [config=" + DUMP + b"]").starts
    assert (start.api_mode, start.server) == (api_mode, server)


@pytest.mark.parametrize(
    ("service", "lines"),
    [
        (
            Service.PD,  # 4.0
            {
                b'["start to campaign leader"] [campaign-leader-name=s1]': LogStep.CAMPAIGN_START,
                b'["campaign leader ok"] [campaign-leader-name=s1]': LogStep.CAMPAIGN_WON,
                b'["sync timestamp for tso"]': LogStep.SYNC_START,
                b'["PD cluster leader is ready to serve"] [leader-name=s1]': LogStep.READY,
                b'["failed to update timestamp"] [error=x]': LogStep.SAVE_REFUSED,
                b'["lease expired, leader step down"]': LogStep.STEP_DOWN,
                b'["etcd leader changed, resigns leadership"] [old-leader-name=s1]': LogStep.STEP_DOWN,
                b'["try to resign leader to next leader"] [from=s1] [to=s2]': LogStep.TRANSFER,
                b'["skip campaign leader and check later"]': LogStep.CAMPAIGN_SKIPPED,
                b'["campaign leader meet error"] [error=x]': LogStep.CAMPAIGN_REFUSED,
                b'["start watch leader"]': LogStep.FOLLOWING,
                b'["leader changed, try to campaign leader"]': LogStep.HOLDER_CHANGED,
                b'["failed to sync timestamp"] [error=x]': LogStep.SAVE_REFUSED,
                b'["Got signal to exit"] [signal=terminated]': LogStep.SERVER_EXIT,
            },
        ),
        (
            Service.PD,  # 5.0 to 6.6
            {
                b'["start to campaign pd leader"] [campaign-pd-leader-name=s1]': LogStep.CAMPAIGN_START,
                b'["campaign pd leader ok"] [campaign-pd-leader-name=s1]': LogStep.CAMPAIGN_WON,
                b'["failed to initialize the global TSO allocator"] [error=x]': LogStep.SAVE_REFUSED,
                b'["PD cluster leader is ready to serve"] [pd-leader-name=s1]': LogStep.READY,
                b'["try to update the global tso but failed"] [error=y]': LogStep.SAVE_REFUSED,
                b'["lease timeout"] [purpose="pd leader election"]': LogStep.KEEP_ALIVE_SLOW,
                b'["no longer a leader because lease has expired, pd leader ..."]': LogStep.STEP_DOWN,
                b'["campaign pd leader meets error due to etcd error"]': LogStep.CAMPAIGN_REFUSED,
            },
        ),
        (
            Service.PD,  # 7.0 to 8.5, in API mode
            {
                b'["start to campaign API Service leader"] [campaign-leader-name=s1]': LogStep.CAMPAIGN_START,
                b'["campaign API Service leader ok"] [campaign-leader-name=s1]': LogStep.CAMPAIGN_WON,
                b'["API Service leader is ready to serve"] [leader-name=s1]': LogStep.READY,
                b'["campaign API Service leader meets error due to etcd error"]': LogStep.CAMPAIGN_REFUSED,
            },
        ),
        (
            Service.PD,  # 8.5
            {
                b'["start to campaign PD leader"] [campaign-leader-name=s1]': LogStep.CAMPAIGN_START,
                b'["campaign PD leader ok"] [campaign-leader-name=s1]': LogStep.CAMPAIGN_WON,
                b'["failed to initialize the global TSO allocator"] [error=x]': LogStep.SAVE_REFUSED,
                b'["PD leader is ready to serve"] [leader-name=s1]': LogStep.READY,
                b'["closing the global TSO allocator"]': LogStep.ALLOCATOR_CLOSED,
            },
        ),
        (
            Service.TSO,  # 7.1 to 8.5
            {
                b'["start to campaign the primary"] [] [campaign-tso-primary-name=s1-00000]': (
                    LogStep.CAMPAIGN_START
                ),
                b'["failed to initialize the global tso allocator"] [] [error=x]': LogStep.SAVE_REFUSED,
                b'["try to update the global tso but failed"] [error=y]': LogStep.SAVE_REFUSED,
            },
        ),
        (
            Service.PD,  # master
            {
                b'["start to campaign PD leader"] [campaign-leader-name=s1]': LogStep.CAMPAIGN_START,
                b'["leader election succeeded, start leader ready process"]': LogStep.CAMPAIGN_WON,
                MASTERS_LAST: LogStep.SAVE_REFUSED,
                b'["closing the embedded TSO allocator"]': LogStep.ALLOCATOR_CLOSED,
            },
        ),
    ],
)
def test_the_words_for_one_step(service: Service, lines: dict[bytes, LogStep]) -> None:
    log = log_of(*lines)
    assert [event.step for event in log.events] == [*lines.values()]
    assert {(event.server, event.service) for event in log.events} == {("s1", service)}


@pytest.mark.parametrize(
    ("line", "service"),
    [
        (b'["Welcome to Placement Driver (API SERVICE)"]', Service.PD),
        (b'["initializing the global TSO allocator"]', Service.PD),
        (b'["initializing the global tso allocator"]', Service.TSO),
    ],
)
def test_whose_log_it_is(line: bytes, service: Service) -> None:
    assert log_of(line, b'["reset the timestamp in memory"]').service is service


def test_the_purposes_of_one_key() -> None:
    purposes = {
        "pd leader election": Key.LEADER,
        "leader election": Key.LEADER,
        "keyspace group primary election": Key.PRIMARY,
        "keyspace group primary election 00000": Key.PRIMARY,
        "keyspace group primary election 00001": None,
        "tso expected primary 00000": Key.EXPECTED_PRIMARY,
    }
    log = log_of(*(f'["lease granted"] [purpose="{purpose}"]'.encode() for purpose in purposes))
    # what concerns another group says nothing
    assert [event.key for event in log.events] == [key for key in purposes.values() if key]


def test_a_refused_update_of_master_is_one_event() -> None:
    tried = b'["try to update the tso but failed"] [retry-count=0] [overflowed=false] [error=x]'
    log = log_of(b'["save timestamp failed"] [] [error=x]', tried, MASTERS_LAST)
    assert [(event.attempt, event.refusal, event.retry) for event in log.events] == [
        (Attempt.UPDATE, Refusal.OTHER, 0)
    ]


def test_a_log_tells_of_its_builds_between_its_starts() -> None:
    pd = b'["PD config"] [config=' + DUMP + b"]"
    log = log_of(
        b'["lease timeout"] [purpose="leader election"]',
        b'["Welcome to Placement Driver (PD)"]',
        b"[PD] [release-version=v7.5.7]",
        pd,
        b'["Welcome to Placement Driver (PD)"]',
        b"[PD] [release-version=v8.5.7]",
        b"[PD] [git-hash=6dce4a68e3e93b523657bd05cba89a86d64de117]",
        pd,
    )
    assert [(each.where.line, each.server, each.release) for each in log.versions] == [
        (1, "pd7", ""),
        (2, "pd7", "v7.5.7"),
        (5, "pd7", "v8.5.7"),
    ]
    assert {event.server for event in log.events} == {"pd7"}


def test_starts_without_end_are_counted_as_what_they_take() -> None:
    tally = Tally()
    starts = [HEAD + b'["Welcome to Placement Driver (PD)"] [n=%d]' % n for n in range(3)]
    (log,) = pdlog.decode("f", numbered(*starts), tally)
    assert len(log.versions) == 3
    assert tally.kept >= 3 * OBSERVATION

"""Single lines that a recording contradicts elsewhere: what PD wrote, it wrote for a reason that other lines
or etcd's events would show."""

import json
import re
from base64 import b64decode
from itertools import pairwise
from pathlib import Path

import pytest

from tsofence.traces.explain.contradictions import Found, contradictions
from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.servers import Servers

from ..planting import WATCH, Recording, events_of, load

RECORDINGS = Path(__file__).parents[1] / "recordings"


def said(recording: Recording, folder: Path) -> Found:
    recording.write(folder)
    trace = read([folder])
    return contradictions(trace, Servers(trace))


def in_other_mode(recording: Recording, name: str, which: int = 0) -> Recording:
    """With one of a PD's starts in the mode that it was not in."""
    numbers = [n for n, line in enumerate(recording.files[name]) if b"[enable-keyspace-group=" in line]
    line = recording.files[name][numbers[which]]
    other = b"false" if b"group=true" in line else b"true"
    return recording.changed(
        name, numbers[which], re.sub(rb"keyspace-group=\w+", b"keyspace-group=" + other, line, count=1)
    )


@pytest.mark.parametrize(
    ("name", "log", "which", "fence"),
    [
        ("pd-failover", "pd-pd1.log", 0, "check-tso-primary"),  # elected when there was TiKV
        ("pd-failover", "pd-pd3.log", 1, "check-tso-primary"),
        ("pr-intervals-differ", "pd-pd1.log", 0, "check-tso-primary"),  # TiKV came later
        ("master-transfer-small", "pd-pd1.log", 0, "master-2026-08"),
        ("tso-failover", "pd-pd1.log", 0, "check-tso-primary"),
    ],
)
def test_a_mode_in_which_it_did_not_run(name: str, log: str, which: int, fence: str, tmp_path: Path) -> None:
    """In service mode it syncs before it serves, in API mode it makes a keyspace group."""
    in_other_mode(load(RECORDINGS / name, clients=False), log, which).write(tmp_path)
    (verdict,) = replay(read([tmp_path]), [fence], properties=()).fences
    assert verdict.conforms is None
    assert re.search(r"lacks lines: .* shows restart, and the log would tell of a start in ", verdict.note)


def test_a_mode_that_only_etcd_denies(tmp_path: Path) -> None:
    """A PD in API mode that hands out timestamps itself, as one in service mode does; its group shows it."""
    recording = load(RECORDINGS / "dynamic-switch-base", clients=False)
    log = "pd-pd1.log"
    told = {n for n, line in enumerate(recording.files[log]) if b"TSO is provided by" in line}
    clean = recording.without(log, told)
    assert not said(clean, tmp_path / "clean").lacking
    (lacking,) = said(in_other_mode(clean, log), tmp_path / "other").lacking
    assert lacking.denied.startswith("etcd shows that a PD led in API mode")


HEAD = re.compile(rb"^\[(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} \+00:00)\]")


def with_line(recording: Recording, name: str, after: bytes, text: str, lines_later: int = 4) -> Recording:
    """With a line of that text some lines behind the first that has a message."""
    lines = recording.files[name]
    number = next(n for n, line in enumerate(lines) if b'["' + after + b'"]' in line) + lines_later
    head = HEAD.match(lines[number])
    assert head is not None
    return recording.changed(name, number, lines[number], b"[%s] %s\n" % (head[1], text.encode()))


_SERVES = b"PD leader is ready to serve"
_IS_PRIMARY = b"tso primary is ready to serve"
_WATCHES = b"start to watch pd leader"
#: in a PD's log: behind which message, and what is lacking then
OF_PDS = {
    '[INFO] [v.go:1] ["Welcome to Placement Driver (PD)"]': (_SERVES, "with which settings it started"),
    '[ERROR] [s.go:1] ["campaign PD leader meets error due to etcd error"] [error="frequently changed"]': (
        _WATCHES,
        "began to campaign",
    ),
    '[INFO] [s.go:1] ["skip campaigning of pd leader and check later"]': (_SERVES, "stepped down"),
    '[INFO] [s.go:1] ["pd leader has changed, try to re-campaign a pd leader"]': (_SERVES, "stepped down"),
    '[INFO] [s.go:1] ["PD leader is ready to serve"]': (_SERVES, "stepped down"),
    '[INFO] [l.go:1] ["delete the leader key ok"]': (_SERVES, "stepped down"),
    '[INFO] [s.go:1] ["start to campaign PD leader"]': (_WATCHES, "watches no longer"),
    '[INFO] [l.go:1] ["lease granted"] [lease-id=7] [purpose="leader election"]': (
        _WATCHES,
        "began to campaign",
    ),
    '[INFO] [c.go:1] ["TSO is provided by PD"]': (_WATCHES, "was elected"),
    '[INFO] [t.go:1] ["start to sync timestamp"] []': (_WATCHES, "was elected"),
    '[WARN] [t.go:1] ["clock offset"] [] [jet-lag=200ms]': (_WATCHES, "synced"),
    '[WARN] [t.go:1] ["the logical time may be not enough"] []': (_WATCHES, "synced"),
    '[INFO] [c.go:1] ["closing the TSO allocator"]': (_WATCHES, "synced"),
    '[INFO] [t.go:1] ["reset the timestamp in memory"] []': (_WATCHES, "synced"),
    '[WARN] [l.go:1] ["keep alive lease too slow"] [purpose="leader election"]': (
        _WATCHES,
        "was granted that lease",
    ),
    '[INFO] [s.go:1] ["no longer a leader because lease has expired, PD leader will step down"]': (
        _WATCHES,
        "its election",
    ),
    '[ERROR] [c.go:1] ["failed to initialize the TSO allocator"] [error="ErrEtcdTxnConflict"]': (
        _SERVES,
        "the sync began",
    ),
}


@pytest.mark.parametrize("text", OF_PDS)
def test_a_line_of_a_role_that_it_does_not_have(text: str, tmp_path: Path) -> None:
    after, lacks = OF_PDS[text]
    name = "pd-pd2.log" if after == _SERVES else "pd-pd1.log"  # which follows until it is elected at last
    recording = load(RECORDINGS / "pd-failover", clients=False)
    found = said(with_line(recording, name, after, text), tmp_path)
    assert not found.denied
    assert any(lacks in each.denied for each in found.lacking), found.lacking


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ('["skip campaigning of tso primary and check later"] []', "stepped down"),
        ('["set expected primary flag"] [primary-path=]', "was elected, or makes way"),
        ('["delete expected primary flag"] [primary-path=]', "stepped down"),
    ],
)
def test_a_line_of_a_role_that_a_tso_server_does_not_have(text: str, lacks: str, tmp_path: Path) -> None:
    recording = load(RECORDINGS / "tso-failover", clients=False)
    found = said(with_line(recording, "tso-tso2.log", _IS_PRIMARY, f"[INFO] [a.go:1] {text}", 1), tmp_path)
    assert not found.denied
    assert any(lacks in each.denied for each in found.lacking), found.lacking


def test_the_key_of_one_that_steps_down_goes(tmp_path: Path) -> None:
    recording = load(RECORDINGS / "tso-failover", clients=False)
    text = '[INFO] [s.go:1] ["etcd leader changed, resigns pd leadership"]'
    lacking = said(with_line(recording, "pd-pd1.log", _SERVES, text), tmp_path).lacking
    assert any(each.denied == "etcd would show that its election key went" for each in lacking)


def test_a_deletion_that_etcd_does_not_show(tmp_path: Path) -> None:
    """A line more than there are deletions, before the first of them."""
    recording = load(RECORDINGS / "master-transfer-small", clients=False)
    text = '[INFO] [e.go:1] ["delete expected primary flag"] [primary-path=]'
    found = with_line(recording, "tso-tso1.log", b"campaign tso primary ok", text, 1)
    found = with_line(found, "tso-tso1.log", b"campaign tso primary ok", text, 8)
    assert any("deletions of the expected primary" in each.denied for each in said(found, tmp_path).denied)


def polled(recording: Recording) -> list[dict[str, object]]:
    """What a recorder would have read of the leases of PD leaders, twice a second."""
    received = [json.loads(line)["recv_unix_ns"] for line in recording.files[WATCH]]
    return [
        {
            "granted_ttl_s": 5,
            "keys": [b64decode(event.pair["key"]).decode()],
            "lease": str(event.pair["lease"]),
            "start_unix_ns": at,
            "recv_unix_ns": at + 1_000_000,
            "revision": event.pair["mod_revision"],
        }
        for event, gone in pairwise(events_of(recording, "leader"))
        for at in range(received[event.number], received[gone.number], 500_000_000)
        if event.put
    ]


def with_polls(recording: Recording, polls: list[dict[str, object]]) -> Recording:
    lines = [json.dumps(poll).encode() + b"\n" for poll in polls]
    return Recording({**recording.files, "leases.jsonl": lines})


def test_polls_of_leases_agree(tmp_path: Path) -> None:
    recording = load(RECORDINGS / "pd-failover", clients=False)
    assert len(polled(recording)) > 50
    found = said(with_polls(recording, polled(recording)), tmp_path)
    assert not found.denied
    assert not found.lacking


def test_a_key_with_a_lease_that_it_had_before(tmp_path: Path) -> None:
    recording = load(RECORDINGS / "pd-failover", clients=False)
    polls = polled(recording)
    polls[-1] = {**polls[-1], "lease": polls[0]["lease"]}
    (denied,) = said(with_polls(recording, polls), tmp_path).denied
    assert denied.where.line == len(polls)
    assert denied.denied.startswith("etcd shows that this key had gone at revision ")


def test_a_lease_that_no_key_had(tmp_path: Path) -> None:
    recording = load(RECORDINGS / "pd-failover", clients=False)
    polls = polled(recording)
    polls[0] = {**polls[0], "lease": "4711"}
    (denied,) = said(with_polls(recording, polls), tmp_path).denied
    assert denied.denied == "etcd shows no election key with that lease"


@pytest.mark.parametrize("granted", [2, 60])
def test_a_lease_granted_for_another_time(granted: int, tmp_path: Path) -> None:
    """Three seconds are asked for, and etcd grants five at least."""
    recording = load(RECORDINGS / "pd-failover", clients=False)
    polls = [{**poll, "granted_ttl_s": granted} for poll in polled(recording)]
    denied = said(with_polls(recording, polls), tmp_path).denied
    assert denied
    assert all(each.denied.startswith(f"etcd granted that lease for {granted} s") for each in denied)


def test_a_lease_that_its_settings_do_not_ask_for(tmp_path: Path) -> None:
    recording = load(RECORDINGS / "pd-failover", clients=False)
    lines = [
        line.replace(b"[lease-timeout=3]", b"[lease-timeout=60]") for line in recording.files["pd-pd3.log"]
    ]
    found = said(Recording({**recording.files, "pd-pd3.log": lines}), tmp_path)
    assert any(each.denied == "the log would tell of a start with that lease" for each in found.lacking)


def with_header(recording: Recording, number: int, **fields: int) -> Recording:
    document = json.loads(recording.files[WATCH][number])
    document["response"]["Header"].update(fields)
    return recording.changed(WATCH, number, json.dumps(document).encode() + b"\n")


def test_a_raft_term_that_goes_back(tmp_path: Path) -> None:
    recording = load(RECORDINGS / "pd-failover", clients=False)
    (denied,) = said(with_header(recording, -1, raft_term=2), tmp_path).denied
    assert denied.denied == "that etcd member had sent a higher raft term"


def test_another_member_may_be_behind(tmp_path: Path) -> None:
    recording = load(RECORDINGS / "pd-failover", clients=False)
    assert not said(with_header(recording, -1, raft_term=2, member_id=77), tmp_path).denied


@pytest.mark.parametrize("keys", [("leader",), ("",)])
def test_an_event_that_etcd_had_not_reached_as_it_sent_it(keys: tuple[str], tmp_path: Path) -> None:
    """Of protocol keys and of others, although another stream has it as it was."""
    recording = load(RECORDINGS / "pd-failover", clients=False)
    *_, event = events_of(recording, *keys)
    other = with_header(recording, event.number, revision=3)
    lines = [json.dumps(json.loads(line)["response"]).encode() + b"\n" for line in recording.files[WATCH]]
    found = said(Recording({**other.files, "etcd.jsonl": lines}), tmp_path).denied
    assert [each.denied for each in found] == ["etcd sent it at revision 3, as it says"]


def test_one_revision_elects_one_server(tmp_path: Path) -> None:
    """Of what was before a watch began two logs tell."""
    recording = load(RECORDINGS / "pd-failover", clients=False)
    logs = Recording({name: lines for name, lines in recording.files.items() if name != WATCH})
    assert not said(logs, tmp_path / "clean").denied
    elected = next(line for line in logs.files["pd-pd1.log"] if b"check campaign resp" in line)
    (denied,) = said(
        logs.changed("pd-pd2.log", 0, elected, logs.files["pd-pd2.log"][0]), tmp_path / "planted"
    ).denied
    assert denied.denied.endswith("was elected at that revision")

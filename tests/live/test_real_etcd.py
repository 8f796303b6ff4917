"""A recorder of real etcd servers that do what recorded ones did: what is recorded is what was recorded."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.live.record import Recorder
from tsofence.traces.sources import reading
from tsofence.traces.sources.observation import KeyEvent, Where
from tsofence.traces.sources.trace import Gap, Trace

from .etcds import Member, etcd, events, needs_etcd, write
from .recording import Recording, recorded

pytestmark = needs_etcd

TSOFENCE = Path(sys.executable).with_name("tsofence")
RECORDINGS = Path(__file__).parents[1] / "recordings"
UPGRADE = RECORDINGS / "upgrade-fenced"


def keys(trace: Trace) -> list[KeyEvent]:
    """What happened, wherever that stands, and whenever and with what else it was received."""
    return [*map(itself, trace.keys)]


def itself(event: KeyEvent) -> KeyEvent:
    """An event without how it was received."""
    return replace(event, where=Where("", 0), latest_ns=None, etcd_at=None)


def of(name: str) -> Trace:
    """What the recording itself tells."""
    return reading.read([RECORDINGS / name / "etcd.jsonl.gz"])


def up_to(revisions: int) -> list[list[dict[str, object]]]:
    return events(UPGRADE)[: revisions - 1]


@pytest.mark.parametrize("name", ["upgrade-fenced", "tso-failover", "r85-transfer-small"])
def test_a_recording_of_what_was_recorded_is_judged_as_that(name: str, tmp_path: Path) -> None:
    """The command itself, stopped as people stop it."""
    with etcd(tmp_path) as (member,):
        command = [str(TSOFENCE), "record", "--pd", member.client, "-o", str(tmp_path / "recorded")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("recording to ")
        write(member, events(RECORDINGS / name))
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=300)
    assert (process.returncode, "missing" in told) == (0, False)
    assert "events of etcd, up to revision" in told
    found = reading.read([tmp_path / "recorded"])
    assert keys(found) == keys(of(name))
    assert (found.gaps, found.api_mode) == ((), of(name).api_mode)


def test_its_verdicts_are_those_of_the_recording(tmp_path: Path) -> None:
    """With the logs and the calls that were recorded; their clocks are those of then, so no receipts."""
    mine = Recording(tmp_path / "etcd.jsonl")
    with etcd(tmp_path) as (member,):
        mine.of(member.client, during=lambda _: write(member, events(UPGRADE)))
    told = mine.path.read_text().splitlines(keepends=True)
    mine.path.write_text(
        "".join(
            line.replace('"recv_unix_ns"', '"then"').replace('"response"', '"result"') for line in told[1:]
        )
    )
    others = [path for path in UPGRADE.iterdir() if not path.name.startswith("etcd")]
    ours, theirs = (replay(reading.read([*others, path])) for path in (mine.path, UPGRADE / "etcd.jsonl.gz"))
    verdicts = [
        [(each.property, each.verdict, each.count) for each in report.properties] for report in (ours, theirs)
    ]
    assert verdicts[0] == verdicts[1]
    assert [(each.fence, each.conforms) for each in ours.fences] == [
        (each.fence, each.conforms) for each in theirs.fences
    ]


def test_a_recording_that_begins_late_has_the_state(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "etcd.jsonl")
    with etcd(tmp_path) as (member,):
        write(member, up_to(20))
        recorder = recording.of(member.client, during=lambda _: write(member, events(UPGRADE)[19:]))
    trace = recording.trace()
    assert trace.gaps == (Gap(2, 20),)
    assert keys(trace) == [event for event in keys(of("upgrade-fenced")) if event.revision > 20]
    assert trace.state is not None
    held: dict[str, KeyEvent] = {}
    for event in keys(of("upgrade-fenced")):
        if event.revision <= 20:
            held.pop(event.path, None)
            held |= {event.path: event} if event.put else {}
    assert {*map(itself, trace.state.events)} == {*held.values()}
    assert recorder.gaps == []


def test_members_that_are_killed_and_come_again_leave_no_gap(tmp_path: Path) -> None:
    """One after another, the one that is asked among them."""
    recording = Recording(tmp_path / "etcd.jsonl")
    revisions = events(UPGRADE)

    def happens(recorder: Recorder, members: list[Member]) -> None:
        write(members[1], revisions[:10])
        for number, killed in enumerate(members):
            killed.kill()
            alive = members[number - 1]
            write(alive, revisions[10 + 10 * number : 20 + 10 * number])
            killed.start(members)
            killed.ready()
        write(members[0], revisions[40:])
        recorded(recorder, len(revisions) + 1)

    with etcd(tmp_path, 3) as members:
        recorder = recording.of(
            *(each.client for each in members), during=lambda recorder: happens(recorder, members)
        )
    assert recorder.gaps == []
    assert keys(recording.trace()) == keys(of("upgrade-fenced"))
    assert recording.trace().gaps == ()


def test_a_leader_that_moves_leaves_no_gap(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "etcd.jsonl")
    revisions = events(UPGRADE)

    def happens(members: list[Member]) -> None:
        for at in range(0, len(revisions), 10):
            write(members[at % 3], revisions[at : at + 10])
            (leader,) = (each for each in members if each.leads)
            other = members[(members.index(leader) + 1) % 3]
            target = other.post("maintenance/status", {})["header"]["member_id"]
            leader.post("maintenance/transfer-leadership", {"targetID": target})
            while not other.leads:
                pass

    with etcd(tmp_path, 3) as members:
        recorder = recording.of(*(each.client for each in members), during=lambda _: happens(members))
    assert recorder.gaps == []
    assert keys(recording.trace()) == keys(of("upgrade-fenced"))


def test_a_compaction_while_nobody_listens_is_a_gap(tmp_path: Path) -> None:
    """The recorder's only endpoint is gone, and what it missed is forgotten before it is back."""
    recording = Recording(tmp_path / "etcd.jsonl")
    revisions = events(UPGRADE)

    def happens(recorder: Recorder, members: list[Member]) -> None:
        write(members[1], revisions[:19])
        recorded(recorder, 20)
        members[0].kill()
        write(members[1], revisions[19:34])
        members[1].post("kv/compaction", {"revision": "30", "physical": True})
        members[0].start(members)
        members[0].ready()
        write(members[1], revisions[34:])
        recorded(recorder, len(revisions) + 1)

    with etcd(tmp_path, 3) as members:
        recorder = recording.of(members[0].client, during=lambda recorder: happens(recorder, members))
    assert recorder.gaps == [(21, 30)]
    trace = recording.trace()
    assert trace.gaps == (Gap(21, 30),)
    expected = [event for event in keys(of("upgrade-fenced")) if not 20 < event.revision <= 30]
    assert keys(trace) == expected

"""A PD of 6.5 or 7.5 whose sync fails as it campaigns: it resigns, and is elected again."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read

BEGIN = datetime(2026, 11, 27, 19, 35, 18, tzinfo=UTC)
CLUSTER = 7712937140671032313
LOST = "[PD:etcd:ErrEtcdKVGet]context deadline exceeded"
CONFLICT = "[PD:etcd:ErrEtcdTxnConflict]etcd transaction failed, conflicted and rolled back"
NEVER = "0001/01/01 00:00:00.000 +00:00"
#: ms
WINDOW = 3000
RELEASES = {"release-6.5": "v6.5.12", "release-7.5": "v7.5.7", "release-8.5": "v8.5.7"}


def time_of(ms: int) -> str:
    return f"{BEGIN + timedelta(milliseconds=ms):%Y/%m/%d %H:%M:%S.%f}"[:-3] + " +00:00"


def ns_of(ms: int) -> int:
    return (int(BEGIN.timestamp()) * 1000 + ms) * 1_000_000


def line(ms: int, message: str, **fields: object) -> str:
    told = "".join(f" [{name.replace('_', '-')}={value}]" for name, value in fields.items())
    return f'[{time_of(ms)}] [INFO] [server.go:1] ["{message}"]{told}'


class Recorded:
    """What etcd and one PD in service mode wrote; times are ms after the beginning, revisions begin at 11."""

    def __init__(self, build: str) -> None:
        self._build = build
        self._old = build == "release-6.5"
        self._watch: list[str] = []
        self._log: list[str] = []
        self._revision = 10
        self._created = {"leader": 0, "timestamp": 0}
        self._versions = {"leader": 0, "timestamp": 0}
        self._starts(0)
        self._elected(300)
        self._synced(345, 342)
        self._starts(3000)
        self.lost_key(3100)
        self._elected(5000)

    def _starts(self, ms: int) -> None:
        dump = json.dumps(json.dumps({"name": "pd1", "lease": 5, "tso-save-interval": "3s"}))
        self._log += [
            line(ms, "Welcome to Placement Driver (PD)"),
            f"[{time_of(ms)}] [INFO] [versioninfo.go:90] [PD] [release-version={RELEASES[self._build]}]",
            line(ms, "PD Config" if self._old else "PD config", config=dump),
        ]

    def _event(self, ms: int, key: str, value: bytes | None, **more: int) -> None:
        self._revision += 1
        pair: dict[str, Any] = {"key": b64encode(f"/pd/{CLUSTER}/{key}".encode()).decode()}
        event: dict[str, Any] = {"kv": pair | {"mod_revision": self._revision}}
        if value is None:
            event["type"] = 1
            self._versions[key] = 0
        else:
            if not self._versions[key]:
                self._created[key] = self._revision
            self._versions[key] += 1
            told = {"value": b64encode(value).decode(), "create_revision": self._created[key]}
            event["kv"] |= told | {"version": self._versions[key]} | more
        header = {"cluster_id": 1, "member_id": 1, "revision": self._revision, "raft_term": 2}
        response = {"Header": header, "Events": [event]}
        self._watch.append(json.dumps({"recv_unix_ns": ns_of(ms) + 400_000, "response": response}))

    def lost_key(self, ms: int) -> None:
        """Its election key goes."""
        self._event(ms, "leader", None)

    def saved(self, ms: int, until: int) -> None:
        """A window that reaches to that time is saved."""
        self._event(ms, "timestamp", ns_of(until).to_bytes(8))

    def _elected(self, ms: int) -> None:
        lease = 7136131861469698060 + ms
        self._event(ms, "leader", b"\n\x03pd1\x10\x88\xc6\x9b\x95\x8a\xc0\x99\xeb\x86\x01", lease=lease)
        answer = {"header": {"revision": self._revision}, "succeeded": True}
        campaign, name = "campaign PD leader", "campaign_leader_name"
        if self._old:
            campaign, name = "campaign pd leader", "campaign_pd_leader_name"
        self._log += [
            line(ms - 20, f"start to {campaign}", **{name: "pd1"}),
            line(ms - 2, "lease granted", lease_id=lease, lease_timeout=5, purpose='"leader election"'),
            line(ms, "check campaign resp", resp=json.dumps(json.dumps(answer))),
            line(ms, f"{campaign} ok", **{name: "pd1"}),
            line(ms, "initializing the global TSO allocator"),
        ]

    def failed(self, ms: int, error: str) -> None:
        self._log.append(line(ms, "failed to initialize the global TSO allocator", error=f'"{error}"'))

    def _synced(self, ms: int, begins: int, last: int | None = None) -> None:
        self.saved(ms, begins + WINDOW)
        told = {
            "last": NEVER if last is None else time_of(last),
            "save": time_of(begins + WINDOW),
            "next": time_of(begins),
        }
        self._log.append(line(ms, "sync and save timestamp", **told))

    def again(self, ms: int, *, last: int, begins: int) -> None:
        """It is elected once more, and syncs."""
        self._elected(ms)
        self._synced(ms + 5, begins, last)

    def explained(self, folder: Path) -> tuple[bool | None, list[str]]:
        """Whether it conforms to its build, and by which steps since the PD started anew; but for time."""
        (folder / "etcd-recv.jsonl").write_text("\n".join(self._watch) + "\n")
        (folder / "pd-pd1.log").write_text("\n".join(self._log) + "\n")
        trace = read([folder])
        (verdict,) = replay(trace, [self._build], properties=()).fences
        if not verdict.conforms or verdict.run is None:
            return verdict.conforms, []
        steps = [move.transition for move in verdict.run.moves]
        return True, [each for each in steps[steps.index("restart") :] if each != "tick"]


FIRST = 342 + WINDOW
SYNCS = {
    "release-6.5": ["sync_load", "sync_begin", "commit"],
    "release-7.5": ["sync_load", "sync_begin", "load_window", "commit"],
}
STARTS = ["restart", "raft_elects", "drop_own_key", "campaign"]


@pytest.mark.parametrize("build", SYNCS)
@pytest.mark.parametrize("late", [-3, 0, 1])
def test_a_sync_that_etcd_does_not_answer(build: str, late: int, tmp_path: Path) -> None:
    made = Recorded(build)
    made.failed(7300 + late, LOST)
    made.lost_key(7302)
    made.again(7340, last=FIRST, begins=7342)
    conforms, steps = made.explained(tmp_path)
    assert conforms is True
    assert steps == [*STARTS, "sync_load", "sync_begin", "request_lost", "revoke", "campaign", *SYNCS[build]]


@pytest.mark.parametrize("build", SYNCS)
@pytest.mark.parametrize("told", [True, False])
def test_a_sync_that_saves_and_is_not_told(build: str, told: bool, tmp_path: Path) -> None:
    """The next one starts above what it has saved.  Where no line says that it failed, lines are missing."""
    made = Recorded(build)
    made.saved(5004, 5002 + WINDOW)
    if told:
        made.failed(7300, LOST)
    made.lost_key(7302)
    made.again(7340, last=5002 + WINDOW, begins=5003 + WINDOW)
    conforms, steps = made.explained(tmp_path)
    lost = [*SYNCS[build][:-1], "commit_answer_lost"]
    assert conforms is (True if told else None)
    assert not told or steps == [*STARTS, *lost, "revoke", "campaign", *SYNCS[build]]


def test_a_sync_that_finds_its_lease_gone(tmp_path: Path) -> None:
    made = Recorded("release-6.5")
    made.lost_key(10_600)
    made.failed(11_300, CONFLICT)
    made.again(11_340, last=FIRST, begins=11_342)
    conforms, steps = made.explained(tmp_path)
    assert conforms is True
    begins = ["keepalive_stops", "lease_runs_out", "sync_load", "sync_begin", "conflict"]
    assert steps == [*STARTS, *begins, "revoke", "campaign", *SYNCS["release-6.5"]]


def test_where_a_pd_syncs_again_its_lease_ended(tmp_path: Path) -> None:
    made = Recorded("release-8.5")
    made.failed(7300, LOST)
    made.lost_key(7302)
    made.again(7340, last=FIRST, begins=7342)
    conforms, steps = made.explained(tmp_path)
    assert conforms is True
    assert steps[steps.index("request_lost") + 1] == "step_down"

"""What etcd, PDs in service mode and their clients write, made up line by line."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BEGIN = datetime(2026, 11, 27, 19, 35, 18, tzinfo=UTC)
CLUSTER = 7712937140671032313
NEVER = "0001/01/01 00:00:00.000 +00:00"
RELEASES = {
    "release-6.5": "v6.5.12",
    "release-7.5": "v7.5.7",
    "release-8.3": "v8.3.0",
    "release-8.5": "v8.5.7",
}


def time_of(ms: int) -> str:
    return f"{BEGIN + timedelta(milliseconds=ms):%Y/%m/%d %H:%M:%S.%f}"[:-3] + " +00:00"


def ns_of(ms: int) -> int:
    return (int(BEGIN.timestamp()) * 1000 + ms) * 1_000_000


def line(ms: int, message: str, **fields: object) -> str:
    told = "".join(f" [{name.replace('_', '-')}={value}]" for name, value in fields.items())
    return f'[{time_of(ms)}] [INFO] [server.go:1] ["{message}"]{told}'


class PDs:
    """Times are ms after the beginning; ``revision``: that of the first event, 2 if nothing was before it."""

    def __init__(self, revision: int = 2) -> None:
        self.watch: list[str] = []
        self.logs: defaultdict[str, list[str]] = defaultdict(list)
        self.calls: list[str] = []
        self._builds: dict[str, str] = {}
        self._revision = revision - 1
        self._created = {"leader": 0, "timestamp": 0}
        self._versions = {"leader": 0, "timestamp": 0}

    def starts(self, pd: str, ms: int, build: str, *, window: int | None, lease: int = 5) -> None:
        """A process of that build starts; its dump tells its save interval (ms), if it does."""
        self._builds[pd] = build
        config: dict[str, object] = {
            "name": pd,
            "lease": lease,
            "advertise-client-urls": f"http://{pd}:2379",
        }
        if window is not None:
            config["tso-save-interval"] = f"{window // 1000}s"
        dump = json.dumps(json.dumps(config))
        self.logs[pd] += [
            line(ms, "Welcome to Placement Driver (PD)"),
            f"[{time_of(ms)}] [INFO] [versioninfo.go:90] [PD] [release-version={RELEASES[build]}]",
            line(ms, "PD Config" if self._old(pd) else "PD config", config=dump),
        ]

    def build(self, pd: str) -> str:
        """Of which build its process is."""
        return self._builds[pd]

    def _old(self, pd: str) -> bool:
        return self._builds[pd] == "release-6.5"

    def says(self, pd: str, ms: int) -> None:
        """Its log goes on with a line that tells nothing."""
        self.logs[pd].append(line(ms, "region heartbeat"))

    def exits(self, pd: str, ms: int) -> None:
        """It is asked to stop."""
        self.logs[pd].append(line(ms, f"{'G' if self._old(pd) else 'g'}ot signal to exit"))

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
        self.watch.append(json.dumps({"recv_unix_ns": ns_of(ms) + 400_000, "response": response}))

    def lost_key(self, ms: int) -> None:
        """The election key goes."""
        self._event(ms, "leader", None)

    def saved(self, ms: int, until: int) -> None:
        """A window that reaches to that time is saved."""
        self._event(ms, "timestamp", ns_of(until).to_bytes(8))

    def elected(self, pd: str, ms: int, *, lease: int = 5) -> None:
        """It wins its election, and begins to sync."""
        granted = 7136131861469698060 + ms
        value = b"\n\x03" + pd.encode() + b"\x10\x88\xc6\x9b\x95\x8a\xc0\x99\xeb\x86\x01"
        self._event(ms, "leader", value, lease=granted)
        answer = {"header": {"revision": self._revision}, "succeeded": True}
        campaign, name = "campaign PD leader", "campaign_leader_name"
        if self._old(pd):
            campaign, name = "campaign pd leader", "campaign_pd_leader_name"
        self.logs[pd] += [
            line(ms - 20, f"start to {campaign}", **{name: pd}),
            line(ms - 2, "lease granted", lease_id=granted, lease_timeout=lease, purpose='"leader election"'),
            line(ms, "check campaign resp", resp=json.dumps(json.dumps(answer))),
            line(ms, f"{campaign} ok", **{name: pd}),
            line(ms, "initializing the global TSO allocator"),
        ]

    def failed(self, pd: str, ms: int, error: str) -> None:
        """Its sync fails."""
        self.logs[pd].append(line(ms, "failed to initialize the global TSO allocator", error=f'"{error}"'))

    def synced(self, pd: str, ms: int, begins: int, last: int | None, *, window: int) -> None:
        """Its sync has found the window that ends at ``last``, and saved that from where it begins."""
        self.saved(ms, begins + window)
        told = {
            "last": NEVER if last is None else time_of(last),
            "save": time_of(begins + window),
            "next": time_of(begins),
        }
        self.logs[pd].append(line(ms, "sync and save timestamp", **told))

    def answers(self, pd: str, ms: int, physical: int, count: int = 1) -> None:
        """A client asks it, and gets that."""
        self.calls.append(
            json.dumps(
                {
                    "client": "c",
                    "kind": "pd",
                    "endpoint": f"http://{pd}:2379",
                    "start_unix_ns": ns_of(ms),
                    "end_unix_ns": ns_of(ms) + 900_000,
                    "physical": ns_of(physical) // 1_000_000,
                    "logical": 10 + len(self.calls),
                    "count": count,
                }
            )
        )

    def write(self, folder: Path) -> Path:
        """The files of the recording."""
        (folder / "etcd-recv.jsonl").write_text("\n".join(self.watch) + "\n")
        for pd, log in self.logs.items():
            (folder / f"pd-{pd}.log").write_text("\n".join(log) + "\n")
        if self.calls:
            (folder / "client-c.jsonl").write_text("\n".join(self.calls) + "\n")
        return folder

"""Real etcd servers, into which the events of a recording are written again."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

ETCD = shutil.which("etcd")
needs_etcd = pytest.mark.skipif(ETCD is None, reason="no etcd installed (Debian: etcd-server)")


class Member:
    """One server of a cluster, with a folder of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.client, self.peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, cluster: Sequence[Member], *more: str) -> None:
        """Start it, for the first time or again."""
        assert ETCD is not None
        peers = ",".join(f"{each.name}={each.peer}" for each in cluster)
        arguments = [
            ETCD, "--name", self.name, "--data-dir", str(self.folder / self.name),
            "--listen-client-urls", self.client, "--advertise-client-urls", self.client,
            "--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer,
            "--initial-cluster", peers, "--unsafe-no-fsync", *more,
        ]  # fmt: skip
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log)

    def ready(self) -> None:
        """Wait until it answers."""
        while True:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / f"{self.name}.log").read_text()
            with suppress(OSError):
                self.post("kv/range", {"key": "AA=="})
                return
            time.sleep(0.05)

    def kill(self) -> None:
        """As kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.client}/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    @property
    def leads(self) -> bool:
        told = self.post("maintenance/status", {})
        return bool(told["leader"] == told["header"]["member_id"])


@contextmanager
def etcd(folder: Path, size: int = 1) -> Iterator[list[Member]]:
    """A cluster of so many members, until the ``with`` ends."""
    members = [Member(f"m{number}", folder) for number in range(size)]
    try:
        for each in members:
            each.start(members)
        for each in members:
            each.ready()
        yield members
    finally:
        for each in members:
            each.kill()


Event = dict[str, Any]


def events(recording: Path) -> list[list[Event]]:
    """The events of a recorded watch, those of one revision together, from revision 2 on."""
    told: dict[int, list[Event]] = {}
    for line in gzip.decompress((recording / "etcd.jsonl.gz").read_bytes()).splitlines():
        for event in json.loads(line).get("Events", []):
            told.setdefault(event["kv"]["mod_revision"], []).append(event)
    assert [*told] == [*range(2, len(told) + 2)]
    return [*told.values()]


def write(member: Member, revisions: Sequence[Sequence[Event]]) -> None:
    """Write them again, at the revisions at which they were, as soon as there is a leader."""
    member.ready()
    for happened in revisions:
        for lease in {event["kv"].get("lease") for event in happened} - {None}:
            with suppress(urllib.error.HTTPError):  # it is there already
                member.post("lease/grant", {"ID": str(lease), "TTL": "100000"})
        (revision,) = {event["kv"]["mod_revision"] for event in happened}
        answer = member.post("kv/txn", {"success": [_operation(event) for event in happened]})
        assert answer["header"]["revision"] == str(revision)


def _operation(event: Event) -> dict[str, Any]:
    kv = event["kv"]
    if event.get("type"):
        return {"request_delete_range": {"key": kv["key"]}}
    put = {"key": kv["key"], "value": kv.get("value", "")}
    return {"request_put": put | ({"lease": str(kv["lease"])} if "lease" in kv else {})}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])

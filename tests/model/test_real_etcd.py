"""The model's etcd against a real one: random runs are taken step by step in both.

Every election, revoke and save of the run, and every key of the registry and of who is expected to be
primary, becomes the request that PD would send; etcd decides whether a save is applied and who is
registered, and the model must decide the same.  Skipped where no etcd is installed.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tsofence.model.language.instance import Configuration
from tsofence.model.language.python import Machine
from tsofence.model.language.transition import Kind
from tsofence.model.pd import system
from tsofence.model.pd.state import CLIENTS, REGISTRATION
from tsofence.model.variants import fences

from ..amount import ALL

ETCD = shutil.which("etcd")
pytestmark = pytest.mark.skipif(ETCD is None, reason="no etcd installed (Debian: etcd-server)")

KINDS = (Kind.PD, Kind.PD, Kind.TSO, Kind.TSO)
CONSTANTS = {
    "window": 3, "guard": 1, "unit": 1, "lease": 5, "limit": 2, "margin": 1, "skew_bound": 0, "max_reset": 3,
    "ahead": 9, "update_interval": 1,
    "dynamic": 1, "registry": 1,
}  # fmt: skip


CHOICE = {"count": 1, "note": 0, "pick": 1, "by": 1}


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Etcd:
    """etcd's JSON gateway, as far as PD's requests go."""

    def __init__(self, url: str) -> None:
        self._url = url

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._url}/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def get(self, key: str) -> str | None:
        kvs = self.post("kv/range", {"key": _b64(key)}).get("kvs", [])
        return base64.b64decode(kvs[0]["value"]).decode() if kvs else None

    def count(self, prefix: str) -> int:
        """How many keys begin with it."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        found = self.post("kv/range", {"key": _b64(prefix), "range_end": _b64(end), "count_only": True})
        return int(found.get("count", 0))

    def put(self, key: str, value: str, lease: str) -> None:
        self.post("kv/put", {"key": _b64(key), "value": _b64(value), "lease": lease})

    def grant_lease(self, seconds: int) -> str:
        return str(self.post("lease/grant", {"TTL": seconds})["ID"])

    def revoke(self, lease: str) -> None:
        self.post("lease/revoke", {"ID": lease})

    def txn(self, held: dict[str, str | None], key: str, value: str, lease: str | None = None) -> bool:
        """Put the key if every key in ``held`` still has that value (None: is absent)."""
        compare = [
            {"key": _b64(name), "target": "CREATE", "create_revision": "0"}
            if text is None
            else {"key": _b64(name), "target": "VALUE", "value": _b64(text)}
            for name, text in held.items()
        ]
        put = {"key": _b64(key), "value": _b64(value)} | ({"lease": lease} if lease else {})
        answer = self.post("kv/txn", {"compare": compare, "success": [{"request_put": put}]})
        return bool(answer.get("succeeded"))


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    assert ETCD is not None
    client, peer = _free_port(), _free_port()
    folder: Path = tmp_path_factory.mktemp("etcd")
    url = f"http://127.0.0.1:{client}"
    with (folder / "log").open("wb") as log:
        arguments = [
            ETCD, "--data-dir", str(folder / "data"), "--listen-client-urls", url,
            "--advertise-client-urls", url, "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}", "--unsafe-no-fsync",
        ]  # fmt: skip
        with subprocess.Popen(arguments, stdout=log, stderr=log) as process:
            found = Etcd(url)
            while True:
                assert process.poll() is None, (folder / "log").read_text()
                try:
                    found.get("ready")
                    break
                except urllib.error.URLError:
                    time.sleep(0.1)
            yield found
            process.terminate()


class Mirror:
    """A run of the model, and the requests of PD that its steps stand for."""

    def __init__(self, etcd: Etcd, fence: str, name: str) -> None:
        self.etcd = etcd
        variant = fences.parse(fence)
        self.machine = Machine(
            Configuration(
                system.vocabulary(variant), system.transitions(variant), KINDS, CONSTANTS, relative=False
            )
        )
        # the second PD begins in API mode
        self.state: tuple[int, ...] = self.machine.layout.initial({("now", 0): 100, ("api", 2): 1}, {})
        self.keys = {key: f"{name}/{key}" for key in ("leader", "primary", "timestamp", "expected")}
        self.registry = f"{name}/registry/"
        #: of each server's election key, of the keys in the registry, and of the key that expects a server
        self.leases: dict[int | str, str] = {}
        #: what each transaction has loaded, a server's own and that of a client's sync
        self.held: dict[tuple[str, int], dict[str, str | None]] = {}

    def read(self, name: str, number: int = 0) -> int:
        return self.machine.layout.read(self.state, name, number)

    def enabled(self) -> list[int]:
        return [
            index
            for index, instance in enumerate(self.machine.instances)
            if instance.name not in OUT and not self.machine.refused(self.state, index, CHOICE)
        ]

    def election_key(self, number: int) -> str:
        return self.keys["primary" if KINDS[number - 1] is Kind.TSO else "leader"]

    def take(self, index: int) -> str:
        """One step in both; whether a save is applied is for etcd to say."""
        instance = self.machine.instances[index]
        name, number = instance.name, instance.number
        own = self.election_key(number) if number else ""
        if name == "campaign":
            self.leases[number] = self.etcd.grant_lease(600)
            assert self.etcd.txn({own: None}, own, str(number), self.leases[number])
        elif name == "revoke":
            if number in self.leases:
                self.etcd.revoke(self.leases.pop(number))
        elif name in ("register", "registration_ends", "registration_lapses"):
            self.write_leased(f"{self.registry}{number}", str(number) if name == "register" else None)
        elif name in ("chosen_as_primary", "expects_itself"):
            self.write_leased(self.keys["expected"], str(number))
        elif name == "expected_key_goes":
            self.write_leased(self.keys["expected"], None)
        elif name == "poll_registry":
            assert (self.etcd.count(self.registry) > 0) == self.model_lists_somebody()
        else:
            self.save(name, number)
        self.state = self.machine.apply(self.state, index, CHOICE)
        return name

    def write_leased(self, path: str, value: str | None) -> None:
        """A key with a lease of its own; without a value: the lease ends, and the key goes with it."""
        if path in self.leases:
            self.etcd.revoke(self.leases.pop(path))
        if value is not None:
            self.leases[path] = self.etcd.grant_lease(600)
            self.etcd.put(path, value, self.leases[path])

    def save(self, name: str, number: int) -> None:
        """A step of a save, of the server's own or of that of a client's sync."""
        prefix = CLIENTS.prefix if name.startswith(CLIENTS.prefix) else ""
        transaction = prefix, number
        match name.removeprefix(prefix):
            case "find_own_key":
                key = self.election_key(number)
                self.held[transaction] = {key: self.etcd.get(key)}
            case "find_no_primary":
                self.held[transaction][self.keys["primary"]] = self.etcd.get(self.keys["primary"])
            case "load_window":
                self.held[transaction][self.keys["timestamp"]] = self.etcd.get(self.keys["timestamp"])
            case ("commit" | "conflict") as outcome:
                window = str(self.read(prefix + "next", number) + CONSTANTS["window"])
                applied = self.etcd.txn(self.held.pop(transaction), self.keys["timestamp"], window)
                assert applied == (outcome == "commit"), f"{name} of {number} after {self.state}"

    def model_lists_somebody(self) -> bool:
        return any(
            self.read("registration", number) == REGISTRATION.listed.value
            for number, kind in enumerate(KINDS, 1)
            if kind is Kind.TSO
        )

    def compare(self) -> None:
        for key, path in self.keys.items():
            value = self.read(key)
            assert self.etcd.get(path) == (str(value) if value else None), key
        assert (self.etcd.count(self.registry) > 0) == self.model_lists_somebody()


#: what has no request of its own in etcd, or needs time to pass there
OUT = {
    "keepalive_stops", "crash", "commit_answer_lost", "request_lost", "revoke_lost", "clock_jump",
    "admin_reset_begin", "admin_reset", "client_commit_answer_lost", "client_request_lost",
}  # fmt: skip


#: how likely a step is, where not as likely as most: answers to clients change nothing in etcd, what ends
#: a term comes often enough, and what waits before its commit is overtaken
WEIGHTS = {
    "grant": 1, "tick": 1, "overflow": 1, "stop": 1, "step_down": 1, "restart_in_other_mode": 1,
    "raft_moves": 1, "raft_reclaims": 1, "raft_elects": 1, "resign_as_raft_follower": 1, "makes_way": 1,
    "registration_lapses": 1, "poll_registry": 1, "commit": 2, "client_commit": 2,
}  # fmt: skip


@pytest.mark.parametrize("fence", ["off", "check-tso-primary", "hook", "save-cas", "dynamic-8780"])
@pytest.mark.parametrize("since", [0, *(pytest.param(25, marks=pytest.mark.large) for _ in range(ALL))])
def test_random_runs_agree(etcd: Etcd, fence: str, since: int) -> None:
    chance = random.Random(f"{fence} {since}" if since else fence)
    happened: list[str] = []
    for number in range(since, since + 25):
        mirror = Mirror(etcd, fence, f"{fence}/{number}")
        for _ in range(60):
            steps = mirror.enabled()
            names = [mirror.machine.instances[index].name for index in steps]
            weights = [WEIGHTS.get(name, 6) for name in names]
            happened.append(mirror.take(chance.choices(steps, weights)[0]))
        mirror.compare()
    assert {
        "campaign", "commit", "conflict", "revoke", "client_commit", "client_conflict", "register",
        "registration_ends", "registration_lapses", "chosen_as_primary", "expects_itself",
        "expected_key_goes", "poll_registry",
    } <= set(happened)  # fmt: skip


def test_a_value_that_comes_back_passes(etcd: Etcd) -> None:
    """Conditions compare values, not revisions: the same member elected again is the same value."""
    lease = etcd.grant_lease(600)
    assert etcd.txn({"aba": None}, "aba", "pd1", lease)
    held = {"aba": etcd.get("aba")}
    etcd.revoke(lease)
    assert etcd.get("aba") is None
    assert etcd.txn({"aba": None}, "aba", "pd1")
    assert etcd.txn(held, "aba-timestamp", "1")


def test_a_key_goes_with_its_lease_and_never_early(etcd: Etcd) -> None:
    began = time.monotonic()
    lease = etcd.grant_lease(3)
    assert etcd.txn({"leased": None}, "leased", "pd1", lease)
    while etcd.get("leased") is not None:
        time.sleep(0.05)
    # counted from before the request, the server's clock started later: a slow machine only makes it more
    assert time.monotonic() - began >= 3

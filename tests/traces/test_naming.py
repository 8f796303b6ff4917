"""TSO servers are called as their cluster calls them; whatever they are called, none becomes another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tsofence.traces.sources.naming import Places
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.servers import Servers
from tsofence.traces.sources.trace import Trace

from .test_hostile import event, field, watch

ONE, TWO = "http://10.0.0.1:3379", "http://10.0.0.2:3379"
RECORDINGS = Path(__file__).parents[1] / "recordings"
HEAD = '[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] ["{}"] '


def primary(revision: int, url: str) -> dict[str, Any]:
    return event(revision, "/ms/1/tso/00000/primary", field(1, f"{url}-00000") + field(3, url))


def config(url: str, name: str) -> str:
    dump = json.dumps({"advertise-listen-addr": url, "name": name})
    return HEAD.format("TSO service config") + f"[config={json.dumps(dump)}]\n"


def trace(folder: Path, **files: str) -> Trace:
    for name, text in files.items():
        (folder / name).write_text(text)
    return read([folder])


def called(found: Trace) -> list[str | None]:
    return [each.server for each in found.keys]


def test_a_recorded_cluster() -> None:
    found = read([RECORDINGS / "master-transfer-small"])
    assert Servers(found).names == ("pd1", "tso1", "tso2")
    assert {line.server for line in found.logs} == {"pd1", "tso1", "tso2"}
    assert found.addresses == {"tso1": "http://127.0.0.1:27379", "tso2": "http://127.0.0.1:27479"}
    places = Places(found)
    assert places.by_server()["tso2"] == ["http://127.0.0.1:27479"]
    assert [places.of(each) for each in ("http://127.0.0.1:27379", "127.0.0.1:27479", "lib")] == [
        *("tso1", "tso2", "lib")
    ]
    assert {Servers(found).at(who.kind, who.endpoint) for who in found.calls.who} == {2, 3}


def test_a_name_from_the_configuration(tmp_path: Path) -> None:
    keys = watch(primary(2, TWO), primary(3, ONE))
    found = trace(tmp_path, keys=keys, a=config(ONE, "tso-a"), b=config(TWO, "tso-b"))
    assert called(found) == ["tso-b", "tso-a"]
    assert [start.server for start in found.starts] == ["tso-a", "tso-b"]
    assert all(found.addresses[each.server] in each.urls for each in found.keys if each.server)


def test_a_name_from_the_registry(tmp_path: Path) -> None:
    entry = json.dumps({"name": "tso-of-host-1", "service-addr": ONE}).encode()
    registered = event(2, f"/ms/1/tso/registry/{ONE}", entry)
    found = trace(tmp_path, keys=watch(registered, primary(3, ONE)))
    assert called(found) == ["tso-of-host-1", "tso-of-host-1"]


def test_a_name_from_the_address(tmp_path: Path) -> None:
    of_kubernetes = "http://basic-tso-0.basic-tso-peer.ns.svc:3379"
    found = trace(tmp_path, keys=watch(primary(2, of_kubernetes), primary(3, "http://localhost:3379")))
    assert called(found) == ["basic-tso-0", "tso2"]


def test_numbers_where_nothing_names_them(tmp_path: Path) -> None:
    found = trace(tmp_path, keys=watch(primary(2, TWO), primary(3, ONE), primary(4, TWO)))
    assert called(found) == ["tso1", "tso2", "tso1"]
    assert found.addresses == {"tso1": TWO, "tso2": ONE}


@pytest.mark.parametrize("name", ["", "\x1b[31m", "http://x", "a b", "x" * 400])
def test_a_name_that_is_none(name: str, tmp_path: Path) -> None:
    assert called(trace(tmp_path, keys=watch(primary(2, ONE)), a=config(ONE, name))) == ["tso1"]


def test_two_servers_of_one_name_stay_two(tmp_path: Path) -> None:
    keys = watch(primary(2, ONE), primary(3, TWO))
    found = trace(tmp_path, keys=keys, a=config(ONE, "tso"), b=config(TWO, "tso"))
    assert called(found) == ["tso@10.0.0.1:3379", "tso@10.0.0.2:3379"]


def test_a_name_that_another_has_is_not_given(tmp_path: Path) -> None:
    """A PD of that name, or a log whose server only its file's name tells, is somebody else."""
    leader = event(2, "/pd/1/leader", field(1, "one") + field(4, "http://10.0.0.9:2379"))
    found = trace(tmp_path, keys=watch(leader, primary(3, ONE)), a=config(ONE, "one"))
    assert called(found) == ["one", ONE]
    log = HEAD.format("TSO is provided by TSO server") + "\n"
    found = trace(tmp_path, keys=watch(primary(2, ONE)), tso1=log, a="")
    assert ("tso1" in {line.server for line in found.logs}, called(found)) == (True, ["tso2"])


def test_a_clients_word_for_a_server_is_no_address(tmp_path: Path) -> None:
    found = trace(tmp_path, keys=watch(primary(2, ONE)))
    servers = Servers(found)
    assert (servers.at("tso", ONE), servers.at("tso", "tso1")) == (servers.number("tso1"), 0)

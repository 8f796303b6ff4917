"""Timestamps that a recording asks for itself, of servers that speak gRPC."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from tsofence import cli
from tsofence.commands.taking import clusters
from tsofence.traces.live import samples, tso
from tsofence.traces.live.collect import Order, Recorded, record
from tsofence.traces.live.gateway import Access
from tsofence.traces.live.gateway import Gateway as Client
from tsofence.traces.live.samples import Sampler
from tsofence.traces.sources.observation import Call
from tsofence.traces.sources.reading import read

from .gateways import CLUSTER, Gateway, serving
from .oracles import PHYSICAL, Oracle, granting
from .recording import until
from .test_tls import Authority
from .test_watch_etcd import stopped, watching

REGISTRY = f"/ms/{CLUSTER}/tso/registry/"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, an answer comes in time."""
    monkeypatch.setattr(samples, "ANSWER_S", 600)


def etcd() -> Gateway:
    made = Gateway()
    made.write("/pd/cluster_id", CLUSTER.to_bytes(8, "big"))
    return made


def followed(
    folder: Path, gateway: Gateway, happens: Callable[[Sampler], None], access: Access | None = None
) -> Path:
    """What is written while something happens."""
    file, said = folder / "samples.jsonl", list[str]()

    async def sampling() -> None:
        async with Client([gateway.url]) as client:
            with closing(Sampler(client, access or Access(), file, said.append, 0.001)) as sampler:
                stop = asyncio.Event()

                async def then_stop() -> None:
                    await asyncio.to_thread(happens, sampler)
                    stop.set()

                async with asyncio.TaskGroup() as group:
                    group.create_task(sampler.follow(stop))
                    group.create_task(then_stop())

    with serving(gateway):
        asyncio.run(sampling())
    return file


def sampled(
    folder: Path,
    gateway: Gateway,
    happens: Callable[[Sampler], None],
    *pds: str,
    access: Access | None = None,
) -> list[Call]:
    """The calls of that, but for what the gateway, which speaks no gRPC, was asked."""
    gateway.members |= {f"of {url}": [url] for url in pds}
    trace = read([followed(folder, gateway, happens, access)])
    assert all(source.whole for source in trace.sources)
    return [call for call in trace.calls if call.endpoint != gateway.url]


def told(folder: Path, url: str) -> None:
    """Some calls of that server are written: others may be asked much faster."""
    file, name = folder / "samples.jsonl", f'"{url}"'.encode()
    until(lambda: file.exists() and file.read_bytes().count(name) >= 3)


def test_every_server_is_asked_in_its_own_way(tmp_path: Path) -> None:
    pd, tso, gateway = Oracle(), Oracle(), etcd()
    gateway.write(f"{REGISTRY}{tso.url}", b"{}")
    gateway.write(f"{REGISTRY}nowhere/at/all", b"{}")
    with granting(pd, tso):
        calls = sampled(
            tmp_path, gateway, lambda _: until(lambda: min(len(pd.calls), len(tso.calls)) > 3), pd.url
        )
    assert {*pd.calls} == {("/pdpb.PD/Tso", CLUSTER, 1)}
    assert {*tso.calls} == {("/tsopb.TSO/Tso", CLUSTER, 1)}
    for kind, oracle in (("pd", pd), ("tso", tso)):
        ours = [call for call in calls if call.kind == kind]
        assert {(call.endpoint, call.client) for call in ours} == {(oracle.url, f"tsofence@{oracle.url[7:]}")}
        # all are told, but one that waited for its answer at the end
        assert [(call.physical, call.logical) for call in ours] == [
            (PHYSICAL, at + 1) for at in range(len(ours))
        ]
        assert len(oracle.calls) - len(ours) in (0, 1)
        assert all(call.start_ns <= call.end_ns and call.error is None for call in ours)


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("refuses", "UNAVAILABLE: not leader"),
        ("says so", "mismatch cluster id"),
        ("ends", "the stream ended"),
        ("is silent", "DEADLINE_EXCEEDED: Deadline Exceeded"),
    ],
)
def test_no_timestamp_is_a_call_without_one(
    does: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if does == "is silent":
        monkeypatch.setattr(samples, "ANSWER_S", 0.05)
    oracle = Oracle()
    oracle.does = does
    with granting(oracle):
        calls = sampled(tmp_path, etcd(), lambda _: told(tmp_path, oracle.url), oracle.url)
    assert {call.error for call in calls} == {says}
    assert {(call.physical, call.logical) for call in calls} == {(0, 0)}


def test_it_ends_though_a_call_keeps_that_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As gRPC does with a cancellation that comes while a refused call begins."""
    asked: list[str] = []

    async def ask(_: object, kind: str, *__: object) -> tuple[int, int]:
        asked.append(kind)
        assert len(asked) == 1, "it goes on"
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise tso.Failed("UNAVAILABLE: not leader")

    monkeypatch.setattr(tso, "ask", ask)
    gateway = etcd()
    gateway.members = {}
    assert not followed(tmp_path, gateway, lambda _: until(lambda: bool(asked))).exists()


def test_a_pd_is_asked_once_whatever_it_calls_itself(tmp_path: Path) -> None:
    """Of the members one is known by the address that was given, and one has not begun."""
    other, gateway = Oracle(), etcd()
    gateway.members = {
        gateway.member: ["http://127.0.0.1:1"],
        "2": [other.url, "http://127.0.0.1:2"],
        "3": [],
    }
    with granting(other):
        calls = sampled(tmp_path, gateway, lambda _: until(lambda: len(other.calls) > 3))
    assert {(call.kind, call.endpoint) for call in calls} == {("pd", other.url)}


def test_an_address_at_which_any_member_answers_is_of_none(tmp_path: Path) -> None:
    members = [Oracle(), Oracle()]
    gateway = etcd()
    gateway.members = {str(number): [each.url] for number, each in enumerate(members, 1)}

    async def asked() -> list[list[str]]:
        async with Client([gateway.url]) as client:
            found = []
            for member in ("1", "2"):
                gateway.member = member
                await client.revision()
                found.append(await client.members())
            return found

    with serving(gateway):
        assert asyncio.run(asked()) == [[members[1].url], [each.url for each in members]]


def test_members_that_etcd_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    oracle, gateway = Oracle(), etcd()
    gateway.write(f"{REGISTRY}{oracle.url}", b"{}")
    answer = gateway.answer

    def refuses(to: Any, asked: dict[str, Any]) -> None:
        if to.path == "/v3/cluster/member/list":
            gateway.send(to, {"error": "etcdserver: permission denied", "code": 7}, 403)
        else:
            answer(to, asked)

    monkeypatch.setattr(gateway, "answer", refuses)
    with granting(oracle):
        calls = sampled(tmp_path, gateway, lambda _: until(lambda: len(oracle.calls) > 3))
    assert {call.kind for call in calls} == {"tso"}


def test_a_server_that_is_not_there_is_asked_again(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1"
    calls = sampled(tmp_path, etcd(), lambda _: told(tmp_path, nowhere), nowhere)
    assert len(calls) >= 3
    assert all(call.error and call.error.startswith("UNAVAILABLE: ") for call in calls)


def test_a_tso_server_that_has_gone_is_asked_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_LOOK_S", 0.01)
    first, second, gateway = Oracle(), Oracle(), etcd()
    gateway.write(f"{REGISTRY}{first.url}", b"{}")

    def happens(_: Sampler) -> None:
        until(lambda: bool(first.calls))
        gateway.write(f"{REGISTRY}{first.url}", None)
        gateway.write(f"{REGISTRY}{second.url}", b"{}")
        until(lambda: bool(second.calls))
        asked = len(first.calls)
        until(lambda: len(second.calls) > 20)
        assert len(first.calls) - asked <= 1

    with granting(first, second):
        sampled(tmp_path, gateway, happens)


@pytest.mark.parametrize("trusted", [True, False])
def test_over_tls(trusted: bool, tmp_path: Path) -> None:
    ours, other = (Authority(tmp_path / name) for name in ("ours", "other"))
    of = ours.ca.issue_cert("127.0.0.1")
    pair = (of.private_key_pem.bytes(), b"".join(each.bytes() for each in of.cert_chain_pems))
    credentials = grpc.ssl_server_credentials([pair], ours.cacert.read_bytes(), require_client_auth=True)
    oracle = Oracle(credentials)
    cert, key = ours.client()
    access = Access((ours if trusted else other).cacert, cert, key)
    with granting(oracle):
        calls = sampled(tmp_path, etcd(), lambda _: told(tmp_path, oracle.url), oracle.url, access=access)
    assert {call.error is None for call in calls} == {trusted}


def test_a_recording_has_them_until_it_is_stopped(tmp_path: Path) -> None:
    """The PD's address serves no gRPC here, the TSO server's does."""
    oracle, gateway, said = Oracle(), etcd(), []
    gateway.write(f"{REGISTRY}{oracle.url}", b"{}")

    def then_stop() -> None:
        until(lambda: len(oracle.calls) > 3)
        os.kill(os.getpid(), signal.SIGINT)

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("recording to "):
            threading.Thread(target=then_stop, daemon=True).start()

    with granting(oracle), serving(gateway):
        found: Recorded = record(Order([gateway.url], Access(), (), 600, sample_s=0.001), tmp_path, say)
    assert found.whole
    calls = read([found.folder]).calls
    assert len(calls) == found.samples
    assert {call.kind for call in calls if call.error is None} == {"tso"}


@pytest.mark.large
def test_a_watch_judges_them(tmp_path: Path) -> None:
    """Two servers hand out the same timestamps."""
    first, second, gateway = Oracle(), Oracle(), etcd()
    for each in (first, second):
        gateway.write(f"{REGISTRY}{each.url}", b"{}")
    with (
        granting(first, second),
        serving(gateway),
        watching(tmp_path, "--pd", gateway.url, "--sample", "100ms") as process,
    ):
        assert process.stdout is not None
        assert any(" unique violated: tsofence@127.0.0.1:" in line for line in process.stdout)
        said = stopped(process)
    assert process.returncode == 1, said


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--sample", "1ms"], "expected at least 100ms; ask less often"),
        (["--sample", "often"], "expected a time such as 3s or 50ms"),
    ],
)
def test_mistakes(more: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["record", "--pd", "http://127.0.0.1:1", "-o", "nowhere", *more])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_without_grpc_it_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(clusters, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        cli.main(["record", "--pd", "http://127.0.0.1:1", "-o", "nowhere", "--sample", "1s"])
    (line,) = capsys.readouterr().err.splitlines()
    assert (ended.value.code, "needs grpcio: pip install '.[samples]'" in line) == (2, True)

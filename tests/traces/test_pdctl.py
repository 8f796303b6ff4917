"""What a PD answers when it is asked who there is, and how it is configured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tsofence.traces.sources.naming import Places
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.servers import Servers
from tsofence.traces.sources.trace import Kind, Trace

from .test_planted import RECORDINGS

MEMBERS: dict[str, Any] = {
    "header": {"cluster_id": 7300000000000000001},
    "members": [
        {
            "name": f"pd-{number}",
            "member_id": number,
            "peer_urls": [f"http://pd-{number}:2380"],
            "client_urls": [f"http://10.0.0.{number}:2379"],
            "deploy_path": "/",
            "binary_version": "v8.5.4",
            "git_hash": "",
        }
        for number in (1, 2)
    ],
    "leader": {"name": "pd-1", "client_urls": ["http://10.0.0.1:2379"]},
}
CONFIG: dict[str, Any] = {
    "client-urls": "http://0.0.0.0:2379",
    "advertise-client-urls": "http://10.0.0.1:2379",
    "name": "pd-1",
    "lease": 5,
    "tso-save-interval": "7s",
    "tso-update-physical-interval": "20ms",
    "schedule": {"max-snapshot-count": 64},
}
SAMPLE = {
    "client": "c",
    "kind": "pd",
    "endpoint": "10.0.0.2:2379",
    "physical": 1773184695175,
    "logical": 4,
    "count": 1,
    "start_unix_ns": 1773184695177000000,
    "end_unix_ns": 1773184695178000000,
}


def with_answers(folder: Path, *answers: Any, indent: int | None = 2) -> Trace:
    (folder / "client.jsonl").write_text(json.dumps(SAMPLE) + "\n")
    for number, answer in enumerate(answers):
        (folder / f"answer{number}.json").write_text(json.dumps(answer, indent=indent))
    return read([folder])


@pytest.mark.parametrize("indent", [None, 2])
def test_members_name_addresses_and_releases(indent: int | None, tmp_path: Path) -> None:
    trace = with_answers(tmp_path, MEMBERS, indent=indent)
    assert Places(trace).of("http://10.0.0.2:2379") == "pd-2"
    assert [(each.server, each.release) for each in trace.versions] == [
        ("pd-1", "v8.5.4"),
        ("pd-2", "v8.5.4"),
    ]
    answer = next(source for source in trace.sources if source.kind is Kind.ANSWER)
    assert (answer.observations, answer.hosts, answer.releases) == (2, ("pd-1", "pd-2"), ("v8.5.4",))
    assert answer.whole


def test_a_client_that_asks_an_address_asks_that_pd(tmp_path: Path) -> None:
    """Only PDs of which something else tells are there."""
    trace = with_answers(tmp_path, MEMBERS)
    assert Servers(trace).at("pd", "10.0.0.2:2379") == 0
    start = read([RECORDINGS / "pd-failover"]).starts[0]
    started = replace(start, server="pd-2", urls=(), listens=())
    assert Servers(replace(trace, starts=(started,))).at("pd", "10.0.0.2:2379") == 1


def test_a_configuration_is_taken_where_nothing_else_tells(tmp_path: Path) -> None:
    settings = with_answers(tmp_path, CONFIG).settings
    assert (settings.save_interval_ns, settings.update_interval_ns, settings.lease_s) == (
        7 * 10**9,
        20 * 10**6,
        5,
    )
    assert Places(read([tmp_path])).of("10.0.0.1:2379") == "pd-1"
    assert settings.lease.source == f"as PD answered: {tmp_path / 'answer0.json'}:1"
    told = read([tmp_path], given={"save_interval_ns": 3 * 10**9}).settings
    assert (told.save_interval_ns, told.lease_s) == (3 * 10**9, 5)
    recorded = read([RECORDINGS / "pd-failover", tmp_path / "answer0.json"])
    assert recorded.settings.save_interval_ns == 3 * 10**9
    assert all(each.server != "pd-1" for each in recorded.versions)


def test_pds_that_differ_tell_nothing_of_all(tmp_path: Path) -> None:
    settings = with_answers(tmp_path, CONFIG, {**CONFIG, "name": "pd-2", "lease": 3}).settings
    assert (settings.save_interval_ns, settings.lease_s) == (7 * 10**9, None)


@pytest.mark.parametrize(
    ("answer", "what"), [(MEMBERS, "who the PDs are"), (CONFIG, "how a PD is configured")]
)
def test_alone_it_is_no_recording(answer: Any, what: str, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    with pytest.raises(BadInput, match=what):
        read([tmp_path])


HOSTILE = {
    "members of no names": {
        "members": [{"name": 1, "client_urls": []}, "x", {"name": "", "client_urls": []}]
    },
    "addresses that are none": {"members": [{"name": "a", "client_urls": [1, None, "x" * 10**6, "é"]}]},
    "builds that are none": {
        "members": [{"name": "a", "client_urls": [], "binary_version": 8, "git_hash": ["x"]}]
    },
    "many": {"members": [{"name": f"n{n}", "client_urls": ["u"] * 1000} for n in range(1000)]},
    "settings that are none": {**CONFIG, "lease": "3", "tso-save-interval": 3, "client-urls": 7, "name": []},
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_what_is_odd_tells_nothing(answer: Any, tmp_path: Path) -> None:
    trace = with_answers(tmp_path, answer)
    assert len(trace.members) <= 100
    assert trace.settings.save_interval_ns is None

"""Keyspace groups are systems of their own: what concerns one says nothing of another."""

import gzip
import json
import re
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.observation import Key
from tsofence.traces.sources.reading import read

TESTS = Path(__file__).parents[1]
RECORDING = TESTS / "recordings" / "tso-failover"
REPORT = TESTS / "reports" / "keyspace-group"


def conforms(path: Path, group: int = 0) -> bool | None:
    (verdict,) = replay(read([path], group=group), ["off"], properties=()).fences
    return verdict.conforms


@pytest.fixture(scope="module")
def of_group_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording as it would be if all that its TSO servers did had been for group 1."""
    folder = tmp_path_factory.mktemp("group-1")
    for path in RECORDING.iterdir():
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        if path.name.startswith("tso-"):
            lines = [line.replace(b"] []", b"] [keyspace-group-id=1]") for line in map(renamed, lines)]
        elif path.name == "etcd-recv.jsonl.gz":
            lines = [moved(line) for line in lines]
        elif not path.name.startswith("pd-"):
            continue
        (folder / path.name.removesuffix(".gz")).write_bytes(b"".join(lines))
    return folder


def renamed(line: bytes) -> bytes:
    line = line.replace(b"/tso/00000/", b"/tso/keyspace_groups/election/00001/").replace(b"-00000", b"-00001")
    return re.sub(rb"/pd/(\d+)/timestamp", rb"/ms/\1/tso/00001/gta/timestamp", line)


def moved(line: bytes) -> bytes:
    document = json.loads(line)
    for event in document["response"].get("Events") or []:
        key = renamed(b64decode(event["kv"]["key"]))
        event["kv"]["key"] = b64encode(key).decode()
    return json.dumps(document).encode() + b"\n"


def test_a_server_of_two_groups() -> None:
    """Two lines of group 1 in the log of a TSO server of group 0."""
    assert conforms(REPORT) is True
    lines = [line for line in read([REPORT]).logs if line.server == "http://127.0.0.1:23379"]
    assert not any(line.where.line in (233, 234) for line in lines)


def test_another_group_is_judged(of_group_1: Path) -> None:
    trace, whole = read([of_group_1], group=1), read([RECORDING])
    of_keys = [(event.revision, event.key, event.put) for event in trace.keys]
    assert of_keys == [
        (event.revision, event.key, event.put) for event in whole.keys if event.revision <= of_keys[-1][0]
    ]
    assert conforms(of_group_1, 1) is True


def test_of_which_others_say_nothing(of_group_1: Path) -> None:
    trace = read([of_group_1])
    assert {event.key for event in trace.keys} == {Key.LEADER, Key.REGISTRY}
    assert not any(line.save_ns for line in trace.logs)
    assert conforms(of_group_1) is True


@pytest.mark.parametrize(("other", "key"), [("00001", None), ("", Key.PRIMARY)])
def test_of_which_group_an_election_is(other: str, key: Key | None, tmp_path: Path) -> None:
    """The key is written after the line of the election; lines of two groups may stand between each other."""
    elected = r'["check campaign resp"] [resp="{\"header\":{\"revision\":%d},\"succeeded\":true}"]'
    written = '["write leaderData to leaderPath ok"] [leader-key=/ms/1/tso/%s/primary]'
    election = "keyspace_groups/election"
    said = [elected % 7, *([elected % 8] if other else []), written % "00000"]
    said += [written % f"{election}/{other}"] if other else []
    lines = "".join(f"[2026/11/23 07:09:28.483 +00:00] [INFO] [a.go:1] {each}\n" for each in said)
    (tmp_path / "tso-tso1.log").write_text(lines)
    assert {line.key for line in read([tmp_path]).logs} == {key}

"""Files in no form that is read: what they may be, and what nothing is said of then."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.observation import BadInput
from tsofence.traces.sources.reading import read
from tsofence.traces.sources.trace import Kind, Source, Unread
from tsofence.traces.sources.unread import unread_kind

RECORDINGS = Path(__file__).parents[1] / "recordings"
PHYSICAL = 1795417756962
PACKED = PHYSICAL << 18 | 7

LOOKS_LIKE = {
    "numbers": (f"{PACKED}\n{PACKED + 1}\n", Unread.CALLS),
    "table": (f"who;when;what\ntidb-0;12:00;{PACKED}\ntidb-1;12:01;{PACKED + 9}\n", Unread.CALLS),
    "milliseconds": (f"{PHYSICAL} 1\n{PHYSICAL} 2\n", Unread.CALLS),
    "JSON lines": (json.dumps({"a": 1, "ts": [PHYSICAL, 4]}) + "\n", None),  # one document
    "two JSON lines": ((json.dumps({"a": 1, "ts": [PHYSICAL, 4]}) + "\n") * 2, Unread.CALLS),
    "JSON list": (json.dumps([{"physical": PHYSICAL, "lo": 3}] * 3), Unread.CALLS),
    "a log": ("2026-11-23 07:09:26,689 INFO who knows\n2026-11-23 07:09:27,000 WARN more\n", Unread.LOG),
    "a state": (json.dumps({"header": {"revision": 84}, "kvs": [{"key": "YQ=="}]}), Unread.WATCH),
    "events": ((json.dumps({"revision": 3, "kv": {"key": "YQ=="}}) + "\n") * 2, Unread.WATCH),
    "etcdctl's text": ("PUT\n/pd/7459000000/timestamp\n\x18\x01\x02\n", Unread.WATCH),
    "etcdctl --hex": ("\\x2f\\x70\\x64\\x2f\\x37\\x34\\x35\\x39\\x30\n\\x18\n", Unread.WATCH),
    "etcdctl -w fields": ('"ClusterID" : 14841639068965178418\n"MemberID" : 1\n', Unread.WATCH),
    "a description": (json.dumps({"rate": 40, "at": PHYSICAL}, indent=1), None),
    "long description": (json.dumps({str(n): PHYSICAL + n for n in range(300)}, indent=1), None),
    "prose": ("# What was done\n\nOn 2026-11-23 the PD was restarted.\nThen nothing.\n", None),
    "a program": ("import os\nprint(os.name)\n", None),
    "nothing": ("\n\n", None),
}


def test_a_file_that_is_cut_in_its_only_line_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "etcd.jsonl").write_text('{"Header":{"revision":12},"Events":[{"kv":{"key":"L3Bk')
    with pytest.raises(BadInput, match=r"a recorded run \(line 1 is cut off\)$"):
        read([tmp_path])


@pytest.mark.parametrize("what", LOOKS_LIKE)
def test_what_a_file_looks_like(what: str) -> None:
    text, expected = LOOKS_LIKE[what]
    assert unread_kind([line.encode() for line in text.split("\n")[:100]]) is expected


def test_what_is_no_text_may_be_anything() -> None:
    assert unread_kind([b"PAR1\x15\0\x15"]) is Unread.ANYTHING
    assert unread_kind([b"\x28\xb5\x2f\xfd\x04"]) is Unread.ANYTHING
    assert unread_kind([None]) is Unread.ANYTHING
    assert unread_kind([b"\x89PNG\r", b"\x1a\0\0"]) is None


def copied(name: str, to: Path) -> Path:
    shutil.copytree(RECORDINGS / name, to / name)
    return to / name


def verdicts(folder: Path) -> dict[str, str]:
    found = replay(read([folder]), ["check-tso-primary"])
    return {judgement.property: judgement.verdict for judgement in found.properties}


def source(folder: Path, name: str) -> Source:
    return next(each for each in read([folder]).sources if Path(each.file).name == name)


def test_nothing_is_said_to_hold_that_an_unread_file_could_decide(tmp_path: Path) -> None:
    """Each kind of file beside a whole recording, and what is left of its verdicts."""
    folder = copied("upgrade-fenced-debug", tmp_path)
    whole = verdicts(folder)
    assert {whole[name] for name in ("unique", "key-monotone", "single-writer")} == {"holds"}
    (folder / "notes.md").write_text(LOOKS_LIKE["prose"][0])
    assert verdicts(folder) == whole
    (folder / "more").write_text(LOOKS_LIKE["table"][0])
    found = verdicts(folder)
    assert (found["unique"], found["single-writer"]) == ("unknown", "unknown")
    assert (found["key-monotone"], found["real-time"]) == ("holds", "violated")
    (folder / "more").write_text(LOOKS_LIKE["a log"][0])
    found = verdicts(folder)
    assert (found["unique"], found["key-monotone"], found["single-writer"]) == ("holds", "holds", "unknown")
    (folder / "more").write_bytes(b"PAR1\x15\0\x15\xff")
    found = verdicts(folder)
    assert {found[name] for name in ("unique", "single-writer")} == {"unknown"}


def test_clients_in_a_form_that_is_not_read_leave_nothing_vacuous(tmp_path: Path) -> None:
    folder = copied("upgrade-fenced-debug", tmp_path)
    for file in folder.glob("client*"):
        file.unlink()
    assert verdicts(folder)["unique"] == "vacuous"
    (folder / "calls.txt").write_text(LOOKS_LIKE["milliseconds"][0])
    assert {verdicts(folder)[name] for name in ("unique", "real-time", "session", "window")} == {"unknown"}


def test_leases_are_no_unknown_file(tmp_path: Path) -> None:
    lease = {"granted_ttl_s": 5, "keys": ["/pd/1/leader"], "lease": "77", "recv_unix_ns": 1795417756962785355}
    (tmp_path / "leases.jsonl").write_text(json.dumps(lease) + "\n" + json.dumps(lease) + "\n")
    shutil.copy(RECORDINGS / "upgrade-fenced-debug" / "pd-pd1.log.gz", tmp_path)
    found = source(tmp_path, "leases.jsonl")
    assert (found.kind, found.observations, found.unread) == (Kind.LEASES, 2, None)
    assert found.whole


@pytest.mark.parametrize("packed", [False, True])
def test_what_systems_and_editors_keep_beside_decides_nothing(tmp_path: Path, packed: bool) -> None:
    """A Mac leaves such files in each folder, and in each tar."""
    folder = tmp_path / "run"
    folder.mkdir()
    for path in (RECORDINGS / "reset-ts").iterdir():
        shutil.copy(path, folder)
    for name in (".DS_Store", "._etcd.jsonl", ".pd-pd1.log.swp", "Thumbs.db", "pd-pd1.log~"):
        (folder / name).write_bytes(b"\0\0\0\1Bud1\0" * 1_000)
    if packed:
        with tarfile.open(tmp_path / "run.tar", "w") as archive:
            archive.add(folder, "run")
        shutil.rmtree(folder)
    trace = read([tmp_path])
    assert not any(source.hides(*Unread) for source in trace.sources)
    assert len(trace.sources) == len([*(RECORDINGS / "reset-ts").iterdir()])
    (found,) = replay(trace, ["off"], properties=["key-monotone"]).properties
    assert found.verdict == "holds"

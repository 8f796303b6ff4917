"""Healthy recordings in other shapes: what tools make of files, and what clocks do. None may be accused."""

import io
import json
import random
import re
import tarfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .planting import TIME, WATCH, Recording, kind, ns_of, shifted
from .planting_calls import clients_shifted
from .planting_more import log_shifted

_HEAD = re.compile(rf"^\[({TIME})\]".encode())


def _each(recording: Recording, name: str, change: Callable[[bytes], bytes]) -> Recording:
    return Recording({**recording.files, name: [change(line) for line in recording.files[name]]}, name)


def _each_json(recording: Recording, name: str, change: Callable[[Any], Any]) -> Recording:
    return _each(recording, name, lambda line: json.dumps(change(json.loads(line))).encode() + b"\n")


@kind(visible=False)
def healthy_blank_lines(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(sorted(recording.files))
    return _each(recording, name, lambda line: line + b"\n" * chance.randint(0, 2))


@kind(visible=False)
def healthy_spaces_around(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(sorted(recording.files))
    return _each(recording, name, lambda line: b"    " + line.rstrip(b"\n") + b" \t \n")


@kind(visible=False)
def healthy_renamed_files(recording: Recording, chance: random.Random) -> Recording | None:
    endings = ("", ".txt", ".log", ".json")
    files = {f"f{at}{chance.choice(endings)}": lines for at, lines in enumerate(recording.files.values())}
    return Recording(files, "all files")


@kind(visible=False)
def healthy_names_exchanged(recording: Recording, chance: random.Random) -> Recording | None:
    """Each log has the file name of another."""
    names = recording.logs()
    exchanged = {name: recording.files[other] for name, other in zip(names, names[::-1], strict=True)}
    return Recording({**recording.files, **exchanged}, "all logs")


@kind(visible=False, clients=True)
def healthy_archive(recording: Recording, chance: random.Random) -> Recording | None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, lines in recording.files.items():
            member = tarfile.TarInfo(f"run/{name}")
            member.size = sum(map(len, lines))
            archive.addfile(member, io.BytesIO(b"".join(lines)))
    return Recording({"all.tar.gz": [packed.getvalue()]}, "all files")


@kind(visible=False)
def healthy_other_files_beside(recording: Recording, chance: random.Random) -> Recording | None:
    files = {
        "README.md": [b"pd-1 was killed at 12:00\n"],
        ".DS_Store": [b"\0\0\0\1Bud1\0\0\x10\0" * 50],
        "empty.log": [b""],
        "config.toml": [b"[schedule]\n", b"max-merge-region-size = 20\n"],
        "metrics.txt": [b'pd_tso_events{type="save"} 12\n'],
        "a.json": [b"{}\n"],
        "b.jsonl": [b'{"x": 1, "start": 3}\n'] * 30,
        "core": [bytes(range(256)) * 40],
        "x.log.gz": [b"\x1f\x8bno gzip"],
    }
    return Recording({**recording.files, **files}, "others beside")


@kind(visible=False)
def healthy_fields_of_a_later_release(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs())
    return _each(recording, name, lambda line: line.rstrip(b"\n") + b' [trace-id=4f] [component="tso x"]\n')


@kind(visible=False)
def healthy_lines_of_others(recording: Recording, chance: random.Random) -> Recording | None:
    """Of etcd, of Go, very long, and with bytes that are no text."""
    others = (
        b'[WARN] [util.go:100] ["apply request took too long"] [took=112ms] [expected-duration=100ms]\n',
        b'[WARN] [tso.go:300] ["system time jumps backward"] [last=1795417756962785355]\n',
        b'[FATAL] [x.go:1] ["panic: runtime error"]\n',
        b'[INFO] [x.go:1] ["long"] [a="' + b"x" * 300_000 + b'"]\n',
        b'[INFO] [x.go:1] ["nul\x00\x01"] [a="\xff"]\n',
    )

    def with_another(line: bytes) -> bytes:
        found = _HEAD.match(line) if chance.random() < 0.05 else None
        return line if found is None else line + found[0] + b" " + chance.choice(others)

    return _each(recording, chance.choice(recording.logs()), with_another)


# --- the watch -------------------------------------------------------------------------------------


@kind(visible=False)
def healthy_one_event_a_response(recording: Recording, chance: random.Random) -> Recording | None:
    lines = []
    for line in recording.files[WATCH]:
        document = json.loads(line)
        for event in document["response"].get("Events") or []:
            document["response"]["Events"] = [event]
            lines.append(json.dumps(document).encode() + b"\n")
    return Recording({**recording.files, WATCH: lines}, WATCH)


@kind(visible=False)
def healthy_events_in_another_order(recording: Recording, chance: random.Random) -> Recording | None:
    def shuffled(document: Any) -> Any:
        chance.shuffle(document["response"].get("Events") or [])
        return document

    return _each_json(recording, WATCH, shuffled)


@kind(visible=False)
def healthy_responses_again(recording: Recording, chance: random.Random) -> Recording | None:
    """A recorder that connects anew receives some of them again, later."""
    lines = recording.files[WATCH]
    begin = chance.randrange(1, len(lines))
    again = []
    for line in lines[begin : begin + 5]:
        document = json.loads(line)
        document["recv_unix_ns"] += 3_000_000_000
        again.append(json.dumps(document).encode() + b"\n")
    return Recording({**recording.files, WATCH: [*lines[: begin + 5], *again, *lines[begin + 5 :]]}, WATCH)


@kind(visible=False)
def healthy_progress_told(recording: Recording, chance: random.Random) -> Recording | None:
    """Responses without events, some of another member of etcd, of an earlier term."""

    def with_another(line: bytes) -> bytes:
        document = json.loads(line)
        document["response"]["Events"] = chance.choice([None, []])
        document["response"]["Header"] |= {"member_id": 12345, "raft_term": 1}
        return line + json.dumps(document).encode() + b"\n"

    return _each(recording, WATCH, with_another)


@kind(visible=False)
def healthy_more_fields(recording: Recording, chance: random.Random) -> Recording | None:
    def with_more(document: Any) -> Any:
        document["response"] |= {"CompactRevision": 0, "Created": False}
        return {"host": "a", **dict(reversed([*document.items()]))}

    return _each_json(recording, WATCH, with_more)


# --- clients' samples ------------------------------------------------------------------------------


def _calls(recording: Recording, chance: random.Random, change: Callable[[Any], Any]) -> Recording | None:
    return _each_json(recording, chance.choice(recording.logs("client-")), change)


@kind(visible=False, clients=True)
def healthy_calls_as_text(recording: Recording, chance: random.Random) -> Recording | None:
    def as_text(call: Any) -> Any:
        return {key: str(value) if isinstance(value, int) else value for key, value in call.items()}

    return _calls(recording, chance, as_text)


@kind(visible=False, clients=True)
def healthy_calls_that_say_less(recording: Recording, chance: random.Random) -> Recording | None:
    left_out = chance.choice(["worker", "client", "kind", "endpoint"])
    return _calls(recording, chance, lambda call: {key: call[key] for key in call if key != left_out})


@kind(visible=False, clients=True)
def healthy_calls_that_say_more(recording: Recording, chance: random.Random) -> Recording | None:
    return _calls(recording, chance, lambda call: {"host": "x", **call, "trace": {"a": [1]}, "note": "é"})


@kind(visible=False, clients=True)
def healthy_addresses_spelled_otherwise(recording: Recording, chance: random.Random) -> Recording | None:
    one, other = chance.choice([("127.0.0.1", "localhost"), ("http://", ""), ("http://", "HTTP://")])
    return _calls(recording, chance, lambda call: {**call, "endpoint": call["endpoint"].replace(one, other)})


@kind(visible=False, clients=True)
def healthy_calls_in_seconds(recording: Recording, chance: random.Random) -> Recording | None:
    def in_seconds(call: Any) -> Any:
        times = {name: call.pop(f"{name}_unix_ns") / 1e9 for name in ("start", "end")}
        return {**call, **times}

    return _calls(recording, chance, in_seconds)


@kind(visible=False, clients=True)
def healthy_calls_packed(recording: Recording, chance: random.Random) -> Recording | None:
    """A timestamp in one number."""

    def packed(call: Any) -> Any:
        return {**call, "ts": (call.pop("physical") << 18) + call.pop("logical")}

    return _calls(recording, chance, packed)


@kind(visible=False, clients=True)
def healthy_answers_that_arrive_late(recording: Recording, chance: random.Random) -> Recording | None:
    def late(call: Any) -> Any:
        by = 2_000_000_000 if chance.random() < 0.02 else 0
        return {**call, "end_unix_ns": call["end_unix_ns"] + by}

    return _calls(recording, chance, late)


@kind(visible=False, clients=True)
def healthy_failures_that_have_a_timestamp(recording: Recording, chance: random.Random) -> Recording | None:
    """What came with an error is none."""

    def with_one(call: Any) -> Any:
        return {**call, "physical": 1_795_417_756_962, "logical": 7} if call.get("error") else call

    return _calls(recording, chance, with_one)


@kind(visible=False, clients=True)
def healthy_all_calls_in_one_file(recording: Recording, chance: random.Random) -> Recording | None:
    names = recording.logs("client-")
    lines = [line for name in names for line in recording.files[name]]
    chance.shuffle(lines)
    files = {name: lines for name, lines in recording.files.items() if name not in names}
    return Recording({**files, "all.jsonl": lines}, "all calls")


# --- clocks ----------------------------------------------------------------------------------------


@kind(visible=False, clients=True)
def healthy_hosts_apart(recording: Recording, chance: random.Random) -> Recording | None:
    """Each log and each client by up to 5 s."""
    for name in recording.logs():
        recording = log_shifted(recording, name, timedelta(milliseconds=chance.randrange(-5000, 5000)))
    for name in recording.logs("client-"):
        recording = clients_shifted(recording, name, chance.randrange(-5000, 5000) * 1_000_000)
    return recording


@kind(visible=False)
def healthy_log_that_drifts(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs())
    first = next(ns_of(found[1]) for line in recording.files[name] if (found := _HEAD.match(line)))
    rate = chance.choice([-0.03, -0.005, 0.005, 0.03])

    def drifted(line: bytes) -> bytes:
        found = _HEAD.match(line)
        if found is None:
            return line
        by = timedelta(microseconds=int((ns_of(found[1]) - first) * rate / 1000))
        return b"[" + shifted(found[1], by) + line[found.end(1) :]

    return _each(recording, name, drifted)


@kind(visible=False)
def healthy_log_set_by_seconds(recording: Recording, chance: random.Random) -> Recording | None:
    """NTP sets a host's clock, and only its log shows it."""
    name = chance.choice(recording.logs())
    by = timedelta(milliseconds=chance.choice([-30_000, -2_000, -300, 300, 2_000, 30_000]))
    return log_shifted(recording, name, by, chance.randrange(len(recording.files[name])))


@kind(visible=False)
def healthy_recorder_that_drifts(recording: Recording, chance: random.Random) -> Recording | None:
    rate = chance.choice([-0.02, 0.02])
    first = json.loads(recording.files[WATCH][0])["recv_unix_ns"]

    def drifted(document: Any) -> Any:
        at = document["recv_unix_ns"]
        return {**document, "recv_unix_ns": at + int((at - first) * rate)}

    return _each_json(recording, WATCH, drifted)


@kind(visible=False)
def healthy_log_of_another_year(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs())
    year = re.compile(rb"^\[\d{4}/")
    return _each(recording, name, lambda line: year.sub(b"[2025/", line))

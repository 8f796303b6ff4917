"""What is left of healthy recordings: lines, files and events that nobody kept. None of it may be accused."""

import json
import random
import re
from base64 import b64decode

from .planting import TIME, WATCH, Recording, kind, lines_of

_MOMENT = rf"^\[({TIME})\]"
#: what somebody may filter by
_WORDS = (
    b"PD config",
    b"TSO service config",
    b"got signal",
    b"start to campaign",
    b"lease granted",
    b"check campaign resp",
    b"campaign PD leader ok",
    b"start to sync timestamp",
    b"load timestamp window",
    b"sync and save timestamp",
    b"skip sync timestamp",
    b"ready to serve",
    b"saving timestamp",
    b"save timestamp failed",
    b"try to update the tso",
    b"failed to update allocator",
    b"failed to initialize",
    b"reset the timestamp",
    b"closing the",
    b"no longer",
    b"keep alive",
    b"system time may be incorrect",
    b"reset-ts",
    b"TSO is provided",
    b"expected primary",
)


def _kept(recording: Recording, name: str, lines: list[bytes], what: str = "") -> Recording:
    return Recording({**recording.files, name: lines}, f"{name} {what}")


def _of_all(recording: Recording, keep: re.Pattern[bytes]) -> Recording:
    files = {
        name: [line for line in lines if name == WATCH or keep.search(line)]
        for name, lines in recording.files.items()
    }
    return Recording(files, f"lines with {keep.pattern!r}")


@kind(visible=False)
def healthy_without_a_message(recording: Recording, chance: random.Random) -> Recording | None:
    """All of one message are filtered out of a log."""
    found = [(name, word) for name in recording.logs() for word in _WORDS]
    found = [(name, word) for name, word in found if any(word in line for line in recording.files[name])]
    name, word = chance.choice(found)
    kept = [line for line in recording.files[name] if word not in line]
    return _kept(recording, name, kept, f"without {word!r}")


@kind(visible=False)
def healthy_without_a_line(recording: Recording, chance: random.Random) -> Recording | None:
    found = [
        (name, number)
        for name in recording.logs()
        for number, line in enumerate(recording.files[name])
        if any(word in line for word in _WORDS)
    ]
    name, number = chance.choice(found)
    return recording.without(name, {number})


@kind(visible=False)
def healthy_lines_lost_by_chance(recording: Recording, chance: random.Random) -> Recording | None:
    share = chance.choice([0.01, 0.05, 0.2, 0.6])
    files = {
        name: lines if name == WATCH else [line for line in lines if chance.random() > share]
        for name, lines in recording.files.items()
    }
    return Recording(files, f"{share} of all lines")


@kind(visible=False)
def healthy_warnings_only(recording: Recording, chance: random.Random) -> Recording | None:
    return _of_all(recording, re.compile(rb"\[(?:WARN|ERROR)\]"))


@kind(visible=False)
def healthy_without_warnings(recording: Recording, chance: random.Random) -> Recording | None:
    return _of_all(recording, re.compile(rb"\[(?:INFO|DEBUG)\]"))


@kind(visible=False)
def healthy_found_by_a_word(recording: Recording, chance: random.Random) -> Recording | None:
    return _of_all(recording, re.compile(chance.choice([b"(?i)tso", b"timestamp", b"(?i)leader|primary"])))


@kind(visible=False)
def healthy_end_of_a_log(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs())
    begin = chance.randrange(len(recording.files[name]))
    return _kept(recording, name, recording.files[name][begin:], f"from {begin + 1}")


@kind(visible=False)
def healthy_beginning_of_a_log(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs())
    end = chance.randrange(1, len(recording.files[name]))
    return _kept(recording, name, recording.files[name][:end], f"until {end}")


@kind(visible=False)
def healthy_hole_in_a_log(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs())
    begin, end = sorted(chance.sample(range(len(recording.files[name])), 2))
    return recording.without(name, {*range(begin, end)})


@kind(visible=False)
def healthy_file_cut_in_a_line(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice([WATCH, *recording.logs()])
    text = b"".join(recording.files[name])
    return _kept(recording, name, [text[: chance.randrange(len(text))]])


@kind(visible=False)
def healthy_logs_of_some_minutes(recording: Recording, chance: random.Random) -> Recording | None:
    """All of them from one moment to another."""
    moments = sorted(match[1] for *_, match in lines_of(recording, _MOMENT))
    begin, end = sorted(chance.sample(moments, 2))
    files = {
        name: [line for line in lines if name == WATCH or begin <= line[1:31] <= end]
        for name, lines in recording.files.items()
    }
    return Recording(files, f"{begin!r} to {end!r}")


@kind(visible=False, clients=True)
def healthy_file_left_out(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(sorted(recording.files))
    return Recording({each: lines for each, lines in recording.files.items() if each != name}, name)


@kind(visible=False, clients=True)
def healthy_calls_lost_by_chance(recording: Recording, chance: random.Random) -> Recording | None:
    files = {
        name: [line for line in lines if chance.random() < 0.1] if name.startswith("client-") else lines
        for name, lines in recording.files.items()
    }
    return Recording(files, "one in ten calls")


@kind(visible=False)
def healthy_watch_of_some_keys(recording: Recording, chance: random.Random) -> Recording | None:
    wanted = re.compile(chance.choice([rb"(?:leader|timestamp|primary)$", rb"/timestamp$", rb"^/pd/"]))
    lines = []
    for line in recording.files[WATCH]:
        document = json.loads(line)
        events = document["response"].get("Events") or []
        document["response"]["Events"] = [
            event for event in events if wanted.search(b64decode(event["kv"]["key"]))
        ]
        if document["response"]["Events"]:
            lines.append(json.dumps(document).encode() + b"\n")
    return _kept(recording, WATCH, lines, f"{wanted.pattern!r}")


@kind(visible=False)
def healthy_beginning_of_the_watch(recording: Recording, chance: random.Random) -> Recording | None:
    end = chance.randrange(1, len(recording.files[WATCH]))
    return _kept(recording, WATCH, recording.files[WATCH][:end], f"until {end}")

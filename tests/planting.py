"""Faults planted into clean recordings: each kind makes the recording contradict itself, in one place.

A kind takes the files of a recording and a generator of chance, and gives the files with its fault in them,
or `None` where the recording has nothing to plant it into. `VISIBLE` are kinds of which some file that is
whole denies what another one says: none of these may conform to anything. What the others change, nothing
else in a recording speaks of.
"""

import gzip
import json
import random
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

WATCH = "etcd-recv.jsonl"
TIME = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} \+00:00"
_FORMAT = "%Y/%m/%d %H:%M:%S.%f"
HOUR_NS = 3_600_000_000_000


@dataclass
class Recording:
    """The lines of each file by its name, and what was planted where."""

    files: dict[str, list[bytes]]
    planted: str = ""

    def logs(self, *beginnings: str) -> list[str]:
        return sorted(name for name in self.files if name.startswith(beginnings or ("pd-", "tso-")))

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in self.files.items():
            (folder / name).write_bytes(b"".join(lines))

    def changed(self, name: str, number: int, *instead: bytes) -> "Recording":
        """With other lines in the place of one."""
        lines = self.files[name]
        files = {**self.files, name: [*lines[:number], *instead, *lines[number + 1 :]]}
        return Recording(files, f"{name}:{number + 1}")

    def without(self, name: str, numbers: set[int]) -> "Recording":
        kept = [line for number, line in enumerate(self.files[name]) if number not in numbers]
        return Recording({**self.files, name: kept}, f"{name} without {sorted(n + 1 for n in numbers)}")


def load(folder: Path, *, clients: bool) -> Recording:
    """A recording with one watch stream, that with receipts."""
    kept = (WATCH, "pd-", "tso-", *(("client-",) if clients else ()))
    return Recording(
        {
            path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes()).splitlines(keepends=True)
            for path in sorted(folder.iterdir())
            if path.name.startswith(kept)
        }
    )


Planter = Callable[[Recording, random.Random], Recording | None]


@dataclass(frozen=True)
class Kind:
    """`visible`: some file denies it. `doubted`: what is left may be a log that lost lines, or goes on after
    the watch, and then nobody knows. `clients`: it needs the clients' samples."""

    name: str
    plant: Planter
    visible: bool = True
    doubted: bool = False
    clients: bool = False


KINDS: dict[str, Kind] = {}


def kind(
    *, visible: bool = True, doubted: bool = False, clients: bool = False
) -> Callable[[Planter], Planter]:
    def note(plant: Planter) -> Planter:
        name = plant.__name__.replace("_", "-")
        KINDS[name] = Kind(name, plant, visible, doubted, clients)
        return plant

    return note


# --- lines of logs ---------------------------------------------------------------------------------


def lines_of(recording: Recording, pattern: str, *names: str) -> list[tuple[str, int, re.Match[bytes]]]:
    found = re.compile(pattern.encode())
    return [
        (name, number, match)
        for name in recording.logs(*names)
        for number, line in enumerate(recording.files[name])
        if (match := found.search(line))
    ]


def shifted(moment: bytes, by: timedelta) -> bytes:
    """A time as logs write it, that much later."""
    text = moment.decode().removesuffix(" +00:00")
    return (datetime.strptime(text, _FORMAT) + by).strftime(_FORMAT)[:-3].encode() + b" +00:00"  # noqa: DTZ007


def with_group(
    recording: Recording, name: str, number: int, match: re.Match[bytes], group: int, text: bytes
) -> Recording:
    line = recording.files[name][number]
    return recording.changed(name, number, line[: match.start(group)] + text + line[match.end(group) :])


def with_group_of_one(
    recording: Recording, chance: random.Random, pattern: str, text: bytes
) -> Recording | None:
    """In one of the lines with this pattern, another text in the place of its first group."""
    found = lines_of(recording, pattern)
    if not found:
        return None
    return with_group(recording, *chance.choice(found), 1, text)


def with_another_save(
    recording: Recording,
    chance: random.Random,
    found: Iterable[tuple[str, int, re.Match[bytes]]],
    away: int,
) -> Recording | None:
    """In one of these lines, in place of a saved value, the one that is so many saves away."""
    saved = sorted({each // 1_000_000 for each in saved_in(recording)})
    choices = []
    for name, number, match in found:
        at = 0 if match[1].startswith(b"0001") else ns_of(match[1]) // 1_000_000
        if at in saved and 0 <= saved.index(at) + away < len(saved):
            choices.append((name, number, match, saved[saved.index(at) + away] - at))
    if not choices:
        return None
    name, number, match, by = chance.choice(choices)
    return with_group(recording, name, number, match, 1, shifted(match[1], timedelta(milliseconds=by)))


def shift_field(
    recording: Recording, chance: random.Random, message: str, field_: str, by: timedelta
) -> Recording | None:
    """Another time in a field of one line."""
    found = lines_of(recording, rf"{message}.* \[{field_}=({TIME})\]")
    found = [each for each in found if not each[2][1].startswith(b"0001")]
    if not found:
        return None
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 1, shifted(match[1], by))


LOADED = rf'"load timestamp window successfully".* \[ts-window=({TIME})\]'
ELECTED = r'"check campaign resp".*\\"succeeded\\":true'


@kind()
def elected_at_another_revision(recording: Recording, chance: random.Random) -> Recording | None:
    found = lines_of(recording, ELECTED)
    if not found:
        return None
    name, number, _ = chance.choice(found)
    line = recording.files[name][number]
    revision = int(re.findall(rb'\\"revision\\":(\d+)', line)[0])
    other = chance.choice([revision - 1, revision + 1, revision - 2])
    return recording.changed(
        name, number, line.replace(b'\\"revision\\":%d' % revision, b'\\"revision\\":%d' % other)
    )


@kind()
def elected_in_two_logs(recording: Recording, chance: random.Random) -> Recording | None:
    """The line of an election stands in another server's log."""
    found = lines_of(recording, ELECTED)
    pairs = [
        (name, number, other)
        for name, number, _ in found
        for other in recording.logs(name[:3])
        if other != name
    ]
    if not pairs:
        return None
    name, number, other = chance.choice(pairs)
    line = recording.files[name][number]
    at = next((n for n, each in enumerate(recording.files[other]) if each[:25] > line[:25]), None)
    if at is None:
        return None
    return recording.changed(other, at, line, recording.files[other][at])


@kind(doubted=True)
def election_not_logged(recording: Recording, chance: random.Random) -> Recording | None:
    """A campaign was won, and the line of the election is gone; that of another one is there."""
    found = lines_of(recording, ELECTED)
    names = [name for name, *_ in found]
    found = [each for each in found if names.count(each[0]) > 1]
    if not found:
        return None
    name, number, _ = chance.choice(found)
    return recording.without(name, {number})


@kind()
def another_lease_granted(recording: Recording, chance: random.Random) -> Recording | None:
    found = lines_of(
        recording,
        r'"lease granted"\] \[lease-id=(\d+)\].*purpose="(?:leader|keyspace group primary) election"',
    )
    if not found:
        return None
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 1, b"%d" % (int(match[1]) + chance.choice([1, -1, 7])))


@kind(doubted=True)
def synced_what_etcd_never_held(recording: Recording, chance: random.Random) -> Recording | None:
    """A sync saved a window that is no value of the key."""
    by = timedelta(milliseconds=chance.choice([7, -7, 400, -900, 3_600_000]))
    return shift_field(recording, chance, '"sync and save timestamp"', "save", by)


@kind()
def synced_from_another_window(recording: Recording, chance: random.Random) -> Recording | None:
    by = timedelta(milliseconds=chance.choice([7, -7, 400, -900]))
    return shift_field(recording, chance, '"sync and save timestamp"', "last", by)


@kind(doubted=True)
def synced_to_another_next(recording: Recording, chance: random.Random) -> Recording | None:
    by = timedelta(milliseconds=chance.choice([7, -7, 400, -900]))
    return shift_field(recording, chance, '"sync and save timestamp"', "next", by)


@kind()
def sync_and_save_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """The log tells of a sync in the middle of a term, of a window that nobody saved."""
    found = lines_of(recording, rf'"sync and save timestamp".* \[save=({TIME})\]')
    found = [each for each in found if each[1] + 10 < len(recording.files[each[0]])]
    if not found:
        return None
    name, number, match = chance.choice(found)
    line = recording.files[name][number]
    made = line[: match.start(1)] + shifted(match[1], timedelta(milliseconds=1717)) + line[match.end(1) :]
    return recording.changed(name, number, line, made)


@kind()
def a_window_loaded_that_never_was(recording: Recording, chance: random.Random) -> Recording | None:
    by = timedelta(milliseconds=chance.choice([7, -7, 400, -900, 3_600_000]))
    return shift_field(recording, chance, '"load timestamp window successfully"', "ts-window", by)


@kind()
def an_older_window_loaded(recording: Recording, chance: random.Random) -> Recording | None:
    """A load tells of a window that a later one had overwritten long ago."""
    return with_another_save(recording, chance, lines_of(recording, LOADED, "pd-"), -3)


NOT_GREATER = r"timestamp (\d{19}) is less than or equal to the previous one (\d{19})"


@kind()
def another_previous_value(recording: Recording, chance: random.Random) -> Recording | None:
    """A refusal names a previous value that the key never had."""
    found = lines_of(recording, NOT_GREATER)
    if not found:
        return None
    name, number, match = chance.choice(found)
    other = b"%d" % (int(match[2]) + chance.choice([1, 1_000_000, -1_000_000, HOUR_NS]))
    lines = [line.replace(match[2], other) for line in recording.files[name]]
    return Recording({**recording.files, name: lines}, f"{name}:{number + 1}")


@kind()
def a_refusal_of_a_greater_value(recording: Recording, chance: random.Random) -> Recording | None:
    """A save is refused as less than the previous value although it is greater."""
    found = lines_of(recording, NOT_GREATER)
    if not found:
        return None
    name, number, match = chance.choice(found)
    other = b"%d" % (int(match[2]) + 5_000_000)
    lines = [line.replace(match[1], other) for line in recording.files[name]]
    return Recording({**recording.files, name: lines}, f"{name}:{number + 1}")


_REFUSED = r"save timestamp failed|try to update the tso but failed|failed to update allocator's timestamp"


@kind(doubted=True)
def refusals_removed(recording: Recording, chance: random.Random) -> Recording | None:
    """All refused updates of a log are gone; that the memory was reset for it is not."""
    names = sorted({name for name, *_ in lines_of(recording, _REFUSED)})
    names = [name for name in names if _resets_after_refusals(recording.files[name])]
    if not names:
        return None
    name = chance.choice(names)
    return recording.without(name, {n for f, n, _ in lines_of(recording, _REFUSED) if f == name})


def _resets_after_refusals(lines: list[bytes]) -> bool:
    found = [n for n, line in enumerate(lines) if b"failed to update allocator's timestamp" in line]
    return any(b"reset the timestamp in memory" in line for n in found for line in lines[n : n + 20])


@kind(doubted=True)
def a_start_removed(recording: Recording, chance: random.Random) -> Recording | None:
    """A log has the exit of its server, and then the server's next life without its start."""
    found = lines_of(recording, r'"(?:PD config|TSO service config|API Service config)"')
    later = [
        each for each in found if any(b"got signal" in line for line in recording.files[each[0]][: each[1]])
    ]
    if not later:
        return None
    name, number, _ = chance.choice(later)
    return recording.without(name, {number})


@kind(doubted=True)
def clock_jumps_removed(recording: Recording, chance: random.Random) -> Recording | None:
    """The lines that tell of a clock that had jumped by more than a minute."""
    found = lines_of(recording, r'"clock offset".*jet-lag=\d+[hm]')
    if not found:
        return None
    name, *_ = chance.choice(found)
    return recording.without(name, {n for f, n, _ in lines_of(recording, r'"clock offset"') if f == name})


@kind(doubted=True)
def admin_resets_removed(recording: Recording, chance: random.Random) -> Recording | None:
    found = lines_of(recording, r"\[reset-ts\] \[new-ts=")
    if not found:
        return None
    name, *_ = chance.choice(found)
    return recording.without(name, {n for f, n, _ in found if f == name})


ATTEMPT = r'"saving timestamp to the storage"'


@kind(doubted=True)
def an_attempt_at_another_value(recording: Recording, chance: random.Random) -> Recording | None:
    """What was saved is not what the server says that it attempts."""
    saved = {each // 1_000_000 for each in saved_in(recording)}
    found = lines_of(recording, rf"{ATTEMPT}.* \[ts=({TIME})\]")
    found = [
        each
        for each in found
        if ns_of(each[2][1]) // 1_000_000 in saved
        and not any(b"failed" in line for line in recording.files[each[0]][each[1] : each[1] + 10])
    ]
    if not found:
        return None
    name, number, match = chance.choice(found)
    by = timedelta(milliseconds=chance.choice([7, -7, 400, -900, 3_600_000]))
    return with_group(recording, name, number, match, 1, shifted(match[1], by))


@kind(doubted=True)
def an_attempt_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """An attempt to save in the middle of a term, of which nothing came."""
    found = [
        each
        for each in lines_of(recording, rf"{ATTEMPT}.* \[ts=({TIME})\]")
        if each[1] + 10 < len(recording.files[each[0]])
    ]
    if not found:
        return None
    name, number, match = chance.choice(found)
    line = recording.files[name][number]
    made = line[: match.start(1)] + shifted(match[1], timedelta(milliseconds=1313)) + line[match.end(1) :]
    return recording.changed(name, number, made, line)


@kind(doubted=True)
def an_attempt_fenced_otherwise(recording: Recording, chance: random.Random) -> Recording | None:
    found = lines_of(recording, rf"{ATTEMPT}.*\[check-tso-primary=(true|false)\]")
    if not found:
        return None
    name, number, match = chance.choice(found)
    other = b"false" if match[1] == b"true" else b"true"
    return with_group(recording, name, number, match, 1, other)


@kind()
def an_attempt_under_another_key(recording: Recording, chance: random.Random) -> Recording | None:
    found = lines_of(recording, rf"{ATTEMPT}.*\[leader-key=/pd/(\d+)/leader\]")
    if not found:
        return None
    name, number, match = chance.choice(found)
    line = recording.files[name][number]
    other = line.replace(b"/pd/%s/leader" % match[1], b"/ms/%s/tso/00000/primary" % match[1])
    return recording.changed(name, number, other)


@kind()
def a_deletion_seen_at_another_revision(recording: Recording, chance: random.Random) -> Recording | None:
    """A watch shows no deletion before it happened: its revision is where etcd was then, or later."""
    found = lines_of(recording, r'"current leadership is deleted"\] \[revision=(\d+)\]')
    told = {(name, int(match[1])) for name, _, match in found}
    later = [
        (name, number, match)
        for name, number, match in found
        for before in (max((at for _, at in told if at < int(match[1])), default=0),)
        if before < int(match[1]) - 2 and (name, before) in told  # it saw the deletion before that one
    ]
    if not later:
        return None
    name, number, match = chance.choice(later)
    return with_group(recording, name, number, match, 1, b"%d" % (int(match[1]) - chance.choice([1, 2])))


# --- etcd's events ---------------------------------------------------------------------------------

_PATHS = {
    "leader": re.compile(r"/pd/\d+/leader"),
    "primary": re.compile(r"/ms/\d+/tso/00000/primary"),
    "timestamp": re.compile(r"/pd/\d+/timestamp"),
}


@dataclass
class Event:
    """A place in the watch: which line, which event of it."""

    number: int
    index: int
    key: str
    pair: dict[str, Any] = field(repr=False)
    put: bool


def events_of(recording: Recording, *keys: str) -> Iterator[Event]:
    for number, line in enumerate(recording.files[WATCH]):
        for index, event in enumerate(json.loads(line)["response"].get("Events") or []):
            path = b64decode(event["kv"]["key"]).decode(errors="replace")
            key = next((name for name, pattern in _PATHS.items() if pattern.fullmatch(path)), "")
            if key in keys:
                yield Event(number, index, key, event["kv"], not event.get("type"))


def saved_in(recording: Recording) -> list[int]:
    return [
        int.from_bytes(b64decode(each.pair["value"]), "big") for each in events_of(recording, "timestamp")
    ]


def ns_of(moment: bytes) -> int:
    text = moment.decode().removesuffix(" +00:00")
    since = datetime.strptime(text, _FORMAT) - datetime(1970, 1, 1)  # noqa: DTZ001, DTZ007
    return since // timedelta(microseconds=1) * 1_000


def with_pair(recording: Recording, at: Event, **fields: Any) -> Recording:
    document = json.loads(recording.files[WATCH][at.number])
    pair = document["response"]["Events"][at.index]["kv"]
    for name, value in fields.items():
        if value is None:
            pair.pop(name, None)
        else:
            pair[name] = value
    return recording.changed(WATCH, at.number, json.dumps(document).encode() + b"\n")


@kind()
def a_key_without_a_lease(recording: Recording, chance: random.Random) -> Recording | None:
    found = [event for event in events_of(recording, "leader", "primary") if event.put]
    return with_pair(recording, chance.choice(found), lease=None) if found else None


@kind()
def a_key_with_another_lease(recording: Recording, chance: random.Random) -> Recording | None:
    """The log says which lease was granted for that election."""
    found = [event for event in events_of(recording, "leader", "primary") if event.put]
    if not found:
        return None
    event = chance.choice(found)
    return with_pair(recording, event, lease=event.pair["lease"] + chance.choice([1, -1, 100]))


@kind()
def a_key_with_the_lease_of_another(recording: Recording, chance: random.Random) -> Recording | None:
    found = [event for event in events_of(recording, "leader", "primary") if event.put]
    if len(found) < 2:
        return None
    one, other = chance.sample(found, 2)
    return with_pair(recording, one, lease=other.pair["lease"])


@kind()
def elected_is_another(recording: Recording, chance: random.Random) -> Recording | None:
    """The key names another server than the one whose log tells of the election."""
    found = [event for event in events_of(recording, "leader", "primary") if event.put]
    pairs = [
        (one, other)
        for one in found
        for other in found
        if one.key == other.key and one.pair["value"] != other.pair["value"]
    ]
    if not pairs:
        return None
    one, other = chance.choice(pairs)
    return with_pair(recording, one, value=other.pair["value"])


@kind(doubted=True)
def another_value_saved(recording: Recording, chance: random.Random) -> Recording | None:
    """The key holds an hour more than anybody's clock gives."""
    found = [event for event in events_of(recording, "timestamp") if event.put]
    if not found:
        return None
    event = chance.choice(found)
    value = int.from_bytes(b64decode(event.pair["value"]), "big") + HOUR_NS
    return with_pair(recording, event, value=b64encode(value.to_bytes(8, "big")).decode())


# --- clients' samples ------------------------------------------------------------------------------


def answered(recording: Recording, *, tail: bool | None = None) -> list[tuple[str, int, dict[str, Any]]]:
    """The calls that were answered by a server that is known; `tail`: after the last event of the watch."""
    end = max(json.loads(line)["recv_unix_ns"] for line in recording.files[WATCH])
    return [
        (name, number, call)
        for name in recording.logs("client-")
        for number, line in enumerate(recording.files[name])
        if (call := json.loads(line))["kind"] != "lib" and not call.get("error")
        if tail is None or (call["start_unix_ns"] > end) is tail
    ]


def with_call(recording: Recording, name: str, number: int, **fields: int) -> Recording:
    call = {**json.loads(recording.files[name][number]), **fields}
    return recording.changed(name, number, json.dumps(call).encode() + b"\n")


def _above_every_window(recording: Recording, chance: random.Random, *, tail: bool) -> Recording | None:
    found = answered(recording, tail=tail)
    if tail:  # the last of each client: nothing that it got later denies it
        found = [*{name: (name, number, call) for name, number, call in found}.values()]
    if not found:
        return None
    name, number, call = chance.choice(found)
    return with_call(recording, name, number, physical=call["physical"] + 3_600_000)


@kind(clients=True)
def a_grant_above_every_window(recording: Recording, chance: random.Random) -> Recording | None:
    return _above_every_window(recording, chance, tail=False)


@kind(doubted=True, clients=True)
def a_grant_above_every_window_at_the_end(recording: Recording, chance: random.Random) -> Recording | None:
    return _above_every_window(recording, chance, tail=True)


@kind(clients=True)
def an_answer_after_the_memory_was_cleared(recording: Recording, chance: random.Random) -> Recording | None:
    """A server whose log tells of the reset, and that does not sync for a while, answers."""
    resets = [
        (name, ns_of(match[1]))
        for name, _, match in lines_of(recording, rf'^\[({TIME})\].*"reset the timestamp in memory"')
    ]
    synced = [
        (name, ns_of(match[1]))
        for name, _, match in lines_of(
            recording, rf'^\[({TIME})\].*"(?:sync and save timestamp|skip sync timestamp|PD config)"'
        )
    ]
    urls = {name: url_of(recording, name) for name in recording.logs()}
    choices = []
    for name, at in resets:
        end = ns_of(re.findall(rf"^\[({TIME})\]".encode(), recording.files[name][-1])[0])
        until = min((then for of, then in synced if of == name and then > at), default=end)
        if until - at < 4_000_000_000:
            continue
        before = [each for each in answered(recording) if each[2]["endpoint"] == urls[name]]
        before = [each for each in before if 0 < at - each[2]["end_unix_ns"] < 3 * 10**9]
        if before:
            choices.append((before[-1], at + (until - at) // 2))
    if not choices:
        return None
    (name, number, call), at = chance.choice(choices)
    late = {**call, "start_unix_ns": at, "end_unix_ns": at + 1_000_000, "logical": call["logical"] + 5}
    return recording.changed(name, number, recording.files[name][number], json.dumps(late).encode() + b"\n")


def url_of(recording: Recording, name: str) -> str:
    pattern = r"advertise-client-urls" if name.startswith("pd-") else r"advertise-listen-addr"
    for line in recording.files[name]:
        if found := re.search(rf'{pattern}\\": ?\\"([^"\\]*)'.encode(), line):
            return found[1].decode()
    return ""


#: the kinds of this module; others add theirs
OWN = tuple(KINDS)

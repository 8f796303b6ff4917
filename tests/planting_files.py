"""The same recordings in other files, which is no fault of a cluster; and calls that cannot be."""

import csv
import gzip
import io
import json
import random
from datetime import UTC, datetime
from itertools import pairwise

from .planting import WATCH, Recording, answered, kind, with_call


def _any(recording: Recording, chance: random.Random) -> str:
    return chance.choice([WATCH, *recording.logs()])


def _instead(recording: Recording, name: str, content: bytes) -> Recording:
    return Recording({**recording.files, name: [content]}, name)


def _whole(recording: Recording, name: str) -> bytes:
    return b"".join(recording.files[name])


@kind(visible=False)
def healthy_carriage_returns(recording: Recording, chance: random.Random) -> Recording | None:
    name = _any(recording, chance)
    return _instead(recording, name, _whole(recording, name).replace(b"\n", b"\r\n"))


@kind(visible=False)
def healthy_byte_order_mark(recording: Recording, chance: random.Random) -> Recording | None:
    name = _any(recording, chance)
    return _instead(recording, name, b"\xef\xbb\xbf" + _whole(recording, name))


@kind(visible=False)
def healthy_utf_16(recording: Recording, chance: random.Random) -> Recording | None:
    """As PowerShell's redirection writes what it shows."""
    name = _any(recording, chance)
    return _instead(recording, name, _whole(recording, name).decode(errors="replace").encode("utf-16"))


@kind(visible=False)
def healthy_hole_of_zeros(recording: Recording, chance: random.Random) -> Recording | None:
    """A log that was cut in place while its server wrote on has zeros before what came then."""
    name = chance.choice(recording.logs())
    return _instead(recording, name, b"\0" * 70_000 + _whole(recording, name))


@kind(visible=False)
def healthy_no_last_newline(recording: Recording, chance: random.Random) -> Recording | None:
    name = _any(recording, chance)
    return _instead(recording, name, _whole(recording, name).rstrip(b"\n"))


@kind(visible=False)
def healthy_file_under_two_names(recording: Recording, chance: random.Random) -> Recording | None:
    name = _any(recording, chance)
    return Recording({**recording.files, f"copy-of-{name}": recording.files[name]}, name)


@kind(visible=False)
def healthy_file_packed_beside_itself(recording: Recording, chance: random.Random) -> Recording | None:
    name = _any(recording, chance)
    packed = gzip.compress(_whole(recording, name), 1)
    return Recording({**recording.files, f"{name}.1.gz": [packed]}, name)


@kind(visible=False)
def healthy_log_under_the_name_of_the_other_service(
    recording: Recording, chance: random.Random
) -> Recording | None:
    name = chance.choice(recording.logs())
    other = ("tso-" if name.startswith("pd-") else "pd-") + "x.log"
    files = {each: lines for each, lines in recording.files.items() if each != name}
    return Recording({**files, other: recording.files[name]}, name)


@kind(visible=False)
def healthy_all_logs_in_one_file(recording: Recording, chance: random.Random) -> Recording | None:
    """One after the other."""
    names = recording.logs()
    files = {each: lines for each, lines in recording.files.items() if each not in names}
    lines = [line for name in names for line in recording.files[name]]
    return Recording({**files, "all.log": lines}, "all logs")


@kind(visible=False)
def healthy_log_in_pieces(recording: Recording, chance: random.Random) -> Recording | None:
    """Rotated, and the pieces overlap by some lines."""
    name = chance.choice(recording.logs())
    lines = recording.files[name]
    at = chance.randrange(len(lines))
    files = {each: those for each, those in recording.files.items() if each != name}
    files[f"z-{name}"] = lines[: at + 3]
    files[f"a-{name}"] = lines[at:]
    return Recording(files, f"{name} at {at + 1}")


@kind(visible=False)
def healthy_numbered_lines(recording: Recording, chance: random.Random) -> Recording | None:
    """As `grep -n` prints several files."""
    name = chance.choice(recording.logs())
    lines = [b"%s:%d:%s" % (name.encode(), n, line) for n, line in enumerate(recording.files[name], 1)]
    return Recording({**recording.files, name: lines}, name)


@kind(visible=False)
def healthy_coloured_lines(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs())
    lines = [b"\x1b[33m" + line.rstrip(b"\n") + b"\x1b[0m\n" for line in recording.files[name]]
    return Recording({**recording.files, name: lines}, name)


@kind(visible=False)
def healthy_indented_json(recording: Recording, chance: random.Random) -> Recording | None:
    """The watch as `jq` prints it."""
    lines = [json.dumps(json.loads(line), indent=2).encode() + b"\n" for line in recording.files[WATCH]]
    return Recording({**recording.files, WATCH: lines}, WATCH)


@kind(visible=False)
def healthy_watch_as_an_array(recording: Recording, chance: random.Random) -> Recording | None:
    """The watch as `jq -s -c` prints it."""
    whole = json.dumps([json.loads(line) for line in recording.files[WATCH]]).encode()
    return Recording({**recording.files, WATCH: [whole + b"\n"]}, WATCH)


# --- clients' samples ------------------------------------------------------------------------------


@kind(visible=False, clients=True)
def healthy_call_told_twice(recording: Recording, chance: random.Random) -> Recording | None:
    """A recorder wrote a line again."""
    name, number, _ = chance.choice(answered(recording))
    line = recording.files[name][number]
    return recording.changed(name, number, line, line)


@kind(visible=False, clients=True)
def healthy_calls_in_another_order(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs("client-"))
    lines = [*recording.files[name]]
    chance.shuffle(lines)
    return Recording({**recording.files, name: lines}, name)


@kind(visible=False, clients=True)
def healthy_call_of_another_group(recording: Recording, chance: random.Random) -> Recording | None:
    """In the middle a sample of group 1 has the timestamp of another call: another sequence."""
    found = answered(recording)
    name, number, call = chance.choice(found)
    *_, other = chance.choice(found)
    fields = {each: other[each] for each in ("physical", "logical", "count")}
    line = json.dumps({**call, **fields, "keyspace_group_id": 1}).encode() + b"\n"
    return recording.changed(name, number, recording.files[name][number], line)


@kind(visible=False, clients=True)
def healthy_calls_that_name_their_group(recording: Recording, chance: random.Random) -> Recording | None:
    """Some as a number, some as text, some not."""
    name = chance.choice(recording.logs("client-"))
    lines = []
    for number, line in enumerate(recording.files[name]):
        call = json.loads(line)
        if number % 3:
            call["keyspace_group_id"] = 0 if number % 3 == 1 else "0"
        lines.append(json.dumps(call).encode() + b"\n")
    return Recording({**recording.files, name: lines}, name)


@kind(visible=False, clients=True)
def healthy_call_in_milliseconds(recording: Recording, chance: random.Random) -> Recording | None:
    """One call's times are in another unit."""
    name, number, call = chance.choice(answered(recording))
    times = {each: call[each] // 1_000_000 for each in ("start_unix_ns", "end_unix_ns")}
    return with_call(recording, name, number, **times)


@kind(visible=False, clients=True)
def healthy_calls_in_milliseconds(recording: Recording, chance: random.Random) -> Recording | None:
    """All times of one client are."""
    name = chance.choice(recording.logs("client-"))
    lines = []
    for line in recording.files[name]:
        call = json.loads(line)
        times = {each: call[each] // 1_000_000 for each in ("start_unix_ns", "end_unix_ns")}
        lines.append(json.dumps({**call, **times}).encode() + b"\n")
    return Recording({**recording.files, name: lines}, name)


_COLUMNS = ("client", "kind", "endpoint", "start", "end", "physical", "logical", "count", "error")


def _as_table(recording: Recording, chance: random.Random, zone: str) -> Recording | None:
    name = chance.choice(recording.logs("client-"))
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for line in recording.files[name]:
        call = json.loads(line)
        times = [_rfc(call[f"{each}_unix_ns"], zone) for each in ("start", "end")]
        whole = {**call, "start": times[0], "end": times[1]}
        table.writerow([whole.get(each, "") for each in _COLUMNS])
    files = {each: lines for each, lines in recording.files.items() if each != name}
    return Recording({**files, "samples.csv": [text.getvalue().encode()]}, name)


def _rfc(ns: int, zone: str) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, tz=UTC):%Y-%m-%d %H:%M:%S}.{ns % 10**9:09d}{zone}"


@kind(visible=False, clients=True)
def healthy_calls_as_a_table(recording: Recording, chance: random.Random) -> Recording | None:
    return _as_table(recording, chance, "+00:00")


@kind(visible=False, clients=True)
def healthy_calls_as_a_table_without_zone(recording: Recording, chance: random.Random) -> Recording | None:
    return _as_table(recording, chance, "")


# --- faults ------------------------------------------------------------------------------------------


@kind(clients=True)
def a_call_in_seconds(recording: Recording, chance: random.Random) -> Recording | None:
    """A physical part that counts seconds."""
    name, number, call = chance.choice(answered(recording)[1:])
    return with_call(recording, name, number, physical=call["physical"] // 1000)


@kind(clients=True)
def a_call_packed_into_its_physical_part(recording: Recording, chance: random.Random) -> Recording | None:
    name, number, call = chance.choice(answered(recording))
    packed = (call["physical"] << 18) + call["logical"]
    return with_call(recording, name, number, physical=packed, logical=0)


@kind(clients=True)
def a_grant_some_seconds_above_the_window(recording: Recording, chance: random.Random) -> Recording | None:
    name, number, call = chance.choice(answered(recording, tail=False))
    return with_call(recording, name, number, physical=call["physical"] + 30_000)


@kind(clients=True)
def a_number_as_text(recording: Recording, chance: random.Random) -> Recording | None:
    name, number, call = chance.choice(answered(recording))
    line = json.dumps({**call, "physical": str(call["physical"])}).encode() + b"\n"
    return recording.changed(name, number, line)


@kind(clients=True)
def a_call_without_its_count(recording: Recording, chance: random.Random) -> Recording | None:
    name, number, call = chance.choice(answered(recording))
    line = json.dumps({each: value for each, value in call.items() if each != "count"}).encode() + b"\n"
    return recording.changed(name, number, line)


@kind(clients=True)
def a_call_that_is_not_finished(recording: Recording, chance: random.Random) -> Recording | None:
    """A line in the middle ends in the middle."""
    name, number, _ = chance.choice(answered(recording))
    return recording.changed(name, number, recording.files[name][number][:90] + b"\n")


@kind(clients=True)
def a_logical_part_below_its_count(recording: Recording, chance: random.Random) -> Recording | None:
    name, number, call = chance.choice(answered(recording))
    return with_call(recording, name, number, count=call["logical"] + 2)


@kind(clients=True)
def a_client_is_given_less_than_before(recording: Recording, chance: random.Random) -> Recording | None:
    """By one, in its own order."""
    found = answered(recording)
    pairs = [
        (one, other)
        for one, other in pairwise(found)
        if one[0] == other[0]
        and one[2].get("worker") == other[2].get("worker")
        and one[2]["end_unix_ns"] < other[2]["start_unix_ns"]
        and one[2]["logical"] > one[2]["count"]
    ]
    if not pairs:
        return None
    one, (name, number, _) = chance.choice(pairs)
    logical = one[2]["logical"] - one[2]["count"]
    return with_call(recording, name, number, physical=one[2]["physical"], logical=logical, count=1)

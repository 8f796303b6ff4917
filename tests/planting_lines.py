"""Faults planted into several lines of logs: their order, lines of other servers and groups, settings."""

import random
import re
from datetime import timedelta

from .planting import (
    ELECTED,
    LOADED,
    NOT_GREATER,
    TIME,
    Recording,
    kind,
    lines_of,
    saved_in,
    shifted,
    with_another_save,
    with_group,
)

_HEAD = rf"^\[({TIME})\]"
_READY = r'"(?:PD leader|tso primary) is ready to serve"'
_SYNCED = r'"sync and save timestamp"'


def _later(recording: Recording, name: str, moment: bytes) -> int:
    """Where a line of that time belongs in another log."""
    lines = recording.files[name]
    return next((n for n, each in enumerate(lines) if each[:25] > b"[" + moment), len(lines) - 1)


def _into(recording: Recording, name: str, at: int, line: bytes) -> Recording:
    return recording.changed(name, at, line, recording.files[name][at])


@kind(doubted=True)
def ready_before_it_synced(recording: Recording, chance: random.Random) -> Recording | None:
    """A TSO server serves first and syncs then, ms apart; it clears what it has before it campaigns."""
    found = lines_of(recording, _SYNCED, "tso-")
    head = len(b"[2026/11/25 20:36:20.590 +00:00]")
    pairs = [
        (name, number, ready)
        for name, number, _ in found
        for of, ready, _ in lines_of(recording, _READY, "tso-")
        if of == name and 0 < ready - number < 10
        if recording.files[name][number][:head] != recording.files[name][ready][:head]
    ]
    if not pairs:
        return None
    name, one, other = chance.choice(pairs)
    lines = [*recording.files[name]]
    a, b = lines[one], lines[other]
    lines[one], lines[other] = a[:head] + b[head:], b[:head] + a[head:]
    return Recording({**recording.files, name: lines}, f"{name}:{one + 1} and {other + 1}")


@kind(doubted=True)
def ready_in_another_log(recording: Recording, chance: random.Random) -> Recording | None:
    """Another server says that it serves, in the middle of a term of which it was told."""
    found = lines_of(recording, rf"{_HEAD}.*{_READY}")
    pairs = [(line, other) for line in found for other in recording.logs(line[0][:3]) if other != line[0]]
    if not pairs:
        return None
    (name, number, match), other = chance.choice(pairs)
    return _into(recording, other, _later(recording, other, match[1]), recording.files[name][number])


@kind()
def a_sync_in_another_log(recording: Recording, chance: random.Random) -> Recording | None:
    """Two servers say that they saved the same window."""
    found = lines_of(recording, rf"{_HEAD}.*{_SYNCED}")
    pairs = [(line, other) for line in found for other in recording.logs() if other != line[0]]
    if not pairs:
        return None
    (name, number, match), other = chance.choice(pairs)
    return _into(recording, other, _later(recording, other, match[1]), recording.files[name][number])


@kind()
def a_sync_told_twice(recording: Recording, chance: random.Random) -> Recording | None:
    """The same window is saved again 70 ms later."""
    found = lines_of(recording, rf"{_HEAD}.*{_SYNCED}")
    if not found:
        return None
    name, number, match = chance.choice(found)
    line = recording.files[name][number]
    moment = shifted(match[1], timedelta(milliseconds=70))
    at = max(_later(recording, name, moment), number + 1)
    return _into(recording, name, at, b"[" + moment + line[match.end(1) :])


@kind()
def a_lease_granted_to_two(recording: Recording, chance: random.Random) -> Recording | None:
    """etcd gives no two servers the same lease."""
    pattern = r'"lease granted"\] \[lease-id=(\d+)\].*purpose="(?:leader|keyspace group primary) election"'
    found = lines_of(recording, pattern)
    pairs = [(one, other) for one in found for other in found if one[0] != other[0]]
    if not pairs:
        return None
    one, (name, number, match) = chance.choice(pairs)
    return with_group(recording, name, number, match, 1, one[2][1])


@kind()
def elections_exchanged(recording: Recording, chance: random.Random) -> Recording | None:
    """The lines of two elections of one server name each other's revisions."""
    found = lines_of(recording, rf"{ELECTED}")
    pairs = [(one, other) for one in found for other in found if one[0] == other[0] and one[1] < other[1]]
    if not pairs:
        return None
    (name, one, _), (_, other, _) = chance.choice(pairs)
    lines = [*recording.files[name]]
    said = re.compile(rb'\\"revision\\":(\d+)')
    first, second = (said.findall(lines[each])[0] for each in (one, other))
    lines[one] = lines[one].replace(b'\\"revision\\":' + first, b'\\"revision\\":' + second)
    lines[other] = lines[other].replace(b'\\"revision\\":' + second, b'\\"revision\\":' + first)
    return Recording({**recording.files, name: lines}, f"{name}:{one + 1} and {other + 1}")


@kind()
def a_window_loaded_of_the_future(recording: Recording, chance: random.Random) -> Recording | None:
    """A sync tells that it loaded a window that somebody saves long after."""
    found = lines_of(recording, rf"{_SYNCED}\].* \[last=({TIME})\]")
    return with_another_save(recording, chance, found, 3)


@kind()
def a_load_of_the_future(recording: Recording, chance: random.Random) -> Recording | None:
    """A PD's load tells of a window that somebody saves long after its sync."""
    synced = {name: number for name, number, _ in lines_of(recording, _SYNCED, "pd-")}
    found = [each for each in lines_of(recording, LOADED, "pd-") if each[1] < synced.get(each[0], 0)]
    return with_another_save(recording, chance, found, 3)


@kind()
def a_previous_value_of_the_future(recording: Recording, chance: random.Random) -> Recording | None:
    """A refusal names what somebody saves long after."""
    saved = saved_in(recording)
    choices = [
        (name, number, match, saved[saved.index(int(match[2])) + 2])
        for name, number, match in lines_of(recording, NOT_GREATER)
        if int(match[2]) in saved and saved.index(int(match[2])) + 2 < len(saved)
    ]
    if not choices:
        return None
    name, number, match, other = chance.choice(choices)
    lines = [line.replace(match[2], b"%d" % other) for line in recording.files[name]]
    return Recording({**recording.files, name: lines}, f"{name}:{number + 1}")


@kind(doubted=True)
def another_save_interval(recording: Recording, chance: random.Random) -> Recording | None:
    """The server dumps a setting that none of its syncs has, until it starts again."""
    starts = lines_of(recording, r'save-interval\\":\\"(\d+)s\\"')
    syncs = [(name, number) for name, number, _ in lines_of(recording, _SYNCED)]
    found = [
        (name, number, match)
        for name, number, match in starts
        for after in [min((n for of, n, _ in starts if of == name and n > number), default=1 << 30)]
        if any(of == name and number < n < after for of, n in syncs)
    ]
    if not found:
        return None
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 1, b"%d" % (int(match[1]) + 4))


@kind(visible=False)
def healthy_lines_of_another_group(recording: Recording, chance: random.Random) -> Recording | None:
    """A TSO server tells of its syncs of another group, with other windows."""
    found = lines_of(recording, rf"{_SYNCED}\] (\[\]) \[last=")
    if not found:
        return None
    name, number, match = chance.choice(found)
    line = recording.files[name][number]
    other = line[: match.start(1)] + b"[keyspace-group-id=1]" + line[match.end(1) :]
    for moment in re.findall(TIME.encode(), other)[1:]:
        if not moment.startswith(b"0001"):
            other = other.replace(moment, shifted(moment, timedelta(milliseconds=-1234567)))
    return _into(recording, name, number + 1, other)


@kind(visible=False)
def healthy_summer_time_ends(recording: Recording, chance: random.Random) -> Recording | None:
    """From some line on a log is written in another zone; the moments are the same."""
    name = chance.choice(recording.logs())
    begin = chance.randrange(len(recording.files[name]))
    head = re.compile(_HEAD.encode())
    lines = []
    for number, line in enumerate(recording.files[name]):
        hours = 2 if number < begin else 1
        found = head.match(line)
        if found:
            local = shifted(found[1], timedelta(hours=hours)).replace(b" +00:00", b" +0%d:00" % hours)
            line = b"[" + local + line[found.end(1) :]  # noqa: PLW2901
        lines.append(line)
    return Recording({**recording.files, name: lines}, f"{name} from {begin + 1}")


@kind(visible=False)
def healthy_leap_second(recording: Recording, chance: random.Random) -> Recording | None:
    """A line is of second 60."""
    found = lines_of(recording, r"^\[\d{4}/\d\d/\d\d \d\d:\d\d:(\d\d)\.")
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 1, b"60")


@kind(visible=False)
def healthy_line_of_last_year(recording: Recording, chance: random.Random) -> Recording | None:
    """A line in the middle is dated a year before."""
    found = lines_of(recording, r"^\[(\d{4})/")
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 1, b"%d" % (int(match[1]) - 1))


@kind(visible=False)
def healthy_lines_in_another_order(recording: Recording, chance: random.Random) -> Recording | None:
    """A log that a tool sorted by level, or by chance: each line has its time."""
    name = chance.choice(recording.logs())
    lines = [*recording.files[name]]
    chance.shuffle(lines)
    return Recording({**recording.files, name: lines}, name)


@kind(visible=False)
def healthy_lines_the_other_way_round(recording: Recording, chance: random.Random) -> Recording | None:
    """As log stores show them: the newest first."""
    name = chance.choice(recording.logs())
    return Recording({**recording.files, name: recording.files[name][::-1]}, name)


@kind(visible=False)
def healthy_traces_between(recording: Recording, chance: random.Random) -> Recording | None:
    """Stack traces, and bytes that are no text."""
    name = chance.choice(recording.logs())
    lines = []
    for line in recording.files[name]:
        lines.append(line)
        if chance.random() < 0.1:
            lines += [b"goroutine 1 [running]:\n", b"\tmain.main()\n", b"\xff\xfe\x00 \x80\n"]
    return Recording({**recording.files, name: lines}, name)

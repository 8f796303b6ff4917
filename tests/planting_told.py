"""Faults planted into what logs tell of elections, leases and terms: told again, exchanged, made up."""

import random
import re
from collections.abc import Callable, Sequence
from datetime import timedelta

from .planting import (
    HOUR_NS,
    TIME,
    Recording,
    events_of,
    kind,
    lines_of,
    shift_field,
    shifted,
    with_group,
    with_pair,
)

_HEAD = rf"^\[({TIME})\]"
_READY = r'"(?:PD leader|tso primary) is ready to serve"'
_LEASE_AT_MOST = timedelta(seconds=5)
_DELETED = r'"current leadership is deleted"\] \[revision=(\d+)\] \[leader-key=\S*/(?:leader|primary)\]'
_SYNCED = r'"sync and save timestamp"'
_GRANTED = r'"lease granted"\] \[lease-id=(\d+)\].*purpose="(?:leader|keyspace group primary) election'


@kind()
def a_sync_goes_on_above_its_window(recording: Recording, chance: random.Random) -> Recording | None:
    return shift_field(recording, chance, _SYNCED, "next", timedelta(microseconds=HOUR_NS // 1000))


@kind()
def elected_at_a_revision_that_was_not_reached(
    recording: Recording, chance: random.Random
) -> Recording | None:
    """In a log that goes on, and tells of later ones."""
    syncs = {name: number for name, number, _ in lines_of(recording, _SYNCED)}
    found = lines_of(recording, r'"check campaign resp".*?\\"revision\\":(\d+)')
    found = [each for each in found if each[1] < syncs.get(each[0], 0)]
    if not found:
        return None
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 1, b"%d" % (int(match[1]) + 4000))


@kind(doubted=True)
def an_election_a_revision_later(recording: Recording, chance: random.Random) -> Recording | None:
    """The watch has the event at another revision than the log."""
    found = [event for event in events_of(recording, "leader", "primary") if event.put]
    if not found:
        return None
    event = chance.choice(found)
    revision = event.pair["mod_revision"] + 1
    return with_pair(recording, event, mod_revision=revision, create_revision=revision)


@kind()
def two_syncs_exchanged(recording: Recording, chance: random.Random) -> Recording | None:
    """Two syncs, of one log or of two, tell each other's windows."""
    found = lines_of(recording, rf"{_SYNCED}.* (\[last=.*)$")
    pairs = [(a, b) for a in found for b in found if a[:2] < b[:2] and a[2][1] != b[2][1]]
    return _exchanged(recording, *chance.choice(pairs)) if pairs else None


@kind()
def two_leases_exchanged(recording: Recording, chance: random.Random) -> Recording | None:
    """The leases of two elections that were won, of one log or of two."""
    won = [
        (name, number, match)
        for name, number, match in lines_of(recording, _GRANTED)
        if any(b'"check campaign resp"' in line for line in recording.files[name][number : number + 4])
    ]
    pairs = [(a, b) for a in won for b in won if a[:2] < b[:2]]
    return _exchanged(recording, *chance.choice(pairs)) if pairs else None


_Line = tuple[str, int, re.Match[bytes]]


def _exchanged(recording: Recording, one: _Line, other: _Line) -> Recording:
    """What was found in one line stands in the other one, and the other way round."""
    first = with_group(recording, *one, 1, other[2][1])
    return with_group(first, *other, 1, one[2][1])


def _after_ready(
    recording: Recording,
    chance: random.Random,
    text: str,
    *names: str,
    goes_on: timedelta = timedelta(),
    after: Callable[[Sequence[bytes]], bool] = lambda _: True,
) -> Recording | None:
    """A line in the middle of a term: one of that log that has such a text, or the text itself.

    The log goes on after it, at least for so long; what is before it is ``after`` something.
    """
    choices = []
    for name, number, match in lines_of(recording, rf"{_HEAD}.*{_READY}", *names):
        lines = recording.files[name]
        like = [line for line in lines if text.encode() in line]
        long = shifted(match[1], goes_on) <= lines[-1][1:][: len(match[1])]
        may = number + 4 < len(lines) and long and after(lines[:number])
        if may and (like or text.startswith("[")):
            choices.append((name, number, match[1], like))
    if not choices:
        return None
    name, number, moment, like = chance.choice(choices)
    told = chance.choice(like)[len(moment) + 3 :] if like else text.encode() + b"\n"
    line = recording.files[name][number]
    return recording.changed(name, number, line, b"[" + moment + b"] " + told)


@kind()
def an_election_told_again(recording: Recording, chance: random.Random) -> Recording | None:
    return _after_ready(recording, chance, '"check campaign resp"')


@kind()
def a_deletion_told_again(recording: Recording, chance: random.Random) -> Recording | None:
    """A follower sees its leader's key go, and later once more, at a revision that etcd has since."""
    found = lines_of(recording, rf"{_HEAD}.*{_DELETED}")
    found = [
        (name, number, match) for name, number, match in found if number + 4 < len(recording.files[name])
    ]
    if not found:
        return None
    name, number, match = chance.choice(found)
    line = recording.files[name][number]
    again = line.replace(b"[revision=" + match[2], b"[revision=%d" % (int(match[2]) + 1))
    moment = shifted(match[1], timedelta(milliseconds=1))
    return recording.changed(name, number, line, b"[" + moment + again[len(match[1]) + 1 :])


@kind(doubted=True)
def a_campaign_won_twice(recording: Recording, chance: random.Random) -> Recording | None:
    return _after_ready(recording, chance, '"campaign PD leader ok', "pd-")


@kind(doubted=True)
def a_campaign_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """One that serves begins to campaign."""
    return _after_ready(recording, chance, '"start to campaign')


@kind(doubted=True)
def following_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """A leader that serves watches another one."""
    text = r'[INFO] [server.go:1] ["start to watch pd leader"] [pd-leader="name:\"pd9\" "]'
    return _after_ready(recording, chance, text, "pd-")


@kind(doubted=True)
def an_end_of_keep_alive_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """A leader renews its lease no more, and serves on when that has run out."""
    text = '[INFO] [lease.go:160] ["lease keep alive stopped"] [purpose="leader election"]'
    return _after_ready(recording, chance, text, "pd-", goes_on=_LEASE_AT_MOST + timedelta(seconds=1))


@kind(doubted=True)
def a_provider_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """A PD in PD service mode says that it takes timestamps from TSO servers."""
    if lines_of(recording, '"TSO is provided'):
        return None
    text = '[INFO] [cluster.go:1] ["TSO is provided by TSO server"]'
    return _after_ready(recording, chance, text, "pd-", after=_synced_since_it_started)


def _synced_since_it_started(lines: Sequence[bytes]) -> bool:
    last = next((line for line in reversed(lines) if _SYNCED.encode() in line or b'"PD config"' in line), b"")
    return _SYNCED.encode() in last


@kind(doubted=True)
def a_start_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """A PD that serves dumps its settings once more, and then steps down without another election."""
    ends = {
        name: number for name, number, _ in lines_of(recording, '"(?:no longer|etcd leader changed)', "pd-")
    }
    found = lines_of(recording, rf"{_HEAD}.*{_READY}", "pd-")
    found = [each for each in found if each[1] < ends.get(each[0], 0)]
    dumps = {name: number for name, number, _ in lines_of(recording, '"PD config"', "pd-")}
    if not found:
        return None
    name, number, match = max(found, key=lambda each: each[1])
    line, dump = recording.files[name][number], recording.files[name][dumps[name]]
    return recording.changed(name, number, line, dump[:1] + match[1] + dump[len(match[1]) + 1 :])

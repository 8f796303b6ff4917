"""More kinds of planted faults: in etcd's events and their leases, and in what logs say.

Those called `healthy-` are no faults at all: what a watch, a log or a clock of a healthy cluster may be like.
None of these may be accused.
"""

import json
import random
import re
from base64 import b64decode, b64encode
from datetime import timedelta

from .planting import (
    ATTEMPT,
    ELECTED,
    TIME,
    WATCH,
    Event,
    Recording,
    events_of,
    kind,
    lines_of,
    ns_of,
    saved_in,
    shift_field,
    shifted,
    with_group,
    with_group_of_one,
    with_pair,
)

_HEAD = rf"^\[({TIME})\]"


# --- writes of the timestamp key ---------------------------------------------------------------------


def _value(event: Event) -> int:
    return int.from_bytes(b64decode(event.pair["value"]), "big")


def _with_value(recording: Recording, event: Event, value: int) -> Recording:
    return with_pair(recording, event, value=b64encode(value.to_bytes(8, "big")).decode())


def _without(recording: Recording, event: Event) -> Recording:
    """The watch without an event, and without its line if that has no other."""
    document = json.loads(recording.files[WATCH][event.number])
    del document["response"]["Events"][event.index]
    left = [json.dumps(document).encode() + b"\n"] if document["response"]["Events"] else []
    return recording.changed(WATCH, event.number, *left)


def _chosen(
    recording: Recording, chance: random.Random, *keys: str, put: bool, after: int = 0
) -> Event | None:
    """One of the events, so many others of that kind came before."""
    found = [event for event in events_of(recording, *keys) if event.put is put][after:]
    return chance.choice(found) if found else None


@kind(doubted=True)
def a_save_removed(recording: Recording, chance: random.Random) -> Recording | None:
    """The key's version tells that a write is missing."""
    found = [*events_of(recording, "timestamp")][1:-1]
    return _without(recording, chance.choice(found)) if found else None


@kind()
def two_saves_exchanged(recording: Recording, chance: random.Random) -> Recording | None:
    found = [*events_of(recording, "timestamp")]
    at = chance.randrange(1, len(found) - 1) if len(found) > 2 else 0
    if not at:
        return None
    one, other = found[at], found[at + 1]
    return _with_value(_with_value(recording, one, _value(other)), other, _value(one))


@kind()
def a_smaller_value_saved(recording: Recording, chance: random.Random) -> Recording | None:
    """Less than what had been saved before."""
    event = _chosen(recording, chance, "timestamp", put=True, after=1)
    return None if event is None else _with_value(recording, event, saved_in(recording)[0] - 10_000_000_000)


@kind()
def the_same_value_saved_again(recording: Recording, chance: random.Random) -> Recording | None:
    found = [*events_of(recording, "timestamp")]
    if len(found) < 3:
        return None
    at = chance.randrange(1, len(found))
    return _with_value(recording, found[at], _value(found[at - 1]))


@kind()
def a_value_moved_by_milliseconds(recording: Recording, chance: random.Random) -> Recording | None:
    """What was saved is not what the sync says that saved it."""
    synced = {
        ns_of(match[1]) // 1_000_000
        for *_, match in lines_of(recording, rf'"sync and save timestamp".* \[save=({TIME})\]')
    }
    found = [each for each in events_of(recording, "timestamp") if _value(each) // 1_000_000 in synced]
    if not found:
        return None
    event = chance.choice(found)
    return _with_value(recording, event, _value(event) + chance.choice([7_000_000, -7_000_000]))


@kind(doubted=True)
def a_value_of_seven_bytes(recording: Recording, chance: random.Random) -> Recording | None:
    event = _chosen(recording, chance, "timestamp", put=True)
    if event is None:
        return None
    return with_pair(recording, event, value=b64encode(b64decode(event.pair["value"])[:7]).decode())


@kind()
def a_version_left_out(recording: Recording, chance: random.Random) -> Recording | None:
    """The key's version counts a write that no revision has."""
    event = _chosen(recording, chance, "timestamp", put=True, after=1)
    return None if event is None else with_pair(recording, event, version=event.pair["version"] + 1)


@kind()
def a_saved_value_with_a_lease(recording: Recording, chance: random.Random) -> Recording | None:
    event = _chosen(recording, chance, "timestamp", put=True)
    lease = _chosen(recording, chance, "leader", put=True)
    if event is None or lease is None:
        return None
    return with_pair(recording, event, lease=lease.pair["lease"])


@kind()
def the_timestamp_key_deleted(recording: Recording, chance: random.Random) -> Recording | None:
    event = _chosen(recording, chance, "timestamp", put=True, after=1)
    if event is None:
        return None
    document = json.loads(recording.files[WATCH][event.number])
    events = document["response"]["Events"]
    pair = events[event.index]["kv"]
    events[event.index] = {"type": 1, "kv": {"key": pair["key"], "mod_revision": pair["mod_revision"]}}
    return recording.changed(WATCH, event.number, json.dumps(document).encode() + b"\n")


# --- elections -----------------------------------------------------------------------------------------


@kind(doubted=True)
def an_election_removed(recording: Recording, chance: random.Random) -> Recording | None:
    event = _chosen(recording, chance, "leader", "primary", put=True, after=1)
    return None if event is None else _without(recording, event)


@kind(doubted=True)
def a_deletion_removed(recording: Recording, chance: random.Random) -> Recording | None:
    """The key is written anew although nothing deleted it."""
    found = [*events_of(recording, "leader", "primary")]
    gone = [
        a for a in found if not a.put and any(b.key == a.key and b.put and b.number > a.number for b in found)
    ]
    return _without(recording, chance.choice(gone)) if gone else None


@kind(doubted=True)
def a_deletion_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """The leader's key goes with one of the leader's own saves, and the leader goes on."""
    saves = [*events_of(recording, "timestamp")]
    leaders = [event for event in events_of(recording, "leader") if event.put]
    terms = [
        (one, save)
        for one, after in zip(leaders, [*leaders[1:], None], strict=True)
        for save in saves[:-1]
        if one.number < save.number < (after.number if after else saves[-1].number) - 1
    ]
    if not terms:
        return None
    leader, save = chance.choice(terms)
    document = json.loads(recording.files[WATCH][save.number])
    gone = {"type": 1, "kv": {"key": leader.pair["key"], "mod_revision": save.pair["mod_revision"]}}
    document["response"]["Events"].append(gone)
    return recording.changed(WATCH, save.number, json.dumps(document).encode() + b"\n")


@kind()
def a_primary_of_another_group(recording: Recording, chance: random.Random) -> Recording | None:
    """The key that the server's log names is another one in etcd."""
    event = _chosen(recording, chance, "primary", put=True)
    if event is None:
        return None
    path = b64decode(event.pair["key"]).replace(b"/00000/", b"/00001/")
    return with_pair(recording, event, key=b64encode(path).decode())


@kind()
def a_leader_that_nothing_else_names(recording: Recording, chance: random.Random) -> Recording | None:
    event = _chosen(recording, chance, "leader", put=True)
    if event is None:
        return None
    value = b64decode(event.pair["value"]).replace(b"pd", b"qd", 1)
    return with_pair(recording, event, value=b64encode(value).decode())


@kind()
def the_lease_of_a_registration(recording: Recording, chance: random.Random) -> Recording | None:
    """An election key has the lease that another election of that recording had before it."""
    found = [event for event in events_of(recording, "leader", "primary") if event.put]
    if len(found) < 2:
        return None
    at = chance.randrange(1, len(found))
    return with_pair(recording, found[at], lease=found[at - 1].pair["lease"])


# --- what logs say ---------------------------------------------------------------------------------------


@kind()
def refused_for_another_reason(recording: Recording, chance: random.Random) -> Recording | None:
    """Saves refused by the fence are said to be refused because the key is another's, which it is not."""
    found = lines_of(recording, r"tso microservice primary exists, PD in PD service mode must yield")
    names = sorted({name for name, *_ in found})
    if not names:
        return None
    name = chance.choice(names)
    said = re.compile(rb"tso microservice primary exists, PD in PD service mode must yield")
    lines = [said.sub(b"pd1 is not leader", line) for line in recording.files[name]]
    return Recording({**recording.files, name: lines}, name)


_FENCED = (
    b'[WARN] [tso.go:141] ["save timestamp failed"] [] '
    b'[error="tso microservice primary exists, PD in PD service mode must yield"]\n'
)


def _serving_without_a_primary(recording: Recording) -> list[tuple[str, int, re.Match[bytes], bool]]:
    """Lines of PDs that begin to serve where etcd never has a TSO primary; whether the watch goes on."""
    if any(event.put for event in events_of(recording, "primary")):
        return []
    numbers = [event.number for event in events_of(recording, "leader", "timestamp")]
    end = json.loads(recording.files[WATCH][numbers[-1]])["recv_unix_ns"]
    found = lines_of(recording, rf'{_HEAD}.*"PD leader is ready to serve"', "pd-")
    return [(*each, ns_of(each[2][1]) + 1_000_000_000 < end) for each in found]


def _just_after(
    recording: Recording, chance: random.Random, found: list[tuple[str, int, re.Match[bytes]]], text: bytes
) -> Recording | None:
    """A line after one of these, at the same time."""
    if not found:
        return None
    name, number, match = chance.choice(found)
    return recording.changed(name, number, recording.files[name][number], b"[" + match[1] + b"] " + text)


@kind()
def a_refusal_by_the_fence_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """Where etcd never has a TSO primary."""
    found = [each[:3] for each in _serving_without_a_primary(recording) if each[3]]
    return _just_after(recording, chance, found, _FENCED)


@kind(doubted=True)
def a_refusal_after_the_watch(recording: Recording, chance: random.Random) -> Recording | None:
    """There may be a TSO primary then; but of what became of that update the log says nothing."""
    found = [each[:3] for each in _serving_without_a_primary(recording) if not each[3]]
    return _just_after(recording, chance, found, _FENCED)


def _in_a_term(recording: Recording, chance: random.Random, text: bytes) -> Recording | None:
    """A line in a PD's log just after it began to serve, and before it goes on."""
    lines = lines_of(recording, rf'{_HEAD}.*"PD leader is ready to serve"', "pd-")
    found = [each for each in lines if each[1] + 1 < len(recording.files[each[0]])]
    return _just_after(recording, chance, found, text + b"\n")


@kind(doubted=True)
def a_reset_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    return _in_a_term(recording, chance, b'[INFO] [tso.go:471] ["reset the timestamp in memory"] []')


@kind(doubted=True)
def a_step_down_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    text = b'["no longer a leader because lease has expired, PD leader will step down"]'
    return _in_a_term(recording, chance, b"[INFO] [server.go:1] " + text)


@kind(doubted=True)
def an_update_given_up_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    """Then the memory would have been cleared."""
    said = b'[WARN] [allocator.go:134] ["failed to update allocator\'s timestamp"] [error="txn failed"]'
    return _in_a_term(recording, chance, said)


@kind(doubted=True)
def an_exit_made_up(recording: Recording, chance: random.Random) -> Recording | None:
    return _in_a_term(recording, chance, b'[INFO] [main.go:1] ["got signal to exit"] [signal=terminated]')


@kind()
def a_name_of_another(recording: Recording, chance: random.Random) -> Recording | None:
    return with_group_of_one(recording, chance, r"\[campaign-leader-name=(pd\d)\]", b"qd7")


def _before_the_end(recording: Recording, moment: bytes) -> bool:
    """Whether the watch goes on long after a line."""
    last = max(event.number for event in events_of(recording, "leader", "primary", "timestamp"))
    received: int = json.loads(recording.files[WATCH][last])["recv_unix_ns"]
    return ns_of(moment) + 10_000_000_000 < received


@kind()
def a_name_of_another_in_a_line_that_nothing_reads(
    recording: Recording, chance: random.Random
) -> Recording | None:
    return with_group_of_one(
        recording, chance, r'"keep leader lease completed".*\[campaign-leader-name=(pd\d)\]', b"qd7"
    )


@kind()
def a_transfer_from_another(recording: Recording, chance: random.Random) -> Recording | None:
    return with_group_of_one(recording, chance, r'"try to resign.*\[from=(pd\d)\]', b"qd7")


@kind()
def another_followed(recording: Recording, chance: random.Random) -> Recording | None:
    """A PD that never led, or a TSO server at another address."""
    pattern = _HEAD + r'.*"start to watch (?:pd leader|the primary)".*=".*?name:\\"(?:http://[\d.]*:)?(\w+)'
    pattern += r'(?:-\d{5}\\" id:\d+ listen_urls:\\"http://[\d.]*:(\d+))?'
    found = [each for each in lines_of(recording, pattern) if _before_the_end(recording, each[2][1])]
    if not found:
        return None
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 3 if match[3] else 2, b"99")


@kind()
def another_key_deleted_by_its_holder(recording: Recording, chance: random.Random) -> Recording | None:
    found = lines_of(recording, r'"delete the leader key ok".*\[leader-key=/pd/(\d+)/leader\]', "pd-")
    if not found:
        return None
    name, number, match = chance.choice(found)
    line = recording.files[name][number]
    other = line.replace(b"/pd/%s/leader" % match[1], b"/ms/%s/tso/00000/primary" % match[1])
    return recording.changed(name, number, other)


@kind()
def a_window_persisted_that_never_was(recording: Recording, chance: random.Random) -> Recording | None:
    """As master tells it, beside the line of a sync."""
    found = lines_of(recording, rf'{_HEAD}.*"sync and save timestamp".* \[save=({TIME})\]')
    saved = saved_in(recording)
    found = [each for each in found if ns_of(each[2][2]) < saved[-1] - 1_000_000_000]
    if not found:
        return None
    name, number, match = chance.choice(found)
    line = recording.files[name][number]
    value = shifted(match[2], timedelta(milliseconds=7))
    said = b'["persisted tso window to etcd (update)"] [save=%s]' % value
    return recording.changed(name, number, line, b"[%s] [DEBUG] [tso.go:410] %s\n" % (match[1], said))


@kind()
def a_key_of_another_cluster(recording: Recording, chance: random.Random) -> Recording | None:
    found = lines_of(recording, r"-key=/(?:pd|ms)/(\d{15,})/")
    if len(found) < 2:
        return None
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 1, b"%d" % (int(match[1]) + 1))


@kind()
def skipped_although_it_differs(recording: Recording, chance: random.Random) -> Recording | None:
    """A sync is skipped where what is saved is what the server saved last."""
    by = timedelta(milliseconds=chance.choice([7, -400, 900]))
    return shift_field(recording, chance, '"skip sync timestamp"', "last-saved", by)


@kind()
def a_clock_behind_what_never_was(recording: Recording, chance: random.Random) -> Recording | None:
    by = timedelta(milliseconds=chance.choice([7, -7, 400]))
    return shift_field(recording, chance, '"system time may be incorrect"', "last", by)


@kind(doubted=True)
def an_election_not_won(recording: Recording, chance: random.Random) -> Recording | None:
    """The answer to the campaign says that it failed; then the server says that it has won."""
    found = lines_of(recording, ELECTED)
    if not found:
        return None
    name, number, _ = chance.choice(found)
    line = recording.files[name][number].replace(b'\\"succeeded\\":true', b'\\"succeeded\\":false')
    return recording.changed(name, number, line)


@kind()
def an_attempt_with_the_value_of_another(recording: Recording, chance: random.Random) -> Recording | None:
    """The election key should have a value that names another server."""
    found = lines_of(recording, rf'{ATTEMPT}.*expected-leader-value="\\n\\u0003(pd\d)', "pd-")
    if not found:
        return None
    name, number, match = chance.choice(found)
    return with_group(recording, name, number, match, 1, b"pd9")


@kind()
def a_lease_of_an_election_twice(recording: Recording, chance: random.Random) -> Recording | None:
    """The next election is won with a lease that was granted for the one before."""
    pattern = r'"lease granted"\] \[lease-id=(\d+)\].*purpose="(?:leader|keyspace group primary) election"'
    found = lines_of(recording, pattern)
    pairs = [(one, other) for one in found for other in found if one[0] == other[0] and one[1] < other[1]]
    if not pairs:
        return None
    one, (name, number, match) = chance.choice(pairs)
    return with_group(recording, name, number, match, 1, one[2][1])


# --- clocks, and watches: no faults ------------------------------------------------------------------------


def log_shifted(recording: Recording, name: str, by: timedelta, begin: int = 0) -> Recording:
    head = re.compile(_HEAD.encode())
    lines = [
        line
        if number < begin or not (found := head.match(line))
        else b"[" + shifted(found[1], by) + line[found.end(1) :]
        for number, line in enumerate(recording.files[name])
    ]
    return Recording({**recording.files, name: lines}, f"{name} by {by} from line {begin + 1}")


@kind(visible=False)
def healthy_log_ahead(recording: Recording, chance: random.Random) -> Recording | None:
    """A host whose clock differs, and only its log shows it."""
    by = timedelta(milliseconds=chance.choice([-2000, -1000, -100, 100, 1000, 2000]))
    return log_shifted(recording, chance.choice(recording.logs()), by)


@kind(visible=False)
def healthy_log_set_back(recording: Recording, chance: random.Random) -> Recording | None:
    """The clock that a log is written by is set by an hour, in its middle."""
    name = chance.choice(recording.logs())
    by = timedelta(hours=chance.choice([-1, 1]))
    return log_shifted(recording, name, by, chance.randrange(len(recording.files[name])))


@kind(visible=False)
def healthy_recorder_ahead(recording: Recording, chance: random.Random) -> Recording | None:
    by = chance.choice([-2_000, -1_000, -100, 100, 1_000, 2_000]) * 1_000_000
    lines = []
    for line in recording.files[WATCH]:
        document = json.loads(line)
        document["recv_unix_ns"] += by
        lines.append(json.dumps(document).encode() + b"\n")
    return Recording({**recording.files, WATCH: lines}, f"receipts by {by / 1e6} ms")


@kind(visible=False)
def healthy_watch_from_a_revision_on(recording: Recording, chance: random.Random) -> Recording | None:
    """What was before is compacted."""
    lines = recording.files[WATCH]
    begin = chance.randrange(1, len(lines) - 1)
    return Recording({**recording.files, WATCH: lines[begin:]}, f"the watch from its line {begin + 1} on")


@kind(visible=False)
def healthy_responses_lost(recording: Recording, chance: random.Random) -> Recording | None:
    lines = recording.files[WATCH]
    begin = chance.randrange(1, len(lines) - 1)
    return recording.without(WATCH, {*range(begin, min(begin + chance.randint(1, 3), len(lines) - 1))})


@kind(visible=False)
def healthy_other_time_zone(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice(recording.logs())
    ahead = log_shifted(recording, name, timedelta(hours=8))
    lines = [line.replace(b" +00:00]", b" +08:00]", 1) for line in ahead.files[name]]
    return Recording({**ahead.files, name: lines}, name)


@kind(visible=False)
def healthy_line_twice(recording: Recording, chance: random.Random) -> Recording | None:
    name = chance.choice([WATCH, *recording.logs()])
    number = chance.randrange(len(recording.files[name]))
    line = recording.files[name][number]
    return recording.changed(name, number, line, line)

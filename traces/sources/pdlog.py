"""Logs of PD and of TSO servers: zap text lines `[time] [LEVEL] [file.go:line] ["message"] [field=value]...`

A line is an observation if its message is in the table; all others are counted. The level does not matter
(some builds log at info what others log at debug), nor do capitals. Times carry their offset from UTC. What
releases before wrote for the same step follows in brackets; 7.0 to 8.5 call a PD in API mode `API Service` where
they call another one `PD`, and 5.0 to 8.5 say `global TSO` for `TSO`. Which build writes what: `builds.py`.

| message (PD / TSO server) | step | fields used |
|---|---|---|
| `PD config` / `TSO service config` (7.0 to 7.4 `TSO config`) | SERVER_START | see `settings.py` |
| `got signal to exit` | SERVER_EXIT | |
| `start to campaign PD leader` (4.0 `... campaign leader`) / `start to campaign the primary` | CAMPAIGN_START | |
| `skip campaigning of pd leader and check later` (4.0 `skip campaign leader ...`) / `... of tso primary ...` | CAMPAIGN_SKIPPED | |
| `campaign PD leader meets error ...` (4.0 `campaign leader meet error`), `campaign times is too frequent, ...` / `campaign tso primary meets error ...` | CAMPAIGN_REFUSED | `error` |
| `lease granted` | LEASE_GRANTED | `lease-id`, `lease-timeout` -> `lease_s`, `purpose` -> `key` |
| `check campaign resp` (succeeded) | ELECTED | `resp` -> `revision` |
| `leader election succeeded, start leader ready process` (`campaign PD leader ok`, 4.0 `campaign leader ok`) / `campaign tso primary ok` | CAMPAIGN_WON | |
| `start to sync timestamp` (4.0 `sync timestamp for tso`) | SYNC_START | |
| `load timestamp window successfully` | WINDOW_LOADED | `ts-window` -> `last_ns` |
| `system time may be incorrect` | CLOCK_BEHIND | `last`, `last-saved`, `next` |
| `sync and save timestamp` | SYNC_SAVED | `last`, `last-saved`, `save`, `next` |
| `skip sync timestamp` | SYNC_SKIPPED | `last`, `last-saved` |
| `set expected primary flag`, `delete expected primary flag`, `primary exit the primary watch loop` | EXPECTED_SET, EXPECTED_DELETED, EXPECTED_LEFT | |
| `PD leader is ready to serve` (to 6.6 `PD cluster leader ...`) / `tso primary is ready to serve` | READY | PD: also when the sync was refused |
| `persisted tso window to etcd (update)`, `... (user-reset)` | WINDOW_SAVED | `save`, `next` |
| `leader value does not match` | KEY_OF_ANOTHER | |
| `ignored a stale allocator update failure ...` | STALE_FAILURE | |
| `skip transferring primary to itself` | TRANSFER_SKIPPED | |
| `saving timestamp to the storage` | SAVE_ATTEMPT | `ts` -> `save_ns`, `leader-key`, `expected-leader-value` -> `text`, `check-tso-primary` -> `fenced` |
| `save timestamp failed`, `try to update the tso but failed`, `failed to update allocator's timestamp, resetting ...` (`failed to update allocator's timestamp`, 4.0 `failed to update timestamp`) | SAVE_REFUSED | `error`, `retry-count` |
| `failed to initialize the TSO allocator` (4.0 `failed to sync timestamp`), `failed to start TSO jobs`, `failed to switch TSO provider back to PD ...` | SAVE_REFUSED | `error` |
| `reset the timestamp in memory` | RESET | |
| `closing the TSO allocator`, `closing the embedded TSO allocator`, `stop embedded TSO allocator ...` | ALLOCATOR_CLOSED | |
| `no longer a leader ...` (4.0 `lease expired, leader step down`), `etcd leader changed, resigns pd leadership` (4.0 `... resigns leadership`) / `no longer a primary ...`, `no longer be primary ...` | STEP_DOWN | |
| `keep alive lease too slow` (to 7.6 `lease timeout`), `the interval between keeping alive lease is too long` | KEEP_ALIVE_SLOW | `purpose` |
| `lease keep alive stopped` | KEEP_ALIVE_STOPPED | `purpose` |
| `lease keep alive failed` (4.0 `leader ...`), `keep alive response ttl is zero` | KEEP_ALIVE_FAILED | `purpose`, `error` |
| `revoke lease failed` | REVOKE_FAILED | `purpose`, `error` |
| `current leadership is deleted` | KEY_DELETED | `revision`, `leader-key` |
| `delete the leader key ok` | KEY_REMOVED | `leader-key` |
| `pd leader has changed, ...` (4.0 `leader changed, ...`) / `the tso primary has changed, ...` | HOLDER_CHANGED | |
| `start to watch pd leader` (4.0 `start watch leader`) / `start to watch the primary` | FOLLOWING | |
| `try to resign etcd leader to next pd-server` (4.0 `try to resign leader to next leader`) / `try to transfer primary` | TRANSFER | `from`, `to` -> `text` |
| `TSO is provided by TSO server`, `TSO is provided by PD` | PROVIDER_TSO, PROVIDER_PD | |
| `clock offset` | CLOCK_OFFSET | `prev-physical` -> `last_ns`, `now` -> `next_ns` |
| `system time jumps backward`, `system time jump backward` | CLOCK_WENT_BACK | |
| `invalid timestamp` (4.0 to 5.3) | NO_TIMESTAMP | |
| `the logical time may be not enough` | LOGICAL_LOW | |
| `reset-ts` | ADMIN_RESET | `new-ts` -> `next_ns` |
| any with `ErrResetUserTimestamp` (BR, an admin's tool) | RESET_REFUSED | `error` |
| `invalid max_ts update ...` (TiKV, `components/concurrency_manager`) | BEYOND_LIMIT | `attempted_ts`, `max_allowed` or `limit`, `source` -> `text` |

Sources: `pkg/tso/tso.go`, `pkg/tso/allocator.go`, `pkg/election`, `pkg/member`, `server/server.go`,
`server/cluster/cluster.go`, `pkg/storage/endpoint/tso.go`; `pkg/tso/global_allocator.go` to 8.5, `server/tso/tso.go`,
`server/election` and `server/member` to 6.5.

What a replay makes of a line: `binding.py`.

A refused save is logged two or three times, by each function it passes through. They make one event: the
innermost line makes it, the others are taken for the same refusal when they have the same error, and make
their own when the innermost line is missing (a log that begins in between).
"""  # noqa: E501  # a row of a table is one line

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from . import fallbacks, groups, zap
from .builds import Tellings, Version
from .etcd import key_of
from .lines import MAX_LINE, Tally
from .observation import (
    LOGICAL_BITS,
    MAX_LEASE_S,
    MAX_NAME,
    MAX_NS,
    MAX_TEXT,
    NS_PER_MS,
    Attempt,
    BadInput,
    Call,
    Key,
    LogEvent,
    LogStep,
    Refusal,
    Service,
    Where,
)
from .settings import ServerStart, server_start
from .wrapping import unwrap, unwrapped
from .zap import time_ns

_SECONDS = len("2026/11/23 07:09:28")  # of a time, up to its seconds
_SILENCE_NS = 3_000 * NS_PER_MS  # between lines of one stretch
_GROUP = re.compile(r"-\d{5}$")  # a TSO participant's name is its URL and its keyspace group
#: servers whose lines one file has
_MOST_MARKED = 100

_STEPS = {
    "pd config": LogStep.SERVER_START,
    "tso service config": LogStep.SERVER_START,
    "tso config": LogStep.SERVER_START,
    "got signal to exit": LogStep.SERVER_EXIT,
    "start to campaign pd leader": LogStep.CAMPAIGN_START,
    "start to campaign leader": LogStep.CAMPAIGN_START,
    "start to campaign the primary": LogStep.CAMPAIGN_START,
    "skip campaigning of pd leader and check later": LogStep.CAMPAIGN_SKIPPED,
    "skip campaign leader and check later": LogStep.CAMPAIGN_SKIPPED,
    "skip campaigning of tso primary and check later": LogStep.CAMPAIGN_SKIPPED,
    "lease granted": LogStep.LEASE_GRANTED,
    "check campaign resp": LogStep.ELECTED,
    "campaign pd leader ok": LogStep.CAMPAIGN_WON,
    "campaign leader ok": LogStep.CAMPAIGN_WON,
    "leader election succeeded, start leader ready process": LogStep.CAMPAIGN_WON,
    "campaign tso primary ok": LogStep.CAMPAIGN_WON,
    "campaign times is too frequent, resign and campaign again": LogStep.CAMPAIGN_REFUSED,
    "start to sync timestamp": LogStep.SYNC_START,
    "sync timestamp for tso": LogStep.SYNC_START,
    "load timestamp window successfully": LogStep.WINDOW_LOADED,
    "system time may be incorrect": LogStep.CLOCK_BEHIND,
    "sync and save timestamp": LogStep.SYNC_SAVED,
    "skip sync timestamp": LogStep.SYNC_SKIPPED,
    "set expected primary flag": LogStep.EXPECTED_SET,
    "delete expected primary flag": LogStep.EXPECTED_DELETED,
    "primary exit the primary watch loop": LogStep.EXPECTED_LEFT,
    "pd leader is ready to serve": LogStep.READY,
    "pd cluster leader is ready to serve": LogStep.READY,
    "tso primary is ready to serve": LogStep.READY,
    "saving timestamp to the storage": LogStep.SAVE_ATTEMPT,
    "persisted tso window to etcd (update)": LogStep.WINDOW_SAVED,
    "persisted tso window to etcd (user-reset)": LogStep.WINDOW_SAVED,
    "leader value does not match": LogStep.KEY_OF_ANOTHER,
    "ignored a stale allocator update failure because the timestamp state has changed": LogStep.STALE_FAILURE,
    "reset the timestamp in memory": LogStep.RESET,
    "closing the tso allocator": LogStep.ALLOCATOR_CLOSED,
    "closing the embedded tso allocator": LogStep.ALLOCATOR_CLOSED,
    "stop embedded tso allocator because tso service primary exists": LogStep.ALLOCATOR_CLOSED,
    "etcd leader changed, resigns pd leadership": LogStep.STEP_DOWN,
    "etcd leader changed, resigns leadership": LogStep.STEP_DOWN,
    "lease expired, leader step down": LogStep.STEP_DOWN,
    "keep alive lease too slow": LogStep.KEEP_ALIVE_SLOW,
    "lease timeout": LogStep.KEEP_ALIVE_SLOW,
    "the interval between keeping alive lease is too long": LogStep.KEEP_ALIVE_SLOW,
    "lease keep alive stopped": LogStep.KEEP_ALIVE_STOPPED,
    "lease keep alive failed": LogStep.KEEP_ALIVE_FAILED,
    "leader lease keep alive failed": LogStep.KEEP_ALIVE_FAILED,
    "lease keep alive failed with an invalid ttl value received": LogStep.KEEP_ALIVE_FAILED,
    "keep alive response ttl is zero": LogStep.KEEP_ALIVE_FAILED,
    "revoke lease failed": LogStep.REVOKE_FAILED,
    "current leadership is deleted": LogStep.KEY_DELETED,
    "delete the leader key ok": LogStep.KEY_REMOVED,
    "pd leader has changed, try to re-campaign a pd leader": LogStep.HOLDER_CHANGED,
    "leader changed, try to campaign leader": LogStep.HOLDER_CHANGED,
    "the tso primary has changed, try to re-campaign a primary": LogStep.HOLDER_CHANGED,
    "start to watch pd leader": LogStep.FOLLOWING,
    "start watch leader": LogStep.FOLLOWING,
    "start to watch the primary": LogStep.FOLLOWING,
    "try to resign etcd leader to next pd-server": LogStep.TRANSFER,
    "try to resign leader to next leader": LogStep.TRANSFER,
    "try to transfer primary": LogStep.TRANSFER,
    "skip transferring primary to itself": LogStep.TRANSFER_SKIPPED,
    "tso is provided by tso server": LogStep.PROVIDER_TSO,
    "tso is provided by pd": LogStep.PROVIDER_PD,
    "clock offset": LogStep.CLOCK_OFFSET,
    "system time jumps backward": LogStep.CLOCK_WENT_BACK,
    "system time jump backward": LogStep.CLOCK_WENT_BACK,
    "invalid timestamp": LogStep.NO_TIMESTAMP,
    "the logical time may be not enough": LogStep.LOGICAL_LOW,
    "reset-ts": LogStep.ADMIN_RESET,
}
_BEGINNINGS = {  # messages that go on with a reason
    "campaign pd leader meets error": LogStep.CAMPAIGN_REFUSED,
    "campaign leader meet error": LogStep.CAMPAIGN_REFUSED,
    "campaign tso primary meets error": LogStep.CAMPAIGN_REFUSED,
    "no longer a leader because": LogStep.STEP_DOWN,
    "no longer a primary because": LogStep.STEP_DOWN,
    "no longer be primary because": LogStep.STEP_DOWN,
    "invalid max_ts update": LogStep.BEYOND_LIMIT,
}
_REFUSALS = {  # innermost first: it begins a new event
    Attempt.UPDATE: (
        "save timestamp failed",
        "try to update the tso but failed",
        "failed to update allocator's timestamp",
        "failed to update allocator's timestamp, resetting the tso allocator with leadership resignation",
        "failed to update timestamp",
        "update timestamp failed",
    ),
    Attempt.SYNC: (
        "failed to initialize the tso allocator",
        "failed to sync timestamp",
        "failed to start tso jobs",
        "failed to switch tso provider back to pd after tso forwarding failed",
    ),
}
#: fields that name the server that writes the line
_NAMES = (
    "campaign-leader-name",
    "campaign-pd-leader-name",
    "campaign-tso-primary-name",
    "server-name",
    "name",
)
#: steps of which the message itself says why
_IN_WORDS = (LogStep.STEP_DOWN, LogStep.BEYOND_LIMIT)
#: PD's answer to an admin or to BR, as these log it
_RESET_REFUSED = "ErrResetUserTimestamp"
#: a key of etcd's in a field, with the cluster's id; 0 is none yet
_CLUSTER = re.compile(r"=/(?:pd|ms)/([1-9]\d{0,19})/")
_REASONS = (
    ("tso microservice primary exists", Refusal.FENCE),
    ("is less than or equal to the previous one", Refusal.NOT_GREATER),
    ("is not leader", Refusal.LEADERSHIP),
    ("ErrEtcdTxnConflict", Refusal.CONFLICT),
)
_PURPOSES = {
    "leader election": Key.LEADER,
    "pd leader election": Key.LEADER,  # to 6.6
    "keyspace group primary election": Key.PRIMARY,
    "tso expected primary": Key.EXPECTED_PRIMARY,
}
_NUMBER = re.compile(r" \d{5}$")  # of the keyspace group, in a purpose since June 2026
#: what an allocator does: it names its keyspace group, or that is group 0
_OF_ALLOCATORS = frozenset(
    {
        LogStep.SYNC_START,
        LogStep.WINDOW_LOADED,
        LogStep.CLOCK_BEHIND,
        LogStep.SYNC_SAVED,
        LogStep.SYNC_SKIPPED,
        LogStep.SAVE_ATTEMPT,
        LogStep.WINDOW_SAVED,
        LogStep.STALE_FAILURE,
        LogStep.RESET,
        LogStep.ALLOCATOR_CLOSED,
        LogStep.CLOCK_OFFSET,
        LogStep.LOGICAL_LOW,
        LogStep.ADMIN_RESET,
        None,  # a save that is refused
    }
)
_SERVICE_SIGNS = (  # beginnings of messages that only one of the two writes; here capitals matter
    ("Welcome to Placement Driver (PD)", Service.PD),
    ("Welcome to Placement Driver (API SERVICE)", Service.PD),
    ("Welcome to Placement Driver (TSO", Service.TSO),
    ("PD config", Service.PD),
    ("PD Config", Service.PD),
    ("API Service config", Service.PD),
    ("API service config", Service.PD),
    ("TSO service config", Service.TSO),
    ("TSO config", Service.TSO),
    ("start to campaign PD leader", Service.PD),
    ("start to campaign pd leader", Service.PD),
    ("start to campaign API", Service.PD),
    ("start to campaign leader", Service.PD),
    ("campaign PD leader", Service.PD),
    ("campaign pd leader", Service.PD),
    ("campaign leader", Service.PD),
    ("PD leader is ready", Service.PD),
    ("PD cluster leader is ready", Service.PD),
    ("no longer a leader", Service.PD),
    ("start to campaign the primary", Service.TSO),
    ("campaign tso primary", Service.TSO),
    ("tso primary is ready", Service.TSO),
    ("no longer a primary", Service.TSO),
    ("no longer be primary", Service.TSO),
    ("start to watch pd leader", Service.PD),
    ("start to watch the primary", Service.TSO),
    ("initializing the TSO allocator", Service.PD),
    ("initializing the global TSO allocator", Service.PD),
    ("initializing the tso allocator", Service.TSO),
    ("initializing the global tso allocator", Service.TSO),
    ("skip campaigning of pd leader", Service.PD),
    ("skip campaigning of tso primary", Service.TSO),
)


@dataclass(slots=True)
class Log:
    """A server's log: its events in their order, the starts and builds that it tells of, and what it is.

    `stretches` are the times from when until when there are lines, of whatever message, at most some seconds
    apart. `calls`: what a client's log says of its calls (`fallbacks.py`). `cluster` is the id in its keys,
    and where it stands. `server`: the name that its first lines are given; `sure`: lines give it, not the
    name of the `file` (empty: a file with the logs of several).
    """

    events: list[LogEvent] = field(default_factory=list)
    starts: list[ServerStart] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    service: Service = Service.UNKNOWN
    stretches: list[tuple[int, int]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    cluster: tuple[str, Where] | None = None
    file: str = ""
    server: str = ""
    sure: bool = True


def recognise(line: bytes) -> bool:
    """Whether a line is a server's, or a client's panic, whatever is around it."""
    text = unwrap(line[:MAX_LINE]).decode(errors="replace")
    return zap.head(text) is not None or fallbacks.is_panic(text[:MAX_TEXT])


def decode(
    file: str, lines: Iterable[tuple[int, bytes | None]], tally: Tally, group: int = groups.DEFAULT
) -> list[Log]:
    """Read the logs of one file, of each server whose lines are marked as its own. Lines of other
    messages and lines that are none are counted in `tally`.

    A server is called as its configuration dump says. Before the first dump, or without one, the name is
    taken from the first dump, from lines that give it, from what marks its lines, from the file's name, in
    this order. What concerns another keyspace group than ``group`` is counted like other messages.

    Raises:
        BadInput: lines of several servers or clusters are mixed in it, and nothing marks whose they are.
    """
    decoders: dict[str, _Decoder] = {}
    for line in unwrapped(lines, tally):
        of = line.of
        if of not in decoders:
            if len(decoders) == _MOST_MARKED:
                tally.skip(line.number, f"a line of one server more than {_MOST_MARKED}")
                continue
            decoders[of] = _Decoder(file, of, tally, group)
        decoders[of].take(line.number, line.content)
    return [decoder.log() for decoder in decoders.values()]


class _Decoder:
    """One server's log, line by line."""

    def __init__(self, file: str, of: str, tally: Tally, group: int) -> None:
        self._file, self._of, self._tally, self._group = file, of, tally, group
        self._log = Log()
        self._name = self._hint = self._second = ""
        #: the server that lines name, and that they were taken for
        self._callers: list[tuple[Where, str, str]] = []
        self._service = Service.UNKNOWN
        self._refused = _Refused()
        self._tellings = Tellings()

    def take(self, number: int, line: bytes | None) -> None:
        """The next line of the server.

        Raises:
            BadInput: it is of another cluster.
        """
        tally, log = self._tally, self._log
        head = None if line is None else zap.head(line.decode(errors="replace"))
        if head is None:
            self._without_head(number, line)
            return
        if zap.damaged(head):
            tally.skip(number, "a log line that is damaged")
            return
        message = zap.message(head)
        if head[1][:_SECONDS] != self._second:
            self._second = head[1][:_SECONDS]
            _stretch(log.stretches, time_ns(head[1]))
        if "=/" in head.string:
            log.cluster = _same_cluster(log.cluster, Where(self._file, number), head.string)
        meant = _meant(message)
        step = _STEPS.get(meant) or next(
            (s for begin, s in _BEGINNINGS.items() if meant.startswith(begin)), None
        )
        if self._service is Service.UNKNOWN or step is LogStep.SERVER_START:
            of_sign = (of for sign, of in _SERVICE_SIGNS if message.startswith(sign))
            self._service = next(of_sign, self._service)
            log.service = self._service if log.service is Service.UNKNOWN else log.service
        if step is None and _RESET_REFUSED in head.string:
            step = LogStep.RESET_REFUSED
        attempt = next((a for a, messages in _REFUSALS.items() if meant in messages), None)
        protocol = step is not None or attempt is not None
        if fallbacks.SIGN in message:
            at = time_ns(head[1])
            self._goes_back(
                fallbacks.told(self._file, number, self._client, at, message, zap.fields(head), self._group)
            )
            return
        at_ns = time_ns(head[1]) if protocol or self._tellings.any_in(message) else None
        if at_ns is None:
            tally.other += 1
            return
        where = Where(self._file, number)
        fields = zap.fields(head)
        if self._tellings.hear(where, at_ns, message, fields):
            tally.keep()
        if not protocol:
            tally.other += 1
            return
        named = _hint(fields)
        self._hint = self._hint or named
        called = named and step is not LogStep.SERVER_START
        if called and (not self._callers or self._callers[-1][1:] != (named, self._name)):
            self._callers.append((where, named, self._name))
        if not _concerns(self._group, step, fields):
            tally.other += 1
            return
        if step is LogStep.SERVER_START:
            start = server_start(where, self._service, at_ns, fields)
            if start.service is Service.PD and start.api_mode is None:
                start = replace(start, api_mode=_mode(message, head.string[head.end() :]))
            self._name = start.server or self._name
            log.starts.append(replace(start, server=self._name))
            self._tellings.named(self._name)
            tally.keep()
        reason = message[:MAX_TEXT] if step in _IN_WORDS else ""
        event = LogEvent(where, self._name, self._service, at_ns, step or LogStep.SAVE_REFUSED, reason)
        tally.keep(fields.get("error", "")[:MAX_TEXT])
        if attempt is not None:
            self._refused.add(log.events, event, attempt, meant, fields)
        elif (told := _with_fields(event, fields, self._group)) is not None:
            log.events.append(told)
        else:
            tally.other += 1

    @property
    def _client(self) -> str:
        return _name_of(self._of or self._file)

    def _without_head(self, number: int, line: bytes | None) -> None:
        """A line that is no log line, unless it is a client's panic."""
        if line is None or fallbacks.SIGN.encode() not in line[:MAX_TEXT]:
            self._tally.skip(number, "not a log line")
            return
        message = line[:MAX_TEXT].decode(errors="replace")
        self._goes_back(fallbacks.told(self._file, number, self._client, None, message, {}, self._group))

    def _goes_back(self, calls: Sequence[Call]) -> None:
        self._log.calls += calls
        for call in calls:
            self._tally.keep(call.endpoint)
        if not calls:
            self._tally.other += 1

    def log(self) -> Log:
        """What all its lines say.

        Raises:
            BadInput: they are of several servers.
        """
        log = self._log
        dumped = next((start.server for start in log.starts if start.server), "")
        first = dumped or self._hint or _name_of(self._of or self._file)
        _of_one_server(self._callers, first)
        return Log(
            [
                replace(
                    event,
                    server=event.server or first,
                    service=log.service if event.service is Service.UNKNOWN else event.service,
                )
                for event in log.events
            ],
            [replace(start, server=start.server or first) for start in log.starts],
            [replace(version, server=version.server or first) for version in self._tellings.versions],
            log.service,
            log.stretches,
            log.calls,
            log.cluster,
            "" if self._of else self._file,
            first,
            bool(dumped or self._hint),
        )


def _stretch(stretches: list[tuple[int, int]], at_ns: int | None) -> None:
    """There is a line in the second that begins then, or a little before."""
    if at_ns is None:
        return
    begin, end = stretches[-1] if stretches else (at_ns, at_ns)
    if stretches and begin <= at_ns <= end + _SILENCE_NS:
        stretches[-1] = begin, at_ns
    else:
        stretches.append((at_ns, at_ns))


def _of_one_server(callers: Iterable[tuple[Where, str, str]], first: str) -> None:
    """Every line that names its server names the one that it is taken for, by the start before it."""
    for where, named, taken in callers:
        server = taken or first
        # a TSO server has a URL, and some builds call it by its name all the same
        if named != server and ("://" in named) == ("://" in server):
            expected = f"a line of {server}, not of {named}"
            raise BadInput(where.file, where.line, expected, "give each server's log as a file of its own")


def _same_cluster(known: tuple[str, Where] | None, where: Where, line: str) -> tuple[str, Where] | None:
    """The cluster that the log is of, by the keys in its lines."""
    found = _CLUSTER.search(line)
    if found is None:
        return known
    if known is not None and known[0] != found[1]:
        expected = f"keys of cluster {known[0]} as in {known[1]}, not of {found[1]}"
        raise BadInput(where.file, where.line, expected, "give the recordings of one cluster")
    return known or (found[1], where)


def _concerns(group: int, step: LogStep | None, fields: dict[str, str]) -> bool:
    """Whether a line may concern a keyspace group."""
    if step in (LogStep.SERVER_START, LogStep.SERVER_EXIT):
        return True
    told = groups.told(fields)
    return told == group if told is not None else group == groups.DEFAULT or step not in _OF_ALLOCATORS


def _meant(message: str) -> str:
    """The message as all builds could have it."""
    return message.lower().replace("api service ", "pd ").replace("the global tso", "the tso")


def _mode(message: str, fields: str) -> bool | None:
    """Whether a PD is in API mode, by the name that its build gives it; `None` if the name does not tell.

    Since 9.0 a field tells and the name is always PD; before, the configuration is the only field.
    """
    if message.startswith("API"):
        return True
    return False if fields.startswith(" [config=") else None


def _time(ns: int) -> int | None:
    return ns if 0 <= ns < MAX_NS else None


class _Refused:
    """Makes one event of the lines that one refusal is logged with."""

    def __init__(self) -> None:
        self._last: dict[Attempt, tuple[int, str, set[str]]] = {}  # its index, its error, its messages so far

    def add(
        self, events: list[LogEvent], event: LogEvent, attempt: Attempt, message: str, fields: dict[str, str]
    ) -> None:
        error = fields.get("error", "")[:MAX_TEXT]
        retry = _integer(fields.get("retry-count"))
        index, last_error, seen = self._last.get(attempt, (0, "", {message}))
        if message != _REFUSALS[attempt][0] and message not in seen and error == last_error:
            seen.add(message)
            if retry is not None:
                events[index] = replace(events[index], retry=retry)
            return
        refusal = next((reason for sign, reason in _REASONS if sign in error), Refusal.OTHER)
        self._last[attempt] = (len(events), error, {message})
        events.append(replace(event, text=error, refusal=refusal, attempt=attempt, retry=retry))


def _with_fields(event: LogEvent, fields: dict[str, str], group: int) -> LogEvent | None:
    """The event with what its line gives; `None` when the line does not tell of the step after all."""
    event = replace(
        event,
        text=fields.get("error", "")[:MAX_TEXT] or event.text,
        key=_PURPOSES.get(_NUMBER.sub("", fields.get("purpose", "")))
        or key_of(fields.get("leader-key", ""), group),
        revision=_integer(fields.get("revision")),
        last_ns=time_ns(fields.get("last", "")),
        last_saved_ns=time_ns(fields.get("last-saved", "")),
        save_ns=time_ns(fields.get("save", "")),
        next_ns=time_ns(fields.get("next", "")),
    )
    match event.step:
        case LogStep.ELECTED:
            revision = _elected_at(fields.get("resp", ""))
            return None if revision is None else replace(event, revision=revision)
        case LogStep.LEASE_GRANTED:
            lease_s = _integer(fields.get("lease-timeout"))
            return replace(
                event,
                lease=_integer(fields.get("lease-id")),
                lease_s=lease_s if lease_s is None or lease_s < MAX_LEASE_S else None,
            )
        case LogStep.WINDOW_LOADED:
            return replace(event, last_ns=time_ns(fields.get("ts-window", "")))
        case LogStep.SAVE_ATTEMPT:
            fenced = {"true": True, "false": False}.get(fields.get("check-tso-primary", ""))
            own = fields.get("expected-leader-value", "")[:MAX_TEXT]
            return replace(event, text=own, save_ns=time_ns(fields.get("ts", "")), fenced=fenced)
        case LogStep.CLOCK_OFFSET:
            return replace(
                event,
                last_ns=time_ns(fields.get("prev-physical", "")),
                next_ns=time_ns(fields.get("now", "")),
            )
        case LogStep.ADMIN_RESET:
            timestamp = _integer(fields.get("new-ts"))
            return replace(
                event,
                next_ns=None if timestamp is None else _time((timestamp >> LOGICAL_BITS) * NS_PER_MS),
            )
        case LogStep.BEYOND_LIMIT if "attempted_ts" in fields:
            limit = fields.get("max_allowed", "") or fields.get("limit", "")
            told = f"{event.text}: {fields['attempted_ts']} exceeds the limit {limit}"
            return replace(event, text=f"{told}, source={fields.get('source', '')}"[:MAX_TEXT])
        case LogStep.TRANSFER:
            return replace(event, text=f"{fields.get('from', '')} -> {fields.get('to', '')}"[:MAX_TEXT])
        case _:
            return event


def _elected_at(resp: str) -> int | None:
    """The revision of an election transaction that succeeded."""
    try:
        answer = json.loads(resp)
        revision = answer["header"]["revision"] if answer["succeeded"] is True else None
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return revision if type(revision) is int and revision > 0 else None


def _hint(fields: dict[str, str]) -> str:
    """The server's name, from lines that give it beside the message."""
    name = next((fields[each] for each in _NAMES if fields.get(each)), "")
    return _GROUP.sub("", name) if len(name) <= MAX_NAME else ""


def _name_of(text: str) -> str:
    """A name for a server, from its file, or from what marks its lines (`wrapping.py`)."""
    if text.startswith("pod/"):
        return text.split("/")[1]
    return PurePath(text.partition(" ")[0] or text).name.removesuffix(".gz").removesuffix(".log")


def _integer(text: str | None) -> int | None:
    return int(text) if text and len(text) < 20 and text.isascii() and text.isdigit() else None

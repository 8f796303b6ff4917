"""Logs of PD and of TSO servers: zap text lines `[time] [LEVEL] [file.go:line] ["message"] [field=value]...`

A line is an observation if its message is among those of `words.py`; all others are counted. The level does
not matter (some builds log at info what others log at debug), nor do capitals. Times carry their offset from
UTC. What its fields add: `saying.py`. What a replay makes of a line: `binding.py`.

A refused save is logged two or three times, by each function it passes through. They make one event: the
innermost line makes it, the others are taken for the same refusal when they have the same error, and make
their own when the innermost line is missing (a log that begins in between).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from . import exported, fallbacks, groups, newest, saying, words, zap
from .builds import Tellings, Version
from .etcd import key_of
from .lines import MAX_LINE, Tally
from .observation import (
    MAX_TEXT,
    NS_PER_MS,
    Attempt,
    BadInput,
    Call,
    Key,
    LogEvent,
    LogStep,
    Service,
    Where,
)
from .rounded import LEASES, Integers
from .settings import ServerStart, server_start
from .wrapping import unwrap, unwrapped
from .written import in_turn
from .zap import time_ns

_SECONDS = len("2026/11/23 07:09:28")  # of a time, up to its seconds
_SILENCE_NS = 3_000 * NS_PER_MS  # between lines of one stretch
#: servers whose lines one file has
_MOST_MARKED = 100

#: what stands between lines and says nothing: grep writes the second
_BETWEEN = (b"", b"--")
#: steps of which the message itself says why
_IN_WORDS = (LogStep.STEP_DOWN, LogStep.BEYOND_LIMIT)
_ONE_EACH = "give each server's log as a file of its own"
#: who asks for an election key's lease (member.go: `NewLeadership`, keyspace_group_manager.go: `InitInfo`)
_CANDIDATES: dict[Key | None, Service] = {Key.LEADER: Service.PD, Key.PRIMARY: Service.TSO}
_KINDS = {Service.PD: "PD", Service.TSO: "TSO server"}
#: a key of etcd's in a field, with the cluster's id; 0 is none yet
_CLUSTER = re.compile(r"=/(?:pd|ms)/([1-9]\d{0,19})/")


@dataclass(slots=True)
class Log:
    """A server's log: its events in their order, the starts and builds that it tells of, and what it is.

    `stretches` are the times from when until when there are lines, of whatever message, at most some seconds
    apart. `calls`: what a client's log says of its calls (`fallbacks.py`). `cluster` is the id in its keys,
    and where it stands. `server`: the name that its first lines are given; `sure`: lines give it, not the
    name of the `file` (empty: a file with the logs of several). `known_until_ns`: when a recorder that
    followed it had read all that was written. `unbegun`: which events are of refusals whose first line is not
    there.
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
    known_until_ns: int = 0
    unbegun: list[int] = field(default_factory=list)


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
    this order. Where the newest line stands first, the file is read from its end. What concerns another
    keyspace group than ``group`` is counted like other messages.

    Raises:
        BadInput: lines of several servers or clusters are mixed in it, and nothing marks whose they are.
    """
    decoders: dict[str, _Decoder] = {}
    ordered = newest.OldestFirst(exported.marked(lines))
    for line in in_turn(unwrapped(ordered, tally)):
        of = line.of
        if of not in decoders:
            if len(decoders) == _MOST_MARKED:
                tally.skip(line.number, f"a line of one server more than {_MOST_MARKED}")
                continue
            decoders[of] = _Decoder(file, of, tally, group, ordered.turned)
        decoders[of].take(line.number, line.content, line.moved)
    if ordered.turned:
        tally.assume(newest.ASSUMED)
    if ordered.too_large:
        tally.skip(1, newest.TOO_LARGE)
    logs = [decoder.log() for decoder in decoders.values()]
    if Integers(event.lease for log in logs for event in log.events if event.lease).rounded:  # PD's own JSON
        tally.assume(LEASES)
        for log in logs:
            log.events = [replace(event, lease=None) for event in log.events]
    return logs


class _Decoder:
    """One server's log, line by line."""

    def __init__(self, file: str, of: str, tally: Tally, group: int, turned: int) -> None:
        self._file, self._of, self._tally, self._group, self._turned = file, of, tally, group, turned
        self._log = Log()
        self._name = self._hint = self._second = ""
        #: the server that lines name, and that they were taken for
        self._callers: list[tuple[Where, str, str]] = []
        self._service = Service.UNKNOWN
        self._last: bytes | None = None
        self._refused = _Refused()
        self._others = False
        self._tellings = Tellings()

    def take(self, number: int, line: bytes | None, moved: int) -> None:
        """The next line of the server, which was written so many lines further on.

        Raises:
            BadInput: it is of another cluster.
        """
        tally, log = self._tally, self._log
        if line is not None and line == self._last:
            tally.other += 1  # it was sent twice
            return
        self._last = line
        head = None if line is None else zap.head(line.decode(errors="replace"))
        if head is None:
            self._without_head(number, line)
            return
        if zap.damaged(head):
            tally.skip(number, "a log line that is damaged")
            return
        message = zap.message(head)
        if message == words.FOLLOWED:
            log.known_until_ns = max(log.known_until_ns, time_ns(head[1]) or 0)
            tally.other += 1
            return
        if head[1][:_SECONDS] != self._second:
            self._second = head[1][:_SECONDS]
            _stretch(log.stretches, time_ns(head[1]))
        if "=/" in head.string:
            log.cluster = _same_cluster(log.cluster, self._where(number, moved), head.string)
        if words.writes_key(message):
            self._elected_under(zap.fields(head))
        step = words.step_of(message, head.string)
        if self._service is Service.UNKNOWN or step is LogStep.SERVER_START:
            self._service = words.service_of(message) or self._service
            log.service = self._service if log.service is Service.UNKNOWN else log.service
        attempt = words.refused_as(message)
        protocol = step is not None or attempt is not None
        if fallbacks.SIGN in message:
            at = time_ns(head[1])
            self._goes_back(
                fallbacks.told(self._file, number, self._client, at, message, zap.fields(head), self._group)
            )
            return
        own = not protocol and saying.names_itself(head.string)
        at_ns = time_ns(head[1]) if protocol or own or self._tellings.any_in(message) else None
        if at_ns is None:
            tally.other += 1
            return
        where = self._where(number, moved)
        fields = zap.fields(head)
        if self._tellings.hear(where, at_ns, message, fields):
            tally.keep()
        named = saying.named(fields, step, read=protocol)
        called = named and step is not LogStep.SERVER_START
        if called and (not self._callers or self._callers[-1][1:] != (named, self._name)):
            self._callers.append((where, named, self._name))
        if not protocol:
            tally.other += 1
            return
        self._hint = self._hint or named
        if not saying.concerns(self._group, step, fields):
            self._others = True
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
            self._refused.add(log, event, attempt, message, fields)
        elif (told := saying.with_fields(event, fields, self._group)) is not None:
            log.events.append(told)
        else:
            tally.other += 1

    def _elected_under(self, fields: dict[str, str]) -> None:
        """The election of the line before is one for that key."""
        path = fields.get("leader-key") or fields.get("leaderPath", "")
        key, events = key_of(path, self._group), self._log.events
        self._others |= key is None
        if events and events[-1].step is LogStep.ELECTED:
            events[-1] = replace(events[-1], key=key)

    def _where(self, number: int, moved: int) -> Where:
        return Where(self._file, number, self._turned, moved)

    @property
    def _client(self) -> str:
        return _name_of(self._of or self._file)

    def _without_head(self, number: int, line: bytes | None) -> None:
        """A line that is no log line, unless it is a client's panic."""
        if line is not None and line.strip() in _BETWEEN:
            self._tally.other += 1
            return
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
        events = [
            replace(
                event,
                server=event.server or first,
                service=log.service if event.service is Service.UNKNOWN else event.service,
                # where several groups are told of, their lines may stand between each other
                key=None if self._others and event.step is LogStep.ELECTED else event.key,
            )
            for event in log.events
        ]
        _of_one_service(events)
        return Log(
            events,
            [replace(start, server=start.server or first) for start in log.starts],
            [replace(version, server=version.server or first) for version in self._tellings.versions],
            log.service,
            log.stretches,
            log.calls,
            log.cluster,
            "" if self._of else self._file,
            first,
            bool(dumped or self._hint),
            log.known_until_ns,
            log.unbegun,
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
            raise BadInput(where.file, where.line, expected, _ONE_EACH)


def _of_one_service(events: Iterable[LogEvent]) -> None:
    """Only a PD asks for the lease of a leader, and only a TSO server for that of a primary."""
    for event in events:
        of = _CANDIDATES.get(event.key) if event.step is LogStep.LEASE_GRANTED else None
        if of and event.service not in (of, Service.UNKNOWN):
            expected = f"a line of {event.server}, not of a {_KINDS[of]}"
            raise BadInput(event.where.file, event.where.line, expected, _ONE_EACH)


def _same_cluster(known: tuple[str, Where] | None, where: Where, line: str) -> tuple[str, Where] | None:
    """The cluster that the log is of, by the keys in its lines."""
    found = _CLUSTER.search(line)
    if found is None:
        return known
    if known is not None and known[0] != found[1]:
        expected = f"keys of cluster {known[0]} as in {known[1]}, not of {found[1]}"
        raise BadInput(where.file, where.line, expected, "give the recordings of one cluster")
    return known or (found[1], where)


def _mode(message: str, fields: str) -> bool | None:
    """Whether a PD is in API mode, by the name that its build gives it; `None` if the name does not tell.

    Since 9.0 a field tells and the name is always PD; before, the configuration is the only field.
    """
    if message.startswith("API"):
        return True
    return False if fields.startswith(" [config=") else None


class _Refused:
    """Makes one event of the lines that one refusal is logged with."""

    def __init__(self) -> None:
        self._last: dict[Attempt, tuple[int, str, set[str]]] = {}  # its index, its error, its messages so far

    def add(self, log: Log, event: LogEvent, attempt: Attempt, message: str, fields: dict[str, str]) -> None:
        error = fields.get("error", "")[:MAX_TEXT]
        retry = saying.integer(fields.get("retry-count"))
        innermost, given_up = words.is_innermost(attempt, message), words.gives_up(message)
        index, last_error, seen = self._last.get(attempt, (0, "", {message}))
        if not innermost and message not in seen and error == last_error:
            seen.add(message)
            told = log.events[index]
            log.events[index] = replace(
                told,
                retry=told.retry if retry is None else retry,
                passed_on=True,
                given_up=told.given_up or given_up,
            )
            return
        if not innermost and attempt not in self._last:
            log.unbegun.append(len(log.events))
        self._last[attempt] = (len(log.events), error, {message})
        log.events.append(
            replace(
                event,
                text=error,
                refusal=saying.refusal(error),
                attempt=attempt,
                retry=retry,
                passed_on=not innermost,
                given_up=given_up,
            )
        )


def _name_of(text: str) -> str:
    """A name for a server, from its file, or from what marks its lines (`wrapping.py`)."""
    if text.startswith("pod/"):
        return text.split("/")[1]
    return PurePath(text.partition(" ")[0] or text).name.removesuffix(".gz").removesuffix(".log")

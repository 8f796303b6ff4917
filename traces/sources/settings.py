"""The times the protocol runs on (save interval W, update interval, lease), and who started in which mode.

Each server has settings of its own. They come from the first of these that knows them, and `Setting.source`
says which:
1. the configuration that it dumps into its log when it starts (`PD config`, `TSO service config`);
2. in a log that begins later, for the lease the `lease granted` lines, for the save interval what
   `sync and save timestamp` wanted and where that sync began;
3. for the save interval, the saved timestamps themselves, see `intervals.py`.
A server that is started with another configuration, as an upgrade may do, has another one since
(`Setting.then`). The setting common to all servers is the one that these agree on; servers that were
configured differently leave it unknown. Where nothing tells of any server, the common save interval comes
from the longest stretch of saves, if that is steady, and last from the caller.

| field in the dump | meaning | source |
|---|---|---|
| `tso-save-interval` | W, the window of one save | `server/config`, `mcs/tso/server/config.go` |
| `tso-update-physical-interval` | the tick of `updateTimestamp` | the same |
| `lease` | seconds asked for; etcd grants at least its own minimum | the same |
| `tick-interval`, `election-interval` | from which that minimum follows | `server/config` |
| `name`, `advertise-client-urls` | `ServerStart.server` and `urls` of a PD | `server/config` |
| `name` | `ServerStart.name` | `mcs/tso/server/config.go` |
| `advertise-listen-addr` | both, of a TSO server | `mcs/tso/server/config.go` |
| `enable-keyspace-group=` (beside the dump) | true: API mode, false: PD service mode | `server/server.go` |
| `micro-service.enable-tso-dynamic-switching` | whether an API-mode PD steps in | `server/config` |

Before 9.0 no field tells the mode, but the message (`pdlog.py`).
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Literal
from urllib.parse import urlsplit

from . import intervals
from .observation import (
    MAX_LEASE_S,
    MAX_NAME,
    MAX_NS,
    MAX_TEXT,
    NS_PER_MS,
    KeyEvent,
    LogEvent,
    LogStep,
    Service,
    Where,
)

_DURATION = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?(h|ms|m|s|us|µs|ns)")
_UNITS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}
_DEFAULT_UPDATE_NS = 50 * NS_PER_MS

#: the source of what the caller takes for granted
GIVEN = "given"
#: why a server's own setting may be another one
_FEW = "which few saves suggest"

Name = Literal["save_interval_ns", "update_interval_ns", "lease_s"]


@dataclass(frozen=True, slots=True)
class ServerStart:
    """One start of one server, with the configuration it dumped; `None` is what the dump does not say.

    `api_mode` is true for a PD in API mode (keyspace groups on), false for PD service mode, `None` for a
    TSO server. `least_lease_s`: what etcd grants at least, whatever is asked for. `urls` are those that
    it advertises, `listens` those at which it is there as well. `name`: what it is called, which others
    may be called as well.
    """

    where: Where
    server: str
    service: Service
    at_ns: int
    api_mode: bool | None
    dynamic_switching: bool | None
    urls: tuple[str, ...]
    save_interval_ns: int | None
    update_interval_ns: int | None
    lease_s: int | None
    listens: tuple[str, ...] = ()
    name: str = ""
    least_lease_s: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A value that a setting of a server has since one of its starts, or since an election before which it
    was started anew; what tells it, and since when, by the server's clock."""

    start: Where
    since_ns: int
    value: int
    source: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it comes from; `value` is `None` when nothing tells, and `source` then says why.

    `doubt` says why it may be another one; empty if it is certain. `then`: of one server, what it became at
    starts with another configuration, in their order.
    """

    value: int | None
    source: str
    doubt: str = ""
    then: tuple[Change, ...] = ()

    @property
    def values(self) -> tuple[int, ...]:
        """All that are known, the first first."""
        first = () if self.value is None else (self.value,)
        return (*first, *(each.value for each in self.then))

    @property
    def last(self) -> int | None:
        """What it was at last."""
        return self.values[-1] if self.values else None

    def saved_with(self, value_ns: int) -> int | None:
        """The save interval with which the server has saved that; None: not known, or one of several."""
        found = fitting(self.values, (0, *(each.since_ns for each in self.then)), value_ns)
        return found[0] if len(found) == 1 else None


def fitting(windows: Sequence[int], since: Sequence[int], value_ns: int) -> tuple[int, ...]:
    """The save intervals, which a server has had since then, with which it may have saved that: those that
    make it a reading of its clock while it had them; all, if none does (it may lie just above a window).
    """
    found = tuple(
        window
        for window, begin, end in zip(windows, since, (*since[1:], MAX_NS), strict=False)
        if begin <= value_ns - window < end
    )
    return found or tuple(windows)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings common to all servers of the trace, and by server those that something tells of it.

    `given`: what is taken for granted of the servers of which nothing tells: by the caller, or as a PD
    answered. `least_lease_s`: what etcd grants at least, whatever is asked for; None: that is not told.
    """

    save_interval: Setting
    update_interval: Setting
    lease: Setting
    servers: Mapping[str, Mapping[Name, Setting]] = field(default_factory=dict)
    given: Mapping[Name, Setting] = field(default_factory=dict)
    least_lease_s: int | None = None

    @property
    def save_interval_ns(self) -> int | None:
        """W: how far beyond `next` a save reaches."""
        return self.save_interval.value

    @property
    def update_interval_ns(self) -> int | None:
        """The tick of `updateTimestamp`."""
        return self.update_interval.value

    @property
    def lease_s(self) -> int | None:
        """The lease as configured, in seconds."""
        return self.lease.value

    def common(self, name: Name) -> Setting:
        """The setting that all servers have."""
        return {
            "save_interval_ns": self.save_interval,
            "update_interval_ns": self.update_interval,
            "lease_s": self.lease,
        }[name]

    def own(self, name: Name) -> dict[str, Setting]:
        """The setting of each server of which something tells it."""
        return {server: settings[name] for server, settings in self.servers.items() if name in settings}

    def of(self, server: str, name: Name) -> Setting:
        """A setting of one server: its own, else what the caller takes for granted, else the common one."""
        given = _given(self.given, name) if name in self.given else None
        return self.own(name).get(server) or given or self.common(name)


def _urls(listed: str) -> tuple[str, ...]:
    return tuple(url for url in listed.split(",") if url)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _tells(url: str, advertised: Iterable[str]) -> bool:
    """Is an address at which a server listens one by which others may know it?

    Every host has a loopback address, and may listen at any address.
    """
    host = _host(url)
    own = host == "localhost" or host.startswith("127.") or host in ("", "0.0.0.0", "::", "::1")
    return not own or host in map(_host, advertised)


def server_start(where: Where, service: Service, at_ns: int, fields: dict[str, str]) -> ServerStart:
    """The start that a configuration line tells of, from the line's `fields`.

    What is missing or odd becomes `None`; `server` is empty if the dump does not name it.
    """
    config = _json(fields.get("config", ""))
    if service is Service.TSO:
        address = _text(config.get("advertise-listen-addr")) or _text(config.get("listen-addr"))
        server, urls = address, address
        listens = _text(config.get("listen-addr"))
    else:
        server = _text(config.get("name"))
        listens = _text(config.get("client-urls"))
        urls = _text(config.get("advertise-client-urls")) or listens
    if len(server) > MAX_NAME:
        server = ""
    section = config.get("micro-service")
    switching = section.get("enable-tso-dynamic-switching") if isinstance(section, dict) else None
    lease = config.get("lease")
    return ServerStart(
        where=where,
        server=server,
        service=service,
        at_ns=at_ns,
        api_mode={"true": True, "false": False}.get(fields.get("enable-keyspace-group", "")),
        dynamic_switching={"true": True, "false": False}.get(str(switching).lower()),
        urls=_urls(urls),
        listens=tuple(url for url in _urls(listens) if _tells(url, _urls(urls))),
        save_interval_ns=duration_ns(_text(config.get("tso-save-interval"))),
        update_interval_ns=duration_ns(_text(config.get("tso-update-physical-interval"))),
        lease_s=lease if type(lease) is int and 0 < lease < MAX_LEASE_S else None,
        name=_text(config.get("name")),
        least_lease_s=_least_lease_s(config),
    )


def _least_lease_s(config: dict[str, Any]) -> int | None:
    """A lease lasts for an election and a half, in ticks, rounded up to seconds: etcd `server.go`, minTTL."""
    tick = duration_ns(_text(config.get("tick-interval")))
    election = duration_ns(_text(config.get("election-interval")))
    if not tick or not election:
        return None
    return min(-(-(3 * (election // tick) // 2 * tick) // 10**9), MAX_LEASE_S)


def find(
    starts: Sequence[ServerStart],
    logs: Iterable[LogEvent],
    keys: Iterable[KeyEvent],
    given: Mapping[Name, Setting] | None = None,
    *,
    whole: bool = True,
) -> Settings:
    """The settings of a trace from its server starts, log events, and key events in revision order.

    `given` is taken for granted where the trace tells nothing; `whole`: no event is missing.
    """
    given = given or {}
    keys = tuple(keys)
    lives = _lives(starts, logs)
    told: dict[Name, _Tellings] = {name: _by_life(lives, name) for name in _TOLD_BY}
    update = _common(told["update_interval_ns"]) or _given(given, "update_interval_ns")
    tick = update.value or _DEFAULT_UPDATE_NS
    inferred = _saved(keys, lives, told["save_interval_ns"], tick, whole=whole)
    save = (
        _common({**told["save_interval_ns"], **inferred})
        or _saved_by_any(keys, tick)
        or _given(given, "save_interval_ns")
    )
    told["save_interval_ns"] |= {
        server: replace(each, doubt="" if {*each.values} == {save.value} else each.doubt)
        for server, each in inferred.items()
        if not each.doubt or "save_interval_ns" not in given
    }
    lease = _common(told["lease_s"]) or _given(given, "lease_s")
    own = {
        server: {name: told[name][server] for name in told if server in told[name]}
        for server in dict.fromkeys(chain.from_iterable(told.values()))
    }
    least = min((each.least_lease_s for each in starts if each.least_lease_s), default=None)
    return Settings(save, update, lease, own, given, least)


def given(
    *, save_interval_ns: int | None = None, update_interval_ns: int | None = None, lease_s: int | None = None
) -> dict[Name, int]:
    """What a caller takes for granted where the trace tells nothing; `None`: nothing."""
    named: dict[Name, int | None] = {
        "save_interval_ns": save_interval_ns,
        "update_interval_ns": update_interval_ns,
        "lease_s": lease_s,
    }
    return {name: value for name, value in named.items() if value is not None}


def duration_ns(text: str) -> int | None:
    """A Go duration such as `3s`, `50ms` or `1h0m0.5s` in nanoseconds; `None` if `text` is not one.

    It ends before `MAX_NS`; Go's before 2^63 ns.
    """
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        return None
    found = sum(
        int(part[1]) * _UNITS[part[3]] + int((part[2] or "0").ljust(9, "0")) * _UNITS[part[3]] // 10**9
        for part in parts
    )
    return found if found < MAX_NS else None


#: by server
_Tellings = dict[str, Setting]


@dataclass(slots=True)
class _Life:
    """One process of a server: what it began with, if that is told, and what its log says until the next."""

    began: LogEvent | ServerStart | None = None
    start: ServerStart | None = None
    lines: list[LogEvent] = field(default_factory=list)


def _lives(starts: Sequence[ServerStart], logs: Iterable[LogEvent]) -> dict[str, list[_Life]]:
    """The processes of each server, in their order; the first of a server may have started before its log."""
    found: defaultdict[str, list[_Life]] = defaultdict(lambda: [_Life()])
    told: defaultdict[str, list[ServerStart]] = defaultdict(list)
    for start in starts:
        told[start.server].append(start)
    for line in logs:
        lives = found[line.server]
        if line.step is LogStep.SERVER_START:
            dumps = (each for each in told[line.server] if each.where == line.where)
            lives.append(_Life(line, next(dumps, None)))
        else:
            lives[-1].lines.append(line)
    for server, waiting in told.items():
        known = [life.start for life in found[server]]
        found[server] += [_Life(start, start) for start in waiting if start not in known]
    return found


def _dumped(name: Name, life: _Life) -> tuple[int, Where] | None:
    """What a server was configured with as it started, and where it says so."""
    value: int | None = getattr(life.start, name, None)
    return (value, life.start.where) if life.start is not None and value is not None else None


def _synced(life: _Life) -> tuple[int, Where] | None:
    """The save interval by a server's syncs: what they saved lies that far beyond where they go on from."""
    return _all_alike(
        (line.save_ns - line.next_ns, line.where)
        for line in life.lines
        if line.step is LogStep.SYNC_SAVED and line.save_ns and line.next_ns and line.save_ns > line.next_ns
    )


def _granted_lease(life: _Life) -> tuple[int, Where] | None:
    """The lease that etcd granted a server, if it is always the same."""
    return _all_alike(
        (line.lease_s, line.where)
        for line in life.lines
        if line.step is LogStep.LEASE_GRANTED and line.lease_s
    )


def _all_alike(told: Iterable[tuple[int, Where]]) -> tuple[int, Where] | None:
    found = [*told]
    return found[0] if len({value for value, _ in found}) == 1 else None


def _nothing(life: _Life) -> None:
    """No line tells it, but for the start."""


#: what tells a setting where a start does not
_TOLD_BY: dict[Name, Callable[[_Life], tuple[int, Where] | None]] = {
    "save_interval_ns": _synced,
    "update_interval_ns": _nothing,
    "lease_s": _granted_lease,
}


def _by_life(lives: Mapping[str, Sequence[_Life]], name: Name) -> _Tellings:
    """A setting of each server whose log tells it, and where it changed; it stays as it was where a start
    does not tell."""
    found: _Tellings = {}
    for server, every in lives.items():
        for life in every:
            told = _dumped(name, life) or _TOLD_BY[name](life)
            if told is None:
                continue
            value, source = told[0], str(told[1])
            before = found.get(server)
            if before is None:
                found[server] = Setting(value, source)
            elif life.began is not None and value != before.last:
                change = Change(life.began.where, life.began.at_ns, value, source)
                found[server] = replace(before, then=(*before.then, change))
    return found


def _saved(
    keys: Sequence[KeyEvent],
    lives: Mapping[str, Sequence[_Life]],
    told: _Tellings,
    update_ns: int,
    *,
    whole: bool,
) -> _Tellings:
    """The save interval of the servers of which no log, but the saved timestamps tell it: some time, or
    always. One without a log may have been started anew before any of its elections."""
    known = {server: frozenset(each.values) for server, each in told.items()}
    first = {server: every[1].began for server, every in lives.items() if every[1:] and not every[0].lines}
    until = {server: began.at_ns for server, began in first.items() if began is not None}
    inferred = intervals.by_writer(keys, known, update_ns, whole=whole, until=until)
    found: _Tellings = {}
    for server, (one, *others) in inferred.items():
        then = [Change(each.since, each.since_ns, each.value, each.source) for each in others]
        began = first.get(server)
        if server in told and began is not None:
            logged = told[server]
            if then or one.value == logged.value or logged.value is None:
                continue
            then = [Change(began.where, began.at_ns, logged.value, logged.source), *logged.then]
        elif then and server in lives:
            continue  # its log would tell of a start
        doubt = "" if all(each.sure for each in (one, *others)) else _FEW
        found[server] = Setting(one.value, one.source, doubt, tuple(then))
    return found


def _saved_by_any(keys: Sequence[KeyEvent], update_ns: int) -> Setting | None:
    inferred = intervals.common(keys, update_ns)
    return None if inferred is None else Setting(*inferred)


def _common(told: _Tellings) -> Setting | None:
    """The setting that all servers have, always; none if they differ, nothing if none of them tells."""
    sure = [each for each in told.values() if not each.doubt]
    known: dict[int, str] = {}
    for each in sure:
        known.setdefault(each.value or 0, each.source)
    differ = len(known) > 1
    for change in chain.from_iterable(each.then for each in sure):
        known.setdefault(change.value, change.source)
    if len(known) > 1:
        differing = ", ".join(f"{value} at {source}" for value, source in known.items())
        return Setting(None, f"{'the servers differ' if differ else 'it changed'}: {differing}")
    return next((Setting(value, source) for value, source in known.items()), None)


def _given(given: Mapping[Name, Setting], name: Name) -> Setting:
    return given.get(name) or Setting(None, "not in the trace")


def _json(text: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _text(value: Any) -> str:
    known = isinstance(value, str) and len(value) <= MAX_TEXT
    return value.encode(errors="replace").decode() if known else ""

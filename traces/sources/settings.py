"""The times the protocol runs on (save interval W, update interval, lease), and who started in which mode.

A setting comes from the first of these that knows it, and `Setting.source` says which:
1. the configuration that servers dump into their logs when they start (`PD config`, `TSO service config`);
2. for the lease, the `lease granted` lines (a log that begins later);
3. for the save interval, the saved timestamps themselves, see `_infer_save_interval`;
4. the caller.
Servers that were configured differently leave the common setting unknown; each one's own is in its
`ServerStart`.

| field in the dump | meaning | source |
|---|---|---|
| `tso-save-interval` | W, the window of one save | `server/config`, `mcs/tso/server/config.go` |
| `tso-update-physical-interval` | the tick of `updateTimestamp` | the same |
| `lease` | seconds asked for; etcd grants at least its own minimum | the same |
| `name`, `advertise-client-urls` | `ServerStart.server` and `urls` of a PD | `server/config` |
| `advertise-listen-addr` | both, of a TSO server | `mcs/tso/server/config.go` |
| `enable-keyspace-group=` (beside the dump) | true: API mode, false: PD service mode | `server/server.go` |
| `micro-service.enable-tso-dynamic-switching` | whether an API-mode PD steps in | `server/config` |
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from .observation import (
    MAX_LEASE_S,
    MAX_NAME,
    MAX_NS,
    MAX_TEXT,
    NS_PER_MS,
    Key,
    KeyEvent,
    LogEvent,
    LogStep,
    Service,
    Where,
)

_DURATION = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?(h|ms|m|s|us|µs|ns)")
_UNITS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}
#: updateTimestamp saves when no more than this is left of the window
GUARD_NS = NS_PER_MS
#: save intervals are set in multiples of this
ROUND_NS = 100 * NS_PER_MS
_DEFAULT_UPDATE_NS = 50 * NS_PER_MS
_LATE_NS = 10 * NS_PER_MS  # how late a tick and its save may be without being a failure
_FEW_SAVES = 4

Name = Literal["save_interval_ns", "update_interval_ns", "lease_s"]


@dataclass(frozen=True, slots=True)
class ServerStart:
    """One start of one server, with the configuration it dumped; `None` is what the dump does not say.

    `api_mode` is true for a PD in API mode (keyspace groups on), false for PD service mode, `None` for a TSO
    server.
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


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it comes from; `value` is `None` when nothing tells, and `source` then says why."""

    value: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings common to all servers of the trace."""

    save_interval: Setting
    update_interval: Setting
    lease: Setting

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


def server_start(where: Where, service: Service, at_ns: int, fields: dict[str, str]) -> ServerStart:
    """The start that a configuration line tells of, from the line's `fields`.

    What is missing or odd becomes `None`; `server` is empty if the dump does not name it.
    """
    config = _json(fields.get("config", ""))
    if service is Service.TSO:
        address = _text(config.get("advertise-listen-addr")) or _text(config.get("listen-addr"))
        server, urls = address, address
    else:
        server = _text(config.get("name"))
        urls = _text(config.get("advertise-client-urls")) or _text(config.get("client-urls"))
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
        urls=tuple(url for url in urls.split(",") if url),
        save_interval_ns=duration_ns(_text(config.get("tso-save-interval"))),
        update_interval_ns=duration_ns(_text(config.get("tso-update-physical-interval"))),
        lease_s=lease if type(lease) is int and 0 < lease < MAX_LEASE_S else None,
    )


def find(
    starts: Sequence[ServerStart],
    logs: Iterable[LogEvent],
    keys: Iterable[KeyEvent],
    given: dict[Name, int] | None = None,
) -> Settings:
    """The settings of a trace from its server starts, log events, and key events in revision order.

    `given` is what the caller takes for granted where the trace tells nothing.
    """
    given = given or {}
    update = _dumped(starts, "update_interval_ns") or _given(given, "update_interval_ns")
    save = (
        _dumped(starts, "save_interval_ns")
        or _infer_save_interval(keys, update.value or _DEFAULT_UPDATE_NS)
        or _given(given, "save_interval_ns")
    )
    lease = _dumped(starts, "lease_s") or _granted_lease(logs) or _given(given, "lease_s")
    return Settings(save_interval=save, update_interval=update, lease=lease)


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


def _dumped(starts: Sequence[ServerStart], name: Name) -> Setting | None:
    known: dict[int, ServerStart] = {}
    for start in starts:
        value = getattr(start, name)
        if value is not None:
            known.setdefault(value, start)
    if len(known) > 1:
        differing = ", ".join(f"{value} at {start.where}" for value, start in known.items())
        return Setting(None, f"the servers differ: {differing}")
    return next((Setting(value, str(start.where)) for value, start in known.items()), None)


def _granted_lease(logs: Iterable[LogEvent]) -> Setting | None:
    granted = {
        event.lease_s: event for event in logs if event.step is LogStep.LEASE_GRANTED and event.lease_s
    }
    if len(granted) != 1:
        return None
    ((value, event),) = granted.items()
    return Setting(value, str(event.where))


def _infer_save_interval(keys: Iterable[KeyEvent], update_ns: int) -> Setting | None:
    """W from the differences between the timestamps that one steady writer saved, `None` if unsure.

    Such a writer saves W beyond its clock whenever a tick finds at most the guard G left: G before the
    window's end at the earliest, and later than that by less than a tick and the time a save takes. So each
    difference d has W - G <= d < W - G + tick + delay, and all of them together leave W between (largest d) +
    G - tick - delay and (smallest d) + G. The longest stretch of saves in which no election key changes is
    taken, it must be at least four saves long, and the answer is the one multiple of 100 ms in that interval;
    two writers at once, a clock that jumps or an unusual W leave none or several, and then nothing is
    inferred.
    """
    longest: list[int] = []
    stretch: list[int] = []
    for event in keys:
        if event.key in (Key.LEADER, Key.PRIMARY):
            stretch = []
        elif event.timestamp_ns is not None:
            stretch.append(event.timestamp_ns)
            if len(stretch) > len(longest):
                longest = stretch
    if (
        len(longest) < _FEW_SAVES + 1
    ):  # the first save of a stretch may be a sync, whose successor is steady all the same
        return None
    steps = [later - earlier for earlier, later in pairwise(longest)]
    low = max(steps) + GUARD_NS - update_ns - _LATE_NS
    high = min(steps) + GUARD_NS
    value = high // ROUND_NS * ROUND_NS
    if value <= 0 or value < low or value - ROUND_NS >= low:
        return None
    return Setting(value, f"inferred from {len(longest)} saves in a row")


def _given(given: dict[Name, int], name: Name) -> Setting:
    value = given.get(name)
    return Setting(value, "not in the trace" if value is None else "given")


def _json(text: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _text(value: Any) -> str:
    known = isinstance(value, str) and len(value) <= MAX_TEXT
    return value.encode(errors="replace").decode() if known else ""

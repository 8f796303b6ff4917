"""What PD's client library says when time goes back: of two calls, the later got the smaller timestamp.

| since | line | what it tells |
|---|---|---|
| 7.5 | `[tso] timestamp fallback`, `last-ts`, `cur-ts` | timestamps, servers, times of receipt |
| before | `timestamp fallback, newly acquired ts (…) is less or equal to last one (…)` | timestamps |

The library compares a call with what it had got before that call began (`checkMonotonicity`).  So the later
one began after the earlier one's answer was here; when the earlier one began is not told.  The line of a
client that changed between keyspace groups says nothing of either.

Source: tikv/pd `client/clients/tso/dispatcher.go` (to 8.1 `client/tso_dispatcher.go`, to 6.5
`client/client.go`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from . import groups
from .observation import LOGICAL_BITS, MAX_NAME, MAX_NS, NS_PER_MS, Call
from .samples import UNTOLD_NS

#: in each such line
SIGN = "timestamp fallback"
_PANIC = re.compile(
    r"timestamp fallback, newly acquired ts \((\d{1,19}), ?(\d{1,19})\)"
    r" is less or equal to last one \((\d{1,19}), ?(\d{1,19})\)"
)
_TIMESTAMP = re.compile(r"\((\d{1,19}), ?(\d{1,19})\)")
_GROUPS = tuple(f"{which}-keyspace-group-in-response" for which in ("last", "cur"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_panic(text: str) -> bool:
    """Whether a text is what a library before 7.5 panics with."""
    return _PANIC.search(text) is not None


def told(
    file: str,
    line: int,
    client: str,
    at_ns: int | None,
    message: str,
    fields: Mapping[str, str],
    group: int = groups.DEFAULT,
) -> tuple[Call, ...]:
    """The earlier call and the later one; none if the line does not tell of the keyspace group's timestamps.

    ``at_ns``: when the line was written; None: it does not say, and then neither call is timed.
    """
    if any(fields.get(name, str(groups.DEFAULT)) != str(group) for name in _GROUPS):
        return ()
    if panic := _PANIC.search(message):
        now, last = (int(panic[1]), int(panic[2])), (int(panic[3]), int(panic[4]))
    else:
        found = [_TIMESTAMP.fullmatch(fields.get(name, "")) for name in ("last-ts", "cur-ts")]
        if found[0] is None or found[1] is None:
            return ()
        last, now = ((int(each[1]), int(each[2])) for each in found if each)
    if not all(0 < p < MAX_NS // NS_PER_MS and lo < 1 << LOGICAL_BITS for p, lo in (last, now)):
        return ()
    answered = [_time(fields.get(f"{which}-response-received-at", "")) for which in ("last", "cur")]
    until = answered[1] or at_ns
    before = answered[0] or until
    servers = [_address(fields.get(f"{which}-tso-server", "")) for which in ("last", "cur")]
    if until is None or before is None:
        times = [(2 * line, 2 * line), (2 * line + 1, 2 * line + 1)]
    else:
        times = [(max(0, before - UNTOLD_NS), before), (before + 1, max(until, before + 1))]
    return tuple(
        Call(
            file,
            line,
            client,
            "lib",
            server,
            None,
            *when,
            *parts,
            1,
            None,
            until is not None,
            until is not None,
        )
        for server, when, parts in zip(servers, times, (last, now), strict=True)
    )


def _address(server: str) -> str:
    return server if "://" in server or not server else f"http://{server[:MAX_NAME]}"


def _time(text: str) -> int | None:
    """A time as the client's log writes it, in ns; None: it is none."""
    try:
        moment = datetime.strptime(text, "%Y/%m/%d %H:%M:%S.%f %z")
    except ValueError:
        return None
    found = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    return found if 0 < found < MAX_NS else None

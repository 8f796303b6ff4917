"""Polls of etcd's leases, one a line: what `LeaseTimeToLive` answers with keys, and when it was asked.

| field | observation | source |
|---|---|---|
| `lease` | `lease` | the lease that was asked for, as a number or in digits |
| `granted_ttl_s` | `granted_s` | etcd `LeaseTimeToLiveResponse.grantedTTL` |
| `keys` | `elections` | the same, as text: those that servers campaign for |
| `revision` | `revision` | `ResponseHeader.revision`: etcd was there as it answered |
| `start_unix_ns`, `recv_unix_ns` | `asked_ns`, `received_ns` | the recorder's clock |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .etcd import key_of
from .lines import Tally, json_object
from .observation import ELECTIONS, MAX_NS, Where
from .rounded import LEASES, Integers

#: a lease has few; what goes on is left out
_MOST_KEYS = 100


@dataclass(frozen=True, slots=True)
class LeasePoll:
    """What etcd said of a lease, at `revision`: the election keys that had it, and how long it lasts."""

    where: Where
    lease: int
    elections: tuple[str, ...]
    granted_s: int
    revision: int
    asked_ns: int
    received_ns: int


def recognise(document: dict[str, Any] | None) -> bool:
    """Whether a parsed line is a poll of a lease."""
    return document is not None and {"lease", "granted_ttl_s", "keys"} <= document.keys()


def decode(file: str, lines: Iterable[tuple[int, bytes | None]], tally: Tally) -> list[LeasePoll]:
    """Read polls; lines that are none are counted in `tally`."""
    found = []
    for number, line in lines:
        document = json_object(number, line, tally)
        if document is None:
            continue
        poll = _poll(Where(file, number), document)
        if poll is None:
            tally.skip(number, "not a poll of a lease")
            continue
        tally.keep(*poll.elections)
        found.append(poll)
    if Integers(poll.lease for poll in found).rounded:
        tally.assume(LEASES)
        return []
    return found


def _poll(where: Where, document: dict[str, Any]) -> LeasePoll | None:
    names = ("lease", "granted_ttl_s", "revision", "start_unix_ns", "recv_unix_ns")
    numbers = [_number(document.get(name, 0)) for name in names]
    keys = document.get("keys") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or None in numbers:
        return None
    lease, granted_s, revision, asked_ns, received_ns = (number or 0 for number in numbers)
    elections = tuple(key for key in keys[:_MOST_KEYS] if key_of(key) in ELECTIONS)
    return LeasePoll(where, lease, elections, granted_s, revision, asked_ns, received_ns)


def _number(value: Any) -> int | None:
    """A number that is none below 0 and fits 63 bits, or its digits; etcd says -1 of a lease that is gone."""
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    return max(value, 0) if type(value) is int and value < MAX_NS * 2 else None

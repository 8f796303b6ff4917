"""The state of a cluster's timestamp oracle in etcd: which keys it is made of, and one that somebody read.

A recorder writes it as the answer to a range read, in a line of its own, before the events that follow it:
`{"recv_unix_ns": n, "state": true, "response": {"header": {"revision": …}, "kvs": […]}}`.  It has every key
of the oracle that was there at the revision in the header, so what it does not have was absent.  By hand it
is what `etcdctl get --prefix '' -w json` prints, or the gateway's answer to a range read; one that was read
after the watch began agrees with it, or is of another run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from .observation import BadInput, KeyEvent

#: keys that say something of timestamps; of others only the revision counts
_CONCERNS = re.compile(r"/pd/cluster_id|/pd/\d{1,20}/(?:leader|timestamp|tso/.*)|/ms/\d{1,20}/.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class State:
    """What the keys held at a revision: the last write of each, of those that were there."""

    revision: int
    events: tuple[KeyEvent, ...]


def concerns(path: str) -> bool:
    """Whether a key says something of timestamps."""
    return _CONCERNS.fullmatch(path) is not None


def ranges(cluster: int) -> tuple[tuple[bytes, bytes], ...]:
    """The keys of the state: from where to before where, or one key."""
    pd, tso = f"/pd/{cluster}", f"/ms/{cluster}/tso/"
    ones = (f"{pd}/leader", f"{pd}/timestamp", f"{pd}/tso/keyspace_groups/membership/00000")
    return (*((one.encode(), b"") for one in ones), (tso.encode(), f"{tso[:-1]}0".encode()))


def pairs(document: Any) -> list[Any] | None:
    """The keys in one parsed line with their values; `None` if it is no state that somebody read."""
    if not isinstance(document, dict):
        return None
    by_hand = isinstance(document.get("kvs"), list) and not document.get("more")
    response = document.get("response") if document.get("state") is True else document if by_hand else None
    if not isinstance(response, dict) or not isinstance(response.get("header"), dict):
        return None
    found = response.get("kvs", [])
    return found if isinstance(found, list) else None


def agree(
    states: Iterable[State],
    keys: Iterable[KeyEvent],
    watched: Callable[[int], bool],
    unread: Collection[tuple[int, str]],
) -> None:
    """Compare what somebody read while a watch went on with the last writes that it has until then.

    ``watched``: whether it has what was written at a revision; ``unread``: what it has and cannot be decoded.

    Raises:
        BadInput: a key held something else, or was written at another revision.
    """
    writes: defaultdict[str, list[KeyEvent]] = defaultdict(list)
    for event in keys:
        writes[event.path].append(event)
    for state in states:
        for held in state.events:
            if not (of := writes[held.path]):
                continue
            last = next((each for each in reversed(of) if each.revision <= state.revision), None)
            if last is None or last.revision < held.revision:
                differs = watched(held.revision) and (held.revision, held.path) not in unread
                expected = f"no write of {held.path} at revision {held.revision}, as in {of[0].where.file}"
            else:
                differs = _held(last) != _held(held)
                expected = f"{held.path} as in {last.where}, at revision {last.revision}"
            if differs:
                raise BadInput(held.where.file, held.where.line, expected, "give the recordings of one run")


def _held(event: KeyEvent) -> tuple[object, ...]:
    """What a key holds after a write."""
    return event.revision, event.put, event.name, event.url, event.text, event.timestamp_ns


def at(states: Iterable[State], revision: int) -> State | None:
    """The one at a revision, if there is one."""
    return next((each for each in states if each.revision == revision), None)

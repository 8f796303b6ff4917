"""What etcd held when a watch began late, where a recorder read it (`sources/state.py`), or events tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...model.language.transition import Kind
from ..sources.observation import Key, KeyEvent
from ..sources.servers import Servers
from ..sources.state import State
from .seen import Seen


@dataclass(frozen=True, slots=True)
class Begins:
    """Who held each key at a revision, by number, 0 for nobody; `window_ns`: what was saved, 0 if nothing."""

    revision: int
    leader: int
    primary: int
    expected: int
    listed: frozenset[int]
    window_ns: int


def begins(state: State | None, servers: Servers) -> Begins | None:
    """None: nobody read it, or a key is held by a server that is not told from others."""
    if state is None:
        return None
    of = {event.key: event for event in state.events if event.key is not Key.REGISTRY}
    numbers = {key: servers.number(event.server) for key, event in of.items()}
    kinds = {Key.LEADER: Kind.PD, Key.PRIMARY: Kind.TSO}
    for key, kind in kinds.items():
        if key in of and (not numbers[key] or servers.kinds[numbers[key] - 1] is not kind):
            return None
    listed = (servers.number(event.server) for event in state.events if event.key is Key.REGISTRY)
    saved = of.get(Key.TIMESTAMP)
    return Begins(
        state.revision,
        numbers.get(Key.LEADER, 0),
        numbers.get(Key.PRIMARY, 0),
        numbers.get(Key.EXPECTED_PRIMARY, 0),
        frozenset(listed) - {0},
        saved.timestamp_ns or 0 if saved else 0,
    )


def held_before(seen: Iterable[Seen], gap: int) -> dict[tuple[Key, int], bool | None]:
    """By key, and by server for the registry: whether it was there before its first event, None if that does
    not tell. From revision ``gap`` on events may be missing."""
    found: dict[tuple[Key, int], bool | None] = {}
    for one in seen:
        event = one.what
        if isinstance(event, KeyEvent) and event.revision < gap:
            of = event.key, one.server if event.key is Key.REGISTRY else 0
            written = None if event.version is None else event.version > 1
            found.setdefault(of, written if event.put else True)
    return found

"""What etcd held when a watch began late, where a recorder read it (`sources/state.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from ...model.language.transition import Kind
from ..sources.observation import Key
from ..sources.servers import Servers
from ..sources.state import State


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

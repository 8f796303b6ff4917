"""The behaviours by the fault that a scenario allows, or leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..language.variant import Variant
from . import (
    client_mode,
    client_sync,
    discovery_fails,
    follower_proxy,
    frequent_elections,
    leader_priority,
    paused,
    stale_delete,
)

BY_FAULT: dict[str, Variant] = {
    "client_sync": client_sync.behaviour,
    "keepalive": paused.behaviour,
    "stale_delete": stale_delete.behaviour,
    "follower_proxy": follower_proxy.behaviour,
    "client_mode": client_mode.behaviour,
    "discovery": discovery_fails.behaviour,
    "frequent_elections": frequent_elections.behaviour,
    "priority": leader_priority.behaviour,
}


def allowed(allows: Callable[[str], bool] = lambda fault: True) -> Iterator[Variant]:
    """Those whose fault may happen."""
    return (behaviour for fault, behaviour in BY_FAULT.items() if allows(fault))

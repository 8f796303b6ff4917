"""The behaviours by the fault that a scenario allows, or leaves out."""

from __future__ import annotations

from collections.abc import Callable

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
    stale_failure,
    two_reads,
)

BY_FAULT: dict[str, Variant] = {
    "client_sync": client_sync.behaviour,
    "keepalive": paused.behaviour,
    "stale_delete": stale_delete.behaviour,
    "stale_failure": stale_failure.behaviour,
    "two_reads": two_reads.behaviour,
    "follower_proxy": follower_proxy.behaviour,
    "client_mode": client_mode.behaviour,
    "discovery": discovery_fails.behaviour,
    "frequent_elections": frequent_elections.behaviour,
    "priority": leader_priority.behaviour,
}


def behaving(variant: Variant, allows: Callable[[str], bool] = lambda fault: True) -> Variant:
    """The variant with what its servers do under the faults that may happen."""
    return variant.behaving(BY_FAULT, allows)

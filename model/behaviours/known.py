"""The behaviours by the fault that a scenario allows, or leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..language.variant import Variant
from . import client_sync, paused, stale_delete, stale_failure, two_reads

BY_FAULT: dict[str, Variant] = {
    "client_sync": client_sync.behaviour,
    "keepalive": paused.behaviour,
    "stale_delete": stale_delete.behaviour,
    "stale_failure": stale_failure.behaviour,
    "two_reads": two_reads.behaviour,
}


def allowed(allows: Callable[[str], bool] = lambda fault: True) -> Iterator[Variant]:
    """Those whose fault may happen."""
    return (behaviour for fault, behaviour in BY_FAULT.items() if allows(fault))

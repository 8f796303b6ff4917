"""The fences by name, joined with ``+``."""

from __future__ import annotations

from functools import reduce

from ..language.variant import Variant
from . import (
    check_tso_primary,
    dynamic_8780,
    etcd_transfer,
    first_save_only,
    hook,
    off,
    save_cas,
    wait_out,
    window_lease,
    yielded_flag,
)

#: those that come with tsofence
SHIPPED: dict[str, Variant] = {
    module.fence.name: module.fence
    for module in (
        off,
        check_tso_primary,
        first_save_only,
        hook,
        yielded_flag,
        etcd_transfer,
        dynamic_8780,
        save_cas,
        window_lease,
        wait_out,
    )
}

#: the rows of `explore --all-fences`
ALL = (*SHIPPED, "save-cas+window-lease+wait-out")


def parse(name: str) -> Variant:
    """The fence of that name.

    Raises:
        ValueError: an unknown name, or two that exclude each other; the message says what there is.
    """
    parts = name.split("+")
    unknown = [part for part in parts if part not in SHIPPED]
    if unknown:
        known = ", ".join(SHIPPED)
        raise ValueError(f"unknown fence {unknown[0]!r}; choose from {known}, or join several with +")
    if len(parts) > 1 and off.fence.name in parts:
        raise ValueError("fence off means no fence; it cannot be joined with another")
    if len(parts) != len(set(parts)):
        raise ValueError(f"fence {name!r} names one of its parts twice; name each once")
    return reduce(Variant.joined, (SHIPPED[part] for part in parts))

"""Why nothing notices that a guard is dropped: by kind, found by looking at each."""

from __future__ import annotations

from .statements import Guard

NOT_LOOKED_AT = "not explained yet"

#: by label, where the transitions do not matter
_BY_LABEL: dict[str, str] = {
    "etcd answers": (
        "Waits for a raft leader: without the guard the step may come before one is elected; `raft_elects` "
        "may come first as well, and changes nothing else that the step looks at"
    ),
}
_BY_GUARD: dict[Guard, str] = {}


def reason(guard: Guard) -> str:
    """Why; `NOT_LOOKED_AT` for one of which nobody knows."""
    return _BY_GUARD.get(guard) or _BY_LABEL.get(guard[1]) or NOT_LOOKED_AT

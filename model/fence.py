"""The fences: variants of the same transitions, chosen by name and combinable with ``+``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Check(Enum):
    """When a PD in service mode makes sure that there is no TSO primary."""

    NEVER = "never"
    FIRST_SAVE = "in the first save of a term only"
    EVERY_SAVE = "in every save, before it reads the timestamp key"
    HOOK = "in every save, as a hook that runs last in the transaction"


@dataclass(frozen=True, slots=True)
class Fence:
    """What protects the timestamp window.

    ``save_cas``: the timestamp key must hold what this allocator loaded at its sync or saved last.
    ``window_lease``: never grant once the own clock has passed the own saved window.
    ``wait_out``: a new writer waits until the loaded window has passed by a margin for skew.
    """

    name: str
    check: Check = Check.NEVER
    save_cas: bool = False
    window_lease: bool = False
    wait_out: bool = False


_CHECKS = {
    "check-tso-primary": Check.EVERY_SAVE,
    "first-save-only": Check.FIRST_SAVE,
    "hook": Check.HOOK,
}
_FLAGS = ("save-cas", "window-lease", "wait-out")

#: what each name means, for `tsofence list fences`
MEANINGS = {
    "off": "before pull 10473: nothing ties PD and TSO server together but the growing timestamp key",
    "check-tso-primary": f"pull 10473: the PD looks for a TSO primary {Check.EVERY_SAVE.value}",
    "first-save-only": f"the PD looks for a TSO primary {Check.FIRST_SAVE.value}",
    "hook": f"the PD looks for a TSO primary {Check.HOOK.value}",
    "save-cas": "every save: the key must hold what this allocator loaded at sync or saved last",
    "window-lease": "a server never grants once its own clock has passed its own window",
    "wait-out": "a new writer waits until the loaded window has passed by a margin for clock skew",
}

#: the rows of `explore --all-fences`
ALL = (
    "off",
    "check-tso-primary",
    "first-save-only",
    "hook",
    "save-cas",
    "window-lease",
    "wait-out",
    "save-cas+window-lease+wait-out",
)


def parse(name: str) -> Fence:
    """The fence of that name.

    Raises:
        ValueError: an unknown name, or two that exclude each other; the message says what there is.
    """
    parts = name.split("+")
    unknown = [part for part in parts if part not in MEANINGS]
    if unknown:
        known = ", ".join(MEANINGS)
        raise ValueError(f"unknown fence {unknown[0]!r}; choose from {known}, or join several with +")
    checks = [part for part in parts if part in _CHECKS]
    if len(checks) > 1:
        raise ValueError(f"fences {' and '.join(checks)} exclude each other; choose one of them")
    if len(parts) > 1 and "off" in parts:
        raise ValueError("fence off means no fence; it cannot be joined with another")
    if len(parts) != len(set(parts)):
        raise ValueError(f"fence {name!r} names one of its parts twice; name each once")
    flags = {flag.replace("-", "_"): flag in parts for flag in _FLAGS}
    return Fence(name, _CHECKS[checks[0]] if checks else Check.NEVER, **flags)

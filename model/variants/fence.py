"""The fences: variants of the same transitions, chosen by name and combinable with ``+``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Check(Enum):
    """When a PD (in service mode, where nothing else is said) makes sure that there is no TSO primary."""

    NEVER = "never"
    FIRST_SAVE = "in the first save of a term only"
    EVERY_SAVE = "in every save, before it reads the timestamp key"
    HOOK = "in every save, as a hook that runs last in the transaction"
    SWITCHING = "in every save of a PD in API mode that may switch"


class Yield(Enum):
    """What a PD does once the fence has refused it."""

    NOTHING = "nothing: it is elected again at once"
    FLAG = "it resigns, and does not campaign while there is a TSO primary"
    TRANSFER = "it resigns, and hands the etcd leadership to another PD before it campaigns again"


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
    yields: Yield = Yield.NOTHING


_CHECKS = {
    "check-tso-primary": (Check.EVERY_SAVE, Yield.NOTHING),
    "first-save-only": (Check.FIRST_SAVE, Yield.NOTHING),
    "hook": (Check.HOOK, Yield.NOTHING),
    "yielded-flag": (Check.EVERY_SAVE, Yield.FLAG),
    "etcd-transfer": (Check.EVERY_SAVE, Yield.TRANSFER),
    "dynamic-8780": (Check.SWITCHING, Yield.NOTHING),
}
_FLAGS = ("save-cas", "window-lease", "wait-out")

#: what each name means, for `tsofence list fences`
MEANINGS = {
    "off": "before pull 10473: nothing ties PD and TSO server together but the growing timestamp key",
    "check-tso-primary": f"pull 10473: the PD looks for a TSO primary {Check.EVERY_SAVE.value}",
    "first-save-only": f"the PD looks for a TSO primary {Check.FIRST_SAVE.value}",
    "hook": f"the PD looks for a TSO primary {Check.HOOK.value}",
    "yielded-flag": f"as check-tso-primary; a PD that is refused remembers it: {Yield.FLAG.value}",
    "etcd-transfer": f"as check-tso-primary; a PD that is refused: {Yield.TRANSFER.value}",
    "dynamic-8780": f"pull 8780: the PD looks {Check.SWITCHING.value}; refused, it stops its allocator and "
    "stays PD leader",
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
    "yielded-flag",
    "etcd-transfer",
    "dynamic-8780",
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
    check, yields = _CHECKS[checks[0]] if checks else (Check.NEVER, Yield.NOTHING)
    return Fence(name, check, yields=yields, **flags)

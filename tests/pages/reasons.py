"""Why nothing notices that a guard is dropped, as far as that is known: by kind, read off the transitions."""

from __future__ import annotations

from collections.abc import Mapping

from tsofence.checker.reductions.candidates import alike, mentioned
from tsofence.model.language.transition import Transition
from tsofence.model.pd import state as s
from tsofence.model.pd.state import CLIENTS

from .statements import Guard

UNKNOWN = "Not explained yet"
_WAITS = (
    "Waits for a raft leader: without the guard the step may come before there is one; a PD may be started "
    "and elected first as well, which changes nothing else that the step looks at"
)
_FAILS = (
    "Says why a save fails: without the guard it may fail for no reason, as it does where a request is lost "
    "(`request_lost` changes the same)"
)
_ENDS = (
    "Says how far a save is that fails: without the guard it may fail earlier, also a sync that has only "
    "loaded the key; it starts over"
)
_COMPARED_AGAIN = "Found while a save is under way, and compared again by etcd as its commit arrives"

#: the step with whose effect a save fails when nothing else is to be said of it
_LOST = "request_lost"
#: what a save finds on its way, and the guard of `commit` that compares it again
_FOUND = {
    ("find_own_key", "election key is mine"): "election key is mine",
    ("find_no_primary", "no TSO primary"): "no TSO primary",
}


def reason(guard: Guard, steps: Mapping[str, Transition]) -> str:
    """Why, in the system that has these transitions; `UNKNOWN` where nobody knows."""
    name, label = guard
    step = steps[name].step
    others = (each for other, each in step.guard.items() if other != label)
    waits = alike(step.guard[label], s.etcd_answers())
    if waits and "raft_leader" not in mentioned(*others, *step.effect.values()):
        return _WAITS
    slot = CLIENTS.prefix if name.startswith(CLIENTS.prefix) else ""
    lost = steps.get(slot + _LOST)
    if lost is not None and name != lost.name and _as_one(steps[name], lost):
        place = f"{slot}stage"
        return _ENDS if mentioned(step.guard[label]) == {place} else _FAILS
    again = _FOUND.get((name.removeprefix(slot), label))
    if again is not None and again in steps[f"{slot}commit"].step.guard:
        return _COMPARED_AGAIN
    return UNKNOWN


def _as_one(one: Transition, other: Transition) -> bool:
    """Have both the same effect, word for word?"""
    effect, others = one.step.effect, other.step.effect
    return effect.keys() == others.keys() and all(alike(effect[name], others[name]) for name in effect)

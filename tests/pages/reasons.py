"""Why nothing notices that a guard is dropped, as far as that is known: by kind, read off the transitions.

These are arguments, about safety; what z3 shows is in `redundant`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tsofence.checker.reductions.candidates import alike, mentioned
from tsofence.model.language.expr import FALSE, Expr
from tsofence.model.language.transition import SELF, Transition
from tsofence.model.pd import state as s
from tsofence.model.pd.allocator import DEMAND_LEFT
from tsofence.model.pd.state import CLIENTS, SLOTS

from .statements import Guard

UNKNOWN = "Not explained yet"
_LIMIT = "A limit of the scenario, so that searches end: proofs know none"
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
_ENDS_ALONE = (
    "Says when a save is given up that nobody will learn of: it ends and changes nothing else, as if its "
    "request had never been sent"
)
_GONE = (
    "Says who learns: a process that is gone learns nothing either way, and its request may be lost as well"
)
_LEAVES = (
    "Waits for a raft leader, as above; of who that is the step only changes that a PD that goes is it no "
    "more, and so it does where one was elected first"
)
_FAILS_OR_FORGETS = (
    "Says why a save fails, or why that of an update clears the memory as well: it may fail for no reason, "
    "and a server without memory grants nothing until it has synced again"
)
_AGAIN = (
    "Looks again before anything is done about the last look: what that found is forgotten, as if it had not "
    "been (in pull 8780 a PD that has begun to hand over holds back what it is asked for meanwhile)"
)
_KEPT_ALIVE = (
    "Says whose keep-alives may stop: where they have stopped already, it is as if one had got through first "
    "(`keepalive_resumes`)"
)
_LEAVING = (
    "Says whose keep-alives may stop: a server that does not serve has no memory and grants nothing, and its "
    "key may go at any time, for it could have revoked its lease"
)
_LATER = (
    "Says when an old update counts as ended: of what waits for that, nothing begins while a save is under "
    "way; and what it may do until then, it need not do"
)
_BEFORE_COMMIT = (
    "Says that nothing is granted while an admin's reset saves: the reset changes nothing before its commit "
    "arrives, and may as well begin after the grant"
)
_ONE_SYNC = (
    "Says how often a server syncs, and that two of its syncs exclude each other: each is held to the same "
    "conditions by etcd, nothing is granted meanwhile, and memory that is set only moves forward"
)
_MODE_KEPT = (
    "Has nothing to refuse: only a PD in API mode ever sends requests on, for `stop_allocator` asks for the "
    "mode, and a PD that starts anew, in whichever, does not send on"
)
_FENCED = (
    "Says when a request makes a PD sync: its save looks for a TSO primary, as others of that PD do, and "
    "is held to the same conditions"
)
_HANDS_OVER = (
    "Says how far a PD is on its way to hand over: too early it holds back what it is asked for, or clears "
    "its memory (and the proofs of what clients see, `session`, do without)"
)
_HOLDS_LOCK = (
    "Says that a PD that is about to hand over grants nothing: it has its memory until then, and what it "
    "grants is from its window, as what it granted just before (the proofs that there are do without)"
)
_TOLD_BY_THE_DEAD = (
    "Says which PD tells library clients whom to ask: one that is gone while its key stands counts as leader "
    "for them in any case (`asked_by_library` looks at the key), and in API mode sends them to a TSO primary"
)
_TAUGHT = (
    "Says who tells library clients to ask more servers: that a PD leads is no matter where one in API mode "
    "passes them on, for that one could be elected, and they would be sent to the TSO primary as well"
)
_FORGETS = (
    "Says when a server gives up or is stopped: it forgets its memory with that step, and grants nothing "
    "until it has synced again, so for safety it may be at any time"
)
_MOVES_ON = (
    "Says when the memory moves on: whenever that is, it moves forward, and stays within its window by other "
    "guards of the step"
)
_BEGINS = (
    "Says when a save is worth its while: one that begins too early or in vain is held to the same "
    "conditions as any other, by etcd as its commit arrives"
)
_CAMPAIGNS = (
    "Says who may campaign: whoever it is wins only where the election key is absent, by another guard"
)
_NO_GRANTS = (
    "Says when something changes that only elections and switching go by: who is raft leader, expected or "
    "registered, what was read of that, who has yielded; no grant goes by it, nor what a save compares"
)

#: the step with whose effect a save fails when nothing else is to be said of it
_LOST = "request_lost"
#: what a save finds on its way, and the guard of `commit` that compares it again
_FOUND = {
    ("find_own_key", "election key is mine"): "election key is mine",
    ("find_no_primary", "no TSO primary"): "no TSO primary",
    ("find_nobody", "election key is absent"): "election key is mine",
}
#: what tells a process that is gone from one that waits
_WAITING = "somebody waits for the answer"
#: all that a save changes that is given up; ``requested`` only keeps clients from syncing again
_SLOTS = frozenset({"job", *(f"{each.prefix}{of}" for each in SLOTS for of in ("stage", "next", "seen"))})
_SLOTS |= {"requested"}
#: without which the memory may go back or leave its window
_KEEPS_MEMORY = ("forward", "window has room")
_GIVEN_UP = ("sync_abandon", "client_abandon", "client_skip")
_MOVING = ("update_in_memory", "overflow", "admin_reset")
_BEGINNING = ("sync_begin", "client_begin", "early_begin", "update_begin", "admin_reset_begin")
#: variables by which nobody grants or saves: of these, `to_delete` only keeps a server from syncing
_BY_THE_WAY = frozenset(
    {
        "raft_leader",
        "expected",
        "registration",
        "preferred",
        "invited",
        "to_delete",
        "transferring",
        "yielded",
    }
)
#: without which another server wins than the one that was chosen, as a search finds
_TRANSFER = {("read_expected_primary", "nobody else is expected")}
#: guards of looks that may be repeated
_NOT_YET = ("has acted upon the last look", "has not probed it", "has not read it")
#: steps whose effect is a failure, and may be more than that
_YIELDING = ("refused_by_fence", "conflict_with_primary")
#: what only one guard or two are for
_SINGLE = {
    ("keepalive_stops", "lease is kept alive"): _KEPT_ALIVE,
    ("keepalive_stops", "serving"): _LEAVING,
    ("old_update_ends", "not saving"): _LATER,
    ("grant", "no admin reset holds the memory"): _BEFORE_COMMIT,
    ("client_load", "no client's sync has succeeded in this process"): _ONE_SYNC,
    ("client_load", "no sync of its own holds the allocator's state"): _ONE_SYNC,
    ("sync_load", "no client's sync holds the allocator's state"): _ONE_SYNC,
    ("sync_load", "has deleted the key that expects it"): _NO_GRANTS,
    ("late_sync_load", "nothing else in flight"): _ONE_SYNC,
    ("late_sync_load", "API mode: nobody is registered"): _NO_GRANTS,
    ("fall_back", "in API mode"): _MODE_KEPT,
    ("fall_back", "nobody is registered"): _FENCED,
    ("probe_tso_primary", "a TSO server is registered"): _HANDS_OVER,
    ("look_for_ready_primary", "a probe was answered"): _HANDS_OVER,
    ("grant", "TSO is provided here"): _HOLDS_LOCK,
    ("clients_ask_all", "is the PD leader"): _TAUGHT,
    ("clients_learn_mode", "is running"): _TOLD_BY_THE_DEAD,
}


def reason(guard: Guard, steps: Mapping[str, Transition]) -> str:
    """Why, in the system that has these transitions; `UNKNOWN` where nobody knows."""
    name, label = guard
    step = steps[name].step
    others = (each for other, each in step.guard.items() if other != label)
    if label == DEMAND_LEFT:
        return _LIMIT
    waits = alike(step.guard[label], s.etcd_answers())
    if waits and "raft_leader" not in mentioned(*others, *step.effect.values()):
        return _WAITS
    if waits and name == "revoke":
        return _LEAVES
    slot = CLIENTS.prefix if name.startswith(CLIENTS.prefix) else ""
    lost = steps.get(slot + _LOST)
    if lost is not None and _as_one(steps[name], lost):
        if mentioned(step.guard[label]) == {f"{slot}stage"}:
            return _ENDS
        if name != lost.name:
            return _FAILS
    again = _FOUND.get((name.removeprefix(slot), label))
    if again is not None and again in steps[f"{slot}commit"].step.guard:
        return _COMPARED_AGAIN
    return _of_kind(guard, step.effect)


def _of_kind(guard: Guard, effect: Mapping[str, Expr]) -> str:
    """Why, by what the step does."""
    name, label = guard
    if guard in _SINGLE:
        return _SINGLE[guard]
    if label in _NOT_YET:
        return _AGAIN
    if name in _YIELDING:
        return _FAILS_OR_FORGETS
    if alike(effect.get("initialised", s.initialised[SELF]), FALSE):
        return _FORGETS
    if label == _WAITING:
        return _GONE
    if name.endswith(_GIVEN_UP) and effect.keys() <= _SLOTS:
        return _ENDS_ALONE
    if name in _MOVING and label not in _KEEPS_MEMORY:
        return _MOVES_ON
    if name in _BEGINNING:
        return _BEGINS
    if name == "campaign" and not label.startswith("election key"):
        return _CAMPAIGNS
    if effect.keys() <= _BY_THE_WAY and guard not in _TRANSFER:
        return _NO_GRANTS
    return UNKNOWN


def _as_one(one: Transition, other: Transition) -> bool:
    """Have both the same effect, word for word?"""
    effect, others = one.step.effect, other.step.effect
    return effect.keys() == others.keys() and all(alike(effect[name], others[name]) for name in effect)

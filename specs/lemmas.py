"""Lemmas: what always holds, and together with the guards of a step implies a property after it.

Each is over any number of servers.  It must hold in every first state and be kept by every
transition while all lemmas of its group hold: that is one obligation a transition.  Assumptions
are what is taken for granted beyond the fence; they are chosen by name and printed beside a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from ..model import state as s
from ..model.expr import (
    NOBODY,
    NOW,
    ZERO,
    Expr,
    both,
    either,
    forall,
    implies,
    negate,
)
from ..model.fence import Check, Fence
from ..model.save import new_window
from ..model.state import GUARD, JOB, LEASE, LIMIT, MARGIN, NO_TIME, ROLE, SKEW, STAGE, UNIT, WINDOW
from ..model.transition import SELF, Kind, Transition
from ..model.vocabulary import PerServer, Variable


@dataclass(frozen=True, slots=True)
class Lemma:
    """``claim`` begins with the servers over which it is said (``forall``), if any."""

    name: str
    meaning: str
    claim: Expr


@dataclass(frozen=True, slots=True)
class Assumption:
    """``guard``: what every step must meet beyond its own guards, over `SELF`; None: nothing."""

    name: str
    meaning: str
    guard: Callable[[Transition], Expr | None]


# --- constants and first states --------------------------------------------------------------------

PARAMETERS = (WINDOW, GUARD, UNIT, LEASE, LIMIT, MARGIN, SKEW, s.MAX_RESET)

#: what the constants meet: any that PD could be configured with
CONSTANTS = (
    NO_TIME < UNIT,
    UNIT <= GUARD,
    GUARD + GUARD <= WINDOW,
    NO_TIME < LEASE,
    s.NO_LOGICAL + 2 <= LIMIT,
    NO_TIME <= SKEW,
    # wait-out waits for the slowest clock, as read on the fastest
    SKEW + SKEW <= MARGIN,
    NO_TIME < s.MAX_RESET,
)


def _each(body: Callable[[Expr], Expr]) -> Expr:
    return forall(body, "a")


def _pair(body: Callable[[Expr, Expr], Expr]) -> Expr:
    return forall(lambda a: forall(lambda b: implies(a != b, body(a, b)), "b"), "a")


_CLOCKS = Lemma(
    "clocks within bounds",
    "no clock is further from the true time than the bound on skew, and none reads PD's zero time",
    both(
        ZERO < NOW - SKEW,
        _each(lambda a: both(s.skew[a] <= SKEW, NO_TIME - SKEW <= s.skew[a])),
    ),
)


def _first(variable: Variable) -> Expr:
    """The declared first value, on every server."""
    value = Expr("literal", variable.sort, value=variable.initial)
    if variable.per_server:
        return _each(lambda a: PerServer(variable.name, variable.sort)[a] == value)
    return Expr("var", variable.sort, name=variable.name) == value


#: what every first state meets: the declared first values; any clocks, and anybody leads the raft group
FIRST = (
    _CLOCKS.claim,
    *(_first(v) for v in s.VOCABULARY.variables.values() if v.name not in ("raft_leader", "skew")),
)


# --- any fence -----------------------------------------------------------------------------------
def _read(n: Expr) -> Expr:
    """The transaction has read the timestamp key."""
    return either(s.stage[n] == STAGE.read, s.stage[n] == STAGE.hooked)


def _saving(n: Expr) -> Expr:
    """A transaction is in flight: ``next`` is chosen."""
    return negate(either(s.stage[n] == STAGE.idle, s.stage[n] == STAGE.loaded))


def _noted_within(n: Expr) -> Expr:
    """The server will only grant above the remembered grant, as far as its memory goes."""
    return either(
        s.noted_physical < s.physical[n],
        both(s.noted_physical == s.physical[n], s.noted_logical <= s.logical[n]),
    )


_SAVE_GROWS = Lemma(
    "save grows",
    "a window about to be saved ends above the value that the transaction has read",
    _each(lambda a: implies(_read(a), s.seen[a] < new_window(a))),
)
_WINDOW_SAVED = Lemma(
    "window saved",
    "the end of a server's window is at most what the timestamp key holds",
    _each(lambda a: implies(s.initialised[a], s.saved[a] <= s.timestamp)),
)
_WITHIN_WINDOW = Lemma(
    "memory within window",
    "the physical part in memory stays below the end of the window by more than the guard",
    _each(lambda a: implies(s.initialised[a], s.physical[a] + GUARD < s.saved[a])),
)
_LOADED_ABOVE = Lemma(
    "loaded above own window",
    "what a sync has loaded is not below the window that is still in memory",
    _each(lambda a: implies(both(s.initialised[a], s.stage[a] == STAGE.loaded), s.saved[a] <= s.seen[a])),
)
_GOES_ON = Lemma(
    "save goes on",
    "a save in flight starts no further than the guard below the end of the window in memory",
    _each(lambda a: implies(both(s.initialised[a], _saving(a)), s.saved[a] <= s.next[a] + GUARD)),
)
_NOTED_BELOW = Lemma(
    "grants below the key",
    "every timestamp granted so far is below what the timestamp key holds",
    implies(s.noted, s.noted_physical < s.timestamp),
)

_ENDED = Lemma(
    "a process that ends forgets",
    "a server that is down or closing has nothing in memory",
    _each(
        lambda a: implies(either(s.role[a] == ROLE.down, s.role[a] == ROLE.closing), negate(s.initialised[a]))
    ),
)

_MONOTONE = (_SAVE_GROWS,)
_WINDOW = (*_MONOTONE, _ENDED, _WINDOW_SAVED, _WITHIN_WINDOW)
_IN_FLIGHT = (*_WINDOW, _LOADED_ABOVE, _GOES_ON, _NOTED_BELOW)

# --- save-cas ------------------------------------------------------------------------------------
_SYNC_ABOVE = Lemma(
    "sync starts above what it loaded",
    "a sync in flight starts above the value that the key must still hold",
    _each(lambda a: implies(both(s.job[a] == JOB.sync, _saving(a)), s.seen[a] + GUARD <= s.next[a])),
)
_EXTENDS_OWN = Lemma(
    "update extends the last window",
    "what an update or an admin reset has read is the end of the window in memory",
    _each(
        lambda a: implies(
            both(_read(a), s.job[a] != JOB.sync, s.initialised[a]),
            s.seen[a] == s.saved[a],
        )
    ),
)
_APART = Lemma(
    "windows apart",
    "what one server may still grant lies wholly above the window of another, or the other way round",
    _pair(
        lambda a, b: implies(
            both(s.initialised[a], s.initialised[b]),
            either(s.saved[a] <= s.physical[b], s.saved[b] <= s.physical[a]),
        )
    ),
)
_NOTED_APART = Lemma(
    "grants apart",
    "a timestamp granted so far is behind what a server may still grant, or above its window",
    _each(
        lambda a: implies(
            both(s.noted, s.initialised[a]),
            either(_noted_within(a), s.saved[a] <= s.noted_physical),
        )
    ),
)
_SYNC_LEADS = Lemma(
    "a sync beside memory leads",
    "a server that syncs although its memory is set is still leader",
    _each(lambda a: implies(both(s.job[a] == JOB.sync, s.initialised[a]), s.role[a] == ROLE.leader)),
)
_CAS = (*_IN_FLIGHT, _SYNC_LEADS, _SYNC_ABOVE, _EXTENDS_OWN)
_CAS_UNIQUE = (*_CAS, _APART, _NOTED_APART)

# --- save-cas + window-lease + wait-out ------------------------------------------------------------
_WAITED = Lemma(
    "sync waited",
    "when a sync saves, the window that it loaded has passed on every clock",
    _each(
        lambda a: implies(
            both(s.job[a] == JOB.sync, _saving(a)), either(s.seen[a] == ZERO, s.seen[a] <= NOW - SKEW)
        )
    ),
)
_ONE_WINDOW = Lemma(
    "one window lives",
    "of two servers' windows, the one that ends first has passed on every clock",
    _pair(
        lambda a, b: implies(
            both(s.initialised[a], s.initialised[b], s.saved[a] <= s.saved[b]),
            s.saved[a] <= NOW - SKEW,
        )
    ),
)
_NOTED_BEHIND_LIVE = Lemma(
    "grants behind a living window",
    "a server whose window has not passed, or that saved last, only grants above every earlier grant",
    _each(
        lambda a: implies(
            both(s.noted, s.initialised[a], either(NOW - SKEW < s.saved[a], s.saved[a] == s.timestamp)),
            _noted_within(a),
        )
    ),
)
_WAITING = (_CLOCKS, *_CAS, _WAITED, _ONE_WINDOW, _NOTED_BEHIND_LIVE)

# --- one election key after the other --------------------------------------------------------------


def _sole_writer(n: Expr) -> Expr:
    """No save lands but this server's."""
    return both(s.election_key(n) == n, either(s.is_tso[n], s.primary == NOBODY))


_SERVING_OWNS = Lemma(
    "serving means elected",
    "a server whose local lease is valid holds its election key",
    _each(lambda a: implies(s.serving(a), s.election_key(a) == a)),
)
_PD_FORGETS = Lemma(
    "a PD that leads no more forgets",
    "a PD has a timestamp in memory only while its role is leader",
    _each(lambda a: implies(both(negate(s.is_tso[a]), s.initialised[a]), s.role[a] == ROLE.leader)),
)
_NEWCOMER = Lemma(
    "newcomers are blank",
    "a TSO server that is not the primary never was: nothing in memory, nothing in flight",
    _each(
        lambda a: implies(
            both(s.is_tso[a], s.primary != a),
            both(s.role[a] != ROLE.leader, negate(s.initialised[a]), s.job[a] == JOB.none),
        )
    ),
)
_SYNC_CURRENT = Lemma(
    "sync is current",
    "while no other save can land, nothing has been saved since this server's sync loaded the key",
    _each(
        lambda a: implies(
            both(_sole_writer(a), s.job[a] == JOB.sync),
            either(
                both(s.stage[a] == STAGE.loaded, s.seen[a] == s.timestamp),
                both(_saving(a), s.timestamp + GUARD <= s.next[a]),
            ),
        )
    ),
)
_NOTED_BEHIND_WRITER = Lemma(
    "grants behind the sole writer",
    "a server beside which no other's save can land only grants above every earlier grant",
    _each(lambda a: implies(both(s.noted, s.initialised[a], _sole_writer(a)), _noted_within(a))),
)
_NOTED_BEHIND_OR_ABOVE = Lemma(
    "grants behind or above a leader",
    "a PD leader's memory is above every earlier grant, or its window below it",
    _each(
        lambda a: implies(
            both(s.noted, s.initialised[a], s.leader == a),
            either(_noted_within(a), s.saved[a] <= s.noted_physical),
        )
    ),
)
_PD_BELOW = Lemma(
    "leader below primary",
    "the window of a PD leader lies below all that the TSO primary may grant",
    _pair(
        lambda a, b: implies(
            both(s.leader == a, s.initialised[a], s.primary == b, s.initialised[b]),
            s.saved[a] <= s.physical[b],
        )
    ),
)
_NO_PRIMARY = Lemma("no primary", "there is no TSO primary", s.primary == NOBODY)

_ELECTED = (*_IN_FLIGHT, _SERVING_OWNS, _PD_FORGETS, _SYNC_CURRENT, _NOTED_BEHIND_WRITER)
_HANDOVER = (*_ELECTED, _NEWCOMER, _NOTED_BEHIND_OR_ABOVE, _PD_BELOW)
_PD_ONLY = (*_ELECTED, _NO_PRIMARY)

# --- assumptions -----------------------------------------------------------------------------------


def _primary_key_stays(transition: Transition) -> Expr | None:
    after = transition.step.effect.get("primary")
    return None if after is None else either(s.primary == NOBODY, after == s.primary)


def _pd_acts(transition: Transition) -> Expr | None:
    return None if transition.rule.kind in (Kind.CLUSTER, Kind.PD) else negate(s.is_tso[SELF])


ASSUMPTIONS = (
    Assumption(
        "first-primary-stays",
        "the first TSO server that wins the primary key keeps it: no step deletes or rewrites that key "
        "(the server may crash, but its lease does not end, and it does not resign)",
        _primary_key_stays,
    ),
    Assumption(
        "no-tso-servers",
        "PDs in service mode only: no TSO server takes a step",
        _pd_acts,
    ),
)


def assumption(name: str) -> Assumption:
    """The assumption of that name.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    for known in ASSUMPTIONS:
        if known.name == name:
            return known
    raise ValueError(f"unknown assumption {name!r}; choose from {', '.join(a.name for a in ASSUMPTIONS)}")


# --- which lemmas prove what -------------------------------------------------------------------------
_ON_GRANTS = ("unique", "real-time", "session")


def lemmas(fence: Fence, prop: str, assume: Collection[str] = ()) -> tuple[Lemma, ...]:
    """The lemmas from which the property is to follow; for lack of better ones, those about windows."""
    pd_only = "no-tso-servers" in assume
    always_checks = fence.check in (Check.EVERY_SAVE, Check.HOOK)
    if prop == "key-monotone":
        return _MONOTONE
    if prop == "single-writer" and (pd_only or always_checks):
        return (_NO_PRIMARY,) if pd_only else ()
    if prop == "one-live":
        return (_SERVING_OWNS, *((_NO_PRIMARY,) if pd_only else ()))
    if prop in _ON_GRANTS:
        if pd_only:
            return _PD_ONLY
        if fence.save_cas and prop == "unique":
            return _CAS_UNIQUE
        if fence.save_cas and fence.window_lease and fence.wait_out:
            return _WAITING
        if always_checks and "first-primary-stays" in assume:
            return _HANDOVER
    return _WINDOW

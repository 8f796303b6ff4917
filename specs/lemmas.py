"""Lemmas: what always holds, and together with the guards of a step implies a property after it.

Each is over any number of servers.  It must hold in every first state and be kept by every
transition while all lemmas of its group hold: that is one obligation a transition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from ..model.behaviours import client_mode, stale_delete
from ..model.language.expr import BOOL, NOBODY, NOW, ZERO, Expr, both, either, forall, implies, negate
from ..model.language.fold import Known, fold
from ..model.language.variant import Variant
from ..model.language.vocabulary import PerServer, Variable
from ..model.pd import state as s
from ..model.pd.state import GUARD, JOB, OWN, POLLED, ROLE, SKEW, STAGE
from .assumptions import KNOWN_MODE, NO_FALLBACKS, NO_STALE_DELETES
from .constraints import UNIT_PASSES, WAITS_FOR_ALL, WINDOWS, Constraint
from .statements import clock_within_bounds, has_read, of_each, of_each_save, save_grows, saving, window_saved


@dataclass(frozen=True, slots=True)
class Lemma:
    """``claim`` begins with the servers over which it is said (``forall``), if any."""

    name: str
    meaning: str
    claim: Expr

    @property
    def spoken_of(self) -> frozenset[str]:
        """The variables of which it is said, and now: a step that changes none of them keeps it."""
        return frozenset(part.name for part in self.claim.walk() if part.op in ("now", "var", "field"))


# --- first states ----------------------------------------------------------------------------------


def _pair(body: Callable[[Expr, Expr], Expr]) -> Expr:
    return forall(lambda a: forall(lambda b: implies(a != b, body(a, b)), "b"), "a")


_CLOCKS = Lemma(
    "clocks within bounds",
    "no clock is further from the true time than the bound on skew, and none reads PD's zero time",
    both(
        ZERO < NOW - SKEW,
        of_each(lambda a: both(*clock_within_bounds(a))),
    ),
)


def _first(variable: Variable) -> Expr:
    """The declared first value, on every server."""
    value = Expr("literal", variable.sort, value=variable.initial)
    if variable.per_server:
        return of_each(lambda a: PerServer(variable.name, variable.sort)[a] == value)
    return Expr("var", variable.sort, name=variable.name) == value


#: What a first state has of the declared first values.  All else is open, so that a cluster may have been
#: used before it stopped: what its keys hold (but for a TSO primary's), who is registered or has yielded.
_AT_REST = (
    "primary",
    "role",
    "initialised",
    "job",
    "stage",
    "client_stage",
    "polled",
    "noted",
    "noted_found",
)
#: what every first state meets; each is needed by some proof
FIRST = (_CLOCKS.claim, *(_first(s.VOCABULARY.variables[name]) for name in _AT_REST))


# --- any fence -----------------------------------------------------------------------------------
def _noted_within(n: Expr) -> Expr:
    """The server will only grant above the remembered grant, as far as its memory goes."""
    return either(
        s.noted_physical < s.physical[n],
        both(s.noted_physical == s.physical[n], s.noted_logical <= s.logical[n]),
    )


_SAVE_GROWS = Lemma(
    "save grows",
    "a window about to be saved ends above the value that the transaction has read",
    of_each(save_grows),
)
_WINDOW_SAVED = Lemma(
    "window saved",
    "the end of a server's window is at most what the timestamp key holds",
    of_each(window_saved),
)
_WITHIN_WINDOW = Lemma(
    "memory within window",
    "the physical part in memory stays below the end of the window by more than the guard",
    of_each(lambda a: implies(s.initialised[a], s.physical[a] + GUARD < s.saved[a])),
)
_NOTED_BELOW = Lemma(
    "grants below the key",
    "every timestamp granted so far is below what the timestamp key holds",
    implies(s.noted, s.noted_physical < s.timestamp),
)

_MONOTONE = (_SAVE_GROWS,)
_WINDOW = (*_MONOTONE, _WINDOW_SAVED, _WITHIN_WINDOW)
_GRANTED = (*_WINDOW, _NOTED_BELOW)

# --- save-cas ------------------------------------------------------------------------------------
_SYNC_ABOVE = Lemma(
    "sync starts above what it loaded",
    "a sync in flight starts above the value that the key must still hold",
    of_each_save(
        lambda a, slot: implies(
            both(slot.job[a] == JOB.sync, saving(a, slot)), slot.seen[a] + GUARD <= slot.next[a]
        )
    ),
)
_EXTENDS_OWN = Lemma(
    "update extends the last window",
    "what an update or an admin reset has read is the end of the window in memory, or the key has moved on",
    of_each(
        lambda a: implies(
            both(has_read(a, OWN), s.job[a] != JOB.sync, s.initialised[a]),
            either(s.seen[a] == s.saved[a], s.seen[a] < s.timestamp),
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
    of_each(
        lambda a: implies(
            both(s.noted, s.initialised[a]),
            either(_noted_within(a), s.saved[a] <= s.noted_physical),
        )
    ),
)
_KEY_GROWS = Lemma(
    "key has not gone back",
    "what a transaction has read is at most what the timestamp key holds",
    of_each_save(lambda a, slot: implies(has_read(a, slot), slot.seen[a] <= s.timestamp)),
)
_CAS = (*_GRANTED, _KEY_GROWS, _SYNC_ABOVE, _EXTENDS_OWN)
_CAS_UNIQUE = (*_CAS, _APART, _NOTED_APART)

# --- save-cas + window-lease + wait-out ------------------------------------------------------------
_WAITED = Lemma(
    "sync waited",
    "when a sync saves, the window that it loaded has passed on every clock",
    of_each_save(
        lambda a, slot: implies(
            both(slot.job[a] == JOB.sync, saving(a, slot)),
            either(slot.seen[a] == ZERO, slot.seen[a] <= NOW - SKEW),
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
    of_each(
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
    of_each(lambda a: implies(s.serving(a), s.election_key(a) == a)),
)
_PD_FORGETS = Lemma(
    "a PD that leads no more forgets",
    "a PD has a timestamp in memory only while its role is leader",
    of_each(lambda a: implies(both(negate(s.is_tso[a]), s.initialised[a]), s.role[a] == ROLE.leader)),
)
_PD_SYNCS = Lemma(
    "a PD syncs from nothing",
    "a PD that has a timestamp in memory is promoted, and does not sync",
    of_each(
        lambda a: implies(
            both(negate(s.is_tso[a]), s.initialised[a]), both(s.promoted[a], s.job[a] != JOB.sync)
        )
    ),
)
_NEWCOMER = Lemma(
    "newcomers are blank",
    "a TSO server that is not the primary never was: nothing in memory, nothing in flight",
    of_each(
        lambda a: implies(
            both(s.is_tso[a], s.primary != a),
            both(
                s.role[a] != ROLE.leader,
                negate(s.initialised[a]),
                s.job[a] == JOB.none,
                s.stage[a] == STAGE.idle,
            ),
        )
    ),
)
_SYNC_CURRENT = Lemma(
    "sync is current",
    "while no other save can land, nothing has been saved since this server's sync loaded the key",
    of_each(
        lambda a: implies(
            both(_sole_writer(a), s.job[a] == JOB.sync),
            either(
                both(s.stage[a] == STAGE.loaded, s.seen[a] == s.timestamp),
                both(saving(a, OWN), s.timestamp + GUARD <= s.next[a]),
            ),
        )
    ),
)
_NOTED_BEHIND_WRITER = Lemma(
    "grants behind the sole writer",
    "a server beside which no other's save can land only grants above every earlier grant",
    of_each(lambda a: implies(both(s.noted, s.initialised[a], _sole_writer(a)), _noted_within(a))),
)
_NOTED_BEHIND_OR_ABOVE = Lemma(
    "grants behind or above a leader",
    "a PD leader's memory is above every earlier grant, or its window below it",
    of_each(
        lambda a: implies(
            both(s.noted, s.initialised[a], s.leader == a),
            either(_noted_within(a), s.saved[a] <= s.noted_physical),
        )
    ),
)
_FOUND_NOTED = Lemma(
    "who got what",
    "that a library client got it is said of a remembered grant only",
    implies(s.noted_found, s.noted),
)
_FOUND_BEHIND = Lemma(
    "library clients' grants behind a leader",
    "a PD leader's memory is above every earlier grant to a library client",
    of_each(
        lambda a: implies(
            both(s.noted, s.noted_found, s.initialised[a], s.leader == a, negate(s.is_tso[a])),
            _noted_within(a),
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
_IDLE = Lemma(
    "nobody switches unless it may",
    "without dynamic switching a PD in API mode has nothing in flight, nor does it look at the registry",
    of_each(
        lambda a: implies(
            both(negate(s.is_tso[a]), negate(s.DYNAMIC), s.api[a]),
            both(s.polled[a] == POLLED.nothing, s.stage[a] == STAGE.idle, negate(s.initialised[a])),
        )
    ),
)
_POLL_SYNCS = Lemma(
    "the poll syncs",
    "no sync in flight is that of a request which a PD could not send on",
    of_each(lambda a: implies(s.job[a] == JOB.sync, negate(PerServer("fallback", BOOL)[a]))),
)
_SENDS_NOTHING_ON = Lemma(
    "who has memory sends nothing on",
    "a PD in API mode that has a timestamp in memory sends no request on to a TSO server",
    of_each(
        lambda a: implies(
            both(negate(s.is_tso[a]), s.api[a], s.initialised[a]), negate(PerServer("independent", BOOL)[a])
        )
    ),
)
_NO_PRIMARY = Lemma("no primary", "there is no TSO primary", s.primary == NOBODY)

_ELECTED = (*_GRANTED, _SERVING_OWNS, _PD_FORGETS, _SYNC_CURRENT, _NOTED_BEHIND_WRITER)
_HANDOVER = (*_ELECTED, _PD_SYNCS, _NEWCOMER, _NOTED_BEHIND_OR_ABOVE, _PD_BELOW)
_HANDOVER_FOUND = (*_HANDOVER, _FOUND_NOTED, _FOUND_BEHIND)
_PD_ONLY = (*_ELECTED, _NO_PRIMARY)

# --- which lemmas prove what -------------------------------------------------------------------------
_ON_GRANTS = ("unique", "real-time", "session")


@dataclass(frozen=True, slots=True)
class _Ground:
    """Lemmas from which properties follow under some fences, given assumptions, and ``where``."""

    properties: tuple[str, ...]
    fits: Callable[[Variant], bool]
    needs: tuple[str, ...]
    lemmas: tuple[Lemma, ...]
    where: tuple[Constraint, ...] = ()


def _any(fence: Variant) -> bool:
    return True


def _has(*names: str) -> Callable[[Variant], bool]:
    """Fences that have all of these parts."""
    return lambda fence: set(names) <= set(fence.parts)


def _one_of(*names: str) -> Callable[[Variant], bool]:
    """Fences and builds that have one of these parts."""
    return lambda fence: not set(names).isdisjoint(fence.parts)


def _after_check(
    checks: Callable[[Variant], bool],
    mode: str,
    more: tuple[Lemma, ...] = (),
    needs: tuple[str, ...] = (),
    grants: tuple[Lemma, ...] = (),
) -> tuple[_Ground, ...]:
    """What the check of these fences keeps where every PD is in the mode that it is for.

    ``more``: lemmas for all of it; ``needs``, ``grants``: assumptions and lemmas for properties of grants.
    """
    handed_over = ("first-primary-stays", mode, "no-client-syncs", NO_STALE_DELETES, *needs)
    return (
        _Ground(("single-writer",), checks, (mode,), more),
        _Ground(("unique",), checks, handed_over, (*more, *grants, *_HANDOVER), WINDOWS),
        _Ground(
            ("session",), checks, (*handed_over, KNOWN_MODE), (*more, *grants, *_HANDOVER_FOUND), WINDOWS
        ),
    )


_PDS_ALONE = ("no-tso-servers", NO_STALE_DELETES)
#: builds in which a request that could not be sent on makes a PD sync
_falls_back = _one_of("pull-8780", "pull-8780-on-master")
_GROUNDS = (
    _Ground(("key-monotone",), _any, (), _MONOTONE),
    _Ground(("window",), _any, (), _WINDOW, WINDOWS),
    _Ground(("unique",), _has("save-cas"), (), _CAS_UNIQUE, WINDOWS),
    _Ground(
        _ON_GRANTS, _has("save-cas", "window-lease", "wait-out"), (), _WAITING, (*WINDOWS, WAITS_FOR_ALL)
    ),
    *_after_check(_one_of("check-tso-primary", "hook", "yielded-flag", "etcd-transfer"), "service-mode-only"),
    *_after_check(_one_of("dynamic-8780"), "api-mode-only", (_IDLE,)),
    *_after_check(_falls_back, "api-mode-only", (_IDLE,), (NO_FALLBACKS,), (_POLL_SYNCS, _SENDS_NOTHING_ON)),
    _Ground(("single-writer",), _any, ("no-tso-servers",), (_NO_PRIMARY,)),
    _Ground(("two-of-a-kind",), _any, (NO_STALE_DELETES,), (_SERVING_OWNS,), (UNIT_PASSES,)),
    _Ground(("one-live",), _any, _PDS_ALONE, (_SERVING_OWNS, _NO_PRIMARY), (UNIT_PASSES,)),
    _Ground(_ON_GRANTS, _falls_back, (*_PDS_ALONE, NO_FALLBACKS), (_POLL_SYNCS, *_PD_ONLY), WINDOWS),
    _Ground(_ON_GRANTS, _any, _PDS_ALONE, _PD_ONLY, WINDOWS),
)


def shipped() -> tuple[Lemma, ...]:
    """Every lemma that some proof rests on, each once."""
    return tuple({lemma.name: lemma for ground in _GROUNDS for lemma in ground.lemmas}.values())


def _grounds(fence: Variant, prop: str) -> Iterator[_Ground]:
    return (ground for ground in _GROUNDS if prop in ground.properties and ground.fits(fence))


#: by assumption, the behaviour that it is about
_EXCLUDES = {NO_STALE_DELETES: stale_delete.behaviour, KNOWN_MODE: client_mode.behaviour}


def _needs(fence: Variant, ground: _Ground) -> tuple[str, ...]:
    """The assumptions, but for what the build has not in any case."""
    return tuple(
        name for name in ground.needs if name not in _EXCLUDES or _EXCLUDES[name].name not in fence.lacks
    )


def lemmas(fence: Variant, prop: str, assume: Collection[str] = ()) -> tuple[Lemma, ...]:
    """The lemmas from which the property is to follow; for lack of better ones, those about windows."""
    fitting = (ground.lemmas for ground in _grounds(fence, prop) if set(_needs(fence, ground)) <= set(assume))
    return next(fitting, _WINDOW)


def known_for(fence: Variant, prop: str) -> tuple[tuple[Lemma, ...], ...]:
    """All sets of lemmas that there are for the property, whatever each assumes; then those about windows."""
    sets = (*(ground.lemmas for ground in _grounds(fence, prop)), _WINDOW)
    return tuple({tuple(lemma.name for lemma in lemmas): lemmas for lemmas in sets}.values())


def enough(fence: Variant, prop: str) -> tuple[str, ...]:
    """The assumptions under which there are lemmas that prove the property; none, where nothing is known."""
    return next((_needs(fence, ground) for ground in _grounds(fence, prop)), ())


def where(fence: Variant, prop: str) -> tuple[Constraint, ...]:
    """The constraints on constants under which those assumptions are enough."""
    return next((ground.where for ground in _grounds(fence, prop)), ())


def outside(fence: Variant, prop: str, known: Known) -> tuple[Constraint, ...]:
    """Which of them these constants do not meet: what is proved of the property says nothing there."""
    return tuple(each for each in where(fence, prop) if not fold(each.claim, known).value)

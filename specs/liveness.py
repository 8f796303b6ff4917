"""What must happen again and again, or at last, and which steps must not be put off forever for that.

A bad run comes to a state in which ``premise`` holds; from there on ``during`` holds in every state,
``goal`` in none, and no step is one of ``reached_by``.  Unless ``repeated`` is None, it takes such steps
again and again.  In these words:

- takeover (whenever P, at last Q): ``premise=P, goal=Q``;
- availability (some step again and again, while P): ``during=P, reached_by=…``;
- no livelock (no steps of a kind forever without Q): ``repeated=…, goal=Q``.

Conditions over `SELF` are asked of every server: none may stay away from its own goal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from ..model.language.choice import no_such
from ..model.language.expr import FALSE, NOBODY, TRUE, Expr, both, exists, negate
from ..model.language.transition import SELF, Transition, speaks_of_self
from ..model.pd import state as s
from ..model.variants import fences

Judge = Callable[[Transition], Expr | None]


class Fairness(Enum):
    """What may not happen to a step of a server."""

    WEAK = "put off forever while it is always possible"
    STRONG = "put off forever while it is possible again and again"


def named_steps(*names: str) -> Judge:
    """Every step of these transitions."""
    return lambda transition: TRUE if transition.name in names else None


#: limited by scenarios, yet no faults
_NO_FAULTS = (None, "term", "reclaim")
#: What weak fairness is not enough for.  A raft leader campaigns within 200 ms, a PD that handed its raft
#: leadership over knows that at once, and clients ask all the time: long before the raft leader moves
#: again (a PD misses the PD leader for some 40 s before it moves it: `lostPDLeaderMaxTimeoutSecs` and
#: `lostPDLeaderReElectionFactor` election intervals, server/server.go).  A PD that campaigns more than three
#: times in five minutes hands the raft leadership over: a livelock of elections is that fast.
_STRONG = ("campaign", "sees_hand_over", "raft_passed_on", "grant")


def every_step(*strong: str) -> Mapping[str, Fairness]:
    """Time passes, and every server does what it can: weak fairness for what is neither fault nor choice.

    Elections are won at last, although a scenario limits their number; ``strong`` lists the transitions
    for which weak fairness is not enough.
    """
    able = {name for name, rule in fences.shipped_rules().items() if rule.budget in _NO_FAULTS}
    return {name: Fairness.STRONG if name in strong else Fairness.WEAK for name in able}


@dataclass(frozen=True, slots=True)
class Liveness:
    """See the module."""

    name: str
    meaning: str
    premise: Expr = field(default_factory=lambda: TRUE)
    during: Expr = field(default_factory=lambda: TRUE)
    goal: Expr = field(default_factory=lambda: FALSE)
    reached_by: Judge = field(default_factory=named_steps)
    repeated: Judge | None = None
    fairness: Mapping[str, Fairness] = field(default_factory=every_step)

    def asked_of(self, servers: int) -> Sequence[int]:
        """The servers of whom it is asked, by number; 0: of the cluster."""
        conditions = (self.premise, self.during, self.goal)
        return range(1, servers + 1) if any(map(speaks_of_self, conditions)) else (0,)


def _runs_in_api_mode(m: Expr) -> Expr:
    return both(negate(s.is_tso[m]), s.api[m], s.role[m] != s.ROLE.down, s.role[m] != s.ROLE.closing)


def _leads_in_api_mode(m: Expr) -> Expr:
    return both(s.api[m], s.leader == m)


def _pd_campaigns(transition: Transition) -> Expr | None:
    return negate(s.is_tso[SELF]) if transition.name == "campaign" else None


def _sync_meets_save(transition: Transition) -> Expr | None:
    """Another server has saved between a sync's load and its save, by whichever comparison that shows.

    Saves come seconds apart, and the next try at once (`checkTSOService`, every 100 ms): a run in which they
    meet forever is none of PD's.  A refusal for as long as another server leads is no such meeting.
    """
    meets = transition.name in ("refused_not_greater", "refused_by_cas", "conflict")
    return s.job[SELF] == s.JOB.sync if meets else None


PROPERTIES = (
    Liveness(
        "takeover",
        "while a PD in API mode runs beside a TSO primary, a PD in API mode leads at last",
        during=both(exists(_runs_in_api_mode), s.primary != NOBODY),
        goal=exists(_leads_in_api_mode),
        fairness=every_step(*_STRONG),
    ),
    Liveness(
        "availability",
        "while some server is able to grant, a library client gets a timestamp again and again",
        during=exists(s.able_to_grant),
        reached_by=lambda transition: s.asked_by_library(SELF) if transition.name == "grant" else None,
        fairness=every_step(*_STRONG),
    ),
    Liveness(
        "pd-leader",
        "while a PD runs, a PD leads at last",
        during=exists(lambda m: both(negate(s.is_tso[m]), s.role[m] != s.ROLE.down)),
        goal=s.leader != NOBODY,
        fairness=every_step(*_STRONG),
    ),
    Liveness(
        "no-livelock",
        "PDs do not win elections forever",
        repeated=_pd_campaigns,
        fairness=every_step(*_STRONG),
    ),
    Liveness(
        "ready",
        "a PD leader in service mode, or a TSO primary, that stays is at last able to grant",
        during=both(s.role[SELF] == s.ROLE.leader, s.lease[SELF] == s.LEASE_STATE.kept, negate(s.api[SELF])),
        goal=s.able_to_grant(SELF),
        reached_by=_sync_meets_save,
        fairness=every_step(*_STRONG),
    ),
)

#: those that come with tsofence
NAMES = tuple(prop.name for prop in PROPERTIES)
_KNOWN = {prop.name: prop for prop in PROPERTIES}


def add(prop: Liveness) -> None:
    """Let `named` know it."""
    _KNOWN[prop.name] = prop


def known() -> tuple[str, ...]:
    """Every name that there is."""
    return tuple(_KNOWN)


def named(name: str) -> Liveness:
    """The property of that name.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    if name not in _KNOWN:
        raise ValueError(no_such("property", name, _KNOWN, "tsofence list properties"))
    prop = _KNOWN[name]
    # A fence of somebody's own is as fair as the others are.
    own = {rule.name: Fairness.WEAK for rule in fences.own_rules() if rule.budget in _NO_FAULTS}
    return replace(prop, fairness={**own, **prop.fairness}) if own else prop

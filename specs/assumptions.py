"""What a proof takes for granted beyond the fence: chosen by name, and printed beside a verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..model.behaviours import client_mode
from ..model.language.choice import no_such
from ..model.language.expr import FALSE, NOBODY, TRUE, Expr, both, either, forall, negate
from ..model.language.transition import SELF, Kind, Step, Transition
from ..model.pd import state as s
from ..model.pd.state import NO_TIME, SKEW

if TYPE_CHECKING:
    from .scenario import Scenario

#: what proofs of several properties need, on builds that have the stale delete
NO_STALE_DELETES = "no-stale-deletes"
#: what proofs of `session` need where a TSO primary takes over
KNOWN_MODE = "clients-know-the-mode"
#: what they need where a PD may switch as pull 8780 does
NO_FALLBACKS = "no-fallbacks"


@dataclass(frozen=True, slots=True)
class Assumption:
    """``guard``: what every step must meet beyond its own guards, over `SELF`; None: nothing.

    ``idle``: is it met in any case in a scenario, whatever steps are taken?
    """

    name: str
    meaning: str
    guard: Callable[[Transition], Expr | None]
    idle: Callable[[Scenario], bool]


def _primary_key_stays(transition: Transition) -> Expr | None:
    after = transition.step.effect.get("primary")
    return None if after is None else either(s.primary == NOBODY, after == s.primary)


def _pd_acts(transition: Transition) -> Expr | None:
    return None if transition.rule.kind in (Kind.CLUSTER, Kind.PD) else negate(s.is_tso[SELF])


def _all_in_mode(api: Expr) -> Callable[[Transition], Expr]:
    """Every PD is in API mode or, with FALSE, in service mode, before the step and after it."""

    def guard(transition: Transition) -> Expr:
        each = forall(lambda m: either(s.is_tso[m], s.api[m] == api), "a")
        after = transition.step.effect.get("api")
        return each if after is None else both(each, after == api)

    return guard


def _never(name: str, meaning: str, fault: str) -> Assumption:
    """No server suffers that fault."""

    def guard(transition: Transition) -> Expr | None:
        return FALSE if fault in (transition.rule.budget, transition.rule.needs) else None

    return Assumption(name, meaning, guard, lambda scenario: not scenario.allows(fault))


def _intervals_equal(transition: Transition) -> Expr | None:
    """Whoever acts saves for the interval of all others."""
    if transition.rule.kind is Kind.CLUSTER:
        return None
    return forall(lambda a: s.window[a] == s.window[SELF], "a")


def _clients_ask_pd(transition: Transition) -> Expr | None:
    """No library client asks TSO servers itself, or learns to."""
    if transition.name == client_mode.clients_learn_mode.name:
        return FALSE
    whom = transition.means(s.asked_by_library(SELF))
    # A system in which they never learn it has no such variable.
    can = any(part.name == client_mode.asks_tso.name for part in whom.walk())
    return negate(client_mode.asks_tso) if can else None


ASSUMPTIONS = (
    Assumption(
        "first-primary-stays",
        "the first TSO server that wins the primary key keeps it: no step deletes or rewrites that key "
        "(the server may crash, but its lease does not end, and it does not resign)",
        _primary_key_stays,
        lambda scenario: not scenario.tso,
    ),
    Assumption(
        "no-tso-servers",
        "PDs only, in either mode: no TSO server takes a step",
        _pd_acts,
        lambda scenario: not scenario.tso,
    ),
    Assumption(
        "service-mode-only",
        "every PD is in service mode, and none is started again in API mode",
        _all_in_mode(FALSE),
        lambda scenario: not scenario.api and not scenario.allows("mode"),
    ),
    Assumption(
        "api-mode-only",
        "every PD is in API mode, and none is started again in service mode",
        _all_in_mode(TRUE),
        lambda scenario: scenario.api == scenario.pd and not scenario.allows("mode"),
    ),
    _never(
        "no-client-syncs",
        "a TSO server syncs only when it has won its election, never for a client's request as well",
        "client_sync",
    ),
    _never(
        NO_STALE_DELETES,
        "a server deletes its own election key at once, or only if nobody has written it since (as from pull "
        "10636 on)",
        "stale_delete",
    ),
    Assumption(
        KNOWN_MODE,
        "library clients ask the PD leader, which passes requests on where it has to, and never a TSO server "
        "itself: none is late to learn who hands out timestamps",
        _clients_ask_pd,
        lambda scenario: not scenario.allows("client_mode"),
    ),
    _never(
        NO_FALLBACKS,
        "a PD syncs because of its poll only, never for a request that it could not send on as well",
        "fallback",
    ),
    Assumption(
        "equal-save-intervals",
        "all servers save for the same interval",
        _intervals_equal,
        lambda scenario: not {"pd.window", "tso.window"} & set(scenario.own),
    ),
    _never(
        "no-clock-jumps",
        "no clock is set: each stays as far from the true time as it is",
        "jump",
    ),
    Assumption(
        "clocks-agree",
        "all clocks show the true time",
        lambda _: SKEW == NO_TIME,
        lambda scenario: not scenario.skew,
    ),
    _never(
        "no-admin-resets",
        "no admin resets a timestamp",
        "admin",
    ),
    _never(
        "no-lost-answers",
        "no answer of etcd, no request to it and no revoke is lost",
        "lost",
    ),
)
#: no cluster with a PD meets both
EXCLUSIVE = frozenset({"service-mode-only", "api-mode-only"})


def label(name: str) -> str:
    """The guard that an assumption is in `restricted`."""
    return f"assumed: {name}"


def restricted(
    transitions: Iterable[Transition], assumptions: Collection[Assumption]
) -> tuple[Transition, ...]:
    """The same steps, where these are taken for granted: each is a guard more, by its `label`."""
    return tuple(_restricted(each, assumptions) for each in transitions)


def _restricted(transition: Transition, assumptions: Collection[Assumption]) -> Transition:
    taken = {label(each.name): each.guard(transition) for each in assumptions}
    more = {name: guard for name, guard in taken.items() if guard is not None}
    if not more:
        return transition
    return replace(transition, step=Step({**transition.step.guard, **more}, transition.step.effect))


def assumption(name: str) -> Assumption:
    """The assumption of that name.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    for known in ASSUMPTIONS:
        if known.name == name:
            return known
    raise ValueError(no_such("assumption", name, (each.name for each in ASSUMPTIONS)))

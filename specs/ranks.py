"""Ranks: why a liveness property holds of any number of servers.

A run is *pending* while it has come to the premise of a property (`liveness`) and not to its goal.  A rank is
a tuple of counts that no step makes larger meanwhile (lexicographically), each of them well-founded; in every
pending state some step is *helpful*: it is possible, stays so until the rank falls, and makes it fall.  Weak
fairness takes it at last, so no run is pending forever (Manna and Pnueli, "Completing the temporal picture",
1991; sets of servers as counts: Lotan and Shoham, "Implicit rankings", TACAS 2025).

Here that is data: what is counted, which steps help, and lemmas of the states in which this is so.
`checker.proof.ranking` makes obligations of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from textwrap import dedent

from ..model.builds import master_2026_08 as master
from ..model.language.expr import INT, NOBODY, NODE, Expr, both, either, exists, implies, ite, negate
from ..model.language.transition import SELF
from ..model.language.variant import Variant
from ..model.pd import save
from ..model.pd import state as s
from ..model.pd.allocator import saved_last
from ..model.pd.state import CLIENTS, JOB, OWN, ROLE, STAGE, Slot
from . import liveness, properties
from .lemmas import FIRST, Lemma, shipped
from .liveness import Liveness
from .properties import Property
from .scenario import Scenario, parse
from .statements import job_has_stage, of_each, of_each_save, only_syncs_load

#: the server of which the property is asked
PENDING = Expr("bound", NODE, name="pending")


@dataclass(frozen=True, slots=True)
class Servers:
    """How many servers there are of whom ``claim`` holds, over `SELF`.

    It falls where one is so no more, and none is so anew: that takes no counting.
    """

    meaning: str
    claim: Expr


@dataclass(frozen=True, slots=True)
class Steps:
    """How many steps are left in some part, as a number that is never negative, over `PENDING`."""

    meaning: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Helpful:
    """A transition that helps ``when`` this holds, over its server (`SELF`) and `PENDING`."""

    transition: str
    when: Expr


@dataclass(frozen=True, slots=True)
class Rank:
    """See the module.

    ``faults``: those that may happen any number of times, but not forever.  ``given``: what is asked of the
    cluster beside that, in words.  ``first``: what the first states meet.
    """

    property: str
    fits: Callable[[Variant], bool]
    parts: tuple[Servers | Steps, ...]
    helpful: tuple[Helpful, ...]
    lemmas: tuple[Lemma, ...]
    faults: tuple[str, ...]
    given: tuple[str, ...] = ()
    first: tuple[Expr, ...] = FIRST


# --- ready ---------------------------------------------------------------------------------------------


def _number(value: int) -> Expr:
    return Expr("literal", INT, value=value)


def _first_of(cases: Iterable[tuple[Expr, int]]) -> Expr:
    """The number beside the first of these conditions that holds; else 0."""
    value = _number(0)
    for condition, number in reversed([*cases]):
        value = ite(condition, _number(number), value)
    return value


def _runs(m: Expr) -> Expr:
    """A PD that takes part in etcd."""
    return both(negate(s.is_tso[m]), s.role[m] != ROLE.down)


def _is_new(a: Expr) -> Expr:
    """No process has begun anything before the first state."""
    return both(
        negate(s.promoted[a]), master.invited[a] == master.INVITED.unread, negate(master.to_delete[a])
    )


_SHIPPED = {lemma.name: lemma for lemma in shipped()}
_SOME_PD = exists(lambda m: negate(s.is_tso[m]))
_NO_RAFT_LEADER = s.raft_leader == NOBODY
_p, _n = PENDING, SELF
_OWN_STEP = both(_n == _p, s.etcd_answers())


def _same(n: Expr, slot: Slot) -> Expr:
    """The timestamp key is as the save has read it."""
    return s.timestamp == slot.seen[n]


def _grows(n: Expr, slot: Slot) -> Expr:
    return s.timestamp < save.new_window(n, slot)


def _of_save(slot: Slot) -> list[tuple[Expr, int]]:
    """How many steps a save has to go at most, by how far it is.

    What another server saves brings it to another end, and never further from one.
    """
    stage = slot.stage[_p]
    return [
        (stage == STAGE.loaded, 6),
        (stage == STAGE.begun, 5),
        (both(stage == STAGE.mine, _grows(_p, slot)), 4),
        (stage == STAGE.mine, 3),
        (both(stage == STAGE.read, _same(_p, slot)), 2),
        (stage == STAGE.read, 1),
    ]


def _of_own() -> Expr:
    """One that is left of an earlier term first; then the sync."""
    older = [(both(s.job[_p] != JOB.sync, at), 8 + left) for at, left in _of_save(OWN)]
    return _first_of([*older, (s.job[_p] == JOB.none, 7), *_of_save(OWN)])


def _goes_on(slot: Slot, when: Expr) -> tuple[Helpful, ...]:
    """The steps of a save, whichever way it goes."""
    stage = slot.stage[_n]
    mine = s.election_key(_n) == _n
    steps = {
        "find_own_key": both(stage == STAGE.begun, mine),
        "load_window": both(stage == STAGE.mine, _grows(_n, slot)),
        "refused_not_greater": both(stage == STAGE.mine, negate(_grows(_n, slot))),
        "commit": both(stage == STAGE.read, save.conditions_hold(_n, slot)),
        "conflict": both(stage == STAGE.read, negate(save.conditions_hold(_n, slot))),
    }
    return tuple(Helpful(slot.prefix + name, both(_OWN_STEP, when, at)) for name, at in steps.items())


_CLIENT_IDLE = CLIENTS.stage[_n] == STAGE.idle
_LOADED = both(_n == _p, _CLIENT_IDLE, s.stage[_n] == STAGE.loaded)
_CLIENT_LOADED = both(_n == _p, CLIENTS.stage[_n] == STAGE.loaded)

_HELPFUL = (
    # whoever is to lead the raft group: a PD that runs, or one that starts
    Helpful("raft_elects", both(_NO_RAFT_LEADER, _runs(_n))),
    Helpful(
        "restart",
        both(_NO_RAFT_LEADER, negate(exists(_runs)), negate(s.is_tso[_n]), s.role[_n] == ROLE.down),
    ),
    Helpful("delete_expected_primary", both(_OWN_STEP, master.to_delete[_n])),
    Helpful("client_skip", both(_CLIENT_LOADED, saved_last(_n, CLIENTS))),
    Helpful("client_begin", both(_CLIENT_LOADED, negate(saved_last(_n, CLIENTS)))),
    *_goes_on(CLIENTS, negate(_CLIENT_IDLE)),
    Helpful("sync_load", both(_OWN_STEP, _CLIENT_IDLE, s.job[_n] == JOB.none, negate(master.to_delete[_n]))),
    Helpful("sync_skip", both(_LOADED, saved_last(_n, OWN))),
    Helpful("sync_begin", both(_LOADED, negate(saved_last(_n, OWN)))),
    *_goes_on(OWN, _CLIENT_IDLE),
)

_READY = Rank(
    "ready",
    # whatever a fence adds: what it takes away its obligations say
    lambda fence: master.build.name in fence.parts,
    parts=(
        Servers("servers that close", s.role[SELF] == ROLE.closing),
        Steps(
            "steps until there is a raft leader",
            ite(_NO_RAFT_LEADER, ite(exists(_runs), _number(1), _number(2)), _number(0)),
        ),
        Steps("the key to delete that expects it", _first_of([(master.to_delete[_p], 1)])),
        Steps("steps of a client's sync", _first_of(_of_save(CLIENTS))),
        Steps("steps of a save that is left of its last term, then of its sync", _of_own()),
    ),
    helpful=_HELPFUL,
    lemmas=(
        *(_SHIPPED[name] for name in ("save grows", "key has not gone back", "serving means elected")),
        Lemma("there is a PD", "there is a PD, which may be down", _SOME_PD),
        Lemma(
            "promoted with memory",
            "a server is promoted only while it has a timestamp in memory",
            of_each(lambda a: implies(s.promoted[a], s.initialised[a])),
        ),
        Lemma(
            "a job is at some stage",
            "who saves has a job, who has a job saves, and only a sync loads before its transaction",
            of_each(lambda a: both(job_has_stage(a), only_syncs_load(a))),
        ),
        Lemma(
            "stages of saves",
            "no save looks for a TSO primary, nor is one held up by a hook",
            of_each_save(
                lambda a, slot: negate(either(slot.stage[a] == STAGE.alone, slot.stage[a] == STAGE.hooked))
            ),
        ),
        Lemma(
            "only TSO servers",
            "only TSO servers sync for clients, or have read that they are expected",
            of_each(
                lambda a: either(
                    s.is_tso[a],
                    both(
                        s.client_stage[a] == STAGE.idle,
                        master.invited[a] == master.INVITED.unread,
                        negate(master.to_delete[a]),
                    ),
                )
            ),
        ),
        Lemma(
            "one sync at a time",
            "a TSO server that syncs for its term does not for a client",
            of_each(lambda a: implies(s.job[a] == JOB.sync, s.client_stage[a] == STAGE.idle)),
        ),
    ),
    faults=("crash", "stop", "lost", "client_sync"),
    given=("there is a PD",),
    first=(*FIRST, _SOME_PD, of_each(_is_new)),
)

RANKS = (_READY,)
#: the liveness properties that can be proved, under some fence
NAMES = tuple(dict.fromkeys(each.property for each in RANKS))


def provable(name: str) -> Property | Liveness:
    """The property of that name, if proofs are known for its kind.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    if name in NAMES:
        return liveness.named(name)
    if name in liveness.known():
        raise ValueError(
            f"no proof is known of {name!r} for any number of servers: ask explore; of liveness prove knows "
            f"{', '.join(NAMES)}"
        )
    return properties.named(name)


def rank(fence: Variant, prop: str) -> Rank | None:
    """Why a liveness property is to hold under a fence; None: nobody has said."""
    return next((each for each in RANKS if each.property == prop and each.fits(fence)), None)


#: by property, the scenarios in which it may fail: small ones, in TOML
_WORLDS = {
    "ready": {
        "one-primary-twice": """
            [servers]
            pd = 0
            tso = 1
            [time]
            window = 3
            lease = 2
            [faults.tso]
            term = 2
            keepalive = 1
            stale_failure = 1
            """,
    },
}


def worlds(prop: str) -> Iterator[Scenario]:
    """Scenarios in which a liveness property may fail, the smallest first."""
    for name, text in _WORLDS.get(prop, {}).items():
        yield parse(dedent(text), name, name)

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

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import dedent

from ..model.behaviours.client_sync import requested
from ..model.builds import master_2026_08 as master
from ..model.language.expr import (
    FALSE,
    INT,
    NOBODY,
    NODE,
    TRUE,
    ZERO,
    Expr,
    both,
    either,
    exists,
    implies,
    ite,
    negate,
)
from ..model.language.transition import SELF
from ..model.language.variant import Variant
from ..model.pd import save, system
from ..model.pd import state as s
from ..model.pd.allocator import begins, saved_last
from ..model.pd.state import CLIENTS, JOB, OWN, ROLE, STAGE, Slot
from ..model.variants import (
    check_tso_primary,
    etcd_transfer,
    first_save_only,
    hook,
    save_cas,
    wait_out,
    yielded_flag,
)
from ..model.variants.check_tso_primary import checks_primary
from . import liveness, properties
from .lemmas import FIRST, Lemma, shipped
from .liveness import Liveness
from .properties import Property
from .scenario import Scenario, parse
from .statements import has_read, job_has_stage, of_each, of_each_save, only_syncs_load, saving

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
    """A transition that helps ``when`` this holds, over its server (`SELF`) and `PENDING`.

    ``chosen``: by name, inputs with which it can be taken then (whatever they are, it helps).
    """

    transition: str
    when: Expr
    chosen: Mapping[str, Expr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rank:
    """See the module.

    ``faults``: those that may happen any number of times, but not forever.  ``given``: what is asked of the
    cluster beside that, in words.  ``first``: what the first states meet.
    """

    property: str
    parts: tuple[Servers | Steps, ...]
    helpful: tuple[Helpful, ...]
    lemmas: tuple[Lemma, ...]
    faults: tuple[str, ...]
    given: tuple[str, ...] = ()
    first: tuple[Expr, ...] = FIRST

    def granted(self) -> tuple[str, ...]:
        """What a proof by it takes for granted of a run, in words."""
        fair = dict.fromkeys(each.transition for each in self.helpful)
        return (
            *self.given,
            f"no step of these is put off forever while it is always possible: {', '.join(fair)}",
            f"each of these faults ends at last: {', '.join(self.faults)}",
        )


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


_SHIPPED = {lemma.name: lemma for lemma in shipped()}
_WINDOWS_SAVED = of_each(lambda a: both(ZERO <= s.timestamp, s.saved[a] <= s.timestamp))
_SOME_PD = exists(lambda m: negate(s.is_tso[m]))
_NO_RAFT_LEADER = s.raft_leader == NOBODY
_p, _n = PENDING, SELF
_OWN_STEP = both(_n == _p, s.etcd_answers())
_CLIENT_IDLE = CLIENTS.stage[_n] == STAGE.idle
#: fences under which a PD in service mode looks for a TSO primary as it saves
_LOOKING = {
    each.fence.name for each in (check_tso_primary, etcd_transfer, first_save_only, hook, yielded_flag)
}


@dataclass(frozen=True, slots=True)
class _Saves:
    """How saves go on in a system; ``steps``: the names of its transitions; ``parts``: of the fence."""

    steps: Collection[str]
    parts: Collection[str]

    @property
    def waits(self) -> bool:
        """Does a sync wait until the window that it has loaded has passed?"""
        return wait_out.fence.name in self.parts

    @property
    def look(self) -> bool:
        """Does a PD that may be asked for look for a TSO primary?"""
        return not _LOOKING.isdisjoint(self.parts)

    @property
    def look_last(self) -> bool:
        """Does it when it has read the timestamp key, rather than before?"""
        return hook.fence.name in self.parts

    def looks(self, n: Expr, slot: Slot) -> Expr:
        """It looks for a TSO primary next."""
        if not self.look or slot is CLIENTS:
            return FALSE
        at = STAGE.read if self.look_last else save.past_election_key(n, slot)
        return both(checks_primary(n), slot.stage[n] == at)

    def nothing_to_do(self, n: Expr, slot: Slot) -> Expr:
        """A sync that has loaded the key ends with that."""
        return saved_last(n, slot) if _skip(slot) in self.steps else FALSE

    def is_expected(self, n: Expr, slot: Slot) -> Expr:
        """The timestamp key holds what a fence wants to find there."""
        holds = s.timestamp == save_cas.expected_value(n, slot)
        return holds if "refused_by_cas" in self.steps else TRUE

    def is_over(self, n: Expr, slot: Slot) -> Expr:
        """A sync that has loaded the key waits no more."""
        return wait_out.has_passed(n, slot) if self.waits else TRUE

    def reads(self, n: Expr, slot: Slot) -> Expr:
        """It reads the timestamp key next, and is not refused."""
        return both(save.reads_timestamp(n, slot), _grows(n, slot), self.is_expected(n, slot))

    def left(self, slot: Slot) -> list[tuple[Expr, int]]:
        """How many steps a save has to go at most, by how far it is.

        What another server saves brings it to another end, and never further from one.
        """
        loaded = slot.stage[_p] == STAGE.loaded
        return [
            (both(loaded, self.nothing_to_do(_p, slot)), 9),
            (loaded, 8),
            (_commits(_p, slot), 2),
            (save.ready_to_commit(_p, slot), 1),
            (self.looks(_p, slot), 3 if self.look_last else 6),
            (self.reads(_p, slot), 5),
            (save.reads_timestamp(_p, slot), 4),
            (slot.stage[_p] == STAGE.begun, 7),
        ]

    def left_of_own(self) -> Expr:
        """One that is left of an earlier term first; then the sync."""
        older = [(both(s.job[_p] != JOB.sync, at), 10 + left) for at, left in self.left(OWN)]
        return _first_of([*older, (s.job[_p] == JOB.none, 10), *self.left(OWN)])

    def waiting(self, slot: Slot) -> Iterator[Steps]:
        """How far its clock is from where a sync may begin: each step of time is 1 at least."""
        if self.waits:
            left = slot.seen[_p] - s.clock(_p) + wait_out.MARGIN + 1
            waits = both(slot.stage[_p] == STAGE.loaded, negate(self.is_over(_p, slot)))
            whose = "a client's sync" if slot is CLIENTS else "its sync"
            yield Steps(f"time until {whose} may begin", ite(waits, left, 0))

    def looking(self) -> Iterator[Steps]:
        """What a look finds changes once, while no server is elected."""
        if self.look:
            yield Steps("the key of a TSO primary is there", _first_of([(s.primary != NOBODY, 1)]))

    def helpful(self, slot: Slot, when: Expr) -> Iterator[Helpful]:
        """The steps of a save, whichever way it goes."""
        loaded = both(_n == _p, when, slot.stage[_n] == STAGE.loaded)
        nothing, over = self.nothing_to_do(_n, slot), self.is_over(_n, slot)
        yield Helpful(_skip(slot), both(loaded, nothing))
        yield Helpful(begins(slot), both(loaded, negate(nothing), over))
        if self.waits:
            yield Helpful("tick", both(loaded, negate(nothing), negate(over)), {s.BY.name: s.UNIT})
        reads, commits = save.reads_timestamp(_n, slot), save.ready_to_commit(_n, slot)
        at = {
            "find_own_key": both(slot.stage[_n] == STAGE.begun, s.election_key(_n) == _n),
            "load_window": self.reads(_n, slot),
            "refused_not_greater": both(reads, negate(_grows(_n, slot))),
            "refused_by_cas": both(reads, negate(self.is_expected(_n, slot))),
            "find_no_primary": both(self.looks(_n, slot), s.primary == NOBODY),
            "refused_by_fence": both(self.looks(_n, slot), s.primary != NOBODY),
            "commit": _commits(_n, slot),
            "conflict": both(commits, negate(save.conditions_hold(_n, slot))),
        }
        for name, is_at in at.items():
            yield Helpful(slot.prefix + name, both(_OWN_STEP, when, is_at))

    def of_the_key(self) -> Iterator[Lemma]:
        """What is known of the timestamp key, where it never goes back."""
        if "load_window" in self.steps:
            yield _SHIPPED["save grows"]
            yield Lemma(
                "key has not gone back",
                "what a save has loaded or read last is at most what the timestamp key holds",
                of_each_save(
                    lambda a, slot: implies(self.counts_on_it(a, slot), slot.seen[a] <= s.timestamp)
                ),
            )
        if "refused_by_cas" in self.steps:
            yield Lemma(
                "windows are saved",
                "the timestamp key holds the end of each window in memory at least",
                _WINDOWS_SAVED,
            )

    def counts_on_it(self, a: Expr, slot: Slot) -> Expr:
        """A later step asks for the value that was loaded or read."""
        asks = either(slot.stage[a] == STAGE.loaded, has_read(a, slot))
        if "refused_by_cas" not in self.steps:
            return asks
        return either(asks, both(saving(a, slot), slot.job[a] == JOB.sync))

    def stages(self) -> Lemma:
        """Where no save is, and where only one is of a PD that looks for a TSO primary."""
        leads = {"mine": "find_own_key", "read": "load_window"}
        unused = [stage for stage, step in leads.items() if step not in self.steps]
        looking = ["alone", "hooked"]
        if self.look:
            unused.append(looking.pop(0 if self.look_last else 1))
        looks = "find_no_primary" in self.steps

        def is_at_none(a: Expr, slot: Slot, stages: Collection[str]) -> Expr:
            return both(*(slot.stage[a] != getattr(STAGE, stage) for stage in stages))

        def nowhere_else(a: Expr, slot: Slot) -> Expr:
            nowhere = is_at_none(a, slot, [*looking, *unused])
            if not looks or slot is CLIENTS:
                return nowhere
            return either(nowhere, both(checks_primary(a), is_at_none(a, slot, unused)))

        return Lemma(
            "stages of saves",
            f"no save is at one of these stages: {', '.join((*unused, *looking))}"
            f"{f', but at {looking[0]} that of a PD that looks for a TSO primary' if looks else ''}",
            of_each_save(nowhere_else),
        )


def _skip(slot: Slot) -> str:
    return "sync_skip" if slot is OWN else "client_skip"


def _grows(n: Expr, slot: Slot) -> Expr:
    """The window to save ends above what the timestamp key holds."""
    return s.timestamp < save.new_window(n, slot)


def _commits(n: Expr, slot: Slot) -> Expr:
    """Its commit comes next, and meets no conflict."""
    return both(save.ready_to_commit(n, slot), save.conditions_hold(n, slot))


def _ready(fence: Variant) -> Rank | None:
    """*Ready* wherever a failure that is stale does not clear the memory of a primary that stays."""
    steps = {rule.name for rule in system.rules(fence)}
    if "stale_failure_clears" in steps:
        return None
    saves = _Saves(steps, fence.parts)
    # Since pull 11102 a server's own sync waits for a client's; before that both go on beside each other.
    beside = _of_master(saves) if "delete_expected_primary" in steps else _before_11102(steps)
    helpful = (
        # whoever is to lead the raft group: a PD that runs, or one that starts
        Helpful("raft_elects", both(_NO_RAFT_LEADER, _runs(_n))),
        Helpful(
            "restart",
            both(_NO_RAFT_LEADER, negate(exists(_runs)), negate(s.is_tso[_n]), s.role[_n] == ROLE.down),
        ),
        *beside.helpful,
        Helpful("sync_load", both(_OWN_STEP, beside.when, s.job[_n] == JOB.none)),
        *saves.helpful(OWN, beside.when),
    )
    return Rank(
        "ready",
        parts=(
            Servers("servers that close", s.role[SELF] == ROLE.closing),
            Steps(
                "steps until there is a raft leader",
                ite(_NO_RAFT_LEADER, ite(exists(_runs), _number(1), _number(2)), _number(0)),
            ),
            *saves.looking(),
            *beside.parts,
            Steps("steps of a save that is left of its last term, then of its sync", saves.left_of_own()),
            *saves.waiting(OWN),
        ),
        helpful=tuple(each for each in helpful if each.transition in steps),
        lemmas=(
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
            saves.stages(),
            *saves.of_the_key(),
            *beside.lemmas,
        ),
        faults=(
            *("crash", "stop", "lost"),
            *beside.faults,
            *(("jump",) if saves.waits else ()),
            *(("term",) if saves.look else ()),
        ),
        given=("there is a PD",),
        first=(*FIRST, _SOME_PD, _WINDOWS_SAVED, of_each(lambda a: negate(s.promoted[a])), *beside.first),
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """What counts beside a server's own save, before which it comes; ``when`` its own sync goes on."""

    parts: tuple[Servers | Steps, ...] = ()
    helpful: tuple[Helpful, ...] = ()
    when: Expr = field(default_factory=lambda: TRUE)
    lemmas: tuple[Lemma, ...] = ()
    faults: tuple[str, ...] = ()
    first: tuple[Expr, ...] = ()


def _of_master(saves: _Saves) -> _Beside:
    """The key that expects it has to go first, and a client's sync has to end."""
    invited, to_delete = master.invited, master.to_delete
    idle = CLIENTS.stage[_n] == STAGE.idle

    def has_read_nothing(a: Expr) -> Expr:
        return both(invited[a] == master.INVITED.unread, negate(to_delete[a]))

    return _Beside(
        parts=(
            Steps("the key to delete that expects it", _first_of([(to_delete[_p], 1)])),
            Steps("steps of a client's sync", _first_of(saves.left(CLIENTS))),
            *saves.waiting(CLIENTS),
        ),
        helpful=(
            Helpful("delete_expected_primary", both(_OWN_STEP, to_delete[_n])),
            *saves.helpful(CLIENTS, TRUE),
        ),
        when=both(idle, negate(to_delete[_n])),
        lemmas=(
            _SHIPPED["serving means elected"],
            Lemma(
                "only TSO servers",
                "only TSO servers sync for clients, or have read that they are expected",
                of_each(
                    lambda a: either(s.is_tso[a], both(s.client_stage[a] == STAGE.idle, has_read_nothing(a)))
                ),
            ),
            Lemma(
                "one sync at a time",
                "a TSO server that syncs for its term does not for a client",
                of_each(lambda a: implies(s.job[a] == JOB.sync, s.client_stage[a] == STAGE.idle)),
            ),
        ),
        faults=("client_sync",),
        first=(of_each(has_read_nothing),),
    )


def _before_11102(steps: Collection[str]) -> _Beside:
    """Nothing has to end first; where a save must find what its server saved last, one that is left of an
    earlier term is refused or not by whether a client's sync has succeeded meanwhile, which it does once."""
    if not {"early_begin", "refused_by_cas"} <= set(steps):
        return _Beside()

    def refused(a: Expr) -> Expr:
        return both(CLIENTS.stage[a] == STAGE.begun, CLIENTS.seen[a] < s.timestamp)

    return _Beside(
        parts=(Steps("a client's sync has not succeeded", ite(requested[_p], _number(0), _number(1))),),
        lemmas=(
            _SHIPPED["memory within window"],
            Lemma(
                "early updates are refused",
                "an update beside a sync goes on from the memory, and the timestamp key holds more",
                of_each(lambda a: implies(both(requested[a], CLIENTS.stage[a] != STAGE.idle), refused(a))),
            ),
        ),
        first=(of_each(lambda a: negate(requested[a])),),
    )


#: by property, why it is to hold under a fence
_RANKS: Mapping[str, Callable[[Variant], Rank | None]] = {"ready": _ready}
#: the liveness properties that can be proved, under some fence
NAMES = tuple(_RANKS)


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
    return _RANKS[prop](fence) if prop in _RANKS else None


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

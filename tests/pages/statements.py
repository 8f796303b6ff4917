"""What is always so in the model: plain facts about servers, leases and saves, beside the lemmas of proofs.

Each is shown by induction for any number of servers, from a cluster that was never used, in every build that
keeps it.  What a guard is good for shows where one of them fails without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from tsofence.checker.proof.induct import PROPERTY, Decided, Induction
from tsofence.checker.reductions.candidates import mentioned
from tsofence.model.language.expr import BOOL, NOBODY, NODE, NOW, ZERO, Expr, both, either, implies, negate
from tsofence.model.language.vocabulary import PerServer, Variable
from tsofence.model.pd import state as s
from tsofence.model.pd.state import GUARD, JOB, LEASE_STATE, POLLED, REGISTRATION, ROLE, SKEW, SLOTS, STAGE
from tsofence.model.variants import fences
from tsofence.specs.lemmas import Lemma
from tsofence.specs.properties import named
from tsofence.specs.statements import (
    clock_within_bounds,
    job_has_stage,
    memory_has_window,
    of_each,
    only_syncs_load,
    save_grows,
    saving,
    seen_was_saved,
    window_saved,
)

#: a transition, and the label of one of its guards
Guard = tuple[str, str]


def _each(meaning: str, body: Callable[[Expr], Expr]) -> Lemma:
    return Lemma(meaning, meaning, of_each(body))


def _flag(name: str) -> PerServer:
    return PerServer(name, BOOL)


def _gone(a: Expr) -> Expr:
    return either(s.role[a] == ROLE.closing, s.role[a] == ROLE.down)


def _may_arrive(a: Expr) -> Expr:
    """What a process that is gone may have left on the wire."""
    sent = (STAGE.idle, STAGE.read, STAGE.hooked)
    return both(*(either(*(slot.stage[a] == stage for stage in sent)) for slot in SLOTS))


def _not_negative(a: Expr) -> Expr:
    times = (s.physical, s.saved, s.next, s.seen, s.client_next, s.client_seen)
    return both(*(ZERO <= each[a] for each in times))


def _has_seen_nothing(a: Expr) -> Expr:
    early = (STAGE.begun, STAGE.mine, STAGE.alone)
    return both(
        *(
            both(
                implies(slot.stage[a] == STAGE.idle, slot.seen[a] == ZERO),
                implies(either(*(slot.stage[a] == each for each in early)), slot.seen[a] == ZERO),
                saving(a, slot) == (slot.next[a] != ZERO),
            )
            for slot in SLOTS
        )
    )


_CLOCKS = both(ZERO < NOW - SKEW, of_each(lambda a: both(*clock_within_bounds(a))))

STATEMENTS = (
    Lemma("clocks are within bounds", "", _CLOCKS),
    Lemma("no time in etcd is negative", "", both(ZERO <= s.timestamp, ZERO <= s.noted_physical)),
    _each("no time of a server is negative", _not_negative),
    _each("who is promoted leads", lambda a: implies(s.promoted[a], s.role[a] == ROLE.leader)),
    _each(
        "a PD that has memory is promoted",
        lambda a: implies(both(negate(s.is_tso[a]), s.initialised[a]), s.promoted[a]),
    ),
    _each("a window about to be saved grows", save_grows),
    _each("what was seen was saved", seen_was_saved),
    _each("a window in memory was saved", window_saved),
    _each("memory is set as a whole", memory_has_window),
    _each("memory that is set has a time", lambda a: s.initialised[a] == (s.physical[a] != ZERO)),
    _each(
        "memory is within its window", lambda a: implies(s.initialised[a], s.physical[a] + GUARD < s.saved[a])
    ),
    _each("who saves has a job", job_has_stage),
    _each("only a sync loads", only_syncs_load),
    _each("a save has seen what it has read, and no more", _has_seen_nothing),
    _each(
        "only TSO servers sync for clients", lambda a: either(s.is_tso[a], s.client_stage[a] == STAGE.idle)
    ),
    _each("who is gone has no memory", lambda a: implies(_gone(a), negate(s.initialised[a]))),
    _each(
        "who is down has only commits on the wire", lambda a: implies(s.role[a] == ROLE.down, _may_arrive(a))
    ),
    _each("without memory nothing was tried", lambda a: implies(negate(s.initialised[a]), s.tries[a] == 0)),
    _each("no more than three tries", lambda a: both(s.NO_TRIES <= s.tries[a], s.tries[a] <= 3)),
    _each(
        "an update has a try left",
        lambda a: implies(both(s.job[a] == JOB.update, s.initialised[a]), s.tries[a] < 3),
    ),
    _each(
        "the logical part stays within its limit",
        lambda a: both(
            s.NO_LOGICAL <= s.logical[a], either(negate(s.initialised[a]), s.logical[a] < s.LIMIT)
        ),
    ),
    _each("who syncs is not promoted", lambda a: implies(s.job[a] == JOB.sync, negate(s.promoted[a]))),
    _each(
        "an admin resets what is there",
        lambda a: implies(
            both(s.job[a] == JOB.admin, negate(_gone(a))), both(s.promoted[a], s.initialised[a])
        ),
    ),
    _each(
        "a lease is kept by who leads, or has not revoked it",
        lambda a: implies(
            s.lease[a] == LEASE_STATE.kept, both(s.role[a] != ROLE.follower, s.role[a] != ROLE.down)
        ),
    ),
    _each(
        "a lease that runs has an end",
        lambda a: (s.lease[a] == LEASE_STATE.running) == (s.lease_end[a] != ZERO),
    ),
    _each(
        "who holds its key has a lease",
        lambda a: implies(s.election_key(a) == a, s.lease[a] != LEASE_STATE.none),
    ),
    _each(
        "who leads has a lease", lambda a: implies(s.role[a] == ROLE.leader, s.lease[a] != LEASE_STATE.none)
    ),
    _each(
        "the raft leader is a PD that runs",
        lambda a: implies(s.raft_leader == a, both(negate(s.is_tso[a]), s.role[a] != ROLE.down)),
    ),
    _each(
        "each key holds a server of its kind",
        lambda a: both(
            implies(s.leader == a, negate(s.is_tso[a])),
            implies(s.primary == a, s.is_tso[a]),
            implies(s.expected == a, s.is_tso[a]),
        ),
    ),
    _each(
        "only TSO servers register, where somebody looks",
        lambda a: implies(s.registration[a] != REGISTRATION.none, both(s.is_tso[a], s.REGISTRY)),
    ),
    _each(
        "only PDs are in API mode, where a scenario has it",
        lambda a: implies(s.api[a], both(s.REGISTRY, negate(s.is_tso[a]))),
    ),
    _each(
        "only a PD leader that may switch looks at the registry",
        lambda a: implies(
            s.polled[a] != POLLED.nothing,
            both(negate(s.is_tso[a]), s.api[a], s.DYNAMIC, s.role[a] == ROLE.leader),
        ),
    ),
    _each(
        "who found nobody registered does not serve",
        lambda a: implies(
            s.polled[a] == POLLED.nobody, both(negate(s.promoted[a]), negate(s.initialised[a]))
        ),
    ),
    _each(
        "who has looked does not sync", lambda a: implies(s.polled[a] != POLLED.nothing, s.job[a] != JOB.sync)
    ),
    Lemma(
        "a remembered grant is below the key",
        "",
        implies(s.noted, both(s.noted_physical != ZERO, s.noted_physical < s.timestamp)),
    ),
    Lemma("who got what is said of a remembered grant only", "", implies(s.noted_found, s.noted)),
    _each(
        "who is going to delete its key does not lead, and runs",
        lambda a: implies(_flag("found_own")[a], both(s.role[a] != ROLE.leader, negate(_gone(a)))),
    ),
    _each("an update outlives no process", lambda a: implies(_flag("outlives")[a], negate(_gone(a)))),
)


def _first(variables: Mapping[str, Variable]) -> Iterator[Expr]:
    """What a cluster that was never used is like."""
    yield both(s.leader == NOBODY, s.primary == NOBODY, s.expected == NOBODY)
    for name, variable in variables.items():
        if name in ("skew", "api") or variable.sort == NODE:
            continue
        value = Expr("literal", variable.sort, value=variable.initial)
        if variable.per_server:
            place = PerServer(name, variable.sort)
            yield of_each(lambda a, place=place, value=value: place[a] == value)  # type: ignore[misc]  # bound now
        else:
            yield Expr("var", variable.sort, name=name) == value
    yield of_each(lambda a: implies(s.raft_leader == a, negate(s.is_tso[a])))
    yield of_each(lambda a: implies(s.api[a], both(s.REGISTRY, negate(s.is_tso[a]))))
    yield _CLOCKS


def _speaks_of_it(claim: Expr, induction: Induction) -> bool:
    """Has this system all that is spoken of?"""
    known = {*induction.vocabulary.variables, *induction.vocabulary.facts}
    return all(each.name in known for each in claim.walk() if each.op in ("var", "field"))


def needed(system: str) -> list[tuple[str, str, str]]:
    """The guards that statements need which this system keeps, each with such a statement."""
    made = kept(system)
    return [
        (each.obligation.transition, label, each.obligation.lemma)
        for each in steps(made)
        for label in each.obligation.guards_used
        if each.obligation.lemma != PROPERTY
    ]


def kept(system: str) -> Induction:
    """The largest set of statements that a system keeps, as the lemmas of an induction (Houdini: what a step
    does not keep is left out, until nothing is)."""
    made = Induction(fences.whole(system), named("key-monotone"))
    meant = made.transitions[0].means
    left = [replace(each, claim=meant(each.claim)) for each in STATEMENTS if _speaks_of_it(each.claim, made)]
    first = tuple(meant(fact) for fact in _first(made.vocabulary.variables))
    while True:
        made = Induction(fences.whole(system), named("key-monotone"))
        made.lemmas = tuple(left)
        decided = [each.obligation for each in (*made.decide_first(first), *steps(made))]
        broken = {each.lemma for each in decided if each.result != "proved"}
        if not broken:
            return made
        left = [each for each in left if each.name not in broken]


def steps(induction: Induction) -> Iterator[Decided]:
    """What is to be shown of all steps, but for lemmas about nothing that a step changes: it keeps these,
    whatever its guards are."""
    for transition in induction.transitions:
        changed = transition.step.effect.keys()
        touched = [each for each in induction.lemmas if changed & mentioned(each.claim)]
        yield from induction.decide_step(transition, touched)

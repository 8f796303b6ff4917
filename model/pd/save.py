"""`SaveTimestamp`: the etcd transaction that reserves a window, step by step.

`RunInTxn` loads every key with a read of its own and remembers the value; the commit is one etcd
transaction whose conditions say that each key loaded still has that value.  Conditions are by
value, not by revision: a value that goes away and comes back passes.

Source: tikv/pd `pkg/storage/endpoint/tso.go` (SaveTimestamp), `pkg/storage/kv/etcd_kv.go` (RunInTxn),
`pkg/tso/tso.go` (syncTimestamp, updateTimestamp, resetUserTimestamp: what they do with the outcome).
"""

from collections.abc import Callable
from functools import update_wrapper

from ..language.expr import FALSE, NOBODY, TRUE, Expr, both, either, ite, negate
from ..language.transition import Kind, Rule, Step, transition
from ..language.vocabulary import PerServer
from ..variants.fence import Check, Fence, Yield
from . import state as s
from .state import CLIENTS, JOB, OWN, ROLE, STAGE, Slot

#: every step of a save, of a server's own and of the one that a client's request began at a TSO server
RULES: list[Rule] = []


def _save_step(
    *, fenced: bool = False, budget: str | None = None
) -> Callable[[Callable[[Expr, Fence, Slot], Step | None]], None]:
    """Make rules of a step of a save; ``fenced``: one that only a PD's own save takes."""

    def make(build: Callable[[Expr, Fence, Slot], Step | None]) -> None:
        def own(n: Expr, fence: Fence) -> Step | None:
            return build(n, fence, OWN)

        def clients(n: Expr, fence: Fence) -> Step | None:
            return build(n, fence, CLIENTS)

        RULES.append(transition(budget=budget)(update_wrapper(own, build)))
        if not fenced:
            update_wrapper(clients, build).__name__ = CLIENTS.prefix + build.__name__
            RULES.append(transition(Kind.TSO, budget=budget, needs="client_sync")(clients))

    return make


def new_window(n: Expr, slot: Slot = OWN) -> Expr:
    """The value to save."""
    return slot.next[n] + s.WINDOW


def checks_primary(n: Expr, fence: Fence, slot: Slot = OWN) -> Expr:
    """Does this save look for a TSO primary?  Only a PD's does, in the mode that the fence is for."""
    service = both(negate(s.is_tso[n]), negate(s.api[n]))
    match fence.check:
        case Check.NEVER:
            return FALSE
        case Check.FIRST_SAVE:
            return both(service, slot.job[n] == JOB.sync)
        case Check.EVERY_SAVE | Check.HOOK:
            return service
        case Check.SWITCHING:
            return both(negate(s.is_tso[n]), s.api[n], s.DYNAMIC)


def _before_check(fence: Fence) -> Expr:
    return STAGE.read if fence.check is Check.HOOK else STAGE.mine


def _after_check(fence: Fence) -> Expr:
    return STAGE.hooked if fence.check is Check.HOOK else STAGE.alone


def _reads_timestamp_at(n: Expr, fence: Fence, slot: Slot) -> Expr:
    if fence.check is Check.HOOK:
        return slot.stage[n] == STAGE.mine
    return slot.stage[n] == ite(checks_primary(n, fence, slot), STAGE.alone, STAGE.mine)


def ready_to_commit(n: Expr, fence: Fence, slot: Slot = OWN) -> Expr:
    """Every key is read: what is left is the commit, which may be on its way to etcd."""
    if fence.check is Check.HOOK:
        return slot.stage[n] == ite(checks_primary(n, fence, slot), STAGE.hooked, STAGE.read)
    return slot.stage[n] == STAGE.read


def forget_unsent(n: Expr, fence: Fence, dies: Expr | None) -> dict[str, Expr]:
    """The effect of a process's end on its transactions: only a commit already sent may still arrive.

    ``dies``: under which condition the process ends; None: it does.
    """
    places = {}
    for slot in (OWN, CLIENTS):
        gone = negate(ready_to_commit(n, fence, slot))
        if dies is not None:
            gone = both(dies, gone)
        for name, value in slot.ended().items():
            places[name] = ite(gone, value, PerServer(name, value.sort)[n])
    return places


def _alive(n: Expr) -> Expr:
    return s.role[n] != ROLE.down


def _failed(n: Expr, slot: Slot) -> dict[str, Expr]:
    """The effect of a save that failed as far as its caller can tell.

    An update counts its tries.  A TSO server whose own sync fails drops its primary key and campaigns
    anew, with what it has in memory; a PD stays leader and tries the sync again; a client only gets
    an error.
    """
    if slot is CLIENTS:
        return slot.ended()
    counts = both(s.job[n] == JOB.update, s.initialised[n])
    gives_up = both(s.is_tso[n], s.job[n] == JOB.sync, s.role[n] == ROLE.leader)
    return {
        **slot.ended(),
        "tries": ite(counts, s.tries[n] + 1, s.tries[n]),
        "role": ite(gives_up, ROLE.resigning, s.role[n]),
        "promoted": both(s.promoted[n], negate(gives_up)),
    }


def expected(n: Expr, slot: Slot = OWN) -> Expr:
    """Under save-cas, the value that the timestamp key must still hold."""
    return ite(slot.job[n] == JOB.sync, slot.seen[n], s.saved[n])


@_save_step()
def find_own_key(n: Expr, fence: Fence, slot: Slot) -> Step:
    """The transaction loads the server's election key and finds its own value."""
    return Step(
        guard={
            "transaction has begun": slot.stage[n] == STAGE.begun,
            "election key is mine": s.election_key(n) == n,
            "etcd answers": s.etcd_answers(),
        },
        effect={slot.prefix + "stage": STAGE.mine},
    )


@_save_step()
def refused_not_leader(n: Expr, fence: Fence, slot: Slot) -> Step:
    """The transaction loads the server's election key and finds another value, or none."""
    return Step(
        guard={
            "transaction has begun": slot.stage[n] == STAGE.begun,
            "election key is not mine": s.election_key(n) != n,
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n, slot),
    )


@_save_step(fenced=True)
def find_no_primary(n: Expr, fence: Fence, slot: Slot) -> Step | None:
    """The transaction loads the TSO primary key and finds it absent."""
    if fence.check is Check.NEVER:
        return None
    return Step(
        guard={
            "it is time for the check": s.stage[n] == _before_check(fence),
            "this save checks": checks_primary(n, fence),
            "no TSO primary": s.primary == NOBODY,
            "etcd answers": s.etcd_answers(),
        },
        effect={"stage": _after_check(fence)},
    )


def _yields(n: Expr, fence: Fence) -> dict[str, Expr]:
    """What a refusal by the fence does beyond a failed save."""
    failed = _failed(n, OWN)
    if fence.check is Check.SWITCHING:
        # "stop embedded TSO allocator because TSO service primary exists": no resignation
        return {**failed, **s.forget_memory()}
    if fence.yields is Yield.NOTHING:
        return failed
    sync = both(s.job[n] == JOB.sync, s.role[n] == ROLE.leader)
    return {**failed, "yielded": TRUE, "role": ite(sync, ROLE.resigning, s.role[n])}


@_save_step(fenced=True)
def refused_by_fence(n: Expr, fence: Fence, slot: Slot) -> Step | None:
    """The transaction loads the TSO primary key and finds one: the PD must yield."""
    if fence.check is Check.NEVER:
        return None
    return Step(
        guard={
            "it is time for the check": s.stage[n] == _before_check(fence),
            "this save checks": checks_primary(n, fence),
            "a TSO primary exists": s.primary != NOBODY,
            "etcd answers": s.etcd_answers(),
        },
        effect=_yields(n, fence),
    )


@_save_step()
def load_window(n: Expr, fence: Fence, slot: Slot) -> Step:
    """The transaction loads the timestamp key; the window to save lies above it."""
    guard = {
        "it is time to read the timestamp key": _reads_timestamp_at(n, fence, slot),
        "window grows": s.timestamp < new_window(n, slot),
        "etcd answers": s.etcd_answers(),
    }
    if fence.save_cas:
        guard["timestamp key holds what it should"] = s.timestamp == expected(n, slot)
    return Step(guard=guard, effect={slot.prefix + "stage": STAGE.read, slot.prefix + "seen": s.timestamp})


@_save_step()
def refused_not_greater(n: Expr, fence: Fence, slot: Slot) -> Step:
    """The window to save is less than or equal to the previous one."""
    return Step(
        guard={
            "it is time to read the timestamp key": _reads_timestamp_at(n, fence, slot),
            "window does not grow": new_window(n, slot) <= s.timestamp,
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n, slot),
    )


@_save_step()
def refused_by_cas(n: Expr, fence: Fence, slot: Slot) -> Step | None:
    """Under save-cas: the key does not hold what this allocator loaded at its sync or saved last."""
    if not fence.save_cas:
        return None
    return Step(
        guard={
            "it is time to read the timestamp key": _reads_timestamp_at(n, fence, slot),
            "timestamp key holds another value": s.timestamp != expected(n, slot),
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n, slot),
    )


def _conditions(n: Expr, fence: Fence, slot: Slot) -> dict[str, Expr]:
    """What etcd compares when the commit arrives."""
    conditions = {
        "election key is mine": s.election_key(n) == n,
        "timestamp key is as read": s.timestamp == slot.seen[n],
    }
    if fence.check is not Check.NEVER:
        conditions["no TSO primary"] = either(negate(checks_primary(n, fence, slot)), s.primary == NOBODY)
    return conditions


def _learns(n: Expr, slot: Slot) -> dict[str, Expr]:
    """What a server that is told of its save puts into memory.

    A sync starts the memory at ``next``; an update or an admin reset moves it on if it is still set.  It
    never goes back, also when a client's sync has moved it on meanwhile (which waits for the lock that an
    admin reset holds, as grants do).  A process that is gone learns nothing, nor does a server whose own
    sync outlives its term.  Only its own sync promotes it.
    """
    if slot is OWN:
        starts = both(s.job[n] == JOB.sync, s.role[n] == ROLE.leader)
        goes_on = both(s.job[n] != JOB.sync, s.initialised[n])
        own = {"promoted": either(s.promoted[n], starts), "tries": s.NO_TRIES}
    else:
        starts = both(_alive(n), s.role[n] != ROLE.closing)
        goes_on = FALSE
        own = {}
    learns = either(starts, goes_on)
    sets = both(learns, either(negate(s.initialised[n]), s.physical[n] < slot.next[n]))
    return {
        **own,
        "initialised": either(s.initialised[n], starts),
        "physical": ite(sets, slot.next[n], s.physical[n]),
        "logical": ite(sets, s.NO_LOGICAL, s.logical[n]),
        "saved": ite(learns, new_window(n, slot), s.saved[n]),
    }


@_save_step()
def commit(n: Expr, fence: Fence, slot: Slot) -> Step:
    """etcd applies the save, every condition compared by value, and the server learns of it."""
    effect = {**slot.ended(), "timestamp": new_window(n, slot), **_learns(n, slot)}
    if slot is OWN and fence.yields is not Yield.NOTHING:
        effect["yielded"] = FALSE
    return Step(
        guard={
            "every key is read": ready_to_commit(n, fence, slot),
            **_conditions(n, fence, slot),
            "etcd answers": s.etcd_answers(),
        },
        effect=effect,
    )


@_save_step(budget="lost")
def commit_answer_lost(n: Expr, fence: Fence, slot: Slot) -> Step:
    """etcd applies the save but the answer is lost: the server takes it for a failure."""
    return Step(
        guard={
            "every key is read": ready_to_commit(n, fence, slot),
            **_conditions(n, fence, slot),
            "etcd answers": s.etcd_answers(),
            "somebody waits for the answer": _alive(n),
        },
        effect={**_failed(n, slot), "timestamp": new_window(n, slot)},
    )


@_save_step()
def conflict(n: Expr, fence: Fence, slot: Slot) -> Step:
    """A key has another value than was read: `ErrEtcdTxnConflict`."""
    return Step(
        guard={
            "every key is read": ready_to_commit(n, fence, slot),
            "a condition fails": negate(both(*_conditions(n, fence, slot).values())),
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n, slot),
    )


@_save_step(budget="lost")
def request_lost(n: Expr, fence: Fence, slot: Slot) -> Step:
    """A read or the commit does not reach etcd: the save fails with a timeout."""
    return Step(
        guard={
            "a transaction is in flight": both(slot.stage[n] != STAGE.idle, slot.stage[n] != STAGE.loaded),
            "somebody waits for the answer": _alive(n),
        },
        effect=_failed(n, slot),
    )

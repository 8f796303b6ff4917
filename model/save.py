"""`SaveTimestamp`: the etcd transaction that reserves a window, step by step.

`RunInTxn` loads every key with a read of its own and remembers the value; the commit is one etcd
transaction whose conditions say that each key loaded still has that value.  Conditions are by
value, not by revision: a value that goes away and comes back passes.

Source: tikv/pd `pkg/storage/endpoint/tso.go` (SaveTimestamp), `pkg/storage/kv/etcd_kv.go` (RunInTxn),
`pkg/tso/tso.go` (syncTimestamp, updateTimestamp, resetUserTimestamp: what they do with the outcome).
"""

from . import state as s
from .expr import FALSE, NOBODY, ZERO, Expr, both, either, ite, negate
from .fence import Check, Fence
from .state import JOB, ROLE, STAGE
from .transition import Step, transition


def new_window(n: Expr) -> Expr:
    """The value to save."""
    return s.next[n] + s.WINDOW


def checks_primary(n: Expr, fence: Fence) -> Expr:
    """Does this save look for a TSO primary?  Only a PD's does."""
    match fence.check:
        case Check.NEVER:
            return FALSE
        case Check.FIRST_SAVE:
            return both(negate(s.is_tso[n]), s.job[n] == JOB.sync)
        case Check.EVERY_SAVE | Check.HOOK:
            return negate(s.is_tso[n])


def _before_check(fence: Fence) -> Expr:
    return STAGE.read if fence.check is Check.HOOK else STAGE.mine


def _after_check(fence: Fence) -> Expr:
    return STAGE.hooked if fence.check is Check.HOOK else STAGE.alone


def _reads_timestamp_at(n: Expr, fence: Fence) -> Expr:
    if fence.check is Check.HOOK:
        return s.stage[n] == STAGE.mine
    return s.stage[n] == ite(checks_primary(n, fence), STAGE.alone, STAGE.mine)


def ready_to_commit(n: Expr, fence: Fence) -> Expr:
    """Every key is read: what is left is the commit, which may be on its way to etcd."""
    if fence.check is Check.HOOK:
        return s.stage[n] == ite(checks_primary(n, fence), STAGE.hooked, STAGE.read)
    return s.stage[n] == STAGE.read


def forget_unsent(n: Expr, fence: Fence, dies: Expr | None) -> dict[str, Expr]:
    """The effect of a process's end on its transaction: only a commit already sent may still arrive.

    ``dies``: under which condition the process ends; None: it does.
    """
    gone = negate(ready_to_commit(n, fence))
    if dies is not None:
        gone = both(dies, gone)
    return {
        "job": ite(gone, JOB.none, s.job[n]),
        "stage": ite(gone, STAGE.idle, s.stage[n]),
        "next": ite(gone, ZERO, s.next[n]),
        "seen": ite(gone, ZERO, s.seen[n]),
    }


def _alive(n: Expr) -> Expr:
    return s.role[n] != ROLE.down


def _failed(n: Expr) -> dict[str, Expr]:
    """The effect of a save that failed as far as its caller can tell.

    An update counts its tries.  A TSO server whose sync fails drops its primary key and campaigns
    anew, with what it has in memory; a PD stays leader and tries the sync again.
    """
    counts = both(s.job[n] == JOB.update, s.initialised[n])
    gives_up = both(s.is_tso[n], s.job[n] == JOB.sync, s.role[n] == ROLE.leader)
    return {
        **s.end_job(),
        "tries": ite(counts, s.tries[n] + 1, s.tries[n]),
        "role": ite(gives_up, ROLE.resigning, s.role[n]),
        "promoted": both(s.promoted[n], negate(gives_up)),
    }


def expected(n: Expr) -> Expr:
    """Under save-cas, the value that the timestamp key must still hold."""
    return ite(s.job[n] == JOB.sync, s.seen[n], s.saved[n])


@transition()
def find_own_key(n: Expr, fence: Fence) -> Step:
    """The transaction loads the server's election key and finds its own value."""
    return Step(
        guard={
            "transaction has begun": s.stage[n] == STAGE.begun,
            "election key is mine": s.election_key(n) == n,
            "etcd answers": s.etcd_answers(),
        },
        effect={"stage": STAGE.mine},
    )


@transition()
def refused_not_leader(n: Expr, fence: Fence) -> Step:
    """The transaction loads the server's election key and finds another value, or none."""
    return Step(
        guard={
            "transaction has begun": s.stage[n] == STAGE.begun,
            "election key is not mine": s.election_key(n) != n,
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n),
    )


@transition()
def find_no_primary(n: Expr, fence: Fence) -> Step | None:
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


@transition()
def refused_by_fence(n: Expr, fence: Fence) -> Step | None:
    """The transaction loads the TSO primary key and finds one: PD in PD service mode must yield."""
    if fence.check is Check.NEVER:
        return None
    return Step(
        guard={
            "it is time for the check": s.stage[n] == _before_check(fence),
            "this save checks": checks_primary(n, fence),
            "a TSO primary exists": s.primary != NOBODY,
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n),
    )


@transition()
def load_window(n: Expr, fence: Fence) -> Step:
    """The transaction loads the timestamp key; the window to save lies above it."""
    guard = {
        "it is time to read the timestamp key": _reads_timestamp_at(n, fence),
        "window grows": s.timestamp < new_window(n),
        "etcd answers": s.etcd_answers(),
    }
    if fence.save_cas:
        guard["timestamp key holds what it should"] = s.timestamp == expected(n)
    return Step(guard=guard, effect={"stage": STAGE.read, "seen": s.timestamp})


@transition()
def refused_not_greater(n: Expr, fence: Fence) -> Step:
    """The window to save is less than or equal to the previous one."""
    return Step(
        guard={
            "it is time to read the timestamp key": _reads_timestamp_at(n, fence),
            "window does not grow": new_window(n) <= s.timestamp,
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n),
    )


@transition()
def refused_by_cas(n: Expr, fence: Fence) -> Step | None:
    """Under save-cas: the key does not hold what this allocator loaded at its sync or saved last."""
    if not fence.save_cas:
        return None
    return Step(
        guard={
            "it is time to read the timestamp key": _reads_timestamp_at(n, fence),
            "timestamp key holds another value": s.timestamp != expected(n),
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n),
    )


def _conditions(n: Expr, fence: Fence) -> dict[str, Expr]:
    """What etcd compares when the commit arrives."""
    conditions = {
        "election key is mine": s.election_key(n) == n,
        "timestamp key is as read": s.timestamp == s.seen[n],
    }
    if fence.check is not Check.NEVER:
        conditions["no TSO primary"] = either(negate(checks_primary(n, fence)), s.primary == NOBODY)
    return conditions


@transition()
def commit(n: Expr, fence: Fence) -> Step:
    """etcd applies the save, every condition compared by value, and the server learns of it.

    The sync then starts its memory at ``next``; an update moves on if the memory is still set; an
    admin reset sets what was asked.  A process that is gone learns nothing.
    """
    starts = both(s.job[n] == JOB.sync, s.role[n] == ROLE.leader)
    moves = both(s.job[n] == JOB.update, s.initialised[n], s.physical[n] < s.next[n])
    resets = both(s.job[n] == JOB.admin, s.initialised[n])
    # setTSOPhysical never goes back, also when a second sync finds memory already set
    sets = either(both(starts, negate(both(s.initialised[n], s.next[n] <= s.physical[n]))), moves, resets)
    keeps = both(_alive(n), either(starts, s.initialised[n]))
    return Step(
        guard={
            "every key is read": ready_to_commit(n, fence),
            **_conditions(n, fence),
            "etcd answers": s.etcd_answers(),
        },
        effect={
            **s.end_job(),
            "timestamp": new_window(n),
            "promoted": either(s.promoted[n], starts),
            "initialised": either(s.initialised[n], starts),
            "physical": ite(sets, s.next[n], s.physical[n]),
            "logical": ite(sets, s.NO_LOGICAL, s.logical[n]),
            "saved": ite(keeps, new_window(n), s.saved[n]),
            "tries": s.NO_TRIES,
        },
    )


@transition(budget="lost")
def commit_answer_lost(n: Expr, fence: Fence) -> Step:
    """etcd applies the save but the answer is lost: the server takes it for a failure."""
    return Step(
        guard={
            "every key is read": ready_to_commit(n, fence),
            **_conditions(n, fence),
            "etcd answers": s.etcd_answers(),
            "somebody waits for the answer": _alive(n),
        },
        effect={**_failed(n), "timestamp": new_window(n)},
    )


@transition()
def conflict(n: Expr, fence: Fence) -> Step:
    """A key has another value than was read: `ErrEtcdTxnConflict`."""
    return Step(
        guard={
            "every key is read": ready_to_commit(n, fence),
            "a condition fails": negate(both(*_conditions(n, fence).values())),
            "etcd answers": s.etcd_answers(),
        },
        effect=_failed(n),
    )


@transition(budget="lost")
def request_lost(n: Expr, fence: Fence) -> Step:
    """A read or the commit does not reach etcd: the save fails with a timeout."""
    return Step(
        guard={
            "a transaction is in flight": both(s.stage[n] != STAGE.idle, s.stage[n] != STAGE.loaded),
            "somebody waits for the answer": _alive(n),
        },
        effect=_failed(n),
    )


RULES = (
    find_own_key,
    refused_not_leader,
    find_no_primary,
    refused_by_fence,
    load_window,
    refused_not_greater,
    refused_by_cas,
    commit,
    commit_answer_lost,
    conflict,
    request_lost,
)

"""`SaveTimestamp`: the etcd transaction that reserves a window, step by step.

`RunInTxn` loads every key with a read of its own and remembers the value; the commit is one etcd
transaction whose conditions say that each key loaded still has that value.  Conditions are by
value, not by revision: a value that goes away and comes back passes.

Source: tikv/pd `pkg/storage/endpoint/tso.go` (SaveTimestamp), `pkg/storage/kv/etcd_kv.go` (RunInTxn),
`pkg/tso/tso.go` (syncTimestamp, updateTimestamp, resetUserTimestamp: what they do with the outcome).
"""

from collections.abc import Callable, Iterable
from functools import partial, update_wrapper

from ..language.expr import FALSE, Expr, both, either, ite, negate, unless_said
from ..language.transition import SELF, Kind, Rule, Step, transition
from ..language.variant import Variant
from ..language.vocabulary import PerServer
from . import state as s
from .state import CLIENTS, JOB, OWN, ROLE, SLOTS, STAGE, Slot

#: every step of a save, of a server's own and of the one that a client's request began at a TSO server
RULES: list[Rule] = []

_Build = Callable[[Expr, Slot], Step]


def slotted(build: _Build, *, budget: str | None = None) -> tuple[Rule, Rule]:
    """Rules of a step of a save: of a server's own, and of a client's sync."""

    def own(n: Expr) -> Step:
        return build(n, OWN)

    def clients(n: Expr) -> Step:
        return build(n, CLIENTS)

    update_wrapper(clients, build).__name__ = CLIENTS.prefix + build.__name__
    return (
        transition(budget=budget)(update_wrapper(own, build)),
        transition(Kind.TSO, budget=budget, needs="client_sync")(clients),
    )


def _save_step(*, budget: str | None = None) -> Callable[[_Build], None]:
    return lambda build: RULES.extend(slotted(build, budget=budget))


@s.of_a_save
def new_window(n: Expr, slot: Slot) -> Expr:
    """The value to save."""
    return slot.next[n] + s.window[n]


@s.of_a_save
def past_election_key(n: Expr, slot: Slot) -> Expr:
    """The stage of a save that has done with the server's own election key and has read nothing else."""
    return STAGE.mine


@s.of_a_save
def reads_timestamp(n: Expr, slot: Slot) -> Expr:
    """All that is read before it is: next comes the timestamp key."""
    return slot.stage[n] == past_election_key(n, slot)


@s.of_a_save
def ready_to_commit(n: Expr, slot: Slot) -> Expr:
    """Every key is read: what is left is the commit, which may be on its way to etcd."""
    return slot.stage[n] == STAGE.read


def forget_unsent(n: Expr, dies: Expr | None) -> dict[str, Expr]:
    """The effect of a process's end on its transactions: only a commit already sent may still arrive.

    ``dies``: under which condition the process ends; None: it does.
    """
    places = {}
    for slot in (OWN, CLIENTS):
        gone = negate(ready_to_commit(n, slot))
        if dies is not None:
            gone = both(dies, gone)
        for name, value in slot.ended().items():
            places[name] = ite(gone, value, PerServer(name, value.sort)[n])
    return places


def _alive(n: Expr) -> Expr:
    return s.role[n] != ROLE.down


def ends_the_term(before: Expr, n: Expr) -> Expr:
    """`gives_up` where a PD's campaign syncs, and returns with the error of that: a PD resigns, too."""
    return both(s.job[n] == JOB.sync, s.role[n] == ROLE.leader)


def failed(n: Expr, slot: Slot) -> dict[str, Expr]:
    """The effect of a save that failed as far as its caller can tell.

    An update counts its tries.  A TSO server whose own sync fails drops its primary key and campaigns
    anew, with what it has in memory; a PD stays leader and tries the sync again (but see `ends_the_term`);
    a client only gets an error.
    """
    if slot is CLIENTS:
        return slot.ended()
    counts = both(s.job[n] == JOB.update, s.initialised[n])
    gives_up = unless_said("gives_up", both(s.is_tso[n], s.job[n] == JOB.sync, s.role[n] == ROLE.leader), n)
    return {
        **slot.ended(),
        "tries": ite(counts, s.tries[n] + 1, s.tries[n]),
        "role": ite(gives_up, ROLE.resigning, s.role[n]),
        "promoted": both(s.promoted[n], negate(gives_up)),
    }


@_save_step()
def find_own_key(n: Expr, slot: Slot) -> Step:
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
def refused_not_leader(n: Expr, slot: Slot) -> Step:
    """The transaction loads the server's election key and finds another value, or none."""
    return Step(
        guard={
            "transaction has begun": slot.stage[n] == STAGE.begun,
            "election key is not mine": s.election_key(n) != n,
            "etcd answers": s.etcd_answers(),
        },
        effect=failed(n, slot),
    )


@_save_step()
def load_window(n: Expr, slot: Slot) -> Step:
    """The transaction loads the timestamp key; the window to save lies above it."""
    return Step(
        guard={
            "it is time to read the timestamp key": reads_timestamp(n, slot),
            "window grows": s.timestamp < new_window(n, slot),
            "etcd answers": s.etcd_answers(),
        },
        effect={slot.prefix + "stage": STAGE.read, slot.prefix + "seen": s.timestamp},
    )


@_save_step()
def refused_not_greater(n: Expr, slot: Slot) -> Step:
    """The window to save is less than or equal to the previous one."""
    return Step(
        guard={
            "it is time to read the timestamp key": reads_timestamp(n, slot),
            "window does not grow": new_window(n, slot) <= s.timestamp,
            "etcd answers": s.etcd_answers(),
        },
        effect=failed(n, slot),
    )


def _conditions(n: Expr, slot: Slot) -> dict[str, Expr]:
    """What etcd compares when the commit arrives."""
    return {
        "election key is mine": s.election_key(n) == n,
        "timestamp key is as read": s.timestamp == slot.seen[n],
    }


@s.of_a_save
def conditions_hold(n: Expr, slot: Slot) -> Expr:
    """All that etcd compares is as was read."""
    return both(*_conditions(n, slot).values())


def compare(
    variant: Variant, label: str, condition: Callable[[Expr, Slot], Expr], slots: Iterable[Slot] = SLOTS
) -> None:
    """Let etcd compare something more when a commit arrives."""
    for slot in slots:
        for name in ("commit", "commit_answer_lost"):
            variant.guard(slot.prefix + name, label, condition(SELF, slot))
        variant.also(slot.prefix + "conditions_hold", partial(_of, condition, slot))


def _of(condition: Callable[[Expr, Slot], Expr], slot: Slot, n: Expr) -> Expr:
    return condition(n, slot)


@s.of_a_save
def starts(n: Expr, slot: Slot) -> Expr:
    """A sync that is told of its save starts the memory: a server's own, while it leads; no process that is
    gone learns anything."""
    if slot is OWN:
        return both(s.job[n] == JOB.sync, s.role[n] == ROLE.leader)
    return both(_alive(n), s.role[n] != ROLE.closing)


@s.of_a_save
def learns(n: Expr, slot: Slot) -> Expr:
    """So does an update or an admin reset that finds the memory still set."""
    goes_on = both(s.job[n] != JOB.sync, s.initialised[n]) if slot is OWN else FALSE
    return either(starts(n, slot), goes_on)


@s.of_a_save
def moves_on(n: Expr, slot: Slot) -> Expr:
    """What it learns is ahead of the memory, which never goes back, also when a client's sync has moved it on
    meanwhile (which waits for the lock that an admin reset holds, as grants do)."""
    return both(learns(n, slot), either(negate(s.initialised[n]), s.physical[n] < slot.next[n]))


def remembers(n: Expr, slot: Slot) -> dict[str, Expr]:
    """What a server that is told of its save puts into memory.  Only its own sync promotes it."""
    effect = {
        "initialised": either(s.initialised[n], starts(n, slot)),
        "physical": ite(moves_on(n, slot), slot.next[n], s.physical[n]),
        "logical": ite(moves_on(n, slot), s.NO_LOGICAL, s.logical[n]),
        "saved": ite(learns(n, slot), new_window(n, slot), s.saved[n]),
    }
    if slot is OWN:
        effect |= {"promoted": either(s.promoted[n], starts(n, slot)), "tries": s.NO_TRIES}
    return effect


@_save_step()
def commit(n: Expr, slot: Slot) -> Step:
    """etcd applies the save, every condition compared by value, and the server learns of it."""
    return Step(
        guard={
            "every key is read": ready_to_commit(n, slot),
            **_conditions(n, slot),
            "etcd answers": s.etcd_answers(),
        },
        effect={**slot.ended(), "timestamp": new_window(n, slot), **remembers(n, slot)},
    )


@_save_step(budget="lost")
def commit_answer_lost(n: Expr, slot: Slot) -> Step:
    """etcd applies the save but the answer is lost: the server takes it for a failure."""
    return Step(
        guard={
            "every key is read": ready_to_commit(n, slot),
            **_conditions(n, slot),
            "etcd answers": s.etcd_answers(),
            "somebody waits for the answer": _alive(n),
        },
        effect={**failed(n, slot), "timestamp": new_window(n, slot)},
    )


@_save_step()
def conflict(n: Expr, slot: Slot) -> Step:
    """A key has another value than was read: `ErrEtcdTxnConflict`."""
    return Step(
        guard={
            "every key is read": ready_to_commit(n, slot),
            "a condition fails": negate(conditions_hold(n, slot)),
            "etcd answers": s.etcd_answers(),
        },
        effect=failed(n, slot),
    )


@_save_step(budget="lost")
def request_lost(n: Expr, slot: Slot) -> Step:
    """A read or the commit does not reach etcd: the save fails with a timeout."""
    return Step(
        guard={
            "a transaction is in flight": both(slot.stage[n] != STAGE.idle, slot.stage[n] != STAGE.loaded),
            "somebody waits for the answer": _alive(n),
        },
        effect=failed(n, slot),
    )

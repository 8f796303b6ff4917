"""The timestamp allocator: one code for PD and TSO server.

Source: tikv/pd `pkg/tso/tso.go` (syncTimestamp, updateTimestamp, getTS, resetUserTimestamp,
resetTimestamp), `pkg/tso/allocator.go` (UpdateTSO, Reset).
"""

from ..language.expr import NOW, ZERO, Expr, both, definition, either, ite, negate
from ..language.transition import Kind, Step, transition
from . import state as s
from .state import (
    BY,
    CLIENTS,
    COUNT,
    GUARD,
    JOB,
    LIMIT,
    NOTE,
    OWN,
    PICK,
    POLLED,
    ROLE,
    STAGE,
    UNIT,
    Slot,
)

#: `maxUpdateTSORetryCount`
MAX_TRIES = 3

#: the guard by which a scenario bounds how much clients ask for
DEMAND_LEFT = "the scenario lets clients ask for so much"


def _twice(count: Expr) -> Expr:
    return count + count


@definition
def half_used(n: Expr) -> Expr:
    """More than half of the logical part is used: never where it has room for one grant only."""
    return both(s.NO_LOGICAL + 2 < LIMIT, LIMIT < _twice(s.logical[n]))


@definition
def clock_moved(n: Expr) -> Expr:
    """The clock is more than the guard ahead of the physical part."""
    return GUARD < s.clock(n) - s.physical[n]


@definition
def next_physical(n: Expr) -> Expr:
    """Where an update goes on: at the clock, or one unit on when the logical part runs short."""
    return ite(clock_moved(n), s.clock(n), s.physical[n] + UNIT)


def room(n: Expr, target: Expr) -> Expr:
    """The saved window reaches further than the guard past ``target``."""
    return GUARD < s.saved[n] - target


def free_to_sync(n: Expr) -> dict[str, Expr]:
    """A PD in API mode starts its allocator only after it found no TSO server registered."""
    return {"API mode: nobody is registered": either(negate(s.api[n]), s.polled[n] == POLLED.nobody)}


def loads() -> dict[str, Expr]:
    """The effect of a sync's read of the timestamp key."""
    return {"job": JOB.sync, "stage": STAGE.loaded, "seen": s.timestamp, "polled": POLLED.nothing}


@transition()
def sync_load(n: Expr) -> Step:
    """`syncTimestamp` loads the timestamp key: a plain read, no condition of the transaction later."""
    return Step(
        guard={
            "leader": s.role[n] == ROLE.leader,
            "nothing else in flight": s.job[n] == JOB.none,
            "not promoted yet": negate(s.promoted[n]),
            **free_to_sync(n),
            "etcd answers": s.etcd_answers(),
        },
        effect=loads(),
    )


@s.of_a_save
def saved_last(n: Expr, slot: Slot) -> Expr:
    """The memory is set and the key holds what was saved last: there is nothing to sync."""
    return both(s.initialised[n], slot.seen[n] == s.saved[n], slot.seen[n] != ZERO)


@transition()
def sync_skip(n: Expr) -> Step:
    """Memory is set and the key holds what was saved last: "skip sync timestamp"."""
    return Step(
        guard={
            "sync has loaded the key": s.stage[n] == STAGE.loaded,
            "key holds what was saved last": saved_last(n, OWN),
        },
        effect={**OWN.ended(), "promoted": s.role[n] == ROLE.leader},
    )


def _sync_begins(n: Expr, slot: Slot) -> Step:
    """The sync reads the clock, chooses where to start and begins its transaction.

    It starts at the clock, or just above the loaded window when that has not passed by the guard.
    """
    now, last = s.clock(n), slot.seen[n]
    return Step(
        guard={
            "sync has loaded the key": slot.stage[n] == STAGE.loaded,
            "leadership is granted": s.role[n] == ROLE.leader,
            "key differs from what was saved last": negate(saved_last(n, slot)),
        },
        effect={
            slot.prefix + "stage": STAGE.begun,
            slot.prefix + "next": ite(now - last < GUARD, last + GUARD, now),
            # nobody asks later what was loaded
            slot.prefix + "seen": ZERO,
        },
    )


@transition()
def sync_begin(n: Expr) -> Step:
    """The sync reads the clock, chooses where to start and begins its transaction."""
    return _sync_begins(n, OWN)


def begins(slot: Slot) -> str:
    """The transition in which a sync of that kind chooses where to start."""
    return "sync_begin" if slot is OWN else "client_begin"


@transition()
def sync_abandon(n: Expr) -> Step:
    """The leadership went before the transaction began: "leadership has not been granted yet"."""
    return Step(
        guard={
            "sync has loaded the key": s.stage[n] == STAGE.loaded,
            "leadership is gone": s.role[n] != ROLE.leader,
        },
        effect=OWN.ended(),
    )


@transition(Kind.TSO, budget="client_sync")
def client_load(n: Expr) -> Step:
    """A client's request makes a TSO server sync, beside its campaign's and even before it is primary."""
    return Step(
        guard={
            "running": either(s.role[n] == ROLE.leader, s.role[n] == ROLE.follower),
            "no client's sync in flight": s.client_stage[n] == STAGE.idle,
            "etcd answers": s.etcd_answers(),
        },
        effect={"client_stage": STAGE.loaded, "client_seen": s.timestamp},
    )


@transition(Kind.TSO, needs="client_sync")
def client_skip(n: Expr) -> Step:
    """The client's sync finds memory set and the key as saved last: "skip sync timestamp"."""
    return Step(
        guard={
            "sync has loaded the key": s.client_stage[n] == STAGE.loaded,
            "key holds what was saved last": saved_last(n, CLIENTS),
        },
        effect=CLIENTS.ended(),
    )


@transition(Kind.TSO, needs="client_sync")
def client_begin(n: Expr) -> Step:
    """The client's sync reads the clock, chooses where to start and begins its transaction."""
    return _sync_begins(n, CLIENTS)


@transition(Kind.TSO, needs="client_sync")
def client_abandon(n: Expr) -> Step:
    """The client's sync is refused: "leadership has not been granted yet"."""
    return Step(
        guard={
            "sync has loaded the key": s.client_stage[n] == STAGE.loaded,
            "leadership is gone": s.role[n] != ROLE.leader,
        },
        effect=CLIENTS.ended(),
    )


def _updates(n: Expr) -> dict[str, Expr]:
    """A turn of the update loop (`allocatorUpdater`), or one of the tries within it (`UpdateTSO`)."""
    again = s.NO_TRIES < s.tries[n]
    runs_short = both(half_used(n), either(again, s.update_due[n] <= NOW))
    return {
        "memory is set": s.initialised[n],
        "nothing else in flight": s.job[n] == JOB.none,
        "a try is left": s.tries[n] < MAX_TRIES,
        "promoted": s.promoted[n],
        "serving, or trying again": either(s.serving(n), again),
        "clock moved on or logical part runs short": either(clock_moved(n), runs_short),
        DEMAND_LEFT: either(clock_moved(n), s.physical[n] - s.clock(n) < s.AHEAD),
    }


def _looks_again(n: Expr) -> Expr:
    """Else one update could follow the other before the clock moves, and windows run ahead of it forever."""
    return ite(both(negate(clock_moved(n)), half_used(n)), NOW + s.update_interval[n], s.update_due[n])


@transition()
def update_in_memory(n: Expr) -> Step:
    """`updateTimestamp` moves the physical part on within the saved window."""
    return Step(
        guard={**_updates(n), "window has room": room(n, next_physical(n))},
        effect={
            "physical": next_physical(n),
            "logical": s.NO_LOGICAL,
            "tries": s.NO_TRIES,
            "update_due": _looks_again(n),
        },
    )


@transition()
def update_begin(n: Expr) -> Step:
    """`updateTimestamp` needs a new window and begins its transaction."""
    return Step(
        guard={**_updates(n), "window is used up": negate(room(n, next_physical(n)))},
        effect={
            "job": JOB.update,
            "stage": STAGE.begun,
            "next": next_physical(n),
            "update_due": _looks_again(n),
        },
    )


@transition()
def reset(n: Expr) -> Step:
    """Three tries failed: `Reset(true)` clears the memory and resigns if still serving."""
    return Step(
        guard={"memory is set": s.initialised[n], "three tries failed": s.tries[n] == MAX_TRIES},
        effect={**s.forget_memory(), "role": ite(s.serving(n), ROLE.resigning, s.role[n])},
    )


def _unlocked(n: Expr) -> Expr:
    """`resetUserTimestamp` holds the lock on the memory while it saves."""
    return s.job[n] != JOB.admin


@transition(inputs=(COUNT, NOTE, PICK))
def grant(n: Expr) -> Step:
    """`getTS` answers a client with COUNT timestamps; the observer may remember one of them."""
    return Step(
        guard={
            "memory is set": s.initialised[n],
            "promoted": s.promoted[n],
            "serving": s.serving(n),
            "no admin reset holds the memory": _unlocked(n),
            "logical part has room": s.logical[n] + COUNT < LIMIT,
            "client asks for at least one": s.NO_LOGICAL < COUNT,
            "observer remembers one grant": negate(both(NOTE, s.noted)),
            "observer picks one of them": both(s.NO_LOGICAL < PICK, PICK <= COUNT, either(NOTE, PICK == 1)),
        },
        effect={
            "logical": s.logical[n] + COUNT,
            "noted": either(s.noted, NOTE),
            "noted_physical": ite(NOTE, s.physical[n], s.noted_physical),
            "noted_logical": ite(NOTE, s.logical[n] + PICK, s.noted_logical),
            "noted_found": either(both(NOTE, s.asked_by_library(n)), s.noted_found),
        },
    )


@transition()
def overflow(n: Expr) -> Step:
    """The logical part is used up: a request moves the physical part on, within the saved window."""
    return Step(
        guard={
            "memory is set": s.initialised[n],
            "promoted": s.promoted[n],
            "serving": s.serving(n),
            "no admin reset holds the memory": _unlocked(n),
            "logical part is used up": LIMIT <= s.logical[n] + 1,
            "window has room": room(n, next_physical(n)),
        },
        effect={"physical": next_physical(n), "logical": s.NO_LOGICAL},
    )


def _resets(n: Expr) -> dict[str, Expr]:
    return {
        "memory is set": s.initialised[n],
        "promoted": s.promoted[n],
        "serving": s.serving(n),
        "nothing else in flight": s.job[n] == JOB.none,
        "forward": UNIT <= BY,
        "not too far ahead": BY < s.MAX_RESET,
    }


@transition(inputs=(BY,), budget="admin")
def admin_reset(n: Expr) -> Step:
    """`resetUserTimestamp` moves the memory forward by BY; no trace of it in etcd."""
    target = s.physical[n] + BY
    return Step(
        guard={**_resets(n), "window has room": room(n, target)},
        effect={"physical": target, "logical": s.NO_LOGICAL},
    )


@transition(inputs=(BY,), budget="admin")
def admin_reset_begin(n: Expr) -> Step:
    """`resetUserTimestamp` goes near or past the saved window: it saves first."""
    target = s.physical[n] + BY
    return Step(
        guard={**_resets(n), "window is used up": negate(room(n, target))},
        effect={"job": JOB.admin, "stage": STAGE.begun, "next": target},
    )


RULES = (
    sync_load,
    sync_skip,
    sync_begin,
    sync_abandon,
    client_load,
    client_skip,
    client_begin,
    client_abandon,
    update_in_memory,
    update_begin,
    reset,
    grant,
    overflow,
    admin_reset,
    admin_reset_begin,
)

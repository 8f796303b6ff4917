"""The registry of TSO servers, and PDs in API mode that look at it to see whether they are needed.

Source: tikv/pd `pkg/mcs/discovery/register.go` (ServiceRegister), `server/cluster/cluster.go`
(checkTSOService, startTSOJobsIfNeeded, stopTSOJobsIfNeeded; every 100 ms).
"""

from ..language.expr import Expr, both, either, exists, ite
from ..language.transition import Kind, Step, transition
from . import state as s
from .state import JOB, POLLED, REGISTRATION, ROLE


@transition(Kind.TSO)
def register(n: Expr) -> Step:
    """A TSO server that runs puts its key into the registry, attached to a lease."""
    return Step(
        guard={
            "somebody may look at the registry": s.REGISTRY,
            "running": either(s.role[n] == ROLE.leader, s.role[n] == ROLE.follower),
            "is not registered": s.registration[n] != REGISTRATION.listed,
            "etcd answers": s.etcd_answers(),
        },
        effect={"registration": REGISTRATION.listed},
    )


@transition(Kind.TSO)
def registration_ends(n: Expr) -> Step:
    """The registry key goes, with the lease of a process that was killed or by that of one that stops."""
    return Step(
        guard={
            "somebody may look at the registry": s.REGISTRY,
            "stopped or stopping": either(s.role[n] == ROLE.down, s.role[n] == ROLE.closing),
            "is registered": s.registration[n] != REGISTRATION.none,
            "etcd answers": s.etcd_answers(),
        },
        effect={"registration": REGISTRATION.none},
    )


@transition(Kind.TSO, budget="lapse")
def registration_lapses(n: Expr) -> Step:
    """The lease of the registry key runs out although the process is alive: paused, or cut off."""
    return Step(
        guard={
            "is registered": s.registration[n] == REGISTRATION.listed,
            "etcd answers": s.etcd_answers(),
        },
        effect={"registration": REGISTRATION.lapsed},
    )


def looks(n: Expr) -> dict[str, Expr]:
    """A PD leader in API mode that may switch has its look at the registry before it."""
    return {
        "in API mode": s.api[n],
        "dynamic switching is on": s.DYNAMIC,
        "leader": s.role[n] == ROLE.leader,
        "has acted upon the last look": s.polled[n] == POLLED.nothing,
        "no sync in flight": s.job[n] != JOB.sync,
    }


@transition(Kind.PD)
def poll_registry(n: Expr) -> Step:
    """A PD leader in API mode with dynamic switching on looks who is registered, and notes what to do."""
    somebody = exists(lambda m: both(s.is_tso[m], s.registration[m] == REGISTRATION.listed))
    stop = ite(s.initialised[n], POLLED.somebody, POLLED.nothing)
    start = ite(s.promoted[n], POLLED.nothing, POLLED.nobody)
    return Step(
        guard={**looks(n), "etcd answers": s.etcd_answers()},
        effect={"polled": ite(somebody, stop, start)},
    )


@transition(Kind.PD)
def stop_allocator(n: Expr) -> Step:
    """ "TSO is provided by TSO server": a PD in API mode clears its timestamp and stays leader."""
    return Step(
        guard={
            "in API mode": s.api[n],
            "a TSO server is registered": s.polled[n] == POLLED.somebody,
            "no admin reset holds the memory": s.job[n] != JOB.admin,
        },
        effect=s.forget_memory(),
    )


RULES = (register, registration_ends, registration_lapses, poll_registry, stop_allocator)

"""Elections, leases, the raft leader, and which TSO server is to be primary.

Source: tikv/pd `pkg/election/leadership.go` (Campaign, Keep, Check), `pkg/election/lease.go`,
`server/server.go` (campaignLeader, leaderLoop), `pkg/tso/allocator.go` (campaignPrimary),
`pkg/member/member.go` (CheckLeader), `pkg/mcs/utils/expected_primary.go` (TransferPrimary).
"""

from ..language.expr import NOBODY, NOW, ZERO, Expr, both, either, exists, ite, negate
from ..language.transition import Kind, Step, transition
from . import state as s
from .save import forget_unsent
from .state import JOB, LEASE_STATE, REGISTRATION, ROLE, UNIT


def _release_key(n: Expr) -> dict[str, Expr]:
    """The key goes if it is still this server's."""
    return s.put_election_key(n, ite(s.election_key(n) == n, NOBODY, s.election_key(n)))


def _leave_lease_running(n: Expr) -> dict[str, Expr]:
    """Nobody keeps the lease alive any more: etcd may delete the key a ttl from now, not before."""
    kept = s.lease[n] == LEASE_STATE.kept
    return {
        "lease": ite(kept, LEASE_STATE.running, s.lease[n]),
        "lease_end": ite(kept, NOW + s.ttl[n], s.lease_end[n]),
    }


def _raft_leader_without(n: Expr) -> Expr:
    return ite(s.raft_leader == n, NOBODY, s.raft_leader)


@transition(budget="term")
def campaign(n: Expr) -> Step:
    """The server wins its election: a transaction that needs the key absent, attached to a new lease."""
    return Step(
        guard={
            "not leader, not stopping": s.role[n] == ROLE.follower,
            "election key is absent": s.election_key(n) == NOBODY,
            "a PD campaigns only as raft leader": either(s.is_tso[n], s.raft_leader == n),
            "nobody else is to be primary": either(
                negate(s.is_tso[n]), s.expected == NOBODY, s.expected == n
            ),
            "is registered first": either(
                negate(s.is_tso[n]), negate(s.REGISTRY), s.registration[n] != REGISTRATION.none
            ),
            "etcd answers": s.etcd_answers(),
            "the sync of its last term has ended": s.job[n] != JOB.sync,
        },
        effect={
            **s.put_election_key(n, n),
            "role": ROLE.leader,
            "lease": LEASE_STATE.kept,
            "lease_end": ZERO,
        },
    )


@transition(budget="keepalive")
def keepalive_stops(n: Expr) -> Step:
    """No keep-alive gets through any more, or the process is paused: the lease runs, here and in etcd."""
    return Step(
        guard={
            "serving": s.serving(n),
            "lease is kept alive": s.lease[n] == LEASE_STATE.kept,
        },
        effect={"lease": LEASE_STATE.running, "lease_end": NOW + s.ttl[n]},
    )


@transition()
def keepalive_resumes(n: Expr) -> Step:
    """A keep-alive gets through in time: the lease is full again."""
    return Step(
        guard={
            "serving": s.serving(n),
            "lease is running out": s.lease[n] == LEASE_STATE.running,
            "etcd answers": s.etcd_answers(),
        },
        effect={"lease": LEASE_STATE.kept, "lease_end": ZERO},
    )


@transition()
def lease_runs_out(n: Expr) -> Step:
    """etcd deletes the election key with its lease: at the end of the lease or later, never earlier.

    The server is not told: its own clock says when it has to stop.
    """
    return Step(
        guard={
            "election key is its own": s.election_key(n) == n,
            "lease is running out": s.lease[n] == LEASE_STATE.running,
            "lease has ended": s.lease_end[n] <= NOW,
            "etcd answers": s.etcd_answers(),
        },
        effect=s.put_election_key(n, NOBODY),
    )


@transition()
def step_down(n: Expr) -> Step:
    """The server notices that its lease has run out, stops its allocator and resigns."""
    return Step(
        guard={
            "leader": s.role[n] == ROLE.leader,
            "lease has run out": negate(s.serving(n)),
            "no admin reset holds the memory": s.job[n] != JOB.admin,
        },
        effect={**s.forget_memory(), "role": ROLE.resigning},
    )


@transition(Kind.PD)
def resign_as_raft_follower(n: Expr) -> Step:
    """A PD leader that is not the raft leader any more resigns: "etcd leader changed"."""
    return Step(
        guard={
            "leader": s.role[n] == ROLE.leader,
            "another PD is raft leader": both(s.raft_leader != n, s.raft_leader != NOBODY),
            "no admin reset holds the memory": s.job[n] != JOB.admin,
        },
        effect={**s.forget_memory(), "role": ROLE.resigning},
    )


def _leaves(n: Expr) -> Expr:
    return either(s.role[n] == ROLE.resigning, s.role[n] == ROLE.closing)


def _after_leaving(n: Expr) -> dict[str, Expr]:
    closing = s.role[n] == ROLE.closing
    return {
        **forget_unsent(n, dies=closing),
        "role": ite(closing, ROLE.down, ROLE.follower),
        "raft_leader": ite(closing, _raft_leader_without(n), s.raft_leader),
    }


@transition()
def revoke(n: Expr) -> Step:
    """A server that resigns or closes revokes its lease: the key goes at once."""
    return Step(
        guard={"resigning or closing": _leaves(n), "etcd answers": s.etcd_answers()},
        effect={
            **_after_leaving(n),
            **_release_key(n),
            "lease": LEASE_STATE.none,
            "lease_end": ZERO,
        },
    )


@transition(budget="lost")
def revoke_lost(n: Expr) -> Step:
    """The revoke does not reach etcd: the key stays until the lease runs out."""
    return Step(
        guard={"resigning or closing": _leaves(n)},
        effect={**_after_leaving(n), **_leave_lease_running(n)},
    )


@transition()
def drop_own_key(n: Expr) -> Step:
    """A server that finds its own value in its election key without leading deletes it and starts over."""
    return Step(
        guard={
            "not leader, not stopping": s.role[n] == ROLE.follower,
            "election key is its own": s.election_key(n) == n,
            "etcd answers": s.etcd_answers(),
        },
        effect={**s.put_election_key(n, NOBODY), "lease": LEASE_STATE.none, "lease_end": ZERO},
    )


@transition(Kind.PD)
def raft_elects(n: Expr) -> Step:
    """The etcd members elect a leader after they lost theirs."""
    return Step(
        guard={"no raft leader": s.raft_leader == NOBODY, "running": s.role[n] != ROLE.down},
        effect={"raft_leader": n},
    )


@transition(Kind.PD, budget="raft_move")
def raft_moves(n: Expr) -> Step:
    """The raft leader moves to this PD, by choice or by an election."""
    return Step(
        guard={
            "another PD is raft leader": both(s.raft_leader != n, s.raft_leader != NOBODY),
            "running": s.role[n] != ROLE.down,
        },
        effect={"raft_leader": n},
    )


@transition(Kind.PD, budget="reclaim")
def raft_reclaims(n: Expr) -> Step:
    """ "The pd leader is lost for a long time": a PD that could lead moves the raft leadership to itself."""
    return Step(
        guard={
            "no PD leader": s.leader == NOBODY,
            "another PD is raft leader": both(s.raft_leader != n, s.raft_leader != NOBODY),
            "not leader, not stopping": s.role[n] == ROLE.follower,
        },
        effect={"raft_leader": n},
    )


@transition(Kind.TSO, budget="transfer")
def chosen_as_primary(n: Expr) -> Step:
    """`primary/transfer`: the TSO primary writes another server's address into `expected_primary`."""

    def hands_over(m: Expr) -> Expr:
        return both(m != n, s.is_tso[m], s.primary == m, s.serving(m), s.promoted[m])

    return Step(
        guard={
            "another TSO server serves": exists(hands_over),
            "running": s.role[n] != ROLE.down,
            "etcd answers": s.etcd_answers(),
        },
        effect={"expected": n},
    )


def several_tso_servers(n: Expr) -> Expr:
    """With one TSO server, it does not matter who is expected."""
    return exists(lambda m: both(m != n, s.is_tso[m]))


@transition(Kind.TSO)
def expects_itself(n: Expr) -> Step:
    """ "set expected primary flag": a primary that has synced says so; the key lives with its lease."""
    return Step(
        guard={
            "another TSO server may ask": several_tso_servers(n),
            "promoted": s.promoted[n],
            "serving": s.serving(n),
            "nobody is expected": s.expected == NOBODY,
            "etcd answers": s.etcd_answers(),
        },
        effect={"expected": n},
    )


@transition(Kind.TSO)
def expected_key_goes(n: Expr) -> Step:
    """The key that expects this server goes with its lease, which only a primary that serves keeps alive."""
    return Step(
        guard={
            "another TSO server may ask": several_tso_servers(n),
            "this server is expected": s.expected == n,
            "it does not serve": negate(both(s.serving(n), s.lease[n] == LEASE_STATE.kept)),
            "etcd answers": s.etcd_answers(),
        },
        effect={"expected": NOBODY},
    )


@transition(Kind.TSO)
def makes_way(n: Expr) -> Step:
    """ "primary have been updated": the TSO primary finds another server expected and steps down."""
    return Step(
        guard={
            "leader": s.role[n] == ROLE.leader,
            "another TSO server may ask": several_tso_servers(n),
            "another server is expected": both(s.expected != NOBODY, s.expected != n),
            "no admin reset holds the memory": s.job[n] != JOB.admin,
            "etcd answers": s.etcd_answers(),
        },
        effect={**s.forget_memory(), "role": ROLE.resigning},
    )


@transition(budget="crash")
def crash(n: Expr) -> Step:
    """The process is killed: its memory is gone, its key stays, a request on the wire may still arrive."""
    return Step(
        guard={"running": s.role[n] != ROLE.down},
        effect={
            **s.forget_memory(),
            **forget_unsent(n, dies=None),
            **_leave_lease_running(n),
            "role": ROLE.down,
            "raft_leader": _raft_leader_without(n),
        },
    )


@transition(budget="stop")
def stop(n: Expr) -> Step:
    """The process is asked to stop (SIGTERM): the allocator closes first, then the lease is revoked."""
    return Step(
        guard={
            "running": either(s.role[n] == ROLE.leader, s.role[n] == ROLE.follower),
            "no admin reset holds the memory": s.job[n] != JOB.admin,
        },
        effect={**s.forget_memory(), "role": ROLE.closing},
    )


@transition()
def restart(n: Expr) -> Step:
    """A process starts, with nothing in memory."""
    return Step(
        guard={"down": s.role[n] == ROLE.down},
        effect={**s.end_jobs(), "role": ROLE.follower},
    )


@transition(Kind.PD, budget="mode")
def restart_in_other_mode(n: Expr) -> Step:
    """A PD in service mode starts in API mode, or the other way round."""
    return Step(
        guard={"some PD may be in API mode": s.REGISTRY, "down": s.role[n] == ROLE.down},
        effect={**s.end_jobs(), "role": ROLE.follower, "api": negate(s.api[n])},
    )


@transition(inputs=(s.BY,), budget="jump")
def clock_jump(n: Expr) -> Step:
    """A server's clock is set: from now on it is BY ahead of the true time (behind, if negative)."""
    return Step(
        guard={
            "clock changes": s.BY != s.skew[n],
            "within the bound on skew": both(s.BY <= s.SKEW, s.NO_TIME - s.SKEW <= s.BY),
        },
        effect={"skew": s.BY},
    )


@transition(Kind.CLUSTER, inputs=(s.BY,))
def tick(n: Expr) -> Step:
    """Time passes."""
    return Step(guard={"time goes forward": UNIT <= s.BY}, effect={"now": NOW + s.BY})


RULES = (
    campaign,
    keepalive_stops,
    keepalive_resumes,
    lease_runs_out,
    step_down,
    resign_as_raft_follower,
    revoke,
    revoke_lost,
    drop_own_key,
    raft_elects,
    raft_moves,
    raft_reclaims,
    chosen_as_primary,
    expects_itself,
    expected_key_goes,
    makes_way,
    crash,
    stop,
    restart,
    restart_in_other_mode,
    clock_jump,
    tick,
)

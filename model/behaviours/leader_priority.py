"""leader-priority: the PD of the highest priority takes the raft leadership, whenever it looks.

It looks every minute, whoever leads and however well.

Source: tikv/pd `pkg/member/member.go` (CheckPriority), `server/server.go` (etcdLeaderLoop), `pd-ctl member
leader_priority`.
"""

from ..language.expr import NOBODY, NODE, Expr, both
from ..language.transition import Kind, Step
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import ROLE

behaviour = Variant(
    "leader-priority",
    "the PD of the highest priority takes the raft leadership at each check",
    source="tikv/pd pkg/member/member.go",
)

#: the PD of the highest priority
preferred = behaviour.shared("preferred", NODE)


@behaviour.step(Kind.PD, budget="priority", after="raft_reclaims")
def given_priority(n: Expr) -> Step:
    """An admin gives this PD the highest priority."""
    return Step(
        guard={
            "not the one that has it": preferred != n,
            "running": s.role[n] != ROLE.down,
            "etcd answers": s.etcd_answers(),
        },
        effect={"preferred": n},
    )


@behaviour.step(Kind.PD, needs="priority", after="given_priority")
def raft_goes_by_priority(n: Expr) -> Step:
    """The PD of the highest priority finds another one raft leader, and takes the raft leadership."""
    return Step(
        guard={
            "has the highest priority": preferred == n,
            "another PD is raft leader": both(s.raft_leader != n, s.raft_leader != NOBODY),
            "running": both(s.role[n] != ROLE.down, s.role[n] != ROLE.closing),
        },
        effect={"raft_leader": n},
    )

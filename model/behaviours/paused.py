"""paused: a raft leader that is paused, or cut off, loses the raft leadership as well as its lease.

Source: etcd's raft: a member that hears nothing of the leader for an election timeout campaigns.
"""

from ..language.expr import Expr, both, exists
from ..language.transition import Kind, Step
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import LEASE_STATE, ROLE

behaviour = Variant(
    "paused",
    "a raft leader that is paused loses the raft leadership, too",
    source="etcd's raft",
)


@behaviour.step(Kind.PD, needs="keepalive", after="raft_elects")
def raft_passes_over(n: Expr) -> Step:
    """The etcd members elect this one in place of a raft leader that is paused."""

    def paused(m: Expr) -> Expr:
        return both(m != n, s.raft_leader == m, s.lease[m] == LEASE_STATE.running)

    return Step(
        guard={"the raft leader is paused": exists(paused), "running": s.role[n] != ROLE.down},
        effect={"raft_leader": n},
    )

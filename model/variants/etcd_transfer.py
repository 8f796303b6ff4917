"""etcd-transfer: as check-tso-primary; a PD that is refused hands the etcd leadership to another PD.

It resigns, and does not campaign before another PD was raft leader, unless no other PD runs.

Source: a question asked in the review of tikv/pd pull 10473.
"""

from ..language.expr import FALSE, NOBODY, Expr, both, either, exists, negate
from ..language.transition import SELF, Kind, Step
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import ROLE
from . import check_tso_primary
from .yielded_flag import remembers

fence = Variant(
    "etcd-transfer",
    "as check-tso-primary; a PD that is refused: it resigns, and hands the etcd leadership to another PD "
    "before it campaigns again",
    source="the review of tikv/pd pull 10473",
    builds_on=[check_tso_primary.fence],
)
yielded = remembers(fence)


def _other_pd_runs(n: Expr) -> Expr:
    return exists(lambda m: both(m != n, negate(s.is_tso[m]), s.role[m] != ROLE.down))


fence.guard(
    "campaign", "has not yielded, or cannot", either(negate(yielded[SELF]), negate(_other_pd_runs(SELF)))
)


@fence.step(Kind.PD, after="raft_reclaims")
def raft_handed_over(n: Expr) -> Step:
    """A PD that yielded hands the raft leadership to this one."""

    def hands_over(m: Expr) -> Expr:
        return both(m != n, s.raft_leader == m, yielded[m], s.role[m] == ROLE.follower)

    return Step(
        guard={
            "the raft leader has yielded and resigned": exists(hands_over),
            "running": s.role[n] != ROLE.down,
        },
        effect={"raft_leader": n},
    )


@fence.step(Kind.PD, after="raft_handed_over")
def sees_hand_over(n: Expr) -> Step:
    """The PD that yielded finds another one raft leader, and may campaign again."""
    return Step(
        guard={
            "has yielded": yielded[n],
            "another PD is raft leader": both(s.raft_leader != n, s.raft_leader != NOBODY),
        },
        effect={"yielded": FALSE},
    )

"""frequent-elections: a PD that campaigns too often hands the raft leadership to another PD instead.

That is the fourth campaign within five minutes (`ErrLeaderFrequentlyChange`).  Here, a PD that has won an
election may do so at any later campaign, and does at last if it goes on campaigning (strong fairness):
elections that follow each other quickly, as they do in a livelock.  Nothing is counted.

Source: tikv/pd `pkg/member/member.go` (Campaign, ResignEtcdLeader), `pkg/election/leadership.go`
(AddCampaignTimes); since pull 7566.
"""

from ..language.expr import BOOL, FALSE, NOBODY, Expr, both, either, exists, negate
from ..language.transition import SELF, Kind, Step
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import ROLE

behaviour = Variant(
    "frequent-elections",
    "a PD that is elected too often hands the raft leadership to another PD",
    source="tikv/pd pkg/member/member.go",
)

#: it has won an election in this process
elected = behaviour.per_server("elected", BOOL)

behaviour.effect("campaign", {"elected": either(elected[SELF], negate(s.is_tso[SELF]))})
for of in ("crash", "restart", "restart_in_other_mode"):
    behaviour.effect(of, {"elected": FALSE})


@behaviour.step(Kind.PD, needs="frequent_elections", after="raft_reclaims")
def raft_passed_on(n: Expr) -> Step:
    """The raft leader has campaigned too often of late: it hands the raft leadership to this PD."""

    def hands_over(m: Expr) -> Expr:
        return both(m != n, s.raft_leader == m, elected[m], s.role[m] == ROLE.follower)

    return Step(
        guard={
            "no PD leader": s.leader == NOBODY,
            "the raft leader has won an election before": exists(hands_over),
            "running": s.role[n] != ROLE.down,
        },
        effect={"raft_leader": n},
    )

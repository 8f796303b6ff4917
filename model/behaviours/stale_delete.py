"""stale-delete: a server that finds its own value in its election key deletes the key later, whoever has it.

Until that was mended (tikv/pd 10635, by pull 10636) it deletes without a condition: its successor may have
been elected meanwhile.

Source: tikv/pd `pkg/member/member.go` (CheckLeader), `pkg/member/participant.go` (CheckPrimary),
`pkg/election/leadership.go` (DeleteLeaderKey).
"""

from ..language.expr import BOOL, FALSE, NOBODY, TRUE, ZERO, Expr, negate
from ..language.transition import SELF, Step
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import LEASE_STATE, ROLE

behaviour = Variant(
    "stale-delete",
    "the delete of the own election key comes late, and takes the successor's",
    source="tikv/pd 10635",
)

#: it is about to delete its election key
found_own = behaviour.per_server("found_own", BOOL)


@behaviour.step(budget="stale_delete", after="drop_own_key")
def find_own_election_key(n: Expr) -> Step:
    """A server that does not lead finds its own value in its election key: it is going to delete the key."""
    return Step(
        guard={
            "not leader, not stopping": s.role[n] == ROLE.follower,
            "election key is its own": s.election_key(n) == n,
            "is not about to delete it": negate(found_own[n]),
            "etcd answers": s.etcd_answers(),
        },
        effect={"found_own": TRUE},
    )


@behaviour.step(needs="stale_delete", after="find_own_election_key")
def delete_election_key(n: Expr) -> Step:
    """The delete arrives, without a condition: the key goes, whoever holds it."""
    return Step(
        guard={"is about to delete it": found_own[n], "etcd answers": s.etcd_answers()},
        effect={
            **s.put_election_key(n, NOBODY),
            "lease": LEASE_STATE.none,
            "lease_end": ZERO,
            "found_own": FALSE,
        },
    )


# The loop that deletes is the one that campaigns, and that drops the key at once.
for of in ("campaign", "drop_own_key"):
    behaviour.guard(of, "is not about to delete its key", negate(found_own[SELF]))
for of in ("crash", "stop"):
    behaviour.effect(of, {"found_own": FALSE})

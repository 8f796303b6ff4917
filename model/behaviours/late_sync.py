"""late-sync: a PD whose updates have failed syncs once more before it notices that it leads no more.

`ResetAllocatorGroup` clears the memory and gives the lease up, while the raft cluster goes on until the loop
of `campaignLeader` looks (50 ms).  Its check of who provides timestamps (each 100 ms) finds the memory not
set in between, and syncs.  Where a save compares no leader, that saves: after the election of another, say.
The memory that it sets is cleared as the raft cluster stops, and nothing is granted from it.

Source: tikv/pd v8.5.7 `pkg/tso/allocator_manager.go` (updateAllocator, ResetAllocatorGroup),
`server/cluster/cluster.go` (runServiceCheckJob, startTSOJobsIfNeeded, stop), `server/server.go`
(campaignLeader).
"""

from ..language.expr import BOOL, FALSE, Expr, both, either, negate
from ..language.transition import SELF, Kind, Step
from ..language.variant import Variant
from ..pd import allocator
from ..pd import state as s
from ..pd.state import JOB, ROLE

behaviour = Variant(
    "late-sync",
    "a PD whose updates have failed syncs once more before it notices that it leads no more",
    source="tikv/pd v8.5.7 server/cluster/cluster.go",
)

#: its updates have failed, and it has not noticed yet that it leads no more
unaware = behaviour.per_server("unaware", BOOL)

behaviour.effect("reset", {"unaware": either(unaware[SELF], both(negate(s.is_tso[SELF]), s.serving(SELF)))})
for of in ("campaign", "crash", "stop"):
    behaviour.effect(of, {"unaware": FALSE})


@behaviour.step(Kind.PD, budget="late_sync", after="sync_load")
def late_sync_load(n: Expr) -> Step:
    """`syncTimestamp` loads the timestamp key although the lease was given up."""
    return Step(
        guard={
            "resigns, and has not noticed": both(
                unaware[n], either(s.role[n] == ROLE.resigning, s.role[n] == ROLE.follower)
            ),
            "nothing else in flight": s.job[n] == JOB.none,
            **allocator.free_to_sync(n),
            "etcd answers": s.etcd_answers(),
        },
        effect={**allocator.loads(), "unaware": FALSE},
    )

"""before-8836: a PD whose cluster fails to start gives up its term and keeps the memory.

`RaftCluster.Start` has started the allocator when it fails, so `running` is false, and `Stop` returns before
it stops the allocator.  In the next term the memory is set already: nothing is synced.

Source: tikv/pd cdfdd52e89^ (11/2024) `server/cluster/cluster.go` (Start, Stop, startTSOJobsIfNeeded);
issues 8836 and 8889, pulls 8837 and 8885.
"""

from tsofence.model.builds import release_8_5
from tsofence.model.language.expr import Expr
from tsofence.model.language.transition import Kind, Step
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, ROLE

build = Variant(
    "before-8836",
    "8.5.0 in development: as release-8.5, but a PD whose cluster fails to start keeps its memory",
    source="tikv/pd cdfdd52e89^",
    builds_on=[release_8_5.build],
)


@build.step(Kind.PD, after="step_down")
def cluster_fails_to_start(n: Expr) -> Step:
    """ "failed to create raft cluster": the leader resigns, and its allocator goes on."""
    return Step(
        guard={
            "leader": s.role[n] == ROLE.leader,
            "allocator was started": s.initialised[n],
            "nothing in flight": s.job[n] == JOB.none,
        },
        effect={"role": ROLE.resigning},
    )

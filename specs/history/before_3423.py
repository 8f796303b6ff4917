"""before-3423: what ended an earlier term resets the memory of the next one.

The allocator is made in a server's first term, with that term's context, and kept.  From the second term on
the update loop finds this context done, and resets the memory each time, a moment after the sync.

Source: tikv/pd d28e248dff^ (2/2021) `server/tso/allocator_manager.go` (SetUpAllocator, updateAllocator),
`server/server.go` (campaignLeader); pull 3424.
"""

from tsofence.model.builds import release_6_5
from tsofence.model.language.expr import BOOL, FALSE, TRUE, ZERO, Expr
from tsofence.model.language.transition import Kind, Step
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB

build = Variant(
    "before-3423",
    "5.0.0-rc: as release-6.5, but the allocator's context is that of the server's first term",
    source="tikv/pd d28e248dff^",
    builds_on=[release_6_5.build],
)

#: the context with which the allocator was made is done
context_done = build.per_server("context_done", BOOL)

for of in ("step_down", "resign_as_raft_follower", "reset"):
    build.effect(of, {"context_done": TRUE})
for of in ("crash", "stop"):
    build.effect(of, {"context_done": FALSE})


@build.step(Kind.PD, after="reset")
def reset_by_old_context(n: Expr) -> Step:
    """ "reset the timestamp in memory": `updateAllocator` finds the context of an older term done."""
    return Step(
        guard={
            "memory is set": s.initialised[n],
            "context of the allocator is done": context_done[n],
            "no admin reset holds the memory": s.job[n] != JOB.admin,
        },
        effect={"initialised": FALSE, "physical": ZERO, "logical": s.NO_LOGICAL, "saved": ZERO},
    )

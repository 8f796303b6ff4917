"""stale-failure: an update of an earlier term fails at last, and what it resets is the present term's.

`UpdateTSO` tries three times, 50 ms apart, whatever becomes of the term meanwhile; then `Reset(true)` clears
the memory, and resigns if the server serves.  Between `Initialize` and `PromoteSelf` it does not serve: then
nobody resigns, and a TSO primary is promoted that has nothing in memory and does not sync again.  Since pull
11102 a failure resets only the state that it began with (tikv/pd 11086).

Up to 8.5 a server that has won resigns in any case: what is asked for there is a lease, and not whether it
serves.

Source: tikv/pd `pkg/tso/allocator.go` (allocatorUpdater, UpdateTSO, Reset, campaignPrimary),
`server/server.go` (campaignLeader: a PD syncs again); v8.5.7 `pkg/tso/allocator_manager.go` (updateAllocator,
ResetAllocatorGroup).
"""

from ..language.expr import BOOL, FALSE, Expr, both, either, negate
from ..language.transition import SELF, Step
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import JOB, ROLE

resigns = Variant(
    "stale-failure-resigns",
    "an update of an earlier term fails, clears the memory of the present one, and resigns",
    source="tikv/pd v8.5.7 pkg/tso/allocator_manager.go",
)

#: an update that began in an earlier term has not ended yet
outlives = resigns.per_server("outlives", BOOL)

_under_way = either(s.job[SELF] == JOB.update, s.NO_TRIES < s.tries[SELF])
for of in ("step_down", "resign_as_raft_follower", "makes_way", "stop_allocator"):
    resigns.effect(of, {"outlives": either(outlives[SELF], _under_way)})
# The loop that updates waits for it; told of its save, it has ended well.
for of in ("update_in_memory", "update_begin"):
    resigns.guard(of, "no update of an earlier term is under way", negate(outlives[SELF]))
resigns.effect("commit", {"outlives": both(outlives[SELF], s.job[SELF] != JOB.update)})
for of in ("crash", "stop"):
    resigns.effect(of, {"outlives": FALSE})


def _ends(n: Expr) -> dict[str, Expr]:
    return {"an update of an earlier term is under way": outlives[n], "not saving": s.job[n] != JOB.update}


@resigns.step(budget="stale_failure", after=("stale_failure_clears", "reset"))
def stale_failure_resigns(n: Expr) -> Step:
    """It fails when this term serves: the memory is cleared, and the server resigns."""
    return Step(
        guard={**_ends(n), "memory is set": s.initialised[n], "serving": s.serving(n)},
        effect={**s.forget_memory(), "role": ROLE.resigning, "outlives": FALSE},
    )


@resigns.step(needs="stale_failure", after="stale_failure_resigns")
def old_update_ends(n: Expr) -> Step:
    """It ends without harm: a try succeeds in the present term, or the reset finds nothing to clear."""
    return Step(guard=_ends(n), effect={"outlives": FALSE})


behaviour = Variant(
    "stale-failure",
    "an update of an earlier term fails, and clears the memory of the present one",
    source="tikv/pd 11086",
    builds_on=[resigns],
)


def has_granted_nothing(n: Expr) -> Expr:
    """It has synced and no more: all of its window is ahead."""
    return both(s.logical[n] == s.NO_LOGICAL, s.saved[n] == s.physical[n] + s.window[n])


@behaviour.step(budget="stale_failure", after="reset")
def stale_failure_clears(n: Expr) -> Step:
    """It fails between this term's sync and `PromoteSelf`: the memory is cleared, and nobody resigns."""
    return Step(
        guard={
            **_ends(n),
            "leader": s.role[n] == ROLE.leader,
            "memory is set": s.initialised[n],
            "is not promoted yet, or has done nothing since": both(s.promoted[n], has_granted_nothing(n)),
        },
        # A PD that leads syncs until its memory is set; a TSO primary has done so for its term.
        effect={**s.forget_memory(), "promoted": s.is_tso[n], "outlives": FALSE},
    )

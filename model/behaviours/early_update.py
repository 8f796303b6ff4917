"""early-update: client-sync where an update does not wait for `PromoteSelf`.

Up to 8.5 the update loop asks for a lease and for memory that is set.  A TSO server that has synced for a
client has its memory set before it wins its election: then an update may save beside the campaign's own sync.
What it saves is kept where the client's sync was, of which there is none any more in that process.

Source: tikv/pd v8.5.7 `pkg/tso/allocator_manager.go` (allocatorUpdater, updateAllocator).
"""

from ..language.expr import Expr, both, either, ite, negate
from ..language.transition import SELF, Kind, Step
from ..language.variant import Variant
from ..pd import allocator
from ..pd import state as s
from ..pd.state import CLIENTS, JOB, STAGE
from . import client_sync
from .client_sync import requested

behaviour = Variant(
    "early-update",
    "after a client's sync, an update does not wait until the campaign's own sync has ended",
    source="tikv/pd v8.5.7 pkg/tso/allocator_manager.go",
    builds_on=[client_sync.behaviour],
)


def under_way(n: Expr) -> Expr:
    """What is in flight there is an update: no client's sync begins where one has succeeded."""
    return both(requested[n], CLIENTS.stage[n] != STAGE.idle)


@behaviour.step(Kind.TSO, needs="client_sync", after="client_begin")
def early_begin(n: Expr) -> Step:
    """`updateTimestamp` needs a new window while the server's own sync has not ended."""
    return Step(
        guard={
            "a client's sync has succeeded in this process": requested[n],
            "memory is set": s.initialised[n],
            "not promoted yet": negate(s.promoted[n]),
            "serving, or trying again": either(s.serving(n), s.NO_TRIES < s.tries[n]),
            "no other update in flight": both(s.job[n] != JOB.update, CLIENTS.stage[n] == STAGE.idle),
            "a try is left": s.tries[n] < allocator.MAX_TRIES,
            "clock moved on": allocator.clock_moved(n),
            "window is used up": negate(allocator.room(n, s.clock(n))),
        },
        # It goes on from its memory: where a save must find what a sync has loaded, it is refused.
        effect={"client_stage": STAGE.begun, "client_next": s.clock(n), "client_seen": s.physical[n]},
    )


# The lock is a client's, and the loop that updates takes its turns one after another.
for of in ("grant", "overflow"):
    behaviour.guard(
        of,
        "no client's sync holds the group's lock",
        either(CLIENTS.stage[SELF] == STAGE.idle, requested[SELF]),
    )
for of in ("update_in_memory", "update_begin"):
    behaviour.guard(of, "no update from before it was promoted is under way", negate(under_way(SELF)))

# It counts its tries, and only goes on with a memory that is still set.
_counts = both(requested[SELF], s.initialised[SELF])
for of in ("refused_not_greater", "conflict", "commit_answer_lost", "request_lost"):
    behaviour.effect(CLIENTS.prefix + of, {"tries": ite(_counts, s.tries[SELF] + 1, s.tries[SELF])})
behaviour.effect("client_commit", {"tries": ite(_counts, s.NO_TRIES, s.tries[SELF])})
behaviour.define("client_starts", lambda before, n: both(before, negate(requested[n])))
behaviour.either("client_learns", lambda n: both(requested[n], s.initialised[n]))

"""release-8.5: a save compares no leader.

Whoever has a value larger than the timestamp key's may save: a former leader, and a TSO server that is not
primary, on the first request of a client.  A PD whose sync fails stays leader and syncs again; one whose
updates have failed may do so when it leads no more (`late_sync`).

Source: tikv/pd v8.5.7 `pkg/storage/endpoint/tso.go` (SaveTimestamp), `pkg/tso/tso.go` (SyncTimestamp),
`server/cluster/cluster.go` (startTSOJobsIfNeeded).
"""

from functools import partial

from ..behaviours import early_update, late_sync, stale_failure, two_reads
from ..language.expr import Expr
from ..language.variant import Variant
from ..pd import allocator
from ..pd import state as s
from ..pd.state import SLOTS, STAGE, Slot

build = Variant(
    "release-8.5",
    "8.5.0 to 8.5.7: a save compares no leader, only that the key grows; transfer of the primary; dynamic "
    "switching",
    source="tikv/pd v8.5.7",
    lacks=[two_reads.behaviour],
    under={
        "client_sync": early_update.behaviour,
        "stale_failure": stale_failure.resigns,
        "late_sync": late_sync.behaviour,
    },
)


def compares_no_leader(build: Variant) -> None:
    """The save reads and compares the timestamp key alone, and asks for no leadership."""

    def past(before: Expr, n: Expr) -> Expr:
        return STAGE.begun

    def only_the_timestamp(slot: Slot, before: Expr, n: Expr) -> Expr:
        return s.timestamp == slot.seen[n]

    for slot in SLOTS:
        for of in ("find_own_key", "refused_not_leader"):
            build.no_step(slot.prefix + of)
        for of in ("commit", "commit_answer_lost"):
            build.no_guard(slot.prefix + of, "election key is mine")
        build.define(slot.prefix + "past_election_key", past)
        build.define(slot.prefix + "conditions_hold", partial(only_the_timestamp, slot))
        build.no_guard(allocator.begins(slot), "leadership is granted")
    for of in ("sync_abandon", "client_abandon"):
        build.no_step(of)


compares_no_leader(build)

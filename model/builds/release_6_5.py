"""release-6.5: a save compares the election key as it commits, and reads nothing.

So a window may be saved that ends before the one in the key.  Each term syncs, once: a PD whose sync fails,
by whatever error, resigns.  There are no TSO servers yet.

Source: tikv/pd v6.5.12 `server/tso/tso.go` (saveTimestamp, SyncTimestamp), `server/election/leadership.go`
(LeaderTxn), `server/server.go` (campaignLeader).
"""

from functools import partial

from ..behaviours import client_sync, discovery_fails, frequent_elections, stale_failure, two_reads
from ..language.expr import Expr
from ..language.variant import Variant
from ..pd import allocator, save
from ..pd import state as s
from ..pd.state import SLOTS, STAGE, Slot

build = Variant(
    "release-6.5",
    "4.0 to 6.6: a save compares the own election key as it commits; the timestamp key need not grow; no TSO "
    "servers",
    source="tikv/pd v6.5.12",
    lacks=[
        client_sync.behaviour,
        discovery_fails.behaviour,
        frequent_elections.behaviour,
        two_reads.behaviour,
    ],
    under={"stale_failure": stale_failure.resigns},
)


def _mine(slot: Slot, before: Expr, n: Expr) -> Expr:
    return s.election_key(n) == n


def _at_once(slot: Slot, before: Expr, n: Expr) -> Expr:
    return slot.stage[n] == STAGE.begun


for each in SLOTS:
    for of in ("find_own_key", "refused_not_leader", "load_window", "refused_not_greater"):
        build.no_step(each.prefix + of)
    for of in ("commit", "commit_answer_lost"):
        build.no_guard(each.prefix + of, "timestamp key is as read")
    build.define(each.prefix + "conditions_hold", partial(_mine, each))
    build.define(each.prefix + "ready_to_commit", partial(_at_once, each))
    build.no_guard(allocator.begins(each), "key differs from what was saved last")
for of in ("sync_skip", "client_skip", "client_load"):
    build.no_step(of)
build.define("gives_up", save.ends_the_term)

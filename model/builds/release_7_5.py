"""release-7.5: as release-8.5, before the primary of TSO servers could be transferred.

Nobody is expected as primary, and no PD in API mode hands out timestamps.  A TSO server may win its election
before it is registered, at which nobody looks.  A PD syncs as it campaigns, once, as a TSO server does: if
that fails, by whatever error, it resigns.

Source: tikv/pd v7.5.7 `pkg/storage/endpoint/tso.go` (SaveTimestamp), `pkg/tso/global_allocator.go`
(primaryElectionLoop, campaignLeader), `pkg/mcs/tso/server/server.go` (startServer), `server/server.go`
(campaignLeader).
"""

from ..behaviours import discovery_fails, late_sync
from ..language.variant import Variant
from ..pd import save
from . import release_8_5

build = Variant(
    "release-7.5",
    "7.1 to 8.2: a save compares no leader, only that the key grows; no transfer of the primary, no dynamic "
    "switching (7.1 syncs in every term, and for no client)",
    source="tikv/pd v7.5.7",
    builds_on=[release_8_5.build],
    lacks=[discovery_fails.behaviour, late_sync.behaviour],
)
build.no_guard("campaign", "nobody else is to be primary")
build.no_guard("campaign", "is registered first")
for of in ("chosen_as_primary", "expects_itself", "expected_key_goes", "makes_way", "poll_registry"):
    build.no_step(of)
build.define("gives_up", save.ends_the_term)

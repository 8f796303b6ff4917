"""release-8.3: as release-8.5, before a PD in API mode could hand out timestamps.

A PD in service mode syncs as it campaigns, once, and resigns if that fails, as in release-7.5; the primary of
TSO servers can be transferred, as in release-8.5.

Source: tikv/pd v8.3.0 and v8.4.0 `server/server.go` (campaignLeader), `pkg/mcs/utils/expected_primary.go`
(TransferPrimary), `pkg/mcs/tso/server/server.go` (startServer), `pkg/tso/global_allocator.go`; v8.5.0
`server/cluster/cluster.go` (checkTSOService), which they have not.
"""

from ..behaviours import discovery_fails, late_sync
from ..language.variant import Variant
from ..pd import save
from . import release_8_5

build = Variant(
    "release-8.3",
    "8.3 and 8.4: a save compares no leader, only that the key grows; transfer of the primary; no dynamic "
    "switching",
    source="tikv/pd v8.4.0",
    builds_on=[release_8_5.build],
    lacks=[discovery_fails.behaviour, late_sync.behaviour],
)
build.no_step("poll_registry")
build.define("gives_up", save.ends_the_term)

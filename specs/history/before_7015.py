"""before-7015: a TSO primary answers its first client from what it synced when it was elected.

Meanwhile PDs went on saving windows; since pull 7031 it syncs once more before it answers for the first time.
Clients are those of PD's library: they ask a TSO server once a PD in API mode leads.

Source: tikv/pd 877f47b3ca^ (9/2023) `pkg/tso/keyspace_group_manager.go` (HandleTSORequest); pull 7031.
"""

from tsofence.model.behaviours import client_sync, early_update
from tsofence.model.builds import release_7_5
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s

build = Variant(
    "before-7015",
    "7.1 to 7.3: as release-7.5, but no sync for a first request; all clients are of PD's library",
    source="tikv/pd 877f47b3ca^",
    builds_on=[release_7_5.build],
    lacks=[client_sync.behaviour, early_update.behaviour],
)
build.no_step("client_load")
build.guard("grant", "the library asks this server", s.asked_by_library(SELF))

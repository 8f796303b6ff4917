"""after-7015: a TSO primary syncs once more before it answers its first client.

It stands beside release-7.5 because that lets a server answer first whose sync had nothing to do, and asks
nothing of clients.  Here they are those of PD's library, as in before-7015.

Source: tikv/pd 877f47b3ca `pkg/tso/keyspace_group_manager.go` (HandleTSORequest, markGroupRequested); pull
7031.
"""

from tsofence.model.behaviours import client_sync
from tsofence.model.builds import release_7_5
from tsofence.model.language.expr import implies
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s

build = Variant(
    "after-7015",
    "7.4: as release-7.5, and a TSO server answers nobody before a client's sync has succeeded; all clients "
    "are of PD's library",
    source="tikv/pd 877f47b3ca",
    builds_on=[release_7_5.build],
)
for of in ("grant", "client_load"):
    build.guard(of, "the library asks this server", s.asked_by_library(SELF))
build.guard("grant", "a client's sync has succeeded", implies(s.is_tso[SELF], client_sync.requested[SELF]))

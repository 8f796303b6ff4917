"""pull-8780-on-master: pull 8780 merged with master as it is, which changes nothing of either.

A PD waits until one TSO server is both `primary` and `expected_primary`.  On master nobody keeps the second
key any more (pull 10952): only a transfer writes it, and the winner deletes it before it serves.

Source: tikv/pd 3d1fccfeb4 `server/cluster/cluster.go` (isDefaultTSOPrimaryEtcdReady), `pkg/tso/allocator.go`
(campaignPrimary).
"""

from ..behaviours import client_mode, discovery_fails
from ..language.variant import Variant
from ..variants import check_tso_primary
from . import master_2026_08, pull_8780

build = Variant(
    "pull-8780-on-master",
    "pull 8780 merged with master-2026-08: a PD waits for an expected primary, which no primary is (10952)",
    source="tikv/pd 3d1fccfeb4",
    builds_on=[check_tso_primary.fence, master_2026_08.build],
    lacks=[discovery_fails.behaviour, client_mode.behaviour],
)
pull_8780.switches(build)

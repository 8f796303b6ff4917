"""client-sync: what else holds of a TSO server that syncs for a client.

The sync runs under the lock of the process for all its keyspace groups: no request is answered meanwhile.  A
request is only answered after such a sync has succeeded, and then there is never another in that process.

Source: tikv/pd `pkg/tso/keyspace_group_manager.go` (markGroupRequested, HandleTSORequest).
"""

from ..language.expr import BOOL, FALSE, TRUE, either, negate
from ..language.transition import SELF
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import CLIENTS, STAGE

behaviour = Variant(
    "client-sync",
    "a client's sync holds the lock of its group, and succeeds once a process",
    source="tikv/pd pkg/tso/keyspace_group_manager.go",
)

#: a client's sync has succeeded in this process
requested = behaviour.per_server("requested", BOOL)

for of in ("grant", "overflow"):
    behaviour.guard(of, "no client's sync holds the group's lock", CLIENTS.stage[SELF] == STAGE.idle)
# one that had nothing to sync may have come before, unseen
behaviour.effect("grant", {"requested": either(requested[SELF], s.is_tso[SELF])})
behaviour.guard("client_load", "no client's sync has succeeded in this process", negate(requested[SELF]))
behaviour.effect("client_commit", {"requested": TRUE})
behaviour.effect("client_skip", {"requested": TRUE})
for of in ("crash", "restart"):
    behaviour.effect(of, {"requested": FALSE})

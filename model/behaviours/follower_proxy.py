"""follower-proxy: library clients ask PDs that do not lead, too.

`tidb_enable_tso_follower_proxy` opens a stream to every PD; forwarding opens one to a follower while the
leader is out of reach.  A PD in service mode passes a request on to the leader that the client names.  One in
API mode without dynamic switching passes it to the TSO primary, even while the leader hands out timestamps
itself.

With dynamic switching a PD passes requests to the TSO primary only if it saw a TSO server while it led; such
a follower is left out.

Source: tikv/pd `server/grpc_service.go` (Tso: IsServiceIndependent comes before the forwarded host),
`server/server.go` (IsServiceIndependent), `client/clients/tso/client.go` (tryConnectToTSOWithProxy,
tryConnectToTSO); 7.1 to 8.2: `IsAPIServiceMode`.
"""

from ..language.expr import BOOL, TRUE, Expr, both, exists, negate
from ..language.transition import Kind, Step
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import ROLE

behaviour = Variant(
    "follower-proxy",
    "a library client asks PDs that do not lead, too; one in API mode asks the TSO primary",
    source="tikv/pd server/grpc_service.go",
)

#: library clients ask the other PDs beside the leader
asks_all = behaviour.shared("asks_all", BOOL)


@behaviour.step(Kind.PD, budget="follower_proxy", after="stop_allocator")
def clients_ask_all(n: Expr) -> Step:
    """A library client that knows this PD as leader begins to ask the other PDs as well."""
    return Step(
        guard={"is the PD leader": s.leader == n, "they ask the leader alone": negate(asks_all)},
        effect={"asks_all": TRUE},
    )


def _passed_on(n: Expr) -> Expr:
    """Some PD in API mode that runs passes requests to this TSO primary."""
    running = exists(
        lambda m: both(negate(s.is_tso[m]), s.api[m], s.role[m] != ROLE.down, s.role[m] != ROLE.closing)
    )
    return both(asks_all, s.is_tso[n], s.primary == n, negate(s.DYNAMIC), running)


behaviour.either("asked_by_library", _passed_on)

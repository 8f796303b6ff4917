"""client-mode: a library client asks every 3 s who hands out timestamps, and does not notice before.

It asks the PD leader.  Told that this is a TSO server, it asks the TSO servers themselves from then on, for
as long as no PD leader tells it otherwise: without a PD leader, and beside one that hands out timestamps.
Told that it is PD, it asks the PD leader, which passes requests on to the TSO primary if it has to.

How late it notices is left open, as it is while there is no PD leader to ask.  It finds the TSO server that
answers: since pull 10455 it asks the others where one knows no primary.

Source: tikv/pd `client/servicediscovery/service_discovery.go` (serviceModeUpdateInterval,
checkServiceModeChanged), `client/inner_client.go` (setServiceMode, resetTSOClientLocked),
`client/servicediscovery/tso_service_discovery.go` (updateMember), `server/grpc_service.go` (GetClusterInfo).
"""

from ..language.expr import BOOL, Expr, both, either, ite, negate
from ..language.transition import Kind, Step
from ..language.variant import Variant
from ..pd import state as s

behaviour = Variant(
    "client-mode",
    "a library client learns late who hands out timestamps, and asks TSO servers itself",
    source="tikv/pd client/servicediscovery/service_discovery.go",
)

#: library clients ask TSO servers themselves
asks_tso = behaviour.shared("asks_tso", BOOL)


def _hands_out(n: Expr) -> Expr:
    """That PD answers requests itself (`IsServiceIndependent` is false)."""
    return either(negate(s.api[n]), s.promoted[n])


@behaviour.step(Kind.PD, needs="client_mode", after="stop_allocator")
def clients_learn_mode(n: Expr) -> Step:
    """A library client asks this PD leader who hands out timestamps, and it is not whom it asks."""
    return Step(
        guard={
            "is the PD leader": s.leader == n,
            "is running": both(s.role[n] != s.ROLE.down, s.role[n] != s.ROLE.closing),
            "they believe something else": asks_tso == _hands_out(n),
        },
        effect={"asks_tso": negate(_hands_out(n))},
    )


def _asked(before: Expr, n: Expr) -> Expr:
    return ite(asks_tso, s.is_tso[n], before)


behaviour.define("asked_by_library", _asked)

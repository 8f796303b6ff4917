"""discovery-fails: a PD in API mode that cannot read the registry takes it for empty.

A read that fails, by a time limit say, starts the PD's allocator as an empty registry does: beside a TSO
primary that serves.

Source: tikv/pd `server/cluster/cluster.go` (checkTSOService: `err != nil || len(servers) == 0`), 8.5 to
master; pull 8780 keeps things as they are.
"""

from ..language.expr import Expr, ite
from ..language.transition import Kind, Step
from ..language.variant import Variant
from ..pd import state as s
from ..pd import switching
from ..pd.state import POLLED

behaviour = Variant(
    "discovery-fails",
    "a PD in API mode that cannot read the registry takes it for empty, and starts its allocator",
    source="tikv/pd server/cluster/cluster.go",
)


@behaviour.step(Kind.PD, budget="discovery", after="poll_registry")
def poll_fails(n: Expr) -> Step:
    """A PD leader in API mode with dynamic switching on fails to read the registry."""
    return Step(
        guard=switching.looks(n),
        effect={"polled": ite(s.promoted[n], POLLED.nothing, POLLED.nobody)},
    )

"""before-1661: a flag says who leads, and so who answers, until the leader's loop finds its lease gone.

A process that was paused answers from memory before that loop runs again.  Since pull 1676 each request looks
at the lease's own time (`LeaderLease.IsExpired`).

Source: tikv/pd 00ca522782 (8/2019) `server/server.go` (campaignLeader: KeepAlive's channel, EnableLeader),
`server/grpc_service.go` (Tso, validateRequest); pull 1676.
"""

from tsofence.model.builds import release_6_5
from tsofence.model.language.expr import NOW, Expr, both
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s
from tsofence.model.pd.state import LEASE_STATE, ROLE

build = Variant(
    "before-1661",
    "3.0: as release-6.5, but a flag, not the lease's time, says who answers",
    source="tikv/pd 00ca522782",
    builds_on=[release_6_5.build],
)


def flagged(before: Expr, n: Expr) -> Expr:
    """`IsLeader`: nothing has cleared the flag yet."""
    return s.role[n] == ROLE.leader


build.define("serving", flagged)
# The loop and the keep-alives do go by the lease.
_running = s.lease[SELF] == LEASE_STATE.running
build.guard("step_down", "lease has run out", both(_running, s.lease_end[SELF] <= NOW))
build.guard("keepalive_resumes", "lease has not run out", NOW < s.lease_end[SELF])

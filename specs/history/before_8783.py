"""before-8783: the last turn of a check that ends with the term syncs once more.

The check of every 100 ms (`runServiceCheckJob`) may find the allocator stopped and start it while the leader
steps down; a save compares no leader.  In the next term the memory is set already, so that nothing is synced.

Source: tikv/pd b19cec5e94^ (11/2024) `server/cluster/cluster.go` (runServiceCheckJob, startTSOJobsIfNeeded,
Stop); issue 8781, pull 8783.
"""

from tsofence.model.builds import release_8_5
from tsofence.model.language.expr import Expr, both, either, negate
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, ROLE

build = Variant(
    "before-8783",
    "8.5.0 in development: as release-8.5, but a PD that steps down may sync again, and keeps that memory",
    source="tikv/pd b19cec5e94^",
    builds_on=[release_8_5.build],
)


def stepping_down(n: Expr) -> Expr:
    """A PD has stopped its allocator, and the check has a turn left."""
    return both(negate(s.is_tso[n]), s.role[n] == ROLE.resigning)


build.guard("sync_load", "leader", either(s.role[SELF] == ROLE.leader, stepping_down(SELF)))
build.define("starts", lambda before, n: either(before, both(s.job[n] == JOB.sync, stepping_down(n))))
# Stop waits for the check's last turn before the lease is revoked.
build.guard("revoke", "the check has ended", negate(both(stepping_down(SELF), s.job[SELF] == JOB.sync)))

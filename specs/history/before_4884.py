"""before-4884: an update that was under way puts its time into memory after that was reset.

The next term begins with that memory, and a request that comes before the sync is answered from it: what is
asked is the lease, and whether the memory is set.

Source: tikv/pd a5840d6df0^ (5/2022) `server/tso/tso.go` (setTSOPhysical, UpdateTimestamp),
`server/tso/global_allocator.go` (GenerateTSO); pull 4885.
"""

from tsofence.model.builds import release_6_5
from tsofence.model.language.expr import Expr, both, either
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, ROLE

build = Variant(
    "before-4884",
    "5.0 to 6.0: as release-6.5, but an update sets memory that was reset meanwhile, and the lease alone "
    "says who answers",
    source="tikv/pd a5840d6df0^",
    builds_on=[release_6_5.build],
)


def updated(n: Expr) -> Expr:
    """The process is there to learn of an update's save."""
    return both(s.job[n] == JOB.update, s.role[n] != ROLE.down)


build.define("learns", lambda before, n: either(before, updated(n)))
build.effect("commit", {"initialised": either(s.initialised[SELF], save.starts(SELF), updated(SELF))})
for of in ("grant", "overflow", "update_in_memory", "update_begin"):
    build.no_guard(of, "promoted")

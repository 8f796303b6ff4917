"""before-9051: a PD answers as soon as its memory is set and its lease runs, before it is enabled as leader.

The cluster is created, and IDs are read, in between; if that fails it was never the leader, and has answered.

Source: tikv/pd aa7a4c6e4e^ (2/2025) `pkg/tso/global_allocator.go` (GenerateTSO: leadership.Check),
`server/server.go` (campaignLeader: EnableLeader); pull 9056.
"""

from tsofence.model.builds import release_8_5
from tsofence.model.language.expr import Expr, both, either, implies, ite, negate
from tsofence.model.language.transition import SELF, Kind, Step
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, ROLE

build = Variant(
    "before-9051",
    "before pull 9056, 7.1 to 8.5.1 but for 7.5.6 and 7.5.7: as release-8.5, but a PD is asked for its lease "
    "alone, and enabled after its sync",
    source="tikv/pd aa7a4c6e4e^",
    builds_on=[release_8_5.build],
)


@build.step(Kind.PD, after="sync_skip")
def enable_leader(n: Expr) -> Step:
    """ "PD leader is ready to serve": the PD has synced, and all else that a leader needs."""
    return Step(
        guard={
            "leader": s.role[n] == ROLE.leader,
            "memory is set": s.initialised[n],
            "nothing in flight": s.job[n] == JOB.none,
            "not promoted yet": negate(s.promoted[n]),
        },
        effect={"promoted": s.role[n] == ROLE.leader},
    )


_synced = both(s.is_tso[SELF], save.starts(SELF))
build.effect("commit", {"promoted": either(s.promoted[SELF], _synced)})
build.effect("sync_skip", {"promoted": ite(s.is_tso[SELF], s.role[SELF] == ROLE.leader, s.promoted[SELF])})
build.guard("sync_load", "memory is not set", implies(negate(s.is_tso[SELF]), negate(s.initialised[SELF])))
for of in ("grant", "overflow", "update_in_memory", "update_begin"):
    build.guard(of, "promoted", implies(s.is_tso[SELF], s.promoted[SELF]))

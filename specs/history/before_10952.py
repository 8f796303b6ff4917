"""before-10952: who is expected as primary is read before the campaign, which asks no more for it.

A transfer that is written between the read and the campaign is passed over, or one that has gone is taken up.

Source: tikv/pd aa5a988657^ (7/2026) `pkg/tso/allocator.go` (primaryElectionLoop, campaignPrimary),
`pkg/mcs/utils/expected_primary.go` (GetExpectedPrimaryFlag, TransferPrimary); issue 10875, pull 10952.
"""

from tsofence.model.builds import master_2026_08
from tsofence.model.language.expr import NOBODY, Expr, either, negate
from tsofence.model.language.transition import SELF, Kind, Step
from tsofence.model.language.variant import Variant
from tsofence.model.pd import election
from tsofence.model.pd import state as s
from tsofence.model.pd.state import ROLE

build = Variant(
    "before-10952",
    "8.3 to master of June 2026: as the base of pull 10473, but a TSO server reads who is expected some time "
    "before it campaigns",
    source="tikv/pd aa5a988657^",
)

# It reads as master does, into a variable of the same name.
INVITED = master_2026_08.INVITED
invited = build.per_server("invited", INVITED)
build.add(master_2026_08.read_expected_primary, after="campaign")


@build.step(Kind.TSO, after="read_expected_primary")
def campaign_refused(n: Expr) -> Step:
    """Its campaign fails: there is a primary; it starts over."""
    return Step(
        guard={
            "not leader, not stopping": s.role[n] == ROLE.follower,
            "has read who is expected": invited[n] != INVITED.unread,
            "a condition fails": s.primary != NOBODY,
            "etcd answers": s.etcd_answers(),
        },
        effect={"invited": INVITED.unread},
    )


build.guard(
    "campaign",
    "nobody else is to be primary",
    either(
        negate(s.is_tso[SELF]),
        negate(election.several_tso_servers(SELF)),
        invited[SELF] != INVITED.unread,
    ),
)
for of in ("campaign", "crash", "stop"):
    build.effect(of, {"invited": INVITED.unread})

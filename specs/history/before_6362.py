"""before-6362: TSO servers that listen on the same address have the same name in the election.

Whoever finds that name in the primary key takes the key for its own, left over from an earlier life, deletes
it and campaigns: the primary of before goes on serving.

Source: tikv/pd dbec11e4dc^ (4/2023) `pkg/member/participant.go` (CheckLeader, IsSameLeader),
`pkg/mcs/tso/server/server.go` (Name: the listen address); issue 6355, pull 6362.
"""

from tsofence.model.builds import release_7_5
from tsofence.model.language.expr import NOBODY, both, either
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s

build = Variant(
    "before-6362",
    "7.2 in development: as release-7.5, but all TSO servers have one name",
    source="tikv/pd dbec11e4dc^",
    builds_on=[release_7_5.build],
)
build.guard(
    "drop_own_key",
    "election key is its own",
    either(s.election_key(SELF) == SELF, both(s.is_tso[SELF], s.primary != NOBODY)),
)

"""after-11123: a campaign that read that nobody is expected has that as a condition, too.

This is one of four races that the issue lists; the pull is open.

Source: tikv/pd pull 11123 (head 0ee07b28af, 8/2026) `pkg/mcs/utils/expected_primary.go` (ExpectedPrimaryCmp).
"""

from tsofence.model.builds import master_2026_08
from tsofence.model.builds.master_2026_08 import INVITED, invited
from tsofence.model.language.expr import NOBODY, both, either, negate
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import election
from tsofence.model.pd import state as s
from tsofence.model.pd.state import ROLE

build = Variant(
    "after-11123",
    "pull 11123: as master-2026-08, but a campaign also compares that nobody is expected",
    source="tikv/pd pull 11123, head 0ee07b28af",
    builds_on=[master_2026_08.build],
)
_as_read = either(
    both(invited[SELF] == INVITED.nobody, s.expected == NOBODY),
    both(invited[SELF] == INVITED.itself, s.expected == SELF),
)
build.guard(
    "campaign",
    "nobody else is to be primary",
    either(negate(s.is_tso[SELF]), negate(election.several_tso_servers(SELF)), _as_read),
)
build.guard(
    "campaign_refused",
    "a condition fails",
    both(s.role[SELF] == ROLE.follower, either(s.primary != NOBODY, negate(_as_read))),
)

"""yielded-flag: as check-tso-primary; a PD that is refused remembers it.

It resigns, and does not campaign while there is a TSO primary.

Source: a question asked in the review of tikv/pd pull 10473.
"""

from ..language.expr import BOOL, FALSE, NOBODY, TRUE, both, either, ite, negate
from ..language.transition import SELF
from ..language.variant import Variant
from ..language.vocabulary import PerServer
from ..pd import state as s
from ..pd.state import JOB, ROLE
from . import check_tso_primary


def remembers(fence: Variant) -> PerServer:
    """A PD whose sync is refused resigns; it forgets that it was refused as it wins, saves or restarts."""
    yielded = fence.per_server("yielded", BOOL)
    refused = check_tso_primary.refused_by_fence.step.effect["role"]
    sync = both(s.job[SELF] == JOB.sync, s.role[SELF] == ROLE.leader)
    fence.effect("refused_by_fence", {"yielded": TRUE, "role": ite(sync, ROLE.resigning, refused)})
    for step in ("campaign", "commit", "restart", "restart_in_other_mode"):
        fence.effect(step, {"yielded": FALSE})
    return yielded


fence = Variant(
    "yielded-flag",
    "as check-tso-primary; a PD that is refused remembers it: it resigns, and does not campaign while there "
    "is a TSO primary",
    source="the review of tikv/pd pull 10473",
    builds_on=[check_tso_primary.fence],
)
yielded = remembers(fence)
fence.guard(
    "campaign", "has not yielded to a TSO primary", either(negate(yielded[SELF]), s.primary == NOBODY)
)

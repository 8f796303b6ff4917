"""hook: as check-tso-primary, but the primary key is read last in the transaction.

Source: tikv/pd pull 10473 in an earlier form, a hook of `SaveTimestamp` that runs within the transaction.
"""

from ..language.expr import ite
from ..language.transition import SELF
from ..language.variant import Variant
from ..pd import save
from ..pd import state as s
from ..pd.state import OWN, STAGE
from . import check_tso_primary
from .check_tso_primary import checks_primary

fence = Variant(
    "hook",
    "the PD looks for a TSO primary in every save, as a hook that runs last in the transaction",
    source="tikv/pd pull 10473, an earlier form",
    builds_on=[check_tso_primary.fence],
)
for step in ("find_no_primary", "refused_by_fence"):
    fence.guard(step, "it is time for the check", s.stage[SELF] == STAGE.read)
fence.effect("find_no_primary", {"stage": STAGE.hooked})
fence.define("reads_timestamp", lambda before, n: s.stage[n] == save.past_election_key(n, OWN))
fence.define(
    "ready_to_commit", lambda before, n: s.stage[n] == ite(checks_primary(n), STAGE.hooked, STAGE.read)
)

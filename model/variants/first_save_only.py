"""first-save-only: as check-tso-primary, but only in the save of a sync, the first of a term.

Source: a question asked in the review of tikv/pd pull 10473.
"""

from ..language.expr import both
from ..language.variant import Variant
from ..pd import state as s
from ..pd.state import JOB
from . import check_tso_primary

fence = Variant(
    "first-save-only",
    "the PD looks for a TSO primary in the first save of a term only",
    source="the review of tikv/pd pull 10473",
    builds_on=[check_tso_primary.fence],
)
fence.define("checks_primary", lambda before, n: both(before, s.job[n] == JOB.sync))

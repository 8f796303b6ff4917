"""Only what a sync saves is compared: an update's commit may land beside a TSO primary."""

from tsofence.model.language.expr import NOBODY, either
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB

fence = Variant("syncs-commit-only", "etcd compares that there is no TSO primary when a PD's sync commits")
save.compare(
    fence,
    "no TSO primary",
    lambda n, slot: either(s.is_tso[n], s.primary == NOBODY, slot.job[n] != JOB.sync),
)

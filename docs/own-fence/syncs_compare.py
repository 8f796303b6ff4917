"""A sync compares with what it loaded, an update with nothing: half of save-cas."""

from tsofence.model.language.expr import either
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import allocator
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, SLOTS

fence = Variant(
    "syncs-compare", "a sync saves only while the key holds what it loaded; an update compares nothing"
)
for slot in SLOTS:
    fence.guard(
        slot.prefix + "load_window",
        "key is as loaded",
        either(slot.job[SELF] != JOB.sync, s.timestamp == slot.seen[SELF]),
    )
    fence.effect(allocator.begins(slot), {slot.prefix + "seen": slot.seen[SELF]})

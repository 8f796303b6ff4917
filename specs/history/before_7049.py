"""before-7049: an update that ends after the reset leaves its window behind, and nothing else.

The memory stays empty (since pull 4885), but `lastSavedTime` is set.  The next sync finds it equal to the key
and skips: the new leader has no memory, and nothing sets it in this term.

Source: tikv/pd 77d1998214^ (9/2023) `pkg/tso/tso.go` (UpdateTimestamp, SyncTimestamp); pulls 7050 and 7139
(the skip asks whether the memory is set).
"""

from functools import partial

from tsofence.model.builds import release_7_5
from tsofence.model.language.expr import ZERO, Expr, both, either, ite
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, ROLE, SLOTS, Slot

build = Variant(
    "before-7049",
    "7.4 in development: as release-7.5, but an update leaves lastSavedTime set after a reset, and a sync "
    "skips by that alone",
    source="tikv/pd 77d1998214^",
    builds_on=[release_7_5.build],
)


def same_window(slot: Slot, before: Expr, n: Expr) -> Expr:
    """The key holds what was saved last, whether or not the memory is set."""
    return both(slot.seen[n] == s.saved[n], slot.seen[n] != ZERO)


for slot in SLOTS:
    build.define(slot.prefix + "saved_last", partial(same_window, slot))
_updated = both(s.job[SELF] == JOB.update, s.role[SELF] != ROLE.down)
build.effect(
    "commit",
    {"saved": ite(either(save.learns(SELF), _updated), save.new_window(SELF), s.saved[SELF])},
)

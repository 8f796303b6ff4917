"""wait-out: a sync waits until the window that it loaded has passed by a margin for clock skew.

Source: proposed here, after the commit wait of Spanner (Corbett et al., OSDI 2012).
"""

from ..language.expr import DURATION, ZERO, either
from ..language.transition import SELF
from ..language.variant import Variant
from ..pd import state as s
from ..pd.allocator import begins
from ..pd.state import SLOTS

fence = Variant(
    "wait-out",
    "a new writer waits until the loaded window has passed by a margin for clock skew",
    source="proposed here",
)
#: how far past the loaded window a new writer waits
MARGIN = fence.constant("margin", DURATION, 1)

for slot in SLOTS:
    last = slot.seen[SELF]
    fence.guard(begins(slot), "loaded window has passed", either(last == ZERO, MARGIN < s.clock(SELF) - last))

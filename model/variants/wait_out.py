"""wait-out: a sync waits until the window that it loaded has passed by a margin for clock skew.

Source: proposed here, after the commit wait of Spanner (Corbett et al., OSDI 2012).
"""

from ..language.expr import DURATION, ZERO, Expr, either
from ..language.transition import SELF
from ..language.variant import Variant
from ..pd import state as s
from ..pd.allocator import begins
from ..pd.state import SLOTS, Slot

fence = Variant(
    "wait-out",
    "a new writer waits until the loaded window has passed by a margin for clock skew",
    source="proposed here",
)
#: how far past the loaded window a new writer waits
MARGIN = fence.constant("margin", DURATION, 1)


def has_passed(n: Expr, slot: Slot) -> Expr:
    """The window that the sync has loaded lies behind the server's clock, by the margin."""
    last = slot.seen[n]
    return either(last == ZERO, MARGIN < s.clock(n) - last)


for slot in SLOTS:
    fence.guard(begins(slot), "loaded window has passed", has_passed(SELF, slot))

"""window-lease: a server never grants once its own clock has passed its own window.

Source: proposed here.
"""

from ..language.transition import SELF
from ..language.variant import Variant
from ..pd import state as s

fence = Variant(
    "window-lease",
    "a server never grants once its own clock has passed its own window",
    source="proposed here",
)
fence.guard("grant", "own window has not passed", s.clock(SELF) < s.saved[SELF])

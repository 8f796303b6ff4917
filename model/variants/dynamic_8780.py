"""dynamic-8780: the check is made by a PD in API mode that may switch.

Refused, it stops its allocator and stays PD leader ("stop embedded TSO allocator because TSO service primary
exists").  That is the pull's save on PD as it stands otherwise, which stops its allocator as soon as a TSO
server is registered.  A look at the registry that fails changes nothing ("keep current TSO provider").  What
the pull's head does beside that is the build pull-8780.

Source: tikv/pd pull 8780.
"""

from ..behaviours import discovery_fails
from ..language.expr import both, negate
from ..language.variant import Variant
from ..pd import state as s
from . import check_tso_primary

fence = Variant(
    "dynamic-8780",
    "the save of pull 8780, on PD as before: the PD looks in every save of a PD in API mode that may switch; "
    "refused, it stops its allocator and stays PD leader (it switches by the registry alone; the pull's "
    "head, which waits for a TSO primary that is ready, is --build pull-8780)",
    source="tikv/pd pull 8780",
    builds_on=[check_tso_primary.fence],
    lacks=[discovery_fails.behaviour],
)
fence.define("checks_primary", lambda before, n: both(negate(s.is_tso[n]), s.api[n], s.DYNAMIC))
fence.effect("refused_by_fence", s.forget_memory())

"""save-cas: a save compares the timestamp key with what this allocator loaded at its sync or saved last.

Source: proposed here.  It is what `SaveTimestamp` needs if nothing else is to keep two writers apart.
"""

from ..language.expr import Expr, ite
from ..language.transition import SELF, Step
from ..language.variant import Variant
from ..pd import save
from ..pd import state as s
from ..pd.allocator import begins
from ..pd.state import JOB, SLOTS, Slot

fence = Variant(
    "save-cas",
    "every save: the key must hold what this allocator loaded at sync or saved last",
    source="proposed here",
)


@s.of_a_save
def expected_value(n: Expr, slot: Slot) -> Expr:
    """What the timestamp key must still hold."""
    return ite(slot.job[n] == JOB.sync, slot.seen[n], s.saved[n])


def refused_by_cas(n: Expr, slot: Slot) -> Step:
    """The timestamp key does not hold what this allocator loaded at its sync or saved last."""
    return Step(
        guard={
            "it is time to read the timestamp key": save.reads_timestamp(n, slot),
            "timestamp key holds another value": s.timestamp != expected_value(n, slot),
            "etcd answers": s.etcd_answers(),
        },
        effect=save.failed(n, slot),
    )


for slot in SLOTS:
    # What the sync has loaded is asked for again.
    fence.effect(begins(slot), {slot.prefix + "seen": slot.seen[SELF]})
    fence.guard(
        slot.prefix + "load_window",
        "timestamp key holds what it should",
        s.timestamp == expected_value(SELF, slot),
    )
after = "client_refused_not_greater"
for rule in save.slotted(refused_by_cas):
    fence.add(rule, after=after)
    after = rule.name

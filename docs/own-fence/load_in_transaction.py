"""load-in-transaction: a sync saves only while the timestamp key holds what the sync loaded.

Without it `syncTimestamp` chooses where to start from a plain read; the transaction that saves reads the key
once more, and etcd compares that value, not the one chosen from.
"""

from tsofence.model.language.expr import both, either
from tsofence.model.language.transition import SELF, Step
from tsofence.model.language.variant import Variant
from tsofence.model.pd import allocator, save
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, SLOTS

fence = Variant("load-in-transaction", "a sync saves only while the key holds what it loaded")


def moved_on(n, slot):
    """The key does not hold any more what this sync loaded."""
    return both(slot.job[n] == JOB.sync, s.timestamp != slot.seen[n])


def refused_as_loaded(n, slot):
    """The transaction of a sync finds another value in the timestamp key than the sync loaded."""
    guard = {"it is time to read the timestamp key": save.reads_timestamp(n, slot)}
    guard |= {"the key has moved on": moved_on(n, slot), "etcd answers": s.etcd_answers()}
    return Step(guard=guard, effect=save.failed(n, slot))


for slot in SLOTS:  # a server's own sync, and that of a client's request at a TSO server
    stays = either(slot.job[SELF] != JOB.sync, s.timestamp == slot.seen[SELF])
    fence.guard(slot.prefix + "load_window", "key is as loaded", stays)
    fence.effect(allocator.begins(slot), {slot.prefix + "seen": slot.seen[SELF]})  # it is asked for later
for rule in save.slotted(refused_as_loaded):
    fence.add(rule)

"""A sync and an update save only while the key holds what they go on from."""

from tsofence.model.language.expr import ite
from tsofence.model.language.transition import SELF, Step
from tsofence.model.language.variant import Variant
from tsofence.model.pd import allocator, save
from tsofence.model.pd import state as s
from tsofence.model.pd.state import JOB, SLOTS

fence = Variant("go-on-from", "a save goes through only while the key holds what it goes on from")


def moved_on(n, slot):
    """The key does not hold any more what the save goes on from."""
    return s.timestamp != ite(slot.job[n] == JOB.sync, slot.seen[n], s.saved[n])


def refused_as_gone(n, slot):
    """The timestamp key holds another value than the save goes on from."""
    guard = {"it is time to read the timestamp key": save.reads_timestamp(n, slot)}
    guard |= {"the key has moved on": moved_on(n, slot), "etcd answers": s.etcd_answers()}
    return Step(guard=guard, effect=save.failed(n, slot))


for slot in SLOTS:
    stays = s.timestamp == ite(slot.job[SELF] == JOB.sync, slot.seen[SELF], s.saved[SELF])
    fence.guard(slot.prefix + "load_window", "key is as gone on from", stays)
    fence.effect(allocator.begins(slot), {slot.prefix + "seen": slot.seen[SELF]})
for rule in save.slotted(refused_as_gone):
    fence.add(rule)

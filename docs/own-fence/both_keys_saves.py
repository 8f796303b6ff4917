"""Whoever saves compares that the other kind's key is absent: a PD the primary key, others the leader key."""

from tsofence.model.language.expr import NOBODY, ite
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save
from tsofence.model.pd import state as s

fence = Variant("both-keys-saves", "a save lands only while nobody of the other kind holds its key")
save.compare(
    fence,
    "nobody of the other kind",
    lambda n, slot: ite(s.is_tso[n], s.leader, s.primary) == NOBODY,
)

"""delete-before-save: a PD's sync deletes the TSO primary key before it saves."""

from tsofence.model.language.expr import NOBODY, ite
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s

fence = Variant("delete-first", "a PD that syncs deletes the TSO primary key as it loads")
fence.effect("sync_load", {"primary": ite(s.is_tso[SELF], s.primary, NOBODY)})

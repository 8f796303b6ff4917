"""No PD begins to save: the guard of a fence that refuses whom it was to protect."""

from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s

fence = Variant("tso-only", "no PD begins a save")
fence.guard("sync_begin", "is a TSO server", s.is_tso[SELF])

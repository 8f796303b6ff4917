"""A PD answers only while there is no TSO primary (a linearised read each time)."""

from tsofence.model.language.expr import NOBODY, either
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import state as s

fence = Variant("no-grant-beside", "a PD answers only while there is no TSO primary")
fence.guard("grant", "no TSO primary beside a PD", either(s.is_tso[SELF], s.primary == NOBODY))

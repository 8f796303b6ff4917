"""moderate: clients ask for no more than a server's clock gives, so that its logical part always has room."""

from tsofence.model.language.expr import FALSE
from tsofence.model.language.variant import Variant

fence = Variant("moderate", "the logical part never runs short")
fence.define("half_used", lambda before, n: FALSE)
fence.guard("overflow", "the logical part has room", FALSE)

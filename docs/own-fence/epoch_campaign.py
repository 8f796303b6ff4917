"""An epoch key that each campaign raises; each commit compares it."""

from tsofence.model.language.expr import INT
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save

fence = Variant("epoch-campaign", "each campaign raises the epoch; commits compare it")
epoch = fence.shared("epoch", INT)
mine = fence.per_server("my_epoch", INT)
fence.effect("campaign", {"epoch": epoch + 1, "my_epoch": epoch + 1})
save.compare(fence, "epoch is mine", lambda n, slot: epoch == mine[n])

"""An epoch key: each sync raises it in the transaction that loads the key; each commit compares it."""

from tsofence.model.language.expr import INT
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save

fence = Variant("epoch", "each sync raises the epoch as it loads the key; commits compare it")
epoch = fence.shared("epoch", INT)
mine = fence.per_server("my_epoch", INT)
fence.effect("sync_load", {"epoch": epoch + 1, "my_epoch": epoch + 1})
fence.effect("client_load", {"epoch": epoch + 1, "my_epoch": epoch + 1})
save.compare(fence, "epoch is mine", lambda n, slot: epoch == mine[n])

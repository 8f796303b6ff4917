"""etcd compares that there is no TSO primary: the shortest fence of docs/own-fence.md."""

from tsofence.model.language.expr import NOBODY, either
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save
from tsofence.model.pd import state as s

fence = Variant("commit-only", "etcd compares that there is no TSO primary when a PD's commit arrives")
save.compare(fence, "no TSO primary", lambda n, slot: either(s.is_tso[n], s.primary == NOBODY))

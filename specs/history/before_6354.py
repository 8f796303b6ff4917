"""before-6354: a save of less than the key holds fails without a word.

`SaveTimestamp` returns no error, so the caller puts a window into memory that nobody saved.

Source: tikv/pd 4b8162f9df^ (4/2023) `pkg/storage/endpoint/tso.go` (SaveTimestamp); issue 6355, pull 6354.
"""

from tsofence.model.builds import release_7_5
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.pd import save
from tsofence.model.pd import state as s
from tsofence.model.pd.state import OWN

build = Variant(
    "before-6354",
    "7.2 in development: as release-7.5, but a save that is too small counts as one that succeeded",
    source="tikv/pd 4b8162f9df^",
    builds_on=[release_7_5.build],
)
build.effect("refused_not_greater", {"role": s.role[SELF], **save.remembers(SELF, OWN)})

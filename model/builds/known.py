"""The builds by name, the oldest first."""

from __future__ import annotations

from ..language.variant import Variant
from . import (
    master_2026_08,
    nextgen_8_5_4,
    pull_8780,
    pull_8780_on_master,
    pull_10473_base,
    release_6_5,
    release_7_5,
    release_8_3,
    release_8_5,
)

SHIPPED: dict[str, Variant] = {
    module.build.name: module.build
    for module in (
        release_6_5,
        release_7_5,
        release_8_3,
        release_8_5,
        nextgen_8_5_4,
        pull_10473_base,
        pull_8780,
        master_2026_08,
        pull_8780_on_master,
    )
}

#: of which a fence is meant where no build is named
DEFAULT = pull_10473_base.build.name

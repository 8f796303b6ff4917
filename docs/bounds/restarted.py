"""restarted: as prompt, but the PD may start ahead of its clock, by a window and the guard.

So it does if it was restarted, or followed another PD, within the window that was saved before: it goes on
above that.
"""

from pathlib import Path

from tsofence.model.language.expr import DURATION
from tsofence.model.language.variant import Variant
from tsofence.model.variants.own import module

prompt = module(str(Path(__file__).with_name("prompt.py")))
fence = Variant("restarted", prompt.fence.meaning, builds_on=[prompt.fence])
#: as much as in restart.toml
fence.constant("lead", DURATION, 5)

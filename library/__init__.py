"""The commands as functions for scripts, notebooks and tests: `import tsofence` has all of them.

Nothing is printed and nothing ends the process.  What goes wrong is an exception: `ValueError` for what is
not there (an unknown name, a scenario or a file of one's own that cannot be used), `BadInput` for a recording
or a run file that cannot be read or written, `OSError` where the system refuses, `SearchFault` for a fault of
tsofence.  After `KeyboardInterrupt` no process is left.
"""

from ..checker.processes.matrix import SearchFault
from ..model.language.variant import Variant as Fence
from ..specs.scenario import Scenario, ScenarioError
from ..traces.sources.observation import BadInput
from .commands import explore, load_run, load_scenario, prove, replay
from .results import Explored, Finding, Proved, Replayed, Rerun, Result, Run, Searched

__all__ = [
    "BadInput",
    "Explored",
    "Fence",
    "Finding",
    "Proved",
    "Replayed",
    "Rerun",
    "Result",
    "Run",
    "Scenario",
    "ScenarioError",
    "SearchFault",
    "Searched",
    "explore",
    "load_run",
    "load_scenario",
    "prove",
    "replay",
]

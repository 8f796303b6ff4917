"""Model, prove and replay the fencing of PD's timestamp oracle.

The commands are functions, and their results data::

    from tsofence import explore, prove, replay

    found = explore("tso-restart", fence="check-tso-primary", property="unique")
    print(found.violated[0].run)
    prove(fence="save-cas", property="unique").holds
    replay("recorded", fence="check-tso-primary").conforms
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what they need takes a second to import
    from .library import (
        BadInput,
        Explored,
        Fence,
        Finding,
        Proved,
        Replayed,
        Rerun,
        Result,
        Run,
        Scenario,
        ScenarioError,
        Searched,
        SearchFault,
        explore,
        load_run,
        load_scenario,
        prove,
        replay,
    )

__version__ = "0.1.0"

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


def __getattr__(name: str) -> Any:
    """What `__all__` names, when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import library

    return getattr(library, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]

"""A search in this process, for what no other process knows: a fence that stands in no file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ...model.language.instance import REDUCTIONS
from ...specs import liveness
from ...specs.properties import named
from ...specs.scenario import Scenario
from ..liveness.liveness import findings
from ..search.explore import explore
from ..search.findings import Exploration
from ..search.memory import default_bound
from .matrix import cores


def explore_alone(
    scenario: Scenario,
    fence: str,
    properties: Sequence[str],
    max_states: int,
    *,
    memory: int | None = None,
    engine: str = "auto",
    reductions: Collection[str] = REDUCTIONS,
    dropped: Sequence[tuple[str, str]] = (),
) -> Exploration:
    """Explore the scenario under one fence, as `matrix.explore_all` does under several.

    Raises:
        KeyboardInterrupt: Ctrl-C came.
        ValueError: an unknown fence or property.
        KeyError: a guard to drop that does not exist.
    """
    lively = [liveness.named(name) for name in properties if name in liveness.known()]
    found = explore(
        scenario,
        fence,
        [named(name) for name in properties if name not in liveness.known()],
        dropped=dropped,
        max_states=max_states,
        memory=memory,
        engine=engine,
        reductions=reductions,
        threads=cores,
    )
    if not lively:
        return found
    lasting = findings(
        scenario,
        fence,
        lively,
        dropped=dropped,
        max_states=max_states,
        memory=memory or default_bound(),
        threads=cores,
    )
    return replace(found, findings=(*found.findings, *lasting))

"""Where stepping begins: at the first state of a scenario, or at that of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...checker.run import Run, choices, told_from
from ...model.language.instance import Configuration
from ...model.language.layout import State
from ...model.pd import system
from ...model.variants import fences
from ...specs.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Start:
    """The system with absolute times, its first state, and the run of no step or more that is known of it."""

    configuration: Configuration
    first: State
    run: Run


def of_scenario(world: Scenario, fence: str, dropped: Sequence[tuple[str, str]] = ()) -> Start:
    """A scenario under a build and fence, with its limits; clocks are right at first.

    Raises:
        ValueError: unknown fence.
        KeyError: a guard to drop that does not exist.
    """
    made = world.configuration(fences.parse(fence), dropped)
    layout = made.layout()
    servers = range(1, layout.servers + 1)
    right = (
        state
        for state in world.first_states(made)
        if not any(layout.read(state, "skew", number) for number in servers)
    )
    run = Run(
        title=f"{world.name} under {fence}, stepped through",
        fence=fence,
        kinds=made.kinds,
        names=world.server_names,
        constants=made.constants,
        first=told_from(layout, next(right)),
        moves=(),
        dropped=tuple(dropped),
    )
    absolute = replace(made, relative=False)
    return Start(absolute, absolute.layout().initial(run.first, world.budgets), run)


def of_run(run: Run) -> Start:
    """A run, with no limit on faults; inputs may be chosen as it chose them, or the least."""
    unit = run.constants["unit"]
    domains: dict[str, tuple[int, ...]] = {"count": (1,), "note": (0, 1), "pick": (1,), "by": (unit,)}
    for name, chosen in choices(run).items():
        least = domains[name.rpartition(".")[2]]
        domains[name] = tuple(sorted({*least, *chosen}))
    fence = run.variant()
    made = Configuration(
        system.vocabulary(fence),
        run.transitions(fence),
        run.kinds,
        run.constants,
        relative=False,
        domains=domains,
    )
    return Start(made, made.layout().initial(run.first, {}), run)

"""step: a system, stepped through by hand."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from ..model.variants import fences
from ..specs import scenario
from ..traces.runs import files as run_files
from ..traces.stepping.start import Start, of_run, of_scenario
from ..traces.tell.examples import examples
from .taking import systems


def start(
    what: str, builds_asked: Sequence[str], chosen: Sequence[str], dropped: tuple[tuple[str, str], ...]
) -> Start:
    """Where stepping begins: a run's first state, or a scenario's under one build and fence.

    Raises:
        click.BadParameter: two of them, or others than the run's own.
        BadInput: a run that cannot be used.
        ScenarioError: no such scenario.
    """
    if what.endswith(".json"):
        run = run_files.load(what)
        build, fence = fences.parted(run.fence)
        # one's own is named to say in which file it is, as for show
        if dropped or not {*builds_asked} <= {build} or not {*chosen} <= {fence, *fence.split("+")}:
            raise click.BadParameter(
                f"a run says itself what it is of: {build}, {fence}; leave them out",
                param_hint="--build, --fence, --drop",
            )
        return of_run(run)
    if len(builds_asked) > 1 or len(chosen) > 1:
        raise click.BadParameter("expected one: one system is stepped through", param_hint="--build, --fence")
    (name,) = systems.named(builds_asked, chosen, [fences.NONE], dropped)
    return of_scenario(scenario.load(what), name, dropped)


@click.command("step", epilog=examples("step"))
@click.argument("what", default=scenario.DEFAULT, metavar="[SCENARIO|RUN.json]")
@systems.one_system(fences.NONE)
@systems.drop
def command(
    *, what: str, builds: tuple[str, ...], chosen: tuple[str, ...], dropped: tuple[tuple[str, str], ...]
) -> int:
    """Step through a scenario, or a run, by hand.

    What can happen, what refuses the rest, undo, find, save. It needs a terminal; ? tells the keys,
    docs/stepping.md the rest.
    """
    begun = start(what, builds, chosen, dropped)
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError("step needs a terminal; show RUN.json tells a run without one")
    from ..traces.stepping.app import stepped
    from ..traces.stepping.session import Session

    stepped(Session(begun))
    return 0

"""export: a system, for the tools of others."""

from __future__ import annotations

import click

from ..model.variants import fences
from ..specs import scenario
from ..traces.output.terminal import Terminal
from ..traces.output.writing import put
from ..traces.tell.examples import examples
from ..traces.tell.progress import Steps
from .taking import places, systems

_MOST_TICKS = 1 << 20


@click.command("export", epilog=examples("export"))
@click.option(
    "--to", "form", type=click.Choice(["tla"]), default="tla", show_default=True, help="As a TLA+ module."
)
@systems.scenario_of
@systems.one_system(f"{systems.EXPORTED}; none where a build is named")
@systems.drop
@systems.property_of(systems.SAFETY, "all of safety")
@click.option(
    "--ticks",
    type=click.IntRange(0, _MOST_TICKS),
    default=2,
    show_default=True,
    help="How far time goes in the configuration that bounds it.",
)
@click.option(
    "-o",
    "target",
    callback=places.writable,
    metavar="FILE.tla",
    help="The module; FILE.cfg and FILE_folded.cfg, for TLC, go beside it.  [default: stdout, alone]",
)
def command(
    *,
    form: str,
    place: str,
    builds: tuple[str, ...],
    chosen: tuple[str, ...],
    dropped: tuple[tuple[str, str], ...],
    asked: tuple[str, ...],
    ticks: int,
    target: str | None,
) -> int:
    """Write a scenario as a TLA+ module.

    It is the system of one build and one fence, and has configurations for TLC beside it. Times are absolute,
    so that TLC needs a bound on them: FILE.cfg has one. FILE_folded.cfg covers behaviours of any length, by a
    view of which it is proved that it loses nothing.
    """
    from ..traces.export.export import written

    world = scenario.load(place)
    default = [fences.NONE] if builds else world.fences or [systems.EXPORTED]
    names = systems.named(builds, chosen, default, dropped)
    if len(names) > 1:
        raise click.UsageError(f"one module is one system, not {len(names)}: name one build and one fence")
    with Steps(Terminal(stderr=True), live=True) as screen:
        for file, text in written(
            world, names[0], asked, dropped=dropped, ticks=ticks, target=target, progress=screen.proving
        ).items():
            put(text, file)
    return 0

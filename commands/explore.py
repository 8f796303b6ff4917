"""explore: every interleaving of a scenario."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from ..checker.search.explore import ENGINES, MAX_STATES
from ..checker.search.findings import Exploration
from ..checker.search.reached import sought as as_sought
from ..model.language.instance import REDUCTIONS
from ..model.variants import fences
from ..specs import own, properties, scenario
from ..specs.phrases.reading import PhraseError
from ..specs.phrases.sought import FIND, SoughtError
from ..traces.output.endings import status
from ..traces.tell import explored as exploring
from ..traces.tell import found as finding_states
from ..traces.tell import results
from ..traces.tell.examples import examples
from ..traces.tell.matrix import Exploring
from ..traces.tell.outlet import Outlet
from .taking import kinds, outlets, systems
from .taking.typed import Typed, typed

#: more than any machine has; what is larger is no number that a search can be given
_MOST_STATES = 1 << 48


def _installed(ctx: click.Context, param: click.Parameter, engine: str) -> str:
    if engine == "cluster" and find_spec("ray") is None:
        raise click.BadParameter("needs Ray: pip install '.[cluster]' in a clone of tsofence")
    return engine


engine = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    callback=_installed,
    help="plain Python; machine code of the same steps, in this process or on a Ray cluster (RAY_ADDRESS, or "
    "one here); auto: machine code once there are many states.",
)


def sought(
    text: str, world: scenario.Scenario, names: Iterable[str], dropped: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """By system, the state that somebody wants found, as it may be typed.

    Raises:
        click.BadParameter: it is none, or the system cannot be asked.
    """
    found = {}
    for name in names:
        try:
            found[name] = as_sought(text, world, name, dropped).meaning
        except (PhraseError, SoughtError) as error:
            raise click.BadParameter(str(error), param_hint="--find") from None
    return found


@click.command("explore", cls=Typed, epilog=examples("explore"))
@systems.scenario_of
@systems.build
@systems.fence
@click.option("--all-fences", is_flag=True, help="The matrix of all fences.")
@systems.drop
@systems.property_of(systems.PROPERTY, "all of safety, and what liveness the scenario is there for")
@click.option(
    "--find",
    metavar="EXPRESSION",
    help="The shortest run to such a state, in the model's names, as in 'pd1.leader and tso1.able_to_grant' "
    "(docs/stepping.md); in place of properties.  Exit status: 0 reachable, 1 not reachable, 3 unknown.",
)
@click.option("--max-states", type=click.IntRange(1, _MOST_STATES), default=MAX_STATES, show_default=True)
@click.option(
    "--memory",
    type=kinds.Memory(),
    metavar="GIB",
    help="For all searches together.  [default: 3/4 of the machine's or container's]",
)
@engine
@click.option(
    "--without",
    type=click.Choice(REDUCTIONS),
    multiple=True,
    help="Do not treat as one: equal servers that change places; times that no step can tell apart; a save's "
    "step and the next, where nobody can tell when it is taken.  Verdicts stay the same.  Repeatable.",
)
@click.option(
    "--checkpoint",
    type=kinds.Place(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep each search here, now and then and when it ends; the same command goes on from there.",
)
@click.option("--details", is_flag=True, help="What was reduced, and all that never happened.")
@outlets.outlet
def command(
    *,
    place: str,
    builds: tuple[str, ...],
    chosen: tuple[str, ...],
    all_fences: bool,
    dropped: tuple[tuple[str, str], ...],
    asked: tuple[str, ...],
    find: str | None,
    max_states: int,
    memory: int | None,
    engine: str,
    without: tuple[str, ...],
    checkpoint: Path | None,
    details: bool,
    outlet: Outlet,
) -> int:
    """Go through every interleaving; show what breaks each property.

    The shortest run of all is told here; the others are kept for: tsofence show last.
    """
    from ..checker.processes.matrix import explore_all

    if all_fences and chosen:
        raise click.UsageError("--all-fences already names every fence: leave out --fence")
    if checkpoint is not None and engine == "plain":
        raise click.UsageError("--checkpoint keeps searches in machine code: leave out --engine plain")
    world = scenario.load(place)
    if find is not None and asked:
        raise click.UsageError("--find asks for a state, --property for violations: ask one after the other")
    if engine == "cluster" and find is not None:
        raise click.UsageError("--find is not sent to a cluster: use another --engine")
    if engine == "cluster" and (fences.files("build") or fences.files("fence") or own.files()):
        raise click.UsageError(
            "a build, fence or property of your own is not sent to a cluster: use another --engine"
        )
    names = systems.named(
        builds, fences.ALL if all_fences else chosen, world.fences or fences.DEFAULTS, dropped
    )
    texts = {} if find is None else sought(find, world, names, dropped)
    asked = () if texts else asked or (*properties.NAMES, *world.liveness)
    ended: dict[str, Exploration] = {}
    columns = (FIND,) if texts else asked
    with Exploring(outlet.progress, world, names, columns, live=outlet.live) as screen, outlet.held:

        def done(found: Exploration) -> None:
            ended[found.fence] = found
            screen.done(found)

        explore_all(
            world,
            names,
            asked,
            max_states,
            memory=memory,
            engine=engine,
            reductions=[name for name in REDUCTIONS if name not in without],
            checkpoint=checkpoint,
            dropped=dropped,
            find=find or "",
            progress=screen.progress,
            done=done,
        )
    found = [ended[name] for name in names if name in ended]
    runs = exploring.runs_of(found)
    written = outlet.write_runs(runs)
    kept = outlet.keep(runs)
    outlet.console.print(
        exploring.explored(
            *(world, found, written),
            tell_runs=not all_fences,
            place=place,
            again=typed("builds", "dropped", "asked"),
            kept=kept,
            details=details,
            sought=texts,
        )
    )
    outlet.finish(lambda: results.explored(world.name, found, written, texts))
    if texts:
        return status(finding_states.verdicts(found))
    return status(finding.verdict for each in found for finding in each.findings)

"""watch: a cluster, judged while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..model.variants import fences
from ..traces.output.terminal import Terminal, is_closed
from ..traces.tell import watched as watching
from ..traces.tell.examples import examples
from .taking import clusters, kinds, systems

if TYPE_CHECKING:
    from ..traces.live.collect import Order


@click.command("watch", epilog=examples("watch"))
@clusters.cluster
@systems.build
@systems.fence
@click.option(
    "--property",
    "asked",
    type=systems.PROPERTY,
    multiple=True,
    metavar="NAME",
    help=f"Repeatable; default: {' and '.join(watching.PROPERTIES)}, which need no client's samples; "
    f"with --sample {' and '.join(watching.OF_SAMPLES)} as well.",
)
@click.option(
    "--metrics",
    "metrics_at",
    type=kinds.Address(),
    metavar="[ADDRESS:]PORT",
    help="Serve metrics for Prometheus there; without an address, to this machine only.",
)
@click.option(
    "-o",
    "folder",
    type=kinds.Place(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the whole recording here.  [default: only its last parts, while it is judged]",
)
@click.option("--quiet", is_flag=True, help="Say nothing, only the exit status.")
@click.option("--no-progress", is_flag=True, help="Only lines: no table of how things stand.")
def command(
    *,
    order: Order,
    builds: tuple[str, ...],
    chosen: tuple[str, ...],
    asked: tuple[str, ...],
    metrics_at: tuple[str, int] | None,
    folder: Path | None,
    quiet: bool,
    no_progress: bool,
) -> int:
    """Judge what a cluster does as it goes on.

    It records, and replays the last part again and again.

    A violation is a line, once. What is judged is at most the last 20 minutes, or about 4,000 events of etcd;
    judging takes at most a fifth of one core. Ctrl-C ends it.

    Exit status: 1 something was violated; 3 something was not decided, or is missing; 0 neither; 2 and 130 as
    for record.
    """
    names = systems.named(builds, chosen, fences.DEFAULTS, ())
    return watching.watch(
        order,
        folder,
        asked=asked,
        fences=chosen,
        builds=builds,
        must_conform=bool(builds or chosen) and len(names) == 1,
        metrics_at=metrics_at,
        console=Terminal(quiet=quiet or is_closed("stdout")),
        progress=Terminal(stderr=True, quiet=quiet),
        live=not no_progress,
    )

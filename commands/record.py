"""record: a cluster, for replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..traces.output.endings import status
from ..traces.output.terminal import Terminal, clean, is_closed
from ..traces.tell.examples import examples
from ..traces.tell.recorded import recorded
from .taking import clusters, kinds

if TYPE_CHECKING:
    from ..traces.live.collect import Order


@click.command("record", epilog=examples("record"))
@clusters.cluster
@click.option(
    "-o",
    "folder",
    type=kinds.Place(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where to: each recording is a folder of its own in it.",
)
@click.option("--quiet", is_flag=True, help="Say nothing, only the exit status.")
def command(*, order: Order, folder: Path, quiet: bool) -> int:
    """Record what a cluster does, for replay.

    It only reads, through PD's client URL: the keys of PD's timestamps as they are when it begins, every
    event of etcd from there on (of other keys only that there was one), and logs as they grow. With --sample
    it also asks for timestamps, as clients do. A connection that ends is begun again; what is lost all the
    same is said, and replay finds it in the recording. Ctrl-C ends it.

    Exit status: 0 the recording is whole; 3 something is missing, or it ended by itself; 2 nothing can be
    recorded, or written; 130 interrupted before anything was recorded.
    """
    from ..traces.live.collect import record as recording

    progress = Terminal(stderr=True, quiet=quiet)
    found = recording(order, folder, lambda line: progress.print(clean(line)))
    Terminal(quiet=quiet or is_closed("stdout")).print(recorded(found))
    return status(["holds" if found.whole else "unknown"])

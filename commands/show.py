"""show: a run, told."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Group

from ..checker.run import Run
from ..traces.export.itf import itf
from ..traces.output.terminal import Terminal, clean_lines
from ..traces.output.writing import put
from ..traces.page import pages
from ..traces.runs import files as run_files
from ..traces.runs import last
from ..traces.story import show as telling
from ..traces.tell.examples import examples
from ..traces.tell.outlet import as_json
from ..traces.tell.shown import Next, next_steps
from .taking import kinds, systems
from .taking.typed import Typed, typed

_SHOWN: dict[str, Callable[[Run], str]] = {
    "mermaid": lambda run: clean_lines(telling.mermaid(run)),
    "html": pages.of_run,
    "json": lambda run: as_json(telling.data(run)),
    "itf": itf,
}


@click.command("show", cls=Typed, epilog=examples("show"))
@click.argument("run_file", metavar="RUN.json|last", type=kinds.Place(path_type=Path))
@click.argument("which", nargs=-1, metavar="[[FENCE.]PROPERTY]")
@systems.taken_from(
    "--build", systems.BUILD, "FILE.py", "Where the run's build comes from, if it is one of your own."
)
@systems.taken_from("--fence", systems.FENCE, "FILE.py", "Likewise its fence.")
@systems.taken_from("--property", systems.PROPERTY, "FILE.py:NAME", "Likewise the property that it breaks.")
@click.option(
    "--to",
    "form",
    type=click.Choice(["text", "mermaid", "html", "json", "itf"]),
    default="text",
    show_default=True,
)
@click.option("-o", "target", type=kinds.Place(dir_okay=False, path_type=Path), metavar="FILE")
def command(*, run_file: Path, which: tuple[str, ...], form: str, target: Path | None) -> int:
    """Tell a run step by step, and where its end comes from.

    The runs that explore or prove found last are kept: "last" and the property that one breaks name it, with
    its fence where several break that.

    \b
    Columns: the step, its time (t+2: two units after the start), one a server,
    and etcd's keys. A step stands where who takes it has its column, and below
    it what it changes.
      ► the end is about it   ⚡ a fault   ↻ repeats forever
      is        follower, leader (PD), primary (TSO server), resigning, down
      lease     kept: keep-alives get through; else when it ends
      save      what it is for (sync, update), what it loaded, up to which time,
                what its transaction has seen: own key, no primary, read
      window    up to which time it may grant; etcd's timestamp is what was saved
      physical, logical   the two parts of the timestamp that it grants from
    """
    if str(run_file) == last.LAST:
        found = last.load(which)
    elif which:
        raise click.UsageError(f"{run_file}: a file has one run; leave out {' '.join(which)}")
    else:
        found = run_files.load(run_file)
    if form == "text":
        told = io.StringIO()
        Terminal(file=None if target is None else told).print(telling.text(found))
        text = told.getvalue()
    else:
        text = _SHOWN[form](found)
    put(text, target)
    if form == "text" and target is None:
        page = ("show", *typed("run_file", "which", "build", "fence", "property"), "--to", "html")
        steps = next_steps([Next((*page, "-o", "run.html"), "with the whole state at each step")])
        Terminal().print(Group(*steps))
    return 0

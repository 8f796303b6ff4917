"""Where a result goes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ...traces.tell.outlet import Outlet
from .kinds import Place
from .places import made as made_folder
from .places import writable


def outlet(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the result goes; the command gets an `Outlet` of that name."""
    return click.option(
        "--runs",
        type=Place(file_okay=False, path_type=Path),
        metavar="DIR",
        callback=made_folder,
        help="Write each run found as a file that show and replay read.",
    )(outlet_without_runs(command))


def outlet_without_runs(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that finds no runs."""

    @functools.wraps(command)
    def with_outlet(
        *, json_to: str | None, quiet: bool, no_progress: bool, runs: Path | None = None, **given: Any
    ) -> Any:
        return command(outlet=Outlet(json_to=json_to, runs=runs, quiet=quiet, live=not no_progress), **given)

    made: Callable[..., Any] = with_outlet
    for option in (
        click.option(
            "--json",
            "json_to",
            metavar="FILE|-",
            callback=writable,
            help="Write the result as JSON; - is stdout, and tables then go to stderr.",
        ),
        click.option("--quiet", is_flag=True, help="No tables and no runs, only the exit status."),
        click.option("--no-progress", is_flag=True, help="No progress while it works."),
    ):
        made = option(made)
    return made

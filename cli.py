"""The command line: click commands, nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem
from rich.console import Console

from . import __version__
from .checker.explore import MAX_STATES
from .model import fence as fences
from .specs import properties, scenario
from .traces import report
from .traces.observation import BadInput

VIOLATED, BAD_INPUT, UNKNOWN = 1, 2, 3


class _Named(click.ParamType[str]):
    """A name out of a list that the shell can complete; what the name means is checked later."""

    name = "name"

    def __init__(self, names: Callable[[], Iterable[str]], check: Callable[[str], object]) -> None:
        self._names = names
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            self._check(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]


_FENCE = _Named(lambda: fences.MEANINGS, fences.parse)
_PROPERTY = _Named(lambda: properties.NAMES, properties.named)
_SCENARIO = _Named(scenario.names, scenario.load)


def _exits(error: object) -> NoReturn:
    click.echo(f"tsofence: {error}", err=True)
    sys.exit(BAD_INPUT)


class _OneLine(click.Group):
    """Every mistake of a user's ends in one line and exit status 2, never in a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **extra))
        except click.exceptions.Abort:
            sys.exit(130)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(BAD_INPUT)
        except click.ClickException as error:
            _exits(f"{error.format_message()} (tsofence --help says more)")
        except (BadInput, scenario.ScenarioError, OSError) as error:
            _exits(error)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every deciding command has."""
    for option in (
        click.option("--json", "json_to", metavar="FILE|-", help="Write the result as JSON; - is stdout."),
        click.option(
            "--runs",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Write each counterexample as a run file that show and replay read.",
        ),
        click.option("--quiet", is_flag=True, help="No tables and no runs, only the exit status."),
        click.option("--no-progress", is_flag=True, help="No progress while it works."),
    ):
        command = option(command)
    return command


def _console(quiet: bool) -> Console:
    """Progress and tables go to the terminal, so that stdout stays free for machines."""
    return Console(stderr=True, quiet=quiet, highlight=False)


def _write_json(result: dict[str, Any], to: str | None) -> None:
    if to is None:
        return
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    if to == "-":
        click.echo(text, nl=False)
    else:
        Path(to).write_text(text, encoding="utf-8")


def _status(verdicts: Iterable[str]) -> int:
    seen = set(verdicts)
    return VIOLATED if "violated" in seen else UNKNOWN if "unknown" in seen else 0


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tsofence")
def main() -> None:
    """Explore, prove and replay the fencing of PD's timestamp oracle.

    Exit status: 0 nothing violated, 1 violated, 2 bad usage or input, 3 unknown.
    """


_fence_option = click.option(
    "--fence", "chosen", type=_FENCE, multiple=True, metavar="NAME", help="Join several with +. Repeatable."
)
_property_option = click.option(
    "--property", "asked", type=_PROPERTY, multiple=True, metavar="NAME", help="Repeatable; default: all."
)


@main.command()
@click.option(
    "--scenario",
    "place",
    type=_SCENARIO,
    default=scenario.DEFAULT,
    metavar="NAME|FILE.toml",
    show_default=True,
)
@_fence_option
@click.option("--all-fences", is_flag=True, help="The matrix of all fences.")
@_property_option
@click.option("--max-states", type=click.IntRange(min=1), default=MAX_STATES, show_default=True)
@_common
def explore(
    *,
    place: str,
    chosen: tuple[str, ...],
    all_fences: bool,
    asked: tuple[str, ...],
    max_states: int,
    json_to: str | None,
    runs: Path | None,
    quiet: bool,
    no_progress: bool,
) -> int:
    """Go through every interleaving; show the shortest run that breaks each property."""
    from .checker.matrix import explore_all
    from .traces import run as run_files

    if all_fences and chosen:
        raise click.UsageError("--all-fences already names every fence: leave out --fence")
    names = fences.ALL if all_fences else chosen or ("off", "check-tso-primary")
    world = scenario.load(place)
    console = _console(quiet)
    with report.Exploring(console, world, names, asked or properties.NAMES, live=not no_progress) as screen:
        results = explore_all(
            world, names, asked or properties.NAMES, max_states, progress=screen.progress, done=screen.done
        )
    written = _write_runs(
        runs,
        {
            (found.fence, finding.property): finding.run
            for found in results
            for finding in found.findings
            if finding.run is not None
        },
        run_files.save,
    )
    console.print(report.explored(world, results, written, tell_runs=not all_fences))
    _write_json(
        {
            "command": "explore",
            "version": __version__,
            "scenario": world.name,
            "results": [report.exploration_json(found, written) for found in results],
        },
        json_to,
    )
    return _status(finding.verdict for found in results for finding in found.findings)


def _write_runs(
    folder: Path | None, found: dict[tuple[str, str], Any], save: Callable[[Any, Path], None]
) -> dict[tuple[str, str], str]:
    """Write runs to a folder; the file of each, by fence and property."""
    if folder is None:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for (fence, prop), run in found.items():
        path = folder / f"{fence}.{prop}.json"
        save(run, path)
        written[fence, prop] = str(path)
    return written


@main.command("list")
@click.argument(
    "what", type=click.Choice(["scenarios", "fences", "properties", "transitions"]), required=False
)
def list_names(what: str | None) -> int:
    """Say which scenarios, fences, properties and transitions there are."""
    Console(highlight=False).print(report.listing([what] if what else report.LISTS))
    return 0

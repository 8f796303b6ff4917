"""The command line: click commands, nothing else."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem
from rich.console import Console

from . import __version__
from .checker.engine import CheckpointError
from .checker.explore import ENGINES, MAX_STATES
from .model import fence as fences
from .model.instance import REDUCTIONS
from .specs import lemmas, liveness, properties, scenario
from .traces import report
from .traces.observation import BadInput
from .traces.rerun import rerun
from .traces.settings import duration_ns, given

VIOLATED, BAD_INPUT, UNKNOWN = 1, 2, 3

DEFAULT_FENCES = ("off", "check-tso-primary")


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


def _known(name: str, *also: str) -> None:
    """A property of safety, or one of these.

    Raises:
        ValueError: neither; the message lists what there is.
    """
    if name not in (*properties.NAMES, *also):
        raise ValueError(f"unknown property {name!r}; choose from {', '.join((*properties.NAMES, *also))}")


class _Duration(click.ParamType[int]):
    """A time as PD's configuration writes it: 3s, 50ms; in nanoseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = duration_ns(str(value))
        if not found:
            self.fail(f"expected a time such as 3s or 50ms, got {value!r}", param, ctx)
        return found


_FENCE = _Named(lambda: fences.MEANINGS, fences.parse)
_PROPERTY = _Named(lambda: properties.NAMES, properties.named)
_EXPLORED = _Named(lambda: (*properties.NAMES, *liveness.NAMES), lambda name: _known(name, *liveness.NAMES))
#: of a recording only availability is judged; a run file may be asked for each
_REPLAYED = _Named(lambda: (*properties.NAMES, *liveness.NAMES), lambda name: _known(name, *liveness.NAMES))
_ASSUMPTION = _Named(lambda: [each.name for each in lemmas.ASSUMPTIONS], lemmas.assumption)
_SCENARIO = _Named(scenario.names, scenario.load)


def _exits(error: object) -> NoReturn:
    click.echo(f"tsofence: {error}", err=True)
    sys.exit(BAD_INPUT)


class _OneLine(click.Group):
    """Every mistake of a user's ends in one line and exit status 2, never in a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was found is told then, too
        try:
            sys.exit(super().main(*args, **extra))
        except click.exceptions.Abort:
            sys.exit(130)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(BAD_INPUT)
        except click.ClickException as error:
            _exits(f"{error.format_message()} (tsofence --help says more)")
        except (BadInput, CheckpointError, scenario.ScenarioError, OSError) as error:
            _exits(error)


def _writable(ctx: click.Context, param: click.Parameter, to: str | None) -> str | None:
    """Said before the work, not after it."""
    if to not in (None, "-") and not Path(to).absolute().parent.is_dir():
        raise click.BadParameter(f"{to}: expected a file in a folder that exists; make the folder first")
    return to


def _folder(ctx: click.Context, param: click.Parameter, folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _installed(ctx: click.Context, param: click.Parameter, engine: str) -> str:
    if engine == "cluster" and find_spec("ray") is None:
        raise click.BadParameter("needs Ray: pip install 'tsofence[cluster]'")
    return engine


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every deciding command has."""
    for option in (
        click.option(
            "--json",
            "json_to",
            metavar="FILE|-",
            callback=_writable,
            help="Write the result as JSON; - is stdout. Tables go to stderr.",
        ),
        click.option(
            "--runs",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            callback=_folder,
            help="Write each run found as a file that show and replay read.",
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
    "--fence",
    "chosen",
    type=_FENCE,
    multiple=True,
    metavar="NAME",
    help="Join several with +. Repeatable; default: off and check-tso-primary.",
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
@click.option(
    "--property",
    "asked",
    type=_EXPLORED,
    multiple=True,
    metavar="NAME",
    help="Repeatable; default: all of safety, and what liveness the scenario is there for.",
)
@click.option("--max-states", type=click.IntRange(min=1), default=MAX_STATES, show_default=True)
@click.option(
    "--memory",
    type=click.FloatRange(min=0, min_open=True),
    metavar="GIB",
    help="For all searches together.  [default: 3/4 of the machine's or container's]",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    callback=_installed,
    help="plain Python; machine code of the same steps, in this process or on a Ray cluster (RAY_ADDRESS, or "
    "one here); auto: machine code once there are many states.",
)
@click.option(
    "--without",
    type=click.Choice(REDUCTIONS),
    multiple=True,
    help="Do not treat as one: equal servers that change places; times that no step can tell apart; a save's "
    "step and the next, where nobody can tell when it is taken.  Verdicts stay the same.  Repeatable.",
)
@click.option(
    "--checkpoint",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep each search here, now and then and when it ends; the same command goes on from there.",
)
@_common
def explore(
    *,
    place: str,
    chosen: tuple[str, ...],
    all_fences: bool,
    asked: tuple[str, ...],
    max_states: int,
    memory: float | None,
    engine: str,
    without: tuple[str, ...],
    checkpoint: Path | None,
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
    if checkpoint is not None and engine == "plain":
        raise click.UsageError("--checkpoint keeps searches in machine code: leave out --engine plain")
    names = fences.ALL if all_fences else chosen or DEFAULT_FENCES
    world = scenario.load(place)
    asked = asked or (*properties.NAMES, *world.liveness)
    console = _console(quiet)
    with report.Exploring(console, world, names, asked, live=not no_progress) as screen:
        results = explore_all(
            world,
            names,
            asked,
            max_states,
            memory=None if memory is None else int(memory * (1 << 30)),
            engine=engine,
            reductions=[name for name in REDUCTIONS if name not in without],
            checkpoint=checkpoint,
            progress=screen.progress,
            done=screen.done,
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
            **_prefix("explore"),
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
    written = {}
    for (fence, prop), run in found.items():
        path = folder / f"{fence}.{prop}.json"
        save(run, path)
        written[fence, prop] = str(path)
    return written


def _prefix(name: str) -> dict[str, str]:
    return {"command": name, "version": __version__}


@main.command()
@_fence_option
@_property_option
@click.option("--nodes", default="any", metavar="any|N", help="How many servers.", show_default=True)
@click.option(
    "--assume",
    multiple=True,
    type=_ASSUMPTION,
    metavar="NAME",
    help=f"Take for granted: {', '.join(each.name for each in lemmas.ASSUMPTIONS)}. Repeatable.",
)
@click.option("--details", is_flag=True, help="Show which guards each obligation needs.")
@_common
def prove(
    *,
    chosen: tuple[str, ...],
    asked: tuple[str, ...],
    nodes: str,
    assume: tuple[str, ...],
    details: bool,
    json_to: str | None,
    runs: Path | None,
    quiet: bool,
    no_progress: bool,
) -> int:
    """Prove properties for any number of servers, any constants and unbounded time."""
    from .checker.prove import prove as prove_one
    from .traces import run as run_files

    if nodes != "any" and not (nodes.isdecimal() and 1 <= int(nodes) <= 16):
        raise click.BadParameter(
            f"expected any, or a number from 1 to 16, got {nodes!r}", param_hint="--nodes"
        )
    console = _console(quiet)
    results = []
    with report.Steps(console, live=not no_progress) as screen:
        for fence in chosen or DEFAULT_FENCES:
            for name in asked or properties.NAMES:
                results.append(
                    prove_one(
                        fences.parse(fence),
                        properties.named(name),
                        assume=assume,
                        nodes=None if nodes == "any" else int(nodes),
                        progress=screen.task(f"{name} under {fence}"),
                    )
                )
                if results[-1].note.startswith("interrupted"):
                    break
    written = _write_runs(
        runs,
        {(p.fence, p.property): p.counterexample for p in results if p.counterexample is not None},
        run_files.save,
    )
    console.print(report.proved(results, written, details=details))
    _write_json({**_prefix("prove"), "results": [report.proof_json(p, written) for p in results]}, json_to)
    return _status(proof.verdict for proof in results)


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@_fence_option
@click.option(
    "--property", "asked", type=_REPLAYED, multiple=True, metavar="NAME", help="Repeatable; default: all."
)
@click.option("--save-interval", type=_Duration(), help="tso-save-interval, where the trace does not tell.")
@click.option("--update-interval", type=_Duration(), help="tso-update-physical-interval, likewise.")
@click.option("--lease", type=click.IntRange(min=1), help="Seconds of a leader's lease, likewise.")
@click.option("--details", is_flag=True, help="List the files that were read.")
@_common
def replay(
    *,
    paths: tuple[Path, ...],
    chosen: tuple[str, ...],
    asked: tuple[str, ...],
    save_interval: int | None,
    update_interval: int | None,
    lease: int | None,
    details: bool,
    json_to: str | None,
    runs: Path | None,
    quiet: bool,
    no_progress: bool,
) -> int:
    """Judge what a cluster did: etcd watch streams, PD and TSO logs, client samples, or a run file."""
    from .traces import replay as replaying
    from .traces import run as run_files
    from .traces import sources

    console = _console(quiet)
    files = run_files.all_runs(paths)
    if files:
        found_runs = {str(file): run_files.load(file) for file in files}
        for name, run in found_runs.items():
            if set(asked) & set(liveness.NAMES) and run.cycle_from is None:
                raise click.UsageError(
                    f"{name}: this run ends; only one that repeats can be asked for liveness"
                )
        again = {name: rerun(run, chosen, asked) for name, run in found_runs.items()}
        for found_again in again.values():
            console.print(report.rerun_text(found_again))
        _write_json({**_prefix("replay"), **report.reruns_json(again)}, json_to)
        refused = len(chosen) == 1 and not all(each.fences[0].allows for each in again.values())
        return VIOLATED if refused or any(any(each.broken.values()) for each in again.values()) else 0
    unheard = set(asked) - set(replaying.NAMES)
    if unheard:
        raise click.UsageError(
            f"{', '.join(sorted(unheard))}: only a run file can be asked for that; of a recording ask for "
            f"{', '.join(replaying.NAMES)}"
        )
    with report.Steps(console, live=not no_progress) as screen:
        trace = sources.read(
            paths,
            given=given(save_interval_ns=save_interval, update_interval_ns=update_interval, lease_s=lease),
            progress=screen.reading,
        )
        found = replaying.replay(trace, chosen, properties=asked or None, progress=screen.explaining)
    written = _write_runs(
        runs, {(v.fence, "explanation"): v.run for v in found.fences if v.run is not None}, run_files.save
    )
    console.print(report.replayed(found, written, details=details))
    _write_json({**_prefix("replay"), **report.replay_json(found)}, json_to)
    verdicts: list[str] = [judgement.verdict for judgement in found.properties]
    if len(chosen) == 1:
        conforms = found.fences[0].conforms
        verdicts.append("unknown" if conforms is None else "holds" if conforms else "violated")
    return _status(verdicts)


@main.command()
@click.argument("run_file", metavar="RUN.json", type=click.Path(path_type=Path))
@click.option(
    "--to", "form", type=click.Choice(["text", "mermaid", "html"]), default="text", show_default=True
)
@click.option("-o", "target", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
def show(*, run_file: Path, form: str, target: Path | None) -> int:
    """Tell a run step by step: one column a server, one for etcd."""
    from .traces import run as run_files
    from .traces import show as telling

    found = run_files.load(run_file)
    if form == "text":
        with target.open("w", encoding="utf-8") if target else nullcontext() as file:
            Console(highlight=False, file=file).print(telling.text(found))
        return 0
    text = telling.html(found) if form == "html" else telling.mermaid(found)
    if target is None:
        click.echo(text)
    else:
        target.write_text(text, encoding="utf-8")
    return 0


@main.command("list")
@click.argument(
    "what", type=click.Choice(["scenarios", "fences", "properties", "transitions"]), required=False
)
def list_names(what: str | None) -> int:
    """Say which scenarios, fences, properties and transitions there are."""
    Console(highlight=False).print(report.listing([what] if what else report.LISTS))
    return 0

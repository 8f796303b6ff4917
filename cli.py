"""The command line: click commands, nothing else."""

from __future__ import annotations

import io
import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from . import __version__
from .checker.search.engine import CheckpointError
from .checker.search.explore import ENGINES, MAX_STATES, Exploration
from .model.language.instance import REDUCTIONS
from .model.variants import fence as fences
from .specs import lemmas, liveness, properties, scenario
from .traces.output import faults
from .traces.output.faults import Held
from .traces.output.terminal import Terminal, clean_lines, one_line
from .traces.output.writing import write
from .traces.runs.rerun import Rerun, rerun
from .traces.sources.observation import BadInput
from .traces.sources.settings import duration_ns, given
from .traces.tell import report

VIOLATED, BAD_INPUT, UNKNOWN, FAULT, INTERRUPTED = 1, 2, 3, 70, 130
#: more than any machine has; what is larger is no number that a search can be given
_MOST_GIB, _MOST_STATES, _MOST_LEASE_S = 1 << 20, 1 << 48, (1 << 31) - 1

_MOST_SERVERS = 16  # of a proof for so many

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


class _Memory(click.ParamType[int]):
    """An amount of memory in GiB; in bytes."""

    name = "gib"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            gib = float(value)
        except ValueError:
            gib = math.nan
        if not 0 < gib <= _MOST_GIB:  # nan is neither
            self.fail(f"expected a number of GiB above 0, up to {_MOST_GIB}, got {value!r}", param, ctx)
        return max(1, int(gib * (1 << 30)))


class _Place(click.Path):
    """A path; an empty one, which a shell makes of a variable that is not set, is not this folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("expected a path, got an empty text", param, ctx)
        return super().convert(value, param, ctx)


class _OneLine(click.Group):
    """Every mistake of a user's and every fault of tsofence's ends in one line, never in a traceback.

    Exit status: 2 for a mistake, 70 for a fault, 130 for Ctrl-C before anything was found.
    """

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        extra["standalone_mode"] = False
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was found is told then, too
        try:
            sys.exit(super().main(*args, **extra))
        except click.exceptions.Abort:
            sys.exit(INTERRUPTED)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(BAD_INPUT)
        except click.ClickException as error:
            _ends(f"{error.format_message()} (tsofence --help says more)", BAD_INPUT)
        except (BadInput, CheckpointError, scenario.ScenarioError, OSError) as error:
            _ends(error, BAD_INPUT)
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not look like a verdict
            click.echo(clean_lines(faults.trace(error)), nl=False, err=True)
            _ends(faults.told(error), FAULT)


def _ends(message: object, status: int) -> NoReturn:
    click.echo(one_line(f"tsofence: {message}"), err=True)
    sys.exit(status)


def _writable(ctx: click.Context, param: click.Parameter, to: str | None) -> str | None:
    """Said before the work, not after it."""
    if to in (None, "-"):
        return to
    file = Path(to)
    if not to or file.is_dir() or not file.absolute().parent.is_dir():
        raise click.BadParameter(f"{to!r}: expected a file in a folder that exists; make the folder first")
    if not os.access(file if file.exists() else file.absolute().parent, os.W_OK):
        raise click.BadParameter(f"{to}: expected a file that may be written; check its permissions")
    return to


def _folder(ctx: click.Context, param: click.Parameter, folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _installed(ctx: click.Context, param: click.Parameter, engine: str) -> str:
    if engine == "cluster" and find_spec("ray") is None:
        raise click.BadParameter("needs Ray: pip install '.[cluster]' in a clone of tsofence")
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
            type=_Place(file_okay=False, path_type=Path),
            metavar="DIR",
            callback=_folder,
            help="Write each run found as a file that show and replay read.",
        ),
        click.option("--quiet", is_flag=True, help="No tables and no runs, only the exit status."),
        click.option("--no-progress", is_flag=True, help="No progress while it works."),
    ):
        command = option(command)
    return command


def _console(quiet: bool) -> Terminal:
    """Progress and tables go to the terminal, so that stdout stays free for machines."""
    return Terminal(stderr=True, quiet=quiet)


def _write_json(result: dict[str, Any], to: str | None, held: Held) -> None:
    """Write a result in plain ASCII, which every terminal and encoding takes, whatever names are in it."""
    if to is None:
        return
    fault = None if held.error is None else one_line(faults.describe(held.error))
    text = json.dumps({**result, "fault": fault}, indent=2).replace("\x7f", "\\u007f") + "\n"
    if to == "-":
        click.echo(text, nl=False)
    else:
        write(Path(to), text)


def _status(verdicts: Iterable[str]) -> int:
    seen = set(verdicts)
    return VIOLATED if "violated" in seen else UNKNOWN if "unknown" in seen else 0


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tsofence")
def main() -> None:
    """Explore, prove and replay the fencing of PD's timestamp oracle.

    Exit status: 0 nothing violated, 1 violated, 2 bad usage or input, or a result that cannot be written,
    3 unknown, 70 a fault of tsofence, 130 interrupted before anything was found.
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
@click.option("--max-states", type=click.IntRange(1, _MOST_STATES), default=MAX_STATES, show_default=True)
@click.option(
    "--memory",
    type=_Memory(),
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
    type=_Place(file_okay=False, path_type=Path),
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
    memory: int | None,
    engine: str,
    without: tuple[str, ...],
    checkpoint: Path | None,
    json_to: str | None,
    runs: Path | None,
    quiet: bool,
    no_progress: bool,
) -> int:
    """Go through every interleaving; show the shortest run that breaks each property."""
    from .checker.processes.matrix import explore_all
    from .traces.runs import files as run_files

    if all_fences and chosen:
        raise click.UsageError("--all-fences already names every fence: leave out --fence")
    if checkpoint is not None and engine == "plain":
        raise click.UsageError("--checkpoint keeps searches in machine code: leave out --engine plain")
    names = fences.ALL if all_fences else chosen or DEFAULT_FENCES
    world = scenario.load(place)
    asked = asked or (*properties.NAMES, *world.liveness)
    console = _console(quiet)
    held = Held()
    ended: dict[str, Exploration] = {}
    with report.Exploring(console, world, names, asked, live=not no_progress) as screen, held:

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
            progress=screen.progress,
            done=done,
        )
    results = [ended[name] for name in names if name in ended]
    written = _write_runs(
        runs,
        {
            (found.fence, finding.property): finding.run
            for found in results
            for finding in found.findings
            if finding.run is not None
        },
        run_files.dumps,
        held,
    )
    console.print(report.explored(world, results, written, tell_runs=not all_fences))
    _write_json(
        {
            **_prefix("explore"),
            "scenario": world.name,
            "results": [report.exploration_json(found, written) for found in results],
        },
        json_to,
        held,
    )
    held.release()
    return _status(finding.verdict for found in results for finding in found.findings)


def _write_runs(
    folder: Path | None, found: dict[tuple[str, str], Any], dumps: Callable[[Any], str], held: Held
) -> dict[tuple[str, str], str]:
    """Write runs to a folder; the file of each that could be written, by fence and property."""
    if folder is None:
        return {}
    written = {}
    for (fence, prop), run in found.items():
        path = folder / f"{fence}.{prop}.json"
        with held:
            write(path, dumps(run))
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
    """Prove properties for any number of servers and unbounded time; say which constants that takes."""
    from .checker.proof.prove import prove_all
    from .traces.runs import files as run_files

    if nodes not in ("any", *map(str, range(1, _MOST_SERVERS + 1))):
        raise click.BadParameter(
            f"expected any, or a number from 1 to {_MOST_SERVERS}, got {nodes!r}", param_hint="--nodes"
        )
    console = _console(quiet)
    held = Held()
    asked_for = [
        (fences.parse(fence), properties.named(name))
        for fence in chosen or DEFAULT_FENCES
        for name in asked or properties.NAMES
    ]
    with report.Steps(console, live=not no_progress) as screen:
        results = prove_all(
            asked_for,
            assume=assume,
            nodes=None if nodes == "any" else int(nodes),
            progress=screen.task,
            apart=held,
        )
    written = _write_runs(
        runs,
        {(p.fence, p.property): p.counterexample for p in results if p.counterexample is not None},
        run_files.dumps,
        held,
    )
    console.print(report.proved(results, written, details=details))
    _write_json(
        {**_prefix("prove"), "results": [report.proof_json(p, written) for p in results]}, json_to, held
    )
    held.release()
    return _status(proof.verdict for proof in results)


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=_Place(path_type=Path))
@_fence_option
@click.option(
    "--property", "asked", type=_REPLAYED, multiple=True, metavar="NAME", help="Repeatable; default: all."
)
@click.option("--save-interval", type=_Duration(), help="tso-save-interval, where the trace does not tell.")
@click.option("--update-interval", type=_Duration(), help="tso-update-physical-interval, likewise.")
@click.option("--lease", type=click.IntRange(1, _MOST_LEASE_S), help="Seconds of a leader's lease, likewise.")
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
    from .traces.explain import replay as replaying
    from .traces.runs import files as run_files
    from .traces.sources import reading

    console = _console(quiet)
    held = Held()
    files = run_files.all_runs(paths)
    if files:
        again: dict[str, Rerun] = {}
        for file in files:
            with held:
                run = run_files.load(file)
                if set(asked) & set(liveness.NAMES) and run.cycle_from is None:
                    raise click.UsageError(
                        f"{file}: this run ends; only one that repeats can be asked for liveness"
                    )
                again[str(file)] = rerun(run, chosen, asked)
                console.print(report.rerun_text(again[str(file)]))
        _write_json({**_prefix("replay"), **report.reruns_json(again)}, json_to, held)
        held.release()
        refused = len(chosen) == 1 and not all(each.fences[0].allows for each in again.values())
        return VIOLATED if refused else _status(v.verdict for each in again.values() for v in each.properties)
    unheard = set(asked) - set(replaying.NAMES)
    if unheard:
        raise click.UsageError(
            f"{', '.join(sorted(unheard))}: only a run file can be asked for that; of a recording ask for "
            f"{', '.join(replaying.NAMES)}"
        )
    with report.Steps(console, live=not no_progress) as screen:
        trace = reading.read(
            paths,
            given=given(save_interval_ns=save_interval, update_interval_ns=update_interval, lease_s=lease),
            progress=screen.reading,
        )
        found = replaying.replay(
            trace, chosen, properties=asked or None, progress=screen.explaining, held=held
        )
    written = _write_runs(
        runs,
        {(v.fence, "explanation"): v.run for v in found.fences if v.run is not None},
        run_files.dumps,
        held,
    )
    console.print(report.replayed(found, written, details=details))
    _write_json({**_prefix("replay"), **report.replay_json(found)}, json_to, held)
    held.release()
    verdicts: list[str] = [judgement.verdict for judgement in found.properties]
    if len(chosen) == 1:
        conforms = found.fences[0].conforms
        verdicts.append("unknown" if conforms is None else "holds" if conforms else "violated")
    return _status(verdicts)


@main.command()
@click.argument("run_file", metavar="RUN.json", type=_Place(path_type=Path))
@click.option(
    "--to", "form", type=click.Choice(["text", "mermaid", "html"]), default="text", show_default=True
)
@click.option("-o", "target", type=_Place(dir_okay=False, path_type=Path), metavar="FILE")
def show(*, run_file: Path, form: str, target: Path | None) -> int:
    """Tell a run step by step: one column a server, one for etcd."""
    from .traces.runs import files as run_files
    from .traces.story import show as telling

    found = run_files.load(run_file)
    if form == "text":
        told = io.StringIO()
        Terminal(file=None if target is None else told).print(telling.text(found))
        text = told.getvalue()
    else:
        text = clean_lines(telling.html(found) if form == "html" else telling.mermaid(found))
    if target is not None:
        write(target, text)
    elif text:
        click.echo(text)
    return 0


@main.command("list")
@click.argument(
    "what", type=click.Choice(["scenarios", "fences", "properties", "transitions"]), required=False
)
def list_names(what: str | None) -> int:
    """Say which scenarios, fences, properties and transitions there are."""
    Terminal().print(report.listing([what] if what else report.LISTS))
    return 0

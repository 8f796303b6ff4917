"""The command line: click commands, nothing else. What they take is in `options.py`."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import __version__, options
from .checker.run import Run
from .checker.search.explore import MAX_STATES
from .checker.search.findings import Exploration
from .model.language.instance import REDUCTIONS
from .model.variants import fences
from .specs import assumptions, liveness, own, properties, scenario
from .specs.phrases.sought import FIND
from .traces.clocks.align import align
from .traces.explain import replay as replaying
from .traces.explain.replay import Report
from .traces.explain.shrinking import shrink
from .traces.output.endings import VIOLATED, OneLine, status
from .traces.output.terminal import Terminal, clean, clean_lines
from .traces.output.writing import put
from .traces.page import pages
from .traces.questions.ask import ask
from .traces.runs import files as run_files
from .traces.runs.rerun import Rerun, rerun
from .traces.sources import groups, reading
from .traces.sources.settings import given
from .traces.sources.trace import Trace
from .traces.story import show as telling
from .traces.tell import found as finding_states
from .traces.tell import results
from .traces.tell import watched as watching
from .traces.tell.answered import answered, answers_json
from .traces.tell.explored import explored
from .traces.tell.listing import LISTS, listing
from .traces.tell.matrix import Exploring
from .traces.tell.outlet import Outlet, as_json
from .traces.tell.progress import Steps
from .traces.tell.proved import proved
from .traces.tell.recorded import recorded
from .traces.tell.replayed import replayed, rerun_text, shrunk_text
from .traces.tell.witnesses import as_csv

if TYPE_CHECKING:
    from .traces.live.collect import Order

#: more than any machine has; what is larger is no number that a search can be given
_MOST_STATES, _MOST_LEASE_S = 1 << 48, (1 << 31) - 1
_MOST_SERVERS = 16  # of a proof for so many


@click.group(cls=OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tsofence")
def main() -> None:
    """Explore, prove and replay the fencing of PD's timestamp oracle.

    Exit status: 0 nothing violated, 1 violated, 2 bad usage or input, or a result that cannot be written,
    3 unknown, 70 a fault of tsofence, 130 interrupted before anything was found.
    """


@main.command()
@click.option(
    "--scenario",
    "place",
    type=options.SCENARIO,
    default=scenario.DEFAULT,
    metavar="NAME|FILE.toml",
    show_default=True,
)
@options.build
@options.fence
@click.option("--all-fences", is_flag=True, help="The matrix of all fences.")
@options.drop
@options.property_of(options.PROPERTY, "all of safety, and what liveness the scenario is there for")
@click.option(
    "--find",
    metavar="EXPRESSION",
    help="The shortest run to such a state, in the model's names, as in 'pd1.leader and tso1.serving' "
    "(docs/stepping.md); in place of properties.  Exit status: 0 reachable, 1 not reachable, 3 unknown.",
)
@click.option("--max-states", type=click.IntRange(1, _MOST_STATES), default=MAX_STATES, show_default=True)
@click.option(
    "--memory",
    type=options.Memory(),
    metavar="GIB",
    help="For all searches together.  [default: 3/4 of the machine's or container's]",
)
@options.engine
@click.option(
    "--without",
    type=click.Choice(REDUCTIONS),
    multiple=True,
    help="Do not treat as one: equal servers that change places; times that no step can tell apart; a save's "
    "step and the next, where nobody can tell when it is taken.  Verdicts stay the same.  Repeatable.",
)
@click.option(
    "--checkpoint",
    type=options.Place(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep each search here, now and then and when it ends; the same command goes on from there.",
)
@options.outlet
def explore(
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
    outlet: Outlet,
) -> int:
    """Go through every interleaving; show the shortest run that breaks each property."""
    from .checker.processes.matrix import explore_all

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
    names = options.systems(
        builds, fences.ALL if all_fences else chosen, world.fences or replaying.DEFAULT_FENCES, dropped
    )
    texts = {} if find is None else options.sought(find, world, names, dropped)
    asked = () if texts else asked or (*properties.NAMES, *world.liveness)
    ended: dict[str, Exploration] = {}
    columns = (FIND,) if texts else asked
    with Exploring(outlet.console, world, names, columns, live=outlet.live) as screen, outlet.held:

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
    findings = [(each.fence, finding) for each in found for finding in each.findings]
    written = outlet.write_runs({(fence, f.property): f.run for fence, f in findings if f.run is not None})
    if texts:
        outlet.console.print(finding_states.found(world, found, texts))
    outlet.console.print(explored(world, found, written, tell_runs=not all_fences))
    told = [results.exploration_json(each, written) for each in found]
    if texts:
        told = [
            finding_states.found_json(json, each, written, texts[each.fence])
            for json, each in zip(told, found, strict=True)
        ]
    outlet.finish("explore", {"scenario": world.name, "results": told})
    if texts:
        return status(finding_states.verdicts(found))
    return status(finding.verdict for _, finding in findings)


@main.command()
@options.build
@options.fence
@options.drop
@options.property_of(options.SAFETY)
@click.option("--nodes", default="any", metavar="any|N", help="How many servers.", show_default=True)
@click.option(
    "--assume",
    multiple=True,
    type=options.ASSUMPTION,
    metavar="NAME",
    help=f"Take for granted: {', '.join(each.name for each in assumptions.ASSUMPTIONS)}. Repeatable.",
)
@click.option("--details", is_flag=True, help="Show which guards each obligation needs.")
@options.outlet
def prove(
    *,
    builds: tuple[str, ...],
    chosen: tuple[str, ...],
    dropped: tuple[tuple[str, str], ...],
    asked: tuple[str, ...],
    nodes: str,
    assume: tuple[str, ...],
    details: bool,
    outlet: Outlet,
) -> int:
    """Prove properties for any number of servers and unbounded time; say which constants that takes."""
    from .checker.proof.prove import prove_all

    if nodes not in ("any", *map(str, range(1, _MOST_SERVERS + 1))):
        raise click.BadParameter(
            f"expected any, or a number from 1 to {_MOST_SERVERS}, got {nodes!r}", param_hint="--nodes"
        )
    names = options.systems(builds, chosen, replaying.DEFAULT_FENCES, dropped)
    with Steps(outlet.console, live=outlet.live) as screen:
        found = prove_all(
            [
                (fences.whole(fence), properties.named(name))
                for fence in names
                for name in asked or properties.NAMES
            ],
            assume=assume,
            dropped=dropped,
            nodes=None if nodes == "any" else int(nodes),
            progress=screen.task,
            apart=outlet.held,
        )
    written = outlet.write_runs(
        {(p.fence, p.property): p.counterexample for p in found if p.counterexample is not None}
    )
    outlet.console.print(proved(found, written, details=details))
    outlet.finish("prove", {"results": [results.proof_json(proof, written) for proof in found]})
    return status(proof.verdict for proof in found)


_DRAWN: dict[str, Callable[[Trace, Report], str]] = {
    "html": pages.of_recording,
    "svg": pages.timeline_of,
    "perfetto": pages.perfetto_of,
    "csv": lambda _, found: as_csv(found.properties),
}


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=options.Place(path_type=Path))
@options.build
@options.fence
@options.drop
@options.property_of(options.PROPERTY)
@click.option(
    "--save-interval", type=options.Duration(), help="tso-save-interval, where the trace does not tell."
)
@click.option("--update-interval", type=options.Duration(), help="tso-update-physical-interval, likewise.")
@click.option("--lease", type=click.IntRange(1, _MOST_LEASE_S), help="Seconds of a leader's lease, likewise.")
@click.option(
    "--group",
    type=click.IntRange(groups.DEFAULT, groups.LAST),
    default=groups.DEFAULT,
    show_default=True,
    help="The keyspace group to judge; what concerns others says nothing of it.",
)
@click.option("--details", is_flag=True, help="List the files that were read.")
@click.option(
    "--witnesses",
    type=options.Many(),
    metavar="all|N",
    help="Name so many of the pairs that show each violation, in the table of -o and --json.  "
    "[default: all in a table, none without]",
)
@click.option(
    "--to",
    "form",
    type=click.Choice(list(_DRAWN)),
    help="Also as a page that explains it, as its timeline alone, as trace events for ui.perfetto.dev, or "
    "as a table of what shows violations.  [default: by the ending of -o]",
)
@click.option(
    "-o",
    "target",
    callback=options.writable,
    metavar="FILE",
    help="Where that goes; - is stdout, the default.",
)
@click.option(
    "--shrink",
    "shrunk_to",
    type=options.Place(file_okay=False, path_type=Path),
    metavar="DIR",
    callback=options.empty,
    help="Write the smallest part that shows each violation, as a recording: DIR/PROPERTY.",
)
@options.outlet
def replay(
    *,
    paths: tuple[Path, ...],
    builds: tuple[str, ...],
    chosen: tuple[str, ...],
    dropped: tuple[tuple[str, str], ...],
    asked: tuple[str, ...],
    save_interval: int | None,
    update_interval: int | None,
    lease: int | None,
    group: int,
    details: bool,
    witnesses: int | None,
    form: str | None,
    target: str | None,
    shrunk_to: Path | None,
    outlet: Outlet,
) -> int:
    """Judge what a cluster did: etcd watch streams, PD and TSO logs, client samples, or a run file."""
    names = options.systems(builds, chosen, replaying.DEFAULT_FENCES, dropped)
    files = run_files.all_runs(paths)
    drawn = form
    if form is None and target is not None:
        drawn = Path(target).suffix.lower().removeprefix(".") or "csv"
        if drawn not in _DRAWN:
            raise click.UsageError(
                f"-o {target}: of {', '.join(_DRAWN)} its ending names none; say which with --to"
            )
    if drawn is not None and target in (None, "-") and outlet.to_stdout:
        raise click.UsageError("--json - goes to stdout as well: say where --to goes, with -o FILE")
    if files:
        if form is not None:
            raise click.UsageError("--to is for recordings: show RUN.json --to html shows a run")
        if dropped:
            raise click.UsageError(
                "--drop is for recordings: a run file says itself which guards it left out"
            )
        if witnesses or target or shrunk_to:
            raise click.UsageError("--witnesses, --shrink and -o are for recordings: a run file has one run")
        return _rerun(files, names if builds or chosen else (), asked, outlet)
    # of liveness only availability is judged; a run file may be asked for each
    unheard = set(asked) & set(liveness.known()) - set(replaying.NAMES)
    if unheard:
        raise click.UsageError(
            f"{', '.join(sorted(unheard))}: only a run file can be asked for that; of a recording ask for "
            f"{', '.join((*properties.known(), *set(replaying.NAMES) - set(properties.known())))}"
        )
    settings = given(save_interval_ns=save_interval, update_interval_ns=update_interval, lease_s=lease)
    with Steps(outlet.console, live=outlet.live) as screen:
        trace = reading.read(paths, given=settings, progress=screen.reading, group=group)
        found = replaying.replay(
            trace,
            names if builds or chosen else (),
            properties=asked or None,
            dropped=dropped,
            progress=screen.explaining,
            held=outlet.held,
            witnesses=witnesses or (options.Many.MOST if drawn == "csv" else 0),
        )
    written = outlet.write_runs({(v.fence, "explanation"): v.run for v in found.fences if v.run is not None})
    asked_of_it = ask(trace, found.properties, found.build)
    outlet.console.print(replayed(found, written, details=details))
    if drawn is not None:
        with outlet.held:
            put(_DRAWN[drawn](align(trace), found), target)
    tried = [each.fence for each in found.fences]
    for judgement in found.properties if shrunk_to else ():

        def shows(folder: Path, name: str = judgement.property) -> bool:
            part = reading.read([folder], given=settings, group=group)
            return replaying.verdict(part, name, tried, dropped) == "violated"

        if shrunk_to and judgement.verdict == "violated":
            with outlet.held:
                shrunk = shrink(paths, judgement, shows, shrunk_to / judgement.property)
                outlet.console.print(shrunk_text(judgement.property, shrunk))
    outlet.console.print(answered(asked_of_it, [source.file for source in found.sources], details=details))
    outlet.finish("replay", {**results.replay_json(found), **answers_json(asked_of_it)})
    verdicts: list[str] = [judgement.verdict for judgement in found.properties]
    if (builds or chosen) and len(names) == 1:
        conforms = found.fences[0].conforms
        verdicts.append("unknown" if conforms is None else "holds" if conforms else "violated")
    return status(verdicts)


def _rerun(files: Sequence[Path], chosen: Sequence[str], asked: Sequence[str], outlet: Outlet) -> int:
    """Replay of run files."""
    again: dict[str, Rerun] = {}
    for file in files:
        with outlet.held:
            run = run_files.load(file)
            if set(asked) & set(liveness.known()) and run.cycle_from is None:
                raise click.UsageError(
                    f"{file}: this run ends; only one that repeats can be asked for liveness"
                )
            again[str(file)] = rerun(run, chosen, asked)
            outlet.console.print(rerun_text(again[str(file)]))
    outlet.finish("replay", results.reruns_json(again))
    refused = len(chosen) == 1 and not all(each.fences[0].allows for each in again.values())
    return VIOLATED if refused else status(v.verdict for each in again.values() for v in each.properties)


@main.command(
    epilog="""\b
    Examples:
      tsofence record --pd http://10.0.1.5:2379 -o recorded
      tsofence record --pd https://pd-0:2379 --pd https://pd-1:2379 -o recorded \\
          --cacert ca.pem --cert client.pem --key client-key.pem --log /var/log/pd/pd.log
      tsofence replay recorded
    """
)
@options.cluster
@click.option(
    "-o",
    "folder",
    type=options.Place(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where to: each recording is a folder of its own in it.",
)
@click.option("--quiet", is_flag=True, help="Say nothing, only the exit status.")
def record(*, order: Order, folder: Path, quiet: bool) -> int:
    """Record what a cluster does, for replay: etcd's events through PD's client URL, and logs.

    It only reads: the keys of PD's timestamps as they are when it begins, every event of etcd from there on
    (of other keys only that there was one), and logs as they grow. A connection that ends is begun again;
    what is lost all the same is said, and replay finds it in the recording. Ctrl-C ends it.

    Exit status: 0 the recording is whole; 3 something is missing, or it ended by itself; 2 nothing can be
    recorded, or written; 130 interrupted before anything was recorded.
    """
    from .traces.live.collect import record as recording

    console = Terminal(stderr=True, quiet=quiet)
    found = recording(order, folder, lambda line: console.print(clean(line)))
    console.print(recorded(found))
    return status(["holds" if found.whole else "unknown"])


@main.command(
    epilog="""\b
    Examples:
      tsofence watch --pd http://10.0.1.5:2379
      tsofence watch --pd https://pd-0:2379 --cacert ca.pem --cert client.pem --key client-key.pem \\
          --log /var/log/pd/pd.log --build release-8.5 --metrics 9105 -o recorded
    """
)
@options.cluster
@options.build
@options.fence
@click.option(
    "--property",
    "asked",
    type=options.PROPERTY,
    multiple=True,
    metavar="NAME",
    help=f"Repeatable; default: {' and '.join(watching.PROPERTIES)}, which need no client's samples.",
)
@click.option(
    "--metrics",
    "metrics_at",
    type=options.Address(),
    metavar="[ADDRESS:]PORT",
    help="Serve metrics for Prometheus there; without an address, to this machine only.",
)
@click.option(
    "-o",
    "folder",
    type=options.Place(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the whole recording here.  [default: only its last parts, while it is judged]",
)
@click.option("--quiet", is_flag=True, help="Say nothing, only the exit status.")
@click.option("--no-progress", is_flag=True, help="Only lines: no table of how things stand.")
def watch(
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
    """Judge what a cluster does as it goes on: record, and replay the last part again and again.

    A violation is a line, once. What is judged is at most the last 20 minutes, or about 4,000 events of etcd;
    judging takes at most a fifth of one core. Ctrl-C ends it.

    Exit status: 1 something was violated; 3 something was not decided, or is missing; 0 neither; 2 and 130 as
    for record.
    """
    names = options.systems(builds, chosen, replaying.DEFAULT_FENCES, ())
    return watching.watch(
        order,
        folder,
        properties=asked or watching.PROPERTIES,
        fences=chosen,
        builds=builds,
        must_conform=bool(builds or chosen) and len(names) == 1,
        metrics_at=metrics_at,
        console=Terminal(stderr=True, quiet=quiet),
        live=not no_progress,
    )


@main.command()
@click.argument("run_file", metavar="RUN.json", type=options.Place(path_type=Path))
@options.taken_from(
    "--build", options.BUILD, "FILE.py", "Where the run's build comes from, if it is one of your own."
)
@options.taken_from("--fence", options.FENCE, "FILE.py", "Likewise its fence.")
@options.taken_from("--property", options.PROPERTY, "FILE.py:NAME", "Likewise the property that it breaks.")
@click.option(
    "--to", "form", type=click.Choice(["text", "mermaid", "html", "json"]), default="text", show_default=True
)
@click.option("-o", "target", type=options.Place(dir_okay=False, path_type=Path), metavar="FILE")
def show(*, run_file: Path, form: str, target: Path | None) -> int:
    """Tell a run step by step: one column a server, one for etcd; and where its end comes from."""
    found = run_files.load(run_file)
    if form == "text":
        told = io.StringIO()
        Terminal(file=None if target is None else told).print(telling.text(found))
        text = told.getvalue()
    else:
        text = _SHOWN[form](found)
    put(text, target)
    return 0


@main.command(
    epilog="""\b
    Examples:
      tsofence step
      tsofence step tso-restart --fence check-tso-primary
      tsofence step found/off.unique.json
    """
)
@click.argument("what", default=scenario.DEFAULT, metavar="[SCENARIO|RUN.json]")
@options.build
@options.fence
@options.drop
def step(
    *, what: str, builds: tuple[str, ...], chosen: tuple[str, ...], dropped: tuple[tuple[str, str], ...]
) -> int:
    """Step through a scenario, or a run, by hand: what can happen, what refuses the rest, undo, find, save.

    It needs a terminal; ? tells the keys, docs/stepping.md the rest. A scenario is stepped through under the
    base of pull 10473 without a fence, or what --build and --fence say.
    """
    begun = options.start(what, builds, chosen, dropped)
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError("step needs a terminal; show RUN.json tells a run without one")
    from .traces.stepping.app import stepped
    from .traces.stepping.session import Session

    stepped(Session(begun))
    return 0


def _json(run: Run) -> str:
    return as_json({"command": "show", "version": __version__, **telling.data(run)})


_SHOWN: dict[str, Callable[[Run], str]] = {
    "mermaid": lambda run: clean_lines(telling.mermaid(run)),
    "html": pages.of_run,
    "json": _json,
}


@main.command("list")
@click.argument("what", type=click.Choice(LISTS), required=False)
def list_names(what: str | None) -> int:
    """Say which scenarios, builds, fences, properties and transitions there are."""
    Terminal().print(listing([what] if what else LISTS))
    return 0

"""The command line: click commands, nothing else. What they take is in `options.py`."""

from __future__ import annotations

import io
import json
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
from .specs import assumptions, liveness, own, properties, ranks, scenario
from .specs.phrases.sought import FIND
from .traces.clocks.align import on_one_clock
from .traces.explain import replay as replaying
from .traces.explain.replay import Report
from .traces.explain.shrinking import shrink
from .traces.export.itf import itf
from .traces.output.endings import VIOLATED, OneLine, status
from .traces.output.terminal import Terminal, clean, clean_lines, is_closed
from .traces.output.writing import put
from .traces.page import pages
from .traces.runs import files as run_files
from .traces.runs import last
from .traces.runs.folders import Runs, all_runs
from .traces.runs.rerun import Rerun, rerun
from .traces.sources import groups, reading
from .traces.sources.naming import Places
from .traces.sources.settings import given
from .traces.sources.trace import Trace
from .traces.story import show as telling
from .traces.story.explained import asked_of
from .traces.tell import certified, results, schemas
from .traces.tell import explored as exploring
from .traces.tell import found as finding_states
from .traces.tell import needed as needing
from .traces.tell import proved as proving
from .traces.tell import watched as watching
from .traces.tell.answered import answered
from .traces.tell.examples import examples
from .traces.tell.listing import LISTS, listing
from .traces.tell.matrix import Exploring
from .traces.tell.outlet import Outlet, as_json
from .traces.tell.progress import Steps
from .traces.tell.recorded import recorded
from .traces.tell.replayed import left_out, replayed, rerun_text, shrunk_text, what_next
from .traces.tell.shown import Next
from .traces.tell.witnesses import as_csv

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .specs.lemmas import Lemma
    from .traces.live.collect import Order

#: more than any machine has; what is larger is no number that a search can be given
_MOST_STATES, _MOST_LEASE_S = 1 << 48, (1 << 31) - 1
_MOST_SERVERS = 16  # of a proof for so many
_MOST_TICKS = 1 << 20


@click.group(
    cls=OneLine, context_settings={"help_option_names": ["-h", "--help"]}, epilog=examples("tsofence")
)
@click.version_option(__version__, prog_name="tsofence")
def main() -> None:
    """Explore, prove and replay the fencing of PD's timestamp oracle.

    Exit status: 0 nothing violated, 1 violated, 2 bad usage or input, or a result that cannot be written,
    3 unknown, 70 a fault of tsofence, 130 interrupted before anything was found.
    """


@main.command(epilog=examples("explore"))
@options.scenario_of
@options.build
@options.fence
@click.option("--all-fences", is_flag=True, help="The matrix of all fences.")
@options.drop
@options.property_of(options.PROPERTY, "all of safety, and what liveness the scenario is there for")
@click.option(
    "--find",
    metavar="EXPRESSION",
    help="The shortest run to such a state, in the model's names, as in 'pd1.leader and tso1.able_to_grant' "
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
@click.option("--details", is_flag=True, help="What was reduced, and all that never happened.")
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
    details: bool,
    outlet: Outlet,
) -> int:
    """Go through every interleaving; show what breaks each property.

    The shortest run of all is told here; the others are kept for: tsofence show last.
    """
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
            kept=kept,
            details=details,
            sought=texts,
        )
    )
    outlet.finish(lambda: results.explored(world.name, found, written, texts))
    if texts:
        return status(finding_states.verdicts(found))
    return status(finding.verdict for each in found for finding in each.findings)


@main.command(epilog=examples("prove"))
@options.build
@options.fence
@options.drop
@options.property_of(options.PROVABLE, "all of safety")
@click.option("--nodes", default="any", metavar="any|N", help="How many servers.", show_default=True)
@click.option(
    "--assume",
    multiple=True,
    type=options.ASSUMPTION,
    metavar="NAME",
    help=f"Take for granted: {', '.join(each.name for each in assumptions.ASSUMPTIONS)}. Repeatable.",
)
@click.option(
    "--weakest",
    is_flag=True,
    help="Which assumptions are enough, beside those of --assume, and by which runs each is needed.",
)
@click.option("--details", is_flag=True, help="Show which guards each obligation needs.")
@click.option(
    "--lemmas",
    "given",
    metavar="FILE.py",
    callback=options.lemmas,
    help="From these lemmas, and no others.  [default: those there are; where they prove nothing, some are "
    "looked for]",
)
@click.option(
    "--keep-lemmas",
    "kept_in",
    metavar="FILE.py",
    callback=options.writable,
    help="Write the lemmas of what is proved, as --lemmas reads them.",
)
@click.option(
    "--certify",
    "certified_to",
    type=options.Place(file_okay=False, path_type=Path),
    metavar="DIR",
    callback=options.empty,
    help="Write what is proved as SMT-LIB 2, for verify and any other solver.",
)
@options.outlet
def prove(
    *,
    builds: tuple[str, ...],
    chosen: tuple[str, ...],
    dropped: tuple[tuple[str, str], ...],
    asked: tuple[str, ...],
    nodes: str,
    assume: tuple[str, ...],
    weakest: bool,
    details: bool,
    given: tuple[Lemma, ...] | None,
    kept_in: str | None,
    certified_to: Path | None,
    outlet: Outlet,
) -> int:
    """Prove properties for any number of servers.

    Says which constants and assumptions that takes.
    """
    from .checker.proof.prove import prove_all

    if nodes not in ("any", *map(str, range(1, _MOST_SERVERS + 1))):
        raise click.BadParameter(
            f"expected any, or a number from 1 to {_MOST_SERVERS}, got {nodes!r}", param_hint="--nodes"
        )
    lasting = [name for name in asked if name in ranks.NAMES]
    if lasting and (given is not None or kept_in is not None or certified_to is not None):
        raise click.UsageError(
            f"{lasting[0]} is of liveness, which follows from a rank: expected no --lemmas, --keep-lemmas or "
            "--certify beside it; ask for it by itself"
        )
    names = options.systems(builds, chosen, replaying.DEFAULT_FENCES, dropped)
    options.said_of(names, given or ())
    if weakest:
        if nodes != "any" or details or kept_in or certified_to:
            raise click.UsageError(
                "--weakest is of any number of servers and finds assumptions only: leave --nodes, --details, "
                "--keep-lemmas and --certify out, and give what it finds to --assume"
            )
        return _weakest(names, asked or properties.NAMES, assume, dropped, given, outlet)
    with Steps(outlet.progress, live=outlet.live) as screen:
        found = prove_all(
            [
                (fence, ranks.provable(name))
                for fence in map(fences.whole, names)
                for name in asked or properties.NAMES
            ],
            assume=assume,
            dropped=dropped,
            nodes=None if nodes == "any" else int(nodes),
            lemmas=given,
            progress=screen.task,
            apart=outlet.held,
        )
    runs = proving.runs_of(found)
    written = outlet.write_runs(runs)
    kept = outlet.keep(runs)
    certificates: dict[tuple[str, str], str] = {}
    more: list[RenderableType] = []
    then: list[Next] = []
    if certified_to is not None:
        with outlet.held:
            certificates = certified.write_certificates(found, certified_to)
            more.append(certified.told(certificates, certified_to))
            then += certified.checked_by(certificates, certified_to)
    outlet.console.print(proving.proved(found, written, details=details, kept=kept, more=more, then=then))
    if kept_in is not None:
        with outlet.held:
            put(proving.lemmas_of(found), kept_in)
    outlet.finish(lambda: results.proved(found, written, certificates))
    return status(proof.verdict for proof in found)


def _weakest(
    names: Sequence[str],
    asked: Sequence[str],
    assume: Sequence[str],
    dropped: Sequence[tuple[str, str]],
    given: tuple[Lemma, ...] | None,
    outlet: Outlet,
) -> int:
    """What each property needs."""
    from .checker.proof.weakest import all_weakest

    with Steps(outlet.progress, live=outlet.live) as screen:
        found = all_weakest(
            [(fences.whole(fence), properties.named(name)) for fence in names for name in asked],
            assume=assume,
            dropped=dropped,
            lemmas=given,
            progress=screen.task,
            apart=outlet.held,
        )
    runs = needing.runs_of(found)
    written = outlet.write_runs(runs)
    outlet.keep(runs)
    outlet.console.print(needing.needed(found, written))
    outlet.finish(lambda: results.needed(found, written))
    return status(needing.verdict(each) for each in found)


@main.command(epilog=examples("verify"))
@click.argument("folder", metavar="DIR", type=options.Place(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--solver",
    "name",
    default="cvc5",
    show_default=True,
    metavar="NAME",
    help="cvc5 as a library, or a program that is given a file of SMT-LIB 2: z3, or a path.",
)
@options.taken_from(
    "--build", options.BUILD, "FILE.py", "Where its build comes from, if it is one of your own."
)
@options.taken_from("--fence", options.FENCE, "FILE.py", "Likewise its fence.")
@options.taken_from("--property", options.SAFETY, "FILE.py:NAME", "Likewise what was proved.")
@options.outlet_without_runs
def verify(*, folder: Path, name: str, outlet: Outlet) -> int:
    """Check a certificate with another solver.

    That is what prove --certify wrote; none of the code that proved it is used. Every file has to be there as
    it was written, and to be what the fence and property named have to show.

    Exit status: 0 all of it is verified; 1 some check is refuted; 3 a solver gave no answer, or the fence
    named is another by now; 2 a file is missing or damaged.
    """
    from .checker.certificates.solvers import solver
    from .checker.certificates.verify import verify as verifying

    chosen = solver(name)
    with Steps(outlet.progress, live=outlet.live) as screen:
        found = verifying(folder, chosen, screen.task)
    outlet.console.print(certified.verified(found, chosen))
    outlet.finish(lambda: results.verified(found, chosen))
    return status({"refuted": "violated"}.get(each.verdict, each.verdict) for each in found)


_DRAWN: dict[str, Callable[[Trace, Report], str]] = {
    "html": pages.of_recording,
    "svg": pages.timeline_of,
    "perfetto": pages.perfetto_of,
    "csv": lambda _, found: as_csv(found.properties),
}


@main.command(epilog=examples("replay"))
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
    """Judge what a cluster did, from watch streams, logs and samples.

    Watch streams of etcd, logs of PD, TSO servers and clients, samples of calls, or a run file.
    """
    names = options.systems(builds, chosen, replaying.DEFAULT_FENCES, dropped)
    runs = all_runs(paths)
    drawn = form
    if form is None and target is not None:
        drawn = Path(target).suffix.lower().removeprefix(".") or "csv"
        if drawn not in _DRAWN:
            raise click.UsageError(
                f"-o {target}: of {', '.join(_DRAWN)} its ending names none; say which with --to"
            )
    if drawn is not None and target in (None, "-"):
        if outlet.to_stdout:
            raise click.UsageError("--json - goes to stdout as well: say where --to goes, with -o FILE")
        outlet.leave_stdout()
    if runs.files:
        if form is not None:
            raise click.UsageError("--to is for recordings: show RUN.json --to html shows a run")
        if dropped:
            raise click.UsageError(
                "--drop is for recordings: a run file says itself which guards it left out"
            )
        if witnesses or target or shrunk_to:
            raise click.UsageError("--witnesses, --shrink and -o are for recordings: a run file has one run")
        return _rerun(runs, names if builds or chosen else (), asked, outlet)
    # of liveness only availability is judged; a run file may be asked for each
    unheard = set(asked) & set(liveness.known()) - set(replaying.NAMES)
    if unheard:
        raise click.UsageError(
            f"{', '.join(sorted(unheard))}: only a run file can be asked for that; of a recording ask for "
            f"{', '.join((*properties.known(), *set(replaying.NAMES) - set(properties.known())))}"
        )
    settings = given(save_interval_ns=save_interval, update_interval_ns=update_interval, lease_s=lease)
    with Steps(outlet.progress, live=outlet.live) as screen:
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
    aligned = on_one_clock(trace, found.clocks)
    asked_of_it = asked_of(aligned, found)
    places = Places(trace)
    cause: list[str] = []
    with outlet.held:
        if any(each.verdict == "violated" for each in found.properties):
            cause = pages.first_cause(aligned, found)
    outlet.console.print(replayed(found, written, details=details, places=places, cause=cause))
    if drawn is not None:
        with outlet.held:
            put(_DRAWN[drawn](aligned, found), target)
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
    outlet.console.print(what_next(found, paths, details=details))
    outlet.finish(lambda: results.replayed(found, asked_of_it, places))
    verdicts: list[str] = [judgement.verdict for judgement in found.properties]
    if (builds or chosen) and len(names) == 1:
        conforms = found.fences[0].conforms
        verdicts.append("unknown" if conforms is None else "holds" if conforms else "violated")
    return status(verdicts)


def _rerun(runs: Runs, chosen: Sequence[str], asked: Sequence[str], outlet: Outlet) -> int:
    """Replay of run files."""
    again: dict[str, Rerun] = {}
    for file in runs.files:
        with outlet.held:
            run = run_files.load(file)
            if set(asked) & set(liveness.known()) and run.cycle_from is None:
                raise click.UsageError(
                    f"{file}: this run ends; only one that repeats can be asked for liveness"
                )
            again[str(file)] = rerun(run, chosen, asked)
            outlet.console.print(rerun_text(again[str(file)]))
    if runs.beside:
        outlet.console.print(left_out(runs.beside))
    outlet.finish(lambda: results.rerun(again))
    refused = len(chosen) == 1 and not all(each.fences[0].allows for each in again.values())
    return VIOLATED if refused else status(v.verdict for each in again.values() for v in each.properties)


@main.command(epilog=examples("record"))
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
    """Record what a cluster does, for replay.

    It only reads, through PD's client URL: the keys of PD's timestamps as they are when it begins, every
    event of etcd from there on (of other keys only that there was one), and logs as they grow. With --sample
    it also asks for timestamps, as clients do. A connection that ends is begun again; what is lost all the
    same is said, and replay finds it in the recording. Ctrl-C ends it.

    Exit status: 0 the recording is whole; 3 something is missing, or it ended by itself; 2 nothing can be
    recorded, or written; 130 interrupted before anything was recorded.
    """
    from .traces.live.collect import record as recording

    progress = Terminal(stderr=True, quiet=quiet)
    found = recording(order, folder, lambda line: progress.print(clean(line)))
    Terminal(quiet=quiet or is_closed("stdout")).print(recorded(found))
    return status(["holds" if found.whole else "unknown"])


@main.command(epilog=examples("watch"))
@options.cluster
@options.build
@options.fence
@click.option(
    "--property",
    "asked",
    type=options.PROPERTY,
    multiple=True,
    metavar="NAME",
    help=f"Repeatable; default: {' and '.join(watching.PROPERTIES)}, which need no client's samples; "
    f"with --sample {' and '.join(watching.OF_SAMPLES)} as well.",
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
    """Judge what a cluster does as it goes on.

    It records, and replays the last part again and again.

    A violation is a line, once. What is judged is at most the last 20 minutes, or about 4,000 events of etcd;
    judging takes at most a fifth of one core. Ctrl-C ends it.

    Exit status: 1 something was violated; 3 something was not decided, or is missing; 0 neither; 2 and 130 as
    for record.
    """
    names = options.systems(builds, chosen, replaying.DEFAULT_FENCES, ())
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


@main.command(epilog=examples("show"))
@click.argument("run_file", metavar="RUN.json|last", type=options.Place(path_type=Path))
@click.argument("which", nargs=-1, metavar="[[FENCE.]PROPERTY]")
@options.taken_from(
    "--build", options.BUILD, "FILE.py", "Where the run's build comes from, if it is one of your own."
)
@options.taken_from("--fence", options.FENCE, "FILE.py", "Likewise its fence.")
@options.taken_from("--property", options.PROPERTY, "FILE.py:NAME", "Likewise the property that it breaks.")
@click.option(
    "--to",
    "form",
    type=click.Choice(["text", "mermaid", "html", "json", "itf"]),
    default="text",
    show_default=True,
)
@click.option("-o", "target", type=options.Place(dir_okay=False, path_type=Path), metavar="FILE")
def show(*, run_file: Path, which: tuple[str, ...], form: str, target: Path | None) -> int:
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
    return 0


@main.command(epilog=examples("step"))
@click.argument("what", default=scenario.DEFAULT, metavar="[SCENARIO|RUN.json]")
@options.one_system(fences.NONE)
@options.drop
def step(
    *, what: str, builds: tuple[str, ...], chosen: tuple[str, ...], dropped: tuple[tuple[str, str], ...]
) -> int:
    """Step through a scenario, or a run, by hand.

    What can happen, what refuses the rest, undo, find, save. It needs a terminal; ? tells the keys,
    docs/stepping.md the rest.
    """
    begun = options.start(what, builds, chosen, dropped)
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError("step needs a terminal; show RUN.json tells a run without one")
    from .traces.stepping.app import stepped
    from .traces.stepping.session import Session

    stepped(Session(begun))
    return 0


_SHOWN: dict[str, Callable[[Run], str]] = {
    "mermaid": lambda run: clean_lines(telling.mermaid(run)),
    "html": pages.of_run,
    "json": lambda run: as_json(telling.data(run)),
    "itf": itf,
}


@main.command(epilog=examples("export"))
@click.option(
    "--to", "form", type=click.Choice(["tla"]), default="tla", show_default=True, help="As a TLA+ module."
)
@options.scenario_of
@options.one_system(f"{options.EXPORTED}; none where a build is named")
@options.drop
@options.property_of(options.SAFETY, "all of safety")
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
    callback=options.writable,
    metavar="FILE.tla",
    help="The module; FILE.cfg and FILE_folded.cfg, for TLC, go beside it.  [default: stdout, alone]",
)
def export(
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
    from .traces.export.export import written

    world = scenario.load(place)
    default = [fences.NONE] if builds else world.fences or [options.EXPORTED]
    names = options.systems(builds, chosen, default, dropped)
    if len(names) > 1:
        raise click.UsageError(f"one module is one system, not {len(names)}: name one build and one fence")
    with Steps(Terminal(stderr=True), live=True) as screen:
        for file, text in written(
            world, names[0], asked, dropped=dropped, ticks=ticks, target=target, progress=screen.proving
        ).items():
            put(text, file)
    return 0


#: what `list` prints one of, by its name
_PRINTED: dict[str, Callable[[str], str]] = {
    "scenario": scenario.text_of,
    "schema": lambda name: json.dumps(schemas.schema(name), indent=2),
}


def _names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    there = {"scenario": scenario.names(), "schema": tuple(schemas.MEANINGS)}
    return [name for name in there.get(ctx.params.get("what", ""), ()) if name.startswith(incomplete)]


@main.command("list", epilog=examples("list"))
@click.argument("what", type=click.Choice([*LISTS, *_PRINTED]), required=False)
@click.argument("name", required=False, shell_complete=_names)
def list_names(what: str | None, name: str | None) -> int:
    """Say which names there are, and what they mean; or print one.

    With a NAME a scenario (TOML, to be changed and given to --scenario) or a JSON Schema is printed.
    """
    if what in _PRINTED:
        if name is None:
            raise click.UsageError(f"list {what} needs a name: tsofence list {what}s says which there are")
        try:
            put(_PRINTED[what](name), None)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return 0
    if name is not None:
        raise click.UsageError(f"only {' and '.join(_PRINTED)} take a name: leave out {name!r}")
    Terminal().print(listing([what] if what else LISTS))
    return 0

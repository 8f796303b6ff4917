"""replay: what a cluster did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from ..model.variants import fences
from ..specs import liveness, properties
from ..traces.clocks.align import on_one_clock
from ..traces.explain import replay as replaying
from ..traces.explain.replay import Report
from ..traces.explain.shrinking import shrink
from ..traces.judge.exact import PROPERTIES
from ..traces.output.endings import VIOLATED, status
from ..traces.output.writing import put
from ..traces.page import pages
from ..traces.runs import files as run_files
from ..traces.runs.folders import Runs, all_runs
from ..traces.runs.rerun import Rerun, rerun
from ..traces.sources import groups, reading
from ..traces.sources.naming import Places
from ..traces.sources.settings import given
from ..traces.sources.trace import Trace
from ..traces.story.explained import asked_of
from ..traces.tell import results
from ..traces.tell.answered import answered
from ..traces.tell.examples import examples
from ..traces.tell.outlet import Outlet
from ..traces.tell.progress import Steps
from ..traces.tell.replayed import left_out, replayed, rerun_text, shrunk_text, what_next
from ..traces.tell.witnesses import as_csv
from .taking import kinds, outlets, places, systems
from .taking.typed import Typed, typed

#: more than anybody waits for
_MOST_LEASE_S = (1 << 31) - 1

_DRAWN: dict[str, Callable[[Trace, Report], str]] = {
    "html": pages.of_recording,
    "svg": pages.timeline_of,
    "perfetto": pages.perfetto_of,
    "csv": lambda _, found: as_csv(found.properties),
}


#: what a judgement depends on
_SAME = frozenset(
    ["paths", "builds", "chosen", "dropped", "asked", "save_interval", "update_interval", "lease", "group"]
)


@click.command("replay", cls=Typed, epilog=examples("replay"))
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=kinds.Place(path_type=Path))
@systems.build
@systems.fence
@systems.drop
@systems.property_of(systems.PROPERTY)
@click.option(
    "--save-interval", type=kinds.Duration(), help="tso-save-interval, where the trace does not tell."
)
@click.option("--update-interval", type=kinds.Duration(), help="tso-update-physical-interval, likewise.")
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
    type=kinds.Many(),
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
    callback=places.writable,
    metavar="FILE",
    help="Where that goes; - is stdout, the default.",
)
@click.option(
    "--shrink",
    "shrunk_to",
    type=kinds.Place(file_okay=False, path_type=Path),
    metavar="DIR",
    callback=places.empty,
    help="Write the smallest part that shows each violation, as a recording: DIR/PROPERTY.",
)
@outlets.outlet
def command(
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
    names = systems.named(builds, chosen, fences.DEFAULTS, dropped)
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
            witnesses=witnesses or (kinds.Many.MOST if drawn == "csv" else 0),
        )
    written = outlet.write_runs({(v.fence, "explanation"): v.run for v in found.fences if v.run is not None})
    aligned = on_one_clock(trace, found.clocks)
    asked_of_it = asked_of(aligned, found)
    places = Places(trace)
    cause: list[str] = []
    with outlet.held:
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
                modelled = judgement.property not in PROPERTIES and tried != list(fences.DEFAULTS)
                under = _options(tried) if modelled and not (builds or chosen) else ""
                outlet.console.print(shrunk_text(judgement.property, shrunk, under))
    outlet.console.print(answered(asked_of_it, [source.file for source in found.sources], details=details))
    outlet.console.print(what_next(found, typed(*_SAME), details=details))
    outlet.finish(lambda: results.replayed(found, asked_of_it, places, cause))
    verdicts: list[str] = [judgement.verdict for judgement in found.properties]
    if (builds or chosen) and len(names) == 1:
        conforms = found.fences[0].conforms
        verdicts.append("unknown" if conforms is None else "holds" if conforms else "violated")
    return status(verdicts)


def _options(systems_: Sequence[str]) -> str:
    """How to ask for what was tried, where its lines alone do not tell."""
    parted = [fences.parted(name) for name in systems_]
    builds = dict.fromkeys(build for build, _ in parted)
    chosen = dict.fromkeys(fence for _, fence in parted if fence != fences.NONE)
    return " ".join([*(f"--build {name}" for name in builds), *(f"--fence {name}" for name in chosen)])


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

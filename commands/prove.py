"""prove: any number of servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..model.pd import system
from ..model.variants import fences
from ..specs import assumptions, candidates, own, properties, ranks
from ..specs.lemmas import Lemma
from ..traces.output.endings import status
from ..traces.output.writing import put
from ..traces.tell import certified, results
from ..traces.tell import needed as needing
from ..traces.tell import proved as proving
from ..traces.tell.examples import examples
from ..traces.tell.outlet import Outlet
from ..traces.tell.progress import Steps
from ..traces.tell.shown import Next
from .taking import kinds, outlets, places, systems
from .taking.typed import Typed, typed

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_SERVERS = 16  # of a proof for so many


def lemmas(ctx: click.Context, param: click.Parameter, path: str | None) -> tuple[Lemma, ...] | None:
    """The lemmas in a file of one's own."""
    if path is None:
        return None
    try:
        return own.lemmas(path)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def said_of(names: Iterable[str], given: Iterable[Lemma]) -> None:
    """Whether lemmas speak of what these systems have.

    Raises:
        click.BadParameter: one does not.
    """
    for name in names:
        vocabulary = system.vocabulary(fences.whole(name))
        for lemma in given:
            if not candidates.is_said_in(vocabulary, lemma.claim):
                raise click.BadParameter(
                    f"lemma {lemma.name!r} speaks of a variable that {name} has not; leave it out",
                    param_hint="--lemmas",
                )


@click.command("prove", cls=Typed, epilog=examples("prove"))
@systems.build
@systems.fence
@systems.drop
@systems.property_of(systems.PROVABLE, "all of safety")
@click.option("--nodes", default="any", metavar="any|N", help="How many servers.", show_default=True)
@click.option(
    "--assume",
    multiple=True,
    type=systems.ASSUMPTION,
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
    callback=lemmas,
    help="From these lemmas, and no others.  [default: those there are; where they prove nothing, some are "
    "looked for]",
)
@click.option(
    "--keep-lemmas",
    "kept_in",
    metavar="FILE.py",
    callback=places.writable,
    help="Write the lemmas of what is proved, as --lemmas reads them.",
)
@click.option(
    "--certify",
    "certified_to",
    type=kinds.Place(file_okay=False, path_type=Path),
    metavar="DIR",
    callback=places.empty,
    help="Write what is proved as SMT-LIB 2, for verify and any other solver.",
)
@outlets.outlet
def command(
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
    from ..checker.proof.prove import prove_all

    if nodes not in ("any", *map(str, range(1, _MOST_SERVERS + 1))):
        raise click.BadParameter(
            f"expected any, or a number from 1 to {_MOST_SERVERS}, got {nodes!r}", param_hint="--nodes"
        )
    lasting = [name for name in asked if name in ranks.NAMES]
    if lasting and (given is not None or kept_in is not None):
        raise click.UsageError(
            f"{lasting[0]} is of liveness, which follows from a rank: expected no --lemmas or --keep-lemmas "
            "beside it; ask for it by itself"
        )
    names = systems.named(builds, chosen, fences.DEFAULTS, dropped)
    said_of(names, given or ())
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
    outlet.console.print(
        proving.proved(
            *(found, written),
            details=details,
            kept=kept,
            more=more,
            then=then,
            again=typed("dropped", "nodes", "given"),
        )
    )
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
    from ..checker.proof.weakest import all_weakest

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

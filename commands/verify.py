"""verify: a proof, checked by another solver."""

from __future__ import annotations

from pathlib import Path

import click

from ..traces.output.endings import status
from ..traces.tell import certified, results
from ..traces.tell.examples import examples
from ..traces.tell.outlet import Outlet
from ..traces.tell.progress import Steps
from .taking import kinds, outlets, systems


@click.command("verify", epilog=examples("verify"))
@click.argument("folder", metavar="DIR", type=kinds.Place(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--solver",
    "name",
    default="cvc5",
    show_default=True,
    metavar="NAME",
    help="cvc5 as a library, or a program that is given a file of SMT-LIB 2: z3, or a path.",
)
@systems.taken_from(
    "--build", systems.BUILD, "FILE.py", "Where its build comes from, if it is one of your own."
)
@systems.taken_from("--fence", systems.FENCE, "FILE.py", "Likewise its fence.")
@systems.taken_from("--property", systems.SAFETY, "FILE.py:NAME", "Likewise what was proved.")
@outlets.outlet_without_runs
def command(*, folder: Path, name: str, outlet: Outlet) -> int:
    """Check a certificate with another solver.

    That is what prove --certify wrote; none of the code that proved it is used. Every file has to be there as
    it was written, and to be what the fence and property named have to show.

    Exit status: 0 all of it is verified; 1 some check is refuted; 3 a solver gave no answer, or the fence
    named is another by now; 2 a file is missing or damaged.
    """
    from ..checker.certificates.solvers import solver
    from ..checker.certificates.verify import verify as verifying

    chosen = solver(name)
    with Steps(outlet.progress, live=outlet.live) as screen:
        found = verifying(folder, chosen, screen.task)
    outlet.console.print(certified.verified(found, chosen))
    outlet.finish(lambda: results.verified(found, chosen))
    return status({"refuted": "violated"}.get(each.verdict, each.verdict) for each in found)

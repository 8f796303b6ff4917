"""Certificates: how they are written, and what is said of one that was checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from ... import __version__
from ...checker.certificates import manifest
from ...checker.certificates.solvers import Solver
from ...checker.certificates.verify import Checked
from ...checker.certificates.write import certificate
from ...model.variants import fences
from ...specs import ranks
from ..output.writing import write
from .shown import Next
from .tables import columns, indented, verdict_text

if TYPE_CHECKING:  # it comes with z3, which takes long to import
    from ...checker.proof.attempt import Proof


def write_certificates(proofs: Sequence[Proof], folder: Path) -> dict[tuple[str, str], str]:
    """Write what is proved, and the manifest last: where each proof is, by fence and property.

    Raises:
        BadInput: a file cannot be written.
    """
    written, listed = {}, []
    for proof in proofs:
        if proof.verdict != "proved":
            continue
        made, texts = certificate(
            proof.fence,
            ranks.provable(proof.property),
            proof.lemmas,
            assume=proof.assumptions,
            constraints=proof.constraints,
            nodes=proof.nodes,
            dropped=proof.dropped,
            solver=proof.solver,
        )
        place = folder / made.folder
        place.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write(place / name, text)
        listed.append(made)
        written[proof.fence, proof.property] = str(place)
    folder.mkdir(parents=True, exist_ok=True)
    text = manifest.as_text(manifest.Manifest(manifest.FORMAT, __version__, tuple(listed)))
    write(folder / manifest.FILE, text)
    return written


def told(written: dict[tuple[str, str], str], folder: Path) -> RenderableType:
    """How many there are, and where."""
    if not written:
        return indented("no certificate: nothing is proved", "yellow")
    said = "1 certificate" if len(written) == 1 else f"{len(written)} certificates"
    return indented(f"{said} written to {folder}", "dim")


def checked_by(written: dict[tuple[str, str], str], folder: Path) -> list[Next]:
    """How to check them."""
    return [Next(("verify", str(folder)), "with another solver")] if written else []


def verified(found: Sequence[Checked], solver: Solver) -> RenderableType:
    """A line a proof, then each check that was not refuted, and what else stands in the way."""
    table = columns("fence", "property", "verdict", "unsat", "seconds", "what it rests on")
    parts: list[RenderableType] = [table]
    for each in found:
        proof = each.proof
        rests = [f"assuming {name}" for name in proof.assumptions]
        rests.append("any number of servers" if proof.nodes == "any" else f"{proof.nodes} servers")
        rests += [formula.replace(" ", "\N{NO-BREAK SPACE}") for formula in proof.constraints]
        rests += [f"without {transition}:{label}" for transition, label in proof.dropped]
        rests += [each.note] if each.note else []
        table.add_row(
            fences.of_build(proof.build, proof.fence),
            proof.property,
            verdict_text(each.verdict),
            f"{each.unsat} of {each.checks}",
            f"{each.seconds:.2f}",
            "; ".join(rests),
        )
    for each in found:
        if each.proof.given:
            whose = f"{each.proof.property}, {fences.of_build(each.proof.build, each.proof.fence)}"
            parts.append(indented(f"{whose}, for granted: {'; '.join(each.proof.given)}", "dim"))
        for failed in each.failed:
            what = failed.check.lemma or failed.check.step or each.proof.property
            said = f"{failed.check.shows} of {what!r} by {failed.transition}: {failed.answer}"
            parts.append(indented(f"{failed.file}: {said}", "yellow"))
    parts.append(indented(f"checked by {solver.name} {solver.version}".rstrip(), "dim"))
    return Group(*parts)

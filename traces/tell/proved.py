"""What is said of proofs: what each rests on, and what stands in the way of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from ...specs import kept
from ..story import show
from .tables import columns, files_written, indented, verdict_text

if TYPE_CHECKING:  # it comes with z3, which takes long to import
    from ...checker.proof.prove import Proof


def proved(
    results: Sequence[Proof], written: Mapping[tuple[str, str], str], *, details: bool
) -> RenderableType:
    """A line a property, then what each proof rests on and what stands in the way of the others."""
    table = columns("fence", "property", "verdict", "obligations", "seconds", "what it rests on")
    for proof in results:
        failed = sum(obligation.result != "proved" for obligation in proof.obligations)
        done = f"{len(proof.obligations) - failed} of {len(proof.obligations)}"
        rests = [f"assuming {name}" for name in proof.assumptions]
        rests.append("any number of servers" if proof.nodes is None else f"{proof.nodes} servers")
        # no line ends within a formula
        rests += [each.formula.replace(" ", "\N{NO-BREAK SPACE}") for each in proof.constraints]
        if proof.note:
            rests.append(proof.note)
        verdict = verdict_text(proof.verdict)
        table.add_row(proof.fence, proof.property, verdict, done, f"{proof.seconds:.2f}", "; ".join(rests))
    parts: list[RenderableType] = [table]
    for constraint in dict.fromkeys(each for proof in results for each in proof.constraints):
        parts.append(indented(f"{constraint.formula}: {constraint.meaning}", "dim"))
    parts += [part for proof in results if proof.lemmas_are == "found" for part in _found(proof)]
    parts += [indented(line, "yellow") for proof in results for line in _undecided(proof)]
    if details:
        parts += [part for proof in results for part in _proof_details(proof)]
    for proof in results:
        if proof.counterexample is not None:
            parts += [Text(), show.text(proof.counterexample)]
    parts += files_written(written)
    return Group(*parts)


def lemmas_of(proofs: Sequence[Proof]) -> str:
    """The lemmas of what is proved, as a file in Python."""
    done = [proof for proof in proofs if proof.verdict == "proved"]
    lemmas = {lemma.name: lemma for proof in done for lemma in proof.lemmas}
    of = ", ".join(f"{proof.property} under {proof.fence}" for proof in done) or "nothing that is proved"
    return kept.as_python(tuple(lemmas.values()), f"Lemmas of {of}.")


def _found(proof: Proof) -> list[RenderableType]:
    """The lemmas that nobody gave, in words."""
    parts: list[RenderableType] = [
        indented(f"{proof.property} under {proof.fence}, lemmas found, each of them needed:", "dim")
    ]
    return parts + [indented(f"· {lemma.name}: {lemma.meaning}", "dim") for lemma in proof.lemmas]


def _undecided(proof: Proof) -> list[str]:
    """What z3 could not tell beside the obligations, a line for each such question."""
    which = f"{proof.property} under {proof.fence}: z3 gave up on whether"
    guards = [
        f"{obligation.transition} ({label})"
        for obligation in proof.obligations
        for label in obligation.guards_undecided
    ]
    lines = []
    if proof.undecided:
        lines.append(f"{which} these can happen where the lemmas hold: {', '.join(proof.undecided)}")
    if guards:
        lines.append(f"{which} these guards are needed: {', '.join(dict.fromkeys(guards))}")
    return lines


def _proof_details(proof: Proof) -> list[RenderableType]:
    """The obligations that need a guard, or that failed."""
    table = columns("transition", "lemma", "result", "guards needed", "ms")
    for obligation in proof.obligations:
        if obligation.guards_used or obligation.result != "proved":
            table.add_row(
                obligation.transition,
                obligation.lemma,
                verdict_text(obligation.result),
                "; ".join(obligation.guards_used),
                f"{obligation.seconds * 1000:.0f}",
            )
    free = sum(not o.guards_used and o.result == "proved" for o in proof.obligations)
    heading = Text(f"\n{proof.property} under {proof.fence}", style="bold")
    heading.append(f"  {free} more obligations need no single guard", style="dim")
    parts: list[RenderableType] = [heading, table]
    if proof.never_fires:
        parts.append(indented("the lemmas exclude: " + ", ".join(proof.never_fires), "dim"))
    return parts

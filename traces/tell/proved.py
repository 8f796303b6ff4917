"""What is said of proofs: the short answer, what each rests on, and what stands in the way of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from ...checker.run import Run
from ...specs.kept import as_python
from .shown import Next, next_steps, one_run, shortest, show_last, system
from .summary import Outcome, sentence
from .tables import columns, files_written, indented, said, verdict_text

if TYPE_CHECKING:  # it comes with z3, which takes long to import
    from ...checker.proof.attempt import Proof


def runs_of(results: Sequence[Proof]) -> dict[tuple[str, str], Run]:
    """Every run that stands in the way of a proof, by fence and property."""
    return {
        (proof.fence, proof.property): proof.counterexample
        for proof in results
        if proof.counterexample is not None
    }


def proved(
    results: Sequence[Proof],
    written: Mapping[tuple[str, str], str],
    *,
    details: bool,
    kept: bool = True,
    more: Sequence[RenderableType] = (),
    then: Sequence[Next] = (),
    again: Sequence[str] = (),
) -> RenderableType:
    """For the terminal; ``kept``: runs that are not shown here can be shown later; ``more``: what else was
    done with it, and ``then`` what that makes worth doing next; ``again``: how it was asked for, but for what
    the results say."""
    systems = list(dict.fromkeys(proof.fence for proof in results))
    parts: list[RenderableType] = [_sentence([p for p in results if p.fence == name]) for name in systems]
    table = columns(*(["fence"] if len(systems) > 1 else []), "property", "verdict", "obligations", "seconds")
    for proof in results:
        failed = sum(obligation.result != "proved" for obligation in proof.obligations)
        done = f"{len(proof.obligations) - failed} of {len(proof.obligations)}"
        cells = [*([proof.fence] if len(systems) > 1 else []), proof.property]
        table.add_row(*cells, verdict_text(proof.verdict), done, f"{proof.seconds:.2f}")
    parts += [Text(), table, Text()]
    several = len(systems) > 1
    rests = [
        (f"{proof.property} under {proof.fence}" if several else proof.property, _rests(proof), "")
        for proof in results
    ]
    parts += said(rests)
    for constraint in dict.fromkeys(each for proof in results for each in proof.constraints):
        parts.append(indented(f"{constraint.formula}: {constraint.meaning}", "dim"))
    parts += [part for proof in results if proof.lemmas_are == "found" for part in _found(proof)]
    parts += [indented(line, "yellow") for proof in results for line in _undecided(proof)]
    parts += [indented(_looked(proof), "dim") for proof in results if proof.looked]
    if details:
        parts += [part for proof in results for part in _proof_details(proof)]
    runs = runs_of(results)
    parts += one_run(runs, kept=kept)
    parts += [*files_written(written), *more]
    return Group(*parts, *next_steps([*_next(results, runs, again, details=details, kept=kept), *then]))


def _sentence(results: Sequence[Proof]) -> Text:
    """What became of all properties; steps are those of runs, not from where a step breaks a property."""
    runs = {proof.property: proof.counterexample for proof in results if proof.verdict == "violated"}
    outcomes = []
    steps = "steps"
    for proof in sorted(
        results, key=lambda proof: len(run.moves) if (run := runs.get(proof.property)) else 0
    ):
        run = runs.get(proof.property)
        measure = "" if run is None else f"in {len(run.moves)} {steps}".rstrip()
        steps = "" if run else steps
        outcomes.append(Outcome(proof.property, proof.verdict, measure))
    return sentence(results[0].fence, outcomes)


def _rests(proof: Proof) -> str:
    """What a verdict rests on."""
    rests = [f"assuming {name}" for name in proof.assumptions]
    rests.append("any number of servers" if proof.nodes is None else f"{proof.nodes} servers")
    # no line ends within a formula
    rests += proof.rests_on
    rests += [each.formula.replace(" ", "\N{NO-BREAK SPACE}") for each in proof.constraints]
    return "; ".join([*rests, *([proof.note] if proof.note else [])])


def _next(
    results: Sequence[Proof],
    runs: Mapping[tuple[str, str], Run],
    again: Sequence[str],
    *,
    details: bool,
    kept: bool,
) -> Iterator[Next]:
    """One or two commands that fit the result."""
    first = shortest(runs)
    if first and kept:
        yield Next(show_last(first, "--to", "html", "-o", "run.html"), "step by step")
    passed = next((proof for proof in results if proof.verdict == "proved"), None)
    if passed and not details:
        one = ("prove", *system(passed.fence), "--property", passed.property)
        assumed = [word for name in passed.assumptions for word in ("--assume", name)]
        yield Next((*one, *assumed, *again, "--details"), "which guards it needs")


def lemmas_of(proofs: Sequence[Proof]) -> str:
    """The lemmas of what is proved, as a file in Python."""
    done = [proof for proof in proofs if proof.verdict == "proved"]
    lemmas = {lemma.name: lemma for proof in done for lemma in proof.lemmas}
    of = ", ".join(f"{proof.property} under {proof.fence}" for proof in done) or "nothing that is proved"
    return as_python(tuple(lemmas.values()), f"Lemmas of {of}.")


def _found(proof: Proof) -> list[RenderableType]:
    """The lemmas that nobody gave, in words."""
    parts: list[RenderableType] = [
        indented(f"{proof.property} under {proof.fence}, lemmas found, each of them needed:", "dim")
    ]
    return parts + [indented(f"· {lemma.name}: {lemma.meaning}", "dim") for lemma in proof.lemmas]


def _looked(proof: Proof) -> str:
    """How far no run was found."""
    cut = sorted((each for each in proof.looked if not each.whole), key=lambda each: -each.steps)
    told = [f"of up to {each.steps} steps in {each.scenario}" for each in cut]
    told += [f"in {each.scenario}, at all of whose states was looked" for each in proof.looked if each.whole]
    return f"{proof.property} under {proof.fence}: no run was found {'; '.join(told)}. That proves nothing."


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

"""What is said of an exploration below its matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ...checker.reductions.reduction import Reduction
from ...checker.search.findings import Exploration
from ...specs.scenario import Scenario
from ..output.terminal import clean
from ..story import show
from .tables import files_written, indented


def explored(
    world: Scenario,
    results: Sequence[Exploration],
    written: Mapping[tuple[str, str], str],
    *,
    tell_runs: bool,
) -> RenderableType:
    """What the matrix leaves out: notes, what cut a search, what was not exercised, and the runs."""
    parts: list[RenderableType] = []
    for found in results:
        parts.append(Text(f"\n{found.fence}", style="bold"))
        how = "every reachable state" if found.complete else "not every reachable state"
        parts.append(
            Text(
                f"  {how}: {found.states:,} states, {found.transitions:,} transitions, "
                f"depth {found.depth}, {found.seconds:.1f} s"
            )
        )
        parts += [Text(f"  cut: {reason}", style="bold yellow") for reason in found.cut_by]
        parts += [indented(note, "yellow") for note in found.notes]
        notes = dict.fromkeys(
            f"{finding.verdict}: {finding.note}" for finding in found.findings if finding.note
        )
        for note in notes:
            which = [f.property for f in found.findings if f"{f.verdict}: {f.note}" == note]
            parts.append(indented(f"{', '.join(which)} {note}", "yellow"))
        parts += [indented(line, "yellow") for line in _outside(found)]
        parts += [indented(line, "dim") for line in (*_reduced(found), *_fairness(found))]
        if found.spent:
            parts.append(
                indented("limits of the scenario that were reached: " + ", ".join(found.spent), "dim")
            )
        merging = " (merging may hide a refusal: --without merging)" if found.merged else ""
        if found.never_fired:
            parts.append(indented(f"never fired{merging}: {', '.join(found.never_fired)}", "dim"))
        if found.never_refused:
            parts.append(
                indented(
                    f"{len(found.never_refused)} guards never refused a step{merging} (--json lists them)",
                    "dim",
                )
            )
    if tell_runs:
        for found in results:
            for finding in sorted(found.findings, key=lambda finding: finding.steps or 0):
                if finding.run is not None:
                    parts += [Text(), show.text(finding.run)]
    elif any(finding.run for found in results for finding in found.findings):
        parts.append(
            Text(
                "\nName one fence to see its runs: tsofence explore "
                f"--scenario {clean(world.name)} --fence NAME",
                style="dim",
            )
        )
    parts += files_written(written)
    return Group(*parts)


def _outside(found: Exploration) -> list[str]:
    """What is proved of this fence, but not of this scenario, a line for the same constraints."""
    which: dict[tuple[str, ...], list[str]] = {}
    for name, unmet in found.outside.items():
        which.setdefault(unmet, []).append(name)
    return [
        f"{', '.join(names)} under this fence: proved only where {' and '.join(unmet)}, "
        "which this scenario does not meet"
        for unmet, names in which.items()
    ]


def _reduced(found: Exploration) -> list[str]:
    """What counted as one state or one step, in a line."""
    said = {
        "symmetry": " and ".join(", ".join(names) for names in found.exchanged) + " may change places",
        "folding": "times that no step can tell apart",
        "merging": f"{len(found.merged)} transitions taken at once (--json lists them)",
    }
    idle = {"symmetry": not found.exchanged, "merging": not found.merged}
    used = [each.name for each in found.reductions if not idle.get(each.name)]
    # of what made no difference only a proof that failed is worth a line
    told = [each for each in found.reductions if each.name in used or (each.note and not each.proved)]
    line = "; ".join(f"{said[name]} ({name})" for name in used)
    return [*([f"reduced: {line}"] if line else []), *(f"{each.name}: {_proof(each)}" for each in told)]


def _proof(reduction: Reduction) -> str:
    """How it is known that a reduction makes no difference."""
    if not reduction.proved:
        return f"not proved ({reduction.note})"
    kept = ", kept" if reduction.kept else ""
    note = f" ({reduction.note})" if reduction.note else ""
    return f"proved, {reduction.obligations} obligations, {reduction.seconds:.1f} s{kept}{note}"


def _fairness(found: Exploration) -> list[str]:
    """What liveness was decided under, a line for each such assumption."""
    lines: dict[str, list[str]] = {}
    for finding in found.findings:
        if finding.fairness:
            strong = [each.split(":")[0] for each in finding.fairness if each.endswith("strong")]
            line = "time passes, and no server puts off forever what it can always do (weak fairness)"
            if strong:
                line += f", or, for {', '.join(strong)}, what it can do again and again (strong fairness)"
            lines.setdefault(line, []).append(finding.property)
    return [f"{', '.join(names)}: {line}; --json lists the transitions" for line, names in lines.items()]

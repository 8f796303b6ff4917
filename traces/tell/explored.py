"""What is said of an exploration: the short answer, the matrix, what limits both, and the shortest run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from rich.console import Group, RenderableType
from rich.text import Text

from ...checker.reductions.reduction import Reduction
from ...checker.run import Run
from ...checker.search.explore import ALL_VIOLATED
from ...checker.search.findings import Exploration
from ...checker.search.reached import REACHABLE, finding_of
from ...specs import liveness, ranks
from ...specs.scenario import Scenario
from ..output.terminal import clean
from . import matrix
from .found import sentence as sentence_of_state
from .shown import Next, next_steps, one_run, others, shortest, show_last, system
from .summary import Outcome, sentence
from .tables import FewLines, OneLine, files_written, indented, said

_NOTHING: Mapping[str, str] = MappingProxyType({})
_JSON = "--json lists them"
#: of so many fences each has a line, and nobody needs to be told that there are others
_MANY = 5
#: what prove is not asked
_UNPROVABLE = {*liveness.NAMES} - {*ranks.NAMES}


def runs_of(results: Sequence[Exploration]) -> dict[tuple[str, str], Run]:
    """Every run that was found, by fence and property."""
    return {
        (found.fence, finding.property): finding.run
        for found in results
        for finding in found.findings
        if finding.run is not None
    }


def explored(
    world: Scenario,
    results: Sequence[Exploration],
    written: Mapping[tuple[str, str], str],
    *,
    tell_runs: bool,
    place: str = "",
    again: Sequence[str] = (),
    kept: bool = True,
    details: bool = False,
    sought: Mapping[str, str] = _NOTHING,
) -> RenderableType:
    """For the terminal; ``tell_runs``: with the shortest run, ``kept``: the others can be shown later;
    ``place``: the scenario as the user named it, ``again``: what else was asked for, as options; ``sought``:
    the state that was asked for, by fence."""
    parts: list[RenderableType] = [
        Text(clean(f"{world.name}: {world.description}"), style="bold"),
        Text(),
        # of many, the matrix is the answer
        *(
            each if len(results) < _MANY else FewLines(each, 1)
            for each in (_sentence(found, sought.get(found.fence)) for found in results)
        ),
    ]
    if not sought and any(found.findings for found in results):
        asked = dict.fromkeys(finding.property for found in results for finding in found.findings)
        parts += [Text(), matrix.done({found.fence: found for found in results}, [*asked])]
    violated = [f for found in results for f in found.findings if f.verdict == "violated" and f.steps]
    if violated:
        least = min(finding.steps or 0 for finding in violated)
        parts.append(Text(f"{least}: violated, by a run of {least} steps", style="dim"))
    # a state that is found needs no search of all the others
    ended = [found for found in results if not sought or finding_of(found).verdict != REACHABLE]
    parts += [Text()] if ended else []
    noted = [(found.fence, *each) for found in ended for each in _notes(found)]
    parts += [*_amounts(ended), *said(noted)]
    for found in ended:
        parts += _exercised(found, details=details)
    runs = runs_of(results)
    parts += one_run(runs, kept=kept) if tell_runs else others(runs, None, kept=kept)
    return Group(
        *parts,
        *files_written(written),
        *next_steps(
            _next(("--scenario", place or world.name), again, ended, runs, kept=kept, judged=not sought)
        ),
    )


def _sentence(found: Exploration, sought: str | None) -> Text:
    if sought:
        return sentence_of_state(found, sought)
    by_steps = sorted(found.findings, key=lambda finding: finding.steps or 0)
    steps = "steps"
    outcomes = []
    for each in by_steps:
        measure = f"in {each.steps} {steps}".rstrip() if each.steps else ""
        outcomes.append(Outcome(each.property, each.verdict, measure))
        steps = "" if each.steps else steps
    return sentence(found.fence, outcomes)


def _amounts(results: Sequence[Exploration]) -> Iterator[RenderableType]:
    """How much was searched, of the fences of which everything was, and of the others."""
    for whole in (True, False):
        these = [found for found in results if found.complete is whole]
        each = [f"{found.fence} {found.states:,} in {found.seconds:.1f} s" for found in these]
        if each:
            what = "every reachable state" if whole else "not every reachable state"
            yield indented(f"{what} searched: {', '.join(each)}", "dim" if whole else "yellow")


def _notes(found: Exploration) -> Iterator[tuple[str, str]]:
    """What makes a verdict worth less, and what it takes for granted: texts and their styles."""
    for reason in found.cut_by:
        yield f"cut: {reason}", "bold yellow"
    for note in found.notes:
        yield note, "yellow"
    for note in dict.fromkeys(f"{each.verdict}: {each.note}" for each in found.findings if each.note):
        which = [each.property for each in found.findings if f"{each.verdict}: {each.note}" == note]
        yield f"{', '.join(which)} {note}", "yellow"
    for line in _outside(found):
        yield line, "yellow"
    for each in found.reductions:
        if not each.proved and each.note:
            yield f"{each.name}: not proved ({each.note})", "dim"
    for line in _fairness(found):
        yield line, "dim"


def _exercised(found: Exploration, *, details: bool) -> Iterator[RenderableType]:
    """What was not exercised, in a line; with ``details``, all of it, and what the search left out."""
    hidden = " (merging may hide a refusal: --without merging)" if found.merged else ""
    if not details:
        if found.never_fired:
            yield OneLine(f"  {found.fence}: never fired: ", _joined(found.never_fired), "--details")
        return
    yield Text(f"\n{clean(found.fence)}", style="bold")
    yield indented(f"{found.states:,} states, {found.transitions:,} transitions, depth {found.depth}", "dim")
    yield from (indented(line, "dim") for line in _reduced(found))
    if found.spent:
        yield indented("limits of the scenario that were reached: " + ", ".join(found.spent), "dim")
    if found.never_fired:
        yield indented(f"never fired{hidden}: {', '.join(found.never_fired)}", "dim")
    if found.never_refused:
        never = f"{len(found.never_refused)} guards never refused a step{hidden} ({_JSON})"
        yield indented(never, "dim")


def _joined(names: Sequence[str]) -> list[str]:
    """Transitions, those of both kinds of servers once."""
    kinds: dict[str, int] = {}
    for name in names:
        kinds[name.partition("@")[0]] = kinds.get(name.partition("@")[0], 0) + 1
    return list(
        dict.fromkeys(name.partition("@")[0] if kinds[name.partition("@")[0]] > 1 else name for name in names)
    )


def _next(
    world: Sequence[str],
    again: Sequence[str],
    results: Sequence[Exploration],
    runs: Mapping[tuple[str, str], Run],
    *,
    kept: bool,
    judged: bool,
) -> Iterator[Next]:
    """One or two commands that fit the result; ``judged``: properties were asked for, not a state."""
    first = shortest(runs)
    cut = next((found for found in results if {*found.cut_by} - {ALL_VIOLATED}), None)
    if first and kept:
        yield Next(show_last(first, "--to", "html", "-o", "run.html"), "step by step")
    if cut:
        one = (*world, *system(cut.fence), *_but(again, "--build"), "--checkpoint", "kept")
        yield Next(("explore", *one), "keep how far it comes, and go on from there")
    elif not judged:
        return
    elif first and len(results) < _MANY and "--drop" not in again:  # not every fence has that guard
        yield Next(("explore", *world, *again, "--all-fences"), "which fence keeps what")
    elif not first and results:
        one = (*system(results[0].fence), *_but(again, "--build", *_UNPROVABLE))
        yield Next(("prove", *one), "the same for any number of servers")


def _but(options: Sequence[str], *left_out: str) -> list[str]:
    """Options with their values, but for those that are, or name, one of these."""
    pairs = zip(options[::2], options[1::2], strict=True)
    return [word for pair in pairs if not {*pair} & {*left_out} for word in pair]


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
    words = {
        "symmetry": " and ".join(", ".join(names) for names in found.exchanged) + " may change places",
        "folding": "times that no step can tell apart",
        "merging": f"{len(found.merged)} transitions taken at once (--json lists them)",
    }
    idle = {"symmetry": not found.exchanged, "merging": not found.merged}
    used = [each.name for each in found.reductions if not idle.get(each.name)]
    told = [each for each in found.reductions if each.name in used and each.proved]
    line = "; ".join(f"{words[name]} ({name})" for name in used)
    return [*([f"reduced: {line}"] if line else []), *(f"{each.name}: {_proof(each)}" for each in told)]


def _proof(reduction: Reduction) -> str:
    """How it is known that a reduction makes no difference."""
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

"""What a person sees of a result: tables while it is found, tables when it is there, and its JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table
from rich.text import Text

from ...checker.proof.prove import Proof
from ...checker.search.explore import Exploration, Progress
from ...model.pd import system
from ...model.variants import fence as fences
from ...specs import liveness, properties, scenario
from ...specs.scenario import Scenario
from ..explain.replay import Report
from ..runs import run as run_files
from ..runs.rerun import Rerun
from ..sources.observation import Call, KeyEvent, Observation
from . import show
from .terminal import clean

#: how many steps a table lists
_FEW = 12

_STYLES = {
    "violated": "bold red",
    "holds": "green",
    "proved": "bold green",
    "vacuous": "yellow",
    "unknown": "bold yellow",
}


def verdict_text(verdict: str, detail: str = "") -> Text:
    """A verdict in its colour, and what belongs to it below."""
    text = Text(verdict, style=_STYLES.get(verdict, "dim"))
    if detail:
        text.append(f"\n{detail}", style="dim")
    return text


def _amount(number: int) -> str:
    """A count that fits into a narrow column."""
    if number < 10_000:
        return str(number)
    return f"{number / 1e3:.0f} k" if number < 1e6 else f"{number / 1e6:.1f} M"


class Exploring:
    """The matrix fences x properties, filled while the searches run."""

    def __init__(
        self,
        console: Console,
        world: Scenario,
        names: Sequence[str],
        asked: Sequence[str],
        *,
        live: bool,
    ) -> None:
        self._world = world
        self._fences = tuple(names)
        self._asked = tuple(asked)
        self._going: dict[str, Progress] = {}
        self._done: dict[str, Exploration] = {}
        self._live = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=4,
            transient=False,
            auto_refresh=live and console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def progress(self, fence: str, state: Progress) -> None:
        """A search goes on."""
        self._going[fence] = state

    def done(self, found: Exploration) -> None:
        """A search has ended."""
        self._done[found.fence] = found

    def _render(self) -> RenderableType:
        title = Text(clean(f"{self._world.name}: {self._world.description}"), style="bold")
        lively = [name for name in self._asked if name in liveness.NAMES]
        safe = [name for name in self._asked if name not in liveness.NAMES]
        # side by side they would not fit into 80 columns
        tables = [self._table(safe, counts=True)] if safe else []
        if lively:
            tables.append(self._table(lively, counts=not safe))
        return Group(title, *tables)

    def _table(self, asked: Sequence[str], *, counts: bool) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0))
        table.add_column("fence", min_width=14, overflow="fold")
        for name in asked:
            table.add_column(name.replace("-", "-\n", 1), min_width=8)
        for fence in self._fences:
            table.add_row(self._name(fence, counts=counts), *(self._cell(fence, name) for name in asked))
        return table

    def _name(self, fence: str, *, counts: bool) -> Text:
        # "check-tso-primary" is one letter too long for a matrix of 80 columns
        text = Text(fence.replace("+", "\n+").replace("-primary", "-\nprimary"), style="bold")
        if not counts:
            return text
        if fence in self._done:
            found = self._done[fence]
            text.append(f"\n{_amount(found.states)} states", style="dim")
            text.append(f"\n{found.seconds:.1f} s", style="dim")
        elif fence in self._going:
            state = self._going[fence]
            rate = state.states / state.seconds if state.seconds else 0
            text.append(f"\n{_amount(state.states)} states", style="cyan")
            text.append(f"\n{_amount(state.transitions)} steps", style="cyan")
            text.append(f"\n{_amount(int(rate))} states/s", style="cyan")
            text.append(f"\n{state.doing or f'depth {state.depth}'}", style="cyan")
            text.append(f"\n{_amount(state.frontier)} to go", style="cyan")
            text.append(f"\n{state.memory >> 20} of {state.bound >> 20} MiB", style="cyan")
            if state.left is not None and rate:
                text.append(f"\n~{state.left / rate:.0f} s left", style="cyan")
        else:
            text.append("\nwaiting", style="dim")
        return text

    def _cell(self, fence: str, name: str) -> Text:
        if fence in self._done:
            for finding in self._done[fence].findings:
                if finding.property == name:
                    return verdict_text(finding.verdict, f"{finding.steps} steps" if finding.steps else "")
        state = self._going.get(fence)
        if state is not None and name in state.violated:
            steps = state.violated[name]
            return verdict_text("violated", f"{steps} steps" if steps else "")
        return Text("…", style="dim")


class Steps:
    """A progress bar for work whose amount is known or becomes known."""

    def __init__(self, console: Console, *, live: bool) -> None:
        self._bar = ProgressBar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not live or not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def _begin(self, what: str) -> TaskID:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=None)
        return self._task

    def task(self, what: str) -> Callable[[int, int, str], None]:
        """Something to be proved: called with how many obligations are done, of how many, and which."""
        task = self._begin(what)
        return lambda done, total, name: self._bar.update(task, completed=done, total=total)

    def reading(self, file: str) -> None:
        """A file is read."""
        self._begin(f"reading {file}")

    def explaining(self, done: int, total: int) -> None:
        """So many observations are explained."""
        task = self._task
        if task is None or self._bar.tasks[0].total is None:
            task = self._begin("explaining")
        self._bar.update(task, completed=done, total=total)


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
        parts += [_indented(note, "yellow") for note in found.notes]
        notes = dict.fromkeys(
            f"{finding.verdict}: {finding.note}" for finding in found.findings if finding.note
        )
        for note in notes:
            which = [f.property for f in found.findings if f"{f.verdict}: {f.note}" == note]
            parts.append(_indented(f"{', '.join(which)} {note}", "yellow"))
        parts += [_indented(line, "yellow") for line in _outside(found)]
        parts += [_indented(line, "dim") for line in (*_reduced(found), *_fairness(found))]
        if found.spent:
            parts.append(
                _indented("limits of the scenario that were reached: " + ", ".join(found.spent), "dim")
            )
        merging = " (merging may hide a refusal: --without merging)" if found.merged else ""
        if found.never_fired:
            parts.append(_indented(f"never fired{merging}: {', '.join(found.never_fired)}", "dim"))
        if found.never_refused:
            parts.append(
                _indented(
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
    parts += _files(written)
    return Group(*parts)


def _files(written: Mapping[tuple[str, str], str]) -> list[RenderableType]:
    return [Text(clean(f"run written: {path}"), style="dim") for path in written.values()]


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
    used = [
        f"{said[name]} ({name})"
        for name in found.reductions
        if (name != "symmetry" or found.exchanged) and (name != "merging" or found.merged)
    ]
    return [f"reduced: {'; '.join(used)}"] if used else []


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


def _indented(text: str, style: str) -> RenderableType:
    """A line, whatever it quotes."""
    return Padding(Text(clean(text), style=style), (0, 0, 0, 2))


def exploration_json(found: Exploration, written: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """One fence's result in the form that scripts read."""
    return {
        "fence": found.fence,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": round(found.seconds, 3),
        "complete": found.complete,
        "cut_by": list(found.cut_by),
        "notes": list(found.notes),
        "never_fired": list(found.never_fired),
        "never_refused": list(found.never_refused),
        "spent": list(found.spent),
        "reductions": list(found.reductions),
        "exchanged": [list(names) for names in found.exchanged],
        "merged": list(found.merged),
        "properties": [
            {
                "property": finding.property,
                "verdict": finding.verdict,
                "steps": finding.steps,
                "run": written.get((found.fence, finding.property)),
                "tested": finding.tested,
                "note": finding.note,
                "fairness": list(finding.fairness),
                "outside": list(found.outside.get(finding.property, ())),
            }
            for finding in found.findings
        ],
    }


def proved(
    results: Sequence[Proof], written: Mapping[tuple[str, str], str], *, details: bool
) -> RenderableType:
    """A line a property, then what each proof rests on and what stands in the way of the others."""
    table = _table("fence", "property", "verdict", "obligations", "seconds", "what it rests on")
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
        parts.append(_indented(f"{constraint.formula}: {constraint.meaning}", "dim"))
    parts += [_indented(line, "yellow") for proof in results for line in _undecided(proof)]
    if details:
        parts += [part for proof in results for part in _proof_details(proof)]
    for proof in results:
        if proof.counterexample is not None:
            parts += [Text(), show.text(proof.counterexample)]
    parts += _files(written)
    return Group(*parts)


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
    table = _table("transition", "lemma", "result", "guards needed", "ms")
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
        parts.append(_indented("the lemmas exclude: " + ", ".join(proof.never_fires), "dim"))
    return parts


def proof_json(proof: Proof, written: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """One proof in the form that scripts read."""
    return {
        "fence": proof.fence,
        "property": proof.property,
        "verdict": proof.verdict,
        "nodes": "any" if proof.nodes is None else proof.nodes,
        "assumptions": list(proof.assumptions),
        "constraints": [
            {"formula": constraint.formula, "meaning": constraint.meaning} for constraint in proof.constraints
        ],
        "note": proof.note,
        "seconds": round(proof.seconds, 3),
        "never_fires": list(proof.never_fires),
        "undecided": list(proof.undecided),
        "obligations": [
            {
                "transition": obligation.transition,
                "lemma": obligation.lemma,
                "result": obligation.result,
                "guards_used": list(obligation.guards_used),
                "guards_undecided": list(obligation.guards_undecided),
                "solver": obligation.solver,
                "seconds": round(obligation.seconds, 6),
            }
            for obligation in proof.obligations
        ],
        "counterexample": None
        if proof.counterexample is None
        else json.loads(run_files.dumps(proof.counterexample)),
        "run": written.get((proof.fence, proof.property)),
    }


def replayed(found: Report, written: Mapping[tuple[str, str], str], *, details: bool) -> RenderableType:
    """What was read, whether it conforms, and which properties it violates."""
    names = _Names([source.file for source in found.sources])
    parts: list[RenderableType] = [_settings(found, names), Text()]
    if details:
        parts += [_sources(found, names), Text()]
    fences_table = _table("fence", "conforms", "explanations", "stopped at")
    for verdict in found.fences:
        stopped = ""
        if verdict.stopped_at is not None:
            stopped = names.place(verdict.stopped_at.file, verdict.stopped_at.line)
            stopped += "" if verdict.revision is None else f", revision {verdict.revision}"
        fences_table.add_row(verdict.fence, _conforms(verdict.conforms), str(verdict.explanations), stopped)
    parts.append(fences_table)
    for verdict in found.fences:
        parts += [_indented(f"{verdict.fence}: {verdict.note}", "dim")] if verdict.note else []
        parts += [
            _indented(f"{verdict.fence}: {r.transition} of {r.server} needs: {r.guard}", "red")
            for r in verdict.refused_by
        ]
    table = _table("property", "verdict", "count", "worst", "from, to (UTC)", "note")
    for judgement in found.properties:
        when = "" if judgement.from_ns is None else f"{_clock(judgement.from_ns)}\n{_clock(judgement.to_ns)}"
        table.add_row(
            judgement.property,
            verdict_text(judgement.verdict),
            str(judgement.count) if judgement.count else "",
            "" if judgement.worst_ms is None else f"{judgement.worst_ms} ms",
            when,
            clean(judgement.note),
        )
    parts += [Text(), table]
    for judgement in found.properties:
        if judgement.witness is not None:
            parts.append(Text(f"\n{judgement.property}, as seen:", style="bold"))
            parts += [_indented(_observed(seen, names), "") for seen in dict.fromkeys(judgement.witness)]
    parts += [_indented(note, "yellow") for note in found.notes]
    parts += _files(written)
    return Group(*parts)


class _Names:
    """File names as short as they can be while they differ: below the folder that all are in."""

    def __init__(self, files: Sequence[str]) -> None:
        self._folder = os.path.commonpath([Path(file).parent for file in files]) if files else ""

    def place(self, file: str, line: int) -> str:
        """A line of a file."""
        return f"{self.short(file)}:{line}"

    def short(self, file: str) -> str:
        """A file."""
        return clean(os.path.relpath(file, self._folder) if self._folder else file)

    def within(self, text: str) -> str:
        """A text that names files."""
        return clean(text.replace(f"{self._folder}{os.sep}", "") if self._folder else text)


def _sources(found: Report, names: _Names) -> RenderableType:
    files = _table("file", "what it is", "read", "skipped")
    for source in found.sources:
        skipped = str(source.skipped or "") + (" cut off" if source.truncated else "")
        files.add_row(names.short(source.file), source.kind.value, str(source.observations), skipped)
        for reason in source.reasons:
            files.add_row("", Text(clean(reason), style="dim"))
    return files


def _settings(found: Report, names: _Names) -> RenderableType:
    """The settings, and where each comes from."""
    parts: dict[str, list[str]] = {}
    for name, setting, unit in (
        ("save interval", found.settings.save_interval, 1e9),
        ("update interval", found.settings.update_interval, 1e9),
        ("lease", found.settings.lease, 1),
    ):
        value = "unknown" if setting.value is None else f"{setting.value / unit:g} s"
        parts.setdefault(names.within(setting.source), []).append(f"{name} {value}")
    return Text("; ".join(f"{', '.join(values)} ({source})" for source, values in parts.items()), style="dim")


def _conforms(answer: bool | None) -> Text:
    if answer is None:
        return verdict_text("unknown")
    return Text("yes", style="green") if answer else Text("no", style="bold red")


def _clock(ns: int | None) -> str:
    """A wall clock time of day, to the millisecond."""
    if ns is None:
        return ""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC)
    return f"{moment:%H:%M:%S}.{ns // 1_000_000 % 1000:03d}"


def _observed(seen: Observation, names: _Names) -> str:
    """One observation in a line."""
    if isinstance(seen, Call):
        own = f"{seen.logical - seen.count + 1} to {seen.logical}" if seen.count > 1 else str(seen.logical)
        when = f"{_clock(seen.start_ns)} to {_clock(seen.end_ns)}"
        where = names.place(seen.file, seen.line)
        return f"{where}: {seen.client} at {seen.endpoint} got ({seen.physical}, {own}), {when}"
    where = names.place(seen.where.file, seen.where.line)
    if isinstance(seen, KeyEvent):
        what = f"timestamp {seen.timestamp_ns}" if seen.timestamp_ns is not None else f"{seen.key.value} key"
        return f"{where}: revision {seen.revision}: {what}"
    return f"{where}: {seen.server} at {_clock(seen.at_ns)}: {seen.text}"


def _observation_json(seen: Observation) -> dict[str, Any]:
    if isinstance(seen, Call):
        return {
            "file": seen.file,
            "line": seen.line,
            "client": seen.client,
            "endpoint": seen.endpoint,
            "start_unix_ns": seen.start_ns,
            "end_unix_ns": seen.end_ns,
            "physical": seen.physical,
            "logical": [seen.logical - seen.count + 1, seen.logical],
        }
    if isinstance(seen, KeyEvent):
        return {
            "file": seen.where.file,
            "line": seen.where.line,
            "revision": seen.revision,
            "key": seen.key.value,
            "timestamp_ns": seen.timestamp_ns,
        }
    return {"file": seen.where.file, "line": seen.where.line, "server": seen.server, "text": seen.text}


def replay_json(found: Report) -> dict[str, Any]:
    """A replay in the form that scripts read."""
    return {
        "sources": [
            {
                "file": source.file,
                "kind": source.kind.value,
                "observations": source.observations,
                "skipped": source.skipped,
                "truncated": source.truncated,
                "reasons": list(source.reasons),
            }
            for source in found.sources
        ],
        "properties": [
            {
                "property": judgement.property,
                "verdict": judgement.verdict,
                "count": judgement.count,
                "witness": [_observation_json(seen) for seen in judgement.witness or ()],
                "worst_ms": judgement.worst_ms,
                "from": judgement.from_ns,
                "to": judgement.to_ns,
                "note": judgement.note,
            }
            for judgement in found.properties
        ],
        "fences": [
            {
                "fence": verdict.fence,
                "conforms": "unknown" if verdict.conforms is None else verdict.conforms,
                "stopped_at": None
                if verdict.stopped_at is None
                else {
                    "file": verdict.stopped_at.file,
                    "line": verdict.stopped_at.line,
                    "revision": verdict.revision,
                },
                "refused_by": [
                    {"transition": r.transition, "server": r.server, "guard": r.guard}
                    for r in verdict.refused_by
                ],
                "explanations": verdict.explanations,
                "note": verdict.note,
            }
            for verdict in found.fences
        ],
        "notes": list(found.notes),
    }


def rerun_text(found: Rerun) -> RenderableType:
    """A run file judged again."""
    table = _table("fence", "allows the run", "why not")
    for verdict in found.fences:
        table.add_row(verdict.fence, _conforms(verdict.allows), clean(verdict.refused))
    properties_table = _table("property", "verdict", "broken in step")
    for each in found.properties:
        forever = ", and on forever" if each.steps and each.property in liveness.NAMES else ""
        steps = _some(each.steps) + forever
        properties_table.add_row(each.property, verdict_text(each.verdict), steps or each.note)
    return Group(Text(clean(found.run.title), style="bold"), table, Text(), properties_table)


def _some(steps: Sequence[int]) -> str:
    """The first of them, and how many there are."""
    more = f" and {len(steps) - _FEW} more" if len(steps) > _FEW else ""
    return ", ".join(map(str, steps[:_FEW])) + more


def reruns_json(found: Mapping[str, Rerun]) -> dict[str, Any]:
    """Run files judged again, in the form that scripts read; what refuses a step stands in ``note``."""
    return {
        "sources": [
            {"file": file, "kind": "run", "observations": len(each.run.moves), "skipped": 0}
            for file, each in found.items()
        ],
        "properties": [
            {
                "file": file,
                "property": judged.property,
                "verdict": judged.verdict,
                "count": len(judged.steps),
                "witness": [{"file": file, "step": step} for step in judged.steps[:2]],
                "worst_ms": None,
                "from": None,
                "to": None,
                "note": judged.note,
            }
            for file, each in found.items()
            for judged in each.properties
        ],
        "fences": [
            {
                "file": file,
                "fence": verdict.fence,
                "conforms": verdict.allows,
                "stopped_at": None,
                "refused_by": [],
                "explanations": int(verdict.allows),
                "note": verdict.refused,
            }
            for file, each in found.items()
            for verdict in each.fences
        ],
    }


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


LISTS = ("scenarios", "fences", "properties", "transitions")


def listing(which: Sequence[str]) -> RenderableType:
    """Names and what they mean."""
    meanings: dict[str, dict[str, str]] = {
        "scenarios": {name: scenario.load(name).description for name in scenario.names()},
        "fences": fences.MEANINGS,
        "properties": {prop.name: prop.meaning for prop in (*properties.PROPERTIES, *liveness.PROPERTIES)},
        "transitions": {rule.name: rule.meaning for rule in system.RULES},
    }
    parts: list[RenderableType] = []
    for heading in which:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, title=heading, title_justify="left")
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for name, meaning in meanings[heading].items():
            table.add_row(name, meaning)
        parts.append(table)
    return Group(*parts)

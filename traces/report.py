"""What a person sees of a result: tables while it is found, tables when it is there, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..checker.explore import Exploration, Progress
from ..model import fence as fences
from ..model import system
from ..specs import properties, scenario
from ..specs.scenario import Scenario
from . import show

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
        table = Table(box=None, padding=(0, 1, 0, 0), title_justify="left", title_style="bold")
        table.title = f"{self._world.name}: {self._world.description}"
        table.add_column("fence", min_width=14, overflow="fold")
        for name in self._asked:
            table.add_column(name.replace("-", "-\n", 1), min_width=8, vertical="bottom")
        for fence in self._fences:
            table.add_row(self._name(fence), *(self._cell(fence, name) for name in self._asked))
        return table

    def _name(self, fence: str) -> Text:
        # "check-tso-primary" is one letter too long for a matrix of 80 columns
        text = Text(fence.replace("+", "\n+").replace("-primary", "-\nprimary"), style="bold")
        if fence in self._done:
            found = self._done[fence]
            text.append(f"\n{_amount(found.states)} states", style="dim")
            text.append(f"\n{found.seconds:.1f} s", style="dim")
        elif fence in self._going:
            state = self._going[fence]
            rate = state.states / state.seconds if state.seconds else 0
            text.append(f"\n{_amount(state.states)} states\ndepth {state.depth}", style="cyan")
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
            return verdict_text("violated", f"{state.violated[name]} steps")
        return Text("…", style="dim")


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
        notes = dict.fromkeys(
            f"{finding.verdict}: {finding.note}" for finding in found.findings if finding.note
        )
        for note in notes:
            which = [f.property for f in found.findings if f"{f.verdict}: {f.note}" == note]
            parts.append(_indented(f"{', '.join(which)} {note}", "yellow"))
        if found.never_fired:
            parts.append(_indented("never fired: " + ", ".join(found.never_fired), "dim"))
        if found.never_refused:
            parts.append(
                _indented(
                    f"{len(found.never_refused)} guards never refused a step (--json lists them)", "dim"
                )
            )
    if tell_runs:
        for found in results:
            for finding in sorted(found.findings, key=lambda finding: finding.steps or 0):
                if finding.run is not None:
                    parts += [Text(), show.text(finding.run)]
    elif any(finding.run for found in results for finding in found.findings):
        parts.append(
            Text("\nName one fence to see its shortest runs: tsofence explore --fence NAME", style="dim")
        )
    parts += [Text(f"run written: {path}", style="dim") for path in written.values()]
    return Group(*parts)


def _indented(text: str, style: str) -> RenderableType:
    return Padding(Text(text, style=style), (0, 0, 0, 2))


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
        "never_fired": list(found.never_fired),
        "never_refused": list(found.never_refused),
        "properties": [
            {
                "property": finding.property,
                "verdict": finding.verdict,
                "steps": finding.steps,
                "run": written.get((found.fence, finding.property)),
                "tested": finding.tested,
                "note": finding.note,
            }
            for finding in found.findings
        ],
    }


LISTS = ("scenarios", "fences", "properties", "transitions")


def listing(which: Sequence[str]) -> RenderableType:
    """Names and what they mean."""
    meanings: dict[str, dict[str, str]] = {
        "scenarios": {name: scenario.load(name).description for name in scenario.names()},
        "fences": fences.MEANINGS,
        "properties": {prop.name: prop.meaning for prop in properties.PROPERTIES},
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

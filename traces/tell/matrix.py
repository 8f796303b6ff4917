"""The matrix of an exploration, fences by properties, on the screen while the searches run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ...checker.search.findings import Exploration, Progress
from ...specs import liveness
from ...specs.phrases.sought import FIND
from ...specs.scenario import Scenario
from ..output.terminal import clean
from .progress import OnScreen
from .tables import verdict_text


class Exploring(OnScreen):
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
        super().__init__(
            Live(
                get_renderable=self._render,
                console=console,
                refresh_per_second=4,
                transient=False,
                auto_refresh=live and console.is_terminal,
            )
        )

    def progress(self, fence: str, state: Progress) -> None:
        """A search goes on."""
        self._going[fence] = state

    def done(self, found: Exploration) -> None:
        """A search has ended."""
        self._done[found.fence] = found

    def _render(self) -> RenderableType:
        title = Text(clean(f"{self._world.name}: {self._world.description}"), style="bold")
        lively = [name for name in self._asked if name in liveness.known()]
        safe = [name for name in self._asked if name not in liveness.known()]
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
            if state.doing:
                return text.append(f"\n{state.doing}", style="cyan")
            rate = state.states / state.seconds if state.seconds else 0
            text.append(f"\n{_amount(state.states)} states", style="cyan")
            text.append(f"\n{_amount(state.transitions)} steps", style="cyan")
            text.append(f"\n{_amount(int(rate))} states/s", style="cyan")
            text.append(f"\ndepth {state.depth}", style="cyan")
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
        if state is not None and name in state.violated and name != FIND:
            steps = state.violated[name]
            return verdict_text("violated", f"{steps} steps" if steps else "")
        return Text("…", style="dim")


def _amount(number: int) -> str:
    """A count that fits into a narrow column."""
    if number < 10_000:
        return str(number)
    return f"{number / 1e3:.0f} k" if number < 1e6 else f"{number / 1e6:.1f} M"

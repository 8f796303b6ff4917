"""The matrix of an exploration, fences by properties: when it is done, and while the searches run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ...checker.search.findings import Exploration, Finding, Progress
from ...specs import liveness
from ...specs.phrases.sought import FIND
from ...specs.scenario import Scenario
from ..output.terminal import clean
from .progress import OnScreen
from .tables import verdict_text

#: between two columns
_APART = 1
_PENDING = "…"


@dataclass(frozen=True, slots=True)
class Matrix:
    """A row a fence, a column a property; as many columns side by side as fit, the others below.

    ``names``: the fences, ``asked``: the properties, ``cell``: what stands where both meet, ``label``: a
    fence as its row has it.
    """

    names: Sequence[str]
    asked: Sequence[str]
    cell: Callable[[str, str, bool], Text]
    label: Callable[[str, bool], Text]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        labels = [_widest(self.label(fence, True)) for fence in self.names]
        # a name of one's own may be as long as it likes
        side = min(max([*labels, len("fence")]), options.max_width // 2)
        for number, block in enumerate(self._blocks(options.max_width - side, plain=options.ascii_only)):
            table = Table(box=None, padding=(0, _APART, 0, 0), pad_edge=False)
            table.add_column("fence", width=side, overflow="fold")
            for name in block:
                table.add_column(_heading(name), overflow="fold")
            for fence in self.names:
                cells = (self.cell(fence, name, options.ascii_only) for name in block)
                table.add_row(self.label(fence, not number), *cells)
            if number:
                yield Text()
            yield table

    def _blocks(self, room: int, *, plain: bool) -> list[list[str]]:
        """The properties of each table: all in one, or those of safety and of liveness, as many as fit."""
        widths = {
            name: _APART
            + max(
                map(_widest, (Text(_heading(name)), *(self.cell(each, name, plain) for each in self.names)))
            )
            for name in self.asked
        }
        if sum(widths.values()) <= room:
            return [[*self.asked]]
        lively = liveness.known()
        blocks: list[list[str]] = []
        for kind in (False, True):
            left = 0
            for name in (name for name in self.asked if (name in lively) is kind):
                if left < widths[name]:
                    blocks.append([])
                    left = room
                blocks[-1].append(name)
                left -= widths[name]
        return blocks


def done(found: Mapping[str, Exploration], asked: Sequence[str]) -> RenderableType:
    """The matrix of searches that have ended, by fence."""
    by_name = {
        (fence, finding.property): finding for fence, each in found.items() for finding in each.findings
    }

    def cell(fence: str, name: str, plain: bool) -> Text:
        finding = by_name.get((fence, name))
        return Text() if finding is None else _told(finding, plain)

    return Matrix([*found], asked, cell, lambda fence, _: Text(_folded(fence), style="bold"))


def _told(finding: Finding, plain: bool) -> Text:
    """A verdict in few letters."""
    if finding.verdict != "violated":
        return verdict_text(finding.verdict)
    steps = f" {finding.steps}" if finding.steps else ""
    return Text(f"{'X' if plain else '✗'}{steps}", style="bold red")


def _heading(name: str) -> str:
    """A property's name in two lines, as narrow as that can be."""
    at = [number for number, letter in enumerate(name) if letter == "-"]
    if not at:
        return clean(name)
    best = min(at, key=lambda number: max(number + 1, len(name) - number - 1))
    return f"{clean(name[: best + 1])}\n{clean(name[best + 1 :])}"


def _folded(fence: str) -> str:
    """A fence's name, each part of which has a line."""
    return clean(fence).replace("+", "\n+")


def _widest(text: Text) -> int:
    return max(map(cell_len, text.plain.split("\n")))


class Exploring(OnScreen):
    """The matrix fences x properties, filled while the searches run; it goes when they have ended."""

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
        shown = live and console.is_terminal
        display = Live(
            get_renderable=self._render if shown else Text,
            console=console,
            refresh_per_second=4,
            transient=True,
            auto_refresh=shown,
        )
        super().__init__(display, console, live=live)

    def progress(self, fence: str, state: Progress) -> None:
        """A search goes on."""
        self._going[fence] = state

    def done(self, found: Exploration) -> None:
        """A search has ended."""
        self._done[found.fence] = found

    def line(self) -> str:
        """Which search is how far, and how many have ended or wait."""
        going = [(fence, state) for fence, state in [*self._going.items()] if fence not in self._done]
        parts = [f"{fence}: {_doing(state) or _far(state)}" for fence, state in going]
        waiting = len(self._fences) - len(self._done) - len(going)
        parts += [f"{len(self._done)} done"] if self._done else []
        parts += [f"{waiting} waiting"] if waiting else []
        return ("exploring " if going else "") + "; ".join(parts)

    def _render(self) -> RenderableType:
        title = Text(clean(f"{self._world.name}: {self._world.description}"), style="bold")
        return Group(title, Matrix(self._fences, self._asked, self._cell, self._name))

    def _name(self, fence: str, first: bool) -> Text:
        text = Text(_folded(fence), style="bold")
        if not first:
            return text
        if fence in self._done:
            found = self._done[fence]
            text.append(f"\n{_amount(found.states)} states", style="dim")
            text.append(f"\n{found.seconds:.1f} s", style="dim")
        elif fence in self._going:
            state = self._going[fence]
            if state.doing:
                return text.append(f"\n{_doing(state)}", style="cyan")
            text.append(f"\n{_amount(state.states)} states", style="cyan")
            text.append(f"\n{_amount(state.transitions)} steps", style="cyan")
            text.append(f"\n{_amount(int(_rate(state)))} states/s", style="cyan")
            text.append(f"\ndepth {state.depth}", style="cyan")
            text.append(f"\n{_amount(state.frontier)} to go", style="cyan")
            text.append(f"\n{state.memory >> 20} of {state.bound >> 20} MiB", style="cyan")
            if _left(state):
                text.append(f"\n{_left(state)}", style="cyan")
        else:
            text.append("\nwaiting", style="dim")
        return text

    def _cell(self, fence: str, name: str, plain: bool) -> Text:
        if fence in self._done:
            for finding in self._done[fence].findings:
                if finding.property == name:
                    return _told(finding, plain)
        state = self._going.get(fence)
        if state is not None and name in state.violated and name != FIND:
            return _told(Finding(name, "violated", state.violated[name]), plain)
        return Text(_PENDING, style="dim")


def _rate(state: Progress) -> float:
    return state.states / state.seconds if state.seconds else 0


def _left(state: Progress) -> str:
    return f"~{state.left / _rate(state):.0f} s left" if state.left is not None and _rate(state) else ""


def _doing(state: Progress) -> str:
    """What is done before the search begins, and for how long by now."""
    return f"{state.doing}, {state.seconds:.0f} s" if state.doing else ""


def _far(state: Progress) -> str:
    """How far a search is, in few words."""
    return ", ".join(filter(None, (f"{_amount(state.states)} states", f"depth {state.depth}", _left(state))))


def _amount(number: int) -> str:
    """A count that fits into a narrow column."""
    if number < 10_000:
        return str(number)
    return f"{number / 1e3:.0f} k" if number < 1e6 else f"{number / 1e6:.1f} M"

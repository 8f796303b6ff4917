"""What is on the screen while a command works."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar


class OnScreen:
    """Something of rich's that is on the screen as long as the ``with`` lasts."""

    def __init__(self, display: Live | ProgressBar) -> None:
        self._display = display

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()


class Steps(OnScreen):
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
        super().__init__(self._bar)
        self._task: TaskID | None = None

    def _begin(self, what: str) -> TaskID:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=None)
        return self._task

    def task(self, what: str) -> Callable[[int, int, str], None]:
        """Something to be proved: called with how many obligations are done, of how many, and which."""
        task = self._begin(what)
        return lambda done, total, name: self._bar.update(task, completed=done, total=total)

    def proving(self, what: str) -> None:
        """Something is being proved, nobody knows how much."""
        self._begin(f"proving {what}")

    def reading(self, file: str) -> None:
        """A file is read."""
        self._begin(f"reading {file}")

    def explaining(self, done: int, total: int) -> None:
        """So many observations are explained."""
        task = self._task
        if task is None or self._bar.tasks[0].total is None:
            task = self._begin("explaining")
        self._bar.update(task, completed=done, total=total)

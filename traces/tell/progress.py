"""What is on the screen while a command works; where there is no screen, a line now and then."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, Thread
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

#: seconds between two lines where there is no screen
BETWEEN = 10.0


class Heartbeat:
    """Says how far it is now and then, as long as the ``with`` lasts.

    ``say``: the line, called in a thread of its own; an empty one is not printed.
    """

    def __init__(self, console: Console, say: Callable[[], str], between: float = BETWEEN) -> None:
        self._console = console
        self._say = say
        self._between = between
        self._over = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def _beat(self) -> None:
        while not self._over.wait(self._between):
            if line := self._say():
                # whole: what stands at its end, as how long it may take, is what is waited for
                self._console.print(line, soft_wrap=True)

    def __enter__(self) -> Self:
        # Ctrl-C is the main thread's, which may be holding it back
        held = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


class OnScreen:
    """Something of rich's that is on the screen as long as the ``with`` lasts; lines, where there is none."""

    def __init__(self, display: Live | ProgressBar, console: Console, *, live: bool) -> None:
        self._display = display
        self._console = console
        self._in_lines = live and not console.is_terminal and not console.quiet
        self._open = ExitStack()

    def line(self) -> str:
        """How far it is, in a line."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._display.start()
        if self._in_lines:
            self._open.enter_context(Heartbeat(self._console, self.line))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
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
        super().__init__(self._bar, console, live=live)
        self._task: TaskID | None = None

    def line(self) -> str:
        """What is done, how much of it, and how long it may take."""
        for task in self._bar.tasks:
            of = "" if task.total is None else f": {task.completed:g} of {task.total:g}"
            left = task.time_remaining
            return f"{task.description}{of}" + ("" if left is None else f", ~{left:.0f} s left")
        return ""

    def _begin(self, what: str) -> TaskID:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=None)
        return self._task

    def task(self, what: str) -> Callable[[int, int, str], None]:
        """Something to be proved: called with how many obligations are done, of how many, and which; of none
        while lemmas are looked for."""
        task = self._begin(what)

        def tell(done: int, total: int, name: str) -> None:
            said = what if total else f"{what}: {name}"
            self._bar.update(task, completed=done, total=total or None, description=said)

        return tell

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

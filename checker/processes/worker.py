"""A search in a process of its own, which ends when it is asked to, and with the process that asked for it.

The two talk over one connection.  To the worker goes its `Task`, then how many threads it may use, what is
not wanted any more, or None: stop.  From it comes what the task says (of a `Job` `Progress`, then an
`Exploration`, which a later one replaces), or why there is none.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ...specs.phrases.sought import FIND

if TYPE_CHECKING:
    from ...specs.scenario import Scenario
    from ..search.findings import Exploration, Progress

#: what cut a search that somebody ended
#: what ends a search that somebody waits for
SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: seconds of search between two messages of how far it is
_BEAT = 0.2
#: of Linux: the signal that a process gets when its parent ends
_PR_SET_PDEATHSIG = 1


class Task(Protocol):
    """What a worker has to do; it is sent there whole."""

    def work(self, watcher: Watcher) -> None:
        """Do it, and tell whoever asked."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker searches, as `explore.explore` takes it; ``properties`` may be of liveness, too."""

    scenario: Scenario
    fence: str
    properties: tuple[str, ...]
    max_states: int
    memory: int
    engine: str
    reductions: tuple[str, ...]
    checkpoint: Path | None
    dropped: tuple[tuple[str, str], ...] = ()
    #: builds, fences and properties of somebody's own: the files
    own_builds: tuple[str, ...] = ()
    own_fences: tuple[str, ...] = ()
    own_properties: tuple[str, ...] = ()
    #: a condition to find a state for, as somebody typed it; empty: none
    find: str = ""

    @property
    def asked(self) -> tuple[str, ...]:
        """By name, everything that something is found out about."""
        return (*self.properties, *([FIND] if self.find else ()))

    def work(self, watcher: Watcher) -> None:
        """Search, and say what was found."""
        _search(self, watcher)


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception that nobody expected: a line that tells it, and its traceback."""

    told: str
    trace: str


T = TypeVar("T", bound=Task)


class Worker(Generic[T]):
    """A process that searches, seen from the one that asked."""

    def __init__(self, job: T, threads: int) -> None:
        self.job = job
        self.connection, theirs = Pipe()
        with theirs, signals_held():
            # a new interpreter, for none of this process's threads and locks may be in it
            begin = f"from {__name__} import work; work({theirs.fileno()}, {os.getpid()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {begin}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._send(job)
        self.allow(threads)

    def allow(self, threads: int) -> None:
        """So many threads from now on."""
        self._send(threads)

    def forget(self, name: str) -> None:
        """What is so called is not wanted any more."""
        self._send(name)

    def stop(self) -> None:
        """End soon, with what was found."""
        self._send(None)

    def _send(self, told: Task | int | str | None) -> None:
        with suppress(OSError):  # it has ended, which whoever waits for its messages sees
            self.connection.send(told)

    def ended(self) -> int:
        """Wait for its end, which has to be near; its status, negative: the signal that killed it."""
        self.connection.close()
        return self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


@contextmanager
def signals_held() -> Iterator[None]:
    """Signals wait; a process that is started meanwhile begins so, and gets none before it can handle it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Watcher:
    """The process that asked, seen from the worker."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self.stopped = False
        self.threads = 1
        #: what is not wanted any more
        self.forgotten: set[str] = set()
        #: may this process end at once when it is stopped?  Then all that counts has been sent
        self.may_end = False

    def listen(self) -> None:
        """Hear what it says, until it ends: then this process has nobody left to search for."""
        try:
            while True:
                told = self._connection.recv()
                if told is None:
                    self.stop()
                elif isinstance(told, str):
                    self.forgotten.add(told)
                else:
                    self.threads = told
        except (EOFError, OSError):
            os._exit(1)

    def stop(self, *_: object) -> None:
        """End soon, with what was found."""
        self.stopped = True
        if self.may_end:
            os._exit(0)

    def spare(self) -> None:
        """From now on nothing is lost if this process ends."""
        self.may_end = True
        if self.stopped:
            os._exit(0)

    def send(self, what: object) -> None:
        """Tell it: `Progress`, an `Exploration`, why there is none, or what else the task comes to."""
        try:
            self._connection.send(what)
        except OSError:
            os._exit(1)


def work(number: int, parent: int) -> None:
    """Do the task that comes over this file descriptor, for that process."""
    _end_with(parent)
    os.set_inheritable(number, False)
    connection: Connection[Any, Any] = Connection(number)
    watcher = Watcher(connection)
    for each in SIGNALS:
        signal.signal(each, watcher.stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        task: Task = connection.recv()
        threading.Thread(target=watcher.listen, daemon=True).start()
        task.work(watcher)
    except EOFError:
        return  # nobody waits any more
    except OSError as error:  # of a checkpoint, or of a cluster
        watcher.send(error)
    except Exception as error:  # noqa: BLE001  # the other searches go on, and it is told when they have ended
        from ..search.errors import CheckpointError

        known = isinstance(error, CheckpointError | MemoryError)
        watcher.send(error if known else _fault(error))


def _end_with(parent: int) -> None:
    """Die when the parent does, even while machine code runs; elsewhere the end of the connection tells."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def _fault(error: Exception) -> Fault:
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).parent.name}/{Path(where.filename).name}:{where.lineno}"
    return Fault(f"{type(error).__name__}: {error} at {place}", "".join(traceback.format_exception(error)))


def _search(job: Job, watcher: Watcher) -> None:
    from ...model.variants import fences
    from ...specs import liveness, own
    from ...specs.properties import named
    from ..search.explore import explore
    from ..search.findings import INTERRUPTED, Finding
    from ..search.reached import reached, sought

    began = time.monotonic()
    for file in job.own_builds:
        fences.take(file, "build")
    for file in job.own_fences:
        fences.take(file)
    for asked_for in job.own_properties:
        own.take(asked_for)
    states = [sought(job.find, job.scenario, job.fence, job.dropped)] if job.find else []
    found = explore(
        job.scenario,
        job.fence,
        [*(named(name) for name in job.properties if name not in liveness.known()), *states],
        dropped=job.dropped,
        max_states=job.max_states,
        memory=job.memory,
        engine=job.engine,
        reductions=job.reductions,
        threads=lambda: watcher.threads,
        checkpoint=None if job.checkpoint is None else job.checkpoint / f"{job.fence}.search",
        progress=_now_and_then(watcher.send),
        stop=lambda: watcher.stopped,
    )
    found = reached(found, states)
    asked = [liveness.named(name) for name in job.properties if name in liveness.known()]
    lively = {prop.name: Finding(prop.name, "unknown", note=INTERRUPTED) for prop in asked}

    def so_far() -> Exploration:
        seconds = time.monotonic() - began
        return replace(found, findings=(*found.findings, *lively.values()), seconds=seconds)

    watcher.send(so_far())
    if not asked:
        return
    watcher.spare()
    from ..liveness.liveness import findings

    lasting = findings(
        job.scenario,
        job.fence,
        asked,
        dropped=job.dropped,
        max_states=job.max_states,
        memory=job.memory,
        threads=lambda: watcher.threads,
        progress=watcher.send,
    )
    for finding in lasting:
        lively[finding.property] = finding
        watcher.send(so_far())


def _now_and_then(send: Callable[[Progress], None]) -> Callable[[Progress], None]:
    last = -_BEAT

    def report(progress: Progress) -> None:
        nonlocal last
        if progress.seconds - last >= _BEAT or progress.seconds < last:
            last = progress.seconds
            send(progress)

    return report

"""Several fences at once: one search a process, as many as there are cores; the last ones share all cores."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType

from ...model.language.instance import REDUCTIONS
from ...model.variants import fences as own_variants
from ...specs import own as own_properties
from ...specs.scenario import Scenario
from ..search.findings import INTERRUPTED, Exploration, Finding, Progress
from ..search.memory import default_bound
from .worker import SIGNALS, Fault, Job, Worker

#: what comes so soon after a signal is the same: `timeout` signals a process, and then its group
_ONE_SIGNAL_S = 0.5

#: signals by which a process ends that did something wrong itself
_WRONG = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)


class SearchFault(RuntimeError):
    """A fault of tsofence in one search; the message is one line, the worker's traceback a note."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def explore_all(
    scenario: Scenario,
    fences: Sequence[str],
    properties: Sequence[str],
    max_states: int,
    *,
    memory: int | None = None,
    engine: str = "auto",
    reductions: Sequence[str] = REDUCTIONS,
    checkpoint: Path | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    find: str = "",
    progress: Callable[[str, Progress], None],
    done: Callable[[Exploration], None],
) -> list[Exploration]:
    """Explore the scenario under each fence, once; ``done`` is called as each search ends.

    ``memory`` (in bytes) is shared among those that run at a time; ``max_states`` is for each.
    ``dropped`` lists guards (transition, label) to leave out; ``find``: a condition to find a state for.
    ``checkpoint``: a folder with a file for each search, to go on from and to write now and then.
    After Ctrl-C or SIGTERM the searches end with what they found, after another one at once.  A search whose
    process is killed is cut by that.

    Raises:
        CheckpointError: a file in that folder that cannot be used.
        OSError: no process can be started, or no cluster.
        SearchFault: a search failed, after ``done`` was called for each.
        KeyboardInterrupt: Ctrl-C or SIGTERM came before anything was found (it says how far that was), or
            twice.
    """
    # a cluster takes every core that it may have for one search
    fences = tuple(dict.fromkeys(fences))
    at_a_time = 1 if engine == "cluster" else min(len(fences), cores())
    share = (memory or default_bound()) // at_a_time
    asked = tuple(properties)
    jobs = deque(
        Job(
            scenario,
            fence,
            asked,
            max_states,
            share,
            engine,
            tuple(reductions),
            checkpoint,
            tuple(dropped),
            own_variants.files("build"),
            own_variants.files("fence"),
            own_properties.files(),
            find,
        )
        for fence in fences
    )
    searches = _Searches(progress)
    results: dict[str, Exploration] = {}
    with searches.interruptible():
        while jobs or searches.running:
            while jobs and len(searches.running) < at_a_time and not searches.stopped:
                searches.start(jobs.popleft(), len(fences) - len(results))
            if searches.stopped:
                for job in jobs:
                    results[job.fence] = _cut(job, INTERRUPTED)
                    done(results[job.fence])
                jobs.clear()
            for found in searches.listen():
                results[found.fence] = found
                done(found)
                searches.share_cores(len(fences) - len(results))
    if searches.faults:
        fence, fault = next(iter(searches.faults.items()))
        error = SearchFault(f"{fence}: {fault.told}")
        error.add_note(fault.trace)
        raise error
    if searches.stopped and not any(found.transitions for found in results.values()):
        raise KeyboardInterrupt(searches.undecided(sum(found.states for found in results.values())))
    return [results[fence] for fence in fences]


class _Searches:
    """The searches that run, and what is heard of them."""

    def __init__(self, progress: Callable[[str, Progress], None]) -> None:
        self.running: list[Worker[Job]] = []
        self.faults: dict[str, Fault] = {}
        self.stopped, self._stopped_at = False, 0.0
        self._progress = progress
        self._heard: dict[str, Exploration] = {}
        self._failed: dict[str, Exception] = {}
        self._far: dict[str, Progress] = {}
        self._wake, self._ring = os.pipe()

    def start(self, job: Job, left: int) -> None:
        """Begin a search, where so many have not ended."""
        self.running.append(Worker(job, max(1, cores() // left)))

    def share_cores(self, left: int) -> None:
        """Give each search its part of the cores, now that so many have not ended."""
        for worker in self.running:
            worker.allow(max(1, cores() // max(1, left)))

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Signals end the searches, the second one at once; at the end of the block none is left running."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            # who asked for Ctrl-C to be ignored keeps that
            stoppable = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
            before = {each: signal.signal(each, self._interrupt) for each in stoppable}
        try:
            yield
        finally:
            for worker in self.running:
                worker.kill()
            for worker in self.running:
                worker.ended()
            for each, handler in before.items():
                signal.signal(each, handler)
            os.close(self._wake)
            os.close(self._ring)

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.stopped and now - self._stopped_at < _ONE_SIGNAL_S:
            return
        if self.stopped:
            for worker in self.running:
                worker.kill()
            raise KeyboardInterrupt
        self.stopped, self._stopped_at = True, now
        os.write(self._ring, b"!")

    def undecided(self, states: int) -> str:
        """How far the searches were that found nothing in so many states."""
        doing = "; ".join(dict.fromkeys(far.doing for far in self._far.values() if far.doing))
        begun = f" (not begun yet: {doing})" if doing else ""
        return f"nothing decided after {states:,} state{'s' * (states != 1)}{begun}"

    def listen(self) -> list[Exploration]:
        """Wait for what the searches say; those that have ended.

        Raises:
            CheckpointError, OSError: as a search was refused.
        """
        by_connection = {worker.connection: worker for worker in self.running}
        ended = []
        for ready in wait([*by_connection, self._wake]) if by_connection else ():
            worker = by_connection.get(ready)  # type: ignore[call-overload]  # none of them: the bell
            if worker is None:
                os.read(self._wake, 1)
                for each in self.running:
                    each.stop()
                continue
            try:
                self._hear(worker, worker.connection.recv())
            except (EOFError, OSError):
                self.running.remove(worker)
                ended.append(self._ended(worker, worker.ended()))
        return ended

    def _hear(self, worker: Worker[Job], told: Progress | Exploration | Exception | Fault) -> None:
        fence = worker.job.fence
        if isinstance(told, Progress):
            self._far[fence] = told
            self._progress(fence, told)
        elif isinstance(told, Exploration):
            self._heard[fence] = told
        elif isinstance(told, Fault):
            self.faults[fence] = told
        else:
            self._failed[fence] = told

    def _ended(self, worker: Worker[Job], status: int) -> Exploration:
        """What is known of a search whose process has ended."""
        job = worker.job
        error = self._failed.get(job.fence)
        if error is not None and not isinstance(error, MemoryError):
            raise error
        if error is None and job.fence not in self.faults and (status > 0 or -status in _WRONG):
            self.faults[job.fence] = Fault(f"the process of this search ended with status {status}", "")
        if job.fence in self.faults:
            cut = f"a fault of tsofence: {self.faults[job.fence].told}"
        elif error is not None:
            cut = "memory ran out: raise --memory, or use a smaller scenario"
        elif status:
            name = signal.Signals(-status).name
            cut = f"its process was killed ({name}), as a system does that runs out of memory: lower --memory"
        else:
            cut = ""
        found = self._heard.get(job.fence)
        if found is None:
            return _cut(job, cut or INTERRUPTED, self._far.get(job.fence))
        if not cut:
            return found
        findings = (replace(each, note=cut) if each.note == INTERRUPTED else each for each in found.findings)
        return replace(found, cut_by=(*found.cut_by, cut), findings=tuple(findings))


def _cut(job: Job, cut: str, far: Progress | None = None) -> Exploration:
    """A search of which nothing is known but how far it was."""
    return Exploration(
        job.scenario.name,
        job.fence,
        far.states if far else 0,
        far.transitions if far else 0,
        far.depth if far else 0,
        far.seconds if far else 0.0,
        (cut,),
        (),
        (),
        (),
        tuple(Finding(name, "unknown") for name in job.asked),
    )

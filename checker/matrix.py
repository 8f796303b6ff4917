"""Several fences at once: one search a process, as many as there are cores; the last ones share all cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty

from ..model.instance import REDUCTIONS
from ..specs import liveness
from ..specs.properties import named
from ..specs.scenario import Scenario
from .explore import Exploration, Progress, explore
from .memory import default_bound

#: seconds between two messages of a search
_BEAT = 0.2


@dataclass(frozen=True, slots=True)
class _Channel:
    """What a worker shares with the process that watches it."""

    messages: Queue[tuple[str, Progress]]
    stopped: Event
    left: Synchronized[int]  # searches that have not ended
    watcher: int  # the process that asked

    def ended(self) -> bool:
        """Was the search stopped?  A worker for which nobody waits any more ends at once."""
        if os.getppid() != self.watcher:
            os._exit(1)  # its pool would wait for work forever
        return self.stopped.is_set()


_channel: _Channel | None = None


def _join(messages: Queue[tuple[str, Progress]], stopped: Event, left: Synchronized[int]) -> None:
    """Set up a worker; Ctrl-C is for the process that watches, which then asks the workers to end."""
    global _channel  # noqa: PLW0603  # a pool hands its workers state in no other way
    _channel = _Channel(messages, stopped, left, os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(
    scenario: Scenario,
    fence: str,
    properties: Sequence[str],
    max_states: int,
    memory: int,
    engine: str,
    reductions: Sequence[str],
    checkpoint: Path | None,
) -> Exploration:
    channel = _channel
    if channel is None:
        raise RuntimeError("a worker was not set up")
    last = -_BEAT

    def report(progress: Progress) -> None:
        nonlocal last
        if progress.seconds - last >= _BEAT:
            last = progress.seconds
            channel.messages.put((fence, progress))

    began = time.monotonic()
    found = explore(
        scenario,
        fence,
        [named(name) for name in properties if name not in liveness.NAMES],
        max_states=max_states,
        memory=memory,
        engine=engine,
        reductions=reductions,
        threads=lambda: max(1, cores() // max(1, channel.left.value)),
        checkpoint=None if checkpoint is None else checkpoint / f"{fence}.search",
        progress=report,
        stop=channel.ended,
    )
    asked = [liveness.named(name) for name in properties if name in liveness.NAMES]
    if not asked:
        return found
    from .liveness import findings

    lively = findings(
        scenario,
        fence,
        asked,
        max_states=max_states,
        memory=memory,
        stop=channel.ended,
    )
    return replace(found, findings=(*found.findings, *lively), seconds=time.monotonic() - began)


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
    progress: Callable[[str, Progress], None],
    done: Callable[[Exploration], None],
) -> list[Exploration]:
    """Explore the scenario under each fence; ``done`` is called as each search ends.

    ``memory`` (in bytes) is shared among those that run at a time; ``max_states`` is for each.
    ``checkpoint``: a folder with a file for each search, to go on from and to write now and then.
    After Ctrl-C the searches end with what they found.
    """
    context = multiprocessing.get_context("spawn")
    messages: Queue[tuple[str, Progress]] = context.Queue()
    stopped = context.Event()
    left = context.Value("i", len(fences))
    results: dict[str, Exploration] = {}
    # a cluster takes every core that it may have for one search
    workers = 1 if engine == "cluster" else min(len(fences), cores())
    share = (memory or default_bound()) // workers
    with ProcessPoolExecutor(workers, context, initializer=_join, initargs=(messages, stopped, left)) as pool:
        waiting: dict[Future[Exploration], str] = {
            pool.submit(
                _work,
                scenario,
                fence,
                tuple(properties),
                max_states,
                share,
                engine,
                tuple(reductions),
                checkpoint,
            ): fence
            for fence in fences
        }
        while waiting:
            try:
                finished, _ = wait(waiting, timeout=_BEAT, return_when=FIRST_COMPLETED)
                _drain(messages, progress)
            except KeyboardInterrupt:
                stopped.set()
                continue
            for future in finished:
                fence = waiting.pop(future)
                results[fence] = future.result()
                left.value -= 1
                done(results[fence])
    return [results[fence] for fence in fences]


def _drain(messages: Queue[tuple[str, Progress]], progress: Callable[[str, Progress], None]) -> None:
    while True:
        try:
            fence, state = messages.get_nowait()
        except Empty:
            return
        progress(fence, state)

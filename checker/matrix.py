"""Several fences at once: one search a process, as many as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from queue import Empty

from ..specs.properties import named
from ..specs.scenario import Scenario
from .explore import Exploration, Progress, explore, machine_memory

#: seconds between two messages of a search
_BEAT = 0.2


@dataclass(frozen=True, slots=True)
class _Channel:
    """What a worker shares with the process that watches it."""

    messages: Queue[tuple[str, Progress]]
    stopped: Event


_channel: _Channel | None = None


def _join(messages: Queue[tuple[str, Progress]], stopped: Event) -> None:
    """Set up a worker; Ctrl-C is for the process that watches, which then asks the workers to end."""
    global _channel  # noqa: PLW0603  # a pool hands its workers state in no other way
    _channel = _Channel(messages, stopped)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(
    scenario: Scenario, fence: str, properties: Sequence[str], max_states: int, memory: int, engine: str
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

    return explore(
        scenario,
        fence,
        [named(name) for name in properties],
        max_states=max_states,
        memory=memory,
        engine=engine,
        progress=report,
        stop=channel.stopped.is_set,
    )


def explore_all(
    scenario: Scenario,
    fences: Sequence[str],
    properties: Sequence[str],
    max_states: int,
    *,
    memory: int | None = None,
    engine: str = "auto",
    progress: Callable[[str, Progress], None],
    done: Callable[[Exploration], None],
) -> list[Exploration]:
    """Explore the scenario under each fence; ``done`` is called as each search ends.

    ``memory`` (in bytes) is shared among those that run at a time; ``max_states`` is for each.
    After Ctrl-C the searches end with what they found.
    """
    context = multiprocessing.get_context("spawn")
    messages: Queue[tuple[str, Progress]] = context.Queue()
    stopped = context.Event()
    results: dict[str, Exploration] = {}
    workers = min(len(fences), os.cpu_count() or 1)
    share = (memory or machine_memory()) // workers
    with ProcessPoolExecutor(workers, context, initializer=_join, initargs=(messages, stopped)) as pool:
        waiting: dict[Future[Exploration], str] = {
            pool.submit(_work, scenario, fence, tuple(properties), max_states, share, engine): fence
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
                done(results[fence])
    return [results[fence] for fence in fences]


def _drain(messages: Queue[tuple[str, Progress]], progress: Callable[[str, Progress], None]) -> None:
    while True:
        try:
            fence, state = messages.get_nowait()
        except Empty:
            return
        progress(fence, state)

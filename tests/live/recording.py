"""A recorder in this process, while something happens to what it records."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tsofence.traces.live.gateway import Access
from tsofence.traces.live.gateway import Gateway as Client
from tsofence.traces.live.lines import Lines
from tsofence.traces.live.record import Recorder
from tsofence.traces.sources import reading
from tsofence.traces.sources.trace import Trace


class Recording:
    """What is recorded in a file, and what was said meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        #: nothing more is recorded
        self.over = threading.Event()

    def of(
        self,
        *urls: str,
        during: Callable[[Recorder], Any],
        access: Access | None = None,
        patience: float = 600,
    ) -> Recorder:
        """Record while something happens, which is done in a thread."""

        async def recording(client: Client, lines: Lines) -> Recorder:
            recorder = Recorder(client, lines, self.said.append, patience)
            await recorder.begin()
            stop = asyncio.Event()

            async def happens() -> None:
                try:
                    await asyncio.to_thread(during, recorder)
                finally:
                    stop.set()

            async with asyncio.timeout(300):
                happening = asyncio.create_task(happens())
                try:
                    await recorder.follow(stop)
                finally:
                    self.over.set()
                await happening
            return recorder

        async def run() -> Recorder:
            async with Client(urls, access) as client:
                with Lines(self.path) as lines:
                    return await recording(client, lines)

        return asyncio.run(run())

    def trace(self) -> Trace:
        """What a replay reads in it."""
        found = reading.read([self.path])
        assert all(source.whole for source in found.sources)
        return found


def revisions(trace: Trace) -> list[int]:
    return [event.revision for event in trace.keys]


def receipts(trace: Trace) -> list[bool]:
    return [event.latest_ns is not None for event in trace.keys]


def until(met: Callable[[], bool]) -> None:
    """Wait for something, which comes long before the end of this wait if it comes at all."""
    end = time.monotonic() + 600
    while not met():
        assert time.monotonic() < end
        time.sleep(0.001)


def recorded(recorder: Recorder, revision: int) -> None:
    """Wait until it has come so far."""
    until(lambda: recorder.seen >= revision)

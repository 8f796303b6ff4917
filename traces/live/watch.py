"""A cluster judged as it goes on: a recording, and a judgement of its last part again and again.

A judgement goes over the last two parts of the recording.  A new part, which begins with the state that etcd
has then, is begun when the present one has `PART_EVENTS` events or is `PART_S` old.  So what violates a
property within one part's length is seen as a whole, what takes longer need not be; memory and time of a
judgement are bounded, and it waits `IDLE` times as long as the last one took, so that judging takes at most a
fifth of one core.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .collect import Order, Recorded, Session, record
from .judge import Judged, Violation, judge
from .metrics import VERDICTS, Metrics
from .record import Say
from .tasks import first

PART_EVENTS = 2_000
PART_S = 600.0
#: how long it rests after a judgement: so many times what that took, and at least so many s
IDLE, REST_S = 4.0, 2.0


@dataclass(slots=True)
class Watched:
    """What a watch has found so far: the last verdicts, and every violation once."""

    last: Judged | None = None
    violations: list[Violation] = field(default_factory=list)
    #: the last verdicts on each part, with the one before
    parts: dict[int, dict[str, str]] = field(default_factory=dict)
    #: whether a part of the recording was no behaviour under any build and fence that it was judged under
    refuted: bool = False
    events: int = 0
    revision: int = 0
    gaps: int = 0
    at: float = 0.0

    @property
    def verdicts(self) -> list[str]:
        """What it amounts to."""
        found = [verdict for verdicts in self.parts.values() for verdict in verdicts.values()]
        return [*found, *["violated"] * bool(self.violations)] if self.parts else ["unknown"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be judged, under which builds and fences."""

    properties: Sequence[str]
    fences: Sequence[str] = ()
    builds: Sequence[str] = ()


def watch(
    order: Order,
    folder: Path,
    asked: Asked,
    say: Say,
    found: Callable[[Violation], None],
    show: Callable[[Watched], None],
    *,
    keep: bool,
    metrics: Metrics | None = None,
) -> tuple[Recorded, Watched]:
    """Record and judge until Ctrl-C.

    ``found`` is told each violation, once, ``show`` how things stand after each judgement.  Parts that are
    judged no more are removed, but for ``keep``.

    Raises:
        BadInput, KeyboardInterrupt: as `record`.
    """
    watching = _Watching(asked, found, show, keep=keep, metrics=metrics)
    return record(order, folder, say, watching.beside), watching.watched


class _Watching:
    """What happens beside the recording."""

    def __init__(
        self,
        asked: Asked,
        found: Callable[[Violation], None],
        show: Callable[[Watched], None],
        *,
        keep: bool,
        metrics: Metrics | None,
    ) -> None:
        self.watched = Watched()
        self._asked = asked
        self._found = found
        self._show = show
        self._keep = keep
        self._metrics = metrics
        self._told: set[Violation] = set()

    async def beside(self, session: Session, stop: asyncio.Event) -> None:
        """Judge while it goes on, and once more when it has ended."""
        begun, events, judged = time.monotonic(), 0, (-1, -1)
        while not stop.is_set():
            took = 0.0
            if (there := (session.recorder.events, session.samples)) != judged:
                judged, before = there, time.monotonic()
                await first(self._judge(session), stop.wait())
                took = time.monotonic() - before
            self._tell(session)
            if session.recorder.events - events > PART_EVENTS or time.monotonic() - begun > PART_S:
                await session.turn()
                begun, events = time.monotonic(), session.recorder.events
                self._forget(session)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(REST_S, IDLE * took))
        await session.finished.wait()
        await self._judge(session)
        self._tell(session)

    async def _judge(self, session: Session) -> None:
        asked = self._asked
        part = len(session.folders)
        judged = await judge(session.folders[-2:], asked.properties, asked.fences, asked.builds)
        watched = self.watched
        watched.last, watched.at = judged, time.time()
        watched.parts[part] = judged.verdicts
        watched.refuted |= bool(judged.refuted) and len(judged.refuted) == judged.tried
        for violation in judged.violations:
            if violation not in self._told:
                self._told.add(violation)
                watched.violations.append(violation)
                self._found(violation)
                if self._metrics:
                    self._metrics.violations.labels(violation.property).inc()

    def _tell(self, session: Session) -> None:
        """How things stand."""
        recorder, watched = session.recorder, self.watched
        watched.events, watched.revision, watched.gaps = recorder.events, recorder.seen, len(recorder.gaps)
        if metrics := self._metrics:
            metrics.events.set(recorder.events)
            metrics.revision.set(recorder.seen)
            metrics.gaps.set(len(recorder.gaps))
            metrics.heard.set(recorder.heard_at)
            metrics.judged.set(watched.at)
            for name, verdict in watched.last.verdicts.items() if watched.last else ():
                metrics.verdict.labels(name).set(VERDICTS[verdict])
        self._show(watched)

    def _forget(self, session: Session) -> None:
        """Remove what is judged no more."""
        for folder in () if self._keep else session.folders[:-2]:
            shutil.rmtree(folder, ignore_errors=True)

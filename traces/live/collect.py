"""A recording of a cluster that runs, in a folder of its own, until somebody stops it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..sources.observation import BadInput
from .gateway import Access, Gateway
from .lines import Lines
from .record import Ended, Recorder, Say
from .tail import Tail
from .tasks import first, together

if TYPE_CHECKING:
    from .samples import Sampler  # needs grpcio, which not everybody has

_SAMPLES = "samples.jsonl"


@dataclass(frozen=True, slots=True)
class Order:
    """What to record: a cluster by the client URLs of its PDs, and logs by their paths.

    `patience_s`: how long nothing may be heard of etcd until the recording ends; `for_s`: how long to record,
    None until it is stopped; `sample_s`: how often each server is asked for a timestamp, None: never.
    """

    urls: Sequence[str]
    access: Access
    logs: Sequence[Path]
    patience_s: float
    for_s: float | None = None
    sample_s: float | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: events of etcd up to a revision, but for the `gaps`, and own samples.

    `ended`: why it went no further, empty if somebody stopped it.
    """

    folder: Path
    events: int
    revision: int
    gaps: Sequence[tuple[int, int]]
    ended: str
    samples: int = 0

    @property
    def whole(self) -> bool:
        """Whether everything is there from its beginning until it was stopped."""
        return not self.gaps and not self.ended


class Session:
    """A recording under way, in parts: the last of their `folders` is written until it is `finished`."""

    def __init__(
        self, place: Path, part: Path, recorder: Recorder, tails: Sequence[Tail], sampler: Sampler | None
    ) -> None:
        self.recorder = recorder
        self.folders = [part]
        self.finished = asyncio.Event()
        self._place = place
        self._tails = tails
        self._sampler = sampler

    @property
    def samples(self) -> int:
        """How many own samples there are."""
        return self._sampler.samples if self._sampler else 0

    async def turn(self) -> None:
        """Go on in another folder, from the state of now; in this one, if that cannot be had."""
        folder = _part(self._place, len(self.folders) + 1)
        if await self.recorder.turn(lambda: Lines(_made(folder) / "etcd.jsonl")):
            self.folders.append(folder)
            if self._sampler:
                self._sampler.turn(folder / _SAMPLES)
            for tail in self._tails:
                tail.turn(Lines(_free(folder, tail.path.name)))


#: what is done with a recording while it grows, until it is to stop
Beside = Callable[[Session, asyncio.Event], Coroutine[Any, Any, None]]


def record(order: Order, folder: Path, say: Say, beside: Beside | None = None) -> Recorded:
    """Record until Ctrl-C or SIGTERM; a second one does not wait for what had happened by the first.

    Each recording is in a folder of its own within ``folder``, called after the time at which it began.
    ``say`` is told where it is and what is amiss, a line each.

    Raises:
        BadInput: an endpoint, a log or the folder cannot be used; what was recorded before stays.
        KeyboardInterrupt: before anything was recorded, or a second time.
    """
    try:
        return asyncio.run(_record(order, folder, _once(say), beside))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _record(order: Order, folder: Path, say: Say, beside: Beside | None) -> Recorded:
    stop = asyncio.Event()
    with _stopped_by_signals(stop), ExitStack() as files:
        async with Gateway(order.urls, order.access) as gateway:
            for log in order.logs:
                if not log.is_file():
                    raise BadInput(str(log), None, "a server's log", "check --log (there is no such file)")
            await first(_greet(gateway, say), stop.wait())
            if stop.is_set():
                raise KeyboardInterrupt
            place = _made(folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            part = _made(_part(place, 1)) if beside else place
            recorder = Recorder(gateway, Lines(part / "etcd.jsonl"), say, order.patience_s)
            files.callback(recorder.close)
            sampler = _sampler(order, gateway, part, say)
            if sampler:
                files.callback(sampler.close)
            tails = [Tail(log, Lines(_free(part, log.name)), say) for log in order.logs]
            for tail in tails:
                files.callback(tail.close)
            await first(recorder.begin(), stop.wait())
            if not recorder.seen:
                raise KeyboardInterrupt
            say(f"recording to {place} from revision {recorder.seen} on")
            if order.for_s is not None:
                asyncio.get_running_loop().call_later(order.for_s, stop.set)
            session = Session(place, part, recorder, tails, sampler)
            ended: list[str] = []

            async def recording() -> None:
                try:
                    sampling = [sampler.follow(stop)] if sampler else []
                    await together(recorder.follow(stop), *(tail.follow(stop) for tail in tails), *sampling)
                except Ended as error:
                    ended.append(str(error))
                    stop.set()
                session.finished.set()

            await together(recording(), *([beside(session, stop)] if beside else []))
    why = "".join(ended)
    return Recorded(place, recorder.events, recorder.seen, recorder.gaps, why, session.samples)


def _sampler(order: Order, gateway: Gateway, part: Path, say: Say) -> Sampler | None:
    if order.sample_s is None:
        return None
    from .samples import Sampler

    return Sampler(gateway, order.access, part / _SAMPLES, say, order.sample_s)


async def _greet(gateway: Gateway, say: Say) -> None:
    for why in await gateway.greet():
        say(why)


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM stop it, a second one at once; who asked for Ctrl-C to be ignored keeps that."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def come() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    heard = [each for each, handler in before.items() if handler is not signal.SIG_IGN]
    for each in heard:
        loop.add_signal_handler(each, come)
    try:
        yield
    finally:
        for each in heard:
            loop.remove_signal_handler(each)
            signal.signal(each, before[each])


def _part(place: Path, number: int) -> Path:
    return place / f"{number:04d}"


def _made(folder: Path) -> Path:
    """A folder that was not there."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        expected = "a folder that can be made"
        raise BadInput(str(folder), None, expected, f"check -o and its disk ({why})") from None
    return folder


def _free(folder: Path, name: str) -> Path:
    """Where a log of that name goes: its server may be known by its name alone, so it keeps it."""
    number = 1
    place = folder / name
    while place.exists():
        number += 1
        place = folder / str(number) / name
    if number > 1:
        _made(place.parent)
    return place


def _once(say: Say) -> Say:
    """Nothing twice in a row."""
    last = [""]

    def said(line: str) -> None:
        if line != last[0]:
            say(line)
        last[0] = line

    return said

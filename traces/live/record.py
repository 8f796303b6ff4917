"""What a recorder does: the state of a cluster's timestamp oracle, and every event of etcd from there on.

It begins with the state at the revision that etcd is at, and watches from the next one.  A watch that ends
is begun again where it ended, at another endpoint; where etcd has forgotten what came meanwhile, the state
at the last revision that it has forgotten stands for that, and the revisions in between are a gap: in the
recording, since each revision of etcd has an event, and told.

All keys are watched, so that revisions tell what is missing, but of those that do not concern PD's
timestamps only the revision is kept.

Whether an event came soon after it was written, etcd's own clock would have to tell.  Here a linearizable
read does, every `BEAT_S`: an event above its revision is younger than the read.  Only an event of which that
is so of a read that began less than `LATE_NS` before gets the time at which it was received; what comes after
a watch was interrupted, or while it lags behind, has none.  The same reads tell a quiet cluster from one that
cannot be heard.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from ..sources import state
from .gateway import ANSWER_S, Answer, Compacted, Gateway, Pair, Unreachable
from .lines import Lines
from .tasks import first

#: how often etcd is asked for its revision, s
BEAT_S = 0.5
#: how long after its write an event is received whose receipt is kept, at most (explain/seen.py counts on it)
LATE_NS = 1_000_000_000
#: how long a watch may stay behind what a read has told, s
_BEHIND_S = 5.0
#: how long is waited before a watch is begun again, s: at first, and at most
_AGAIN_S, _LONG_S = 0.1, 2.0
#: how often a recording says that nothing happened, s
_QUIET_S = 10.0
CLUSTER_ID = b"/pd/cluster_id"

Say = Callable[[str], None]


class Ended(Exception):
    """Nothing more can be recorded: no endpoint answers for too long, or etcd's history is another."""


class Recorder:
    """Records one cluster until it is stopped.

    `seen` is the revision up to which everything is recorded, but for the `gaps` (first and last revision),
    `events` how many there were. ``say`` is told what becomes of the connection, a line each;
    ``patience_s``: how long nothing may be heard.
    """

    def __init__(self, gateway: Gateway, lines: Lines, say: Say, patience_s: float) -> None:
        self._gateway = gateway
        self._lines = lines
        self._say = say
        self._patience_s = patience_s
        #: when a read began (ns), and the revision that it told
        self._beats: deque[tuple[int, int]] = deque(maxlen=8)
        self._heard = time.monotonic()
        #: when etcd answered last (Unix time, s)
        self.heard_at = time.time()
        #: what is written while another file is begun belongs to that as well
        self._turning: list[bytes] | None = None
        self._behind_since: float | None = None
        self._written = time.monotonic()
        #: when the watch was begun, or told something, last
        self._progress = 0.0
        self._watching: asyncio.Timeout | None = None
        self._caught_up = asyncio.Event()
        self.seen = 0
        self.events = 0
        self.gaps: list[tuple[int, int]] = []

    async def begin(self) -> None:
        """The state to start from.

        Raises:
            BadInput: no endpoint answers, or not as a gateway of etcd does.
        """
        while not self.seen:
            try:
                await self._state(0)
            except Compacted:
                continue  # between two of its reads
            except Unreachable as error:
                raise self._gateway.unheard(error) from None

    async def follow(self, stop: asyncio.Event) -> None:
        """Everything that happens, until it is to stop; then what had happened by then.

        Raises:
            Ended: see there.
            BadInput: etcd refuses, or the recording cannot be written.
        """
        await first(self._watch(), self._beat(), self._finish(stop))

    async def turn(self, opened: Callable[[], Lines]) -> bool:
        """Go on in another file, which begins with the state; whether that could be had."""
        self._turning = []
        try:
            _, line = await self._read(self.seen)
            lines = opened()
            for each in (line, *self._turning):
                lines.write(each)
        except (Compacted, Unreachable):
            return False
        finally:
            self._turning = None
        self._lines.close()
        self._lines = lines
        return True

    def close(self) -> None:
        """Nothing more is written."""
        self._lines.close()

    async def _state(self, revision: int) -> None:
        """Begin with the state at a revision (0: the present one)."""
        at, line = await self._read(revision)
        self._write(line)
        if self.seen:
            self.gaps.append((self.seen + 1, at))
            self._say(f"revisions {self.seen + 1} to {at} are lost: etcd had compacted them")
        self.seen = at

    async def _read(self, revision: int) -> tuple[int, bytes]:
        """The state of all keys that concern PD's timestamps, at a revision (0: the present one)."""
        of = await self._gateway.range(CLUSTER_ID, revision=revision)
        at = revision or of.revision
        pairs = [*of.pairs]
        for found in of.pairs:
            for key, end in state.ranges(int.from_bytes(found.value, "big")):
                pairs += (await self._gateway.range(key, end, at)).pairs
        response = {"header": {**of.header, "revision": str(at)}, "kvs": [each.document for each in pairs]}
        return at, _line({"recv_unix_ns": time.time_ns(), "state": True, "response": response})

    async def _watch(self) -> None:
        pause = _AGAIN_S
        while True:
            try:
                async with asyncio.timeout(ANSWER_S) as self._watching:
                    async with self._gateway.watch(self.seen + 1) as answers:
                        async for answer in answers:
                            self._watching.reschedule(None)
                            self._progress = time.monotonic()
                            pause = _AGAIN_S
                            self._take(answer)
            except TimeoutError:
                self._say(f"{self._gateway.url} does not tell what happens: asking again")
            except Unreachable as error:
                self._say(f"{error}: asking again")
            except Compacted as forgotten:
                with suppress(Compacted, Unreachable):  # the next watch tells what is there then
                    await self._state(forgotten.revision)
                    continue
            finally:
                self._watching = None
            self._gateway.next()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONG_S)

    def _take(self, answer: Answer) -> None:
        """An answer of the watch, without what concerns nobody's timestamps."""
        now = time.time_ns()
        pairs = [pair for pair in answer.pairs if pair.revision > self.seen]
        if not pairs:
            return
        lowest, highest = pairs[0].revision, pairs[-1].revision
        response = {"header": answer.header, "events": [*_told(pairs)]}
        soon = any(revision < lowest and now - began <= LATE_NS for began, revision in self._beats)
        self._write(_line({"recv_unix_ns": now, "response": response} if soon else {"result": response}))
        self.events += len(pairs)
        self.seen = highest
        self._caught_up.set()

    async def _beat(self) -> None:
        """Ask again and again where etcd is."""
        while True:
            began = time.time_ns()
            try:
                revision = await self._where()
            except Unreachable as error:
                silent = time.monotonic() - self._heard
                if silent > self._patience_s:
                    raise Ended(f"no endpoint answered for {silent:.0f} s ({error})") from None
            else:
                self._heard, self.heard_at = time.monotonic(), time.time()
                self._beats.append((began, revision))
                self._compare(revision)
            await asyncio.sleep(BEAT_S)

    async def _where(self) -> int:
        """The revision that etcd is at."""
        seen = self.seen
        revision = await self._gateway.revision()
        if revision < seen:
            raise Ended(f"etcd was at revision {seen} and is at {revision}: its history is another")
        return revision

    def _compare(self, revision: int) -> None:
        """Where the watch is, and where etcd is."""
        now = time.monotonic()
        if revision <= self.seen:
            self._behind_since = None
            if now - self._written > _QUIET_S:
                self._reached(self.seen)
            return
        self._behind_since = self._behind_since or now
        if now - self._behind_since > self._patience_s:
            raise Ended(f"no endpoint tells what happened after revision {self.seen}")
        watching = self._watching
        behind = now - max(self._behind_since, self._progress)
        if watching is not None and not watching.expired() and behind > _BEHIND_S:
            watching.reschedule(asyncio.get_running_loop().time())

    async def _finish(self, stop: asyncio.Event) -> None:
        """When it is to stop: what has happened by then, or the recording tells that it is missing."""
        await stop.wait()
        revision = self.seen
        try:
            async with asyncio.timeout(ANSWER_S):
                revision = await self._where()
                while self.seen < revision:
                    self._caught_up.clear()
                    await self._caught_up.wait()
        except (TimeoutError, Unreachable) as error:
            self._say(f"the end may be missing: {str(error) or 'the watch lags behind'}")
        if revision > self.seen:
            self.gaps.append((self.seen + 1, revision))
        self._reached(revision)

    def _reached(self, revision: int) -> None:
        """A line that says how far the recording goes, or where etcd is and it does not go."""
        header = {"revision": str(revision)}
        self._write(_line({"recv_unix_ns": time.time_ns(), "response": {"header": header, "events": []}}))

    def _write(self, line: bytes) -> None:
        self._lines.write(line)
        if self._turning is not None:
            self._turning.append(line)
        self._written = time.monotonic()


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _told(pairs: Iterable[Pair]) -> Iterator[dict[str, Any]]:
    """Events that concern timestamps as they stand, and of each other revision that it was there."""
    told = 0
    for pair in pairs:
        if state.concerns(pair.path):
            yield pair.document
        elif pair.revision != told:
            yield {"kv": {"key": "", "mod_revision": str(pair.revision)}}
        told = pair.revision

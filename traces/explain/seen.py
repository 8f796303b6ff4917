"""An observation and its place in time, as the search takes it."""

from __future__ import annotations

from dataclasses import dataclass

from ..sources.observation import MAX_NS, NS_PER_MS, Call, KeyEvent, LogEvent, Where

#: a difference between clocks that a recording from one machine may show: readings are not instants
NOISE_NS = 5 * NS_PER_MS
#: how long after its step a line is written, and after its write an event received, at most
LATE_NS = 1_000 * NS_PER_MS
#: a save that is under way when a term ends is tried so many times more, with as many lines for each
LATE_TRIES = 12
FOREVER = MAX_NS
NOT_TOLD = -1


@dataclass(frozen=True, slots=True)
class Granted:
    """Timestamps with one physical part that a client got from a server it asked by name.

    `sent_on`: that server, a PD in API mode, may have had the TSO primary answer.
    """

    call: Call
    sent_on: bool = False

    @property
    def where(self) -> Where:
        return self.call.where


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation and its place: what it demands happened in [`earliest`, `latest`], about `at` (ns).

    `server` is 0 where it names none, `stream` 0 for etcd. `after` and `before` count etcd's events: at
    least and at most so many had come. `writers`: who can have saved this value, empty for anybody;
    `synced`, `attempted`: whose log tells of a sync that saved it, or of a try to, or of another value's of
    that millisecond. `elected`: the PD that wins next, 0 if none.
    `tried` is the value (ns) that a refused save wanted to write, if known. `again`: the server had
    started before. `api`: a PD starts, in API mode or not. `chosen`: the TSO server that the next event
    of the expected primary names, 0 if none, `NOT_TOLD` if no event follows. `then`: what the next save
    saves (ns), 0 if there is none. `at_most`: when an event of etcd happened if the clocks of those who tell
    are off by all that is open of them.
    """

    what: KeyEvent | LogEvent | Granted
    server: int
    stream: int
    at: int
    earliest: int
    latest: int
    after: int = 0
    before: int = FOREVER
    writers: tuple[int, ...] = ()
    elected: int = 0
    tried: int | None = None
    again: bool = False
    api: bool | None = None
    chosen: int = 0
    synced: tuple[int, ...] = ()
    attempted: tuple[int, ...] = ()
    then: int = 0
    at_most: tuple[int, int] = (0, FOREVER)

    @property
    def where(self) -> Where:
        return self.what.where

    @property
    def revision(self) -> int | None:
        """Where etcd was, if the observation says so."""
        return None if isinstance(self.what, Granted) else self.what.revision

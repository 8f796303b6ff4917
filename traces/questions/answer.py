"""What an answer is: it says what lines and calls support, and else what would decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ..sources.observation import LOGICAL_BITS, NS_PER_MS, Where

#: what would decide it, as commands
CLIENTS = "grep -h 'timestamp fallback' tidb*.log > fallback.log; tsofence replay fallback.log"
LOGS = "tsofence replay pd*.log tso*.log (the whole logs of all servers, from their start)"
WATCH = "etcdctl watch --prefix '' -w json > etcd.jsonl (while it happens); tsofence replay etcd.jsonl *.log"
VERSION = "pd-server -V (the first lines of a log say it as well)"
CLOCKS = "chronyc tracking (or ntpq -p) on each host"

Verdict = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, yes or no or neither, and why in short sentences.

    `evidence`: where it stands, the most telling place first. `decided_by`: a command that would decide what
    is open, or collects what is missing; empty if nothing is open. `doubtful`: the lowest and the highest
    timestamp, as 64-bit numbers, between which data may be concerned.
    """

    question: str
    verdict: Verdict
    text: str
    evidence: tuple[Where, ...] = ()
    decided_by: str = ""
    doubtful: tuple[int, int] | None = None


def clock(ns: int) -> str:
    """A time of day in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC)
    return f"{moment:%H:%M:%S}.{ns // NS_PER_MS % 1000:03d}"


def seconds(ns: int) -> str:
    """A span, as short as it is exact to the millisecond."""
    return f"{ns / 1e9:.3f}".rstrip("0").rstrip(".") + " s"


def packed(ns: int) -> int:
    """The lowest timestamp of that millisecond, as the number that TiDB stores."""
    return max(ns // NS_PER_MS, 0) << LOGICAL_BITS


def many(count: int, one: str, more: str = "") -> str:
    """A count of things: 1 line, 2 lines."""
    return f"{count} {one if count == 1 else more or one + 's'}"

"""Names and times as pages have them."""

from __future__ import annotations

from datetime import UTC, datetime

from ..output.terminal import clean
from ..sources.observation import NS_PER_MS


def short(name: str) -> str:
    """A server's name, without what all have."""
    return clean(name.removeprefix("http://").removeprefix("https://"))


def clock(ns: int) -> str:
    """The time of day, to the millisecond (UTC)."""
    moment = datetime.fromtimestamp(ns // 10**9, tz=UTC)
    return f"{moment:%H:%M:%S}.{ns // NS_PER_MS % 1000:03d}"

"""What stands where an explanation ends: an event in words, a log line as it is written."""

from __future__ import annotations

from ..explain.conformance import FenceVerdict
from ..output.terminal import clean
from ..questions.answer import clock
from ..sources.observation import KeyEvent, LogEvent
from ..sources.quoting import quoted


def what_stands_there(verdict: FenceVerdict) -> str:
    """The observation that nothing explains: a log line as it is written, an event of etcd in words."""
    seen = verdict.seen
    if isinstance(seen, KeyEvent):
        if seen.timestamp_ns is not None:
            return f"a save of a window to {clock(seen.timestamp_ns)}"
        done = f"{seen.server or 'another'} is put into" if seen.put else "a delete of"
        return f"{done} the {seen.key.value} key"
    where = seen.where if isinstance(seen, LogEvent) else verdict.stopped_at
    return "" if where is None else clean(quoted(where))

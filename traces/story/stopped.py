"""What stands where an explanation ends: an event in words, a log line as it is written."""

from __future__ import annotations

from ..explain.conformance import FenceVerdict
from ..explain.telling import is_condition, most_telling
from ..output.terminal import clean
from ..questions.answer import clock
from ..sources.observation import KeyEvent, LogEvent
from ..sources.quoting import quoted
from .words import in_general


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


def why_it_stops(verdict: FenceVerdict) -> str:
    """What the model would have to do there, in PD's words, and what refuses that; nothing if none tells."""
    refused = most_telling(verdict)
    if refused is None:
        return ""
    step = f"It takes “{in_general(refused.transition)}” of {refused.server or 'etcd'}"
    if not is_condition(verdict, refused):
        return f"{step}, but {refused.guard.replace('the server', refused.server or 'its server', 1)}."
    return f"{step}, which needs “{refused.guard}”."

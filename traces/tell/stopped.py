"""Where an explanation ends, and the one guard that tells most of why.

A search notes every guard that refuses a step which would explain an observation. Most of them say only that
it is another step's turn; what is left is told in one line.
"""

from __future__ import annotations

from pathlib import Path

from ..explain.conformance import FenceVerdict, Refused
from ..explain.steps import NO_SUCH_STEP
from ..output.terminal import clean
from ..questions.answer import clock
from ..sources.lines import Lines
from ..sources.observation import BadInput, KeyEvent, LogEvent, Where
from ..sources.packing import opened
from ..sources.wrapping import unwrap

#: guards of the order in which a server does things
_TURN = frozenset(
    {
        "a transaction is in flight",
        "a try is left",
        "another value is being saved",
        "etcd answers",
        "every key is read",
        "it is time to read the timestamp key",
        "no admin reset holds the memory",
        "no client's sync in flight",
        "not leader, not stopping",
        "not promoted yet",
        "nothing else in flight",
        "promoted",
        "running",
        "somebody waits for the answer",
        "sync has loaded the key",
        "the sync of its last term has ended",
        "transaction has begun",
    }
)
#: guards of who may do it at all
_ROLE = frozenset(
    {"leader", "serving", "serving, or trying again", "it does not serve", "leadership is gone"}
)
_OF_LOGS = "the server's log would tell"
#: of a line that is quoted
_LONGEST = 240


def most_telling(verdict: FenceVerdict) -> Refused | None:
    """The guard to show; None: there is none but of turns."""
    told = [each for each in verdict.refused_by if each.guard not in _TURN]
    own = verdict.seen.server if verdict.seen is not None else None

    def rank(each: Refused) -> tuple[bool, bool, bool, bool]:
        return (
            each.guard != NO_SUCH_STEP,
            not each.guard.startswith(_OF_LOGS),
            each.guard in _ROLE,
            bool(own) and each.server != own,
        )

    return min(told, key=rank, default=None)


def what_stands_there(verdict: FenceVerdict) -> str:
    """The observation that nothing explains: a log line as it is written, an event of etcd in words."""
    seen = verdict.seen
    if isinstance(seen, KeyEvent):
        if seen.timestamp_ns is not None:
            return f"a save of a window to {clock(seen.timestamp_ns)}"
        done = f"{seen.server or 'another'} is put into" if seen.put else "a delete of"
        return f"{done} the {seen.key.value} key"
    where = seen.where if isinstance(seen, LogEvent) else verdict.stopped_at
    return "" if where is None else quoted(where)


def quoted(where: Where) -> str:
    """A line of a file, again; empty where it cannot be read or is no text for people."""
    path = Path(where.file)
    try:
        if not path.is_file():
            return ""
        with opened(path) as file:
            for text in file.members():
                for number, line in Lines(text) if text.name == where.file else ():
                    if number == where.line:
                        told = clean(unwrap(line or b"")[:_LONGEST].decode(errors="replace"))
                        return "" if told.startswith("{") else told
    except BadInput:
        return ""
    return ""

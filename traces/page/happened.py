"""What happened, line by line: logs and events of etcd, by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from ..output.terminal import clean
from ..sources.observation import KeyEvent, LogEvent, LogStep, Refusal
from ..sources.trace import Trace
from ..story.explained import Explained
from .spans import Save
from .wording import clock, short

#: what somebody did to a server, and what goes wrong there
ADMIN = (LogStep.SERVER_START, LogStep.SERVER_EXIT, LogStep.TRANSFER, LogStep.ADMIN_RESET)
FAULTS = (
    LogStep.KEEP_ALIVE_SLOW,
    LogStep.KEEP_ALIVE_STOPPED,
    LogStep.REVOKE_FAILED,
    LogStep.CLOCK_OFFSET,
    LogStep.CLOCK_BEHIND,
    LogStep.LOGICAL_LOW,
)


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of a log or an event of etcd, in words; ``times``: so often in a row until ``until``."""

    at: int
    until: int
    who: str
    text: str
    where: str
    kind: str
    times: int = 1


def happened(
    trace: Trace, times: Mapping[tuple[int, str], int], saves: Sequence[Save], explained: Explained
) -> list[Happened]:
    """Log lines and events by time; what one server repeats is one row."""
    by_event = {(save.event.revision, save.event.path): save for save in saves}
    rows = [_line(line) for line in trace.logs]
    for event in trace.keys:
        at = times.get((event.revision, event.path))
        if at is not None:
            rows.append(_event(event, at, by_event.get((event.revision, event.path))))
    under = f"explained so under {explained.under}"
    rows += [
        Happened(each.at, each.at, short(each.server), each.text, under, "fault") for each in explained.faults
    ]
    rows.sort(key=attrgetter("at"))
    last: dict[str, int] = {}
    kept: list[Happened] = []
    for row in rows:
        before = last.get(row.who)
        same = None if before is None else kept[before]
        if before is not None and same is not None and (same.text, same.kind) == (row.text, row.kind):
            kept[before] = Happened(
                same.at, row.at, same.who, same.text, same.where, same.kind, same.times + 1
            )
            continue
        last[row.who] = len(kept)
        kept.append(row)
    return kept


def observed(one: KeyEvent | LogEvent) -> str:
    """A line, or an event, on one line."""
    row = _line(one) if isinstance(one, LogEvent) else _event(one, 0, None)
    when = f"{clock(row.at)} " if row.at else ""
    return f"{when}{row.who}: {row.text} [{row.where}]"


def _line(line: LogEvent) -> Happened:
    refused = line.refusal
    why = refused.value if refused not in (None, Refusal.OTHER) else line.text
    text = clean(f"{line.step.value}{f': {why}' if why else ''}")[:200]
    kind = (
        "refused"
        if line.step is LogStep.SAVE_REFUSED
        else "admin"
        if line.step in ADMIN
        else "fault"
        if line.step in FAULTS
        else "log"
    )
    return Happened(line.at_ns, line.at_ns, short(line.server), text, _where(line), kind)


def _event(event: KeyEvent, at: int, save: Save | None) -> Happened:
    if save is not None:
        by = f" by {' or '.join(map(short, save.writers))}" if save.writers else ""
        value = "is deleted" if save.value is None else f"is {clock(save.value)}"
        text = f"timestamp {value}{by}, revision {event.revision}"
    else:
        what = f"is {short(event.server or event.text or 'put')}" if event.put else "is deleted"
        text = clean(f"{event.key.value} key {what}, revision {event.revision}")[:200]
    return Happened(at, at, "etcd", text, _where(event), "key")


def _where(seen: KeyEvent | LogEvent) -> str:
    return clean(f"{Path(seen.where.file).name}:{seen.where.line}")

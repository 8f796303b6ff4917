"""What happened, line by line: logs and events of etcd, by time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
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
#: how many rows are looked at as one that may come again, and how often it must: what comes twice may be
#: two elections, of which both are asked for
_REPEATED = ((1, 2), *((length, 3) for length in range(2, 9)))


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of a log or an event of etcd, in words.

    ``times``: so often until ``until``, in a row or in turn with the rows about it.
    """

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
    """Log lines and events by time; a row, or several in a row, that one server repeats stand once."""
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
    by_who: defaultdict[str, list[Happened]] = defaultdict(list)
    for row in rows:
        by_who[row.who].append(row)
    for length, least in _REPEATED:
        by_who = defaultdict(list, {who: _folded(own, length, least) for who, own in by_who.items()})
    return sorted(chain.from_iterable(by_who.values()), key=attrgetter("at"))


def _folded(rows: Sequence[Happened], length: int, least: int) -> list[Happened]:
    """Rows of one server: so many that come again in the same order, ``least`` times or more, stand once."""
    said = [(row.text, row.kind) for row in rows]
    kept: list[Happened] = []
    at = 0
    while at < len(rows):
        end = at + length
        while end < len(rows) and said[end] == said[end - length]:
            end += 1
        end -= (end - at) % length
        if end - at < least * length:
            kept.append(rows[at])
            at += 1
            continue
        for first in range(at, at + length):
            own = rows[first:end:length]
            kept.append(replace(own[0], until=own[-1].until, times=sum(row.times for row in own)))
        at = end
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

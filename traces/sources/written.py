"""Lines of one millisecond in the order in which a server writes them.

Stores and `sort` know lines by their times, in milliseconds, and keep those of one in any order.  What a
server cannot have written yet, for it follows what stands below it in the same millisecond, is put behind
that.  All else stays as it is: servers do much at once.

| a line | is behind |
|---|---|
| `lease granted` | `start to campaign …` |
| `check campaign resp` | the lease |
| `write leaderData to leaderPath ok` | `check campaign resp` |
| `campaign … ok` | `write leaderData …` |
| `load timestamp window …` | `start to sync …` |
| `system time …`, `saving …`, `sync and save …`, `skip sync …`, `failed to initialize …` | `load …` |
| `… is ready to serve` | `sync and save …` |
| `try to update the tso but failed` | `save timestamp failed` |
| `reset the timestamp in memory` | `failed to update allocator's timestamp …` |

Sources: PD's `pkg/election/leadership.go` (`Campaign`), `server/server.go` (`campaignLeader`),
`pkg/tso/tso.go` (`syncTimestamp`, `saveTimestamp`), `pkg/tso/allocator.go` (`allocatorUpdater`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from .wrapping import Line

#: of a line, its time
_TIME = len("[2026/11/23 07:11:13.463")
#: a line of one of these messages, as `words.py` has them
_TOLD = re.compile(
    rb"\[[^\]]{20,40}\] \[[A-Z]+\] \[[^\]]{0,200}\] \[\"?(?:"
    rb"(?P<begun>(?i:start to campaign))|(?P<leased>lease granted)|(?P<elected>check campaign resp)"
    rb"|(?P<written>(?i:write leaderdata to leaderpath ok))"
    rb"|(?P<won>(?i:campaign (?:pd |api service )?leader ok|campaign tso primary ok"
    rb"|leader election succeeded))"
    rb"|(?P<syncs>start to sync timestamp)|(?P<loaded>load timestamp window)"
    rb"|(?P<tried>saving timestamp to the storage)|(?P<behind>system time may be incorrect)"
    rb"|(?P<synced>sync and save timestamp|skip sync timestamp)|(?P<unsynced>failed to initialize the )"
    rb"|(?P<ready>(?i:[a-z ]{2,40} is ready to serve))"
    rb"|(?P<refused>save timestamp failed)|(?P<passed>try to update the)"
    rb"|(?P<gives_up>failed to update allocator's)|(?P<reset>reset the timestamp in memory))"
)
#: by what a line tells what must have been told before, unless nothing of that millisecond tells it
_BEHIND = {
    "leased": ("begun",),
    "elected": ("leased",),
    "written": ("elected",),
    "won": ("written",),
    "loaded": ("syncs",),
    "behind": ("loaded", "syncs"),
    "tried": ("loaded",),
    "synced": ("loaded", "syncs"),
    "unsynced": ("loaded", "syncs"),
    "ready": ("synced",),
    "passed": ("refused",),
    "reset": ("gives_up",),
}
_OF_A_SYNC = ("behind", "tried", "synced", "unsynced")
#: what is told of one campaign, sync or update only: what follows it takes it
_TAKES = {
    "elected": ("leased", "begun"),
    "written": ("elected",),
    "won": ("written",),
    "loaded": ("syncs",),
    "synced": ("loaded", "syncs"),
    "unsynced": ("loaded", "syncs"),
    "passed": ("refused",),
    "reset": ("gives_up",),
    "ready": ("synced",),
}


def in_turn(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, those of one millisecond of a server in the order in which they can have been written."""
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, of_one in groupby(lines, key=_time):
        group = [*of_one]
        onwards = 1 if group[0].number <= group[-1].number else -1  # the newest may stand first
        for place, at in zip(group, _ordered(group, told), strict=True):
            line = group[at]
            by = (place.number - line.number) * onwards
            yield replace(line, moved=by) if by else line


def _ordered(group: Sequence[Line], told: Mapping[str, Counter[str]]) -> Iterator[int]:
    """The lines of one millisecond, by where they stand."""
    telling = [(line.of, found) for line in group if (found := _telling(line))]
    if not telling:
        yield from range(len(group))
        return
    rest, waiting = Counter(telling), list[int]()
    for at in range(len(group)):
        waiting.append(at)
        while ready := [each for each in waiting if not _waits(group[each], told, rest)][:1]:
            waiting.remove(ready[0])
            line = group[ready[0]]
            if what := _telling(line):
                _tell(told[line.of], what)
                rest[line.of, what] -= 1
            yield ready[0]
    yield from waiting


def _time(line: Line) -> bytes | None:
    """The millisecond of a line; what has none is by itself."""
    return line.content[:_TIME] if line.content and line.content.startswith(b"[2") else None


def _telling(line: Line) -> str:
    found = _TOLD.match(line.content or b"")
    return (found.lastgroup or "") if found else ""


def _waits(line: Line, told: Mapping[str, Counter[str]], rest: Counter[tuple[str, str]]) -> bool:
    """Whether a line follows one of the same millisecond that stands below it."""
    what = _telling(line)
    if what in _OF_A_SYNC and told[line.of]["syncs"] > 0 and rest[line.of, "syncs"] > 0:
        return False  # it is of the sync that was under way, or of the next one
    for before in _BEHIND.get(what, ()):
        if told[line.of][before] > 0:
            return False
        if rest[line.of, before] > 0:
            return True
    return False


def _tell(told: Counter[str], what: str) -> None:
    if what == "begun":
        for each in ("leased", "elected", "written"):
            told[each] = 0
    told[what] += 1
    for taken in _TAKES.get(what, ()):
        if told[taken] > 0:
            told[taken] -= 1
            break

"""The logs of a trace by server and file: what a log that is whole does not tell did not happen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..sources.observation import LogEvent, LogStep
from ..sources.servers import Servers
from ..sources.trace import Trace
from .seen import LATE_NS

#: of a log that nobody filtered: its name, release, commit and more stand before the settings
_FIRST_LINES = 5


@dataclass(frozen=True, slots=True)
class Log:
    """The lines of one server in one file, in their order; there is at least one.

    `whole`: every line could be read. `end_ns`: by when all is there that was written.
    """

    number: int
    server: str
    lines: Sequence[LogEvent]
    whole: bool
    end_ns: int

    @property
    def unfiltered(self) -> bool:
        """Whether lines about other things are there: a server says a lot before its settings."""
        first = self.lines[0]
        return first.step is LogStep.SERVER_START and first.where.place >= _FIRST_LINES

    @property
    def set_back(self) -> bool:
        """Whether the clock that the lines are written by went back."""
        return any(after.at_ns < before.at_ns - LATE_NS for before, after in pairwise(self.lines))

    @property
    def tells_all(self) -> bool:
        """Whether what it does not tell, from its beginning to its last line, did not happen."""
        return self.whole and self.unfiltered


def logs_of(trace: Trace, servers: Servers) -> list[Log]:
    """The logs of servers that something else names."""
    logs: defaultdict[tuple[str, str], list[LogEvent]] = defaultdict(list)
    for line in trace.logs:
        if servers.number(line.server):
            logs[line.server, line.where.file].append(line)
    damaged = {source.file for source in trace.sources if not source.whole}
    return [
        Log(
            servers.number(server),
            server,
            sorted(lines, key=lambda line: line.where.place),
            file not in damaged,
            trace.known_until.get((server, file), lines[-1].at_ns),
        )
        for (server, file), lines in logs.items()
    ]

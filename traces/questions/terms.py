"""Who led when, by the servers' own lines: elected, synced, ready, refused, until when and why.

A term begins with a line that says that an election was won, or, in lines that begin later or that somebody
chose, with the first that only a leader writes. It ends with a line that says so, with the next start,
campaign or following of the same server; where none does, its end is not told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..sources.observation import Attempt, Key, LogEvent, LogStep, Service
from ..sources.trace import Trace

_SYNCED = frozenset({LogStep.SYNC_SAVED, LogStep.SYNC_SKIPPED})
_CLEARS = frozenset({LogStep.RESET, LogStep.ALLOCATOR_CLOSED})
_ENDS = frozenset(
    {
        LogStep.STEP_DOWN,
        LogStep.SERVER_EXIT,
        LogStep.SERVER_START,
        LogStep.CAMPAIGN_START,
        LogStep.CAMPAIGN_SKIPPED,
        LogStep.FOLLOWING,
    }
)


@dataclass(slots=True)
class Term:
    """One time in which a server led, as far as its lines tell.

    `won`: the line that says so; None: the lines begin later. `revision`: that of the election. `syncs`: the
    lines of syncs that succeeded, `loaded` of windows that they found, `clears` those that say that memory
    was cleared, `refused` the saves that were refused, `transfers` of the role, `slow` keep-alives, `ready`
    that it serves. `end`: the line that ends it; None: nothing tells. `last`: the last line of the term.
    """

    server: str
    service: Service
    won: LogEvent | None
    revision: int | None
    last: LogEvent
    syncs: list[LogEvent] = field(default_factory=list)
    loaded: list[LogEvent] = field(default_factory=list)
    clears: list[LogEvent] = field(default_factory=list)
    refused: list[LogEvent] = field(default_factory=list)
    transfers: list[LogEvent] = field(default_factory=list)
    slow: list[LogEvent] = field(default_factory=list)
    ready: LogEvent | None = None
    end: LogEvent | None = None

    @property
    def first(self) -> LogEvent:
        """Its first line."""
        return self.won or min(
            (*self.syncs, *self.refused, *filter(None, (self.ready, self.last))), key=lambda line: line.at_ns
        )

    @property
    def cleared(self) -> LogEvent | None:
        """The line that cleared what this term had synced, before it was ready, and nothing set it again."""
        if self.ready is None or not self.syncs:
            return None
        synced = self.syncs[-1].where.place
        between = [
            line
            for line in self.clears
            if line.where.file == self.ready.where.file and synced < line.where.place < self.ready.where.place
        ]
        # a PD that hands over to a TSO server closes its allocator, and leads on
        handed_over = any(line.step is LogStep.ALLOCATOR_CLOSED for line in between)
        return None if handed_over else next(iter(between), None)

    @property
    def spans(self) -> Iterator[tuple[LogEvent, LogEvent | None]]:
        """From which line to which it had something to grant from; None: nothing tells until when."""
        ready = self.ready if self.service is Service.PD else None
        since: LogEvent | None = None
        for line in sorted((*self.syncs, *self.clears), key=lambda each: (each.at_ns, each.where.place)):
            if line.step in _SYNCED:
                since = since or line
            elif since is not None:
                yield from _span(since, ready, line)
                since = None
        if since is not None:
            # one that started anew had died before, and nothing tells when
            died = self.end is not None and self.end.step is LogStep.SERVER_START
            yield from _span(since, ready, None if died else self.end)

    def expired(self, at_ns: int) -> bool:
        """Whether its lease had run out when it stopped then: it granted nothing since, whatever it had."""
        return any(abs(at_ns - line.at_ns) < _SOON_NS for line in self.slow)

    @property
    def why(self) -> str:
        """Why it ended, in a few words; empty: nothing tells."""
        if self.cleared is not None:
            return "memory cleared before it was ready"
        refused = [line for line in self.refused if line.refusal is not None]
        if refused and self.end is not None and self.end.at_ns - refused[-1].at_ns < _SOON_NS:
            reason = refused[-1].refusal
            return f"save refused: {reason.value}" if reason else "save refused"
        if self.end is None:
            return ""
        if self.expired((self.clears[-1] if self.clears else self.end).at_ns):
            return "lease expired"
        if self.end.step is LogStep.STEP_DOWN and "lease" in self.end.text and self.transfers:
            return "transferred"
        return _END_TEXT.get(self.end.step) or _reason(self.end.text)


def _span(
    since: LogEvent, ready: LogEvent | None, stop: LogEvent | None
) -> Iterator[tuple[LogEvent, LogEvent | None]]:
    """A PD grants once it is ready, too."""
    begin = ready if ready is not None and ready.at_ns > since.at_ns else since
    if stop is None or stop.at_ns > begin.at_ns:
        yield begin, stop


def _reason(text: str) -> str:
    """What a line that tells of a step down says after because, and before a comma."""
    return (text.partition(" because ")[2] or text).partition(",")[0]


#: between a refusal and the step down that follows from it
_SOON_NS = 1_000_000_000
_END_TEXT = {
    LogStep.SERVER_EXIT: "stopped by a signal",
    LogStep.SERVER_START: "no line; started anew later",
    LogStep.CAMPAIGN_START: "campaigns again",
    LogStep.CAMPAIGN_SKIPPED: "campaigns again",
    LogStep.FOLLOWING: "follows another",
}


@dataclass(frozen=True)
class Terms:
    """All terms that the lines show, by the order of their elections where that is told, else by time.

    `strays`: syncs that saved or skipped although the server had not won, as far as its lines tell.
    """

    terms: tuple[Term, ...]
    strays: tuple[LogEvent, ...]

    def after(self, term: Term) -> Term | None:
        """The next one of the same election, whoever won it."""
        return self._next.get(id(term))

    @cached_property
    def _next(self) -> dict[int, Term]:
        last: dict[Service, Term] = {}
        found: dict[int, Term] = {}
        for term in self.terms:
            if term.service in last:
                found[id(last[term.service])] = term
            last[term.service] = term
        return found


def terms(trace: Trace) -> Terms:
    """The terms of all servers."""
    lines: defaultdict[tuple[Service, str], list[LogEvent]] = defaultdict(list)
    for line in trace.logs:
        lines[line.service, line.server].append(line)
    found: list[Term] = []
    strays: list[LogEvent] = []
    for (service, server), own in lines.items():
        reader = _Reader(service, server)
        reader.read(own)
        found += reader.terms
        strays += reader.strays
    return Terms(tuple(_ordered(found)), tuple(sorted(strays, key=lambda line: line.at_ns)))


def _ordered(found: Sequence[Term]) -> Iterable[Term]:
    if all(term.revision is not None for term in found):
        return sorted(found, key=lambda term: term.revision or 0)
    return sorted(found, key=lambda term: term.first.at_ns)


class _Reader:
    """The terms of one server."""

    def __init__(self, service: Service, server: str) -> None:
        self.terms: list[Term] = []
        self.strays: list[LogEvent] = []
        self._service, self._server = service, server
        self._elected: LogEvent | None = None
        self._now: Term | None = None
        self._known = False  # that it does not lead, where it has no term

    def read(self, lines: Iterable[LogEvent]) -> None:
        for line in lines:
            self._take(line)

    def _take(self, line: LogEvent) -> None:
        if line.step in _ENDS:
            self._ends(line)
            self._elected = None
            return
        if line.step is LogStep.ELECTED and line.key in (None, Key.LEADER, Key.PRIMARY):
            self._elected = line
            return
        if line.step is LogStep.CAMPAIGN_WON:
            self._ends(line)
            self._begin(line, line)
            return
        if self._now is None and not self._begins_late(line):
            return
        self._adds(line)

    def _begins_late(self, line: LogEvent) -> bool:
        """Whether there is a term after all: the lines begin within it, or one of them is missing."""
        leads = line.step is LogStep.READY or line.step in _SYNCED or line.attempt is Attempt.UPDATE
        if not leads:
            return False
        if self._elected is None and self._known and line.step is not LogStep.READY:
            self.strays += [line] if line.step in _SYNCED else []
            return False
        self._begin(line, self._elected)
        return True

    def _begin(self, line: LogEvent, won: LogEvent | None) -> None:
        revision = self._elected.revision if self._elected else None
        self._now = Term(self._server, self._service, won, revision, line)
        self.terms.append(self._now)
        self._elected = None

    def _ends(self, line: LogEvent) -> None:
        self._known = True
        if self._now is not None:
            self._now.end = line
        self._now = None

    def _adds(self, line: LogEvent) -> None:
        term = self._now
        assert term is not None
        term.last = line
        if line.step in _SYNCED:
            term.syncs.append(line)
        elif line.step is LogStep.WINDOW_LOADED:
            term.loaded.append(line)
        elif line.step in _CLEARS:
            term.clears.append(line)
        elif line.step is LogStep.SAVE_REFUSED:
            term.refused.append(line)
        elif line.step is LogStep.TRANSFER:
            term.transfers.append(line)
        elif line.step is LogStep.KEEP_ALIVE_SLOW:
            term.slow.append(line)
        elif line.step is LogStep.READY:
            term.ready = line

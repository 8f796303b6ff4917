"""Why was there no timestamp: times in which nobody had something to grant from, or no call was answered."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..sources.calls import granted
from ..sources.observation import Key, LogEvent, Refusal, Service, Where
from ..sources.spilling import Sorted, joined
from ..sources.trace import Trace
from .answer import LOGS, Answer, clock, many, seconds
from .backwards import short
from .terms import Term, Terms

QUESTION = "why was there no timestamp?"
#: what is shorter is an election as it should be
_LONG_NS = 1_000_000_000
#: when a call ended, whether it got a timestamp, and where it stands among all calls
_END = np.dtype([(name, np.int64) for name in ("end", "got", "at")])


def why_none(trace: Trace, terms: Terms) -> Answer:
    """The leader that could not grant, else the longest time without one that could."""
    for term in terms.terms:
        if term.cleared is not None:
            text = (
                f"{short(term.server)} leads since {clock(term.first.at_ns)} and cannot grant: its memory "
                f"was cleared at {clock(term.cleared.at_ns)}, after the sync, and no line tells of another"
            )
            return Answer(QUESTION, "yes", text, (term.cleared.where, term.syncs[-1].where))
    found = [*_unable(terms), *_selves(terms), *_between(trace, terms), *_unanswered(trace, terms)]
    if found:
        _, text, where = max(found, key=lambda each: each[0])
        more = (
            f"; {many(len(found) - 1, 'more time')} of {seconds(_LONG_NS)} or longer"
            if len(found) > 1
            else ""
        )
        return Answer(QUESTION, "yes", f"{text}{more}", where)
    if terms.terms:
        text = f"no line tells of a time of {seconds(_LONG_NS)} or more without a server that could grant"
        return Answer(QUESTION, "unknown", text, decided_by=LOGS)
    answered = any(call.error is None and call.timed for call in trace.calls)
    text = "no call waited so long" if answered else "nothing here tells who could grant when"
    return Answer(QUESTION, "unknown", text, decided_by=LOGS)


_Found = tuple[int, str, tuple[Where, ...]]


def _unable(terms: Terms) -> Iterator[_Found]:
    """A leader whose syncs or updates are refused all the time."""
    for term in terms.terms:
        if term.service is not Service.PD or len(term.refused) < 2:
            continue
        first, last = term.refused[0], term.refused[-1]
        if last.at_ns - first.at_ns >= _LONG_NS and not any(
            sync.at_ns > first.at_ns for sync in term.syncs if sync.at_ns < last.at_ns
        ):
            why = first.refusal.value if first.refusal else "refused"
            text = (
                f"for {seconds(last.at_ns - first.at_ns)}, from {clock(first.at_ns)}, {short(term.server)} "
                f"led and could not grant: {many(len(term.refused), 'save')} refused ({why})"
            )
            if first.refusal is Refusal.FENCE:
                text += "; clients that ask the PD leader get nothing while the TSO server serves"
            yield last.at_ns - first.at_ns, text, (first.where, last.where)


def _selves(terms: Terms) -> Iterator[_Found]:
    """A transfer that names the primary itself makes it step down, and be elected again."""
    for term in terms.terms:
        for line in term.transfers:
            source, _, target = line.text.partition(" -> ")
            if source and source == target and term.end is not None:
                next_ = terms.after(term)
                until = next_.first if next_ is not None else term.end
                text = (
                    f"a transfer at {clock(line.at_ns)} named the primary itself ({line.text}): it stepped "
                    f"down at {clock(term.end.at_ns)}, and "
                    + (
                        f"{short(next_.server)} was elected {seconds(until.at_ns - term.end.at_ns)} later"
                        if next_ is not None
                        else "no line tells who was elected then"
                    )
                    + ": an election, nothing else (tikv/pd 10969)"
                )
                yield until.at_ns - term.end.at_ns, text, (line.where, term.end.where)


def _between(trace: Trace, terms: Terms) -> Iterator[_Found]:
    """From the end of what one could grant to the next that can, by the servers' clocks."""
    spans = sorted(
        ((begin, stop, term) for term in terms.terms for begin, stop in term.spans),
        key=lambda each: each[0].at_ns,
    )
    reached: tuple[LogEvent, bool, Term] | None = None
    for begin, stop, term in spans:
        if reached is not None and begin.at_ns - reached[0].at_ns >= _LONG_NS:
            yield from _until(trace, *reached, term, begin)
        end = stop or term.last
        if reached is None or end.at_ns > reached[0].at_ns:
            reached = end, stop is not None, term


def _until(
    trace: Trace, line: LogEvent, told: bool, of: Term, successor: Term, begin: LogEvent
) -> Iterator[_Found]:
    """From a term's last line, which tells its end or does not, to where another server can grant."""
    if not told and of.end is None and (of.service is not successor.service or _cut(trace, of)):
        return  # it may go on after its log ends
    sign = line.at_ns if told else _last_sign(trace, line, of, successor, begin.at_ns)
    if begin.at_ns - sign < _LONG_NS:
        return
    if told:
        text = (
            f"for {seconds(begin.at_ns - line.at_ns)}, from {clock(line.at_ns)} to "
            f"{clock(begin.at_ns)}: {short(of.server)} ended ({of.why or 'nothing tells why'}), "
            f"{short(successor.server)} could grant then"
        )
    else:
        text = (
            f"for at most {seconds(begin.at_ns - sign)}: the last sign of {short(of.server)} is "
            f"of {clock(sign)} ({of.why or 'nothing tells when or why it ended'}), "
            f"{short(successor.server)} could grant from {clock(begin.at_ns)}"
        )
    yield begin.at_ns - sign, text, (line.where, begin.where)


def _cut(trace: Trace, term: Term) -> bool:
    """Whether its log visibly goes on after the lines that are there."""
    return any(source.truncated and source.file == term.last.where.file for source in trace.sources)


def _last_sign(trace: Trace, line: LogEvent, of: Term, successor: Term, until: int) -> int:
    """When a server whose end no line tells was there last: by any line of its log, or a save that was seen.

    A leader that saves logs nothing of it.
    """
    until = min(until, of.end.at_ns) if of.end is not None else until
    there = (end for _, end in trace.stretches.get((line.server, line.where.file), ()) if end < until)
    saves = (
        event.latest_ns
        for event in trace.keys
        if event.key is Key.TIMESTAMP
        and event.latest_ns is not None
        and event.revision < (successor.revision or 0)
    )
    return max((line.at_ns, *there, *saves))


def _unanswered(trace: Trace, terms: Terms) -> Iterator[_Found]:
    """Times in which calls failed and none was answered."""
    if trace.calls.unended:
        return
    by_end = Sorted(_END, "end")
    begin = 0
    for rows in trace.calls.chunks():
        timed = np.flatnonzero(rows["timed"] != 0)
        ends = np.empty(len(timed), _END)
        ends["end"], ends["got"], ends["at"] = rows["end"][timed], granted(rows)[timed], timed + begin
        by_end.add(ends)
        begin += len(rows)
    last, last_failed, failed = np.empty(0, _END), np.empty(0, np.int64), 0
    for ends in by_end:
        got = ends["got"] != 0
        failures = failed + np.cumsum(~got)
        answered = joined((last, ends.compress(got)))
        failed_before = np.concatenate((last_failed, failures[got]))
        waited = np.diff(answered["end"])
        for at in np.flatnonzero((waited >= _LONG_NS) & (np.diff(failed_before) > 0)):
            before, after = (trace.calls[int(answered["at"][each])] for each in (at, at + 1))
            text = (
                f"for {seconds(int(waited[at]))}, from {clock(before.end_ns)}, no call was answered "
                f"({failed_before[at + 1] - failed_before[at]} failed)"
                f"{_meanwhile(terms, before.end_ns, after.end_ns)}"
            )
            yield int(waited[at]), text, (before.where, after.where)
        last, last_failed, failed = answered[-1:], failed_before[-1:], int(failures[-1])


def _meanwhile(terms: Terms, since: int, until: int) -> str:
    """Who was elected in that time."""
    won = [term for term in terms.terms if term.won is not None and since <= term.won.at_ns <= until]
    if not won:
        return ""
    who = ", ".join(f"{short(term.server)} at {clock(term.first.at_ns)}" for term in won[:3])
    return f"; elected meanwhile: {who}"

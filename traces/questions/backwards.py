"""Did time go back: which server after which, by how much, and which timestamps are in doubt.

Calls tell it exactly. Lines alone tell where it can have: a PD and a TSO server that both had something to
grant from at a time, or a server that loaded a window below the one that another had saved before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping

from ..judge.judgement import Judgement
from ..sources.naming import Places
from ..sources.observation import LOGICAL_BITS, NS_PER_MS, Call, LogEvent, LogStep, Service
from ..sources.trace import Trace
from .answer import CLIENTS, Answer, clock, many, packed, seconds
from .terms import Term, Terms

QUESTION = "did time go back?"
#: an allocator that is later than that with its tick says `clock offset`
_TICK_NS = 150 * NS_PER_MS


def went_back(trace: Trace, terms: Terms, judged: Mapping[str, Judgement]) -> Answer:
    """By calls if they show it, else by what lines show."""
    for name in ("real-time", "session", "unique"):
        found = judged.get(name)
        if found is not None and found.verdict == "violated" and found.witness is not None:
            return _by_calls(found, Places(trace))
    lower = next(_lower_windows(terms), None)
    if lower is not None:
        return lower
    both = max(_both_granted(terms), default=None, key=lambda each: each[0])
    if both is not None:
        return both[1]
    compared = judged.get("real-time")
    if compared is not None and compared.verdict == "holds":
        text = f"not in the {many(len(trace.calls), 'call')} given: each got more than all that had ended"
        return Answer(QUESTION, "no", text)
    if terms.terms:
        text = "no line says so; what clients got is not in the logs of servers"
        return Answer(QUESTION, "unknown", text, decided_by=CLIENTS)
    return Answer(QUESTION, "unknown", "nothing here tells what clients got", decided_by=CLIENTS)


def _by_calls(found: Judgement, places: Places) -> Answer:
    assert found.witness is not None
    earlier, later = found.witness
    assert isinstance(earlier, Call)
    assert isinstance(later, Call)
    evidence = (later.where, earlier.where)
    if found.property == "unique":
        text = (
            f"the same timestamp was granted twice ({many(found.count, 'pair')} of calls): "
            f"{_got(earlier, places)}, {_got(later, places)}"
        )
        return Answer(QUESTION, "yes", text, evidence, doubtful=found.doubtful)
    back = (earlier.last >> LOGICAL_BITS) - (later.first >> LOGICAL_BITS)
    by = f"{back} ms" if back else "the logical part"
    after = f"{_got(later, places)}, after {_got(earlier, places)}"
    text = f"by {by}: {after} ({many(found.count, 'call')} went back)"
    if not (earlier.timed and later.timed):
        text = f"if the order of the file is that of the calls, {text}"
        decides = "give each value the times of its call: start_unix_ns and end_unix_ns"
        return Answer(QUESTION, "unknown", text, evidence, decides, found.doubtful)
    return Answer(QUESTION, "yes", text, evidence, doubtful=found.doubtful)


def _got(call: Call, places: Places) -> str:
    server = places.of(call.endpoint) if call.endpoint else "a server that is not named"
    at = f" at {clock(call.ended)}" if call.ended is not None else ""
    at = f" asked for at {clock(call.start_ns)}" if call.untold_end else at
    return f"{server} gave ({call.physical}, {call.logical}) to {call.client}{at}"


def _lower_windows(terms: Terms) -> Iterator[Answer]:
    """A window loaded that ends before one that an earlier term saved; elections say which is earlier."""
    highest: tuple[int, Term] | None = None
    for term in terms.terms:
        for sync in term.syncs if term.revision is not None else ():
            if sync.step is not LogStep.SYNC_SAVED or sync.save_ns is None:
                continue
            if highest and sync.last_ns is not None and sync.last_ns + NS_PER_MS < highest[0]:
                before = highest[1]
                of = before.syncs[-1]
                text = (
                    f"{short(term.server)} (revision {term.revision}) loaded a window that ends at "
                    f"{clock(sync.last_ns)}, and {short(before.server)} (revision {before.revision}) had "
                    f"saved one to {clock(highest[0])}: what it granted from there is granted again"
                )
                doubtful = packed(sync.last_ns), packed(highest[0])
                yield Answer(QUESTION, "yes", text, (sync.where, of.where), doubtful=doubtful)
            if highest is None or sync.save_ns > highest[0]:
                highest = sync.save_ns, term


def _both_granted(terms: Terms) -> Iterator[tuple[int, Answer]]:
    """A PD and a TSO server that both had something to grant from, for how long, by their clocks.

    Two servers of one election are never told so: each asks its lease, which ends before the next begins.
    """
    spans = [(begin, stop, term) for term in terms.terms for begin, stop in term.spans]
    for service, other in ((Service.PD, Service.TSO), (Service.TSO, Service.PD)):
        begins = sorted(
            ((begin.at_ns, index) for index, (begin, _, term) in enumerate(spans) if term.service is other)
        )
        for since, until, old in spans:
            stop = until.at_ns if until else old.last.at_ns
            at = bisect_right(begins, (since.at_ns, len(spans)))
            if old.service is service and at < len(begins) and begins[at][0] < stop and not old.expired(stop):
                begin, _, new = spans[begins[at][1]]
                yield stop - begin.at_ns, _both(old, until, stop, new, begin)


def _both(old: Term, until: LogEvent | None, stop: int, new: Term, begin: LogEvent) -> Answer:
    sync = next((each for each in reversed(new.syncs) if each.next_ns is not None), None)
    reached = max(stop, (sync.next_ns or 0) if sync else 0)
    text = (
        f"it can have: for {seconds(stop - begin.at_ns)} both could grant, {short(old.server)} the smaller "
        f"timestamps until it saved anew; by the servers' clocks {short(old.server)} had something to grant "
        f"from until {clock(stop)}{'' if until else ' or later'}, {short(new.server)} from "
        f"{clock(begin.at_ns)} on, above its window"
    )
    evidence = (begin.where, (until or old.last).where)
    return Answer(
        QUESTION, "unknown", text, evidence, CLIENTS, (packed(begin.at_ns - _TICK_NS), packed(reached))
    )


def short(server: str) -> str:
    """A server's name or address, without the scheme."""
    return server.rpartition("://")[2] or server

"""Who else wrote the timestamp key, and whether each leader had synced before it served.

Why a refusal for a value that is too small shows another writer: a save wants more than the window that this
server saved last, so a key that holds as much or more was written by someone else, or by a save of its own
whose answer was lost (`pkg/storage/endpoint/tso.go` SaveTimestamp, `pkg/tso/tso.go` UpdateTimestamp).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from ..judge.judgement import Judgement
from ..sources.observation import (
    ELECTIONS,
    NS_PER_MS,
    Attempt,
    Key,
    KeyEvent,
    LogEvent,
    LogStep,
    Refusal,
    Service,
    Where,
)
from ..sources.settings import ServerStart
from ..sources.trace import Trace
from .answer import LOGS, WATCH, Answer, clock, many
from .backwards import short
from .terms import Term, Terms

WRITERS = "who else wrote?"
SYNCED = "was each new leader synced before it served?"
#: how many writes after an election are looked at for its sync
_NEAR = 100
#: how far apart two syncs of one server that meet are logged
_BESIDE_NS = 1_000_000_000
_PREVIOUS = re.compile(r"saving timestamp (\d{1,19}) is less than or equal to the previous one (\d{1,19})")


def who_wrote(
    trace: Trace,
    terms: Terms,
    judged: Mapping[str, Judgement],
    under: str = "",
    writers: Callable[[], Mapping[int, str]] = dict,
) -> Answer:
    """Another server, as refusals, loaded windows and etcd's events show; else whom a refusal names.

    Where none does: who saved which value (`writers`), as what happened is explained `under` a fence.
    """
    shown = (_not_greater(trace, terms), _before_the_sync(trace, terms), _not_what_was_saved(terms))
    for found in chain(*shown, _strays(terms)):
        return found
    fenced = _refused(trace, Refusal.FENCE)
    if fenced:
        primary = next((t for t in terms.terms if t.service is Service.TSO), None)
        who = short(primary.server) if primary else "a TSO server that no log here names"
        text = (
            f"{who} was the TSO primary, so {many(len(fenced), 'save')} of {short(fenced[0].server)} "
            f"did not happen, from {clock(fenced[0].at_ns)} to {clock(fenced[-1].at_ns)}"
        )
        return Answer(WRITERS, "yes", text, (fenced[0].where, fenced[-1].where))
    lost = _refused(trace, Refusal.LEADERSHIP, Refusal.CONFLICT)
    beside = _beside_a_sync(lost, terms)
    lost = [line for line in lost if line not in beside]
    if lost:
        why = lost[0].refusal.value if lost[0].refusal else ""
        text = (
            f"a save of {short(lost[0].server)} at {clock(lost[0].at_ns)} was refused ({why}): a key had "
            "changed, by whom the line does not tell"
        )
        return Answer(WRITERS, "unknown", text, (lost[0].where,), WATCH)
    single = judged.get("single-writer")
    if single is not None and single.verdict == "holds":
        return Answer(
            WRITERS, "no", "each write of the timestamp key is explained as the leader's (single-writer)"
        )
    others = _while_another_led(trace, writers())
    if others:
        (event, who, led), more = others[0], f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        text = (
            f"no line tells; as {under} explains it, revision {event.revision} is a save of {short(who)} "
            f"while {led}{more}"
        )
        sure = single is not None and single.verdict == "violated"
        return Answer(WRITERS, "yes" if sure else "unknown", text, (event.where,), "" if sure else LOGS)
    text = "no line shows another writer; saves that succeed are not logged"
    return Answer(WRITERS, "unknown", text, (), WATCH)


def _while_another_led(trace: Trace, writers: Mapping[int, str]) -> list[tuple[KeyEvent, str, str]]:
    """Saves of a server while another one was the TSO primary or, where there was none, led; and who was."""
    holds: dict[Key, str | None] = {}
    found = []
    for event in trace.keys if writers else ():
        if event.key in ELECTIONS:
            holds[event.key] = event.server if event.put else None
        elif event.key is Key.TIMESTAMP:
            who, primary = writers.get(event.timestamp_ns or 0), holds.get(Key.PRIMARY)
            led = primary or holds.get(Key.LEADER)
            if who and led and who != led:
                found.append((event, who, f"{short(led)} {'was the TSO primary' if primary else 'led'}"))
    return found


def _refused(trace: Trace, *reasons: Refusal) -> list[LogEvent]:
    return [line for line in trace.logs if line.step is LogStep.SAVE_REFUSED and line.refusal in reasons]


def _not_greater(trace: Trace, terms: Terms) -> Iterator[Answer]:
    """A refusal that names the value before, which is another's if the server's lines show no such save."""
    saved: defaultdict[int, list[LogEvent]] = defaultdict(list)
    for each in trace.logs:
        if each.save_ns:
            saved[each.save_ns // NS_PER_MS].append(each)
    synced = {each.server for term in terms.terms for each in term.syncs}
    failed: set[str] = set()
    for line in trace.logs:
        if line.refusal is Refusal.OTHER:
            failed.add(line.server)
        values = _PREVIOUS.search(line.text) if line.refusal is Refusal.NOT_GREATER else None
        if values is None:
            continue
        wanted, held = int(values[1]), int(values[2])
        alike = saved[held // NS_PER_MS]
        if any(each.server == line.server for each in alike):
            continue
        who = f"it was {short(alike[0].server)}" if alike else _could(terms, line)
        text = (
            f"at {clock(line.at_ns)} the key held {held} ({clock(held)}), which {short(line.server)} had not "
            f"saved (it wanted {wanted}): {who}"
        )
        evidence = (line.where, *(each.where for each in alike[:1]))
        # a sync and an update of one server may be under way at once, and only syncs are logged
        sure = line.attempt is Attempt.UPDATE and line.server in synced and line.server not in failed
        if alike or sure:
            yield Answer(WRITERS, "yes", text, evidence, "" if alike else WATCH)
        else:
            text += ", or it was a save of its own that no line tells"
            yield Answer(WRITERS, "unknown", text, evidence, WATCH)
        return


def _could(terms: Terms, line: LogEvent) -> str:
    """Who else had something to grant from then."""
    others = {
        short(term.server)
        for term in terms.terms
        if term.server != line.server and any(_at(span, line.at_ns) for span in term.spans)
    }
    return (
        f"{' and '.join(sorted(others))} had something to grant from then" if others else "no log tells who"
    )


def _beside_a_sync(lines: Sequence[LogEvent], terms: Terms) -> set[LogEvent]:
    """Those just before which another sync of the same server saved: a client's first request begins one."""
    saves: defaultdict[str, list[int]] = defaultdict(list)
    for sync in (*terms.strays, *(each for term in terms.terms for each in term.syncs)):
        saves[sync.server].append(sync.at_ns)
    for of in saves.values():
        of.sort()
    found = set()
    for line in lines:
        at = bisect_right(saves[line.server], line.at_ns)
        if at and line.at_ns - saves[line.server][at - 1] < _BESIDE_NS:
            found.add(line)
    return found


def _before_the_sync(trace: Trace, terms: Terms) -> Iterator[Answer]:
    """A write of the timestamp key after an election and before what the one elected synced first."""
    writes = [event for event in trace.keys if event.key is Key.TIMESTAMP and event.timestamp_ns is not None]
    revisions = [event.revision for event in writes]
    for term in terms.terms:
        sync = next((each for each in term.syncs if each.step is LogStep.SYNC_SAVED and each.save_ns), None)
        if term.revision is None or sync is None or (term.refused[:1] and term.refused[0].at_ns < sync.at_ns):
            continue
        first = bisect_right(revisions, term.revision)
        own = next((event for event in writes[first : first + _NEAR] if _is(event, sync.save_ns)), None)
        if own is not None and writes[first].revision < own.revision:
            event = writes[first]
            text = (
                f"revision {event.revision} is a save after the election of {short(term.server)} (revision "
                f"{term.revision}) and before its sync (revision {own.revision}): it is another server's"
                f"{_led_before(terms, term)}"
            )
            yield Answer(WRITERS, "yes", text, (event.where, sync.where))
            return


def _led_before(terms: Terms, term: Term) -> str:
    before = [each for each in terms.terms if terms.after(each) is term and each.server != term.server]
    return f"; {short(before[0].server)} led before" if before else ""


def _is(event: KeyEvent, save_ns: int | None) -> bool:
    """Whether that window was saved: a line tells it to the millisecond."""
    return save_ns is not None and 0 <= (event.timestamp_ns or 0) - save_ns < NS_PER_MS


def _at(span: tuple[LogEvent, LogEvent | None], at_ns: int) -> bool:
    return span[0].at_ns <= at_ns and (span[1] is None or at_ns <= span[1].at_ns)


def _not_what_was_saved(terms: Terms) -> Iterator[Answer]:
    """A sync that found another window in the key than this server had saved last."""
    for term in terms.terms:
        for sync in term.syncs:
            saved, found = sync.last_saved_ns, sync.last_ns
            if sync.step is LogStep.SYNC_SAVED and saved and found and found > saved:
                text = (
                    f"{short(term.server)} had saved a window to {clock(saved)}, and found one to "
                    f"{clock(found)} at {clock(sync.at_ns)}: another server saved in between"
                )
                yield Answer(WRITERS, "yes", text, (sync.where,), WATCH)
                return


def _strays(terms: Terms) -> Iterator[Answer]:
    """A server that saved although its lines do not show that it had been elected."""
    saved = [line for line in terms.strays if line.step is LogStep.SYNC_SAVED]
    if saved:
        line = saved[0]
        text = (
            f"{short(line.server)} saved a window at {clock(line.at_ns)} by a sync, and its lines do not "
            "show that it had been elected"
        )
        yield Answer(WRITERS, "unknown", text, (line.where,), WATCH)


def was_synced(trace: Trace, terms: Terms) -> Answer:
    """For each term that was ready: what was synced before, or what is missing."""
    wrong: list[tuple[str, tuple[Where, ...]]] = []
    open_: list[tuple[str, tuple[Where, ...]]] = []
    fine: list[Term] = []
    starts: defaultdict[str, list[ServerStart]] = defaultdict(list)
    for start in trace.starts:
        starts[start.server].append(start)
    for term in terms.terms:
        if term.ready is None or (not term.syncs and not term.refused and _in_api_mode(starts, term)):
            continue
        name, at = short(term.server), clock(term.ready.at_ns)
        if term.cleared is not None:
            text = (
                f"{name} said at {at} that it serves, and had cleared at {clock(term.cleared.at_ns)} what it "
                f"had synced at {clock(term.syncs[-1].at_ns)}: it leads and cannot grant"
            )
            wrong.append((text, (term.cleared.where, term.syncs[-1].where, term.ready.where)))
        elif any(sync.at_ns <= term.ready.at_ns for sync in term.syncs):
            fine.append(term)
        elif term.refused and term.refused[0].at_ns <= term.ready.at_ns:
            why = term.refused[0].refusal.value if term.refused[0].refusal else "refused"
            text = (
                f"{name} said at {at} that it serves, and its sync had been refused ({why}): it leads, and "
                "grants nothing until a sync succeeds"
            )
            wrong.append((text, (term.refused[0].where, term.ready.where)))
        else:
            open_.append((f"of {name} at {at} no line tells a sync", (term.ready.where,)))
    return _told_synced(wrong, open_, fine)


def _in_api_mode(starts: Mapping[str, Sequence[ServerStart]], term: Term) -> bool:
    """Whether its last start was in API mode: such a PD may lead and hand out nothing."""
    own = starts.get(term.server, ())
    at = bisect_right(own, term.first.at_ns, key=lambda start: start.at_ns)
    return at > 0 and own[at - 1].api_mode is True


def _told_synced(
    wrong: Sequence[tuple[str, tuple[Where, ...]]],
    open_: Sequence[tuple[str, tuple[Where, ...]]],
    fine: Sequence[Term],
) -> Answer:
    more = f"; {many(len(fine), 'other')} had" if fine else ""
    if wrong:
        text, where = wrong[0]
        also = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        return Answer(SYNCED, "no", f"{text}{also}{more}", where)
    if open_:
        text, where = open_[0]
        also = f" (and {len(open_) - 1} more)" if len(open_) > 1 else ""
        api = " (a PD in API mode syncs nothing)"
        return Answer(SYNCED, "unknown", f"{text}{also}{api}{more}", where, LOGS)
    if fine:
        text = "each that said it serves had synced, and cleared nothing in between"
        first = fine[-1]
        return Answer(
            SYNCED, "yes", text, (first.syncs[0].where, *([first.ready.where] if first.ready else []))
        )
    return Answer(SYNCED, "unknown", "no line says that a server serves", (), LOGS)

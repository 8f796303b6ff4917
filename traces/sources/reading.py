"""Files and folders in, one `Trace` out. What a file is, its content says; its name is not looked at.

The recordings of one run belong together: `etcd.jsonl` and `etcd-recv.jsonl` are the same watch stream seen
twice and are merged by revision, the logs by time, the calls by start. A file that is cut off, damaged,
partly or wholly unknown is read as far as it goes; its `Source` counts and names what was not.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import chain, islice
from operator import attrgetter
from os.path import realpath
from pathlib import Path

from . import (
    clients,
    columns,
    etcd,
    groups,
    leases,
    masked,
    naming,
    pdctl,
    pdlog,
    rotated,
    samples,
    settings,
    snapshot,
    state,
    tables,
)
from .calls import Gathering, as_they_come, in_rows, told_since, told_until
from .lines import Lines, Tally, json_object
from .observation import NS_PER_MS, BadInput, KeyEvent, LogEvent, Service, Where
from .packing import Text, of_a_system, opened
from .servers import Servers, Unclear
from .spilling import Rows
from .trace import WATCHES, Gap, Kind, Source, Trace, Unread
from .unread import unread_kind

_PEEK_LINES = 100
_PEEK_BYTES = 16 << 20
_MANY_FILES = 10_000
_NOWHERE = Where("", 0)
_LOGS = {Service.PD: Kind.PD_LOG, Service.TSO: Kind.TSO_LOG, Service.UNKNOWN: Kind.LOG}


@dataclass(slots=True)
class _Gathered:
    """What was read so far, file by file."""

    sources: list[Source]
    watches: list[etcd.Watch]
    logs: list[pdlog.Log]
    calls: Gathering
    #: by file what it says that has no history
    states: dict[str, str] = field(default_factory=dict)
    answers: list[pdctl.Answer] = field(default_factory=list)
    polls: list[leases.LeasePoll] = field(default_factory=list)
    kept: int = 0


def read(
    paths: Iterable[Path | str],
    *,
    given: dict[settings.Name, int] | None = None,
    progress: Callable[[str], None] | None = None,
    group: int = groups.DEFAULT,
) -> Trace:
    """Read the recordings of one run from files and folders (with everything below them).

    `given` are settings to take for granted where the trace tells nothing; `progress` is called with each
    file's name; `group` is the keyspace group in question. Raises `BadInput` when a path cannot be read, when
    no file is a recording, and when two watch streams contradict each other (recordings of different runs or
    clusters).
    """
    gathered = _Gathered([], [], [], Gathering())
    for text in texts(paths, progress):
        _read_text(text, gathered, group)
    if all(each.kind is Kind.IGNORED or each.file in gathered.states for each in gathered.sources):
        first = gathered.sources[0].file if gathered.sources else "no file"
        expected = "an etcd watch stream, a PD or TSO log, or client samples"
        for file, state_of_etcd in gathered.states.items():
            raise BadInput(file, None, expected, state_of_etcd)
        why = "; ".join(gathered.sources[0].reasons[-1:]) if gathered.sources else ""
        told = f" ({why})" if why else ""
        raise BadInput(first, None, expected, f"name the files or the folder of a recorded run{told}")
    gathered.logs = rotated.named_alike(gathered.logs)
    keys, gaps = _merge_watches(gathered.watches)
    read_then = [*chain.from_iterable(watch.states for watch in gathered.watches if keys)]
    unread = frozenset(chain.from_iterable(watch.undecoded for watch in gathered.watches))
    state.agree(read_then, keys, lambda at: not any(gap.first <= at <= gap.last for gap in gaps), unread)
    _of_one_cluster(keys, gathered.logs)
    # pieces of one log: what they have of one millisecond is in their order
    gathered.logs.sort(key=lambda log: min((event.at_ns for event in log.events), default=0))
    gathered.logs, nobodys = masked.unmasked(gathered.logs, keys)
    repeated_lines = _drop_repeated(gathered.logs)
    named = naming.names(keys, gathered.logs)
    keys = tuple(naming.of_key(event, named) for event in keys)
    gathered.logs = [naming.of_log(log, named) for log in gathered.logs]
    logs = tuple(merge(*(log.events for log in gathered.logs), key=attrgetter("at_ns")))
    starts = tuple(merge(*(log.starts for log in gathered.logs), key=attrgetter("at_ns")))
    versions = tuple(merge(*(log.versions for log in gathered.logs), key=attrgetter("at_ns")))
    if not any(each.release or each.commit for each in versions):  # logs tell it of the time in question
        versions += tuple(chain.from_iterable(answer.versions for answer in gathered.answers))
    asked = {name: settings.Setting(value, settings.GIVEN) for name, value in (given or {}).items()}
    taken = {**pdctl.together(gathered.answers), **asked}
    calls, retold = gathered.calls.once()
    stretches, known_until = _when(gathered.logs)
    found = state.at(read_then, gaps[0].last if gaps and gaps[0].first == 2 else 1)
    trace = Trace(
        sources=tuple(
            replace(
                source,
                hosts=tuple(named.get(host, host) for host in source.hosts),
                assumed="; ".join(
                    filter(None, (source.assumed, masked.SAID if source.file in nobodys else ""))
                ),
            )
            for source in gathered.sources
        ),
        keys=keys,
        gaps=gaps,
        logs=logs,
        starts=starts,
        versions=versions,
        calls=calls,
        repeated=retold.count + repeated_lines,
        retold=retold,
        settings=settings.find(starts, logs, keys, taken, whole=not gaps),
        api_mode=any(watch.api_mode for watch in gathered.watches),
        bootstrapped=min(filter(None, (watch.bootstrapped for watch in gathered.watches)), default=0),
        undecoded=_undecoded(gathered.watches, keys),
        stretches=stretches,
        known_until=known_until,
        other_elections=frozenset().union(*(watch.other_elections for watch in gathered.watches)),
        state=None
        if found is None
        else replace(found, events=tuple(naming.of_key(event, named) for event in found.events)),
        addresses={name: address for address, name in named.items()},
        members=dict(chain.from_iterable(answer.urls.items() for answer in gathered.answers)),
        polls=tuple(gathered.polls),
        never_sent=tuple(chain.from_iterable(watch.never_sent for watch in gathered.watches)),
    )
    return replace(trace, calls=calls.of_kinds(_kind_at(trace)))


def _kind_at(trace: Trace) -> Callable[[str], str]:
    """What tells of which kind a client is that says only where it asked."""
    try:
        return Servers(trace).kind_at
    except Unclear:
        return lambda _: "lib"


def texts(paths: Iterable[Path | str], progress: Callable[[str], None] | None = None) -> Iterator[Text]:
    """What is in these files and folders, one after the other; raises `BadInput` when one cannot be read."""
    for path in _files(paths):
        if progress:
            progress(str(path))
        with opened(path) as file:
            yield from file.members()


def is_recording(path: Path) -> bool:
    """Whether there is a watch stream, a log or samples as a client writes them in a file.

    Not: a table, as which much can be read. Raises `BadInput` when it cannot be read.
    """
    for text in texts([path]):
        with text:
            kind, _ = _recognise(Lines(text, Tally()).ahead())
        if kind not in (Kind.IGNORED, Kind.SAMPLES, Kind.LEASES, Kind.ANSWER):
            return True
    return False


def _of_one_cluster(keys: Sequence[KeyEvent], logs: Iterable[pdlog.Log]) -> None:
    """Raises `BadInput` where a log is of another cluster than the watch streams, or than other logs."""
    known = (etcd.cluster(keys[0].path) or "", keys[0].where) if keys else None
    for log in logs:
        if log.cluster is None:
            continue
        known = known or log.cluster
        of, where = log.cluster
        if of != known[0]:
            expected = f"keys of cluster {known[0]} as in {known[1]}, not of {of}"
            raise BadInput(where.file, where.line, expected, "give the recordings of one cluster")


#: how long after its first line the last one of a refusal is written, at most: PD waits 50 ms
_GOES_ON_NS = 1_000 * NS_PER_MS
#: lines that a server writes in a millisecond, at most
_IN_A_MS = 100


def _drop_repeated(logs: Iterable[pdlog.Log]) -> int:
    """Leave out the lines that stand there already, in another file or the same one, and say how many.

    A shipper sends lines twice, and two may collect one log. What a server does twice in a millisecond, with
    something else in between, is told twice (a PD that was stopped catches up on its ticks).
    """
    known: dict[LogEvent, tuple[list[LogEvent], int]] = {}
    known_starts: set[settings.ServerStart] = set()
    dropped = 0
    logs = [*logs]
    for log in logs:
        _join_what_goes_on(log, (other for other in logs if other is not log))
    for log in logs:
        kept: list[LogEvent] = []
        every = [*map(_said, log.events)]
        last: dict[LogEvent, int] = {}
        sent = 0  # the line before was sent again, so many lines after the first time
        for index, (event, said) in enumerate(zip(log.events, every, strict=True)):
            after = index - last.get(said, index)
            again = 0 < after <= _IN_A_MS and after != sent and _does_it_again(every, index - after, index)
            last[said] = index
            sent = 0 if again else after
            if said in known and not again:
                others, at = known[said]
                others[at] = _told_by_both(others[at], event)
                dropped += 1
            else:
                known[said] = kept, len(kept)
                kept.append(event)
        starts = []
        for start in log.starts:
            if (told := replace(start, where=_NOWHERE)) not in known_starts:
                known_starts.add(told)
                starts.append(start)
        log.events, log.starts = kept, starts
    return dropped


def _said(event: LogEvent) -> LogEvent:
    """What a line says, wherever it stands; a file that ends or begins in the middle of a refusal tells less
    of that."""
    return replace(event, where=_NOWHERE, retry=None, passed_on=False, given_up=False)


def _does_it_again(every: Sequence[LogEvent], first: int, again: int) -> bool:
    """Whether the lines between two that say the same are of their millisecond, too, and not sent again."""
    between, after = every[first + 1 : again], every[again + 1 : 2 * again - first]
    same = all(each.at_ns == every[first].at_ns for each in between)
    return bool(between) and same and after != between[: len(after)]


def _join_what_goes_on(log: pdlog.Log, others: Iterable[pdlog.Log]) -> None:
    """A refusal with whose later lines a file begins is that with which another one ends."""
    events = [other.events for other in others]
    for at in reversed(log.unbegun):
        rest = log.events[at]
        begun = [
            (each, index)
            for each in events
            for index, event in enumerate(each)
            if _of_one_refusal(event, rest)
        ]
        if begun:
            each, index = max(begun, key=lambda found: found[0][found[1]].at_ns)
            each[index] = _told_by_both(each[index], rest)
            del log.events[at]
    log.unbegun.clear()


def _of_one_refusal(event: LogEvent, rest: LogEvent) -> bool:
    """Whether a refusal may be the one that other lines tell of some time later."""
    said = (event.server, event.attempt, event.text) == (rest.server, rest.attempt, rest.text)
    return said and 0 <= rest.at_ns - event.at_ns < _GOES_ON_NS


def _told_by_both(one: LogEvent, other: LogEvent) -> LogEvent:
    """One event, of which two files may have other lines."""
    return replace(
        one,
        retry=other.retry if one.retry is None else one.retry,
        passed_on=one.passed_on or other.passed_on,
        given_up=one.given_up or other.given_up,
    )


def _when(
    logs: Iterable[pdlog.Log],
) -> tuple[dict[tuple[str, str], list[tuple[int, int]]], dict[tuple[str, str], int]]:
    """By server and file, when its log has lines, and by when it had all that was written."""
    stretches: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    until: defaultdict[tuple[str, str], int] = defaultdict(int)
    for log in logs:
        of = {(event.server, event.where.file) for event in log.events}
        for each in of | ({(log.server, log.file)} if log.file else set()):
            stretches[each] += log.stretches
            until[each] = max(until[each], log.known_until_ns, *(end for _, end in log.stretches))
        for event in log.events:
            each = event.server, event.where.file
            until[each] = max(until[each], event.at_ns)
    return {of: sorted(each) for of, each in stretches.items()}, dict(until)


def _undecoded(watches: Sequence[etcd.Watch], keys: Iterable[KeyEvent]) -> tuple[Where, ...]:
    known = {(event.revision, event.path) for event in keys}
    return tuple(where for watch in watches for place, where in watch.undecoded.items() if place not in known)


def _files(paths: Iterable[Path | str]) -> Iterable[Path]:
    """The files to read, each once."""
    seen: set[str] = set()
    for path in map(Path, paths):
        try:
            found = list(islice(path.rglob("*"), _MANY_FILES + 1)) if path.is_dir() else []
            if len(found) > _MANY_FILES:
                expected = f"a folder with at most {_MANY_FILES} files and folders in it"
                raise BadInput(str(path), None, expected, "name the folder of one recorded run")
            own = [each for each in found if each.is_file() and not of_a_system(each)]
            inside = sorted(own) if path.is_dir() else [path]
        except OSError as error:
            raise BadInput(
                str(path), None, "a file or folder that can be read", f"check the path ({error.strerror})"
            ) from None
        for file in inside:
            if (real := realpath(file)) not in seen:  # Path.resolve refuses a link that leads to itself
                seen.add(real)
                yield file


def _read_text(text: Text, gathered: _Gathered, group: int) -> None:
    file = text.name
    tally = Tally(gathered.kept)
    told, state_of_etcd = _Told(), ""
    with text:
        lines = Lines(text, tally)
        kind, peeked = _recognise(lines.ahead())
        texts = gathered.calls.texts
        if kind is Kind.CLIENT:
            told = _of_calls(columns.decode(file, lines.blocks(), tally, texts, group), gathered.calls, tally)
        elif kind is Kind.SAMPLES:
            told = _of_calls(tables.decode(file, lines.blocks(), tally, texts, group), gathered.calls, tally)
            kind = Kind.CLIENT
        elif kind is Kind.LOG:
            logs = pdlog.decode(file, lines, tally, group)
            gathered.logs += logs
            told = _of_logs(logs)
            calls = [call for log in logs for call in log.calls]
            told_by_calls = _of_calls(in_rows(calls, texts), gathered.calls, tally, of_a_log=True)
            services = {log.service for log in logs if log.service is not Service.UNKNOWN or log.events}
            kind = _LOGS[services.pop() if len(services) == 1 else Service.UNKNOWN]
            if calls and not told.observations:
                kind, told = Kind.CLIENT_LOG, told_by_calls
        elif kind in WATCHES:
            watch = etcd.decode(file, lines, tally, group)
            gathered.watches.append(watch)
            told = _of_watch(watch)
            if watch.states and not watch.seen:
                state_of_etcd = snapshot.told([line for _, line in peeked])
        elif kind is Kind.LEASES:
            polls = leases.decode(file, lines, tally)
            gathered.polls += polls
            told = _Told(len(polls))
        elif kind is Kind.ANSWER:
            answer = pdctl.decode(file, lines, tally)
            gathered.answers.append(answer)
            gathered.states[file] = answer.told
            releases = dict.fromkeys(each.release for each in answer.versions if each.release)
            told = _Told(len(answer.urls), tuple(answer.urls), tuple(releases))
        gathered.kept = tally.kept
        reasons = ((state_of_etcd,) if state_of_etcd else ()) + tally.reasons
        looks_like = None
        if kind is Kind.IGNORED:
            begin = [line for _, line in (*peeked, *filter(None, (lines.unfinished,)))]
            looks_like = unread_kind(begin)
            state_of_etcd = snapshot.told(begin) if looks_like is Unread.WATCH else ""
            if begin or not lines.damage:
                reasons += (state_of_etcd or (_why_ignored(looks_like) if begin else "empty"),)
        if state_of_etcd:
            gathered.states[file] = state_of_etcd
        if lines.damage:
            reasons += (lines.damage,)
        cut = lines.unfinished is not None and (
            kind is not Kind.IGNORED or lines.unfinished[1][:1] in (b"{", b"[")
        )
        if cut and lines.unfinished:
            reasons += (f"line {lines.unfinished[0]} is cut off",)
        truncated = (cut or lines.damage is not None) and not (kind is Kind.IGNORED and _is_other(peeked))
        if kind is Kind.IGNORED and truncated:
            looks_like = Unread.ANYTHING
        reasons += (tally.assumed,) if tally.assumed else ()
        gathered.sources.append(
            Source(
                file,
                kind,
                told.observations,
                tally.other,
                tally.skipped,
                reasons,
                truncated,
                told.hosts,
                told.releases,
                told.from_ns,
                told.to_ns,
                looks_like,
                tally.assumed,
                tally.rounded,
                tuple(tally.columns),
            )
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What is to be said of a file: see `Source`."""

    observations: int = 0
    hosts: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    from_ns: int | None = None
    to_ns: int | None = None


def _of_calls(found: Iterable[Rows], gathered: Gathering, tally: Tally, *, of_a_log: bool = False) -> _Told:
    """Gather calls; ``of_a_log``: the log of a client tells of them."""
    observations = 0
    who: dict[int, None] = {}
    since: list[int] = []
    until: list[int] = []
    before = gathered.size
    for rows in found:
        (gathered.add_told if of_a_log else gathered.add)(rows)
        tally.kept += gathered.size - before
        before = gathered.size
        observations += len(rows)
        who |= dict.fromkeys(as_they_come(rows["who"]))
        timed = rows.compress(rows["timed"] != 0)
        since += [told_since(timed)] if len(timed) else []
        until += [told_until(timed)] if len(timed) else []
    names = [*gathered.texts.who]
    hosts = tuple(dict.fromkeys(names[number][0] for number in who))
    return _Told(observations, hosts, (), min(since, default=None), max(until, default=None))


def _of_logs(logs: Sequence[pdlog.Log]) -> _Told:
    events = [event for log in logs for event in log.events]
    times = [event.at_ns for event in events] + [start.at_ns for log in logs for start in log.starts]
    return _Told(
        len(events),
        tuple(dict.fromkeys(event.server for event in events)),
        tuple(dict.fromkeys(each.release for log in logs for each in log.versions if each.release)),
        min(times, default=None),
        max(times, default=None),
    )


def _of_watch(watch: etcd.Watch) -> _Told:
    times = [event.latest_ns for event in watch.events if event.latest_ns is not None]
    return _Told(len(watch.events), (), (), min(times, default=None), max(times, default=None))


def _why_ignored(looks_like: Unread | None) -> str:
    if looks_like is None:
        return "neither watch stream, log nor client samples"
    told = f"it may be {looks_like.value}, in a form that is not read"
    record = "; record it with etcdctl watch --prefix '' --rev=1 -w json"
    return told + record if looks_like is Unread.WATCH else told


def _recognise(lines: Iterable[tuple[int, bytes | None]]) -> tuple[Kind, list[tuple[int, bytes | None]]]:
    """What the first line that is recognised makes of the file, and the lines taken to find out."""
    taken: list[tuple[int, bytes | None]] = []
    size = 0
    table = Kind.IGNORED
    for number, line in lines:
        taken.append((number, line))
        size += len(line or b"")
        kind = _kind_of(line)
        if (
            table is not Kind.IGNORED
        ):  # a log in a table has a column of times, as samples have one of timestamps
            return Kind.LOG if kind is Kind.LOG else table, taken
        if kind is Kind.SAMPLES and line is not None and samples.headings(line):
            table = kind
        elif kind is not Kind.IGNORED or len(taken) == _PEEK_LINES or size > _PEEK_BYTES:
            return kind, taken
    return table, taken


def _is_other(lines: Iterable[tuple[int, bytes | None]]) -> bool:
    """Whether a line that is whole shows that the file is of a kind that nothing here reads."""
    return any(line is not None and json_object(0, line, Tally()) is not None for _, line in lines)


def _kind_of(line: bytes | None) -> Kind:
    if line is None:
        return Kind.IGNORED
    if pdlog.recognise(line):
        return Kind.LOG
    document = json_object(0, line, Tally())
    if clients.recognise(document):
        return Kind.CLIENT
    if leases.recognise(document):
        return Kind.LEASES
    if pdctl.recognise(document):
        return Kind.ANSWER
    if document is None or etcd.response(document) is None:
        return Kind.SAMPLES if samples.recognise(line, document) else Kind.IGNORED
    if "recv_unix_ns" in document:
        return Kind.WATCH_RECEIVED
    return Kind.WATCH_GATEWAY if "result" in document else Kind.WATCH


def _merge_watches(watches: Sequence[etcd.Watch]) -> tuple[tuple[KeyEvent, ...], tuple[Gap, ...]]:
    """The events of all streams, each once with its earliest receipt, and the revisions none of them has."""
    events: dict[tuple[int, str], KeyEvent] = {}
    cluster: tuple[str, KeyEvent] | None = None
    etcds = {of: where for watch in reversed(watches) for of, where in watch.clusters.items()}
    if len(etcds) > 1:
        (one, first), (other, where) = sorted(etcds.items(), key=lambda each: str(each[1]))[:2]
        expected = f"responses of the etcd cluster {one} as in {first}, not of {other}"
        raise BadInput(where.file, where.line, expected, "give the recordings of one cluster")
    # what was rounded away, a stream that was not may tell
    in_order = sorted(watches, key=attrgetter("rounded"))
    for event, rounded in ((event, watch.rounded) for watch in in_order for event in watch.events):
        of = etcd.cluster(event.path) or ""
        cluster = cluster or (of, event)
        if of != cluster[0]:
            expected = f"keys of cluster {cluster[0]} as in {cluster[1].where}, not of {of}"
            raise BadInput(event.where.file, event.where.line, expected, "give the recordings of one cluster")
        known = events.setdefault((event.revision, event.path), event)
        alike = replace(event, lease=known.lease) if rounded else event
        if _what_happened(alike) != _what_happened(known):
            expected = f"revision {event.revision} of {event.path} as in {known.where}"
            raise BadInput(event.where.file, event.where.line, expected, "give the recordings of one run")
        if event.latest_ns is not None and (known.latest_ns is None or event.latest_ns < known.latest_ns):
            known = replace(known, latest_ns=event.latest_ns, coarse_ns=event.coarse_ns)
        # each stream says where etcd was as it sent the event, and the lowest is what may deny it
        least = min(filter(None, (known.etcd_at, event.etcd_at)), default=None)
        events[event.revision, event.path] = replace(known, held=known.held or event.held, etcd_at=least)
    seen = set[int]().union(*(watch.seen for watch in watches))
    reached = max((watch.reached for watch in watches), default=0)
    return tuple(sorted(events.values(), key=attrgetter("revision"))), _gaps(seen, reached)


def _what_happened(event: KeyEvent) -> KeyEvent:
    """An event without what streams say of it each in their way."""
    return replace(event, where=_NOWHERE, latest_ns=None, held=None, etcd_at=None, coarse_ns=0)


def _gaps(seen: set[int], reached: int) -> tuple[Gap, ...]:
    """etcd begins at revision 1 with nothing in it, and every revision above has an event."""
    gaps = []
    before = 1
    for revision in sorted(seen | {max(reached, 1) + 1}):
        if revision > before + 1:
            gaps.append(Gap(before + 1, revision - 1))
        before = max(before, revision)
    return tuple(gaps)

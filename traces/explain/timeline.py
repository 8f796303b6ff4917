"""A trace as replay takes it: numbered servers, constants, observations by time, and what nobody knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import attrgetter

from ...model.language.instance import belongings
from ...model.language.reconfigured import becomings
from ...model.language.transition import Kind
from ..sources.builds import Started, started
from ..sources.intervals import GUARD_NS, exact
from ..sources.observation import (
    ELECTIONS,
    NS_PER_MS,
    Attempt,
    Key,
    KeyEvent,
    LogEvent,
    LogStep,
    Refusal,
    Where,
)
from ..sources.servers import Servers
from ..sources.settings import ServerStart, Setting, fitting
from ..sources.trace import Gap, Trace
from .begins import Begins, begins
from .contradictions import contradictions
from .logs import logs_of
from .saves import Saves
from .seen import FOREVER, LATE_NS, Seen
from .streams import at_once, beyond, merged, outside, streams_of, within
from .watched import Contradiction

_DEFAULT_WINDOW_NS = 3_000 * NS_PER_MS  # PD's own default of tso-save-interval
_DEFAULT_LEASE_S = 3  # and of lease
_S = 1_000 * NS_PER_MS
_MAX_LOGICAL = 1 << 18
_ENDS_A_TERM = (LogStep.RESET, LogStep.STEP_DOWN, LogStep.ALLOCATOR_CLOSED)
_BEGINS_A_SYNC = (LogStep.ELECTED, LogStep.CAMPAIGN_WON, LogStep.SYNC_START)
_NOT_TOLD = "for nothing tells its own"


@dataclass(frozen=True, slots=True)
class Timeline:
    """The observations by estimated time, and what is known about all of them.

    `constants` are the model's, times in ns; `windows` and `leases`, of each server, its save interval
    and its lease at first and since each of its starts in `reconfigured`, or elections before which it
    was started anew; these were at the times `since` (0: at first), by its clock, and `configured` of
    them come before the first observation; `api`, by server, whether it may be in API mode at first;
    `assumed` says what nothing in the trace tells, `window_assumed` whether a save interval is among
    that. By server, as its log tells: `resets`, the targets (ms) of admin resets; `loads`, the values
    (ms) that it loaded; `outlived`, the terms of which an update ended later, from when they served until
    that was told (ns); `overtaken`, when such a reset may overtake an update (ns); `untold`, when a sync
    that failed for want of an answer may have saved (ns); `builds`, when it started and of which it may
    be since; `starts`, when it started (ns); `shown`, how often each fault; `denied`, the steps of which it
    would tell, and does not, and `steady`, that its clock did not jump on while it served, each until a
    time (ns), and how often it looks (ns); `tells_syncs`, `tells_attempts`, from when until when it tells
    of each sync and of each attempt to save; `tells_loads`, that what no line tells was not loaded;
    `telling`, that it tells of all that it did, until then. Events may be missing from revision `gap`, time
    `gap_at` on, for the reason `gap_text`. `mode_text` says why a PD may be in API mode although no log
    tells; empty if none can be. `mode_open`: one certainly was. `late`: what was before the first event is
    not known, `first_windows` are what the timestamp key may have held then, the first of them what
    somebody read of etcd, if anybody did, who tells of more in `begins`. `unused` counts observations that
    demand nothing; `outside`, by server, the first that shows it serving before the first event or after
    the last; `together`, who answered while others did; `unsaved`, what takes a save after the last.
    `undecoded` names those that cannot be read and may demand anything. `contradicted`: what one source
    says and another one denies, whatever the fence; `lacking`: of what a log does not tell although it
    would. `taken`: what is explained by nothing that the trace shows.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    constants: Mapping[str, int]
    windows: tuple[tuple[int, ...], ...]
    leases: tuple[tuple[int, ...], ...]
    since: tuple[tuple[int, ...], ...]
    reconfigured: Mapping[int, tuple[Where, ...]]
    configured: Mapping[int, int]
    api: tuple[tuple[bool, ...], ...]
    assumed: tuple[str, ...]
    window_assumed: bool
    seen: tuple[Seen, ...]
    resets: Mapping[int, frozenset[int]]
    loads: Mapping[int, frozenset[int]]
    outlived: Mapping[int, Sequence[tuple[int, int]]]
    overtaken: Mapping[int, Sequence[tuple[int, int]]]
    untold: Mapping[int, Sequence[tuple[int, int]]]
    builds: Mapping[int, Sequence[Started]]
    starts: Mapping[int, Sequence[int]]
    shown: Mapping[tuple[str, int], int]
    watched: bool
    late: bool
    first_windows: tuple[int, ...]
    gap: int
    gap_at: int
    gap_text: str
    mode_text: str
    mode_open: bool
    unused: Mapping[str, int]
    outside: Mapping[int, Where] = field(default_factory=dict)
    together: frozenset[int] = frozenset()
    unsaved: Where | None = None
    undecoded: tuple[Where, ...] = ()
    cut: str = ""
    denied: Mapping[tuple[str, int], int] = field(default_factory=dict)
    tells_syncs: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    tells_attempts: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)
    contradicted: tuple[Contradiction, ...] = ()
    lacking: tuple[Contradiction, ...] = ()
    taken: str = ""
    tells_loads: bool = True
    telling: Mapping[int, int] = field(default_factory=dict)
    steady: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    begins: Begins | None = None

    @property
    def every_window(self) -> frozenset[int]:
        """The save intervals that servers have."""
        return frozenset(chain.from_iterable(self.windows))

    def windows_of(self, value_ns: int) -> frozenset[int]:
        """The save intervals with which servers may have saved that."""
        each = zip(self.windows, self.since, strict=True)
        return frozenset(chain.from_iterable(fitting(*of_one, value_ns) for of_one in each))

    def longest_window(self, number: int) -> int:
        """The longest save interval that a server has."""
        return max(self.windows[number - 1])

    def longest_lease(self, number: int) -> int:
        """The longest lease that a server has, in ns."""
        return max(self.leases[number - 1])


def timeline(trace: Trace) -> Timeline:
    """Order a trace for replay.

    Raises:
        Unclear: there are too many observations (`streams.MAX_SEEN`); and see `Servers`.
    """
    servers = Servers(trace)
    modelled = _modelled(trace, servers)
    events = [event for event in trace.keys if event.key in modelled]
    late = bool(events and trace.gaps and trace.gaps[0].first == 2)
    first_windows, guesses = _windows(trace, servers, late=late)
    first_leases, lease_guesses = _leases(trace, servers)
    lives = [_lives(trace, *each) for each in zip(servers.names, first_windows, first_leases, strict=True)]
    windows = tuple(tuple(each.window for each in of_one) for of_one in lives)
    leases = tuple(tuple(each.lease for each in of_one) for of_one in lives)
    since = tuple(tuple(each.since_ns for each in of_one) for of_one in lives)
    every = tuple(chain.from_iterable(windows))
    unused: defaultdict[str, int] = defaultdict(int)
    unused["etcd events on keys that the model does not have"] = len(trace.keys) - len(events)
    lines = _lines(trace, servers)
    resets = {
        number: frozenset(
            line.next_ns // NS_PER_MS for line in log if line.step is LogStep.ADMIN_RESET and line.next_ns
        )
        for number, log in lines.items()
    }
    held = _held_ns(trace) if late else 0
    saves = Saves(
        events,
        dict(zip(servers.names, zip(windows, since, strict=True), strict=True)),
        frozenset[int]().union(*resets.values()),
        held,
    )
    streams, cut = streams_of(trace, events, lines, servers, saves, unused)
    elsewhere: Mapping[int, Where] = {}
    unsaved: Where | None = None
    together: frozenset[int] = frozenset()
    begin = 0
    if events:
        last = streams[0][-1]
        begin = streams[0][0].at if late else 0
        end = last.latest if last.latest < FOREVER else last.at + LATE_NS
        elsewhere = outside(streams, begin, end, passed_on=not _switches(trace))
        together = at_once(streams, passed_on=not _switches(trace))
        unsaved = beyond(streams, end)
        streams = [within(stream, begin, end, unused) for stream in streams]
    seen = tuple(merged(streams))
    began = {start.where: start.at_ns for start in trace.starts}
    began |= {line.where: line.at_ns for line in trace.logs if line.step is LogStep.SERVER_START}
    began |= {one.where: one.at for one in streams[0]}
    reconfigured = {
        number: tuple(each.start for each in of_one if each.start) for number, of_one in enumerate(lives, 1)
    }
    said = contradictions(trace, servers)
    gap = next((gap for gap in trace.gaps[late:] if events and gap.first < events[-1].revision), None)
    return Timeline(
        names=servers.names,
        kinds=servers.kinds,
        constants=_constants(trace, windows, leases, servers),
        windows=windows,
        leases=leases,
        since=since,
        reconfigured=reconfigured,
        configured={
            number: sum(began[where] < begin for where in of_one) for number, of_one in reconfigured.items()
        },
        api=tuple(servers.modes_at(n, seen[0].at if seen else 0) for n, _ in enumerate(servers.names, 1)),
        assumed=(*_modes_taken(servers), *guesses, *lease_guesses),
        window_assumed=bool(guesses),
        seen=seen,
        resets=resets,
        loads={number: frozenset(_loaded_ms(log)) for number, log in lines.items()},
        outlived={number: tuple(_outlived(log)) for number, log in lines.items()},
        overtaken={number: tuple(_overtaken(log)) for number, log in lines.items()},
        untold={number: tuple(_untold(log)) for number, log in lines.items()},
        builds=started(trace.versions, servers.number),
        starts={number: tuple(_starts(log)) for number, log in lines.items()},
        shown=_shown(lines, resets),
        watched=bool(events),
        late=late,
        first_windows=tuple(dict.fromkeys((*([held] if held else []), *_first_windows(seen, every)))),
        gap=gap.first if gap else FOREVER,
        gap_at=_gap_at(seen, gap),
        gap_text="" if gap is None else f"revisions {gap.first} to {gap.last} are in no watch stream",
        mode_text=_mode_text(trace, servers),
        mode_open=trace.api_mode and bool(servers.untold),
        unused={what: count for what, count in unused.items() if count},
        outside=elsewhere,
        together=together,
        unsaved=unsaved,
        undecoded=trace.undecoded,
        cut=cut,
        contradicted=said.denied,
        lacking=said.lacking,
        taken=said.taken,
        telling={log.number: log.end_ns - LATE_NS for log in logs_of(trace, servers) if log.tells_all},
        begins=begins(trace.state, servers) if late else None,
    )


def _mode_text(trace: Trace, servers: Servers) -> str:
    """Why a PD of which no log tells may be in API mode; empty if none can be."""
    if not servers.untold:
        return ""
    log = f"the log of {' and '.join(servers.untold)} is needed to tell the mode"
    if trace.api_mode:
        return f"a PD was in API mode: {log}"
    return log if not trace.keys or trace.gaps else ""


def _modelled(trace: Trace, servers: Servers) -> frozenset[Key]:
    """The keys that bear on what servers do.

    Somebody must look at the registry; one TSO server of several must be chosen as primary, or a PD that may
    switch waits for the one to be expected.
    """
    keys = {Key.LEADER, Key.PRIMARY, Key.TIMESTAMP}
    if servers.registry:
        keys.add(Key.REGISTRY)
    if servers.kinds.count(Kind.TSO) > 1 or _switches(trace):
        keys.add(Key.EXPECTED_PRIMARY)
    return frozenset(keys)


def _modes_taken(servers: Servers) -> Iterator[str]:
    for name in servers.untold:
        yield f"no log tells the mode of {name}: PD service mode was taken"


def _windows(trace: Trace, servers: Servers, *, late: bool) -> tuple[tuple[int, ...], list[str]]:
    """The save interval (ns) of each server, and what is assumed of those that may have saved."""
    found = [trace.settings.of(server, "save_interval_ns") for server in servers.names]
    if not any(each.value for each in found):
        window = exact(trace.keys)
        missing = "the save interval is not in the trace: PD's default of 3 s was taken"
        return (window or _DEFAULT_WINDOW_NS,) * len(found), [] if window else [missing]
    values = _filled(found, servers)
    elected = {event.server for event in trace.keys if event.key in ELECTIONS and event.put}
    assumed = []
    for name, value, setting in zip(servers.names, values, found, strict=True):
        own = name in trace.settings.own("save_interval_ns")
        doubt = setting.doubt if own or setting in trace.settings.given.values() else _NOT_TOLD
        if doubt and (late or name in elected):
            taken = " and then ".join(f"{each / 1e9:g} s" for each in (value, *setting.values[1:]))
            assumed.append(f"the save interval of {name} is not certain: {taken} was taken, {doubt}")
    return values, assumed


def _leases(trace: Trace, servers: Servers) -> tuple[tuple[int, ...], list[str]]:
    """The lease (s) that etcd grants each server, and what is assumed of them."""
    found = [trace.settings.of(server, "lease_s") for server in servers.names]
    if not any(each.value for each in found):
        return (_DEFAULT_LEASE_S,) * len(found), ["the lease is not in the trace: 3 s was taken"]
    least = trace.settings.least_lease_s or 0
    values = tuple(max(value, least) for value in _filled(found, servers))
    return values, [
        f"the lease of {name} is not certain: {value} s was taken, {setting.doubt or _NOT_TOLD}"
        for name, value, setting in zip(servers.names, values, found, strict=True)
        if setting.doubt or not setting.value
    ]


@dataclass(frozen=True, slots=True)
class _Life:
    """The settings (ns) of a server since one of its starts (None: at first), which was then by its clock."""

    start: Where | None
    since_ns: int
    window: int
    lease: int


def _lives(trace: Trace, name: str, window: int, lease_s: int) -> list[_Life]:
    """The settings of a server, at first and since each start that changed any."""
    found = [_Life(None, 0, window, lease_s * _S)]
    windows = trace.settings.of(name, "save_interval_ns").then
    leases = trace.settings.of(name, "lease_s").then
    for change in sorted((*windows, *leases), key=attrgetter("since_ns")):
        last = found[-1]
        if change.start != last.start:
            last = replace(last, start=change.start, since_ns=change.since_ns)
            found.append(last)
        if change in windows:
            found[-1] = replace(last, window=change.value)
        else:
            least_s = trace.settings.least_lease_s or 0
            found[-1] = replace(last, lease=max(change.value, least_s) * _S)
    return found


def _filled(found: Sequence[Setting], servers: Servers) -> tuple[int, ...]:
    """A setting of each server: where nothing tells, the least that others of its kind have, or others."""
    return tuple(
        setting.value
        or min(
            (other is not kind, each.value)
            for each, other in zip(found, servers.kinds, strict=True)
            if each.value
        )[1]
        for setting, kind in zip(found, servers.kinds, strict=True)
    )


def _constants(
    trace: Trace,
    windows: Sequence[Sequence[int]],
    leases: Sequence[Sequence[int]],
    servers: Servers,
) -> dict[str, int]:
    """The model's constants.

    The update interval is left a unit: that a server did not look at the logical part between two ticks is
    nothing that the clocks of a recording are fine enough to refute a trace with.
    """
    return {
        **belongings("window", [first for first, *_ in windows]),
        **belongings("lease", [first for first, *_ in leases]),
        **becomings("window", windows),
        **becomings("lease", leases),
        "guard": GUARD_NS,
        "unit": NS_PER_MS,
        "limit": _MAX_LOGICAL,
        "margin": 0,
        "skew_bound": FOREVER,
        "max_reset": FOREVER,
        "ahead": FOREVER,
        "dynamic": int(_switches(trace)),
        "registry": int(servers.registry),
    }


def _switches(trace: Trace) -> bool:
    """May a PD in API mode switch?  As its settings say, or a line that it only writes where it may.

    What is set while it runs is in no dump, nor what a PD finds in etcd as it starts: that it syncs tells.
    """
    provides = (LogStep.PROVIDER_PD, LogStep.PROVIDER_TSO)
    told = any(bool(start.dynamic_switching) for start in trace.starts if start.api_mode)
    return told or any(line.step in provides for line in trace.logs) or _syncs_in_api_mode(trace)


def _syncs_in_api_mode(trace: Trace) -> bool:
    """Whether the log of a PD in API mode tells of a sync."""
    told: Iterable[ServerStart | LogEvent] = chain(trace.starts, trace.logs)
    mode: dict[str, bool | None] = {}
    for each in sorted(told, key=attrgetter("at_ns")):
        if isinstance(each, ServerStart):
            mode[each.server] = each.api_mode
        elif each.step is LogStep.SYNC_START and mode.get(each.server):
            return True
    return False


def _lines(trace: Trace, servers: Servers) -> dict[int, list[LogEvent]]:
    lines: defaultdict[int, list[LogEvent]] = defaultdict(list)
    for line in trace.logs:
        lines[servers.number(line.server)].append(line)
    return lines


def _loaded_ms(log: Iterable[LogEvent]) -> Iterator[int]:
    """What syncs loaded; where the key was not there, 0, only what they saved tells."""
    for line in log:
        if line.step is LogStep.WINDOW_LOADED and line.last_ns is not None:
            yield line.last_ns // NS_PER_MS
        elif line.step is LogStep.SYNC_SAVED and not line.last_ns:
            yield 0


def _starts(log: Iterable[LogEvent]) -> Iterator[int]:
    return (line.at_ns for line in log if line.step is LogStep.SERVER_START)


def _outlived(log: Iterable[LogEvent]) -> Iterator[tuple[int, int]]:
    """The terms of which an update is refused after they have ended and before the next one serves."""
    began = 0
    ended = False
    for line in log:
        if line.step is LogStep.READY:
            began, ended = line.at_ns, False
        ended |= line.step in _ENDS_A_TERM
        if ended and line.attempt is Attempt.UPDATE:
            yield began, line.at_ns


def _overtaken(log: Iterable[LogEvent]) -> Iterator[tuple[int, int]]:
    """When an admin's reset may overtake an update that is under way."""
    return ((line.at_ns, line.at_ns + LATE_NS) for line in log if line.step is LogStep.ADMIN_RESET)


def _untold(log: Iterable[LogEvent]) -> Iterator[tuple[int, int]]:
    """From when a sync began, or its term, until it failed for want of an answer."""
    began: int | None = None
    for line in log:
        if line.step in _BEGINS_A_SYNC:
            began = line.at_ns
        elif line.attempt is Attempt.SYNC and line.refusal is Refusal.OTHER and began is not None:
            yield began, line.at_ns


def _shown(
    lines: Mapping[int, Sequence[LogEvent]], resets: Mapping[int, frozenset[int]]
) -> dict[tuple[str, int], int]:
    """How often logs tell of processes that stop or start once more, and of admin resets."""
    shown: dict[tuple[str, int], int] = {}
    for number, log in lines.items():
        steps = [line.step for line in log]
        shown["stop", number] = steps.count(LogStep.SERVER_EXIT)
        again = steps.count(LogStep.SERVER_START) - (steps[:1] == [LogStep.SERVER_START])
        shown["crash", number] = shown["restart", number] = again
        shown["admin_reset", number] = steps.count(LogStep.ADMIN_RESET) if resets[number] else 0
    return {step: times for step, times in shown.items() if times > 0}


def _held_ns(trace: Trace) -> int | None:
    """What the timestamp key held before a watch that began late; None if nobody read it."""
    if trace.state is None:
        return None
    return next((event.timestamp_ns or 0 for event in trace.state.events if event.key is Key.TIMESTAMP), 0)


def _first_windows(seen: Iterable[Seen], windows: Iterable[int]) -> tuple[int, ...]:
    """What was read first, else what is low enough for anybody's first save to be a sync or an update.

    A log cuts what was read to the millisecond; where the first save was a sync from there, that tells it.
    """
    told = 0
    for one in seen:
        if isinstance(one.what, LogEvent) and one.what.step is LogStep.WINDOW_LOADED:
            told = told or one.what.last_ns or 0
        if isinstance(one.what, KeyEvent) and one.what.timestamp_ns:
            below = one.what.timestamp_ns - GUARD_NS
            lows = tuple(max(below - window, 1) for window in dict.fromkeys(windows))
            read = tuple(low for low in lows if low // NS_PER_MS == told // NS_PER_MS)
            return read or ((told,) if told else lows)
    return (told,)


def _gap_at(seen: Iterable[Seen], gap: Gap | None) -> int:
    """The estimated time of the last event before a gap."""
    if gap is None:
        return FOREVER
    before = [one.at for one in seen if not one.stream and (one.revision or 0) < gap.first]
    return before[-1] if before else 0

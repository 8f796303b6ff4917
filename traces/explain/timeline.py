"""A trace as replay takes it: numbered servers, constants, observations by time, and what nobody knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...model.language.transition import Kind
from ..sources.observation import NS_PER_MS, Key, KeyEvent, LogEvent, LogStep, Where
from ..sources.servers import Servers
from ..sources.settings import GUARD_NS
from ..sources.trace import Gap, Trace
from .saves import Saves, exact_window
from .seen import FOREVER, LATE_NS, Seen
from .streams import merged, streams_of, within

_DEFAULT_WINDOW_NS = 3_000 * NS_PER_MS  # PD's own default of tso-save-interval
_DEFAULT_LEASE_S = 3  # and of lease
_MAX_LOGICAL = 1 << 18


@dataclass(frozen=True, slots=True)
class Timeline:
    """The observations by estimated time, and what is known about all of them.

    `constants` are the model's, times in ns; `api`, by server, whether it may be in API mode at first;
    `assumed` says what nothing in the trace tells, `window_assumed` whether the save interval is one.
    `resets`: the targets (ms) of admin resets, by server; `shown`: the faults, by server, that its log tells
    of. Events may be missing from revision `gap`, time `gap_at` on, for the reason `gap_text`. `mode_text`
    says why a PD may be in API mode although no log tells; empty if none can be. `mode_open`: one certainly
    was. `late`: what was before the first event is not known, `first_window` is what the timestamp key may
    have held then. `unused` counts observations that demand nothing, `undecoded` names those that cannot be
    read and may demand anything.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    constants: Mapping[str, int]
    api: tuple[tuple[bool, ...], ...]
    assumed: tuple[str, ...]
    window_assumed: bool
    seen: tuple[Seen, ...]
    resets: Mapping[int, frozenset[int]]
    shown: frozenset[tuple[str, int]]
    watched: bool
    late: bool
    first_window: int
    gap: int
    gap_at: int
    gap_text: str
    mode_text: str
    mode_open: bool
    unused: Mapping[str, int]
    undecoded: tuple[Where, ...] = ()
    cut: str = ""


def timeline(trace: Trace) -> Timeline:
    """Order a trace for replay.

    Raises:
        Unclear: there are too many observations (`streams.MAX_SEEN`); and see `Servers`.
    """
    servers = Servers(trace)
    window = trace.settings.save_interval_ns or exact_window(trace.keys)
    constants, assumed = _constants(trace, window, servers)
    modelled = _modelled(servers)
    events = [event for event in trace.keys if event.key in modelled]
    unused: defaultdict[str, int] = defaultdict(int)
    unused["etcd events on keys that the model does not have"] = len(trace.keys) - len(events)
    lines = _lines(trace, servers)
    resets = {
        number: frozenset(
            line.next_ns // NS_PER_MS for line in log if line.step is LogStep.ADMIN_RESET and line.next_ns
        )
        for number, log in lines.items()
    }
    saves = Saves(events, constants["window"], frozenset[int]().union(*resets.values()))
    streams, cut = streams_of(trace, events, lines, servers, saves, unused)
    late = bool(events and trace.gaps and trace.gaps[0].first == 2)
    if events:
        last = streams[0][-1]
        end = last.latest if last.latest < FOREVER else last.at + LATE_NS
        streams = [within(stream, streams[0][0].at if late else 0, end, unused) for stream in streams]
    seen = tuple(merged(streams))
    gap = next((gap for gap in trace.gaps[late:] if events and gap.first < events[-1].revision), None)
    return Timeline(
        names=servers.names,
        kinds=servers.kinds,
        constants=constants,
        api=tuple(servers.modes_at(n, seen[0].at if seen else 0) for n, _ in enumerate(servers.names, 1)),
        assumed=assumed,
        window_assumed=window is None,
        seen=seen,
        resets=resets,
        shown=_shown(lines, resets),
        watched=bool(events),
        late=late,
        first_window=_first_window(seen, constants["window"]),
        gap=gap.first if gap else FOREVER,
        gap_at=_gap_at(seen, gap),
        gap_text="" if gap is None else f"revisions {gap.first} to {gap.last} are in no watch stream",
        mode_text=_mode_text(trace, servers),
        mode_open=trace.api_mode and bool(servers.untold),
        unused={what: count for what, count in unused.items() if count},
        undecoded=trace.undecoded,
        cut=cut,
    )


def _mode_text(trace: Trace, servers: Servers) -> str:
    """Why a PD of which no log tells may be in API mode; empty if none can be."""
    if not servers.untold:
        return ""
    log = f"the log of {' and '.join(servers.untold)} is needed to tell the mode"
    if trace.api_mode:
        return f"a PD was in API mode: {log}"
    return log if not trace.keys or trace.gaps else ""


def _modelled(servers: Servers) -> frozenset[Key]:
    """The keys that bear on what servers do.

    Somebody must look at the registry, and one TSO server of several must be chosen as primary.
    """
    keys = {Key.LEADER, Key.PRIMARY, Key.TIMESTAMP}
    if servers.registry:
        keys.add(Key.REGISTRY)
    if servers.kinds.count(Kind.TSO) > 1:
        keys.add(Key.EXPECTED_PRIMARY)
    return frozenset(keys)


def _constants(trace: Trace, window: int | None, servers: Servers) -> tuple[dict[str, int], tuple[str, ...]]:
    assumed = [f"no log tells the mode of {name}: PD service mode was taken" for name in servers.untold]
    if window is None:
        assumed.append("the save interval is not in the trace: PD's default of 3 s was taken")
    lease = trace.settings.lease_s
    if not lease:
        lease = _DEFAULT_LEASE_S
        assumed.append("the lease is not in the trace: 3 s was taken")
    constants = {
        "window": window or _DEFAULT_WINDOW_NS,
        "guard": GUARD_NS,
        "unit": NS_PER_MS,
        "lease": lease * 1_000 * NS_PER_MS,
        "limit": _MAX_LOGICAL,
        "margin": 0,
        "skew_bound": FOREVER,
        "max_reset": FOREVER,
        "ahead": FOREVER,
        "dynamic": int(any(start.dynamic_switching for start in trace.starts if start.api_mode)),
        "registry": int(servers.registry),
    }
    return constants, tuple(assumed)


def _lines(trace: Trace, servers: Servers) -> dict[int, list[LogEvent]]:
    lines: defaultdict[int, list[LogEvent]] = defaultdict(list)
    for line in trace.logs:
        lines[servers.number(line.server)].append(line)
    return lines


def _shown(
    lines: Mapping[int, Sequence[LogEvent]], resets: Mapping[int, frozenset[int]]
) -> frozenset[tuple[str, int]]:
    """The faults that logs tell of: processes that stop or start once more, admin resets."""
    shown = set()
    for number, log in lines.items():
        steps = [line.step for line in log]
        if LogStep.SERVER_EXIT in steps:
            shown.add(("stop", number))
        if steps.count(LogStep.SERVER_START) > 1:
            shown.add(("crash", number))
        if resets[number]:
            shown |= {("admin_reset", number), ("admin_reset_begin", number)}
    return frozenset(shown)


def _first_window(seen: Iterable[Seen], window: int) -> int:
    """The value that was read first, or low enough for the first save to be a sync or an update."""
    for one in seen:
        if isinstance(one.what, LogEvent) and one.what.step is LogStep.WINDOW_LOADED and one.what.last_ns:
            return one.what.last_ns
        if isinstance(one.what, KeyEvent) and one.what.timestamp_ns:
            return max(one.what.timestamp_ns - window - GUARD_NS, 1)
    return 0


def _gap_at(seen: Iterable[Seen], gap: Gap | None) -> int:
    """The estimated time of the last event before a gap."""
    if gap is None:
        return FOREVER
    before = [one.at for one in seen if not one.stream and (one.revision or 0) < gap.first]
    return before[-1] if before else 0

"""The states in which a trace may begin: nothing was ever used, or some history is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from ...model.language.reconfigured import CONFIGURED
from ..sources.intervals import GUARD_NS
from ..sources.observation import NS_PER_MS, Attempt, Key, KeyEvent, LogEvent
from .begins import held_before
from .seen import Granted
from .steps import KEPT, LEADER, LISTED, World
from .timeline import Timeline


def first_states(world: World, timeline: Timeline) -> Iterator[dict[tuple[str, int], int]]:
    """What differs from a cluster that was never used, in each state that the trace may begin in.

    A watch that began late may find any server leading, or those that etcd had then if somebody read it, with
    its memory not set, just saved, or saved long ago, as far as others have not overtaken it since.
    """
    used = timeline.late and any(_held_before(timeline).values())
    for modes in product(*timeline.api):
        nobody = {("raft_leader", 0): 0, **{("api", n): 1 for n, api in enumerate(modes, 1) if api}}
        for builds in product(*(_builds(world, timeline, n) for n in world.servers)):
            upgraded = {("upgraded", n): 1 for n, new in enumerate(builds, 1) if new}
            upgraded |= {(CONFIGURED.name, n): times for n, times in timeline.configured.items() if times}
            if not used:
                yield nobody | upgraded
            if timeline.late:
                yield from _late_states(world, timeline, nobody | upgraded)


def _builds(world: World, timeline: Timeline, n: int) -> tuple[int, ...]:
    """Whether a server may have been upgraded before, in a rolling upgrade: its first start tells."""
    if ("upgraded", n) not in world.slots:
        return (0,)
    if n not in world.upgraded_at:
        return (0, 1)
    return (int(world.upgraded_at[n] <= timeline.builds[n][0][0]),)


def _late_states(
    world: World, timeline: Timeline, nobody: dict[tuple[str, int], int]
) -> Iterator[dict[tuple[str, int], int]]:
    """The states in which a watch may begin late: who leads, is listed and expected, with which memory.

    A key that somebody read was there, if its first event does not deny it; of others only that tells.
    """
    told, read = _held_before(timeline), timeline.begins

    def options(key: Key, every: tuple[int, ...], held: int, number: int = 0) -> tuple[int, ...]:
        possible = _as_told(told, key, every, number)
        return (held,) if held and held in possible else possible

    tsos = [n for n in world.servers if n not in world.pds]
    pds = options(Key.LEADER, (0, *world.pds), read.leader if read else 0)
    primaries = options(Key.PRIMARY, (0, *tsos), read.primary if read else 0)
    every = (0, *tsos) if world.expects else (0,)
    expected = options(Key.EXPECTED_PRIMARY, every, read.expected if read else 0)
    states = (0, LISTED) if timeline.constants["registry"] else (0,)
    registered = product(
        *(options(Key.REGISTRY, states, LISTED if read and n in read.listed else 0, n) for n in tsos)
    )
    overtaken = {n: _overtaken(timeline, n) for n in world.servers}
    windows = timeline.first_windows
    if told.get((Key.TIMESTAMP, 0)) is False:
        windows = (0,)  # others held keys before the first save that there ever was
    elif read and read.window_ns:
        windows = (read.window_ns,)
    for held, pd, tso, listed, chosen in product(windows, pds, primaries, registered, expected):
        led = [n for n in (pd, tso) if n]
        memories = [
            (None, *_saved(timeline, n, held), *overtaken[n])
            if held and _may_serve(timeline, nobody, n)
            else (None,)
            for n in led
        ]
        for remembered in product(*memories):
            given = {**nobody, ("leader", 0): pd, ("primary", 0): tso, ("timestamp", 0): held}
            given |= {("registration", n): state for n, state in zip(tsos, listed, strict=True)}
            given["expected", 0] = chosen
            if pd:
                given["raft_leader", 0] = pd
            for n, memory in zip(led, remembered, strict=True):
                given |= {("role", n): LEADER, ("lease", n): KEPT}
                if memory is not None:
                    given |= {("promoted", n): 1, ("initialised", n): 1}
                    given["saved", n], given["physical", n] = memory
            yield given


#: where the window that a server saved ends, and what its memory has reached (ns)
_Memory = tuple[int, int]


def _saved(timeline: Timeline, n: int, held: int) -> Iterator[_Memory]:
    """The memory of a server that saved just now, or one save before."""
    window = _window(timeline, n)
    for end in (held, max(held - window, 1)):
        yield end, max(end - window, 1)


def _overtaken(timeline: Timeline, n: int) -> tuple[_Memory, ...]:
    """That of one whose window others have overtaken long ago: its first update is refused, as its log tells,
    and what it answered before that it had in memory."""
    physical = 0
    for one in timeline.seen:
        if one.server != n:
            continue
        match one.what:
            case Granted(call, sent_on) if not sent_on:
                physical = physical or call.physical * NS_PER_MS
            case KeyEvent(put=True):
                return ()  # it leads anew
            case LogEvent(attempt=Attempt.UPDATE) if one.tried:
                window = _window(timeline, n)
                end = one.tried - window + GUARD_NS
                return ((end, min(physical or end, max(end - window, 1))),)
            case _:
                pass
    return ()


def _window(timeline: Timeline, n: int) -> int:
    return timeline.windows[n - 1][timeline.configured.get(n, 0)]


def _held_before(timeline: Timeline) -> dict[tuple[Key, int], bool | None]:
    """See `begins`; of an event that cannot be read nobody knows which key it is of."""
    return {} if timeline.undecoded else held_before(timeline.seen, timeline.gap)


def _may_serve(timeline: Timeline, given: Mapping[tuple[str, int], int], n: int) -> bool:
    """Whether a leader's memory may be set: not that of a PD in API mode which never serves."""
    return not given.get(("api", n)) or bool(timeline.constants["dynamic"])


def _as_told(
    told: Mapping[tuple[Key, int], bool | None], key: Key, of: tuple[int, ...], number: int = 0
) -> tuple[int, ...]:
    """Of what a key may have been at first, 0 if it was not there, that which its first event leaves."""
    there = told.get((key, number))
    return of if there is None or len(of) == 1 else tuple(each for each in of if bool(each) is there)

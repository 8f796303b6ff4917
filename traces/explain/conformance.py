"""Whether a trace is a behaviour of the system under a fence, and what stands in the way.

The verdict on a fence comes from the fewest observations that decide: the etcd events alone, then with the
servers' logs, then with the clients' calls. What refutes the fence without calls does so with them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from ...checker.run import Run
from ...specs.properties import Property
from ..output.faults import Held
from ..sources.observation import Key, KeyEvent, LogEvent, Where
from .impossible import Impossible, has_step, impossible
from .search import (
    AVOIDING_DETOURS,
    FEW_DETOURS,
    FOR_EACH,
    LEAST_DETOURS,
    MAX_BYTES,
    MAX_DETOURS,
    MAX_EXPLANATIONS,
    OF_EVENTS,
    ONE_IS_ENOUGH,
    Outcome,
    Search,
)
from .seen import NOISE_NS, Granted, Seen
from .steps import ALIKE, FAULTS, SINGLE_WRITER, State, World
from .timeline import Timeline
from .watched import Contradiction

FAULT = "a fault of tsofence ended this"

Progress = Callable[[int, int], None]

#: the note of what no search refutes, but two things that the recording says
CONTRADICTS = "the recording contradicts itself"


@dataclass(frozen=True, slots=True)
class Refused:
    """A step that would explain the observation, by which server, and the guard that refuses it."""

    transition: str
    server: str
    guard: str


@dataclass(frozen=True, slots=True)
class FenceVerdict:
    """Whether the trace is a behaviour under a fence; `conforms` None: unknown, and `note` says why.

    For a trace that conforms, `note` lists the faults that `run` takes for granted.

    `stopped_at`, `revision`: the observation that no explanation explains (its etcd revision, if it has one),
    and `refused_by` why. `explanations` counts those of everything before, or of the whole trace. `run` is
    the least surprising of them. `rate`: observations explained in a second.
    """

    fence: str
    conforms: bool | None
    stopped_at: Where | None
    revision: int | None
    refused_by: tuple[Refused, ...]
    explanations: int
    run: Run | None
    note: str
    rate: float
    #: what stands at `stopped_at`, if it is an event or a line
    seen: KeyEvent | LogEvent | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Some of the observations, all of their kinds."""

    label: str
    kinds: tuple[type, ...]
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A fence, the last stage that was searched and what came of it; no stage: nothing could be searched.

    ``anyhow``: whether what refutes it does so at other times, too; None: that was not asked. ``leads``: the
    servers that lead in a state. ``cut``: properties that all explanations found break, and a limit ended the
    search for one that does not. ``never``: an observation refutes it that no run has at any time.
    """

    verdict: FenceVerdict
    stage: Stage | None
    outcome: Outcome | None
    anyhow: bool | None = None
    leads: Callable[[State], frozenset[int]] = lambda _: frozenset()
    cut: frozenset[str] = frozenset()
    never: bool = False


def _stages(order: Timeline) -> list[Stage]:
    """From the fewest observations to all that the model can take."""
    seen = order.seen
    kinds: tuple[type, ...] = ()
    labels: list[str] = []
    stages: list[Stage] = []
    for kind, label in ((KeyEvent, "etcd events"), (LogEvent, "logs"), (Granted, "calls")):
        if not any(isinstance(one.what, kind) for one in seen) or (kind is Granted and not stages):
            continue
        kinds += (kind,)
        labels.append(label)
        stages.append(
            Stage(
                " and ".join(labels),
                kinds,
                tuple(one for one in seen if isinstance(one.what, kinds) or _changes_mode(order, one)),
            )
        )
    return stages


def _changes_mode(order: Timeline, one: Seen) -> bool:
    """Whether a PD starts that is or was in API mode: without that, etcd's events would mislead."""
    return one.api is not None and order.constants["registry"] > 0


def try_fences(
    order: Timeline,
    names: Sequence[str],
    progress: Progress | None,
    held: Held,
    dropped: Sequence[tuple[str, str]] = (),
    asked: Sequence[Property] = (),
    loosened: Callable[[Tried], Timeline | None] = lambda _: None,
) -> list[Tried]:
    """Search explanations under each fence; Ctrl-C ends that, and leaves what was found.

    ``dropped``: guards to leave out; ``asked``: properties of somebody's own; ``loosened``: the observations
    with all the times that they may have, where that may explain what was refuted.

    A fault is held back: the fence in which it happened is undecided.
    """
    names = tuple(dict.fromkeys(names))
    stages = _stages(order)
    of_each = sum(len(stage.seen) for stage in stages)
    total = len(names) * of_each
    tried: list[Tried] = []
    for number, name in enumerate(names):
        one = Tried(undecided(name, FAULT), None, None)
        if order.contradicted:
            tried.append(_if_in_turn(Tried(_contradicted(name, order.contradicted[0]), None, None), order))
            continue
        stopped = any(each.outcome and each.outcome.interrupted for each in tried)
        with held:
            of_this = _from(progress, number * of_each, total)
            memory = MAX_BYTES // len(names)
            world = World(name, order, dropped, asked)
            never = impossible(world, order)
            one = _try_one(world, order, () if stopped else stages, memory, of_this, never)
            if one.verdict.conforms is False and never is None:
                listening = partial(_listening, world, one, memory=memory)
                few = listening(order, width=ONE_IS_ENOUGH) if world.silent else None
                # what a few explain needs no other search, nor does what nothing explains at any time
                if few is None or not few.verdict.conforms:
                    if (loose := loosened(one)) is not None:
                        one = replace(one, anyhow=listening(loose).verdict.conforms is False)
                    if few is not None and one.anyhow is None and cut_short(few):
                        few = listening(order)
                # what other times leave open is unknown, whatever missing lines would explain
                if few is not None and not one.anyhow and (one.anyhow is None or not cut_short(few)):
                    one = _by_silence(one, few, order, world.silent)
            if one.verdict.conforms:
                one = _without_what_all_break(world, order, one, memory)
        tried.append(_if_in_turn(one, order))
    if progress:
        progress(total, total)
    return tried


def _if_in_turn(one: Tried, order: Timeline) -> Tried:
    """What was tried, where the order of lines is known on which a refutation may rest."""
    moved = [seen.where for seen in order.seen if isinstance(seen.what, LogEvent) and seen.where.moved]
    at, stage = one.verdict.stopped_at, one.stage
    if stage is not None:
        rests = LogEvent in stage.kinds
    else:  # the recording contradicts itself
        rests = at is not None and at.file in {where.file for where in moved}
    if one.verdict.conforms is not False or not moved or not rests:
        return one
    note = f"not explained, but lines of one millisecond are in another order than written, as at {moved[0]}"
    return replace(one, verdict=replace(one.verdict, conforms=None, note=note))


def _from(progress: Progress | None, before: int, total: int) -> Progress:
    """Progress of a part: what came before it counts."""
    return lambda done, _: progress(before + done, total) if progress else None


def _untold(done: int, total: int) -> None:
    """Progress of what was told before."""


def undecided(fence: str, why: str) -> FenceVerdict:
    """Nothing is known of that fence."""
    return FenceVerdict(fence, None, None, None, (), 0, None, why, 0.0)


def _contradicted(fence: str, first: Contradiction) -> FenceVerdict:
    """What the recording says is denied by itself: there is nothing to search."""
    refused = Refused(first.transition, first.server, first.denied)
    return FenceVerdict(fence, False, first.where, first.revision, (refused,), 0, None, CONTRADICTS, 0.0)


def _listening(
    world: World,
    one: Tried,
    order: Timeline,
    *,
    memory: int,
    width: int = MAX_EXPLANATIONS,
) -> Tried:
    """A fence that was refuted tried again, as if lines were missing: from where it was refuted."""
    order = _as_if_lines_were_missing(order)
    stages = [each for each in _stages(order) if one.stage and set(each.kinds) >= set(one.stage.kinds)]
    return _try_one(world.observed(order), order, stages, memory, _untold, None, width)


def cut_short(tried: Tried) -> bool:
    """Whether a search got stuck, and a limit left it open if there is another way: times may be why."""
    outcome = tried.outcome
    return (
        tried.verdict.conforms is None
        and outcome is not None
        and outcome.stuck
        and not (outcome.complete or outcome.interrupted)
    )


def _as_if_lines_were_missing(order: Timeline) -> Timeline:
    """What a log does not tell may have happened: but for a lost answer, which more lines than one tell."""
    denied = {step: until for step, until in order.denied.items() if step[0] == "commit_answer_lost"}
    return replace(order, denied=denied, steady={}, tells_syncs={}, tells_loads=False)


def _by_silence(one: Tried, other: Tried, order: Timeline, silent: Iterable[int]) -> Tried:
    """What is refuted where logs tell all is unknown if missing lines explain it, or may do so."""
    if other.verdict.conforms is False:
        return one
    logs = " and ".join(order.names[number - 1] for number in sorted(silent))
    if other.verdict.conforms:
        taken = other.verdict.note.removeprefix("explained ")
        note = f"explained only if lines are missing in the log of {logs}{f': {taken}' if taken else ''}"
    else:
        note = f"not explained; if lines are missing in the log of {logs}, {other.verdict.note}"
    return replace(one, verdict=replace(one.verdict, conforms=None, note=note))


def _without_what_all_break(world: World, order: Timeline, one: Tried, memory: int) -> Tried:
    """With an explanation more for each property that all found so far break, if there is one that does not.

    The least surprising are found, and not all that there are: what they have in common need not have been.
    """
    if one.stage is None or one.outcome is None:
        return one
    found, interrupted = one.outcome.explanations, one.outcome.interrupted
    cut = set()
    for name in sorted(frozenset.intersection(*(node.broken for node in found))):
        avoid = frozenset({name})
        for seen in _that_bear_on(name, one.stage):
            other = Search(world, order, seen, AVOIDING_DETOURS, memory, avoid=avoid).run()
            interrupted |= other.interrupted
            if other.stuck and other.complete:
                break
        else:
            if other.reached == len(one.stage.seen):
                found += other.explanations[:1]
            else:
                cut.add(name)
    outcome = replace(one.outcome, explanations=found, interrupted=interrupted)
    return replace(one, outcome=outcome, cut=frozenset(cut))


def _that_bear_on(name: str, stage: Stage) -> Iterator[Sequence[Seen]]:
    """All observations; before that those without which there are more explanations, but less to search.

    Who saves what does not rest on who grants what.
    """
    if name == SINGLE_WRITER and {LogEvent, Granted} <= {*stage.kinds}:
        yield tuple(one for one in stage.seen if not isinstance(one.what, Granted))
    yield stage.seen


def _lacking(first: Contradiction) -> str:
    if first.instead:
        return first.instead
    what = f"the log of {first.server} lacks lines" if first.server else "the recording lacks events"
    return f"{what}: {first.where} shows {first.transition}, and {first.denied}"


def _try_one(
    world: World,
    order: Timeline,
    stages: Sequence[Stage],
    memory: int,
    progress: Progress,
    never: Impossible | None,
    width: int = MAX_EXPLANATIONS,
) -> Tried:
    stage, outcome, rate, done = None, None, 0.0, 0
    for stage in stages:
        started = time.perf_counter()
        detours = LEAST_DETOURS if never is not None else _budget(order, stage)
        if width < MAX_EXPLANATIONS:
            detours = min(detours, FEW_DETOURS)
        # what a log's silence tells of a clock counts only beside the lines that clear the memory
        of_stage = world if LogEvent in stage.kinds else world.with_any_clock()
        search = Search(of_stage, order, stage.seen, detours, memory, width)
        outcome = search.run(_from(progress, done, 0))
        rate = outcome.reached / (time.perf_counter() - started)
        done += len(stage.seen)
        if outcome.reached < len(stage.seen):
            break
    verdict = _verdict(world, order, stage, outcome, rate, never)
    return Tried(verdict, stage, outcome, leads=world.leads, never=never is not None)


def _budget(order: Timeline, stage: Stage) -> int:
    """How many steps detours are worth: few where being stuck would decide nothing."""
    if _lacks_lines(order, stage):
        return LEAST_DETOURS
    open_ = not order.watched or order.gap_text or order.window_assumed
    few = open_ or (order.late and len(stage.kinds) > 1)
    if few:
        return min(FEW_DETOURS + FOR_EACH * len(stage.seen), MAX_DETOURS)
    return OF_EVENTS if stage.kinds == (KeyEvent,) else MAX_DETOURS


def _lacks_lines(order: Timeline, stage: Stage) -> bool:
    """Whether being stuck decides nothing, for a log that is explained does not tell all."""
    return bool(order.lacking) and LogEvent in stage.kinds


def _verdict(
    world: World,
    order: Timeline,
    stage: Stage | None,
    outcome: Outcome | None,
    rate: float,
    never: Impossible | None,
) -> FenceVerdict:
    conforms: bool | None = None
    stop: Seen | None = None
    refused: tuple[tuple[str, int, str], ...] = ()
    count, run = 0, None
    if stage is None or outcome is None:
        doubt = "neither etcd events nor server logs to explain"
    else:
        stop = stage.seen[outcome.reached] if outcome.stuck else None
        refused = outcome.refused
        doubt = _doubt(world, order, stage, outcome)
        conforms = None if doubt else stop is None
        count, run = len(outcome.explanations), _run(world, order, stage, outcome)
    if conforms is not False and never is not None:
        conforms, stop, doubt = False, never.seen, ""
        refused = (never.refused,)
    note = doubt
    if conforms is False and stage is not None:
        note = f"the {stage.label} refute it"
    elif conforms and run is not None:
        note = _taken(run, order)
    return FenceVerdict(
        world.fence,
        conforms,
        stop.where if stop else None,
        stop.revision if stop else None,
        tuple(Refused(name, order.names[n - 1] if n else "", guard) for name, n, guard in refused),
        count,
        run,
        note,
        rate,
        stop.what if stop is not None and isinstance(stop.what, KeyEvent | LogEvent) else None,
    )


def _doubt(world: World, order: Timeline, stage: Stage, outcome: Outcome) -> str:
    """Why the outcome decides nothing; empty if it does."""
    if outcome.interrupted:
        return f"interrupted after {outcome.reached} of {len(stage.seen)} observations"
    if not outcome.stuck:
        if outcome.reached < len(stage.seen):
            left = f"{outcome.reached} of {len(stage.seen)} observations"
            return f"the room for explanations ended after {left}; replay a shorter time"
        if _saves_missing(order):
            return f"writes of the timestamp key are missing: {order.gap_text}"
        if order.undecoded:
            return f"{order.undecoded[0]} has a value that cannot be decoded"
        if order.cut:
            return order.cut
        if order.lacking:
            return _lacking(order.lacking[0])
        return order.mode_text if order.mode_open else ""
    one = stage.seen[outcome.reached]
    if not has_step(world, order, one):
        return ""
    if _lacks_lines(order, stage):
        return _lacking(order.lacking[0])
    if not order.watched:
        return f"{one.where} is not explained, but there are no etcd events"
    if one.at >= order.gap_at if one.stream else (one.revision or 0) > order.gap:
        return f"{one.where} is not explained, but {order.gap_text}"
    if order.mode_text:
        return f"{one.where} is not explained, but {order.mode_text}"
    if order.window_assumed:
        return f"{one.where} is not explained, but the save interval was assumed"
    if order.late and stage.kinds != (KeyEvent,):
        return f"{one.where} is not explained, but what was before the watch began is not known"
    return "" if outcome.complete else f"a limit ended the search for an explanation of {one.where}"


def _saves_missing(order: Timeline) -> bool:
    """Whether the timestamp key was written in a gap: `version` counts its writes."""
    events = [one.what for one in order.seen if isinstance(one.what, KeyEvent)]
    versions = [event.version for event in events if event.key is Key.TIMESTAMP and event.put]
    return bool(order.gap_text) and any(after != (before or 0) + 1 for before, after in pairwise(versions))


def _run(world: World, order: Timeline, stage: Stage, outcome: Outcome) -> Run:
    """The least surprising explanation, in a form that can be followed and shown."""
    nodes = list(outcome.explanations[0].chain())
    layout = world.machine.layout
    usual = layout.initial({}, {})
    first = {place: nodes[0].state[slot] for place, slot in layout.slots.items()}
    return Run(
        title=f"what the {stage.label} show, explained under {world.fence}",
        fence=world.fence,
        kinds=order.kinds,
        names=order.names,
        constants=order.constants,
        first={place: value for place, value in first.items() if value != usual[layout.slots[place]]},
        moves=tuple(move for node in nodes for move in node.moves),
        dropped=world.dropped,
        reachable=not order.late,
    )


def _taken(run: Run, order: Timeline) -> str:
    """The steps that the explanation takes for granted: only their effects are in the trace."""
    taken: Counter[str] = Counter()
    often: Counter[tuple[str, int]] = Counter()
    skews: dict[int, int] = {}
    for move in run.moves:
        name = run.names[move.server - 1] if move.server else ""
        if move.transition == "clock_jump":
            by = move.inputs["by"] - skews.get(move.server, 0)
            skews[move.server] = move.inputs["by"]
            if abs(by) > NOISE_NS:
                taken[f"clock_jump of {name} by {by / 1e9:+.3f} s"] += 1
        elif (step := ALIKE.get(move.transition, move.transition)) in (*FAULTS, "restart"):
            often[step, move.server] += 1
            if often[step, move.server] > order.shown.get((step, move.server), 0):
                taken[f"{move.transition} of {name}"] += 1
    told = [f"{what}{f' ({count} times)' if count > 1 else ''}" for what, count in taken.items()]
    listed = ", ".join((*told, *((order.taken,) if order.taken else ())))
    return f"explained with {listed}" if listed else ""

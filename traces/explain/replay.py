"""Replay: is a trace a behaviour of the system under a fence, and what does it violate?

The verdict on a fence comes from the fewest observations that decide: the etcd events alone, then with the
servers' logs, then with the clients' calls. What refutes the fence without calls does so with them.

Exact properties are judged on the observations (`judge.py`). Two need to know who did what, and are judged on
the explanations: `violated` in all of them, `holds` in none, `unknown` in some.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ...checker.run import Run
from ...specs import properties as specs
from ..faults import Held
from ..judge import judge
from ..judge.judge import Judgement
from ..sources.observation import Key, KeyEvent, LogEvent, LogStep, Observation, Where
from ..sources.servers import Unclear
from ..sources.settings import Settings
from ..sources.trace import Source, Trace
from .explain import FEW_DETOURS, MAX_BYTES, MAX_DETOURS, Node, Outcome, Search
from .proposals import Proposals
from .steps import FAULTS, NO_SUCH_STEP, NOISE_NS, ONE_LIVE, SINGLE_WRITER, World
from .timeline import Granted, Seen, Timeline, timeline

#: a log without a line about the protocol for that long before the last etcd event may be cut
_QUIET_NS = 10_000_000_000

#: every property, in the order of reports
NAMES = (*specs.NAMES, judge.AVAILABILITY)

DEFAULT_FENCES = ("off", "check-tso-primary")

FAULT = "a fault of tsofence ended this"

Progress = Callable[[int, int], None]


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


@dataclass(frozen=True, slots=True)
class Report:
    """What replay found in a trace; `notes` say what was taken for granted and what was left out."""

    sources: tuple[Source, ...]
    settings: Settings
    properties: tuple[Judgement, ...]
    fences: tuple[FenceVerdict, ...]
    notes: tuple[str, ...]


def replay(
    trace: Trace,
    fences: Sequence[str] = (),
    *,
    properties: Sequence[str] | None = None,
    progress: Progress | None = None,
    held: Held | None = None,
) -> Report:
    """Judge a trace: whether it conforms to each fence (none named: `DEFAULT_FENCES`), and the properties.

    ``progress`` is called with what is explained so far and how much there is. Ctrl-C ends the search for
    explanations and leaves what was found. ``held`` (None: not held) holds a fault back, for the caller to
    release: the fence or the property in which it happened is unknown, and the others are judged.

    Raises:
        ValueError: an unknown fence or property; the message lists what there is.
    """
    asked = NAMES if properties is None else tuple(properties)
    for name in asked:
        if name not in NAMES:
            raise ValueError(f"unknown property {name!r}; choose from {', '.join(NAMES)}")
    parts = held or Held()
    report = None
    with parts:
        report = _explaining(trace, asked, fences or DEFAULT_FENCES, progress, parts)
    report = report or _unexplained(trace, asked, fences or DEFAULT_FENCES, FAULT, parts)
    if held is None:
        parts.release()
    return report


def _explaining(
    trace: Trace, asked: Sequence[str], fences: Sequence[str], progress: Progress | None, held: Held
) -> Report:
    """The trace explained, and judged on its explanations as well."""
    try:
        order = timeline(trace)
    except Unclear as error:
        return _unexplained(trace, asked, fences, f"not explained: {error}", held)
    silent = _silent(trace, order)
    if trace.api_mode and not order.mode_text and (cut := [name for name in silent if _leads(order, name)]):
        text = (
            f"a PD was in API mode, and where the log of {' and '.join(cut)} is silent nothing tells the mode"
        )
        order = replace(order, mode_text=text)
    tried = _try(order, fences, progress, held)
    found = [_judged(name, trace, order, tried, silent, held) for name in asked]
    return Report(
        trace.sources,
        trace.settings,
        tuple(found),
        tuple(each.verdict for each in tried),
        (*_notes(order, tried), *_cut_logs(trace, order)),
    )


def _unexplained(trace: Trace, asked: Sequence[str], fences: Sequence[str], why: str, held: Held) -> Report:
    """What the observations tell by themselves."""
    return Report(
        trace.sources,
        trace.settings,
        tuple(
            _exact(name, trace, held) if name in judge.PROPERTIES else Judgement(name, "unknown", note=why)
            for name in asked
        ),
        tuple(_undecided(name, why) for name in dict.fromkeys(fences)),
        (),
    )


def _exact(name: str, trace: Trace, held: Held) -> Judgement:
    """A property that the observations tell."""
    with held:
        return judge.judge(trace, [name])[0]
    return Judgement(name, "unknown", note=FAULT)


def _judged(
    name: str, trace: Trace, order: Timeline, tried: Sequence[_Tried], silent: Sequence[str], held: Held
) -> Judgement:
    """A property, on the observations if they tell, else on the explanations."""
    if name in judge.PROPERTIES:
        return _exact(name, trace, held)
    with held:
        return _explained(name, order, tried, silent)
    return Judgement(name, "unknown", note=FAULT)


def _last_lines(trace: Trace) -> dict[str, LogEvent]:
    """Of each log the last line about the protocol, or the server's exit if it did not start again."""
    last: dict[str, LogEvent] = {}
    for line in sorted(trace.logs, key=lambda line: line.at_ns):
        before = last.get(line.server)
        if before is None or before.step is not LogStep.SERVER_EXIT or line.step is LogStep.SERVER_START:
            last[line.server] = line
    return last


def _end(order: Timeline) -> int:
    """When the last etcd event happened."""
    return max((one.at for one in order.seen if isinstance(one.what, KeyEvent)), default=0)


def _early(trace: Trace, order: Timeline) -> dict[str, int]:
    """By how many ns a server's log ends before the etcd events, without its exit: it may be cut."""
    end = _end(order)
    return {
        server: end - line.at_ns
        for server, line in _last_lines(trace).items()
        if line.step is not LogStep.SERVER_EXIT and line.at_ns < end - _QUIET_NS
    }


def _cut_logs(trace: Trace, order: Timeline) -> Iterator[str]:
    for server, early in _early(trace, order).items():
        ends = f"the log of {server} ends {early / 1e9:.0f} s before the last etcd event"
        yield f"{ends}: what the server did after that is not known"


def _leads(order: Timeline, name: str) -> bool:
    """Whether a PD of that name is elected."""
    elected = {one.elected for one in order.seen}
    return order.names.index(name) + 1 in elected


def _silent(trace: Trace, order: Timeline) -> list[str]:
    """Servers whose log is missing, damaged or ends early: they may have done what no explanation needs."""
    damaged = {source.file for source in trace.sources if not source.whole}
    lost = {line.server for line in trace.logs if line.where.file in damaged}
    last = _last_lines(trace)
    return [name for name in order.names if name not in last or name in lost or name in _early(trace, order)]


@dataclass(frozen=True, slots=True)
class _Stage:
    """Some of the observations, all of their kinds."""

    label: str
    kinds: tuple[type, ...]
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class _Tried:
    """A fence, the last stage that was searched and what came of it; no stage: nothing could be searched."""

    verdict: FenceVerdict
    stage: _Stage | None
    outcome: Outcome | None


def _stages(order: Timeline) -> list[_Stage]:
    """From the fewest observations to all that the model can take."""
    seen = order.seen
    kinds: tuple[type, ...] = ()
    labels: list[str] = []
    stages: list[_Stage] = []
    for kind, label in ((KeyEvent, "etcd events"), (LogEvent, "logs"), (Granted, "calls")):
        if not any(isinstance(one.what, kind) for one in seen) or (kind is Granted and not stages):
            continue
        kinds += (kind,)
        labels.append(label)
        stages.append(
            _Stage(
                " and ".join(labels),
                kinds,
                tuple(one for one in seen if isinstance(one.what, kinds) or _changes_mode(order, one)),
            )
        )
    return stages


def _changes_mode(order: Timeline, one: Seen) -> bool:
    """Whether a PD starts that is or was in API mode: without that, etcd's events would mislead."""
    return one.api is not None and order.constants["registry"] > 0


def _try(order: Timeline, names: Sequence[str], progress: Progress | None, held: Held) -> list[_Tried]:
    names = tuple(dict.fromkeys(names))
    stages = _stages(order)
    of_each = sum(len(stage.seen) for stage in stages)
    total = len(names) * of_each
    tried: list[_Tried] = []
    for number, name in enumerate(names):
        one = _Tried(_undecided(name, FAULT), None, None)
        stopped = any(each.outcome and each.outcome.interrupted for each in tried)
        with held:
            of_this = _from(progress, number * of_each, total)
            one = _try_one(order, name, () if stopped else stages, MAX_BYTES // len(names), of_this)
        tried.append(one)
    if progress:
        progress(total, total)
    return tried


def _from(progress: Progress | None, before: int, total: int) -> Progress:
    """Progress of a part: what came before it counts."""
    return lambda done, _: progress(before + done, total) if progress else None


def _undecided(fence: str, why: str) -> FenceVerdict:
    return FenceVerdict(fence, None, None, None, (), 0, None, why, 0.0)


def _try_one(order: Timeline, name: str, stages: Sequence[_Stage], memory: int, progress: Progress) -> _Tried:
    world = World(name, order)
    stage, outcome, rate, done = None, None, 0.0, 0
    for stage in stages:
        started = time.perf_counter()
        search = Search(world, order, stage.seen, _budget(order, stage), memory)
        outcome = search.run(_from(progress, done, 0))
        rate = outcome.reached / (time.perf_counter() - started)
        done += len(stage.seen)
        if outcome.reached < len(stage.seen):
            break
    return _Tried(_verdict(world, order, stage, outcome, rate), stage, outcome)


def _budget(order: Timeline, stage: _Stage) -> int:
    """How many steps detours are worth: few where being stuck would decide nothing."""
    open_ = not order.watched or order.gap_text or order.window_assumed
    return FEW_DETOURS if open_ or (order.late and len(stage.kinds) > 1) else MAX_DETOURS


def _verdict(
    world: World, order: Timeline, stage: _Stage | None, outcome: Outcome | None, rate: float
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
    impossible = _impossible(world, order)
    if conforms is None and impossible is not None:
        conforms, stop, doubt = False, impossible, ""
        refused = (("refused_by_fence", impossible.server, NO_SUCH_STEP),)
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
    )


def _impossible(world: World, order: Timeline) -> Seen | None:
    """The first line that shows a step the fence does not have, whatever else is missing."""
    proposals = Proposals(order)
    return next((one for one in order.seen if not proposals.possible(world, one)), None)


def _doubt(world: World, order: Timeline, stage: _Stage, outcome: Outcome) -> str:
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
        return order.mode_text if order.mode_open else ""
    one = stage.seen[outcome.reached]
    if not Proposals(order).possible(world, one):
        return ""
    if not outcome.complete:
        return f"a limit ended the search for an explanation of {one.where}"
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
    return ""


def _saves_missing(order: Timeline) -> bool:
    """Whether the timestamp key was written in a gap: `version` counts its writes."""
    events = [one.what for one in order.seen if isinstance(one.what, KeyEvent)]
    versions = [event.version for event in events if event.key is Key.TIMESTAMP and event.put]
    return bool(order.gap_text) and any(after != (before or 0) + 1 for before, after in pairwise(versions))


def _run(world: World, order: Timeline, stage: _Stage, outcome: Outcome) -> Run:
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
        reachable=not order.late,
    )


def _taken(run: Run, order: Timeline) -> str:
    """The faults that the explanation takes for granted: only their effects are in the trace."""
    taken: Counter[str] = Counter()
    skews: dict[int, int] = {}
    for move in run.moves:
        name = run.names[move.server - 1] if move.server else ""
        if move.transition == "clock_jump":
            by = move.inputs["by"] - skews.get(move.server, 0)
            skews[move.server] = move.inputs["by"]
            if abs(by) > NOISE_NS:
                taken[f"clock_jump of {name} by {by / 1e9:+.3f} s"] += 1
        elif move.transition in FAULTS and (move.transition, move.server) not in order.shown:
            taken[f"{move.transition} of {name}"] += 1
    listed = ", ".join(f"{what}{f' ({count} times)' if count > 1 else ''}" for what, count in taken.items())
    return f"explained with {listed}" if listed else ""


def _explained(name: str, order: Timeline, tried: Sequence[_Tried], silent: Sequence[str]) -> Judgement:
    """A property judged on the explanations under the fences that the trace conforms to.

    It holds where no explanation breaks it and every server's log is there: a server that is ``silent``
    may have done what no explanation needs.

    Where it conforms to none, what was explained before they stopped counts all the same, for what is broken
    stays broken; under fences whose verdict is unknown first.
    """
    fitting = [each for each in tried if each.verdict.conforms]
    open_ = [each for each in tried if each.verdict.conforms is None and each.outcome]
    judged = fitting or open_ or [each for each in tried if each.outcome]
    ends = [node for each in judged if each.outcome for node in each.outcome.explanations]
    breaking = sum(name in node.broken for node in ends)
    if not breaking and fitting:
        untested = _untested(name, order)
        if untested or not silent:
            return untested or Judgement(name, "holds")
        return Judgement(
            name,
            "unknown",
            note=f"nothing seen breaks it; logs that are missing, cut or end early: {', '.join(silent)}",
        )
    if not breaking:
        return Judgement(name, "unknown", note="no fence explains the trace to its end")
    if breaking < len(ends):
        return Judgement(name, "unknown", note="broken in some explanations, not in others")
    for each in judged:
        if each.stage and each.outcome:
            return _violation(name, each.stage, each.outcome.explanations[0])
    raise AssertionError("there are explanations, so there is a search that found them")


def _violation(name: str, stage: _Stage, explanation: Node) -> Judgement:
    """A property that this explanation breaks, with the observation that shows it and the one beside it."""
    steps = [stage.seen[node.index] for node in explanation.chain() if name in node.breaks]
    first = steps[0]
    beside = [one for one in stage.seen if _bears_on(name, one, first)]
    before = [one for one in beside if one.at <= first.at]
    other = before[-1] if before else beside[0] if beside else first
    earlier, later = sorted((other, first), key=lambda one: one.at)
    return Judgement(
        name,
        "violated",
        len(steps),
        (_observation(earlier), _observation(later)),
        from_ns=min(one.at for one in steps),
        to_ns=max(one.at for one in steps),
    )


def _bears_on(name: str, one: Seen, breaking: Seen) -> bool:
    """Whether it is the other half of what breaks the property: the TSO primary, the other server's grant."""
    what = one.what
    if name == SINGLE_WRITER:
        return isinstance(what, KeyEvent) and what.key is Key.PRIMARY and what.put
    return isinstance(what, Granted) and one.server != breaking.server


def _observation(one: Seen) -> Observation:
    return one.what.call if isinstance(one.what, Granted) else one.what


def _untested(name: str, order: Timeline) -> Judgement | None:
    """A verdict where nothing in the trace put the property to the test."""
    if name == SINGLE_WRITER:
        told = any(isinstance(one.what, KeyEvent) and one.what.key is Key.PRIMARY for one in order.seen)
        if told:
            return None
        if not order.watched or order.late:
            return Judgement(name, "unknown", note="no etcd event tells whether there was a TSO primary")
        return Judgement(name, "vacuous", note="no TSO primary in the trace")
    if name == ONE_LIVE:
        always_sent_on = not order.constants["dynamic"]
        granting = {
            one.server
            for one in order.seen
            if isinstance(one.what, Granted) and not (one.what.sent_on and always_sent_on)
        }
        if not granting:
            return Judgement(name, "unknown", note="no call says which server answered it")
        if len(granting) < 2:
            return Judgement(name, "vacuous", note="no more than one server granted timestamps")
    return None


def _notes(order: Timeline, tried: Sequence[_Tried]) -> tuple[str, ...]:
    """What was taken for granted, what was left out, and what would decide between fences."""
    notes = list(order.assumed)
    if order.late:
        notes.append("the watch began late: what etcd held before is one of the states that fit")
    if order.gap_text:
        notes.append(f"{order.gap_text}: taken to be of other keys as far as the trace was explained")
    notes += [f"not used: {count} {what}" for what, count in order.unused.items()]
    fitting = [each.verdict.fence for each in tried if each.verdict.conforms]
    if len(fitting) > 1:
        missing = [
            text
            for kind, text in ((LogEvent, "the servers' logs"), (Granted, "client samples"))
            if not any(isinstance(one.what, kind) for one in order.seen)
        ]
        decides = f"; {' and '.join(missing)} may decide between them" if missing else ""
        notes.append(f"{' and '.join(fitting)} explain the trace{decides}")
    return tuple(notes)

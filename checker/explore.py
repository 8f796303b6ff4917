"""Every interleaving of a scenario, breadth first, and the shortest run that breaks each property."""

from __future__ import annotations

import time
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..model import fence as fences
from ..model.instance import BUDGET_LEFT, Instance
from ..specs.properties import Property
from ..specs.scenario import Scenario
from .engine import Engine, Plain, WorkerLost
from .expand import Expander, Hit, Watch
from .memory import default_bound
from .run import Move, Run, breaks, told_from

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

#: states from which on machine code is worth its compilation
_SMALL = 20_000
#: who expands states: machine code once there are many of them, or always one of these
ENGINES = ("auto", "plain", "native", "cluster")
#: without --max-states: some 4 GiB in machine code, if --memory allows that much
MAX_STATES = 100_000_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is; ``left`` is the estimated number of states to come, once levels shrink;
    ``memory`` and its ``bound`` are in bytes."""

    states: int
    transitions: int
    depth: int
    frontier: int
    left: int | None
    seconds: float
    memory: int
    bound: int
    violated: dict[str, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one property: ``steps`` and ``run`` where violated; ``tested``: how many steps met
    its premise; ``note``: why a verdict is worth less than it looks; ``fairness``: what a liveness property
    assumes of each transition."""

    property: str
    verdict: str
    steps: int | None = None
    run: Run | None = None
    tested: int = 0
    note: str = ""
    fairness: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exploration:
    """A finished search: ``cut_by`` says what ended it early, ``never_fired`` and ``never_refused`` what
    the scenario did not exercise, ``spent`` which of its limits stopped some run."""

    scenario: str
    fence: str
    states: int
    transitions: int
    depth: int
    seconds: float
    cut_by: tuple[str, ...]
    never_fired: tuple[str, ...]
    never_refused: tuple[str, ...]
    spent: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Every reachable state was expanded."""
        return not self.cut_by


@dataclass(slots=True)
class _Search:
    """A search under way: ``levels`` holds the first state of each level, ``at`` is the next state to be
    expanded, ``last`` the end of the level."""

    expander: Expander
    engine: Engine
    last: int
    at: int = 0
    levels: list[int] = field(default_factory=lambda: [0])
    began: float = field(default_factory=time.monotonic)

    @property
    def depth(self) -> int:
        return len(self.levels) - 1

    def depth_of(self, index: int) -> int:
        """The number of steps that lead to a state."""
        return bisect(self.levels, index) - 1


def explore(
    scenario: Scenario,
    fence: str,
    properties: Sequence[Property],
    *,
    dropped: Sequence[tuple[str, str]] = (),
    max_states: int = MAX_STATES,
    memory: int | None = None,
    engine: str = "auto",
    threads: Callable[[], int] = lambda: 1,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Exploration:
    """Search the scenario under a fence.

    ``dropped`` lists guards to leave out (transition, label); ``stop`` is asked now and then; all
    `ENGINES` give the same answer.  ``memory`` (in bytes; None: most of what there is) bounds the states;
    ``threads``, asked now and then, says how many threads it may use: the answer is the same.
    With ``checkpoint``, a file, the search goes on from it and is written to it now and then, unless it is
    the plain engine's.

    Raises:
        ValueError: unknown fence; a checkpoint of another model.
        KeyError: a guard to drop that does not exist.
    """
    configuration = scenario.configuration(fences.parse(fence), dropped)
    expander = Expander(configuration, properties)
    first = list(scenario.first_states(configuration))
    memory = memory or default_bound()
    plain = Plain(expander, first)
    search = _Search(expander, plain, len(plain))
    native_from = {"auto": _SMALL, "plain": None, "native": 0, "cluster": None}[engine]
    file = None
    if checkpoint is not None:
        from .checkpoint import Checkpoint

        file = Checkpoint(checkpoint)
    try:
        if engine == "cluster":
            from .cluster import Cluster

            make = partial(scenario.configuration, fences.parse(fence), dropped)
            names = [prop.name for prop in properties]
            most = max_states + Cluster.large_chunk * (len(expander.instances) + 1)
            search.engine = Cluster(make, first, names, most=most, memory=memory)
        cut = _walk(search, max_states, memory, native_from, threads, file, progress, stop)
        if file is not None:
            _save(search, file)
    except WorkerLost as error:
        cut = [str(error)]
    except MemoryError:
        states = len(search.engine)
        cut = [f"memory ran out at {states} states: raise --memory, or use a smaller scenario"]
    watch = search.engine.watch
    outside = sum(watch.cut)
    if outside:
        cut.append(f"{outside} steps led to times further apart than a state can hold")
    findings = tuple(
        _finding(search, watch, scenario, fence, dropped, number, complete=not cut)
        for number in range(len(properties))
    )
    return Exploration(
        scenario.name,
        fence,
        len(search.engine),
        sum(watch.fired),
        search.depth,
        time.monotonic() - search.began,
        tuple(cut),
        _never_fired(expander, watch),
        _never_refused(expander, watch),
        _spent(expander, watch),
        findings,
    )


def _walk(
    search: _Search,
    max_states: int,
    memory: int,
    native_from: int | None,
    threads: Callable[[], int],
    checkpoint: Checkpoint | None,
    progress: Callable[[Progress], None] | None,
    stop: Callable[[], bool] | None,
) -> list[str]:
    """Level by level until nothing is new; what ended it before that.

    With ``native_from`` states or more, machine code goes on (None: never).
    """
    properties = search.expander.properties
    # what the last chunk finds may go beyond the bound
    most = max_states + Engine.large_chunk * (len(search.expander.instances) + 1)
    if checkpoint is not None and checkpoint.path.exists():
        search.engine = _native(search.engine, most, memory)
        _go_on(search, checkpoint)
    while True:
        engine = search.engine
        # by the number of states alone, so that every engine ends at the same one
        chunk = max(engine.chunk, min(engine.large_chunk, search.last // 16))
        while search.at < search.last:
            if len(search.engine) > max_states:
                return [f"more than {max_states} states: raise --max-states"]
            if search.engine.memory > memory:
                raise MemoryError
            if stop is not None and stop():
                return ["interrupted"]
            if native_from is not None and len(search.engine) >= native_from:
                search.engine = _native(search.engine, most, memory)
            search.engine.threads = threads()
            upto = min(search.at + chunk, search.last)
            search.engine.expand(search.at, upto)
            search.at = upto
            if progress is not None:
                progress(_progress(search, memory))
            if checkpoint is not None and checkpoint.due():
                _save(search, checkpoint)
        if 0 < len(properties) == len(search.engine.watch.hits):
            return ["every property asked for is violated already"]
        if len(search.engine) == search.last:
            return []
        search.levels.append(search.last)
        search.last = len(search.engine)


def _save(search: _Search, checkpoint: Checkpoint) -> None:
    """Write where the search is, unless it is still so small that plain Python does it."""
    from .native import Native

    if isinstance(search.engine, Native):
        seconds = time.monotonic() - search.began
        position = {"at": search.at, "last": search.last, "levels": search.levels, "seconds": seconds}
        checkpoint.write(search.engine, position)


def _go_on(search: _Search, checkpoint: Checkpoint) -> None:
    from .native import Native

    if isinstance(search.engine, Native):
        position = checkpoint.read(search.engine)
        search.at, search.last, search.levels = position["at"], position["last"], position["levels"]
        search.began -= position["seconds"]


def _native(engine: Engine, most: int, memory: int) -> Engine:
    from .native import Native

    return Native(engine, most, memory) if isinstance(engine, Plain) else engine


def _progress(search: _Search, bound: int) -> Progress:
    """Once levels shrink, they are taken to go on shrinking by the same ratio."""
    size = search.last - search.levels[-1]
    before = search.levels[-1] - search.levels[-2] if search.depth else 0
    ratio = size / before if before else 1.0
    left = int(search.last - search.at + size * ratio / (1 - ratio)) if ratio < 1 else None
    watch = search.engine.watch
    violated = {
        search.expander.properties[number].name: search.depth_of(at) + 1
        for number, (at, _) in watch.hits.items()
    }
    return Progress(
        len(search.engine),
        sum(watch.fired),
        search.depth,
        len(search.engine) - search.at,
        left,
        time.monotonic() - search.began,
        search.engine.memory,
        bound,
        violated,
    )


def _finding(
    search: _Search,
    watch: Watch,
    scenario: Scenario,
    fence: str,
    dropped: Sequence[tuple[str, str]],
    number: int,
    *,
    complete: bool,
) -> Finding:
    expander = search.expander
    prop = expander.properties[number]
    if number in watch.hits:
        run = _run(search, watch.hits[number], scenario, fence, dropped, prop)
        return Finding(prop.name, "violated", len(run.moves), run, watch.tested[number])
    tested = watch.tested[number]
    if not complete:
        return Finding(prop.name, "unknown", tested=tested)
    if not tested:
        return Finding(prop.name, "vacuous", note="no step met its premise")
    fired = {expander.instances[i].name for i, count in enumerate(watch.fired) if count}
    note = "" if not prop.exercised_by or fired & set(prop.exercised_by) else prop.otherwise
    return Finding(prop.name, "holds", tested=tested, note=note)


def _run(
    search: _Search,
    hit: Hit,
    scenario: Scenario,
    fence: str,
    dropped: Sequence[tuple[str, str]],
    prop: Property,
) -> Run:
    """The run to the first step that broke a property, told with absolute times."""
    expander = search.expander
    at, last = hit
    origin, steps = search.engine.path(at)
    first_state = search.engine.state(origin)
    run = Run(
        title=f"{prop.name} under {fence} in {scenario.name}",
        fence=fence,
        kinds=expander.configuration.kinds,
        names=scenario.server_names,
        constants=expander.configuration.constants,
        first=told_from(expander.layout, first_state),
        moves=tuple(_move(expander.instances[i]) for i in (*steps, last)),
        breaks=prop.name,
        dropped=tuple(dropped),
    )
    if not breaks(run, prop):
        raise AssertionError(f"the plain interpreter does not agree that {run.title}: folding is wrong")
    return run


def _move(instance: Instance) -> Move:
    return Move(instance.name, instance.number, dict(instance.inputs))


def _who(instance: Instance, expander: Expander) -> str:
    """A transition as reports name it: what a PD does is not what a TSO server does."""
    if not instance.number:
        return instance.name
    return f"{instance.name}@{expander.configuration.kinds[instance.number - 1].name.lower()}"


def _never_fired(expander: Expander, watch: Watch) -> tuple[str, ...]:
    fired = {_who(expander.instances[i], expander) for i, count in enumerate(watch.fired) if count}
    every = dict.fromkeys(_who(instance, expander) for instance in expander.instances)
    return tuple(name for name in every if name not in fired)


def _never_refused(expander: Expander, watch: Watch) -> tuple[str, ...]:
    """Guards that nothing ever ran into: without them the search would have been the same."""
    refused, every = set(), {}
    for number, stands_for in enumerate(expander.guards):
        for index, label in stands_for:
            name = f"{_who(expander.instances[index], expander)}: {label}"
            every[name] = True
            if watch.refused[number]:
                refused.add(name)
    return tuple(name for name in every if name not in refused)


def _spent(expander: Expander, watch: Watch) -> tuple[str, ...]:
    """The limits of the scenario that stopped a step which nothing else refused."""
    limits = expander.configuration.budgets
    spent = {
        expander.instances[index].spends
        for number, stands_for in enumerate(expander.guards)
        for index, label in stands_for
        if label == BUDGET_LEFT and watch.refused[number]
    }
    return tuple(f"{name} = {limits[name]}" for name in sorted(filter(None, spent)))

"""Every interleaving of a scenario, breadth first, and the shortest run that breaks each property."""

from __future__ import annotations

import os
import time
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..model import fence as fences
from ..model.instance import BUDGET_LEFT, Instance
from ..specs.properties import Property
from ..specs.scenario import Scenario
from .engine import Engine, Plain
from .expand import Expander, Hit, Watch
from .run import Move, Run, breaks

#: states expanded between two looks at the clock
_CHUNK = 4096
#: states from which on machine code is worth its compilation
_SMALL = 20_000
#: who expands states: machine code once there are many of them, or always one of the two
ENGINES = ("auto", "plain", "native")
#: the true time at which a run that was found is told; far enough from PD's zero time
_START = 1000

#: without --max-states: less than a GiB in machine code, a few GiB in plain Python
MAX_STATES = 20_000_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is; ``left`` is the estimated number of states to come, once levels shrink."""

    states: int
    transitions: int
    depth: int
    frontier: int
    left: int | None
    seconds: float
    violated: dict[str, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one property: ``steps`` and ``run`` where violated; ``tested``: how many steps met
    its premise; ``note``: why a verdict is worth less than it looks."""

    property: str
    verdict: str
    steps: int | None = None
    run: Run | None = None
    tested: int = 0
    note: str = ""


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
    """A search under way; ``levels`` holds the first state of each level."""

    expander: Expander
    engine: Engine
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
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Exploration:
    """Search the scenario under a fence.

    ``dropped`` lists guards to leave out (transition, label); ``stop`` is asked now and then; all
    `ENGINES` give the same answer.  ``memory`` (in bytes; None: the machine's) bounds machine code.

    Raises:
        ValueError: unknown fence.
        KeyError: a guard to drop that does not exist.
    """
    configuration = scenario.configuration(fences.parse(fence), dropped)
    expander = Expander(configuration, properties)
    search = _Search(expander, Plain(expander, list(scenario.first_states(configuration))))
    native_from = {"auto": _SMALL, "plain": None, "native": 0}[engine]
    try:
        cut = _walk(search, max_states, memory or machine_memory(), native_from, progress, stop)
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
    progress: Callable[[Progress], None] | None,
    stop: Callable[[], bool] | None,
) -> list[str]:
    """Level by level until nothing is new; what ended it before that.

    With ``native_from`` states or more, machine code goes on (None: never).
    """
    properties = search.expander.properties
    first, last, before = 0, len(search.engine), 0
    # what the last chunk finds may go beyond the bound
    most = max_states + _CHUNK * (len(search.expander.instances) + 1)
    while first < last:
        for start in range(first, last, _CHUNK):
            if native_from is not None and len(search.engine) >= native_from:
                search.engine = _native(search.engine, most, memory)
            search.engine.expand(start, min(start + _CHUNK, last))
            states = len(search.engine)
            if progress is not None:
                progress(_progress(search, (before, last - first, start - first), states - last))
            if states > max_states:
                return [f"more than {max_states} states: raise --max-states"]
            if stop is not None and stop():
                return ["interrupted"]
        if 0 < len(properties) == len(search.engine.watch.hits):
            return ["every property asked for is violated already"]
        first, last, before = last, len(search.engine), last - first
        if first < last:
            search.levels.append(first)
    return []


def machine_memory() -> int:
    """Bytes of memory that a search may take where nobody says: most of what the machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4


def _native(engine: Engine, most: int, memory: int) -> Engine:
    from .native import Native

    return Native(engine, most, memory) if isinstance(engine, Plain) else engine


def _progress(search: _Search, level: tuple[int, int, int], found: int) -> Progress:
    """``level``: the size of the last level and of this one, and how far this one is.

    Once levels shrink, they are taken to go on shrinking by the same ratio.
    """
    before, size, done = level
    ratio = size / before if before else 1.0
    left = int(size - done + size * ratio / (1 - ratio)) if ratio < 1 else None
    watch = search.engine.watch
    violated = {
        search.expander.properties[number].name: search.depth_of(at) + 1
        for number, (at, _) in watch.hits.items()
    }
    return Progress(
        len(search.engine),
        sum(watch.fired),
        search.depth,
        size - done + found,
        left,
        time.monotonic() - search.began,
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
    servers = range(1, expander.layout.servers + 1)
    skews = {("skew", n): expander.layout.read(first_state, "skew", n) for n in servers}
    run = Run(
        title=f"{prop.name} under {fence} in {scenario.name}",
        fence=fence,
        kinds=expander.configuration.kinds,
        names=scenario.server_names,
        constants=expander.configuration.constants,
        first={("now", 0): _START, **{key: skew for key, skew in skews.items() if skew}},
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

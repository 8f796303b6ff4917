"""Every interleaving of a scenario, breadth first, and the shortest run that breaks each property."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..model import fence as fences
from ..model.instance import Instance
from ..model.python import BUDGET_LEFT
from ..specs.properties import Property
from ..specs.scenario import Scenario
from .expand import Expander, Watch
from .run import Move, Run, breaks

#: states expanded between two looks at the clock
_CHUNK = 4096
#: the true time at which a run that was found is told; far enough from PD's zero time
_START = 1000

#: without --max-states: what fits into a few GiB
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
    """The states seen so far: each is reached from ``parent`` by the step of instance ``via``."""

    expander: Expander
    watch: Watch
    seen: dict[bytes, int] = field(default_factory=dict)
    parent: array[int] = field(default_factory=lambda: array("l"))
    via: array[int] = field(default_factory=lambda: array("h"))
    depth: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, state: Sequence[int]) -> bytes:
        packed = bytes(state)
        self.seen[packed] = len(self.seen)
        self.parent.append(-1)
        self.via.append(-1)
        return packed

    def path(self, index: int) -> tuple[int, list[int]]:
        """The first state and the instances that lead from it to a state."""
        steps = []
        while self.parent[index] >= 0:
            steps.append(self.via[index])
            index = self.parent[index]
        return index, steps[::-1]


def explore(
    scenario: Scenario,
    fence: str,
    properties: Sequence[Property],
    *,
    dropped: Sequence[tuple[str, str]] = (),
    max_states: int = MAX_STATES,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Exploration:
    """Search the scenario under a fence.

    ``dropped`` lists guards to leave out (transition, label); ``stop`` is asked now and then.

    Raises:
        ValueError: unknown fence.
        KeyError: a guard to drop that does not exist.
    """
    configuration = scenario.configuration(fences.parse(fence), dropped)
    expander = Expander(configuration, properties)
    search = _Search(expander, expander.watch())
    frontier = [search.add(state) for state in scenario.first_states(configuration)]
    cut = _walk(search, frontier, max_states, progress, stop)
    outside = sum(search.watch.cut)
    if outside:
        cut.append(f"{outside} steps led to times further apart than a state can hold")
    findings = tuple(
        _finding(search, scenario, fence, dropped, number, complete=not cut)
        for number in range(len(properties))
    )
    return Exploration(
        scenario.name,
        fence,
        len(search.seen),
        sum(search.watch.fired),
        search.depth,
        time.monotonic() - search.began,
        tuple(cut),
        _never_fired(expander, search.watch),
        _never_refused(expander, search.watch),
        _spent(expander, search.watch),
        findings,
    )


def _walk(
    search: _Search,
    frontier: list[bytes],
    max_states: int,
    progress: Callable[[Progress], None] | None,
    stop: Callable[[], bool] | None,
) -> list[str]:
    """Level by level until nothing is new; what ended it before that."""
    expander, watch = search.expander, search.watch
    first, before = 0, 0
    while frontier:
        found: list[bytes] = []
        for start in range(0, len(frontier), _CHUNK):
            chunk = frontier[start : start + _CHUNK]
            expander.expand(chunk, search.seen, search.parent, search.via, found, None, watch, first + start)
            if progress is not None:
                progress(_progress(search, (before, len(frontier), start), len(found)))
            if len(search.seen) > max_states:
                return [f"more than {max_states} states: raise --max-states"]
            if stop is not None and stop():
                return ["interrupted"]
        if 0 < len(expander.properties) == len(watch.hits):
            return ["every property asked for is violated already"]
        first += len(frontier)
        before, frontier = len(frontier), found
        search.depth += bool(found)
    return []


def _progress(search: _Search, level: tuple[int, int, int], found: int) -> Progress:
    """``level``: the size of the last level and of this one, and how far this one is.

    Once levels shrink, they are taken to go on shrinking by the same ratio.
    """
    before, size, done = level
    ratio = size / before if before else 1.0
    left = int(size - done + size * ratio / (1 - ratio)) if ratio < 1 else None
    expander = search.expander
    violated = {
        expander.properties[number].name: len(search.path(at)[1]) + 1
        for number, (at, _) in search.watch.hits.items()
    }
    return Progress(
        len(search.seen),
        sum(search.watch.fired),
        search.depth,
        size - done + found,
        left,
        time.monotonic() - search.began,
        violated,
    )


def _finding(
    search: _Search,
    scenario: Scenario,
    fence: str,
    dropped: Sequence[tuple[str, str]],
    number: int,
    *,
    complete: bool,
) -> Finding:
    expander, watch = search.expander, search.watch
    prop = expander.properties[number]
    if number in watch.hits:
        run = _run(search, scenario, fence, dropped, number)
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
    search: _Search, scenario: Scenario, fence: str, dropped: Sequence[tuple[str, str]], number: int
) -> Run:
    """The run to the first step that broke a property, told with absolute times."""
    expander = search.expander
    at, last = search.watch.hits[number]
    origin, steps = search.path(at)
    first_state = next(state for state, index in search.seen.items() if index == origin)
    servers = range(1, expander.layout.servers + 1)
    skews = {("skew", n): expander.layout.read(first_state, "skew", n) for n in servers}
    prop = expander.properties[number]
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

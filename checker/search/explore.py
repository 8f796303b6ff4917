"""Every interleaving of a scenario, breadth first, and the shortest run that breaks each property."""

from __future__ import annotations

import time
from bisect import bisect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...model.language.fold import Known
from ...model.language.instance import (
    FOLDING,
    MERGING,
    REDUCTIONS,
    SYMMETRY,
    Configuration,
)
from ...model.variants import fences
from ...specs.assumptions import Assumption, restricted
from ...specs.lemmas import outside
from ...specs.properties import Property
from ...specs.scenario import Scenario
from ..machine.expand import Expander, Watch
from ..reductions.folding import UNFOLDED, Folding, derive, of_safety
from ..reductions.merging import UNMERGED, Merging, prove
from ..reductions.reduction import Reduction
from ..reductions.unmoved import looks_at_what_may_move
from ..run import Run, breaks, told_from
from .coverage import both, never_fired, never_refused, spent, who
from .engine import Engine, Plain, WorkerLost
from .findings import INTERRUPTED, Exploration, Finding, Progress
from .memory import default_bound
from .retell import Retold

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

#: states from which on machine code is worth its compilation
_MANY = 20_000
#: states that are searched without reductions in any case: many a violation is among them
_SMALL = 8_000
#: who expands states: machine code once there are many of them, or always one of these
ENGINES = ("auto", "plain", "native", "cluster")
#: from how many states on each of them runs machine code of its own accord
_NATIVE_FROM = {"auto": _MANY, "plain": None, "native": 0, "cluster": None}
#: without --max-states: some 4 GiB in machine code, if --memory allows that much
MAX_STATES = 100_000_000
#: what may end a search, beside `INTERRUPTED`
ALL_VIOLATED = "every property asked for is violated already"


@dataclass(slots=True)
class _Search:
    """A search under way: ``levels`` holds the first state of each level, ``at`` is the next state to be
    expanded, ``last`` the end of the level; ``cut``: what ended it before it was through."""

    expander: Expander
    engine: Engine
    last: int
    cut: list[str] = field(default_factory=list)
    at: int = 0
    levels: list[int] = field(default_factory=lambda: [0])
    began: float = field(default_factory=time.monotonic)

    @property
    def depth(self) -> int:
        return len(self.levels) - 1

    def depth_of(self, index: int) -> int:
        """The number of steps that lead to a state."""
        return bisect(self.levels, index) - 1

    def violated(self) -> dict[str, int]:
        """Which properties are, and in how many steps of this search."""
        hits = self.engine.watch.hits.items()
        return {self.expander.properties[number].name: self.depth_of(at) + 1 for number, (at, _) in hits}


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, how far a search may go, and whom to tell."""

    scenario: Scenario
    fence: str
    properties: Sequence[Property]
    dropped: Sequence[tuple[str, str]]
    max_states: int
    memory: int
    threads: Callable[[], int]
    progress: Callable[[Progress], None] | None
    stop: Callable[[], bool] | None
    #: which distances between times matter
    folding: Folding = UNFOLDED
    #: what may be taken at once
    merging: Merging = UNMERGED
    #: what every step must meet beside its guards
    assumptions: Sequence[Assumption] = ()
    #: what is known to be violated, and in how many steps
    known: Mapping[str, int] = field(default_factory=dict)

    def configuration(self, reductions: frozenset[str]) -> Configuration:
        """The system, to be searched with these reductions."""
        made = self.scenario.configuration(fences.parse(self.fence), self.dropped)
        made = replace(made, transitions=restricted(made.transitions, self.assumptions))
        return self.folding.of(self.merging.of(replace(made, reductions=reductions)))

    def prepared(self, wait: bool) -> _Question:
        """The same, with what is proved of its system: what may be taken at once, and how times are
        folded.

        Raises:
            _Stopped: nobody waits for it any more.
        """
        made = self.configuration(frozenset())
        first = list(self.scenario.first_states(made))
        properties = [each for each in self.properties if looks_at_what_may_move(each, made)]
        merging = prove(made, properties, wait=wait, progress=self._told("merging"))
        made = merging.of(made)
        asked = of_safety(made, properties)
        folding = derive(made, first, asked, wait=wait, progress=self._told("folding"))
        return replace(self, merging=merging, folding=folding)

    def _told(self, about: str) -> Callable[[str], None]:
        began = time.monotonic()

        def told(what: str) -> None:
            if self.stop is not None and self.stop():
                raise _Stopped
            if self.progress is not None:
                seconds = time.monotonic() - began
                known: dict[str, int | None] = {**self.known}
                self.progress(Progress(0, 0, 0, 0, None, seconds, 0, self.memory, known, f"{about}: {what}"))

        return told

    def search(self, reductions: Collection[str] = ()) -> _Search:
        """A search that has not begun."""
        configuration = self.configuration(frozenset(reductions))
        expander = Expander(configuration, self.properties, list(self.scenario.first_states(configuration)))
        engine = Plain(expander)
        return _Search(expander, engine, len(engine))


class _Stopped(Exception):
    """Nobody waits for a table any more."""


def explore(
    scenario: Scenario,
    fence: str,
    properties: Sequence[Property],
    *,
    dropped: Sequence[tuple[str, str]] = (),
    max_states: int = MAX_STATES,
    memory: int | None = None,
    engine: str = "auto",
    reductions: Collection[str] = REDUCTIONS,
    threads: Callable[[], int] = lambda: 1,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
    wait: bool = True,
    assumptions: Sequence[Assumption] = (),
) -> Exploration:
    """Search the scenario under a fence.

    ``dropped`` lists guards to leave out (transition, label); ``assumptions`` are taken for granted of every
    step; ``stop`` is asked now and then; all
    `ENGINES` give the same answer.  ``memory`` (in bytes; None: most of what there is) bounds the states;
    ``threads``, asked now and then, says how many threads it may use: the answer is the same.
    ``reductions``: what it may treat as one, once there are many states; without ``wait``, where that is not
    known yet, something of which nothing is proved: then only runs that are found count.
    With ``checkpoint``, a file, the search goes on from it and is written to it now and then, unless it is
    the plain engine's.

    Raises:
        ValueError: unknown fence.
        CheckpointError: a checkpoint of another model, a damaged one, or one that another process uses.
        KeyError: a guard to drop that does not exist.
    """
    question = _Question(
        scenario,
        fence,
        properties,
        dropped,
        max_states,
        memory or default_bound(),
        threads,
        progress,
        stop,
        assumptions=assumptions,
    )
    asked = question.prepared(wait=False)
    if wait and not asked.folding.proved:
        small = asked.search()
        if checkpoint is None:  # a search that is to be kept in a file is one that takes long
            _try(small, replace(asked, max_states=min(max_states, _SMALL)), None, None)
            if {ALL_VIOLATED, INTERRUPTED, _too_many(max_states)} & set(small.cut):
                return _explored(asked, small)
        try:
            asked = replace(question, known=small.violated()).prepared(wait=True)
        except _Stopped:
            small.cut = [INTERRUPTED]
            return _explored(asked, small)
    if checkpoint is None:
        return _searched(asked, engine, reductions, None)
    from .checkpoint import Checkpoint

    with Checkpoint(checkpoint) as file:
        found = _searched(asked, engine, reductions, file)
        return replace(found, notes=(file.trouble,)) if file.trouble else found


def _searched(
    asked: _Question, engine: str, reductions: Collection[str], file: Checkpoint | None
) -> Exploration:
    search = asked.search()
    if not reductions:
        if engine == "cluster":
            search.engine = _cluster(search.expander, asked)
        _try(search, asked, _NATIVE_FROM[engine], file)
        return _explored(asked, search)
    # A small search without reductions comes first; for what only the large one finds broken it goes on, so
    # that every run that is shown is a shortest one.
    _try(search, replace(asked, max_states=min(asked.max_states, _SMALL)), None, None)
    if asked.max_states <= _SMALL or not any(cut.startswith("more than") for cut in search.cut):
        return _explored(asked, search)
    asked = replace(asked, known=search.violated())
    large = asked.search(reductions)
    if engine == "cluster":
        large.engine = _cluster(large.expander, asked)
    _try(large, asked, None if engine in ("plain", "cluster") else 0, file)
    missed = large.engine.watch.hits.keys() - search.engine.watch.hits.keys()
    if large.cut and not missed and len(large.engine) < len(search.engine):
        search.cut = large.cut  # which was cut before it had told anything new
        return _explored(asked, search)
    if missed:
        asked = replace(asked, memory=max(1, asked.memory - large.engine.memory))
        _try(search, asked, _NATIVE_FROM["plain" if engine == "plain" else "auto"], None, until=missed)
    return _explored(asked, large, search)


def _cluster(expander: Expander, asked: _Question) -> Engine:
    from .cluster import Cluster

    make = partial(asked.configuration, expander.configuration.reductions)
    names = [prop.name for prop in expander.properties]
    most = asked.max_states + Cluster.large_chunk * (len(expander.instances) + 1)
    return Cluster(make, expander.first, names, most=most, memory=asked.memory)


def _too_many(states: int) -> str:
    return f"more than {states} states: raise --max-states"


def _try(
    search: _Search,
    asked: _Question,
    native_from: int | None,
    file: Checkpoint | None,
    until: Collection[int] | None = None,
) -> None:
    """Go on with a search as far as it gets, or until these properties (by number) are violated."""
    try:
        search.cut = _walk(search, asked, native_from, file, until)
        if file is not None:
            _save(search, file)
    except WorkerLost as error:
        search.cut = [str(error)]
    except MemoryError:
        states = len(search.engine)
        search.cut = [f"memory ran out at {states} states: raise --memory, or use a smaller scenario"]
    outside = sum(search.engine.watch.cut)
    if outside:
        search.cut.append(f"{outside} steps led to times further apart than a state can hold")


def _explored(asked: _Question, search: _Search, without: _Search | None = None) -> Exploration:
    """What a search says; ``without``: one without reductions, which has the shortest runs."""
    expander, watch = search.expander, search.engine.watch
    if without is not None:
        watch = both(watch, without.engine.watch)
    names = asked.scenario.server_names
    return Exploration(
        asked.scenario.name,
        asked.fence,
        len(search.engine),
        sum(search.engine.watch.fired),
        search.depth,
        time.monotonic() - (without or search).began,
        tuple(search.cut),
        never_fired(expander, watch),
        never_refused(expander, watch),
        spent(expander, watch),
        tuple(_finding(asked, search, without, number, watch) for number in range(len(asked.properties))),
        _used(asked, expander),
        tuple(tuple(names[n - 1] for n in equals) for equals in expander.equals),
        tuple(dict.fromkeys(who(expander.instances[index], expander) for index, _ in expander.merged)),
        _outside(asked, expander.configuration.known),
    )


def _used(asked: _Question, expander: Expander) -> tuple[Reduction, ...]:
    """What a search relied on: on folding in any case, for time passes."""
    reductions = expander.configuration.reductions
    only = "" if FOLDING in reductions else "only as time passes"
    used = {
        SYMMETRY: expander.symmetry,
        FOLDING: asked.folding.told(only),
        MERGING: asked.merging.reduction,
    }
    return tuple(used[name] for name in REDUCTIONS if name in reductions or name == FOLDING)


def _outside(asked: _Question, known: Known) -> dict[str, tuple[str, ...]]:
    if asked.dropped:  # without one of its guards nothing is proved of a fence
        return {}
    fence = fences.parse(asked.fence)
    unmet = {prop.name: outside(fence, prop.name, known) for prop in asked.properties}
    return {name: tuple(each.formula for each in found) for name, found in unmet.items() if found}


def _walk(
    search: _Search,
    asked: _Question,
    native_from: int | None,
    checkpoint: Checkpoint | None,
    until: Collection[int] | None,
) -> list[str]:
    """Level by level until nothing is new; what ended it before that.

    With ``native_from`` states or more, machine code goes on (None: never).
    """
    until = range(len(asked.properties)) if until is None else until
    memory, stop = asked.memory, asked.stop
    # what the last chunk finds may go beyond the bound
    most = asked.max_states + Engine.large_chunk * (len(search.expander.instances) + 1)
    if checkpoint is not None and checkpoint.path.exists():
        search.engine = _native(search.engine, most, memory)
        _go_on(search, checkpoint)
    while True:
        engine = search.engine
        # by the number of states alone, so that every engine ends at the same one
        chunk = engine.piece(search.last)
        while search.at < search.last:
            if len(search.engine) > asked.max_states:
                return [_too_many(asked.max_states)]
            if search.engine.memory > memory:
                raise MemoryError
            if native_from is not None and len(search.engine) >= native_from:
                search.engine = _native(search.engine, most, memory)
            search.engine.threads = asked.threads()
            upto = min(search.at + chunk, search.last)
            while search.at < upto:
                if stop is not None and stop():
                    return [INTERRUPTED]
                part = min(search.at + search.engine.stride, upto)
                search.engine.expand(search.at, part)
                search.at = part
            if asked.progress is not None:
                asked.progress(_progress(search, asked))
            if checkpoint is not None and checkpoint.due():
                _save(search, checkpoint)
        if until and search.engine.watch.hits.keys() >= set(until):
            return [ALL_VIOLATED]
        if len(search.engine) == search.last:
            return []
        search.levels.append(search.last)
        search.last = len(search.engine)


def _save(search: _Search, checkpoint: Checkpoint) -> None:
    """Write where the search is, unless it is still so small that plain Python does it."""
    from .checkpoint import Position
    from .native import Native

    if isinstance(search.engine, Native):
        seconds = time.monotonic() - search.began
        checkpoint.write(search.engine, Position(search.at, search.last, search.levels, seconds))


def _go_on(search: _Search, checkpoint: Checkpoint) -> None:
    from .native import Native

    if isinstance(search.engine, Native):
        position = checkpoint.read(search.engine)
        search.at, search.last, search.levels = position.at, position.last, position.levels
        search.began -= position.seconds


def _native(engine: Engine, most: int, memory: int) -> Engine:
    from .native import Native

    return Native(engine, most, memory) if isinstance(engine, Plain) else engine


def _progress(search: _Search, asked: _Question) -> Progress:
    """Once levels shrink, they are taken to go on shrinking by the same ratio."""
    size = search.last - search.levels[-1]
    before = search.levels[-1] - search.levels[-2] if search.depth else 0
    ratio = size / before if before else 1.0
    left = int(search.last - search.at + size * ratio / (1 - ratio)) if ratio < 1 else None
    watch = search.engine.watch
    violated: dict[str, int | None] = dict(search.violated())
    if search.expander.configuration.reductions:
        violated = dict.fromkeys(violated)
    return Progress(
        len(search.engine),
        sum(watch.fired),
        search.depth,
        len(search.engine) - search.at,
        left,
        time.monotonic() - search.began,
        search.engine.memory,
        asked.memory,
        {**violated, **asked.known},
    )


def _finding(
    asked: _Question, search: _Search, without: _Search | None, number: int, watch: Watch
) -> Finding:
    prop, tested = asked.properties[number], watch.tested[number]
    for each in (without, search):
        if each is not None and number in each.engine.watch.hits:
            run = _run(asked, each, number)
            note = ""
            if without is not None and each is search:
                note = f"there may be a shorter run, the search for it was cut: {', '.join(without.cut)}"
            return Finding(prop.name, "violated", len(run.moves), run, tested, note)
    if search.cut or not asked.folding.sound:
        return Finding(prop.name, "unknown", tested=tested)
    if not tested:
        return Finding(prop.name, "vacuous", note="no step met its premise")
    expander = search.expander
    fired = {expander.instances[i].name for i, count in enumerate(watch.fired) if count}
    note = "" if not prop.exercised_by or fired & set(prop.exercised_by) else prop.otherwise
    return Finding(prop.name, "holds", tested=tested, note=note)


def _run(asked: _Question, search: _Search, number: int) -> Run:
    """The run to the first step that broke a property, told with absolute times."""
    expander, prop = search.expander, asked.properties[number]
    at, _ = search.engine.watch.hits[number]
    retold = Retold(expander, [search.engine.state(index) for index in search.engine.path(at)])
    run = Run(
        title=f"{prop.name} under {asked.fence} in {asked.scenario.name}",
        fence=asked.fence,
        kinds=expander.configuration.kinds,
        names=asked.scenario.server_names,
        constants=expander.configuration.constants,
        first=told_from(expander.layout, retold.first),
        moves=tuple(retold.breaking(prop)),
        breaks=prop.name,
        dropped=tuple(asked.dropped),
    )
    if not breaks(run, prop):
        raise AssertionError(f"the plain interpreter does not agree that {run.title}: folding is wrong")
    return run

"""Real runs that break properties of one system: one search of each scenario is for all that are in doubt.

It goes on in a process of its own while lemmas are decided and looked for, wherever another process can know
the fence and the properties.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent

from ...model.variants import fences
from ...specs import own, properties
from ...specs import scenario as scenarios
from ...specs.assumptions import ASSUMPTIONS, Assumption, assumption
from ...specs.lemmas import enough
from ...specs.properties import Property
from ...specs.scenario import Scenario
from ..interruption import heed, noted
from ..processes.matrix import SearchFault, cores
from ..processes.worker import Fault, Watcher, Worker
from ..run import Run
from ..search.explore import explore
from ..search.findings import Exploration
from .known import breaking
from .witness import shown

#: how many states of each scenario are looked at for a run: first few of each, then more, then as many as one
#: waits for anyhow while lemmas are looked for
FEW, MANY, MOST = 8_000, 400_000, 4_000_000
#: seconds between two looks whether Ctrl-C has come
_BEAT = 0.2
#: scenarios for this search alone: small ones, with what none of those that come with tsofence lets happen
_MORE = {
    "more-faults": """
        [servers]
        pd = 1
        tso = 1
        [time]
        window = 3
        lease = 2
        [faults.pd]
        term = 1
        stop = 1
        keepalive = 1
        two_reads = 1
        stale_failure = 1
        late_sync = 1
        admin = 1
        client_mode = 1
        [faults.tso]
        term = 1
        keepalive = 1
        two_reads = 1
        stale_failure = 1
        admin = 1
        """,
    "more-elections": """
        [servers]
        pd = 2
        tso = 0
        [time]
        window = 3
        lease = 2
        [faults.pd]
        term = 3
        keepalive = 1
        raft_move = 1
        two_reads = 1
        follower_proxy = 1
        frequent_elections = 1
        priority = 1
        """,
    "more-switching": """
        [servers]
        pd = 1
        tso = 1
        api = 1
        dynamic = 1
        [time]
        window = 3
        lease = 2
        [faults.pd]
        term = 1
        fallback = 1
        client_mode = 1
        discovery = 1
        [faults.tso]
        term = 1
        stop = 1
        lapse = 1
        """,
    "more-deletes": """
        [servers]
        pd = 1
        tso = 2
        api = 1
        [time]
        window = 3
        lease = 2
        [faults.pd]
        term = 1
        client_mode = 1
        [faults.tso]
        term = 3
        keepalive = 1
        lost = 1
        stale_delete = 1
        """,
}


@dataclass(frozen=True, slots=True)
class Found:
    """A run that breaks a property."""

    property: str
    run: Run


@dataclass(frozen=True, slots=True)
class Looked:
    """How far a scenario was looked at, where no run breaks these properties: at so many states, all that at
    most so many ``steps`` lead to; ``whole``: at every state.

    That proves nothing: it may have been with a table of times of which nothing is proved.
    """

    properties: tuple[str, ...]
    scenario: str
    states: int
    steps: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """So many states of each scenario were looked at."""

    states: int


#: of somebody's own: builds, fences, properties
Files = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def take(files: Files) -> None:
    """Let this process know what another one took."""
    of_builds, of_fences, of_properties = files
    for file in of_builds:
        fences.take(file, "build")
    for file in of_fences:
        fences.take(file)
    for asked in of_properties:
        own.take(asked)


#: what a search tells
Told = Found | Looked | Passed


@dataclass(frozen=True, slots=True)
class Sought:
    """The system, and the properties of which a run is sought; ``files``: somebody's own builds, fences and
    properties."""

    fence: str
    properties: tuple[str, ...]
    assumptions: tuple[str, ...]
    nodes: int | None
    dropped: tuple[tuple[str, str], ...]
    files: Files = ((), (), ())

    def work(self, watcher: Watcher) -> None:
        """Search in a process of its own, and say what is found."""
        take(self.files)
        judged = [properties.named(name) for name in self.properties]
        for each in search(self, judged, watcher.forgotten, lambda: watcher.stopped):
            watcher.send(each)


def search(
    sought: Sought, judged: Sequence[Property], forgotten: Collection[str], stop: Callable[[], bool]
) -> Iterator[Told]:
    """The runs as they are found, each told in PD's own figures where that is possible: those that are kept,
    then what the scenarios show; ``forgotten``: properties that are not wanted any more.

    Raises:
        KeyboardInterrupt: see `interruption`.
    """
    assumed = [assumption(name) for name in sought.assumptions]
    wanted = [each for each in judged if each.name not in forgotten]
    known = breaking(sought.fence, wanted, assumptions=assumed, nodes=sought.nodes, dropped=sought.dropped)
    for name, run in known.items():
        yield Found(name, run)
    yield from searched(sought, [each for each in wanted if each.name not in known], forgotten, stop)


def searched(
    sought: Sought, judged: Sequence[Property], forgotten: Collection[str], stop: Callable[[], bool]
) -> Iterator[Told]:
    """As `search`, without runs that are kept."""
    assumed = [assumption(name) for name in sought.assumptions]
    worlds = _worlds(sought, judged)
    left = list(judged)
    for most in (FEW, MANY, MOST):
        for world in tuple(worlds) if most == FEW else sorted(worlds, key=lambda world: -world.promise(left)):
            left = [each for each in left if each.name not in forgotten]
            if not left or stop():
                return
            wanted = [each for each in left if most == FEW or world.promise([each])]
            if not wanted:
                continue
            found = _runs(sought, world.scenario, wanted, assumed, most, _Unwanted(wanted, forgotten, stop))
            for prop, run in found.runs:
                left.remove(prop)
                yield Found(prop.name, run)
            none = tuple(each.name for each in wanted if each in left)
            if none:
                yield Looked(none, world.scenario.name, found.states, found.steps, found.whole)
            if found.whole:
                worlds.remove(world)
        yield Passed(most)


@dataclass(frozen=True, slots=True)
class _World:
    """A scenario, and how much it promises of each property.

    A run that breaks what is proved under assumptions does not meet one of them; so a scenario in which they
    hold anyhow promises nothing.  It is a guess (the fence may be one's own, a guard dropped), hence few
    states are looked at everywhere.
    """

    scenario: Scenario
    promises: Mapping[str, int]

    def promise(self, judged: Iterable[Property]) -> int:
        """How much it promises of these."""
        return sum(self.promises[each.name] for each in judged)


def sought_in() -> Iterator[Scenario]:
    """The scenarios in which runs are looked for: among them, whatever may happen may happen in one."""
    yield from map(scenarios.load, scenarios.names())
    for name, text in _MORE.items():
        yield scenarios.parse(dedent(text), name, name)


def _worlds(sought: Sought, judged: Sequence[Property]) -> list[_World]:
    whole = fences.whole(sought.fence)
    needed = {each.name: set(enough(whole, each.name)) - set(sought.assumptions) for each in judged}
    worlds = []
    for scenario in sought_in():
        if sought.nodes is not None and scenario.pd + scenario.tso > sought.nodes:
            continue
        broken = {each.name for each in ASSUMPTIONS if not each.idle(scenario)}
        promises = {name: len(needs & broken) if needs else 1 for name, needs in needed.items()}
        worlds.append(_World(scenario, promises))
    return worlds


def explored(
    scenario: Scenario,
    fence: str,
    judged: Sequence[Property],
    assumed: Sequence[Assumption],
    dropped: Sequence[tuple[str, str]],
    most: int,
    stop: Callable[[], bool],
) -> Exploration:
    """At most so many states of a scenario, where all steps meet these assumptions.

    Raises:
        KeyboardInterrupt: see `interruption`.
    """
    found = explore(
        scenario,
        fence,
        judged,
        dropped=dropped,
        max_states=most,
        stop=stop,
        wait=False,
        assumptions=assumed,
    )
    heed()
    return found


@dataclass(frozen=True, slots=True)
class _Unwanted:
    """Does nobody wait for any of these?"""

    judged: Sequence[Property]
    forgotten: Collection[str]
    stop: Callable[[], bool]

    def __call__(self) -> bool:
        return self.stop() or all(each.name in self.forgotten for each in self.judged)


@dataclass(frozen=True, slots=True)
class _Searched:
    """What a scenario shows, and how far it was looked at, as `Looked` says."""

    runs: list[tuple[Property, Run]]
    states: int
    steps: int
    whole: bool


def _runs(
    sought: Sought,
    scenario: Scenario,
    judged: Sequence[Property],
    assumed: Sequence[Assumption],
    most: int,
    stop: Callable[[], bool],
) -> _Searched:
    found = explored(scenario, sought.fence, judged, assumed, sought.dropped, most, stop)
    runs = zip(judged, (each.run for each in found.findings), strict=True)
    told = [(prop, shown(run, prop, assumed)) for prop, run in runs if run is not None]
    return _Searched(told, found.states, found.depth, not found.cut_by)


class Runs:
    """What is found of one system, for whoever proves its properties."""

    def __init__(
        self,
        fence: str,
        assumptions: Sequence[Assumption] = (),
        nodes: int | None = None,
        dropped: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._fence, self._assumptions = fence, tuple(each.name for each in assumptions)
        self._nodes, self._dropped = nodes, tuple(dropped)
        self._sought: dict[str, Property] = {}
        self._found: dict[str, Run] = {}
        #: by property and scenario, how far that was looked at last
        self._looked: dict[str, dict[str, Looked]] = {}
        self._passed = 0
        self._forgotten: set[str] = set()
        self._here: Iterator[Told] = iter(())
        self._worker: Worker[Sought] | None = None
        #: why the search ended before it was through
        self.trouble = ""

    def seek(self, judged: Sequence[Property]) -> None:
        """Begin to look for runs that break these, in place of what was looked for before."""
        self.close()
        self._sought = {each.name: each for each in judged}
        self._passed, self._looked, self.trouble = 0, {}, ""
        if not judged:
            return
        sought = Sought(self._fence, (*self._sought,), self._assumptions, self._nodes, self._dropped)
        if fences.is_here(self._fence) or not all(map(is_known_elsewhere, judged)):
            self._here = search(sought, judged, self._forgotten, noted)
            return
        files = fences.files("build"), fences.files("fence"), own.files()
        self._worker = Worker(
            Sought(sought.fence, sought.properties, sought.assumptions, sought.nodes, sought.dropped, files),
            cores(),
        )

    def few(self, prop: Property) -> Run | None:
        """A run that breaks the property, if there is one among the first states of the scenarios.

        Raises:
            KeyboardInterrupt: see `interruption`.
            SearchFault: the search failed.
        """
        return self._wait(prop, FEW)

    def many(self, prop: Property) -> Run | None:
        """A run that breaks it, if the whole search finds one; raises as `few`."""
        return self._wait(prop, MOST)

    def looked(self, prop: Property) -> tuple[Looked, ...]:
        """How far each scenario was looked at for a run that breaks it, where none was found."""
        return tuple(self._looked.get(prop.name, {}).values())

    def by_now(self, prop: Property) -> Run | None:
        """A run that breaks it, if one was found meanwhile; raises as `few`."""
        while self._worker is not None and self._worker.connection.poll():
            self._hear()
        return self._found.get(prop.name)

    def forget(self, prop: Property) -> None:
        """No run is wanted any more that breaks it."""
        self._forgotten.add(prop.name)
        if self._worker is not None:
            self._worker.forget(prop.name)

    def _wait(self, prop: Property, states: int) -> Run | None:
        if self._sought.get(prop.name) is not prop:
            self._found.pop(prop.name, None)
            self.seek([prop])
        while prop.name not in self._found and self._passed < states and self._hear():
            pass
        return self._found.get(prop.name)

    def _hear(self) -> bool:
        """Wait for one thing more; False: there is none."""
        heed()
        if self._worker is None:
            told = next(self._here, None)
            if told is None:
                return False
        else:
            try:
                if not self._worker.connection.poll(_BEAT):
                    return True
                told = self._worker.connection.recv()
            except (EOFError, OSError):
                self._ended(self._worker)
                return False
        match told:
            case Found():
                self._found[told.property] = told.run
            case Looked():
                for name in told.properties:
                    self._looked.setdefault(name, {})[told.scenario] = told
            case Passed():
                self._passed = told.states
            case Fault():
                error = SearchFault(f"{self._fence}: {told.told}")
                error.add_note(told.trace)
                raise error
            case Exception():
                raise told
        return True

    def _ended(self, worker: Worker[Sought]) -> None:
        self._worker = None
        status = worker.ended()
        if status:
            self.trouble = f"; the process that looked for runs ended with status {status}"

    def close(self) -> None:
        """End the search."""
        worker, self._worker, self._here = self._worker, None, iter(())
        if worker is not None:
            worker.kill()
            worker.ended()


def is_known_elsewhere(prop: Property) -> bool:
    """Has another process this property by its name?"""
    there = prop.name in properties.NAMES or own.is_from_file(prop.name)
    return there and properties.named(prop.name) is prop

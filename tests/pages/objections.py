"""What objects when a guard is dropped: a proof, a statement about the model, a search, a recording.

Each answer is kept in a folder, as JSON, so that what was found is not looked for again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsofence.checker.liveness.liveness import Cut, States, decide
from tsofence.checker.proof.induct import Induction
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import Exploration
from tsofence.model.builds import known as builds
from tsofence.model.language.instance import Configuration
from tsofence.model.pd import system as model
from tsofence.model.variants import fences, own
from tsofence.specs import liveness, properties, scenario
from tsofence.specs.assumptions import assumption
from tsofence.specs.lemmas import enough
from tsofence.specs.liveness import Liveness
from tsofence.specs.properties import Property
from tsofence.specs.scenario import Scenario
from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read

from .statements import Guard, steps

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "tests" / "recordings"

#: every build, and the fences on the base that have all guards which fences add
FENCES = ("check-tso-primary", "yielded-flag", "etcd-transfer", "save-cas", fences.ALL[-1])
#: builds whose saves compare no leader: by themselves `unique` is not proved, with this it is
REPAIRED, REPAIR = ("release-7.5", "release-8.3", "release-8.5"), "save-cas"
#: of which no statement is asked: z3 gives up on many, each after seconds
UNSTATED = ("release-6.5",)
#: the base first, then from the newest build on: what is said of a guard is said of the first that has it
SYSTEMS = (
    fences.NONE,
    *(fences.of_build(b, fences.NONE) for b in reversed(builds.SHIPPED) if b != builds.DEFAULT),
    *FENCES,
)


@dataclass(frozen=True, slots=True)
class Search:
    """Where a guard may be missed: a scenario (a file: below the root) under a system.

    ``asked``: the properties, of safety or of liveness, or a name in specs/history/asked.py; empty: all of
    safety, of the guards that refuse something there.  ``patient``: without a guard, times are folded as is
    proved, too, which takes half a minute for each.
    """

    place: str
    system: str
    asked: tuple[str, ...] = ()
    patient: bool = False

    @property
    def name(self) -> str:
        """Under which it is kept."""
        return f"search {self.place} {self.system}"

    @property
    def world(self) -> Scenario:
        """The scenario."""
        return scenario.load(str(ROOT / self.place) if self.place.endswith(".toml") else self.place)

    @property
    def guards(self) -> set[Guard]:
        """Those of its servers."""
        made = self.world.configuration(fences.parse(self.system))
        steps = [each for each in made.transitions if made.numbers(each.rule.kind)]
        return {(each.name, label) for each in steps for label in each.step.guard}

    @property
    def safety(self) -> list[Property]:
        """What is asked of steps."""
        named = [*properties.PROPERTIES, *(each for each in _history() if isinstance(each, Property))]
        asked = self.asked or properties.NAMES
        return [each for each in named if each.name in asked]

    @property
    def runs(self) -> list[Liveness]:
        """What is asked of runs."""
        return [each for each in liveness.PROPERTIES if each.name in self.asked]


def _history() -> Iterable[object]:
    return vars(own.module(str(ROOT / "specs" / "history" / "asked.py"))).values()


_SMALL = "tests/pages/scenarios/"
SEARCHES = (
    Search("rolling-upgrade", "check-tso-primary"),
    Search("pd-failover", "off"),
    Search("lost-answer", "save-cas"),
    Search("registry-lag", "pull-8780"),
    Search(f"{_SMALL}one-tso.toml", "off", ("ready",)),
    Search(f"{_SMALL}one-pd.toml", "first-save-only", ("ready", "availability", "pd-leader")),
    Search(f"{_SMALL}late-delete.toml", "off", ("one-live",)),
    Search(f"{_SMALL}client-asks.toml", "off", ("leader-saves", "leader-answers")),
    Search(f"{_SMALL}client-asks-lost.toml", "off", ("leader-saves",)),
    Search(f"{_SMALL}two-reads.toml", "off", ("leader-saves",)),
    Search(f"{_SMALL}two-reads-client.toml", "off", ("leader-saves",)),
    Search(f"{_SMALL}transfer.toml", "master-2026-08", ("target-wins",)),
    Search(f"{_SMALL}client-mode.toml", "off", ("session",)),
    Search(f"{_SMALL}fall-back.toml", "pull-8780", ("real-time",)),
    Search(f"{_SMALL}client-asks-early.toml", "release-8.5", ("real-time",), patient=True),
)
#: recordings, each with a system under which it is refuted
REFUTED = (
    ("upgrade-unfenced", "check-tso-primary"),
    ("pr8780", "off"),
    ("dynamic-switch-base", "dynamic-8780"),
    ("r85-transfer-small", "off"),
    ("master-transfer-small", "off"),
    ("pr-intervals-differ", "save-cas"),
)
_MOST, _MEMORY = 100_000, 2 << 30


class Kept:
    """What was found, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def once(self, name: str, find: Callable[[], Any]) -> Any:
        """It, found now if it was not before."""
        path = self._folder / (name.replace("/", "-").replace(" ", "_") + ".json")
        if not path.exists():
            path.write_text(json.dumps(find()), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))


def guards(system: str) -> list[Guard]:
    """Every guard that a system has, with all that its servers may do."""
    steps = model.transitions(fences.whole(system))
    return [(each.name, label) for each in steps for label in each.step.guard]


def proofs(system: str) -> list[tuple[str, str, str]]:
    """The guards that the proofs of a system need, each with a property whose proof it is.

    Every property is proved under the assumptions that are known to be enough; one that is not proved needs
    none.
    """
    made, found = fences.whole(system), []
    for prop in properties.PROPERTIES:
        assumed = [assumption(name) for name in enough(made, prop.name)]
        needs: set[Guard] = set()
        induction = Induction(made, prop, assumed)
        for each in (d.obligation for d in (*induction.decide_first(), *steps(induction))):
            if each.result != "proved":
                needs.clear()
                break
            needs |= {(each.transition, label) for label in each.guards_used}
        found += [(*guard, prop.name) for guard in sorted(needs)]
    return found


def baseline(search: Search) -> dict[str, Any]:
    """What a search finds with all guards: steps by property (None: it holds, or nothing tests it; absent:
    unknown), how many steps it went through, and, where all of safety is asked, the guards that refused
    something: without another one the search would be the same."""
    if search.asked:
        return _decided(search)
    found = explore(search.world, search.system, search.safety, memory=_MEMORY)
    idle = set(found.never_refused)
    made = search.world.configuration(fences.parse(search.system))
    busy = {
        (each.name, label)
        for each in made.transitions
        for number in made.numbers(each.rule.kind)
        for label in each.step.guard
        if f"{_who(each.name, number, made)}: {label}" not in idle
    }
    return {"steps": _steps(found), "depth": found.depth, "busy": sorted(busy)}


def _who(name: str, number: int, made: Configuration) -> str:
    """A transition as a search calls it."""
    return f"{name}@{made.kinds[number - 1].name.lower()}" if number else name


def _steps(found: Exploration) -> dict[str, int | None]:
    """By property; what is unknown is left out."""
    return {each.property: each.steps for each in found.findings if each.verdict != "unknown"}


def _decided(search: Search) -> dict[str, Any]:
    """What is asked; no table is looked for where it is safety that would take one."""
    steps: dict[str, int | None] = {}
    depth = 0
    if search.safety:
        found = explore(
            search.world,
            search.system,
            search.safety,
            max_states=_MOST,
            memory=_MEMORY,
            wait=search.patient,
        )
        steps, depth = _steps(found), found.depth
    if search.runs:
        states = States(search.world, search.system, max_states=_MOST, memory=_MEMORY)
        steps |= {
            each.property: None if each.run is None else len(each.run.moves)
            for each in (decide(states, asked) for asked in search.runs)
            if each.verdict != "unknown"
        }
    return {"steps": steps, "depth": depth, "busy": None}


def missed(search: Search, guard: Guard, before: Mapping[str, Any]) -> str:
    """What a search without the guard finds that one with it does not; nothing: the empty text.

    Nothing is proved of how the smaller search folds times: what it finds is a run all the same, which the
    plain interpreter has taken.
    """
    steps, depth = before["steps"], before["depth"]
    for name, found in _without(search, guard):
        if found is None:
            continue
        if name in steps and (steps[name] is None or found < steps[name]):
            return f"{name}: {'holds' if steps[name] is None else steps[name]} → {found}"
        if name not in steps and found <= depth:
            return f"{name}: not within {found} steps → {found}"
    return ""


def _without(search: Search, guard: Guard) -> Iterator[tuple[str, int | None]]:
    """What is found of each property without that guard: in how many steps it is violated."""
    if search.safety:
        found = explore(
            search.world,
            search.system,
            search.safety,
            dropped=[guard],
            max_states=_MOST,
            memory=_MEMORY,
            wait=search.patient,
        )
        yield from ((each.property, each.steps) for each in found.findings)
    if search.runs:
        try:
            states = States(
                search.world,
                search.system,
                dropped=[guard],
                max_states=_MOST,
                memory=_MEMORY,
                wait=search.patient,
            )
        except Cut:
            return
        for prop in search.runs:
            run = decide(states, prop).run
            yield prop.name, None if run is None else len(run.moves)


def refused(recording: str, system: str) -> list[Guard]:
    """The guards that stand in the way of a recording; none: it conforms, or nobody knows."""
    (verdict,) = replay(read([RECORDINGS / recording]), [system], properties=()).fences
    return sorted({(each.transition, each.guard) for each in verdict.refused_by})


def accepted(recording: str, system: str, guard: Guard) -> bool:
    """Does a recording that is refuted conform without the guard?"""
    (verdict,) = replay(read([RECORDINGS / recording]), [system], properties=(), dropped=[guard]).fences
    return verdict.conforms is True


def by_guard(found: Iterable[Sequence[str]]) -> dict[Guard, list[str]]:
    """Triples of transition, label and what needs it: by guard, all that does."""
    by: dict[Guard, list[str]] = defaultdict(list)
    for transition, label, what in found:
        by[transition, label].append(what)
    return dict(by)

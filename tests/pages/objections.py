"""What objects when a guard is dropped: a proof, a statement about the model, a search, a recording.

Each answer is kept in a folder, as JSON, so that what was found is not looked for again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tsofence.checker.proof.induct import Induction
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import Exploration
from tsofence.model.builds import known as builds
from tsofence.model.language.instance import Configuration
from tsofence.model.pd import system as model
from tsofence.model.variants import fences
from tsofence.specs import scenario
from tsofence.specs.assumptions import assumption
from tsofence.specs.lemmas import enough
from tsofence.specs.properties import PROPERTIES
from tsofence.traces.explain.replay import replay
from tsofence.traces.sources.reading import read

from .statements import Guard, steps

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "tests" / "recordings"

#: every build, and the fences on the base that have all guards which fences add
FENCES = ("check-tso-primary", "yielded-flag", "etcd-transfer", "save-cas", fences.ALL[-1])
#: builds whose saves compare no leader: by themselves `unique` is not proved, with this it is
REPAIRED, REPAIR = ("release-7.5", "release-8.5"), "save-cas"
#: of which no statement is asked: z3 gives up on many, each after seconds
UNSTATED = ("release-6.5",)
#: the base first, then from the newest build on: what is said of a guard is said of the first that has it
SYSTEMS = (
    fences.NONE,
    *(fences.of_build(b, fences.NONE) for b in reversed(builds.SHIPPED) if b != builds.DEFAULT),
    *FENCES,
)

#: where a guard may be missed: scenario and system
SEARCHES = (
    ("rolling-upgrade", "check-tso-primary"),
    ("pd-failover", "off"),
    ("lost-answer", "save-cas"),
    ("registry-lag", "pull-8780"),
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
    for prop in PROPERTIES:
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


def baseline(place: str, system: str) -> dict[str, Any]:
    """What a search finds with all guards: steps by property (None: it holds, or nothing tests it; absent:
    unknown), and the guards that refused something: without another one the search would be the same."""
    found = explore(scenario.load(place), system, PROPERTIES, memory=_MEMORY)
    idle = set(found.never_refused)
    made = scenario.load(place).configuration(fences.parse(system))
    busy = {
        (each.name, label)
        for each in made.transitions
        for number in made.numbers(each.rule.kind)
        for label in each.step.guard
        if f"{_who(each.name, number, made)}: {label}" not in idle
    }
    return {"steps": _steps(found), "busy": sorted(busy)}


def _who(name: str, number: int, made: Configuration) -> str:
    """A transition as a search calls it."""
    return f"{name}@{made.kinds[number - 1].name.lower()}" if number else name


def _steps(found: Exploration) -> dict[str, int | None]:
    """By property; what is unknown is left out."""
    return {each.property: each.steps for each in found.findings if each.verdict != "unknown"}


def missed(place: str, system: str, guard: Guard, before: dict[str, int | None]) -> str:
    """What a search without the guard finds that one with it does not; nothing: the empty text.

    Nothing is proved of how the smaller search folds times: what it finds is a run all the same, which the
    plain interpreter has taken.
    """
    found = explore(
        scenario.load(place),
        system,
        [prop for prop in PROPERTIES if prop.name in before],
        dropped=[guard],
        max_states=_MOST,
        memory=_MEMORY,
        wait=False,
    )
    for each in found.findings:
        steps = before[each.property]
        if each.steps is not None and (steps is None or each.steps < steps):
            return f"{each.property}: {'holds' if steps is None else steps} → {each.steps}"
    return ""


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

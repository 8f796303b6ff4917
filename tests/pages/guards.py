"""docs/guards.md: every guard, the proofs that need it, and what else objects when it is dropped.

`python -m tests.pages.guards [DIR]`: what is found is kept in that folder, and not looked for again.  Without
it, what searches and recordings found before is taken from the page, and of other guards only looked for.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tsofence.model.builds import known as builds
from tsofence.model.pd import system as model
from tsofence.model.variants import fences

from . import objections, statements
from .objections import REPAIR, REPAIRED, SYSTEMS, UNSTATED, Kept, by_guard
from .page import Page
from .reasons import UNKNOWN, reason
from .redundant import redundant
from .statements import Guard

PAGE = objections.ROOT / "docs" / "guards.md"
BY_BUILD, TABLE, UNNOTICED = "By build", "Every guard", "What nothing notices"

#: in the columns of the table: a proof needs it, a statement about the model does, it is there
PROOF, STATEMENT, THERE = "●", "○", "·"


@dataclass
class Found:
    """All that was found: by system its guards, and by guard who needs it there; and what else objects."""

    there: dict[str, list[Guard]]
    proofs: dict[str, dict[Guard, list[str]]]
    statements: dict[str, dict[Guard, list[str]]]
    noticed: dict[Guard, str] = field(default_factory=dict)
    redundant: dict[Guard, tuple[str, str]] = field(default_factory=dict)

    @property
    def every(self) -> list[Guard]:
        """Every guard of any build and fence, in the order of the transitions."""
        return list(dict.fromkeys(guard for of_one in self.there.values() for guard in of_one))

    def left(self) -> list[Guard]:
        """Those that nothing has noticed so far."""
        gone = {*self.noticed, *_anywhere(self.proofs), *_anywhere(self.statements)}
        return [guard for guard in self.every if guard not in gone]

    def open(self) -> list[Guard]:
        """Those of them that nobody knows a reason for."""
        known = {*self.redundant}
        for system, those in self.first_in(self.left()).items():
            steps = {each.name: each for each in model.transitions(fences.whole(system))}
            known |= {guard for guard in those if reason(guard, steps) != UNKNOWN}
        return [guard for guard in self.left() if guard not in known]

    def first_in(self, guards: Iterable[Guard]) -> dict[str, list[Guard]]:
        """These guards by the first system that has them."""
        of_system: dict[str, list[Guard]] = {}
        for guard in guards:
            system = next(name for name, there in self.there.items() if guard in there)
            of_system.setdefault(system, []).append(guard)
        return of_system


def _anywhere(needs: Mapping[str, Mapping[Guard, Sequence[str]]]) -> dict[Guard, list[str]]:
    """By guard, who needs it under any system."""
    found: dict[Guard, dict[str, None]] = {}
    for of_one in needs.values():
        for guard, names in of_one.items():
            found.setdefault(guard, {}).update(dict.fromkeys(names))
    return {guard: list(names) for guard, names in found.items()}


def repaired(build: str) -> list[str]:
    """A build by itself and, of some, with what repairs it: the systems whose proofs are its."""
    with_it = (fences.NONE, REPAIR) if build in REPAIRED else (fences.NONE,)
    return [fences.of_build(build, fence) for fence in with_it]


def noticed(page: Page) -> dict[Guard, str]:
    """By guard, what a search or a recording noticed of it, as the page has it."""
    found: dict[Guard, str] = {}
    for line in page.sections.get(TABLE, "").splitlines():
        if line.startswith("| `"):
            first, *_, what = line.strip("| ").split(" | ")
            transition, _, label = first.strip("`").partition(":")
            if what.startswith(("`", "recording ")):
                found[transition, label] = what
    return found


def find(kept: Kept, before: Mapping[Guard, str]) -> Found:
    """Everything, the cheapest first; ``before``: what was noticed before."""
    proved = dict.fromkeys([*SYSTEMS, *(name for build in builds.SHIPPED for name in repaired(build))])
    stated = {
        name: by_guard(kept.once(f"statements {name}", partial(statements.needed, name)))
        for name in SYSTEMS
        if name not in UNSTATED
    }
    proofs = {
        name: by_guard(kept.once(f"proofs {name}", partial(objections.proofs, name))) for name in proved
    }
    found = Found({name: objections.guards(name) for name in SYSTEMS}, proofs, stated, dict(before))
    _shown(found, kept)
    for notice in (_replayed, _searched):
        if found.open():
            notice(found, kept)
    return found


def _shown(found: Found, kept: Kept) -> None:
    """Without which nothing changes."""
    for system, those in found.first_in(found.left()).items():
        shown = kept.once(f"redundant {system}", partial(_redundant, system, those))
        found.redundant |= {(step, label): (why, same) for step, label, why, same in shown}


def _redundant(system: str, those: Sequence[Guard]) -> list[tuple[str, str, str, str]]:
    return redundant(statements.kept(system), those)


def _searched(found: Found, kept: Kept) -> None:
    """What searches find without a guard."""
    for search in objections.SEARCHES:
        before = kept.once(search.name, partial(objections.baseline, search))
        busy = search.guards if before["busy"] is None else {(name, label) for name, label in before["busy"]}
        for guard in [each for each in found.open() if each in busy]:
            ask = partial(objections.missed, search, guard, before)
            if what := kept.once(f"{search.name} {':'.join(guard)}", ask):
                found.noticed[guard] = f"`{search.place}`, {search.system}: {what}"


def _replayed(found: Found, kept: Kept) -> None:
    """Which recordings are then believed of the wrong build."""
    for recording, system in objections.REFUTED:
        in_the_way = kept.once(f"replay {recording} {system}", partial(objections.refused, recording, system))
        for guard in [each for each in found.open() if list(each) in in_the_way]:
            ask = partial(objections.accepted, recording, system, guard)
            if kept.once(f"replay {recording} {system} {':'.join(guard)}", ask):
                found.noticed[guard] = f"recording `{recording}` is refuted under {system}, and conforms then"


def by_build(found: Found) -> Iterator[str]:
    """How many guards each build has, and how many of them its proofs and statements need."""
    yield "| build | guards | its proofs need | statements need, beside these | neither |"
    yield "|---|---|---|---|---|"
    for build in builds.SHIPPED:
        there = set(found.there[fences.of_build(build, fences.NONE)])
        proved, stated = there & _proved(found, build), there & _stated(found, build)
        rest = there - proved - stated
        beside = "not asked" if fences.of_build(build, fences.NONE) in UNSTATED else len(stated - proved)
        yield f"| {build} | {len(there)} | {len(proved)} | {beside} | {len(rest)} |"


def _proved(found: Found, build: str) -> set[Guard]:
    return {guard for name in repaired(build) for guard in found.proofs[name]}


def _stated(found: Found, build: str) -> set[Guard]:
    return set(found.statements.get(fences.of_build(build, fences.NONE), ()))


def table(found: Found) -> Iterator[str]:
    """Every guard: what it is for in each build, and what objects."""
    yield f"| guard | {' | '.join(builds.SHIPPED)} | what objects |"
    yield f"|---{'|---' * len(builds.SHIPPED)}|---|"
    proved, stated = _anywhere(found.proofs), _anywhere(found.statements)
    of_build = [
        (set(found.there[fences.of_build(build, fences.NONE)]), _proved(found, build), _stated(found, build))
        for build in builds.SHIPPED
    ]
    for guard in found.every:
        marks = (
            PROOF if guard in needs else STATEMENT if guard in states else THERE if guard in there else ""
            for there, needs, states in of_build
        )
        if guard in proved:
            what = f"proof of {', '.join(proved[guard])}"
        elif guard in stated:
            what = stated[guard][0]
        else:
            what = found.noticed.get(
                guard, "nothing changes" if guard in found.redundant else "nothing, see below"
            )
        yield f"| {spelled(guard)} | {' | '.join(marks)} | {what} |"


def spelled(guard: Guard) -> str:
    """As ``--drop`` takes it."""
    return f"`{':'.join(guard)}`"


def unnoticed(found: Found) -> Iterator[str]:
    """What is left, by the reason why nothing notices it."""
    by_reason: dict[str, list[str]] = {}
    for system, guards in found.first_in(found.left()).items():
        steps = {each.name: each for each in model.transitions(fences.whole(system))}
        for guard in guards:
            why, same = found.redundant.get(guard) or (reason(guard, steps), "")
            by_reason.setdefault(why, []).append(spelled(guard) + (f" ({same})" if same else ""))
    for why, those in sorted(by_reason.items(), key=lambda each: each[0] == UNKNOWN):
        yield f"**{why}** ({len(those)})"
        yield ""
        yield ", ".join(those) + "."
        yield ""


def main(arguments: Sequence[str]) -> int:
    """Write the page."""
    page = Page.read(PAGE)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(arguments[0]) if arguments else Path(scratch)
        found = find(Kept(folder), {} if arguments else noticed(page))
    for name, lines in ((BY_BUILD, by_build), (TABLE, table), (UNNOTICED, unnoticed)):
        page.sections[name] = "\n".join(lines(found)).strip("\n")
    page.write(PAGE, (BY_BUILD, TABLE, UNNOTICED))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

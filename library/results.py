"""What the functions find, as data: verdicts, runs and, of a scenario, the graph of its states."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..checker import run as taking
from ..checker.search.findings import Exploration
from ..model.language.variant import Variant
from ..model.variants import fences
from ..specs.scenario import Scenario
from ..traces.explain.replay import Report
from ..traces.output.document import Document
from ..traces.output.terminal import Terminal, one_line
from ..traces.output.writing import write
from ..traces.page import pages
from ..traces.questions.ask import Asked
from ..traces.runs import files
from ..traces.runs import rerun as running
from ..traces.sources.naming import Places
from ..traces.story import show
from ..traces.story.stopped import what_stands_there, why_it_stops
from ..traces.tell import results
from ..traces.tell.names import Names
from ..traces.tell.replayed import observed
from . import tables

if TYPE_CHECKING:  # these come with z3 and scipy, which take long to import
    from ..checker.graph.states import StateGraph
    from ..checker.proof.attempt import Proof

#: fences and builds that only this process knows, as they were when something was found under them
Here = tuple[tuple[Variant, fences.What], ...]


def _known(here: Here) -> None:
    for variant, what in here:
        fences.add(variant, what)


@dataclass(frozen=True)
class Run:
    """A run of the system, which the plain interpreter has taken step by step.

    ``steps`` is what it takes (`tsofence.checker.run.Run`). `str` tells it as the terminal does.
    """

    steps: taking.Run
    here: Here = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.steps.moves)

    @property
    def title(self) -> str:
        """In a few words, where it comes from."""
        return self.steps.title

    @property
    def fence(self) -> str:
        """The fence, or the build and the fence joined with ``+``."""
        return self.steps.fence

    @property
    def breaks(self) -> str | None:
        """The property that it breaks, if any."""
        return self.steps.breaks

    def to_dict(self) -> dict[str, Any]:
        """The run in words, with where its end comes from: what `show --to json` writes."""
        _known(self.here)
        return show.data(self.steps).plain()

    def html(self) -> str:
        """The page of the run: what `show --to html` writes."""
        _known(self.here)
        return pages.of_run(self.steps)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as a file that `load_run`, `replay` and the command line read.

        Raises:
            BadInput: the file cannot be written.
        """
        write(tables.path(path), files.dumps(self.steps))

    def __str__(self) -> str:
        _known(self.here)
        told = io.StringIO()
        Terminal(file=told).print(show.text(self.steps))
        return told.getvalue()

    def _repr_html_(self) -> str:
        return tables.frame(self.html())


@dataclass(frozen=True)
class Finding:
    """What became of one property, by ``name``.

    ``system`` is the build and fence (None: a recording as it is), ``verdict`` violated, holds, proved,
    vacuous or unknown; ``note`` what a reader needs beside it; ``run`` shows it.
    """

    system: str | None
    name: str
    verdict: str
    note: str = ""
    run: Run | None = None

    @property
    def holds(self) -> bool:
        """It was shown to hold. Neither vacuous nor unknown is that."""
        return self.verdict in ("holds", "proved")

    @property
    def violated(self) -> bool:
        """It was shown to be violated."""
        return self.verdict == "violated"

    def __str__(self) -> str:
        under = "" if self.system is None else f" under {self.system}"
        steps = "" if self.run is None or not self.violated else f" in {len(self.run)} steps"
        return one_line(f"{self.name}{under}: {self.verdict}{steps}{self.note and ': '}{self.note}")


class Result(Sequence[Finding]):
    """Findings, one a property and system."""

    def __init__(self, found: Iterable[Finding], document: Document) -> None:
        self._found, self._document = tuple(found), document

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, which: Any) -> Any:
        return self._found[which]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found)

    @property
    def holds(self) -> bool:
        """Every property was shown to hold; where one is vacuous or unknown, nothing holds."""
        return bool(self._found) and all(each.holds for each in self._found)

    @property
    def violated(self) -> tuple[Finding, ...]:
        """The properties that were shown to be violated; empty, and so false, if none was."""
        return tuple(each for each in self._found if each.violated)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that were found."""
        return tuple(each.run for each in self._found if each.run is not None)

    def to_dict(self) -> dict[str, Any]:
        """What `--json` writes; `tsofence list schema` has its schema."""
        return self._document.plain()

    def __str__(self) -> str:
        return "\n".join(map(str, self._found))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {'; '.join(map(str, self._found))}>"

    def _repr_html_(self) -> str:
        return tables.matrix((each.system or "", each.name, _cell(each)) for each in self._found)


def _cell(found: Finding) -> str:
    steps = f" in {len(found.run)} steps" if found.run is not None and found.violated else ""
    return f"{found.verdict}{steps}"


class Searched(Result):
    """A scenario explored under one build and fence."""

    def __init__(
        self, scenario: Scenario, found: Exploration, dropped: Sequence[tuple[str, str]], here: Here
    ) -> None:
        super().__init__(
            (
                Finding(
                    found.fence,
                    each.property,
                    each.verdict,
                    each.note or ("; ".join(found.cut_by) if each.verdict == "unknown" else ""),
                    None if each.run is None else Run(each.run, here),
                )
                for each in found.findings
            ),
            results.explored(scenario.name, [found], {}),
        )
        self.scenario, self.exploration = scenario, found
        self._dropped, self._here = tuple(dropped), here

    @property
    def system(self) -> str:
        """The build and fence."""
        return self.exploration.fence

    @property
    def states(self) -> int:
        """How many were found."""
        return self.exploration.states

    @property
    def complete(self) -> bool:
        """Every reachable state was expanded."""
        return self.exploration.complete

    @cached_property
    def graph(self) -> StateGraph:
        """Every reachable state and every step as a networkx graph, made by a search of its own.

        It has all states, also where the search was ended by a violation; times are folded, nothing else is
        left out, and what clients got is not remembered.

        Raises:
            ValueError: more states than memory holds.
        """
        from ..checker.graph.states import StateGraph
        from ..checker.liveness.liveness import Cut, States
        from ..checker.search.explore import MAX_STATES
        from ..checker.search.memory import default_bound

        _known(self._here)
        try:
            found = States(
                self.scenario,
                self.system,
                dropped=self._dropped,
                max_states=MAX_STATES,
                memory=default_bound(),
            )
        except Cut as cut:
            raise ValueError(str(cut)) from None
        return StateGraph.of(found.graph, found.engine, self.scenario.server_names)


class Explored(Result):
    """A scenario explored, under one fence or several: ``result["save-cas"]`` is what was found under one."""

    def __init__(
        self,
        scenario: Scenario,
        found: Sequence[Exploration],
        dropped: Sequence[tuple[str, str]] = (),
        here: Here = (),
    ) -> None:
        self.searched = tuple(Searched(scenario, each, dropped, here) for each in found)
        self.scenario = scenario
        super().__init__(
            (finding for each in self.searched for finding in each),
            results.explored(scenario.name, found, {}),
        )

    def __getitem__(self, which: Any) -> Any:
        if not isinstance(which, str):
            return super().__getitem__(which)
        by_name = {each.system: each for each in self.searched}
        if which not in by_name:
            raise KeyError(f"nothing was explored under {which!r}, only {', '.join(by_name)}")
        return by_name[which]

    @property
    def graph(self) -> StateGraph:
        """The graph of the one fence that was explored; see `Searched.graph`.

        Raises:
            ValueError: there are several, each with its own: ``result["off"].graph``.
        """
        if len(self.searched) != 1:
            systems = [each.system for each in self.searched]
            raise ValueError(f'each of {", ".join(systems)} has its own: result["{systems[0]}"].graph')
        return self.searched[0].graph


class Proved(Result):
    """Properties proved for any number of servers, or not: ``proofs`` has their obligations."""

    def __init__(self, found: Sequence[Proof], here: Here = ()) -> None:
        self.proofs = tuple(found)
        super().__init__(
            (
                Finding(
                    each.fence,
                    each.property,
                    each.verdict,
                    each.note,
                    None if each.counterexample is None else Run(each.counterexample, here),
                )
                for each in found
            ),
            results.proved(found, {}),
        )


class Replayed(Result):
    """A recording judged: ``report`` has all that was found, ``because`` says what went wrong, and why."""

    def __init__(
        self, found: Report, asked: Asked, places: Places, here: Here = (), because: Sequence[str] = ()
    ) -> None:
        self.report = found
        self.because = tuple(because)
        super().__init__(
            (Finding(None, each.property, each.verdict, each.note) for each in found.properties),
            results.replayed(found, asked, places, because),
        )
        self._explained = {each.fence: Run(each.run, here) for each in found.fences if each.run is not None}

    @property
    def conforms(self) -> Mapping[str, bool | None]:
        """By build and fence, whether the recording is one of its behaviours; None: that is unknown."""
        return {each.fence: each.conforms for each in self.report.fences}

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that explain it."""
        return tuple(self._explained.values())

    def shown(self, name: str) -> tuple[str, ...]:
        """How often a property is violated, and two observations that show it, the earlier first.

        Raises:
            KeyError: the recording was not asked for it.
        """
        judged = {each.property: each for each in self.report.properties}[name]
        names = Names([source.file for source in self.report.sources])
        seen = (one_line(observed(each, names)) for each in dict.fromkeys(judged.witness or ()))
        return (f"{judged.count} times", *seen) if judged.count else ()

    def why(self, system: str) -> str:
        """Why it does not conform, or why that is unknown, in a sentence; empty, if it conforms.

        Raises:
            KeyError: it was not judged under that system.
        """
        by_name = {each.fence: each for each in self.report.fences}
        verdict = by_name[system]
        if verdict.conforms:
            return ""
        if verdict.conforms is None or verdict.stopped_at is None:
            return one_line(verdict.note)
        there = f"{verdict.stopped_at}: nothing explains {what_stands_there(verdict)}"
        return one_line(". ".join(filter(None, (there, why_it_stops(verdict)))))

    def __str__(self) -> str:
        words = {True: "conforms", False: "does not conform", None: "unknown"}
        lines = []
        for system, conforms in self.conforms.items():
            why = self.why(system)
            lines.append(f"{system}: {words[conforms]}{why and ': '}{why}")
        return "\n".join((*lines, super().__str__()))

    def _repr_html_(self) -> str:
        words = {True: "conforms", False: "does not conform", None: "unknown"}
        rows = [(name, "conforms", words[conforms]) for name, conforms in self.conforms.items()]
        rows += [("the recording", each.name, _cell(each)) for each in self]
        return tables.matrix(rows)


class Rerun(Result):
    """Run files judged again: ``allowed`` says by file and fence whether it allows every step."""

    def __init__(self, found: Mapping[str, running.Rerun]) -> None:
        super().__init__(
            (
                Finding(each.run.fence, judged.property, judged.verdict, judged.note, Run(each.run))
                for each in found.values()
                for judged in each.properties
            ),
            results.rerun(found),
        )
        self.allowed = {
            (file, verdict.fence): verdict.allows for file, each in found.items() for verdict in each.fences
        }

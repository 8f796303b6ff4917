"""A property proved under a fence, or why not: from lemmas that there are or are found, or by a real run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ...model.language.smt import Unsaid
from ...model.language.variant import Variant
from ...specs.assumptions import Assumption
from ...specs.constraints import Constraint
from ...specs.lemmas import Lemma, enough
from ...specs.properties import Property
from ..run import Run
from . import houdini
from .counterexample import Counterexample
from .induct import SOLVER, VERSION, Before, Induction, Obligation
from .runs import Looked, Runs
from .witness import confirm, step_of

#: progress(obligations done, all of them, the one just done)
ProgressFunction = Callable[[int, int, str], None]
_LOOKING = "looking for a run from a first state"


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one property under one fence, in ``seconds`` that the caller waited.

    ``verdict``: proved, vacuous (proved, but no step meets its premise), violated, unknown.
    ``nodes``: how many servers, None for any number.  ``constraints``: on constants, needed by what was
    proved.  ``never_fires``: transitions that the lemmas exclude; ``undecided``: those of which z3 could
    not tell.  ``counterexample``: a real run where violated, else one to induction, if any.
    """

    fence: str
    property: str
    verdict: str
    nodes: int | None
    assumptions: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    seconds: float
    counterexample: Run | None = None
    constraints: tuple[Constraint, ...] = ()
    never_fires: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    note: str = ""
    #: those from which it was to follow, and whether they are shipped, given or found; guards that were left
    #: out; who proved it: name and version
    lemmas: tuple[Lemma, ...] = ()
    lemmas_are: str = "shipped"
    dropped: tuple[tuple[str, str], ...] = ()
    solver: tuple[str, str] = (SOLVER, VERSION)
    #: of liveness: what else is taken for granted, in words
    rests_on: tuple[str, ...] = ()
    #: where unknown: how far each scenario was looked at for a run
    looked: tuple[Looked, ...] = ()


def proved(
    fence: Variant,
    prop: Property,
    assumptions: Sequence[Assumption],
    nodes: int | None,
    dropped: tuple[tuple[str, str], ...],
    before: Before,
) -> Proof | None:
    """A proof from the lemmas that there are; None: they prove nothing."""
    attempt = Attempt(fence, prop, assumptions, nodes, dropped, Runs(fence.name), before)
    return attempt.proved()


class _Overtaken(Exception):
    """There is a run: no lemmas are needed any more."""


@dataclass(slots=True)
class Attempt:
    """A proof under way: ``doing`` is what Ctrl-C would interrupt once every obligation is decided."""

    fence: Variant
    prop: Property
    assumptions: Sequence[Assumption]
    nodes: int | None
    dropped: tuple[tuple[str, str], ...]
    runs: Runs
    before: Before
    given: Sequence[Lemma] | None = None
    lemmas_are: str = "shipped"
    obligations: list[Obligation] = field(default_factory=list)
    failures: list[Counterexample] = field(default_factory=list)
    doing: str = ""
    began: float = field(default_factory=time.monotonic)
    induction: Induction = field(init=False)

    def __post_init__(self) -> None:
        if self.given is not None:
            self.lemmas_are = "given"
        self._begin(self.given)

    def _begin(self, lemmas: Sequence[Lemma] | None) -> None:
        self.induction = Induction(
            self.fence, self.prop, self.assumptions, self.nodes, self.dropped, lemmas, self.before
        )
        self.obligations.clear()

    def proved(self) -> Proof | None:
        """What is proved from the lemmas that there are."""
        return self._proved() if self._decided(None) else None

    def result(self, progress: ProgressFunction | None) -> Proof:
        """Decide all of it."""
        self.began = time.monotonic()
        try:
            if self._decided(progress):
                self.runs.forget(self.prop)
                return self._proved()
        except Unsaid as error:
            return self._unsaid(error)
        taken = [assumed.name for assumed in self.assumptions]
        missing = [f"--assume {name}" for name in enough(self.fence, self.prop.name) if name not in taken]
        hint = f"; to be proved with {' '.join(missing)}" if missing and not self.dropped else ""
        # What does not hold mostly shows soon; lemmas are looked for while the search for a run goes on.
        self.doing = _LOOKING
        run = self.runs.few(self.prop)
        if run is None:
            found, instead = self._found(progress)
            if found is not None:
                return found
            self.doing = _LOOKING
            run = self.runs.many(self.prop)
            hint = instead + self.runs.trouble + hint
        if run is not None:
            return self._proof("violated", "a run from a first state" + hint, run)
        if not self.failures:
            return self._proof("unknown", "z3 gave up on an obligation" + hint)
        # The property itself says more than a lemma that is not kept.
        why = next((why for why in self.failures if why.lemma is None), self.failures[0])
        run = step_of(why, self.fence.name, self.prop, self.dropped)
        confirm(run, self.induction.lemmas, why.lemma, self.prop)
        note = f"{run.title}; its first state may be one that no run reaches{hint}"
        return self._proof("unknown", note, run)

    def _unsaid(self, error: Unsaid) -> Proof:
        """What there is no proof of may still be violated."""
        self.doing = _LOOKING
        run = self.runs.few(self.prop)
        if run is not None:
            return self._proof("violated", "a run from a first state", run)
        note = f"there is no proof of what {error}; ask for a number of servers (--nodes 3), or explore"
        return self._proof("unknown", note + self.runs.trouble)

    def _decided(self, progress: ProgressFunction | None) -> bool:
        """Whether every obligation is proved."""
        total = len(self.induction)
        for decided in self.induction.decide():
            self.obligations.append(decided.obligation)
            if decided.why is not None:
                self.failures.append(decided.why)
            if progress is not None:
                name = f"{decided.obligation.transition}: {decided.obligation.lemma}"
                progress(len(self.obligations), total, name)
        return all(obligation.result == "proved" for obligation in self.obligations)

    def _found(self, progress: ProgressFunction | None) -> tuple[Proof | None, str]:
        """A proof from lemmas that are found; None, and what is to be said of that, if there are none."""
        if self.given is not None:
            return None, ""
        self.doing = "looking for lemmas"

        def tell(name: str) -> None:
            if self.runs.by_now(self.prop) is not None:
                raise _Overtaken
            if progress is not None:
                progress(0, 0, name)

        try:
            lemmas = houdini.find(self.fence, self.prop, self.assumptions, self.nodes, self.dropped, tell)
        except _Overtaken:
            return None, ""
        except houdini.OutOfTime:
            return None, "; no lemmas were found in time"
        if lemmas is None:
            return None, "; no lemmas were found either"
        before = self.induction, list(self.obligations), list(self.failures)
        self._begin(lemmas)
        self.lemmas_are, self.doing = "found", ""
        if self._decided(progress):
            self.runs.forget(self.prop)
            return self._proved(), ""
        self.induction, self.obligations, self.failures = before
        return None, "; lemmas were found, but z3 gave up on an obligation"

    def interrupted(self) -> Proof:
        """What Ctrl-C leaves."""
        done, total = len(self.obligations), len(self.induction)
        how_far = f"after {done} of {total} obligations" if not self.doing else f"while {self.doing}"
        return self._proof("unknown", f"interrupted {how_far}")

    def _proved(self) -> Proof:
        """All obligations are: what does that rest on, and does it say anything?"""
        self.doing = "asking which steps can happen, all obligations being proved"
        tested = self.induction.is_tested()
        possible = self.induction.possible()
        self.doing = "asking which constraints are needed, all obligations being proved"
        constraints = self.induction.constraints()
        verdict, note = {
            True: ("proved", ""),
            False: ("vacuous", "no step meets its premise"),
            None: ("unknown", "no step breaks it, but z3 gave up on whether any meets its premise"),
        }[tested]
        return self._proof(verdict, note, constraints=constraints, possible=possible)

    def _proof(
        self,
        verdict: str,
        note: str,
        run: Run | None = None,
        *,
        constraints: tuple[Constraint, ...] = (),
        possible: Mapping[str, bool | None] = MappingProxyType({}),
    ) -> Proof:
        return Proof(
            self.fence.name,
            self.prop.name,
            verdict,
            self.nodes,
            tuple(assumed.name for assumed in self.assumptions),
            tuple(self.obligations),
            time.monotonic() - self.began,
            run,
            constraints,
            tuple(name for name, can in possible.items() if can is False),
            tuple(name for name, can in possible.items() if can is None),
            note,
            self.induction.lemmas,
            self.lemmas_are,
            self.dropped,
            looked=self.runs.looked(self.prop) if verdict == "unknown" else (),
        )

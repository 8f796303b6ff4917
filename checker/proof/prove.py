"""Proofs for any number of servers, constants within constraints that are named, unbounded time.

A property is `proved` when every first state meets its lemmas, every transition keeps them, and
they and the guards exclude the step that breaks it; what that takes for granted of the constants
is part of the answer.  Where it fails, a real run is looked for; without one the verdict is
`unknown`, and the counterexample is one to induction only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from types import MappingProxyType, TracebackType

from ...model.language.smt import Unsaid
from ...model.language.variant import Variant
from ...specs.assumptions import Assumption, assumption
from ...specs.constraints import Constraint
from ...specs.lemmas import Lemma, enough
from ...specs.liveness import Liveness
from ...specs.properties import Property
from ..interruption import deferred, noted
from ..run import Run
from . import houdini
from .beside import Beside
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


def prove(
    fence: Variant,
    prop: Property | Liveness,
    *,
    assume: Sequence[str] = (),
    nodes: int | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    lemmas: Sequence[Lemma] | None = None,
    progress: ProgressFunction | None = None,
) -> Proof:
    """Prove the property, or show what is in the way.  Ctrl-C leaves what was found so far.

    ``assume`` names assumptions of `specs.lemmas`; ``dropped`` lists guards (transition, label) to
    leave out; ``lemmas``: those from which it is to follow, without any that are known or can be found; of
    no concern to liveness, which follows from a rank.

    Raises:
        ValueError: an unknown assumption, or less than one server.
        KeyError: a guard to drop that does not exist.
    """
    with _Proofs(fence, assume, nodes, dropped, lemmas) as proofs:
        return proofs.proof(prop, progress)


def _lasting(
    fence: Variant,
    prop: Liveness,
    assumptions: Sequence[Assumption],
    nodes: int | None,
    dropped: tuple[tuple[str, str], ...],
    progress: ProgressFunction | None,
) -> Proof:
    from .lasting import prove_lasting  # it comes with the graph of states, which takes long to import

    began = time.monotonic()
    found = prove_lasting(fence, prop, assumptions, nodes, dropped, progress)
    return Proof(
        fence.name,
        prop.name,
        found.verdict,
        nodes,
        tuple(assumed.name for assumed in assumptions),
        found.obligations,
        time.monotonic() - began,
        found.counterexample,
        found.constraints,
        note=found.note,
        lemmas=found.lemmas,
        dropped=dropped,
        rests_on=found.rests_on,
    )


def prove_all(
    asked: Iterable[tuple[Variant, Property | Liveness]],
    *,
    assume: Sequence[str] = (),
    nodes: int | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    lemmas: Sequence[Lemma] | None = None,
    progress: Callable[[str], ProgressFunction] | None = None,
    apart: AbstractContextManager[None] | None = None,
) -> list[Proof]:
    """Prove one after the other; Ctrl-C ends all of them, and what it left undone is `unknown`.

    Those of one system (the same object) that follow each other share what is decided of lemmas, and one
    search for runs.

    ``progress`` is told what is proved next, and gives what is to be told of that.  ``apart`` is entered for
    each proof: an error that it holds back costs that proof alone.

    Raises:
        ValueError: as `prove`.
    """
    found: list[Proof] = []
    with deferred():
        # of one system what was decided counts again: of one and the same, not of one that is called so
        for _, cells in groupby(asked, key=lambda cell: id(cell[0])):
            (fence, first), *others = cells
            wanted = [first, *(prop for _, prop in others)]
            with _Proofs(fence, assume, nodes, dropped, lemmas) as proofs:
                proofs.begin(wanted)
                for prop in wanted:
                    if noted():
                        found.append(proofs.not_begun(prop))
                        continue
                    tell = None if progress is None else progress(f"{prop.name} under {fence.name}")
                    with apart or nullcontext():
                        found.append(proofs.proof(prop, tell))
    return found


class _Proofs:
    """Proofs of one system's properties, beside one search for runs that break any of those in doubt."""

    def __init__(
        self,
        fence: Variant,
        assume: Sequence[str],
        nodes: int | None,
        dropped: Sequence[tuple[str, str]],
        given: Sequence[Lemma] | None,
    ) -> None:
        if nodes is not None and nodes < 1:
            raise ValueError(f"a system has at least one server, not {nodes}")
        self._fence, self._nodes, self._dropped, self._given = fence, nodes, tuple(dropped), given
        self._assumptions = [assumption(name) for name in assume]
        self._runs = Runs(fence.name, self._assumptions, nodes, self._dropped)
        self._before: Before = {}
        self._beside = Beside()

    def begin(self, wanted: Sequence[Property | Liveness]) -> None:
        """Look for runs, for whatever the lemmas leave in doubt."""
        of_safety = [prop for prop in wanted if not isinstance(prop, Liveness)]
        with suppress(KeyboardInterrupt):  # it is noted, so that whoever comes next heeds it
            in_doubt = [prop for prop in of_safety if self._is_in_doubt(prop)]
            self._runs.seek(in_doubt)
            if self._given is None:
                sure = [self._made(prop) for prop in of_safety if prop not in in_doubt]
                self._beside.begin(self._fence.name, sure, self._nodes, self._dropped)

    def __enter__(self) -> _Proofs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runs.close()
        self._beside.close()

    def _made(self, prop: Property) -> Induction:
        return Induction(
            *(self._fence, prop, self._assumptions, self._nodes, self._dropped, self._given, self._before)
        )

    def _is_in_doubt(self, prop: Property) -> bool:
        with suppress(Exception):  # its proof meets the same fault, and tells it
            try:
                return self._made(prop).is_in_doubt()
            except Unsaid:
                return True
        return False

    def proof(self, prop: Property | Liveness, progress: ProgressFunction | None) -> Proof:
        """One of them; Ctrl-C leaves what was found so far."""
        if isinstance(prop, Liveness):
            return _lasting(self._fence, prop, self._assumptions, self._nodes, self._dropped, progress)
        attempt = _Attempt(
            self._fence,
            prop,
            self._assumptions,
            self._nodes,
            self._dropped,
            self._runs,
            self._before,
            self._given,
        )
        try:
            told = self._beside.proof(prop)
            if told is not None:
                return replace(told.whole(attempt.induction), seconds=time.monotonic() - attempt.began)
            return attempt.result(progress)
        except KeyboardInterrupt:
            return attempt.interrupted()

    def not_begun(self, prop: Property | Liveness) -> Proof:
        """What Ctrl-C leaves of one that was to come."""
        return Proof(
            self._fence.name,
            prop.name,
            "unknown",
            self._nodes,
            tuple(each.name for each in self._assumptions),
            (),
            0.0,
            note="interrupted before it began",
        )


def proved(
    fence: Variant,
    prop: Property,
    assumptions: Sequence[Assumption],
    nodes: int | None,
    dropped: tuple[tuple[str, str], ...],
    before: Before,
) -> Proof | None:
    """A proof from the lemmas that there are; None: they prove nothing."""
    attempt = _Attempt(fence, prop, assumptions, nodes, dropped, Runs(fence.name), before)
    return attempt.proved()


class _Overtaken(Exception):
    """There is a run: no lemmas are needed any more."""


@dataclass(slots=True)
class _Attempt:
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

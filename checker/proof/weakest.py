"""What a property needs: the weakest assumptions that are enough, each shown to be needed by a real run.

Assumptions form a lattice: to take more of them for granted leaves fewer runs.  So what is proved under some
holds under more, and a run that breaks a property refutes all that it meets.  All weakest sets that the
lemmas prove are found as MARCO does (Liffiton et al., Constraints 2016): a set of which nothing is known is
made as strong as what is proved leaves room for; it is proved, and then made as weak as the proof allows, or
no set below it can be.  Then of each of these, with one assumption less, a run is looked for that breaks the
property.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations

import z3

from ...model.language.smt import Term
from ...model.language.transition import Transition
from ...model.language.variant import Variant
from ...specs import scenario as scenarios
from ...specs.assumptions import ASSUMPTIONS, EXCLUSIVE, assumption, label, restricted
from ...specs.constraints import CONSTRAINTS
from ...specs.lemmas import Lemma, known_for
from ...specs.properties import Property
from ..interruption import deferred, heed, noted
from ..run import Run
from . import houdini, known
from .attempt import ProgressFunction
from .induct import Induction, Known
from .runs import FEW, MANY, explored
from .witness import met

#: a set of assumptions, by name
Names = frozenset[str]
#: told what is done at the moment
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sufficient:
    """Assumptions under which the property is `proved`, `vacuous` (no step meets its premise) or, where z3
    gave up on that, `unknown`.

    ``without``: by assumption a run that meets the others and breaks the property; None: none was found, so
    it is not known whether the assumption is needed.
    """

    assumptions: tuple[str, ...]
    verdict: str
    lemmas: tuple[Lemma, ...]
    without: Mapping[str, Run | None]


@dataclass(frozen=True, slots=True)
class Weakest:
    """What is known of the lattice for one property under one fence, in ``seconds`` that the caller waited.

    ``sufficient``: the weakest sets, those that prove something first; one of no assumptions: none is needed.
    ``beside``: where none proves anything, the strongest sets that leave something to prove, each with a run
    that meets it; None: none was found.  ``violated``: the shortest of all these runs.
    ``interrupted``: the lattice was left before its end.
    """

    fence: str
    property: str
    sufficient: tuple[Sufficient, ...]
    beside: Mapping[tuple[str, ...], Run | None]
    violated: Run | None
    seconds: float
    interrupted: bool = False


@dataclass(slots=True)
class KnownRuns:
    """Real runs: those that are kept, and those found so far, under any fence."""

    dropped: Sequence[tuple[str, str]] = ()
    found: list[Run] = field(default_factory=list)
    #: in which scenarios, and how often
    fruitful: Counter[str] = field(default_factory=Counter)

    def of(self, fence: str, prop: Property) -> Iterator[Run]:
        """Those that are runs of this fence, and break the property there."""
        kept = (run for run in known.kept() if run.breaks == prop.name)
        for run in (*self.found, *kept):
            theirs = replace(
                run, title=f"{prop.name} under {fence}", fence=fence, dropped=tuple(self.dropped)
            )
            broken = known.taken(theirs, prop)
            if broken is not None:
                yield broken

    def search(
        self, fence: str, prop: Property, taken: Names, but: str | None, states: int, tell: Tell
    ) -> Run | None:
        """Look for another that meets these assumptions, among so many states of each scenario that comes
        with tsofence; ``but``: one that the run does not meet, since it would be enough."""
        for name in sorted(scenarios.names(), key=lambda name: -self.fruitful[name]):
            scenario = scenarios.load(name)
            if but is not None and assumption(but).idle(scenario):
                continue
            # What is idle is left out, so that what is proved of the scenario can be used.
            assumed = [each for each in ASSUMPTIONS if each.name in taken and not each.idle(scenario)]
            tell(f"a run in {name} that meets {_told(taken)}")
            found = explored(scenario, fence, [prop], assumed, self.dropped, states, noted)
            run = found.findings[0].run
            if run is not None:
                self.fruitful[name] += 1
                self.found.append(run)
                return run
        return None


def _told(taken: Collection[str]) -> str:
    return " + ".join(each.name for each in ASSUMPTIONS if each.name in taken) or "nothing in particular"


class _Basis:
    """Lemmas, and under which assumptions they prove the property: each is a guard of every step."""

    def __init__(
        self, fence: Variant, prop: Property, dropped: Sequence[tuple[str, str]], lemmas: Sequence[Lemma]
    ) -> None:
        self._fence, self._prop, self._dropped = fence, prop, dropped
        self.lemmas = lemmas
        self._asked: dict[str, tuple[Known, Term]] = {}
        #: by step, assumptions that are enough for it
        self._enough: dict[str, list[Names]] = {}
        #: which are not
        self._failed: list[Names] = []

    @cached_property
    def _induction(self) -> Induction:
        return self._with(self.lemmas, [each.name for each in ASSUMPTIONS])

    @cached_property
    def _order(self) -> list[Transition]:
        """The steps, those that failed last first."""
        return list(self._induction.transitions)

    @cached_property
    def _begins(self) -> bool:
        return all(each.obligation.result == "proved" for each in self._induction.decide_first())

    def _with(self, lemmas: Sequence[Lemma], names: Collection[str]) -> Induction:
        induction = Induction(self._fence, self._prop, dropped=self._dropped, given=lemmas)
        taken = [each for each in ASSUMPTIONS if each.name in names]
        induction.transitions = restricted(induction.transitions, taken)
        return induction

    def proves(self, taken: Names) -> bool:
        """Do they, with these assumptions?"""
        if any(taken <= failed for failed in self._failed) or not self._begins:
            return False
        for transition in tuple(self._order):
            if any(enough <= taken for enough in self._enough.get(transition.name, ())):
                continue
            if not self._kept(transition, taken):
                self._failed.append(taken)
                self._order.remove(transition)
                self._order.insert(0, transition)
                return False
        return True

    def _kept(self, transition: Transition, taken: Names) -> bool:
        """Does the step keep all lemmas, and not break the property?"""
        known, fails = self._question(transition)
        open_guards = {
            name: literal
            for name, literal in known.guards.items()
            if name not in _LABELS or _LABELS[name] in taken
        }
        with known.supposing(fails):
            if replace(known, guards=open_guards).check(CONSTRAINTS) != z3.unsat:
                return False
            core = known.core()
        needed = {
            _LABELS[name] for name, it in open_guards.items() if name in _LABELS and it.decl().name() in core
        }
        self._enough.setdefault(transition.name, []).append(frozenset(needed))
        return True

    def _question(self, transition: Transition) -> tuple[Known, Term]:
        """What is known before the step, and that something fails after it."""
        if transition.name not in self._asked:
            induction = self._induction
            known = induction.guarded(transition)
            after = induction.after(known, transition)
            broken_by = induction.prop.broken_by(transition)
            fails = [induction.failure(after, lemma) for lemma in induction.lemmas]
            fails += [] if broken_by is None else [known.view.of(broken_by)]
            self._asked[transition.name] = known, z3.Or(fails, induction.world.context)
        return self._asked[transition.name]

    def verdict(self, taken: Names) -> str:
        """Of what they prove: is the property ever put to the test?"""
        tested = self._with(self.lemmas, taken).is_tested()
        return {True: "proved", False: "vacuous", None: "unknown"}[tested]


_LABELS = {label(each.name): each.name for each in ASSUMPTIONS}


@dataclass(slots=True)
class _Lattice:
    """What is known of its sets, as it is gone through."""

    fence: Variant
    prop: Property
    runs: KnownRuns
    always: Names
    given: Sequence[Lemma] | None
    patience: float
    tell: Tell
    bases: list[_Basis] = field(init=False)
    sufficient: list[tuple[Names, str, _Basis]] = field(default_factory=list)
    #: strongest sets that no lemmas prove
    unproved: list[Names] = field(default_factory=list)
    #: runs that break the property, with what each meets
    refuting: list[tuple[Run, Names]] = field(default_factory=list)

    def __post_init__(self) -> None:
        given = self.prop.lemmas if self.given is None else self.given
        sets = [given] if given else known_for(self.fence, self.prop.name)
        self.bases = [_Basis(self.fence, self.prop, self.runs.dropped, lemmas) for lemmas in sets]

    def go_through(self) -> None:
        """All of it."""
        self._prove_what_can_be(self.bases)
        if self._is_enough(self.always):
            return
        for run in self.runs.of(self.fence.name, self.prop):
            self._refutes(run)
        if not self._proves_something():
            for strong in tuple(self.unproved):
                found = None if self._met(strong) else self._found(strong)
                if found is not None:
                    self.unproved.clear()
                    self._prove_what_can_be([found])
        for taken, verdict, _ in self.sufficient:
            if verdict != "vacuous":
                for name in _ordered(taken - self.always):
                    self._met(taken - {name}, name)

    def _proves_something(self) -> bool:
        return any(verdict != "vacuous" for _, verdict, _ in self.sufficient)

    def _prove_what_can_be(self, bases: Sequence[_Basis]) -> None:
        """All weakest sets that are proved from these lemmas."""
        names = [each.name for each in ASSUMPTIONS if each.name not in self.always]
        for size in range(len(names) + 1):
            for chosen in combinations(names, size):
                taken = self.always | set(chosen)
                while self._is_possible(taken) and not self._is_judged(taken):
                    self._judge(taken, bases)

    @staticmethod
    def _is_possible(taken: Names) -> bool:
        return not taken >= EXCLUSIVE

    def _is_judged(self, taken: Names) -> bool:
        return self._is_enough(taken) or any(taken <= strong for strong in self.unproved)

    def _is_enough(self, taken: Names) -> bool:
        return any(known <= taken for known, _, _ in self.sufficient)

    def _judge(self, taken: Names, bases: Sequence[_Basis]) -> None:
        """This set or one that is stronger."""
        heed()
        # Mostly nothing is needed, or all is.
        strong = taken if any(basis.proves(taken) for basis in bases) else self._strongest(taken)
        self.tell(f"{self.prop.name}: what is enough of {_told(strong)}")
        basis = next((basis for basis in bases if basis.proves(strong)), None)
        if basis is None:
            self.unproved.append(strong)
            return
        for name in reversed(_ordered(strong - self.always)):
            if any(each.proves(strong - {name}) for each in bases):
                strong -= {name}
        basis = next(each for each in bases if each.proves(strong))
        self.sufficient.append((strong, basis.verdict(strong), basis))

    def _strongest(self, taken: Names) -> Names:
        """As many assumptions more as leave it open whether they are enough."""
        for each in ASSUMPTIONS:
            more = taken | {each.name}
            if self._is_possible(more) and not self._is_enough(more):
                taken = more
        return taken

    def _refuted(self, taken: Names) -> Run | None:
        """A shortest known run that meets all of these."""
        fitting = (run for run, meets in self.refuting if taken <= meets)
        return min(fitting, key=lambda run: len(run.moves), default=None)

    def _refutes(self, run: Run) -> None:
        self.refuting.append((run, met(run, ASSUMPTIONS)))

    def _met(self, taken: Names, but: str | None = None) -> bool:
        """Whether there is a run that meets these; with that one more they would be enough."""
        for states in (FEW, MANY):
            if self._refuted(taken) is not None:
                return True
            run = self.runs.search(self.fence.name, self.prop, taken, but, states, self.tell)
            if run is not None:
                self._refutes(run)
        return self._refuted(taken) is not None

    def _found(self, taken: Names) -> _Basis | None:
        """Lemmas found for it."""
        if self.given is not None:
            return None
        assumed = [each for each in ASSUMPTIONS if each.name in taken]
        dropped = self.runs.dropped
        try:
            found = houdini.find(self.fence, self.prop, assumed, None, dropped, self.tell, self.patience)
        except houdini.OutOfTime:
            return None
        return None if found is None else _Basis(self.fence, self.prop, dropped, found)

    def result(self, seconds: float, *, interrupted: bool) -> Weakest:
        """What is known of the lattice."""
        found = [self._told(*each) for each in sorted(self.sufficient, key=lambda each: len(each[0]))]
        beside = (
            {}
            if self._proves_something()
            else {_ordered(each): self._refuted(each) for each in self.unproved}
        )
        return Weakest(
            self.fence.name,
            self.prop.name,
            tuple(sorted(found, key=lambda each: each.verdict == "vacuous")),
            beside,
            self._refuted(self.always),
            seconds,
            interrupted,
        )

    def _told(self, taken: Names, verdict: str, basis: _Basis) -> Sufficient:
        without = {name: self._refuted(taken - {name}) for name in _ordered(taken - self.always)}
        return Sufficient(_ordered(taken), verdict, tuple(basis.lemmas), without)


def _ordered(taken: Names) -> tuple[str, ...]:
    return tuple(each.name for each in ASSUMPTIONS if each.name in taken)


def weakest(
    fence: Variant,
    prop: Property,
    *,
    assume: Collection[str] = (),
    lemmas: Sequence[Lemma] | None = None,
    runs: KnownRuns | None = None,
    patience: float = 20.0,
    tell: Tell = lambda _: None,
) -> Weakest:
    """The weakest assumptions beside ``assume`` under which the property is proved, for any number of
    servers.

    ``runs``: what was found before, to which it adds.  ``lemmas``: from these, without any that are known or
    can be found.  ``patience``: seconds of the processor for which lemmas are looked for, each time there is
    neither a proof nor a run.  Ctrl-C leaves what was found so far.

    Raises:
        ValueError: an unknown assumption.
    """
    began = time.monotonic()
    for name in assume:
        assumption(name)
    lattice = _Lattice(fence, prop, runs or KnownRuns(), frozenset(assume), lemmas, patience, tell)
    interrupted = False
    try:
        lattice.go_through()
    except KeyboardInterrupt:
        interrupted = True
    return lattice.result(time.monotonic() - began, interrupted=interrupted)


def all_weakest(
    asked: Iterable[tuple[Variant, Property]],
    *,
    assume: Collection[str] = (),
    dropped: Sequence[tuple[str, str]] = (),
    lemmas: Sequence[Lemma] | None = None,
    progress: Callable[[str], ProgressFunction] | None = None,
    apart: AbstractContextManager[None] | None = None,
) -> list[Weakest]:
    """One after the other, with what is found kept for the next; Ctrl-C ends all of them.

    ``progress`` and ``apart``: as `prove_all`.

    Raises:
        ValueError: as `weakest`.
    """
    found: list[Weakest] = []
    runs = KnownRuns(dropped)
    with deferred():
        for fence, prop in asked:
            if noted():
                found.append(Weakest(fence.name, prop.name, (), {}, None, 0.0, interrupted=True))
                continue
            told = None if progress is None else progress(f"{prop.name} under {fence.name}")
            tell = (lambda _: None) if told is None else partial(told, 0, 0)
            with apart or nullcontext():
                found.append(weakest(fence, prop, assume=assume, lemmas=lemmas, runs=runs, tell=tell))
    return found

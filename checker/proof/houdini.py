"""Lemmas found: of many candidates those that every step keeps, and of these the few that a property needs.

Houdini (Flanagan and Leino, FME 2001): all candidates are taken to hold before a step, those that then may
fail after it are dropped, until none is.  What is left is the largest set that proves itself, whatever was
dropped first.  Where that proves nothing, lemmas are sought in what breaks the property (`ic3`).  Nothing
rests on this search: what it finds is proved from the beginning like any lemmas.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import z3

from ...model.language.expr import BOOL
from ...model.language.smt import Term, View
from ...model.language.transition import Transition
from ...model.language.variant import Variant
from ...model.language.vocabulary import Vocabulary
from ...model.pd import system
from ...specs import candidates
from ...specs.assumptions import Assumption
from ...specs.constraints import CONSTRAINTS
from ...specs.lemmas import Lemma
from ...specs.properties import Property
from . import ic3
from .induct import Induction, Known

#: seconds of the processor, after which no lemmas are looked for any more: as many on a busy machine
PATIENCE = 120.0
#: the part of that in which what breaks the property is followed back
_SHARE = 4
#: told what is done at the moment
Tell = Callable[[str], None]


class OutOfTime(Exception):
    """No lemmas were found within `PATIENCE`."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A step: what is known before it, which candidates it may change, and the state after it."""

    known: Known
    touches: frozenset[int]
    after: View
    breaks: Term | None
    #: how candidates fail after it, by number, of those that were asked for
    fails: dict[int, Term] = field(default_factory=dict)


class _Search:
    """Candidates by number, and which of them are kept."""

    def __init__(
        self, induction: Induction, patience: float, steps: Sequence[Transition] | None = None
    ) -> None:
        self._induction = induction
        #: in the order in which they are asked: what made others drop first, that is soon done
        self.steps = list(induction.transitions if steps is None else steps)
        self.lemmas = induction.lemmas
        self._speaks_of = [lemma.spoken_of for lemma in self.lemmas]
        self._switches = [
            induction.world.constant(f"candidate {number}", BOOL) for number in range(len(self.lemmas))
        ]
        self._number = {str(switch): number for number, switch in enumerate(self._switches)}
        self._made: dict[str, _Step] = {}
        self._until = time.process_time() + patience

    def largest(self, among: Iterable[int], tell: Tell, *, anyhow: bool = False) -> tuple[set[int], bool]:
        """The largest set of these that the first states meet and every step keeps, and whether it proves the
        property; or, unless it is wanted ``anyhow``, a larger one that does not."""
        alive = set(among)
        alive -= self._failing(self._first, alive)
        dropped = True
        while dropped:
            if not anyhow and self.proves(alive) is None:
                return alive, False
            dropped = False
            for transition in tuple(self.steps):
                tell(f"{len(alive)} lemmas that may hold: {transition.name}")
                gone = self._failing(self._step(transition, alive), alive)
                if not gone:
                    continue
                dropped = True
                alive -= gone
                self.steps = [transition, *(each for each in self.steps if each is not transition)]
                if not anyhow and self.proves(alive) is None:
                    return alive, False
        return alive, not anyhow or self.proves(alive) is not None

    @property
    def all(self) -> range:
        """The numbers of all candidates."""
        return range(len(self.lemmas))

    def told(self, numbers: Iterable[int]) -> tuple[Lemma, ...]:
        """The lemmas of these numbers."""
        return tuple(self.lemmas[at] for at in sorted(numbers))

    def proves(self, among: Collection[int]) -> set[int] | None:
        """Those of them that exclude the steps which break the property; None: they do not."""
        used: set[int] = set()
        for transition in self._induction.transitions:
            if self._induction.prop.broken_by(transition) is None:
                continue
            step = self._step(transition, among)
            core = self._core(step, step.breaks, among)
            if core is None:
                return None
            used |= core
        return used

    def supporting(self, among: Collection[int]) -> set[int]:
        """Of a set that proves the property those that do, all that keep them, and all that keep those."""
        found: set[int] = set()
        waiting = sorted(self.proves(among) or among)
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            found.add(at)
            for transition in self._induction.transitions:
                step = self._step(transition, among)
                if at in step.touches:
                    keeping = self._core(step, self._fails(step, at), among) or set(among)
                    waiting += sorted(keeping - found)
        return found

    def least(self, enough: set[int], tell: Tell) -> set[int]:
        """None of which can be left out; what stands last among the candidates is tried first."""
        for at in sorted(enough, reverse=True):
            if at not in enough:
                continue
            tell(f"{len(enough)} lemmas are enough: without {self.lemmas[at].name!r}")
            fewer, proving = self.largest(enough - {at}, lambda _: None)
            if proving:
                enough = self.supporting(fewer)
        return enough

    def _core(self, step: _Step, goal: Term, among: Iterable[int]) -> set[int] | None:
        """Those that exclude it; None: they do not, or z3 gave up."""
        with step.known.supposing(goal):
            if self._check(step, among) != z3.unsat:
                return None
            return {self._number[name] for name in step.known.core() if name in self._number}

    def _failing(self, step: _Step, alive: Collection[int]) -> set[int]:
        """Those that may fail after the step where all that are alive hold before it."""
        gone: set[int] = set()
        while doubted := [at for at in alive if at in step.touches and at not in gone]:
            fails = {at: self._fails(step, at) for at in doubted}
            with step.known.supposing(z3.Or(list(fails.values()))):
                answer = self._check(step, (at for at in alive if at not in gone))
                if answer == z3.unsat:
                    break
                if answer != z3.sat:
                    # It cannot tell of all of them at once, so nothing is said for any.
                    return gone | set(doubted)
                model = step.known.solver.model()
                gone |= {at for at in doubted if z3.is_true(model.eval(fails[at], model_completion=True))}
        return gone

    def _check(self, step: _Step, among: Iterable[int]) -> z3.CheckSatResult:
        if time.process_time() > self._until:
            raise OutOfTime
        return step.known.check(CONSTRAINTS, more=(self._switches[at] for at in among))

    def _fails(self, step: _Step, at: int) -> Term:
        if at not in step.fails:
            step.fails[at] = self._induction.failure(step.after, self.lemmas[at])
        return step.fails[at]

    @cached_property
    def _first(self) -> _Step:
        known = self._induction.first()
        return _Step(known, frozenset(range(len(self.lemmas))), known.view, None)

    def _step(self, transition: Transition, alive: Collection[int]) -> _Step:
        """What was made of it before, or is for those that are alive: they only become fewer."""
        if transition.name not in self._made:
            known = self._induction.guarded(transition, {at: self._switches[at] for at in alive})
            broken_by = self._induction.prop.broken_by(transition)
            changes = transition.step.effect
            self._made[transition.name] = _Step(
                known,
                # what it does not change, it keeps
                frozenset(at for at in alive if not self._speaks_of[at].isdisjoint(changes)),
                self._induction.after(known, transition),
                None if broken_by is None else known.view.of(broken_by),
            )
        return self._made[transition.name]


def find(
    fence: Variant,
    prop: Property,
    assumptions: Sequence[Assumption] = (),
    nodes: int | None = None,
    dropped: Sequence[tuple[str, str]] = (),
    tell: Tell = lambda _: None,
    patience: float = PATIENCE,
) -> tuple[Lemma, ...] | None:
    """A least set of lemmas from which the property follows; None: no candidates are enough.

    Raises:
        OutOfTime: it takes too long.
        KeyboardInterrupt: see `interruption`.
    """
    until = time.process_time() + patience

    def proving(lemmas: Iterable[Lemma], servers: int = 0) -> Induction:
        once = {lemma.name: lemma for lemma in lemmas}
        return Induction(fence, prop, assumptions, nodes, dropped, (*once.values(),), servers=servers)

    def begun(lemmas: Iterable[Lemma]) -> _Search:
        return _Search(proving(lemmas), until - time.process_time(), steps)

    kept: tuple[Lemma, ...] = ()
    steps: Sequence[Transition] | None = None
    for more in _rounds(fence):
        search = begun((*kept, *more))
        alive, enough = search.largest(search.all, tell)
        if enough:
            return search.told(search.least(search.supporting(alive), tell))
        kept, steps = search.told(alive), search.steps
    # What no candidate says may be seen in a step that breaks the property.
    search = begun(_varied(system.vocabulary(fence)))
    held = search.told(search.largest(search.all, tell, anyhow=True)[0])
    seen = ic3.clauses(proving(held, ic3.SERVERS), min(until, time.process_time() + patience / _SHARE), tell)
    search = begun((*held, *seen))
    alive, enough = search.largest(search.all, tell)
    return search.told(search.least(search.supporting(alive), tell)) if enough else None


def _rounds(fence: Variant) -> Iterator[tuple[Lemma, ...]]:
    """What is tried first, and then as well."""
    vocabulary = system.vocabulary(fence)
    known = candidates.known(vocabulary)
    yield known
    yield (*known, *candidates.weaker(known))  # what was dropped may follow from these
    yield (*candidates.nevers(vocabulary), *candidates.together(vocabulary))
    yield tuple(candidates.guarded(known))
    yield tuple(candidates.orders(vocabulary))


def _varied(vocabulary: Vocabulary) -> tuple[Lemma, ...]:
    """Those of all fences, and what is close to them: few, for each step is asked with all that hold."""
    known = candidates.known(vocabulary)
    return (*known, *candidates.weaker(known), *candidates.stronger(known))

"""Induction: does every transition keep the lemmas, and do they forbid what breaks the property?

One obligation for each transition and lemma, decided by z3 without quantifiers (see `model.smt`),
the guards without which it fails, and the constraints on constants on which all of them rest.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import z3

from ...model.language.expr import BOOL, NODE, Expr
from ...model.language.smt import Term, View, World, existing, names, negated, spoken_of
from ...model.language.transition import SELF, Kind, Transition
from ...model.language.variant import Variant
from ...model.language.vocabulary import Vocabulary
from ...model.pd import system
from ...specs.assumptions import Assumption
from ...specs.constraints import CONSTRAINTS, Constraint, parameters
from ...specs.lemmas import FIRST, Lemma, lemmas
from ...specs.properties import Property
from ..interruption import heed
from . import counterexample
from .counterexample import Counterexample

SOLVER, VERSION = "z3", z3.get_version_string()
#: the name under which the first states stand among the transitions
FIRST_STATE = "first state"
#: the name under which the property stands among the lemmas
PROPERTY = "property"
#: milliseconds after which z3 gives up on one question
_PATIENCE = 10_000
#: z3's older arithmetic: what is asked of times it answers alike, and up to a third sooner
_SIMPLEX = 2

# Otherwise z3 takes Ctrl-C for itself, and a search goes on after it.
z3.set_param("ctrl_c", False)


@dataclass(frozen=True, slots=True)
class Obligation:
    """One step of the induction.

    ``result`` is ``proved``, ``failed`` (a counterexample exists) or ``unknown`` (z3 gave up);
    ``guards_used``: the guards of the transition each of which alone, left out, makes it fail;
    ``guards_undecided``: those of which z3 could not tell.
    """

    transition: str
    lemma: str
    result: str
    guards_used: tuple[str, ...]
    guards_undecided: tuple[str, ...]
    solver: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Decided:
    """An obligation and, where it failed, why."""

    obligation: Obligation
    why: Counterexample | None


def _kept(transition: Transition, lemma: Lemma) -> Decided:
    """What a step does not change it keeps, whatever its guards: that takes no question."""
    return Decided(Obligation(transition.name, lemma.name, "proved", (), (), SOLVER, 0.0), None)


def _switch(constraint: Constraint) -> str:
    return f"constraint {constraint.formula}"


def _constrained(world: World, constraint: Constraint) -> Term:
    """The literal that turns it on."""
    return world.constant(_switch(constraint), BOOL)


def _literal(guard: str) -> str:
    return f"guard {guard}"


def _constraints_in(core: Collection[str]) -> frozenset[Constraint]:
    """Of an unsatisfiable core, by name."""
    return frozenset(each for each in CONSTRAINTS if _switch(each) in core)


class _Solver:
    """One for many questions: what is known whichever is asked it takes in once, for that takes longer than
    most answers; what is known of one only stands above that, and goes when another comes."""

    def __init__(self, world: World, facts: Iterable[Term]) -> None:
        self._solver = z3.Solver(ctx=world.context)
        self._solver.set("timeout", _PATIENCE)
        self._solver.set("arith.solver", _SIMPLEX)
        self._solver.add(list(facts))
        self._told: Sequence[Term] | None = None

    def learn(self, fact: Term) -> None:
        """Take in more that is known whichever is asked."""
        if self._told is not None:
            self._told = None
            self._solver.pop()
        self._solver.add(fact)

    def told(self, facts: Sequence[Term]) -> z3.Solver:
        """With these beside the others."""
        if self._told is not facts:
            if self._told is not None:
                self._told = None
                self._solver.pop()
            self._solver.push()
            self._solver.add(facts)
            self._told = facts
        return self._solver


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a state: ``facts``, beside what its solver has of all such states; ``guards`` are
    literals that turn those of the step on, by label."""

    view: View
    of_all: _Solver
    facts: list[Term] = field(default_factory=list)
    guards: Mapping[str, Term] = field(default_factory=dict)

    @property
    def solver(self) -> z3.Solver:
        """One that knows it, until something else is asked."""
        return self.of_all.told(self.facts)

    def check(
        self, constraints: Iterable[Constraint], without: str | None = None, more: Iterable[Term] = ()
    ) -> z3.CheckSatResult:
        """Is it possible, under these constraints, without that guard and with ``more`` literals?

        Raises:
            KeyboardInterrupt: see `interruption`.
        """
        heed()
        guards = (guard for label, guard in self.guards.items() if label != without)
        there = (_constrained(self.view.world, each) for each in constraints)
        return self.solver.check(*guards, *there, *more)

    def learn(self, claim: Expr) -> None:
        """Take it to be known of every state of which this is asked."""
        self.of_all.learn(self.view.of(claim))

    def core(self) -> frozenset[str]:
        """The names of literals that make impossible what was asked last."""
        return names(self.solver.unsat_core())

    @contextmanager
    def supposing(self, goal: Term) -> Iterator[None]:
        """And for a while this, too: nothing is asked of another meanwhile."""
        solver = self.solver
        solver.push()
        try:
            solver.add(goal)
            yield
        finally:
            solver.pop()


@dataclass(frozen=True, slots=True)
class _Refuted:
    """What was shown to be impossible, and constraints under which that is so."""

    known: Known
    goal: Term
    constraints: frozenset[Constraint]

    def under(self, constraints: Collection[Constraint]) -> _Refuted | None:
        """Refuted again, under these at most; None: z3 does not show it."""
        with self.known.supposing(self.goal):
            if self.known.check(constraints) != z3.unsat:
                return None
            return replace(self, constraints=_constraints_in(self.known.core()))


@dataclass(frozen=True, slots=True)
class _State:
    """A state of which nothing is known, what each constraint says there, and a solver for what is asked of
    the steps from it."""

    view: View
    constrained: Sequence[Term]
    solvers: list[_Solver] = field(default_factory=list)


def _step(transition: Transition | None) -> str:
    return FIRST_STATE if transition is None else transition.name


@dataclass(slots=True)
class _Shared:
    """What properties of one system have in common that are to follow from the same lemmas.

    ``decided``: by step and lemma, and what was refuted for that; ``asked``: what is known before a step, by
    its name and how many servers the property says there are; ``possible``: whether a step can happen.
    """

    known: tuple[Lemma, ...]
    vocabulary: Vocabulary
    transitions: tuple[Transition, ...]
    lemmas: tuple[Lemma, ...]
    world: World
    states: dict[int, _State] = field(default_factory=dict)
    decided: dict[tuple[str, str], tuple[Decided, list[_Refuted]]] = field(default_factory=dict)
    asked: dict[tuple[str, int], tuple[Transition, Known]] = field(default_factory=dict)
    possible: dict[str, tuple[Transition, bool | None]] = field(default_factory=dict)


#: of one system, by the lemmas from which something is to follow (by identity, hence kept there)
Before = dict[tuple[int, ...], _Shared]


class Induction:
    """What is to be shown of a property under a fence, and the lemmas that are to show it.

    ``given``: these lemmas; None: those that the property brings, or that there are for it.  ``before``: what
    was decided for another property of the same system, under the same assumptions; what is decided of the
    same lemmas goes there as well.  ``servers``: of how many something may be asked beside the lemmas.

    Raises:
        KeyError: a guard to drop that does not exist.
    """

    def __init__(
        self,
        fence: Variant,
        prop: Property,
        assumptions: Sequence[Assumption] = (),
        nodes: int | None = None,
        dropped: Sequence[tuple[str, str]] = (),
        given: Sequence[Lemma] | None = None,
        before: Before | None = None,
        servers: int = 0,
    ) -> None:
        self.prop = prop
        self._least = servers
        self.assumptions = tuple(assumptions)
        self.parameters = parameters(fence)
        known = given
        if known is None:
            known = prop.lemmas or lemmas(fence, prop.name, [assumed.name for assumed in assumptions])
        #: the same for those that follow from the same lemmas
        self.alike = (*map(id, known),)
        before = {} if before is None else before
        if self.alike not in before:
            transitions = system.transitions(fence, dropped)
            meant = transitions[0].means
            before[self.alike] = _Shared(
                tuple(known),
                system.vocabulary(fence),
                transitions,
                tuple(replace(lemma, claim=meant(lemma.claim)) for lemma in known),
                World(nodes, z3.Context()),
            )
        self._shared = before[self.alike]
        self.vocabulary = self._shared.vocabulary
        self.transitions, self.lemmas = self._shared.transitions, self._shared.lemmas
        self.world = self._shared.world
        self._actor = self.world.constant(SELF.name, NODE)
        #: by how many servers there are of which nothing is said but that they are there
        self._states = self._shared.states
        #: by step, what is known before it
        self._asked: dict[str, tuple[Transition, Known]] = {}
        #: what was refuted with the help of constraints
        self._refuted: list[_Refuted] = []

    def spelled(self) -> str:
        """The steps and the lemmas, by which another process knows that it speaks of the same."""
        said = [*(each.step for each in self.transitions), *(each.claim for each in self.lemmas)]
        return hashlib.sha256(repr(said).encode()).hexdigest()

    def __len__(self) -> int:
        """How many obligations there are."""
        judged = sum(self.prop.broken_by(transition) is not None for transition in self.transitions)
        return (1 + len(self.transitions)) * len(self.lemmas) + judged

    def decide(self) -> Iterator[Decided]:
        """Every obligation, the first states' first.

        Raises:
            Unsaid: a lemma, a guard or an effect names a server, or says that there is another for each.
        """
        self._refuted.clear()
        yield from self.decide_first()
        for transition in self.transitions:
            yield from self.decide_step(transition, self.lemmas)

    def is_in_doubt(self) -> bool:
        """Do the lemmas leave room for a step that breaks the property?"""
        for transition in self.transitions:
            broken_by = self.prop.broken_by(transition)
            if broken_by is None:
                continue
            known = self._known(transition)
            with known.supposing(known.view.of(broken_by)):
                if known.check(CONSTRAINTS) != z3.unsat:
                    return True
        return False

    def decide_step(self, transition: Transition, lemmas: Iterable[Lemma]) -> Iterator[Decided]:
        """The obligations of one step: that it does not break the property, and that it keeps these lemmas.

        Raises:
            Unsaid: as `decide`.
            KeyboardInterrupt: see `interruption`.
        """
        broken_by = self.prop.broken_by(transition)
        if broken_by is not None:
            known = self._known(transition)
            yield self._decide(known, transition, None, known.view.of(broken_by))
        after: View | None = None
        for lemma in lemmas:
            decided = self._decided_before(transition, lemma)
            if decided is None and lemma.spoken_of.isdisjoint(transition.step.effect):
                heed()
                decided = _kept(transition, lemma)
            if decided is None:
                known = self._known(transition)
                after = after or self.after(known, transition)
                decided = self._decide(known, transition, lemma, self.failure(after, lemma))
            yield decided

    def _known(self, transition: Transition) -> Known:
        """What is known before a step: made once, for all that is asked of it."""
        of, known = self._asked.get(transition.name, (None, None))
        if of is not transition or known is None:  # another of that name has other guards
            judged = (self.prop.broken_by(transition), self.prop.tested_by(transition))
            asked = transition.name, sum(existing(each) for each in judged if each is not None)
            of, known = self._shared.asked.get(asked, (None, None))
            if of is not transition or known is None:
                known = self.guarded(transition)
                self._shared.asked[asked] = transition, known
            self._asked[transition.name] = transition, known
        return known

    def guarded(self, transition: Transition, switches: Mapping[int, Term] | None = None) -> Known:
        """What is known before a step, and of its guards, each with its literal; ``switches`` turn on lemmas,
        by their number: only these then hold, and no others of any step that comes later.  None: all hold in
        any case."""
        known = self._before(transition, switches)
        for label, guard in transition.step.guard.items():
            known.facts.append(z3.Implies(known.guards[label], known.view.of(guard)))
        return known

    def after(self, known: Known, transition: Transition) -> View:
        """The state after the step."""
        return known.view.after(transition.step.effect, self._actor)

    def failure(self, view: View, lemma: Lemma) -> Term:
        """That a lemma does not hold in a state."""
        return negated(view, lemma.claim, self.witnesses)

    def first(self, facts: Sequence[Expr] = FIRST) -> Known:
        """What is known of the first states, of which these are the facts."""
        state = self._state(self._unnamed + sum(map(existing, facts)))
        return Known(state.view, _Solver(self.world, [*state.constrained, *map(state.view.of, facts)]))

    def decide_first(self, facts: Sequence[Expr] = FIRST) -> Iterator[Decided]:
        """The obligations of the first states, of which these are the facts."""
        known = self.first(facts)
        for lemma in self.lemmas:
            yield self._decided_before(None, lemma) or self._decide(
                known, None, lemma, self.failure(known.view, lemma)
            )

    def constraints(self) -> tuple[Constraint, ...]:
        """Constraints on constants that suffice for all that was proved; without any one of them z3 does not
        show it."""
        refuted = list(self._refuted)
        needed = frozenset(constraint for each in refuted for constraint in each.constraints)
        for constraint in CONSTRAINTS:
            if constraint not in needed:
                continue
            fewer = needed - {constraint}
            # What is known to do without it need not be asked.
            again = [each.under(fewer) if constraint in each.constraints else each for each in refuted]
            kept = [each for each in again if each is not None]
            if len(kept) == len(refuted):
                refuted, needed = kept, fewer
        return tuple(constraint for constraint in CONSTRAINTS if constraint in needed)

    def possible(self) -> dict[str, bool | None]:
        """By transition: can it happen where all lemmas hold?  A proof says little of one that cannot.

        None: z3 gave up.
        """
        found: dict[str, bool | None] = {}
        for transition in self.transitions:
            of, can = self._shared.possible.get(transition.name, (None, None))
            found[transition.name] = can if of is transition else self._can_happen(transition)
            self._shared.possible[transition.name] = transition, found[transition.name]
        return found

    def is_tested(self) -> bool | None:
        """Can some step meet the premise of the property?  None: z3 gave up."""
        answer: bool | None = False
        for transition in self.transitions:
            premise = self.prop.tested_by(transition)
            met = False if premise is None else self._can_happen(transition, premise)
            if met:
                return True
            answer = None if met is None else answer
        return answer

    def _can_happen(self, transition: Transition, *premises: Expr) -> bool | None:
        known = self._known(transition)
        with known.supposing(z3.And([known.view.of(each) for each in premises], self.world.context)):
            answer = known.check(CONSTRAINTS)
            if answer == z3.sat:
                answer = self._in_a_system(known)
            return {"sat": True, "unsat": False}.get(str(answer))

    def _in_a_system(self, known: Known) -> z3.CheckSatResult:
        """Of what is possible: is it so in a finite system, too?"""
        if not self._pointers or self.world.servers:
            return z3.sat
        known.solver.add(known.view.closed(self._pointers))
        return z3.sat if known.check(CONSTRAINTS) == z3.sat else z3.unknown

    @cached_property
    def witnesses(self) -> tuple[Term, ...]:
        """The servers of which a lemma fails."""
        many = max((spoken_of(lemma.claim) for lemma in self.lemmas), default=0)
        many = max(many, self._least)
        return tuple(self.world.constant(f"witness {number}", NODE) for number in range(many))

    @cached_property
    def _unnamed(self) -> int:
        """How many more servers there are where all lemmas hold and one fails after a step."""
        if self.world.servers:
            return 0
        claims = [lemma.claim for lemma in self.lemmas]
        failing = (existing(claim, [False]) - spoken_of(claim) for claim in claims)
        return sum(map(existing, claims)) + max(failing, default=0)

    @cached_property
    def _pointers(self) -> tuple[str, ...]:
        """Variables that give a server of a server."""
        variables = self.vocabulary.variables.values()
        return tuple(each.name for each in variables if each.per_server and each.sort == NODE)

    @cached_property
    def _followed(self) -> tuple[str, ...]:
        """Those by which somebody asks for a variable of the server that they give."""
        if not self._pointers:
            return ()
        steps = [step for each in self.transitions for step in (each.step.guard, each.step.effect)]
        said = [expr for step in steps for expr in step.values()] + [each.claim for each in self.lemmas]
        asked = [part.args[0] for expr in said for part in expr.walk() if part.op == "field"]
        there = {part.name for owner in asked for part in owner.walk() if part.op == "field"}
        return tuple(name for name in self._pointers if name in there)

    def _state(self, unnamed: int) -> _State:
        """A state of which nothing is known, with every server that can matter in its universe."""
        if unnamed not in self._states:
            view = self.world.view(self.vocabulary)
            variables = self.vocabulary.variables.values()
            holders = [view.shared[v.name] for v in variables if v.sort == NODE and not v.per_server]
            others = [self.world.constant(f"other {number}", NODE) for number in range(unnamed)]
            terms = self.world.servers or (self._actor, *self.witnesses, *holders, *others)
            view = replace(view, universe=terms).binding(SELF.name, self._actor)
            if not self.world.servers:
                view = replace(view, universe=view.reaching(self._followed))
            switched = ((_constrained(self.world, each), view.of(each.claim)) for each in CONSTRAINTS)
            constrained = [z3.Implies(*each) for each in switched]
            self._states[unnamed] = _State(view, constrained)
        return self._states[unnamed]

    def _before(self, transition: Transition, switches: Mapping[int, Term] | None = None) -> Known:
        """All lemmas, the kind of the acting server and what is assumed of the step."""
        step = transition.step
        assumed = [guard for each in self.assumptions if (guard := each.guard(transition)) is not None]
        judged = [self.prop.broken_by(transition), self.prop.tested_by(transition)]
        stated = [*assumed, *step.guard.values(), *(each for each in judged if each is not None)]
        unnamed = self._unnamed
        if not self.world.servers:
            unnamed += sum(map(existing, stated))
            # An effect may make a lemma true or false.
            unnamed += sum(existing(value, (True, False)) for value in step.effect.values())
        state = self._state(unnamed)
        view = state.view
        if not state.solvers:
            if switches is None:
                hold = [view.of(lemma.claim) for lemma in self.lemmas]
            else:
                hold = [z3.Implies(it, view.of(self.lemmas[at].claim)) for at, it in switches.items()]
            facts = [*state.constrained, self._actor != self.world.nobody, *hold]
            state.solvers.append(_Solver(self.world, facts))
        facts = [view.of(guard) for guard in assumed]
        if transition.rule.kind in (Kind.PD, Kind.TSO):
            facts.append(view.read("is_tso", self._actor) == (transition.rule.kind is Kind.TSO))
        guards = {label: self.world.constant(_literal(label), BOOL) for label in step.guard}
        return Known(view, state.solvers[0], facts, guards)

    def _decide(
        self, known: Known, transition: Transition | None, lemma: Lemma | None, goal: Term
    ) -> Decided:
        """Refute ``goal``, the failure of the property, or of the lemma: that once for all properties."""
        refuted_before = len(self._refuted)
        decided = self._decide_now(known, transition, lemma, goal)
        if lemma is not None:
            self._shared.decided[_step(transition), lemma.name] = decided, self._refuted[refuted_before:]
        return decided

    def _decided_before(self, transition: Transition | None, lemma: Lemma) -> Decided | None:
        """What was decided of the lemma for another property."""
        if (_step(transition), lemma.name) not in self._shared.decided:
            return None
        decided, refuted = self._shared.decided[_step(transition), lemma.name]
        self._refuted += refuted
        return replace(decided, obligation=replace(decided.obligation, seconds=0.0))

    def _decide_now(
        self, known: Known, transition: Transition | None, lemma: Lemma | None, goal: Term
    ) -> Decided:
        began = time.monotonic()
        used: list[str] = []
        undecided: list[str] = []
        why = None
        with known.supposing(goal):
            # Without any constraint first: what is refuted so needs none.
            answer = known.check(())
            if answer != z3.unsat:
                answer = known.check(CONSTRAINTS)
            if answer == z3.sat:
                answer = self._in_a_system(known)
            if answer == z3.unsat:
                core = known.core()
                needs = _constraints_in(core)
                if needs:
                    self._refuted.append(_Refuted(known, goal, needs))
                # A core may name guards that others can stand in for, so each is put to the test.
                for label in (label for label in known.guards if _literal(label) in core):
                    alone = known.check(CONSTRAINTS, without=label)
                    if alone != z3.unsat:
                        (used if alone == z3.sat else undecided).append(label)
            elif answer == z3.sat:
                why = counterexample.read(
                    known.solver.model(), known.view, self.vocabulary, self.parameters, transition, lemma
                )
        obligation = Obligation(
            _step(transition),
            PROPERTY if lemma is None else lemma.name,
            {"unsat": "proved", "sat": "failed"}.get(str(answer), "unknown"),
            tuple(used),
            tuple(undecided),
            SOLVER,
            time.monotonic() - began,
        )
        return Decided(obligation, why)

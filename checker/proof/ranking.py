"""Liveness for any number of servers, by a rank (`specs.ranks`): obligations of single steps, decided by z3.

A run that is pending forever takes, from some point on, no step that is a fault.  From there on, by these
obligations, some step of some server is helpful, stays possible until the rank falls, and makes it fall; no
step raises it.  It is well-founded, so at last such a step would be put off forever: its fairness excludes
that.

The lemmas are shown as those of safety are: of every step, faults as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import z3

from ...model.language.expr import BOOL, NODE, Expr, both, negate
from ...model.language.smt import Term, View, existing
from ...model.language.transition import SELF, Kind, Rule, Step, Transition
from ...model.language.variant import Variant
from ...specs.assumptions import Assumption
from ...specs.constraints import CONSTRAINTS, Constraint
from ...specs.liveness import Liveness
from ...specs.properties import Property
from ...specs.ranks import PENDING, Rank, Servers, Steps
from .induct import SOLVER, Decided, Induction, Known, Obligation

#: the name under which what holds of a state, whichever step comes next, stands among the transitions
ANY_STATE = "any state"
KEEPS, STAYS, HELPS = "no step leads away", "what helps goes on helping", "helps"
SOMETHING, POSSIBLE, FAIR, BOUNDED = "something helps", "can be taken", "is fair", "steps are counted from 0"

_IN_ANY_STATE = Transition(
    Rule(ANY_STATE, "Any state.", Kind.CLUSTER, (), None, None, Step({}, {})), Step({}, {})
)


class Ranking(Induction):
    """What is to be shown of a liveness property under a fence.

    Raises:
        KeyError: a guard to drop that does not exist.
    """

    def __init__(
        self,
        fence: Variant,
        prop: Liveness,
        rank: Rank,
        assumptions: Sequence[Assumption] = (),
        nodes: int | None = None,
        dropped: Sequence[tuple[str, str]] = (),
    ) -> None:
        unbroken = Property(prop.name, prop.meaning, lambda _: None, lambda _: None)
        super().__init__(fence, unbroken, assumptions, nodes, dropped, rank.lemmas)
        #: the lemmas speak of fewer servers than the rank does
        self.safety = Induction(fence, unbroken, assumptions, nodes, dropped, rank.lemmas)
        self.liveness, self.rank = prop, rank
        self._steps = {each.name: each for each in self.transitions}
        meant = self.transitions[0].means
        self._pending = meant(both(prop.during, negate(prop.goal)))
        self._parts = [
            (part, meant(part.claim if isinstance(part, Servers) else part.value)) for part in rank.parts
        ]
        self._helpful = [(each.transition, meant(each.when)) for each in rank.helpful]
        #: what helpful steps choose, by name: each helps whatever is chosen, and can be taken with this
        self._chosen = {name: value for each in rank.helpful for name, value in each.chosen.items()}

    def __len__(self) -> int:
        """How many obligations there are."""
        of_steps = sum(len(self._asked_of(transition)) for transition in self.transitions)
        return len(self.safety) + 2 + 2 * len(self._helpful) + of_steps

    def decide(self) -> Iterator[Decided]:
        """Every obligation: the lemmas', then the rank's.

        Raises:
            ValueError: as of every induction.
        """
        self._refuted.clear()
        yield from self.safety.decide_first(self.rank.first)
        for transition in self.transitions:
            yield from self.safety.decide_step(transition, self.lemmas)
        yield from self.decide_states()
        for transition in self.transitions:
            yield from self.decide_rank(transition)

    def decide_rank(self, transition: Transition) -> Iterator[Decided]:
        """The obligations of one step: it keeps the rank and what helps, and lowers it where it helps."""
        asked = self._asked_of(transition)
        if self._said_of.isdisjoint(transition.step.effect):
            # what it does not write stays as it is
            yield from (Decided(_settled(transition.name, name, name != HELPS), None) for name in asked)
        elif asked:
            known = self.guarded(transition)
            for name, goal in self._goals(known, transition, asked):
                yield self._decide_named(known, transition, name, goal)

    def constraints(self) -> tuple[Constraint, ...]:
        """Those of the lemmas, and of the rank."""
        needed = {*self.safety.constraints(), *super().constraints()}
        return tuple(constraint for constraint in CONSTRAINTS if constraint in needed)

    def possible(self) -> dict[str, bool | None]:
        """By transition: can it happen where all lemmas hold?"""
        return self.safety.possible()

    def is_tested(self) -> bool | None:
        """Can a state be pending where all lemmas hold?  None: z3 gave up."""
        known = self.guarded(_IN_ANY_STATE)
        with known.supposing(self._is_pending(known.view)):
            return {"sat": True, "unsat": False}.get(str(known.check(CONSTRAINTS)))

    # --- what is asked ---------------------------------------------------------------------------------

    def _asked_of(self, transition: Transition) -> tuple[str, ...]:
        """What is to be shown of a step; of a fault nothing."""
        if transition.rule.budget in self.rank.faults:
            return ()
        helps = any(transition.name == name for name, _ in self._helpful)
        return (KEEPS, STAYS, HELPS) if helps else (KEEPS, STAYS)

    def _goals(
        self, known: Known, transition: Transition, asked: Sequence[str]
    ) -> Iterator[tuple[str, Term]]:
        """That a run is pending before the step and after it, and the step is not as it should be."""
        before, after = known.view, self.after(known, transition)
        goes_on = [self._is_pending(before), self._is_pending(after)]
        reached = self.liveness.reached_by(transition)
        if reached is not None:
            goes_on.append(z3.Not(before.of(transition.means(reached))))
        falls, rises = self._moves(before, after)
        if KEEPS in asked:
            yield KEEPS, z3.And(*goes_on, rises)
        if STAYS in asked:
            lost = [
                z3.And(self._of(before, when, self._helper), z3.Not(self._of(after, when, self._helper)))
                for _, when in self._helpful
            ]
            is_lost = z3.Or(lost, self.world.context)
            yield STAYS, z3.And(*goes_on, self._helper != self.world.nobody, is_lost, z3.Not(falls))
        if HELPS in asked:
            actor = before.bound[SELF.name]
            helps = [self._of(before, when, actor) for name, when in self._helpful if name == transition.name]
            yield HELPS, z3.And(*goes_on, z3.Or(helps), z3.Not(falls))

    def _moves(self, before: View, after: View) -> tuple[Term, Term]:
        """That the rank falls; that it neither falls nor stays (a part may be no larger and not be told)."""
        falls, kept = (self.world.literal(BOOL, told) for told in (False, True))
        for part, said in self._parts:
            no_more, fewer = self._compared(part, said, before, after)
            falls = z3.Or(falls, z3.And(kept, fewer))
            kept = z3.And(kept, no_more)
        return falls, z3.Not(z3.Or(falls, kept))

    def _compared(self, part: Servers | Steps, said: Expr, before: View, after: View) -> tuple[Term, Term]:
        """That a part has become no larger; that it has become less, where that is so."""
        if isinstance(part, Steps):
            was, is_ = self._of(before, said), self._of(after, said)
            return is_ <= was, is_ < was
        servers = before.universe
        there = [each != self.world.nobody for each in servers]
        of = [(self._of(before, said, each), self._of(after, said, each)) for each in servers]
        anew = [z3.And(is_there, z3.Not(was), is_) for is_there, (was, is_) in zip(there, of, strict=True)]
        gone = [z3.And(is_there, was, z3.Not(is_)) for is_there, (was, is_) in zip(there, of, strict=True)]
        no_more = z3.Not(z3.Or(anew))
        return no_more, z3.And(no_more, z3.Or(gone))

    def decide_states(self) -> Iterator[Decided]:
        """The obligations of a state, whichever step comes next: that something helps, and can be taken."""
        known = self.guarded(_IN_ANY_STATE)
        view = known.view
        pending = self._is_pending(view)
        nobody = [
            z3.Or(each == self.world.nobody, z3.Not(self._of(view, when, each)))
            for each in view.universe
            for _, when in self._helpful
        ]
        yield self._decide_named(known, _IN_ANY_STATE, SOMETHING, z3.And(pending, *nobody))
        below = [self._of(view, said) < 0 for part, said in self._parts if isinstance(part, Steps)]
        is_below = z3.Or(below, self.world.context)
        yield self._decide_named(known, _IN_ANY_STATE, BOUNDED, z3.And(pending, is_below))
        for name, when in self._helpful:
            step = self._steps.get(name)
            fair = step is not None and name in self.liveness.fairness
            yield Decided(_settled(name, FAIR, fair), None)
            if step is None or any(each.name not in self._chosen for each in step.rule.inputs):
                yield Decided(_settled(name, POSSIBLE, False), None)
                continue
            choosing = replace(view, inputs=lambda chosen: view.of(self._chosen[chosen.name]))
            can = [self._of(choosing, guard, self._helper) for guard in step.step.guard.values()]
            if step.rule.kind in (Kind.PD, Kind.TSO):
                can.append(view.read("is_tso", self._helper) == (step.rule.kind is Kind.TSO))
            helps = self._of(view, when, self._helper)
            there = self._helper != self.world.nobody
            goal = z3.And(pending, there, helps, z3.Not(z3.And(can, self.world.context)))
            yield self._decide_named(known, step, POSSIBLE, goal)

    def _decide_named(self, known: Known, transition: Transition, name: str, goal: Term) -> Decided:
        decided = self._decide(known, transition, None, goal)
        return Decided(replace(decided.obligation, lemma=name), decided.why)

    # --- terms -----------------------------------------------------------------------------------------

    def _is_pending(self, view: View) -> Term:
        return z3.And(self._server != self.world.nobody, self._of(view, self._pending, self._server))

    def _of(self, view: View, said: Expr, of: Term | None = None) -> Term:
        """What is said of a server (`SELF`) and of the one that is pending."""
        view = view.binding(PENDING.name, self._server)
        return (view if of is None else view.binding(SELF.name, of)).of(said)

    @cached_property
    def _said_of(self) -> set[str]:
        """The variables of which the rank, and what helps, are said."""
        said = [self._pending, *(said for _, said in self._parts), *(when for _, when in self._helpful)]
        return {each.name for expr in said for each in expr.walk() if each.op in ("var", "field", "now")}

    @cached_property
    def _server(self) -> Term:
        """The server of which the property is asked."""
        return self.world.constant(PENDING.name, NODE)

    @cached_property
    def _helper(self) -> Term:
        """The server whose step helps."""
        return self.world.constant("helper", NODE)

    @cached_property
    def witnesses(self) -> tuple[Term, ...]:
        """Beside those of which a lemma fails: whom the rank is about, and those who make it rise."""
        sets = [part for part in self.rank.parts if isinstance(part, Servers)]
        risen = [self.world.constant(f"risen {number}", NODE) for number in range(len(sets))]
        return (*super().witnesses, self._server, self._helper, *risen)

    @cached_property
    def _unnamed(self) -> int:
        """Whatever may be said to exist in the rank, before a step and after it."""
        if self.world.servers:
            return 0
        said = [self._pending, *(said for _, said in self._parts), *(when for _, when in self._helpful)]
        return super()._unnamed + 2 * sum(existing(each, (True, False)) for each in said)


def _settled(transition: str, name: str, holds: bool) -> Obligation:
    """What takes no solver."""
    return Obligation(transition, name, "proved" if holds else "failed", (), (), SOLVER, 0.0)

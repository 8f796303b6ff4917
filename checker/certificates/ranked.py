"""What a proof by a rank has to show, as text: its lemmas as those of safety, and what is asked of the rank.

A file of a step asks besides that it leads away from nothing, leaves what helps, and helps; a file more asks
of any state that something helps and can be taken.  What a solver cannot be asked, that a step which helps is
never put off forever, is looked up: the property has to say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ...model.language.expr import Expr, both, negate
from ...model.language.transition import SELF, Kind, Transition
from ...model.language.variant import Variant
from ...specs.assumptions import Assumption
from ...specs.constraints import Constraint
from ...specs.liveness import Liveness
from ...specs.properties import Property
from ...specs.ranks import PENDING, Helpful, Rank, Servers, rank
from .manifest import Claim, Question
from .obligations import Asked, Task, Text, in_file
from .smtlib import ACTOR, AFTER, BEFORE, NOBODY, STATE, Words, combined, comment, said_of_state, symbol

#: what stands in place of a step where any state is spoken of
ANY_STATE = "any state"
#: the server of which the property is asked, another one, and one whose step helps
_WHOSE, _ONE, _HELPER = "pending-server", "n", "helper"
_IS_PENDING, _GOES_ON, _FALLS, _KEPT = "is-pending", "goes-on", "falls", "stays-or-falls"


def task(
    fence: Variant,
    prop: Property | Liveness,
    nodes: int | None,
    assumptions: Sequence[Assumption],
    constraints: Sequence[Constraint],
    dropped: Sequence[tuple[str, str]],
) -> Task:
    """What has to be shown of a property, of either kind.

    Raises:
        ValueError: no rank is known of it under that fence.
    """
    beside = (nodes, tuple(assumptions), tuple(constraints), tuple(dropped))
    if isinstance(prop, Property):
        return Task(fence, prop, *beside)
    known = rank(fence, prop.name)
    if known is None:
        raise ValueError(f"no rank is known of {prop.name} under {fence.name}")
    unbroken = Property(prop.name, prop.meaning, lambda _: None, lambda _: None)
    return Ranked(fence, unbroken, *beside, liveness=prop, rank=known)


@dataclass(frozen=True)
class Ranked(Task):
    """What is proved of a liveness property, and the rank that is to prove it."""

    liveness: Liveness = field(kw_only=True)
    rank: Rank = field(kw_only=True)

    def texts(self, lemmas: Sequence[Claim]) -> Iterator[Text]:
        """Every file, that of any state last.

        Raises:
            ValueError: a step that is said to help is not there, or may be put off forever.
        """
        yield from super().texts(lemmas)
        yield self._any_state(len(self.transitions) + 1, lemmas)

    @property
    def given(self) -> tuple[str, ...]:
        return self.rank.granted()

    @property
    def _facts(self) -> Sequence[Expr]:
        return self.rank.first

    def _said(self) -> list[str]:
        """When a run is pending, the parts of the rank, and what helps, of either state."""
        lines = [
            "",
            comment(f"{_WHOSE}: of whom {self.prop.name} is asked; {_HELPER}: whoever may help it"),
        ]
        lines += [f"(declare-const {each} Node)" for each in (_WHOSE, _HELPER)]
        lines += [f"(assert (distinct {each} {NOBODY}))" for each in (_WHOSE, _HELPER)]
        pending = both(self.liveness.during, negate(self.liveness.goal))
        lines += self._defined(_IS_PENDING, f"({STATE} State)", "Bool", pending, _WHOSE)
        for at, part in enumerate(self.rank.parts):
            lines += ["", comment(f"part {at} of the rank: {part.meaning}")]
            if isinstance(part, Servers):
                lines += self._defined(_part(at), f"({STATE} State) ({_ONE} Node)", "Bool", part.claim, _ONE)
            else:
                lines += self._defined(_part(at), f"({STATE} State)", "Int", part.value, _WHOSE)
        for at, each in enumerate(self.rank.helpful):
            lines += ["", comment(f"when {each.transition} helps")]
            lines += self._defined(_helps(at), f"({STATE} State) ({_ONE} Node)", "Bool", each.when, _ONE)
        return lines

    def _defined(self, name: str, given: str, sort: str, said: Expr, of: str) -> Iterator[str]:
        """A definition of what is said of a state and, where it speaks of one, of that server."""
        meant = self.transitions[0].means(said)
        yield f"(define-fun {name} ({given}) {sort} {self._words(self._of_state, of).of(meant)})"

    @cached_property
    def _of_state(self) -> Words:
        return said_of_state(self._vocabulary.facts, self._servers)

    @staticmethod
    def _words(words: Words, of: str) -> Words:
        return replace(words, bound={SELF.name: of, PENDING.name: _WHOSE})

    def _ends(self, transition: Transition) -> bool:
        """A fault that ends at last: nothing is asked of it."""
        return transition.rule.budget in self.rank.faults

    def _defined_for(self, transition: Transition) -> Sequence[str]:
        if self._ends(transition):
            return ()
        return (*self._said(), *self._compared(), *self._goes_on(transition))

    def _asked_of(self, transition: Transition) -> Iterator[Asked]:
        if self._ends(transition):
            return
        name = transition.name
        yield Asked(
            Question("descent"),
            f"{name} makes no part of the rank larger, unless one before it becomes less",
            f"(and {_GOES_ON} (not {_KEPT}))",
        )
        lost = _any_of(
            f"(and ({_helps(at)} {BEFORE} {_HELPER}) (not ({_helps(at)} {AFTER} {_HELPER})))"
            for at, _ in enumerate(self.rank.helpful)
        )
        yield Asked(
            Question("persistence"),
            f"{name} leaves what helps, or makes the rank less",
            f"(and {_GOES_ON} {lost} (not {_FALLS}))",
        )
        helps = [
            f"({_helps(at)} {BEFORE} {ACTOR})"
            for at, each in enumerate(self.rank.helpful)
            if each.transition == name
        ]
        if helps:
            yield Asked(
                Question("progress"),
                f"{name} makes the rank less where it helps",
                f"(and {_GOES_ON} {_any_of(helps)} (not {_FALLS}))",
            )

    def _goes_on(self, transition: Transition) -> list[str]:
        """That a run is pending before the step and after it."""
        reached = self.liveness.reached_by(transition)
        goes_on = [f"({_IS_PENDING} {BEFORE})", f"({_IS_PENDING} {AFTER})"]
        if reached is not None:
            goes_on.append(f"(not {self._before.of(transition.means(reached))})")
        return [f"(define-fun {_GOES_ON} () Bool (and {' '.join(goes_on)}))"]

    def _compared(self) -> list[str]:
        """That the rank becomes less by a step; that it becomes less or stays."""
        lines: list[str] = []
        falls, kept = "false", "true"
        for at, part in reversed([*enumerate(self.rank.parts)]):
            name = _part(at)
            if isinstance(part, Servers):
                one, is_there = f"(({_ONE} Node))", f"(distinct {_ONE} {NOBODY})"
                was, is_so = f"({name} {BEFORE} {_ONE})", f"({name} {AFTER} {_ONE})"
                no_more = f"(forall {one} (=> (and {is_there} {is_so}) {was}))"
                less = f"(exists {one} (and {is_there} {was} (not {is_so})))"
            else:
                no_more, less = (f"({op} ({name} {AFTER}) ({name} {BEFORE}))" for op in ("<=", "<"))
            lines += [f"(define-fun no-more-{at} () Bool {no_more})"]
            falls = f"(and no-more-{at} (or {less} {falls}))"
            kept = f"(and no-more-{at} (or {less} {kept}))"
        lines += [f"(define-fun {_FALLS} () Bool {falls})", f"(define-fun {_KEPT} () Bool {kept})"]
        return lines

    def _any_state(self, number: int, lemmas: Sequence[Claim]) -> Text:
        lines = [*self._head(ANY_STATE, "where a run is pending, something helps"), *self._state({})]
        lines += [*self._lemmas(lemmas), *self._hold(lemmas), *self._said()]
        lines += ["", comment("pending"), f"(assert ({_IS_PENDING} {BEFORE}))"]
        helps = _any_of(f"({_helps(at)} {BEFORE} {_ONE})" for at, _ in enumerate(self.rank.helpful))
        there = f"(({_ONE} Node)) (and (distinct {_ONE} {NOBODY}) {helps})"
        below = [
            f"(< ({_part(at)} {BEFORE}) 0)"
            for at, part in enumerate(self.rank.parts)
            if not isinstance(part, Servers)
        ]
        asked = [
            Asked(Question("help"), "some step of some server helps", f"(not (exists {there}))"),
            Asked(Question("bound"), "no part of the rank is below 0", _any_of(below)),
        ]
        for at, each in enumerate(self.rank.helpful):
            can = self._can(each, {step.name: step for step in self.transitions})
            said = f"{each.transition} can be taken where it helps"
            failure = f"(and ({_helps(at)} {BEFORE} {_HELPER}) (not {can}))"
            asked.append(Asked(Question("possibility", step=each.transition), said, failure))
        return in_file(f"{number:03}-any-state", ANY_STATE, lines, asked)

    def _can(self, helpful: Helpful, steps: Mapping[str, Transition]) -> str:
        """That the helper can take that step.

        Raises:
            ValueError: there is none of that name, or nothing says that it is taken at last.
        """
        name = helpful.transition
        if name not in steps or name not in self.liveness.fairness:
            raise ValueError(f"{name} is said to help, and may be put off forever")
        step, of = steps[name], self._words(self._before, _HELPER).of
        left = [each.name for each in step.rule.inputs if each.name not in helpful.chosen]
        if left:
            raise ValueError(f"{name} is said to help, whatever {left[0]} is")
        chosen = " ".join(
            f"({symbol(f'input.{each}')} {of(value)})" for each, value in helpful.chosen.items()
        )
        guards = [of(guard) for guard in step.step.guard.values()]
        if step.rule.kind in (Kind.PD, Kind.TSO):
            is_tso = f"(server.is_tso {_HELPER})"
            guards.append(is_tso if step.rule.kind is Kind.TSO else f"(not {is_tso})")
        can = combined("and", guards)
        return f"(let ({chosen}) {can})" if chosen else can


def _part(at: int) -> str:
    return f"part-{at}"


def _helps(at: int) -> str:
    return f"helps-{at}"


def _any_of(claims: Iterable[str]) -> str:
    return combined("or", [*claims])

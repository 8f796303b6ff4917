"""What a proof has to show, as text: a file a step, and one for the first states.

Each file stands alone: sorts, constants and what is taken for granted of them, the state before, the step,
the lemmas, then a question for each obligation, to which the answer has to be ``unsat``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...model.language.expr import TIME, Expr, Sort
from ...model.language.transition import Kind, Transition
from ...model.language.variant import Variant
from ...model.language.vocabulary import Vocabulary
from ...model.pd import system
from ...specs.assumptions import Assumption
from ...specs.constraints import Constraint, parameters
from ...specs.lemmas import FIRST
from ...specs.properties import Property
from .manifest import Claim, Question
from .smtlib import (
    ACTOR,
    AFTER,
    BEFORE,
    NOBODY,
    STATE,
    Words,
    comment,
    said_before,
    said_of_state,
    sort_name,
    sorts,
    symbol,
)

#: what stands in place of a step where the first states are spoken of
FIRST_STATE = "first state"


@dataclass(frozen=True, slots=True)
class Text:
    """A file: of which step, its text, and what its checks show, in their order."""

    name: str
    transition: str
    text: str
    checks: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in a file: what it shows, in words, and the failure that is to be impossible."""

    shows: Question
    said: str
    failure: str


@dataclass(frozen=True)
class Task:
    """What is proved of safety, of which system, and what is taken for granted.

    ``nodes``: how many servers, None for any number; ``dropped``: guards left out.
    """

    fence: Variant
    prop: Property
    nodes: int | None = None
    assumptions: tuple[Assumption, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()

    @cached_property
    def transitions(self) -> tuple[Transition, ...]:
        """The steps of the system.

        Raises:
            KeyError: a guard to drop that does not exist.
        """
        return system.transitions(self.fence, self.dropped)

    @cached_property
    def digest(self) -> str:
        """Of the system, the property and all that is taken for granted: of everything but lemmas."""
        hashed = hashlib.sha256()
        for each in self.texts(()):
            hashed.update(each.text.encode())
        return hashed.hexdigest()

    def claim(self, name: str, meaning: str, claim: Expr) -> Claim:
        """A lemma in the words of the system."""
        meant = self.transitions[0].means(claim)
        return Claim(
            name, " ".join(meaning.split()), said_of_state(self._vocabulary.facts, self._servers).of(meant)
        )

    @property
    def given(self) -> tuple[str, ...]:
        """What is taken for granted beside that, in words."""
        return ()

    def texts(self, lemmas: Sequence[Claim]) -> Iterator[Text]:
        """Every file, the first states' first."""
        yield self._first(lemmas)
        for number, transition in enumerate(self.transitions, 1):
            yield self._step(number, transition, lemmas)

    @property
    def _facts(self) -> Sequence[Expr]:
        """What a first state is like."""
        return FIRST

    def _defined_for(self, transition: Transition) -> Sequence[str]:
        """Lines of a step that what is asked of it beside the lemmas speaks of."""
        return ()

    def _asked_of(self, transition: Transition) -> Iterator[Asked]:
        """What is asked of a step beside the lemmas."""
        broken_by = self.prop.broken_by(transition)
        if broken_by is not None:
            said = f"{transition.name} does not break {self.prop.name}"
            yield Asked(Question("implication"), said, self._before.of(broken_by))

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return system.vocabulary(self.fence)

    @cached_property
    def _servers(self) -> tuple[str, ...]:
        return tuple(f"server-{number}" for number in range(1, (self.nodes or 0) + 1))

    @cached_property
    def _before(self) -> Words:
        return said_before(self._vocabulary.facts, self._servers)

    @cached_property
    def _shared(self) -> dict[str, Sort]:
        """What has one value for the cluster."""
        shared = {each.name: each.sort for each in self._vocabulary.variables.values() if not each.per_server}
        return {**shared, "now": TIME}

    @cached_property
    def _per_server(self) -> dict[str, Sort]:
        return {each.name: each.sort for each in self._vocabulary.variables.values() if each.per_server}

    def _first(self, lemmas: Sequence[Claim]) -> Text:
        lines = [*self._head(FIRST_STATE, "every first state meets the lemmas"), *self._state({})]
        lines += self._lemmas(lemmas)
        lines += [
            "",
            comment("what a first state is: a cluster that is stopped, and may have been used before"),
        ]
        lines += [f"(assert {self._before.of(fact)})" for fact in self._facts]
        asked = [
            Asked(
                Question("initiation", lemma.name),
                f"a first state meets {lemma.name!r}",
                f"(not {_holds(lemma, BEFORE)})",
            )
            for lemma in lemmas
        ]
        return in_file("000-first-state", FIRST_STATE, lines, asked)

    def _step(self, number: int, transition: Transition, lemmas: Sequence[Claim]) -> Text:
        of = self._before.of
        lines = self._head(transition.name, transition.rule.meaning)
        lines += ["", comment(f"the step: {transition.name}, of {transition.rule.kind.value}")]
        lines += [f"(declare-const {ACTOR} Node)", f"(assert (distinct {ACTOR} {NOBODY}))"]
        lines += [
            f"(declare-const {symbol('input.' + each.name)} {sort_name(each.sort)})"
            for each in transition.rule.inputs
        ]
        lines += self._state(transition.step.effect)
        if transition.rule.kind in (Kind.PD, Kind.TSO):
            is_tso = f"(server.is_tso {ACTOR})"
            lines.append(f"(assert {is_tso if transition.rule.kind is Kind.TSO else f'(not {is_tso})'})")
        lines += [*self._lemmas(lemmas), *self._hold(lemmas)]
        for each in self.assumptions:
            guard = each.guard(transition)
            if guard is not None:
                lines += ["", comment(f"assumed, {each.name}: {each.meaning}"), f"(assert {of(guard)})"]
        for label, guard in transition.step.guard.items():
            lines += ["", comment(f"guard: {label}"), f"(assert {of(guard)})"]
        lines += self._defined_for(transition)
        asked = [
            *self._asked_of(transition),
            *(
                Asked(
                    Question("consecution", lemma.name),
                    f"{transition.name} keeps {lemma.name!r}",
                    f"(not {_holds(lemma, AFTER)})",
                )
                for lemma in lemmas
            ),
        ]
        name = f"{number:03}-{re.sub(r'[^A-Za-z0-9_]', '_', transition.name)}"
        return in_file(name, transition.name, lines, asked)

    def _head(self, step: str, meaning: str) -> list[str]:
        servers = "any number of servers" if self.nodes is None else f"{self.nodes} servers"
        lines = [comment(f"{self.prop.name} under {self.fence.name}, {servers}: {self.prop.meaning}")]
        lines += [comment(f"{step}: {meaning}"), "(set-logic ALL)", ""]
        lines += [comment("servers, and nobody where a key has no value")]
        if self.nodes is None:
            lines += ["(declare-sort Node 0)", f"(declare-const {NOBODY} Node)"]
        else:
            named = " ".join(f"({each})" for each in (NOBODY, *self._servers))
            lines += [f"(declare-datatypes ((Node 0)) (({named})))"]
        lines += [f"(declare-datatypes ((State 0)) ((({BEFORE}) ({AFTER}))))"]
        for sort in self._sorts:
            members = " ".join(f"({symbol(f'{sort.name}.{member}')})" for member in sort.members)
            lines.append(f"(declare-datatypes (({sort_name(sort)} 0)) (({members})))")
        lines += ["", comment("constants")]
        lines += [
            f"(declare-const {symbol('constant.' + each.name)} {sort_name(each.sort)})"
            for each in self._constants
        ]
        lines += [
            f"(declare-fun {symbol('server.' + name)} (Node) {sort_name(fact.sort)})"
            for name, fact in self._vocabulary.facts.items()
        ]
        for each in self.constraints:
            lines += [comment(f"taken for granted, {each.formula}: {each.meaning}")]
            lines += [f"(assert {self._before.of(each.claim)})"]
        return lines

    @cached_property
    def _sorts(self) -> tuple[Sort, ...]:
        """The enumerations that occur anywhere in the system."""
        more = [*self._shared.values(), *self._per_server.values()]
        steps = (each.step for each in self.transitions)
        return tuple(
            sorts((expr for step in steps for expr in (*step.guard.values(), *step.effect.values())), more)
        )

    @cached_property
    def _constants(self) -> tuple[Expr, ...]:
        return parameters(self.fence)

    def _state(self, effect: Mapping[str, Expr]) -> list[str]:
        """The state before, and how both are read: what a step does not change stays."""
        of = self._before.of
        lines = ["", comment("the state before")]
        for name, sort in (*self._shared.items(), *self._per_server.items()):
            owner = "Node" if name in self._per_server else ""
            lines.append(f"(declare-fun {symbol(f'before.{name}')} ({owner}) {sort_name(sort)})")
        lines += ["", comment("either state: what the step does not list stays")]
        for name, sort in self._shared.items():
            value = symbol(f"before.{name}")
            if name in effect:
                value = f"(ite (= {STATE} {AFTER}) {of(effect[name])} {value})"
            lines.append(
                f"(define-fun {symbol(f'state.{name}')} (({STATE} State)) {sort_name(sort)} {value})"
            )
        for name, sort in self._per_server.items():
            value = f"({symbol(f'before.{name}')} m)"
            if name in effect:
                here = f"(and (= {STATE} {AFTER}) (= m {ACTOR}))"
                value = f"(ite {here} {of(effect[name])} {value})"
            given = f"({STATE} State) (m Node)"
            lines.append(f"(define-fun {symbol(f'state.{name}')} ({given}) {sort_name(sort)} {value})")
        return lines

    def _lemmas(self, lemmas: Iterable[Claim]) -> list[str]:
        lines = [""]
        for lemma in lemmas:
            lines.append(comment(f"lemma {lemma.name}: {lemma.meaning}"))
            lines.append(f"(define-fun {_called(lemma)} (({STATE} State)) Bool {lemma.text})")
        return lines

    @staticmethod
    def _hold(lemmas: Iterable[Claim]) -> list[str]:
        return [f"(assert {_holds(lemma, BEFORE)})" for lemma in lemmas]


def _called(lemma: Claim) -> str:
    return symbol(f"lemma {lemma.name}")


def _holds(lemma: Claim, state: str) -> str:
    return f"({_called(lemma)} {state})"


def in_file(name: str, transition: str, lines: Iterable[str], asked: Sequence[Asked]) -> Text:
    """The questions of a step, below what is known."""
    text = [*lines]
    for each in asked:
        text += ["", comment(f"{each.shows.shows}: {each.said}"), "(push 1)"]
        text += [f"(assert {each.failure})", "(check-sat)", "(pop 1)"]
    checks = tuple(each.shows for each in asked)
    return Text(f"{name}.smt2", transition, "\n".join(text) + "\n", checks)

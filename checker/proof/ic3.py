"""Lemmas from counterexamples to induction: what a step that breaks the property needs, and no state has.

A state before such a step is read as a cube over the servers that matter to it (`model.language.cube`).  That
no servers ever are so is the lemma wanted, of as few conditions as will do: those that a step from elsewhere
does not need to lead in are left out, unless what that step needs is never so either, which is then a lemma,
too (after IC3: Bradley, VMCAI 2011; Hassan, Bradley and Somenzi, FMCAD 2013, of counterexamples to
generalisation; said of any servers as by Karbyshev et al., JACM 2017).  There are no frames: a lemma holds
always or is none, for an allocator takes a dozen steps to its first grant, and what holds of as many steps
from a first state holds of nothing else.  Nothing rests on this search.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import z3

from ...model.language.cube import NAMES, Cube, Reading, written
from ...model.language.smt import Term, View
from ...model.language.transition import SELF, Kind, Transition
from ...model.pd import state as s
from ...specs.constraints import CONSTRAINTS
from ...specs.lemmas import Lemma
from .induct import Induction, Known

#: how many servers a lemma may speak of
SERVERS = len(NAMES)
#: how many steps back from the one that breaks the property it is asked what they need
_DEPTH = 2
#: of how many steps that lead into a cube that is asked before what they do not need is left out
_TRIES = 3


class _GaveUp(Exception):
    """z3 could not tell, or time is up."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What is known before a step, the state after it, and conditions of cubes in either, made once."""

    transition: Transition
    known: Known
    after: View
    said_before: dict[str, Term] = field(default_factory=dict)
    said_after: dict[str, Term] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Way:
    """What a step that leads into a cube needs, and which conditions of that are met before it."""

    needs: Cube
    met: frozenset[str]


class _Search:
    """Lemmas found so far, beside those of the induction, which hold."""

    def __init__(self, induction: Induction, until: float, tell: Callable[[str], None]) -> None:
        self._induction, self._until, self._tell = induction, until, tell
        self._servers = dict(zip(NAMES, induction.witnesses, strict=False))
        self._steps = [self._step(each) for each in induction.transitions]
        self._first = _Step(self._steps[0].transition, known := induction.first(), known.view)
        self.found: list[Cube] = []

    def _step(self, transition: Transition) -> _Step:
        known = self._induction.guarded(transition)
        return _Step(transition, known, self._induction.after(known, transition))

    def proves(self) -> bool:
        """Whether lemmas are found that exclude every step which breaks the property."""
        while (broken := self._breaking()) is not None:
            there = len(self.found)
            if not self._is_excluded(broken) and len(self.found) == there:
                return False
        return True

    def _is_excluded(self, cube: Cube) -> bool:
        """Whether a lemma is found that excludes it; as few steps back as will do."""
        for depth in range(_DEPTH + 1):
            away = self._most(cube, depth)
            if away is not None:
                self._learn(away)
                return True
        return False

    def _breaking(self) -> Cube | None:
        """What a step needs that breaks the property; None: none does."""
        for step in self._steps:
            broken_by = self._induction.prop.broken_by(step.transition)
            if broken_by is None:
                continue
            with step.known.supposing(step.known.view.of(broken_by)):
                if self._is_possible(step.known):
                    reading = Reading(step.known.view, step.known.solver.model(), {}, SELF)
                    reading.say(broken_by)
                    return self._needs(reading, step.transition)
        return None

    def _most(self, cube: Cube, depth: int) -> Cube | None:
        """The most of a cube into which no step leads from elsewhere; None: nothing of it is so.

        What the conditions of such a part are is met before every step that leads into more of them.
        """
        tried = 0
        while self._is_never_first(cube):
            way = self._into(cube)
            if way is None:
                return cube
            if tried < _TRIES and depth:
                tried += 1
                away = self._most(way.needs, depth - 1)
                if away is not None:
                    self._learn(away)
                    continue
            tried = 0
            cube = cube.only(way.met)
        return None

    def _learn(self, cube: Cube) -> None:
        """Take it that no servers are so; as few conditions as will do."""
        for key in tuple(cube.literals):
            if key in cube.literals:
                cube = self._most(cube.without(key), 0) or cube
        self.found.append(cube)
        for known in {id(step.known.of_all): step.known for step in self._steps}.values():
            known.learn(cube.never)

    def _is_never_first(self, cube: Cube) -> bool:
        with self._first.known.supposing(self._said(self._first.known.view, self._first.said_before, cube)):
            return not self._is_possible(self._first.known)

    def _into(self, cube: Cube) -> _Way | None:
        """A step that leads into the cube from elsewhere; None: there is none."""
        self._tell(f"{len(self.found)} lemmas seen: what leads to {len(cube.literals)} conditions")
        for step in tuple(self._steps):
            if cube.variables.isdisjoint(step.transition.step.effect):
                continue
            before = step.known.view
            here = self._terms(before, step.said_before, cube)
            there = self._said(step.after, step.said_after, cube)
            with step.known.supposing(z3.And(there, z3.Not(z3.And([*here.values()])))):
                if not self._is_possible(step.known):
                    continue
                # what led in once soon does again
                self._steps = [step, *(each for each in self._steps if each is not step)]
                model = step.known.solver.model()
                met = (key for key, term in here.items() if z3.is_true(model.eval(term, True)))
                servers = {name: self._servers[name] for name in cube.servers}
                reading = Reading(before, model, servers, SELF)
                for each in cube.literals.values():
                    reading.say(reading.before(each, step.transition.step.effect))
                return _Way(self._needs(reading, step.transition), frozenset(met))
        return None

    def _needs(self, reading: Reading, transition: Transition) -> Cube:
        """What a step needs, beside what was read."""
        assumed = (each.guard(transition) for each in self._induction.assumptions)
        for guard in (*transition.step.guard.values(), *assumed):
            if guard is not None:
                reading.say(guard)
        if transition.rule.kind in (Kind.PD, Kind.TSO):
            reading.say(s.is_tso[SELF], transition.rule.kind is Kind.TSO)
        return reading.cube(transition.rule.inputs)

    def _terms(self, view: View, made: dict[str, Term], cube: Cube) -> dict[str, Term]:
        for name, server in self._servers.items():
            view = view.binding(name, server)
        for key, each in cube.literals.items():
            if key not in made:
                made[key] = view.of(each)
        return {key: made[key] for key in cube.literals}

    def _said(self, view: View, made: dict[str, Term], cube: Cube) -> Term:
        """That servers differ which are so."""
        servers = (self._servers[name] for name in cube.servers)
        return z3.And(z3.Distinct(view.world.nobody, *servers), *self._terms(view, made, cube).values())

    def _is_possible(self, known: Known) -> bool:
        answer = z3.unknown if time.process_time() > self._until else known.check(CONSTRAINTS)
        if answer == z3.unknown:
            raise _GaveUp
        return bool(answer == z3.sat)


def clauses(induction: Induction, until: float, tell: Callable[[str], None]) -> Sequence[Lemma]:
    """Lemmas from which, and from those of the induction, the property follows; none: nothing was found
    ``until`` this process had taken so many seconds.

    Raises:
        KeyboardInterrupt: see `interruption`.
    """
    search = _Search(induction, until, tell)
    try:
        return [_lemma(each) for each in search.found] if search.proves() else ()
    except _GaveUp:
        return ()


def _lemma(cube: Cube) -> Lemma:
    said = " and ".join(map(written, cube.literals.values()))
    who = ("there never is", "no server has", "no two servers have", "no three servers have")
    return Lemma(f"never {said}", f"{who[len(cube.servers)]} at once {said}", cube.never)

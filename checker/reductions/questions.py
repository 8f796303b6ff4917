"""A system of any number of servers before z3: its steps, and what holds in each of its states.

Servers are symbols: the one that acts, any other one, and as many as a guard says there are.  Times and
constants are integers.  So what is shown is shown for every number of servers, and for all constants that a
scenario may choose but for what it switches on or off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, cached_property

import z3

from ...model.language.expr import BOOL, NODE, NOW, ZERO, Expr, Sort
from ...model.language.fold import Known, fold
from ...model.language.instance import Configuration
from ...model.language.smt import Term, View, World, existing
from ...model.language.transition import SELF, Kind, Transition
from ...model.pd.state import GUARD, NO_TIME, SKEW, UNIT, skew
from ...specs.properties import Property
from ..interruption import heed
from .candidates import happening, mentioned

#: milliseconds after which z3 gives up on one question: what it cannot tell soon is not used
_PATIENCE = 5_000
#: what is taken for granted of constants; a scenario that differs is refused
_CONSTANTS = (NO_TIME < UNIT, NO_TIME < GUARD, NO_TIME <= SKEW)
#: what may differ between the first states of a cluster that was never used
_OPEN = ("skew", "api")


class _Constants(World):
    """Of a scenario's constants, only what it switches on or off is known."""

    def __init__(self, constants: Mapping[str, int]) -> None:
        super().__init__()
        self._constants = constants

    def literal(self, sort: Sort, value: int) -> Term:
        """As everywhere, but of servers only nobody.

        Raises:
            ValueError: a server by number, of which something is asked: servers are symbols here.
        """
        if sort == NODE and value:
            raise ValueError("not shown for what names a server")
        return super().literal(sort, value)

    def parameter(self, expr: Expr) -> Term:
        if expr.sort == BOOL:
            return self.literal(BOOL, self._constants[expr.name])
        return super().parameter(expr)


class OpenSystem:
    """The transitions that a configuration has, in z3's terms.

    ``before``: a state of which nothing is known; ``actor`` takes steps, ``other`` is any server but that
    one.

    Raises:
        ValueError: constants, or a first state, of which nothing is shown here.
    """

    def __init__(self, configuration: Configuration, properties: Sequence[Property] = ()) -> None:
        known = Known(servers=0, constants=configuration.constants)
        if not all(fold(claim, known).value for claim in _CONSTANTS):
            raise ValueError("a guard or a unit of nothing")
        self.configuration = configuration
        self.variables = configuration.vocabulary.variables
        self._facts = configuration.known.facts
        if any(min(values) < 1 for name, values in self._facts.items() if self._sort(name) != BOOL):
            raise ValueError("a save interval or a lease of nothing")
        if any(each.per_server and each.sort == NODE for each in self.variables.values()):
            raise ValueError("not shown where a variable gives a server of a server")
        self._told_apart = [name for name in self._facts if self._sort(name) == BOOL]
        self._somebody = set(zip(*(self._facts[name] for name in self._told_apart), strict=True))
        self.transitions = happening(configuration)
        self.world = _Constants(configuration.constants)
        self.actor, self.other = (self.world.constant(name, NODE) for name in (SELF.name, "other"))
        judges = [judge for prop in properties for judge in (prop.broken_by, prop.tested_by)]
        more = 0
        for each in self.transitions:
            said = [*each.step.guard.values(), *each.step.effect.values()]
            said += [expr for judge in judges if (expr := judge(each)) is not None]
            # what is said to exist may be somebody else each time
            more = max(more, sum(existing(expr, (True, False)) for expr in said))
        self.servers = (
            self.actor,
            self.other,
            *(self.world.constant(f"more {i}", NODE) for i in range(more)),
        )
        self._said: dict[tuple[int, int, Term], tuple[Term, View, Expr]] = {}
        view = self.world.view(configuration.vocabulary)
        # the same few terms are asked for again and again
        self.before = replace(view, universe=self.servers, read=cache(view.read))

    def _sort(self, name: str) -> Sort:
        facts = self.configuration.vocabulary.facts
        return facts[name].sort if name in facts else self.variables[name].sort

    def of(self, view: View, claim: Expr, who: Term | None = None) -> Term:
        """A claim over `SELF`, of a server: by default the one that acts."""
        server = self.actor if who is None else who
        key = (id(view), id(claim), server)
        if key not in self._said:  # with what it is about, whose addresses must not be used again meanwhile
            self._said[key] = view.binding(SELF.name, server).of(claim), view, claim
        return self._said[key][0]

    def acts(self, transition: Transition, view: View | None = None) -> Term:
        """The server that acts may take the step: it is of the right kind, and nothing refuses it."""
        view = view or self.before
        conditions = [self.of(view, guard) for guard in transition.step.guard.values()]
        if transition.rule.kind in (Kind.PD, Kind.TSO):
            is_tso = view.read("is_tso", self.actor)
            conditions.append(is_tso if transition.rule.kind is Kind.TSO else z3.Not(is_tso))
        return z3.And(conditions)

    def after(self, transition: Transition, view: View | None = None) -> View:
        """The state after it."""
        return (view or self.before).binding(SELF.name, self.actor).after(transition.step.effect, self.actor)

    def everywhere(self, view: View, claims: Iterable[Expr]) -> list[Term]:
        """What these claims say of every server of whom something is asked."""
        return [self.of(view, claim, server) for claim in claims for server in (self.actor, self.other)]

    def looks_elsewhere(self, names: Iterable[str]) -> bool:
        """Does a variable among these belong to no server, so that every server may look at it?"""
        return any(name not in self.variables or not self.variables[name].per_server for name in names)

    def solver(self, *facts: Term) -> z3.Solver:
        """One that knows what is known of every state, and these facts."""
        solver = z3.Solver()
        solver.set("timeout", _PATIENCE)
        solver.add(self._given)
        solver.add(*facts)
        return solver

    @cached_property
    def _given(self) -> list[Term]:
        return [
            self.actor != self.other,
            *(server != self.world.nobody for server in self.servers),
            *(self._is_somebody(server) for server in self.servers),
            *(self.before.of(each) for each in _CONSTANTS),
        ]

    def _is_somebody(self, server: Term) -> Term:
        """What it is goes together as it does for one of the configuration's; its times are no less than a
        unit."""
        read = self.before.read
        lasting = [read(name, server) > 0 for name in self._facts if self._sort(name) != BOOL]
        somebody = []
        for values in sorted(self._somebody):
            has = [
                read(name, server) == self.world.literal(BOOL, value)
                for name, value in zip(self._told_apart, values, strict=True)
            ]
            somebody.append(z3.And(has))
        return z3.And(*lasting, z3.Or(somebody))

    def unused(self) -> list[Term]:
        """What a cluster that was never used is like."""
        view = self.before
        known = [
            view.of(ZERO < NOW - SKEW),
            *self.everywhere(view, (NO_TIME - SKEW <= skew[SELF], skew[SELF] <= SKEW)),
        ]
        for name, variable in self.variables.items():
            if name in _OPEN or variable.sort == NODE:
                continue
            value = self.world.literal(variable.sort, variable.initial)
            if variable.per_server:
                known += [view.read(name, server) == value for server in self.servers]
            else:
                known.append(view.shared[name] == value)
        return known


def shown(solver: z3.Solver, *suppose: Term) -> bool:
    """Is it shown that this cannot be?

    Raises:
        KeyboardInterrupt: see `proof.interruption`.
    """
    heed()
    return bool(solver.check(*suppose) == z3.unsat)


@contextmanager
def supposing(solver: z3.Solver, *suppose: Term) -> Iterator[z3.Solver]:
    """The same solver that supposes more, for a while."""
    solver.push()
    try:
        solver.add(*suppose)
        yield solver
    finally:
        solver.pop()


def holding(system: OpenSystem, claims: Mapping[str, Expr]) -> tuple[dict[str, Expr], int]:
    """Those of the claims (over `SELF`, of every server) that hold in every state of a cluster that begins
    unused, and how many questions that took.

    They are shown together, by induction: what a step may break is left out, until the rest keeps itself.
    """
    left, asked = dict(claims), 0
    start = system.solver(*system.unused())
    for name, claim in claims.items():
        asked += 1
        if not shown(start, z3.Not(system.of(system.before, claim))):
            del left[name]
    keeps = False
    while not keeps:
        keeps = True
        for transition in system.transitions:
            goals = _kept(system, transition, left)
            if not goals:
                continue
            asked += 1
            solver = system.solver(*system.everywhere(system.before, left.values()), system.acts(transition))
            solver.add(z3.Not(z3.And(list(goals.values()))))
            if shown(solver):
                continue
            keeps = False
            broken = set(goals)
            if solver.check() == z3.sat:
                model = solver.model()
                broken = {name for name, goal in goals.items() if not z3.is_true(model.eval(goal, True))}
            left = {name: claim for name, claim in left.items() if name not in broken}
    return left, asked


def _kept(system: OpenSystem, transition: Transition, claims: Mapping[str, Expr]) -> dict[str, Term]:
    """That the claims hold after a step too, of the server that acts and of any other, where it matters."""
    after, writes = system.after(transition), transition.step.effect.keys()
    goals = {}
    for name, claim in claims.items():
        touched = mentioned(claim) & writes
        if touched:
            servers = system.servers[: 2 if system.looks_elsewhere(touched) else 1]
            goals[name] = z3.And([system.of(after, claim, server) for server in servers])
    return goals

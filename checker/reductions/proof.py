"""The proof that a table may be used, made from the beginning, however the table was found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import z3

from ...model.language.expr import Expr
from ...model.language.past import Forget
from ..interruption import heed
from .invariants import Keeping, candidates
from .kept import Entry
from .obligations import Obligation, obligations
from .relation import Atom, Relation, as_atoms
from .system import System

#: milliseconds after which z3 gives up on one obligation
_PATIENCE = 60_000
#: z3's solvers for arithmetic: the older one takes half as long here
_ARITHMETIC = (2, 6)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be proved: tables as atoms, by how many steps that spend are left (`System.spends`), what is
    forgotten, and the invariants that help (by name)."""

    levels: tuple[tuple[Atom, ...], ...]
    forgets: tuple[str, ...]
    invariants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """``failed``: the obligations that do not hold, or of which z3 could not tell; ``seconds`` of work."""

    obligations: int
    failed: tuple[str, ...]
    seconds: float


class Obligations:
    """Everything that has to hold for a plan.

    Raises:
        KeyError: the plan speaks of places that the system does not have.
    """

    def __init__(
        self,
        system: System,
        plan: Plan,
        *,
        flag: str,
        forgets: Sequence[Forget],
        claims: Sequence[tuple[str, Expr]],
    ) -> None:
        used = [forget for forget in forgets if forget.name in plan.forgets]
        self.relation = Relation(system, system.forgotten(used), flag)
        self.levels = plan.levels
        self.invariants = [each for each in candidates(self.relation, claims) if each.name in plan.invariants]
        self.missing = set(plan.invariants) - {each.name for each in self.invariants}
        self.alike = obligations(self.relation)

    def unkept(self) -> tuple[list[str], int]:
        """The steps that do not keep the invariants, and how many steps were asked."""
        keeping = Keeping(self.relation, self.invariants)
        return keeping.unkept([each.name for each in self.invariants]), len(keeping)

    def each(self) -> Iterator[tuple[Obligation, Sequence[Atom], Sequence[Atom]]]:
        """All about two alike states, with the table before and the table afterwards."""
        for left, table in enumerate(self.levels):
            for obligation in self.alike:
                if not obligation.spends:
                    yield obligation, table, table
                elif left:
                    yield obligation, table, self.levels[left - 1]

    def nested(self) -> bool:
        """Does each table tell all apart that the one before does?  Then folding by the last serves all."""
        return all(
            any(atom == other or (isinstance(atom[0], str) and _further(other, atom)) for other in table)
            for below, table in pairwise(self.levels)
            for atom in below
        )

    def holds(self, obligation: Obligation, table: Sequence[Atom], after: Sequence[Atom]) -> bool:
        """Is it proved?  Where one of z3's solvers for arithmetic gives up, another one is asked."""
        answers = (self.solver(obligation, table, after, arithmetic).check() for arithmetic in _ARITHMETIC)
        return bool(next((answer for answer in answers if answer != z3.unknown), z3.unknown) == z3.unsat)

    def solver(
        self,
        obligation: Obligation,
        table: Sequence[Atom],
        after: Sequence[Atom],
        arithmetic: int = _ARITHMETIC[0],
    ) -> z3.Solver:
        """One that finds a model only if the obligation fails."""
        solver = z3.SimpleSolver()
        solver.set(**{"timeout": _PATIENCE, "arith.solver": arithmetic})
        solver.add(*obligation.premises())
        solver.add(*(obligation.invariant(each) for each in self.invariants))
        solver.add(*(obligation.known(atom) for atom in table))
        goals = obligation.goals(after, self.invariants)
        solver.add(z3.Or([goal.fails for goal in goals]))
        return solver


def of_entry(
    system: System, entry: Entry, flag: str, forgets: Sequence[Forget], claims: Sequence[tuple[str, Expr]]
) -> Obligations:
    """What has to hold for a table that was kept.

    Raises:
        KeyError: it is no table of this system.
    """
    used = [forget for forget in forgets if forget.name in entry.forgets]
    every = candidates(Relation(system, system.forgotten(used), flag), claims)
    names = tuple(each.name for each in every if each.name not in entry.without)
    plan = Plan(tuple(as_atoms(*parts) for parts in entry.tables), entry.forgets, names)
    return Obligations(system, plan, flag=flag, forgets=forgets, claims=claims)


def prove(todo: Obligations, told: Callable[[str], None] = lambda _: None, until: float = math.inf) -> Proof:
    """Whether all of them hold; those of which nothing is known by then (of this process's time) do not."""
    began = time.process_time()
    failed, many = todo.unkept()
    failed += sorted(todo.missing) + ([] if todo.nested() else ["tables are not nested"])
    every = list(todo.each())
    for number, (obligation, table, after) in enumerate(every, 1):
        heed()
        told(f"proving {number} of {len(every)}")
        if time.process_time() > until or not todo.holds(obligation, table, after):
            failed.append(obligation.name)
    return Proof(many + len(every), tuple(failed), time.process_time() - began)


def _further(one: Atom, other: Atom) -> bool:
    """Does it say as much of the same place, and more?"""
    return one[0] == other[0] and one[1] >= other[1]

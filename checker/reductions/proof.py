"""The proof that a table may be used, made from the beginning, however the table was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import z3

from ...model.language.expr import Expr
from ...model.language.past import Forget
from ..proof.interruption import heed
from .invariants import Keeping, candidates
from .obligations import Obligation, obligations
from .relation import Atom, Relation
from .system import System

#: milliseconds after which z3 gives up on one obligation
_PATIENCE = 60_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be proved: a table as atoms, what is forgotten, and the invariants that help (by name)."""

    atoms: tuple[Atom, ...]
    forgets: tuple[str, ...]
    invariants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """``failed``: the obligations that do not hold, or of which z3 could not tell."""

    obligations: int
    failed: tuple[str, ...]
    seconds: float


class Obligations:
    """Everything that has to hold for a plan."""

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
        self.atoms = plan.atoms
        self.invariants = [each for each in candidates(self.relation, claims) if each.name in plan.invariants]
        self.missing = set(plan.invariants) - {each.name for each in self.invariants}
        self.alike = obligations(self.relation)

    def unkept(self) -> tuple[list[str], int]:
        """The steps that do not keep the invariants, and how many steps were asked."""
        keeping = Keeping(self.relation, self.invariants)
        return keeping.unkept([each.name for each in self.invariants]), len(keeping)

    def solver(self, obligation: Obligation, atoms: Sequence[Atom] | None = None) -> z3.Solver:
        """One that finds a model only if the obligation fails, for these atoms or the plan's."""
        table = self.atoms if atoms is None else atoms
        solver = z3.SimpleSolver()
        solver.set("timeout", _PATIENCE)
        solver.add(*obligation.premises())
        solver.add(*(obligation.invariant(each) for each in self.invariants))
        solver.add(*(obligation.known(atom) for atom in table))
        goals = obligation.goals(table, self.invariants)
        solver.add(z3.Or([goal.fails for goal in goals]))
        return solver


def prove(todo: Obligations, told: Callable[[str], None] = lambda _: None) -> Proof:
    """Whether all of them hold."""
    began = time.monotonic()
    failed, many = todo.unkept()
    failed += sorted(todo.missing)
    for number, obligation in enumerate(todo.alike, 1):
        heed()
        told(f"proving: {number} of {len(todo.alike)}")
        if todo.solver(obligation).check() != z3.unsat:
            failed.append(obligation.name)
    return Proof(many + len(todo.alike), tuple(failed), time.monotonic() - began)

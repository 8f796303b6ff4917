"""Which candidates always hold: the largest set of them that every step keeps.

(Houdini: begin with all that hold at first, and leave out what a step does not keep, until nothing is left
out any more.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import z3

from ...model.language.expr import Expr
from ...model.language.fold import fold
from ...model.language.layout import RELATIVE_NOW, State
from ...model.language.smt import Term
from ..interruption import heed
from .obligations import inputs
from .relation import Invariant, Relation
from .states import BASE, Side
from .system import Key, System


def candidates(relation: Relation, claims: Sequence[tuple[str, Expr]]) -> list[Invariant]:
    """What may always hold and does in every first state: each claim, of each server by itself."""
    system = relation.system
    found = [
        Invariant(f"{key[0]} {key[1]} is no time or late", partial(_late, key), frozenset({key}))
        for key in system.times
    ]
    known = system.layout.vocabulary.variables
    for name, claim in claims:
        folded = system.folded(claim)
        if any(expr.op in ("var", "field") and expr.name not in known for expr in folded.walk()):
            continue  # of a variable that this system does not have
        for number, part in enumerate(_parts(folded)):
            if part.op != "literal" and all(_true(system, part, state) for state in system.first):
                about = frozenset(
                    (expr.name, expr.args[0].value if expr.args else 0)
                    for expr in part.walk()
                    if expr.op in ("var", "field", "now")
                )
                found.append(Invariant(f"{name} ({number})", partial(_of, part), about))
    return found


def _of(claim: Expr, side: Side) -> Term:
    return side.of(claim)


def _late(key: Key, side: Side) -> Term:
    value = side.values[key]
    return z3.Or(value == 0, value >= BASE)


def _parts(claim: Expr) -> Iterator[Expr]:
    if claim.op == "and":
        for arg in claim.args:
            yield from _parts(arg)
    else:
        yield claim


def _true(system: System, claim: Expr, state: State) -> bool:
    known = replace(system.configuration.known, now=RELATIVE_NOW, state=partial(system.layout.read, state))
    return bool(fold(claim, known).value)


class Keeping:
    """Whether every step keeps invariants."""

    def __init__(self, relation: Relation, invariants: Sequence[Invariant]) -> None:
        self._names = {each.name: z3.Bool(f"invariant {each.name}") for each in invariants}
        self._solvers: list[tuple[str, z3.Solver, dict[str, Term]]] = []
        one = relation.one
        before = [z3.Implies(self._names[each.name], relation.holds(each, one)) for each in invariants]
        for instance in relation.system.instances:
            guard = [*inputs(relation, instance), *map(one.of, instance.guard.values())]
            touched = [each for each in invariants if each.about & instance.effect.keys()]
            if not touched or any(z3.is_false(each) for each in guard):
                continue
            after = one.after(instance)
            solver = z3.SimpleSolver()
            solver.add(*relation.premises(), *guard, *before)
            name = f"{instance.name} {instance.number}"
            self._solvers.append((name, solver, {each.name: each.of(after) for each in touched}))

    def __len__(self) -> int:
        """How many steps change something of which an invariant speaks."""
        return len(self._solvers)

    def unkept(self, names: Sequence[str]) -> list[str]:
        """The steps that do not keep these."""
        found = []
        for step, solver, claims in self._solvers:
            heed()
            wanted = [claims[name] for name in names if name in claims]
            solver.push()
            solver.add(z3.Not(z3.And(wanted)))
            if solver.check(*(self._names[name] for name in names)) != z3.unsat:
                found.append(step)
            solver.pop()
        return found

    def largest(self, among: Sequence[str]) -> list[str]:
        """Those of these that every step keeps, if all of them hold before."""
        kept = list(among)
        changed = True
        while changed:
            changed = False
            for _, solver, claims in self._solvers:
                while True:
                    heed()
                    wanted = [claims[name] for name in kept if name in claims]
                    if not wanted:
                        break
                    solver.push()
                    solver.add(z3.Not(z3.And(wanted)))
                    answer = solver.check(*(self._names[name] for name in kept))
                    lost = set()
                    if answer == z3.sat:
                        model = solver.model()
                        lost = {
                            name
                            for name in kept
                            if name in claims
                            and not z3.is_true(model.eval(claims[name], model_completion=True))
                        }
                    solver.pop()
                    if answer == z3.unsat:
                        break
                    changed = True
                    if not lost:  # z3 gave up
                        lost = {name for name in kept if name in claims}
                    kept = [name for name in kept if name not in lost]
        return kept

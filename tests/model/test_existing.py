"""A finite universe with a constant for each server that is said to exist: does it say the same?"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from tsofence.model.language.expr import BOOL, TRUE, Expr, both, either, exists, forall, ite, negate
from tsofence.model.language.fold import Known, fold
from tsofence.model.language.smt import View, World, existing
from tsofence.model.language.transition import SELF
from tsofence.model.language.vocabulary import PerServer, Vocabulary

#: servers of the system, of which only the first has a name; two facts are known of each
SERVERS = 4
FACTS = ("tall", "fast")
WORLD = World(SERVERS)


def conditions(scope: tuple[Expr, ...], depth: int) -> st.SearchStrategy[Expr]:
    """Conditions over the servers in scope, with quantifiers where they may stand at all."""
    atoms = [PerServer(fact, BOOL)[owner] for fact in FACTS for owner in scope]
    atoms += [a == b for i, a in enumerate(scope) for b in scope[:i]]
    leaves = st.sampled_from(atoms)
    if not depth:
        return leaves
    inner = st.deferred(lambda: conditions(scope, depth - 1))
    name = "abc"[len(scope) - 1]
    body = conditions((*scope, Expr("bound", SELF.sort, name=name)), depth - 1)
    return st.one_of(
        leaves,
        inner.map(negate),
        st.tuples(inner, inner).map(lambda pair: both(*pair)),
        st.tuples(inner, inner).map(lambda pair: either(*pair)),
        st.tuples(inner, inner, inner).map(lambda three: ite(*three)),
        inner.map(lambda condition: condition == TRUE),
        body.map(lambda condition: exists(lambda _: condition, name)),
        body.map(lambda condition: forall(lambda _: condition, name)),
    )


def refused(expr: Expr, stated: tuple[bool, ...]) -> bool:
    try:
        existing(expr, stated)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("stated", [(True,), (False,), (True, False)])
@settings(max_examples=60, deadline=None)
@given(
    expr=conditions((SELF,), 3), values=st.lists(st.booleans(), min_size=2 * SERVERS, max_size=2 * SERVERS)
)
def test_the_finite_reading_agrees(stated: tuple[bool, ...], expr: Expr, values: list[bool]) -> None:
    """Where a condition is taken to be true (or false) and is, some choice of the constants makes the finite
    reading so, too: whoever refutes the latter has refuted the condition."""
    if refused(expr, stated):
        return
    facts = {fact: tuple(map(int, values[i::2])) for i, fact in enumerate(FACTS)}
    known = Known(SERVERS, {}, bound={SELF.name: 1}, state=lambda name, owner: facts[name][owner - 1])
    truth = bool(fold(expr, known).value)
    if truth not in stated:
        return

    def read(name: str, owner: object) -> object:
        index = next(i for i, server in enumerate(WORLD.servers) if z3.eq(server, owner))
        return z3.BoolVal(bool(facts[name][index]))

    me, *others = WORLD.servers
    assert any(
        z3.is_true(z3.simplify(View(WORLD, {}, read, (me, *chosen), {SELF.name: me}).of(expr))) == truth
        for chosen in product(others, repeat=existing(expr, stated))
    )


def test_without_its_constant_it_does_not() -> None:
    """Nobody but the server that has a name: then the finite reading says that there is no other."""
    other = exists(lambda m: m != SELF)
    assert fold(other, Known(SERVERS, {}, bound={SELF.name: 1})).value
    me = WORLD.servers[0]
    alone = View(WORLD, {}, lambda name, owner: None, (me,), {SELF.name: me})
    assert z3.is_false(z3.simplify(alone.of(other)))
    assert existing(other) == 1
    assert existing(negate(other)) == 0
    assert existing(negate(other), [True, False]) == 1


def test_a_server_of_a_server_may_lead_out_of_the_universe() -> None:
    """Then a model is of no finite system: it is told from one that is."""
    vocabulary = Vocabulary()
    vocabulary.per_server("follows", SELF.sort)
    world = World()
    one = world.constant("one", SELF.sort)
    view = replace(world.view(vocabulary), universe=(one,))
    reached = replace(view, universe=view.reaching(["follows"]))
    first, second = reached.universe
    assert z3.eq(second, view.read("follows", first))
    solver = z3.Solver()
    solver.add(z3.Distinct(world.nobody, first, second, view.read("follows", second)))
    assert solver.check() == z3.sat
    solver.add(reached.closed(["follows"]))
    assert solver.check() == z3.unsat

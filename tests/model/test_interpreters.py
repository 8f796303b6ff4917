"""The interpreters agree: plain Python, folding, z3, and relative times with absolute ones.

States are random, most of them unreachable: an interpreter must not depend on what can happen.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from tsofence.model.language import smt
from tsofence.model.language.expr import BOOL, INT, NODE, TIME, Expr, Sort
from tsofence.model.language.instance import Configuration
from tsofence.model.language.layout import RELATIVE_NOW
from tsofence.model.language.python import Condition, Machine
from tsofence.model.language.transition import SELF, Kind
from tsofence.model.pd import system
from tsofence.model.pd.state import STAGE
from tsofence.model.variants import fences
from tsofence.specs import properties

KINDS = (Kind.PD, Kind.PD, Kind.TSO)
SERVERS = range(1, len(KINDS) + 1)
NOW = 1000
CONSTANTS = {
    "window": 5, "update_interval": 2,
    "guard": 2, "unit": 1, "lease": 3, "limit": 6, "margin": 4, "skew_bound": 1, "max_reset": 7,
    "ahead": 9,
    "dynamic": 1, "registry": 1,
}  # fmt: skip
FENCES = (*fences.ALL, "hook+save-cas")


#: every variable of any fence and behaviour
VOCABULARY = system.vocabulary(fences.whole("yielded-flag"))


@cache
def machine(fence: str, relative: bool = False) -> Machine:
    transitions = system.transitions(fences.whole(fence))
    return Machine(Configuration(VOCABULARY, transitions, KINDS, CONSTANTS, relative))


def values(sort: Sort) -> st.SearchStrategy[int]:
    if sort == NODE:
        return st.integers(0, len(KINDS))
    if sort.members:
        return st.integers(0, len(sort.members) - 1)
    if sort == TIME:
        return st.just(0) | st.integers(NOW - 8, NOW + 8)
    return st.integers(0, 1) if sort == BOOL else st.integers(0, 6) if sort == INT else st.integers(-2, 6)


@st.composite
def states(draw: st.DrawFn) -> tuple[int, ...]:
    given = {("now", 0): NOW}
    for variable in VOCABULARY.variables.values():
        for number in SERVERS if variable.per_server else [0]:
            given[variable.name, number] = draw(values(variable.sort))
    return machine("off").layout.initial(given, {})


INPUTS = st.fixed_dictionaries(
    {
        "count": st.integers(0, 6),
        "note": st.integers(0, 1),
        "pick": st.integers(0, 6),
        "by": st.integers(-2, 6),
    }
)


class Known(smt.World):
    """A world whose constants are known."""

    def parameter(self, expr: Expr) -> smt.Term:
        return self.literal(expr.sort, CONSTANTS[expr.name])


WORLD = Known(len(KINDS))


def view(state: tuple[int, ...], inputs: dict[str, int]) -> smt.View:
    """A state as z3 terms, every one of them a value."""
    layout = machine("off").layout

    def read(name: str, owner: smt.Term) -> smt.Term:
        number = next(i for i, known in enumerate(WORLD.servers, 1) if z3.eq(known, owner))
        if name == "is_tso":
            return z3.BoolVal(KINDS[number - 1] is Kind.TSO)
        if name in VOCABULARY.facts:
            return z3.IntVal(CONSTANTS[VOCABULARY.facts[name].constant])
        return WORLD.literal(VOCABULARY.variables[name].sort, layout.read(state, name, number))

    shared = {v.name: v.sort for v in VOCABULARY.variables.values() if not v.per_server}
    return smt.View(
        WORLD,
        {"now": z3.IntVal(NOW)}
        | {name: WORLD.literal(sort, layout.read(state, name)) for name, sort in shared.items()},
        read,
        WORLD.servers,
        inputs=lambda expr: WORLD.literal(expr.sort, inputs[expr.name]),
    )


def evaluate(term: smt.Term, sort: Sort) -> int:
    value = z3.simplify(term)
    if sort == NODE:
        return next((i for i, owner in enumerate(WORLD.servers, 1) if z3.eq(owner, value)), 0)
    return smt.number(value, sort)


def numbers(kind: Kind) -> list[int]:
    """Who may take a step of that kind; 0: the cluster."""
    return [0] if kind is Kind.CLUSTER else [n for n in SERVERS if kind in (Kind.ANY, KINDS[n - 1])]


@settings(max_examples=3)
@pytest.mark.parametrize("fence", FENCES)
@given(state=states(), inputs=INPUTS)
def test_z3_and_folding_agree_with_python(fence: str, state: tuple[int, ...], inputs: dict[str, int]) -> None:
    plain = machine(fence)
    start = view(state, inputs)
    for transition in system.transitions(fences.whole(fence)):
        for number in numbers(transition.rule.kind):
            actor = WORLD.literal(NODE, number)
            bound = start.binding(SELF.name, actor)
            guards = transition.step.guard
            refused = {label for label, guard in guards.items() if not evaluate(bound.of(guard), BOOL)}
            folded = {label for label, g in guards.items() if not plain.value(state, g, number, inputs)}
            assert refused == folded
            try:
                index = plain.find(transition.name, number)
            except KeyError:
                assert refused, "a step that no state of these servers allows"
                continue
            assert refused == set(plain.refused(state, index, inputs))
            after = bound.after(transition.step.effect, actor)
            stepped = plain.apply(state, index, inputs)
            expected = list(state)
            for name, value in transition.step.effect.items():
                slot = plain.layout.slots.get((name, number), plain.layout.slots.get((name, 0)))
                assert slot is not None
                term = after.shared[name] if name in after.shared else after.read(name, actor)
                expected[slot] = evaluate(term, value.sort)
            assert stepped == tuple(expected)
            for owner in WORLD.servers:
                if number and not z3.eq(owner, actor):
                    assert evaluate(after.read("stage", owner), STAGE) == evaluate(
                        start.read("stage", owner), STAGE
                    )


def relative(state: tuple[int, ...], layout: Machine) -> tuple[int, ...]:
    """The same state with times relative to now; what is near PD's zero time does not move."""
    absolute, to = machine("off").layout, layout.layout
    moved = []
    for (name, number), slot in to.slots.items():
        value = absolute.read(state, name, number)
        variable = to.variables[slot]
        is_late = variable is not None and variable.sort == TIME and value > NOW // 2
        moved.append(value + (RELATIVE_NOW - NOW if is_late else 0) + to.offset(slot))
    return tuple(moved)


@settings(max_examples=6)
@pytest.mark.parametrize("fence", FENCES)
@given(state=states(), inputs=INPUTS)
def test_only_distances_of_times_matter(fence: str, state: tuple[int, ...], inputs: dict[str, int]) -> None:
    plain, shifted = machine(fence), machine(fence, relative=True)
    for index, instance in enumerate(plain.instances):
        # A tick of a relative state moves every time: tests/model/test_past.py.
        if instance.name == "tick":
            continue
        there = shifted.find(instance.name, instance.number)
        before = relative(state, shifted)
        assert shifted.refused(before, there, inputs) == plain.refused(state, index, inputs)
        if not plain.refused(state, index, inputs):
            assert shifted.apply(before, there, inputs) == relative(
                plain.apply(state, index, inputs), shifted
            )


@settings(max_examples=6)
@pytest.mark.parametrize("prop", properties.NAMES)
@given(state=states(), inputs=INPUTS)
def test_a_condition_made_once_is_what_folding_says(
    prop: str, state: tuple[int, ...], inputs: dict[str, int]
) -> None:
    plain, judge = machine("off"), properties.named(prop).broken_by
    for index, instance in enumerate(plain.instances):
        said = judge(instance.transition)
        broken = said is not None and bool(plain.value(state, said, instance.number, inputs))
        assert judging(prop, index)(state, inputs) is broken


@cache
def judging(prop: str, index: int) -> Condition:
    return properties.judging(properties.named(prop).broken_by, machine("off"), index)


def test_any_number_of_servers_has_none_by_number() -> None:
    with pytest.raises(smt.Unsaid, match="names server 1, of any number of servers"):
        smt.World().literal(NODE, 1)
    with pytest.raises(smt.Unsaid, match="names server 3, of 2 servers"):
        smt.World(2).literal(NODE, 3)


def test_quantifiers_range_over_the_servers() -> None:
    state = machine("off").layout.initial({("now", 0): NOW, ("leader", 0): 2}, {})
    start = view(state, {})
    leads = Expr("==", BOOL, (Expr("var", NODE, name="leader"), Expr("bound", NODE, name="m")))
    for op, expected in (("exists", 1), ("forall", 0)):
        expr = Expr(op, BOOL, (leads,), name="m")
        assert evaluate(start.of(expr), BOOL) == machine("off").value(state, expr) == expected
        one = replace(start, universe=(WORLD.servers[1],))
        assert evaluate(one.of(expr), BOOL) == 1

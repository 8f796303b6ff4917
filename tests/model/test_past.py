"""Folding is sound: a state and its folded form have the same steps, up to folding.

The truth is the plain interpreter with absolute times.  Random runs of it are folded state by
state, and at each state every step is taken on both sides.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from tsofence.checker.reductions.folding import derive, of_safety
from tsofence.checker.reductions.merging import prove
from tsofence.checker.reductions.ship import LARGE
from tsofence.model.language.instance import Configuration
from tsofence.model.language.layout import RELATIVE_NOW, Layout
from tsofence.model.language.past import Past, Table, reached
from tsofence.model.language.python import Machine, folding
from tsofence.model.variants import fences
from tsofence.specs import scenario as scenarios
from tsofence.specs.properties import PROPERTIES, judged
from tsofence.specs.scenario import Scenario

START = 1000
#: those that come with tsofence, whose tables do too
SCENARIOS = {name: scenarios.load(name) for name in scenarios.names() if name not in LARGE}


def relative(state: tuple[int, ...], layout: Layout, folded: Layout) -> list[int]:
    """An absolute state as a relative one, nothing forgotten."""
    now = state[layout.slots["now", 0]]
    values = []
    for key, slot in folded.slots.items():
        value = state[layout.slots[key]]
        if slot in folded.time_slots:
            value = value and value - now + RELATIVE_NOW
        elif slot in folded.deadline_slots:
            value = value - now + RELATIVE_NOW if value > now else 0
        values.append(value + folded.offset(slot))
    return values


class Folding:
    """How a search folds, and when two states are alike: each reset that is spent, less matters."""

    def __init__(self, configuration: Configuration, tables: Sequence[Table]) -> None:
        self.configuration = replace(configuration, folding=tables[-1])
        self.layout = layout = configuration.layout()
        self._past, self._forget = folding(self.configuration, layout)
        self._pasts = [Past(layout, configuration.kinds, table) for table in tables]
        budgets = [(f"left {kind}.admin", 0) for kind in configuration.kind_names]
        self._resets = [layout.slots[budget] for budget in budgets if budget in layout.slots]
        times = {*layout.time_slots, *layout.deadline_slots}
        self._others = [slot for slot in range(len(layout)) if slot not in times]

    def fold(self, values: Sequence[int]) -> tuple[int, ...]:
        assert self._past is not None
        return tuple(self._past.go_on(self._forget(list(values)), 0))

    def told_apart(self, one: Sequence[int], other: Sequence[int]) -> list[object]:
        """By what two states differ; nothing: they are alike."""
        one, other = (self._forget(list(values)) for values in (one, other))
        past = self._pasts[sum(one[slot] for slot in self._resets)]
        flag = past.flag is not None and bool(one[past.flag])
        found: list[object] = [slot for slot in self._others if one[slot] != other[slot]]
        found += [slot for slot in self.layout.deadline_slots if _ahead(one[slot]) != _ahead(other[slot])]
        slots = self.layout.time_slots
        for at, slot in enumerate(slots):
            if _kept(one[slot], past.from_now[at]) != _kept(other[slot], past.from_now[at]):
                found.append(slot)
        for (above, high), (below, low) in permutations(enumerate(slots), 2):
            if one[high] and one[low]:
                thresholds = past.between[flag][above][below]
                if reached(thresholds, one[high] - one[low]) != reached(thresholds, other[high] - other[low]):
                    found.append((high, low))
        return found


def _ahead(deadline: int) -> int:
    return max(deadline - RELATIVE_NOW, 0)


def _kept(time: int, far: int) -> int | None:
    return min(RELATIVE_NOW - time, far) if time else None


def folding_of(world: Scenario, fence: str) -> Folding:
    configuration = world.configuration(fences.parse(fence))
    configuration = prove(configuration).of(configuration)
    first = list(world.first_states(configuration))
    return Folding(configuration, derive(configuration, first, of_safety(configuration)).tables)


#: every scenario under some fences, others for each; every day fewer of them, for a short while
CELLS = [
    *((name, fence, 1) for at, name in enumerate(SCENARIOS) for fence in fences.ALL[at % 5 :: 5]),
    *(
        pytest.param(name, fence, 6, marks=pytest.mark.large)
        for at, name in enumerate(SCENARIOS)
        for fence in fences.ALL[at % 3 :: 3]
    ),
    *(pytest.param(name, "check-tso-primary", 6, marks=pytest.mark.large) for name in LARGE),
]


@pytest.mark.parametrize(("name", "fence", "runs"), CELLS)
def test_folding_is_a_bisimulation(name: str, fence: str, runs: int) -> None:
    check(scenarios.load(name), fence, random.Random(f"{name} {fence}"), runs, steps=60)


def check(world: Scenario, fence: str, chance: random.Random, runs: int, steps: int) -> int:
    folds = folding_of(world, fence)
    folded = Machine(folds.configuration, choose=True)
    truth = Machine(replace(folds.configuration, relative=False), choose=True)
    names = [instance.name for instance in truth.instances]
    assert names == [instance.name for instance in folded.instances]
    compared = 0
    for _ in range(runs):
        skews = {
            ("skew", n): chance.randint(-world.skew, world.skew) for n in range(1, world.pd + world.tso + 1)
        }
        modes = {("api", n): mode for n, mode in enumerate(world.modes, 1)}
        state = truth.layout.initial({("now", 0): START, **skews, **modes}, world.budgets)
        for _ in range(steps):
            real = {
                index: truth.apply(state, index, instance.inputs)
                for index, instance in enumerate(truth.instances)
                if not truth.refused(state, index, instance.inputs)
            }
            small = folds.fold(relative(state, truth.layout, folded.layout))
            for index, instance in enumerate(folded.instances):
                possible = not folded.refused(small, index, instance.inputs)
                assert possible == (index in real), (instance.name, instance.number)
                if possible:
                    after = relative(real[index], truth.layout, folded.layout)
                    apart = folds.told_apart(after, folded.apply(small, index, instance.inputs))
                    assert not apart, (instance.name, instance.number, apart)
                    compared += 1
                    for prop in PROPERTIES:
                        assert judged(prop.broken_by, truth, index, state, instance.inputs) == judged(
                            prop.broken_by, folded, index, small, instance.inputs
                        ), prop.name
            # time passes seldom, so that much can happen close together
            moves = [i for i in real if names[i] != "tick"] if chance.random() < 0.8 else list(real)
            state = real[chance.choice(moves or list(real))]
    return compared


TICKS = [("tick", 0)]
STARTS = [
    (step, 1) for step in ("campaign", "sync_load", "sync_begin", "find_own_key", "load_window", "commit")
]
RESETS = [(step, 1) for step in ("admin_reset_begin", "find_own_key", "load_window", "commit")]
#: what is tried, with absolute times and with folded ones: limits of the scenario, and steps of the servers
RUNS: dict[str, tuple[dict[str, int], tuple[int, ...], list[tuple[str, int]]]] = {
    # A PD updates after a pause while a TSO server's first save is under way: once a grant was remembered,
    # how far the two saves lie apart still decides whether the later one's window grows.
    "where a save lands decides what another may save": (
        {},
        (2,),
        [
            *[*STARTS, ("grant", 1), *TICKS * 6, ("update_begin", 1), ("find_own_key", 1)],
            *[("campaign", 2), ("sync_load", 2), *TICKS, ("sync_begin", 2), *TICKS * 12],
            *[("load_window", 1), ("commit", 1), ("find_own_key", 2), ("load_window", 2)],
        ],
    ),
    # A save is old when it lands, then an admin resets what it put into memory: whether the TSO server's
    # sync starts at its clock still depends on how old.
    "what a save puts into memory may be reset": (
        {"pd.admin": 1},
        (2,),
        [
            *[*STARTS, *TICKS * 5, ("update_begin", 1), ("find_own_key", 1), ("load_window", 1), *TICKS * 6],
            *[("commit", 1), *RESETS, ("campaign", 2), ("sync_load", 2), ("sync_begin", 2)],
            *[("find_own_key", 2), ("load_window", 2), ("commit", 2), *TICKS * 2, ("update_begin", 2)],
        ],
    ),
    # Each reset brings a PD that fell behind nearer to its clock.
    "one reset follows another": (
        {"pd.admin": 3},
        (2,),
        [*STARTS, *TICKS * 20, *RESETS * 3, ("update_begin", 1)],
    ),
    # A reset by more than a window leads a PD's save past all that was saved, and past a TSO server's or not.
    "a reset leads beyond what was saved": (
        {"pd.admin": 1},
        (5,),
        [
            *[*STARTS, ("grant", 1), *TICKS * 6, ("campaign", 2), ("sync_load", 2), *TICKS * 2],
            *[("sync_begin", 2), *TICKS * 12, *RESETS, ("find_own_key", 2), ("load_window", 2)],
        ],
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_not_lost_in_folding(name: str) -> None:
    limits, reset_by, moves = RUNS[name]
    shipped = scenarios.load("rolling-upgrade")
    world = replace(shipped, window=3, reset_by=reset_by, budgets={**shipped.budgets, **limits})
    folds = folding_of(world, "off")
    truth = Machine(replace(folds.configuration, relative=False), choose=True)
    folded = Machine(folds.configuration, choose=True)
    real = truth.layout.initial({("now", 0): START}, world.budgets)
    small = folded.layout.initial({}, world.budgets)
    for step, number in moves:
        for machine, state in ((truth, real), (folded, small)):
            index = _remembering(machine, step, number)
            assert not machine.refused(state, index, machine.instances[index].inputs), step
        real = _taken(truth, real, step, number)
        small = folds.fold(_taken(folded, small, step, number))
        assert not folds.told_apart(small, relative(real, truth.layout, folded.layout)), step


def _remembering(machine: Machine, step: str, number: int) -> int:
    """A step of a server; a grant that the observer remembers."""
    return next(
        index
        for index, each in enumerate(machine.instances)
        if (each.name, each.number) == (step, number) and each.inputs.get("note", 1)
    )


def _taken(machine: Machine, state: tuple[int, ...], step: str, number: int) -> tuple[int, ...]:
    index = _remembering(machine, step, number)
    return machine.apply(state, index, machine.instances[index].inputs)


def test_what_a_client_makes_good_again_is_not_given_up() -> None:
    """Under save-cas an admin's save waits; a client's sync sets what was saved last; it goes on."""
    reads = ("find_own_key", "load_window", "commit")
    pd_syncs = [(step, 1) for step in ("sync_load", "sync_begin", *reads)]
    tso_syncs = [(step, 2) for step in ("sync_load", "sync_begin", *reads)]
    client_syncs = [(f"client_{step}", 2) for step in ("load", "begin", *reads)]
    fails = [(step, 1) for step in ("update_begin", "find_own_key", "refused_by_cas")]
    moves = [
        *[("campaign", 1), *pd_syncs, ("campaign", 2), *tso_syncs, ("tick", 0), ("tick", 0)],
        *[*fails, *fails, *fails, ("reset", 1), ("revoke", 1), ("campaign", 1)],
        *[("admin_reset_begin", 2), *pd_syncs, *client_syncs, *((step, 2) for step in reads)],
    ]
    world = replace(SCENARIOS["rolling-upgrade"], window=3, budgets={"pd.mode": 0}, reset_by=(9,))
    machine = Machine(world.configuration(fences.parse("save-cas")), choose=True)
    state = machine.layout.initial({}, {})
    for step, number in moves:
        index = machine.find(step, number)
        assert not machine.refused(state, index)
        state = machine.apply(state, index)

"""What counts as one state or one step makes no difference to any verdict, nor to any shortest run."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from itertools import product

import numpy as np
import pytest
import z3

from tsofence.checker.machine.expand import Expander
from tsofence.checker.reductions.candidates import Candidate, alike, mentioned
from tsofence.checker.reductions.merging import Merging, prove
from tsofence.checker.reductions.questions import OpenSystem, holding, shown
from tsofence.checker.reductions.simulation import Simulation
from tsofence.checker.reductions.symmetry import checked, exchanges, names_a_server, orbits
from tsofence.checker.run import breaks
from tsofence.checker.search.engine import Engine, Plain
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import Exploration
from tsofence.checker.search.native import Native
from tsofence.model.language.expr import NOBODY, TRUE, Expr, server
from tsofence.model.language.instance import FOLDING, MERGING, REDUCTIONS, SYMMETRY, Configuration, Merge
from tsofence.model.language.python import folding, merged
from tsofence.model.language.transition import Transition
from tsofence.model.pd.state import CLIENTS, OWN, STAGE, leader
from tsofence.model.variants import fences
from tsofence.specs import scenario as scenarios
from tsofence.specs.invariants import CLAIMS
from tsofence.specs.properties import PROPERTIES, named
from tsofence.specs.reference import reference
from tsofence.specs.scenario import Scenario, load

from ..amount import ALL
from .tables import folded

#: refusals that merging may leave out, because the save fails anyway in a later step
HIDDEN = {"refused_not_leader"}
#: widened every day
TAMPERED = {("rolling-upgrade", "yielded-flag")}
EACH = [frozenset({name}) for name in REDUCTIONS]


def smaller(name: str) -> Scenario:
    """A scenario that comes with tsofence, small enough to be searched eleven times twice."""
    world = load(name)
    fewer = {
        "rolling-upgrade": {"pd.term": 1},
        "tso-restart": {"pd.term": 1},
        "clock-skew": {"pd.term": 1, "tso.jump": 0},
        "mixed-upgrade": {"pd.reclaim": 0},
        "tso-pair": {"pd.term": 0},
        "lost-answer": {"pd.lost": 0},
        "pd-failover": {"pd.term": 2},
        "dynamic-switch": {"tso.term": 1},
    }
    world = replace(world, budgets={**world.budgets, **fewer.get(name, {})})
    wide = ("rolling-upgrade", "pd-failover")
    return replace(world, window=3 if name in wide else 2)


def cells(worlds: Iterable[str], chosen: Sequence[str], each: int) -> list[pytest.ParameterSet]:
    """Every twelfth world under a fence, both others each time; every day one of ``each``.

    To find the table of a smaller world takes longer than to search it.
    """
    return [
        pytest.param(name, fence, marks=pytest.mark.large if number % each else ())
        for number, (name, fence) in enumerate(product(worlds, chosen))
        if ALL or number % each == 0 or number % 12 == 1
    ]


def decided(found: Exploration) -> list[tuple[str, str, int | None]]:
    return [(finding.property, finding.verdict, finding.steps) for finding in found.findings]


@pytest.mark.parametrize(("name", "fence"), cells(scenarios.names(), fences.ALL, 119))
def test_the_same_verdicts_and_lengths(name: str, fence: str) -> None:
    world = smaller(name)
    without, reduced = (explore(world, fence, PROPERTIES, reductions=each) for each in ((), REDUCTIONS))
    assert without.complete
    assert reduced.complete
    assert decided(reduced) == decided(without)
    unseen = set(reduced.never_fired) - set(without.never_fired)
    assert set(without.never_fired) <= set(reduced.never_fired)
    assert {step.split("@")[0].removeprefix("client_") for step in unseen} <= HIDDEN
    for finding in reduced.findings:
        assert finding.run is None or breaks(finding.run, named(finding.property))


def searched(world: Scenario, fence: str, reductions: frozenset[str]) -> Engine:
    configuration = replace(folded(world, fence), reductions=reductions)
    engine: Engine = Native(
        Plain(Expander(configuration, PROPERTIES, list(world.first_states(configuration)))), 3_000_000
    )
    done = 0
    while done < len(engine):
        done, first = len(engine), done
        engine.expand(first, done)
    return engine


#: states that are looked at in one go
BLOCK = 1 << 16
UPGRADE = replace(load("rolling-upgrade"), window=3)
FAILOVER = replace(
    load("pd-failover"),
    pd=3,
    window=3,
    budgets={**load("pd-failover").budgets, "pd.term": 1, "pd.crash": 0},
)
QUIET = {
    "rolling-upgrade": replace(UPGRADE, budgets={**UPGRADE.budgets, "pd.term": 1}),
    "lost-answer": smaller("lost-answer"),
    "tso-pair": smaller("tso-pair"),
    "dynamic-switch": smaller("dynamic-switch"),
    "three PDs": FAILOVER,
}


MERGED = ("off", "check-tso-primary", "yielded-flag", "dynamic-8780", "hook", "save-cas")


@pytest.mark.parametrize(("name", "fence"), cells(QUIET, MERGED, 7))
def test_merging_loses_no_state_in_which_nothing_is_in_flight(name: str, fence: str) -> None:
    """And comes to none that is not there without."""
    found = []
    for reductions in (frozenset(), frozenset({MERGING})):
        engine = searched(QUIET[name], fence, reductions)
        layout, configuration = engine.expander.layout, engine.expander.configuration
        stages = [
            slot for (variable, _), slot in layout.slots.items() if variable in ("stage", "client_stage")
        ]
        blocks = range(0, len(engine), BLOCK)
        states = np.concatenate([engine.values(at, min(at + BLOCK, len(engine))) for at in blocks])
        past, _ = folding(configuration, layout)
        assert past is not None
        quiet = states[~states[:, stages].any(axis=1)]
        # a save in flight keeps times apart that nothing tells apart once it is gone
        told = [*layout.time_slots, layout.slots["noted", 0]]
        times, which = np.unique(quiet[:, told], axis=0, return_inverse=True)
        folded = [past.fold(row[:-1], bool(row[-1])) for row in times.tolist()]
        quiet[:, told[:-1]] = np.array(folded, np.uint8)[which.ravel()]
        found.append({row.tobytes() for row in np.unique(quiet, axis=0)})
    assert found[0] == found[1]


MIXED = replace(load("mixed-upgrade"), window=2)


@pytest.fixture(scope="module")
def unreduced() -> int:
    """How many states MIXED has without reductions."""
    return len(searched(MIXED, "check-tso-primary", frozenset()))


@pytest.mark.parametrize("reductions", EACH, ids=lambda each: next(iter(each)))
def test_each_makes_the_search_smaller(reductions: frozenset[str], unreduced: int) -> None:
    assert len(searched(MIXED, "check-tso-primary", reductions)) < 0.6 * unreduced


def test_three_servers_have_ten_times_fewer_states() -> None:
    found = [
        len(searched(load("mixed-upgrade"), "check-tso-primary", each)) for each in (frozenset(REDUCTIONS),)
    ]
    assert found == [85_710]


@pytest.mark.parametrize("name", [pytest.param("tso-pair", marks=pytest.mark.large), "pd-failover"])
def test_symmetry_counts_each_set_of_equals_once(name: str) -> None:
    world = replace(FAILOVER, window=2) if name == "pd-failover" else smaller(name)
    every, fewer = (searched(world, "off", each) for each in (frozenset[str](), frozenset({SYMMETRY})))
    classes = {fewer.expander.settled(state) for state in every.states()}
    assert classes == set(fewer.states())


def test_what_is_reported() -> None:
    found = explore(load("mixed-upgrade"), "check-tso-primary", PROPERTIES)
    assert tuple(each.name for each in found.reductions) == REDUCTIONS
    assert found.exchanged == (("pd1", "pd2"),)
    assert {"find_own_key@pd", "find_own_key@tso", "find_no_primary@pd", "conflict@pd"} <= set(found.merged)
    assert "refused_by_fence@pd" not in found.merged
    symmetry, times, merging = found.reductions
    assert times.proved
    assert (symmetry.name, symmetry.proved, symmetry.note) == ("symmetry", True, "")
    assert (merging.name, merging.proved) == ("merging", True)
    assert merging.note == "not shown for refused_not_leader, refused_by_fence"
    small = explore(QUIET["rolling-upgrade"], "off", PROPERTIES, max_states=5_000)
    assert [(each.name, each.note) for each in small.reductions] == [(FOLDING, "only as time passes")]
    assert (small.exchanged, small.merged) == ((), ())


def merges(world: Scenario, fence: str, dropped: Sequence[tuple[str, str]] = ()) -> set[str]:
    configuration = world.configuration(fences.parse(fence), dropped)
    return {each.transition for each in prove(configuration, PROPERTIES).merges}


@pytest.mark.parametrize("fence", ["yielded-flag", "etcd-transfer"])
def test_a_pd_that_yields_tells_refusals_apart(fence: str) -> None:
    """Only a TSO server, whose saves no fence refuses, may have found its key without looking when."""
    configuration = replace(UPGRADE.configuration(fences.parse(fence)), reductions=frozenset({MERGING}))
    configuration = replace(configuration, merges=prove(configuration, PROPERTIES).merges)
    instances = tuple(configuration.instances(choose=True))
    names = {
        (instances[index].name, instances[index].number) for index, _ in merged(configuration, instances)
    }
    assert ("find_own_key", 2) in names
    assert not {("find_own_key", 1), ("find_no_primary", 1)} & names


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        # a window that does not grow is saved all the same
        (("load_window", "window grows"), {"find_own_key"}),
        # the key is not compared: nothing that was read can turn out to be old
        (("commit", "timestamp key is as read"), {"find_own_key"}),
        # whoever has lost its key may commit, but also still finds that out
        (("commit", "election key is mine"), {"find_own_key", "refused_not_greater", "conflict"}),
        (("grant", "serving"), {"find_own_key", "refused_not_greater", "conflict"}),
    ],
)
def test_with_a_guard_dropped_only_what_does_not_rest_on_it_is_merged(
    dropped: tuple[str, str], expected: set[str]
) -> None:
    assert merges(UPGRADE, "off", [dropped]) == expected


def test_what_a_property_judges_is_not_taken_at_once() -> None:
    """A search does not look at steps that it takes at once."""
    judged = replace(named("window"), broken_by=lambda step: TRUE if step.name == "find_own_key" else None)
    proof = prove(UPGRADE.configuration(fences.parse("off")), [judged])
    assert "find_own_key" not in {each.transition for each in proof.merges}
    assert "find_own_key" in proof.reduction.note


#: what may happen in them: everything that is rare elsewhere
EVERYTHING = replace(
    load("dynamic-switch"),
    skew=1,
    budgets=dict.fromkeys(load("dynamic-switch").budgets, 1),
    reset_by=(2,),
)


def implied(system: OpenSystem, claims: Sequence[Expr], step: Candidate, condition: Expr) -> bool:
    """Does a condition make no difference?  A PD's failed save changes nothing else: where only a PD's may be
    taken at once, that needs not be said."""
    others = [system.of(system.before, each) for each in step.when if each is not condition]
    known = system.everywhere(system.before, claims)
    fails = z3.Not(system.of(system.before, condition))
    return shown(system.solver(*known, system.acts(step.transition), *others, fails))


def widened(
    proof: Merging, system: OpenSystem, claims: Sequence[Expr]
) -> Iterator[tuple[str, list[Candidate]]]:
    """Each condition left out, and each other step of a save taken at once as well."""
    for number, step in enumerate(proof.steps):
        for left_out, condition in enumerate(step.when):
            if implied(system, claims, step, condition):
                continue
            when = (*step.when[:left_out], *step.when[left_out + 1 :])
            kept = tuple(each for each in step.kept if each is not condition)
            wider = [*proof.steps]
            wider[number] = replace(step, when=when, kept=kept)
            yield f"{step.name} without {condition}", wider
    used = {step.name for step in proof.steps}
    for slot in (OWN, CLIENTS):
        stage = slot.prefix + "stage"
        for each in system.transitions:
            guards = each.step.guard.values()
            about = any(stage in mentioned(guard) for guard in guards)
            if about and stage in each.step.effect and each.name not in used:
                fails = alike(each.step.effect[stage], STAGE.idle)
                yield each.name, [*proof.steps, Candidate(slot, each, (), tuple(guards), fails)]


@pytest.mark.parametrize(
    ("world", "fence"),
    [
        pytest.param(world, fence, marks=() if (world, fence) in TAMPERED else pytest.mark.large)
        for world, under in (
            ("rolling-upgrade", [*fences.ALL[:: 1 if ALL else 5], "yielded-flag"]),
            ("everything", ("off", "dynamic-8780")),
        )
        for fence in under
    ],
)
def test_whatever_is_widened_is_not_shown(world: str, fence: str) -> None:
    scenario = EVERYTHING if world == "everything" else load(world)
    configuration = scenario.configuration(fences.parse(fence))
    proof = prove(configuration, PROPERTIES)
    assert proof.reduction.proved
    system = OpenSystem(configuration, PROPERTIES)
    claims = list(holding(system, CLAIMS)[0].values())
    tried = dict(widened(proof, system, claims))
    assert len(tried) > 8
    missed = [
        name
        for name, steps in tried.items()
        if next(Simulation(system, steps, claims, PROPERTIES).failures(lambda _done, _of: None), None) is None
    ]
    assert missed == []


def test_servers_that_are_named_are_not_exchanged() -> None:
    assert names_a_server(leader == server(1))
    assert not names_a_server(leader == NOBODY)
    configuration = replace(MIXED.configuration(fences.parse("off")), reductions=frozenset({SYMMETRY}))
    assert checked(configuration, [("a guard", leader == NOBODY)])[0] == [(1, 2)]
    equals, why = checked(configuration, [("a guard", leader == server(1))])
    assert (equals, why.proved, why.note) == ([], False, "a guard: names a server")


def test_a_property_that_names_a_server_keeps_servers_apart() -> None:
    """Also where only a condition under which something is taken at once does."""
    configuration = replace(MIXED.configuration(fences.parse("off")), reductions=frozenset(REDUCTIONS))
    first = list(MIXED.first_states(configuration))
    assert Expander(configuration, PROPERTIES, first).equals == [(1, 2)]
    named_one = replace(named("window"), tested_by=lambda step: leader == server(1))
    assert Expander(configuration, [named_one], first).equals == []
    merge = Merge("find_own_key", leader == server(2))
    expander = Expander(replace(configuration, merges=(merge,)), (), first)
    assert (expander.equals, expander.symmetry.note) == ([], "find_own_key at once: names a server")


def test_servers_with_budgets_of_their_own_are_not_exchanged() -> None:
    class Apart(Configuration):
        def budget_of(self, transition: Transition, number: int) -> str | None:
            return f"{number}.{transition.name}"

    configuration = MIXED.configuration(fences.parse("off"))
    assert orbits(configuration) == [(1, 2)]
    values = {each.name: getattr(configuration, each.name) for each in fields(configuration)}
    assert orbits(Apart(**values)) == []


@pytest.mark.parametrize("many", [2, 3, 4, 5])
def test_exchanges_go_through_every_order(many: int) -> None:
    order = list(range(many))
    met = {tuple(order)}
    for place in exchanges(many):
        order[place], order[place + 1] = order[place + 1], order[place]
        met.add(tuple(order))
    assert len(met) == math.factorial(many) == len(exchanges(many)) + 1


@cache
def protocol(reductions: frozenset[str]) -> Engine:
    configuration = replace(reference(2, 1, 6, 2, fence=True), reductions=reductions)
    plain = Plain(Expander(configuration, (), [configuration.layout().initial({}, {})]))
    engine = Native(plain, 1_000_000)
    for each in (plain, engine):
        done = 0
        while done < len(each):
            done, first = len(each), done
            each.expand(first, done)
    assert list(plain.states()) == list(engine.states())
    return engine


def test_the_reference_protocol_is_symmetric_too() -> None:
    every, fewer = protocol(frozenset()), protocol(frozenset({SYMMETRY}))
    assert len(every) > 1.9 * len(fewer)
    assert {fewer.expander.settled(state) for state in every.states()} == set(fewer.states())


def random_states(world: Scenario, chance: random.Random) -> Iterator[bytes]:
    configuration = folded(world, "off")
    expander = Expander(configuration, (), list(world.first_states(configuration)))
    for _ in range(5):
        state = expander.starts[0]
        for _ in range(60):
            yield state
            there = Plain(expander, [state])
            there.expand(0, 1)
            state = chance.choice(there.order)


def test_settling_again_changes_nothing() -> None:
    world = replace(load("mixed-upgrade"), window=2)
    configuration = replace(folded(world, "off"), reductions=frozenset({SYMMETRY, FOLDING}))
    expander = Expander(configuration, (), list(world.first_states(configuration)))
    for state in random_states(world, random.Random(3)):
        settled = expander.settled(state)
        assert expander.settled(settled) == settled


@pytest.mark.parametrize(
    ("guard", "reductions", "states"), [(1, (), 445), (1, (FOLDING,), 405), (2, (), 634)]
)
def test_a_window_no_wider_than_the_guard(guard: int, reductions: tuple[str, ...], states: int) -> None:
    """An update asks whether the clock is more than the guard ahead, however far the window reaches."""
    world = replace(load("pd-failover"), pd=1, window=1, guard=guard, lease=2)
    world = replace(world, budgets={**dict.fromkeys(world.budgets, 0), "pd.term": 1, "pd.lost": 1})
    engine = searched(world, "hook", frozenset(reductions))
    steps = zip(engine.expander.instances, engine.watch.fired, strict=True)
    assert {"refused_not_greater", "reset", "revoke"} <= {step.name for step, many in steps if many}
    assert len(engine) == states

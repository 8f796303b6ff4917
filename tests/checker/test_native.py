"""Machine code agrees with plain Python to the last state, in the same order, with the same counts."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice

import pytest

from tsofence.checker.machine import native_code
from tsofence.checker.machine.expand import Expander
from tsofence.checker.search.engine import Engine, Plain
from tsofence.checker.search.explore import explore
from tsofence.checker.search.findings import Exploration
from tsofence.checker.search.native import Native
from tsofence.model.language.instance import REDUCTIONS, Configuration
from tsofence.model.variants import fences
from tsofence.specs import scenario as scenarios
from tsofence.specs.properties import PROPERTIES, named
from tsofence.specs.scenario import Scenario, load

from ..amount import ALL
from .tables import anyhow

BUSY = replace(
    load("rolling-upgrade"),
    window=3,
    budgets={
        f"{kind}.{fault}": many
        for kind in ("pd", "tso")
        for fault, many in {
            "term": 3, "stop": 1, "crash": 1, "keepalive": 2, "lost": 2, "jump": 1,
            "raft_move": 1, "admin": 1, "resync": 2,
        }.items()
    },
)  # fmt: skip
WORLDS = {
    **{name: load(name) for name in scenarios.names()},
    "busy": BUSY,
    "two servers of each": replace(BUSY, pd=2, tso=2),
    "skewed": replace(BUSY, skew=1, margin=3),
    "wide": replace(BUSY, window=5, guard=2, limit=4, counts=(1, 2), reset_by=(1, 4)),
    "clients and elections": replace(
        load("mixed-upgrade"),
        dynamic=True,
        budgets={
            **load("mixed-upgrade").budgets,
            **{
                f"pd.{fault}": 1
                for fault in ("follower_proxy", "client_mode", "discovery", "frequent_elections", "priority")
            },
        },
    ),
}
#: those that number states alike; `test_cluster.py` has the other
ENGINES = ("auto", "plain", "native")
FENCES = (*fences.ALL, "hook+save-cas", "check-tso-primary+wait-out")
#: worlds under fences, with reductions or without, optimised or not; every day each of them once, and twice
#: more before a merge
CELLS = [
    pytest.param(
        *(name, fence, REDUCTIONS if (at + place) % 2 else (), bool(at % 2)),
        marks=pytest.mark.large if (at + place) % 13 else (),
        id=f"{name}-{fence}",
    )
    for at, name in enumerate(WORLDS)
    for place, fence in enumerate(FENCES)
    if ALL or (at + place) % 13 == 0 or (at + place) % 7 == 1
]


def scattered(world: Scenario, configuration: Configuration, chance: random.Random) -> list[bytes]:
    """States from all depths, met on random runs."""
    expander = Expander(configuration, (), list(world.first_states(configuration)))
    met: dict[bytes, None] = {}
    firsts = [bytes(state) for state in world.first_states(configuration)]
    for _ in range(8):
        state = chance.choice(firsts)
        for _ in range(80):
            met[state] = None
            there = Plain(expander, [state])
            there.expand(0, 1)
            state = chance.choice(there.order[1:] or firsts)
    return list(met)


def compare(plain: Engine, native: Engine) -> None:
    assert native.watch == plain.watch
    assert len(native) == len(plain)
    assert all(one == other for one, other in zip(plain.states(), native.states(), strict=True))


@pytest.mark.parametrize(("name", "fence", "reductions", "optimised"), CELLS)
def test_every_step_is_the_same(
    name: str, fence: str, reductions: tuple[str, ...], optimised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_code, "MANY", 0 if optimised else native_code.MANY)
    world = WORLDS[name]
    configuration = anyhow(world, fence)
    met = scattered(world, configuration, random.Random(f"{name} {fence}"))
    configuration = replace(configuration, reductions=frozenset(reductions))
    expander = Expander(configuration, PROPERTIES, list(world.first_states(configuration)))
    starts = list(dict.fromkeys(map(expander.settled, met)))
    plain, native = Plain(expander, starts), Native(Plain(expander, starts), 100_000)
    done = 0
    while done < len(plain) < 5_000:
        upto = len(plain)
        for engine in (plain, native):
            engine.expand(done, upto)
        done = upto
    compare(plain, native)
    chance = random.Random(1)
    for index in chance.sample(range(len(plain)), 5):
        assert native.path(index) == plain.path(index)


def test_no_time_is_taken_for_none_by_getting_old() -> None:
    """As far back as a state can hold a time, it is not forgotten a unit later: that search is cut."""
    world = replace(BUSY, pd=1, tso=0, window=12, reset_by=(12,), budgets={"pd.admin": 9})
    configuration = anyhow(world, "off")
    expander = Expander(configuration, PROPERTIES, list(world.first_states(configuration)))
    (first,) = world.first_states(configuration)
    state = bytearray(first)
    for name, number, value in (
        ("timestamp", 0, 13),
        ("physical", 1, 1),
        ("saved", 1, 13),
        ("initialised", 1, 1),
    ):
        state[expander.layout.slots[name, number]] = value
    plain, native = Plain(expander, [state]), Native(Plain(expander, [state]), 1_000)
    for engine in (plain, native):
        engine.expand(0, 1)
    tick = next(index for index, instance in enumerate(expander.instances) if instance.name == "tick")
    assert plain.watch.cut[tick] == 1
    compare(plain, native)


@pytest.mark.parametrize(
    "dropped", [("load_window", "window grows"), ("overflow", "window has room"), ("grant", "serving")]
)
def test_with_a_guard_dropped(dropped: tuple[str, str]) -> None:
    found = [
        explore(
            BUSY,
            "check-tso-primary",
            PROPERTIES,
            dropped=[dropped],
            max_states=22_000,  # some more than plain Python expands of its own accord
            engine=engine,
            wait=False,
        )
        for engine in ENGINES
    ]
    assert same(found[0]) == same(found[1]) == same(found[2])


@pytest.mark.parametrize("handed_over", [1, 300, 3_000])
def test_plain_python_hands_over_at_any_time(handed_over: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was compiled quickly to what is optimised."""
    monkeypatch.setattr(native_code, "MANY", 4_000)
    world = WORLDS["skewed"]
    configuration = anyhow(world, "hook")
    expander = Expander(configuration, PROPERTIES, list(world.first_states(configuration)))
    plain, half = Plain(expander), Plain(expander)
    plain.expand(0, 1)
    half.expand(0, 1)
    done = 1
    engine: Engine = half
    while done < 6_000:
        upto = min(len(plain), done + 500)
        if isinstance(engine, Plain) and len(engine) >= handed_over:
            engine = Native(engine, 100_000)
        engine.expand(done, upto)
        plain.expand(done, upto)
        done = upto
    compare(plain, engine)
    for index in (len(plain) - 1, len(plain) // 2, 5):
        assert engine.path(index) == plain.path(index)


def same(found: Exploration) -> Exploration:
    return replace(found, seconds=0)


@pytest.mark.parametrize(
    ("name", "fence"),
    [
        ("rolling-upgrade", "off"),
        ("lost-answer", "save-cas+window-lease+wait-out"),
        pytest.param("rolling-upgrade", "save-cas+window-lease+wait-out", marks=pytest.mark.large),
        pytest.param("lost-answer", "off", marks=pytest.mark.large),
    ],
)
def test_a_whole_search_is_the_same(name: str, fence: str) -> None:
    """Verdicts, shortest runs, coverage, depth: everything that is reported."""
    world = replace(load(name), budgets={**load(name).budgets, "pd.term": 1}, window=2)
    plain, native = (
        explore(world, fence, PROPERTIES, max_states=150_000, engine=engine) for engine in ("plain", "native")
    )
    assert same(plain) == same(native)


def test_a_bound_ends_each_engine_alike() -> None:
    every = [
        explore(BUSY, "off", [named("window")], max_states=22_000, engine=engine, wait=False)
        for engine in ENGINES
    ]
    for found in every:
        assert found.cut_by == ("more than 22000 states: raise --max-states",)
        assert [finding.verdict for finding in found.findings] == ["unknown"]
        assert found.states == every[0].states


def test_no_memory_makes_it_unknown() -> None:
    found = explore(
        BUSY, "off", [named("window")], max_states=1 << 40, memory=1 << 20, engine="native", wait=False
    )
    assert "--memory" in found.cut_by[0]
    assert 1_000 < found.states < 1 << 16
    assert [finding.verdict for finding in found.findings] == ["unknown"]


def test_memory_is_counted() -> None:
    world = replace(load("rolling-upgrade"), window=3)
    configuration = anyhow(world, "off")
    engine = Native(Plain(Expander(configuration, (), list(world.first_states(configuration)))), 200_000)
    last = 0
    while len(engine) < 100_000:
        last, first = len(engine), last
        engine.expand(first, last)
    assert 24 < engine.memory / len(engine) < 50


def test_states_can_be_read_in_part() -> None:
    world = load("rolling-upgrade")
    configuration = anyhow(world, "off")
    plain = Plain(Expander(configuration, (), list(world.first_states(configuration))))
    for done in range(300):
        plain.expand(done, done + 1)
    native = Native(plain, 10_000)
    assert list(islice(native.states(), 7)) == plain.order[:7]
    assert list(native.states(5, 9)) == plain.order[5:9] == [native.state(i) for i in range(5, 9)]


@pytest.mark.parametrize(
    ("fence", "reductions"),
    [
        ("off", REDUCTIONS),
        ("save-cas+window-lease+wait-out", ()),
        pytest.param("off", (), marks=pytest.mark.large),
        pytest.param("save-cas+window-lease+wait-out", REDUCTIONS, marks=pytest.mark.large),
    ],
)
def test_threads_number_the_states_as_one_alone_does(
    fence: str, reductions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_code, "MANY", 80_000)
    configuration = anyhow(BUSY, fence)
    configuration = replace(configuration, reductions=frozenset(reductions))
    expander = Expander(configuration, PROPERTIES, list(BUSY.first_states(configuration)))
    alone, together = (Native(Plain(expander), 2_000_000) for _ in range(2))
    together.threads = 3  # also where there are fewer cores: then they are interrupted in more places
    done = 0
    while len(alone) < 150_000:
        upto = len(alone)
        alone.expand(done, upto)
        together.expand(done, upto)
        done = upto
    compare(alone, together)
    for index in random.Random(1).sample(range(len(alone)), 5):
        assert together.path(index) == alone.path(index)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_full_memory_stops_threads_too(threads: int) -> None:
    configuration = anyhow(BUSY, "off")
    engine = Native(Plain(Expander(configuration, (), list(BUSY.first_states(configuration)))), 50_000)
    engine.threads = threads

    def expand_all() -> None:
        done = 0
        while done < len(engine):
            done, upto = len(engine), done
            engine.expand(upto, done)

    with pytest.raises(MemoryError):
        expand_all()
    assert 20_000 < len(engine) <= 50_000
    engine.path(len(engine) - 1)


@pytest.mark.parametrize("engine", ["plain", "native"])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_hit_stays_also_at_state_0(engine: str, threads: int) -> None:
    """States that each break a property: the first of them, number 0, is the counterexample."""
    configuration = anyhow(BUSY, "off")
    expander = Expander(configuration, PROPERTIES, list(BUSY.first_states(configuration)))
    search: Engine = Native(Plain(expander), 400_000)
    done = 0
    while not search.watch.hits:
        upto = len(search)
        search.expand(done, upto)
        done = upto
    number, (at, via) = next(iter(search.watch.hits.items()))
    plain = Plain(expander, [search.state(at), *search.states(at + 1, at + 9_000)])
    again: Engine = plain if engine == "plain" else Native(plain, 400_000)
    again.threads = threads
    again.expand(0, len(again))
    assert again.watch.hits[number] == (0, via)

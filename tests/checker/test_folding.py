"""Tables by which times are folded: found, proved, kept; and a proof that notices what is wrong."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import permutations
from pathlib import Path

import cvc5
import pytest
import z3

from tsofence.checker.reductions import folding, kept
from tsofence.checker.reductions.folding import derive, digest_of, look_for, of_liveness, of_safety
from tsofence.checker.reductions.kept import Entry
from tsofence.checker.reductions.obligations import Obligation
from tsofence.checker.reductions.proof import Obligations, of_entry, prove
from tsofence.checker.reductions.relation import Atom
from tsofence.checker.reductions.ship import LARGE, About, digest, system_of, which
from tsofence.checker.reductions.system import System
from tsofence.model.language.expr import NOW, Expr, either
from tsofence.model.language.layout import RELATIVE_NOW
from tsofence.model.language.past import Past, Table, place, reached
from tsofence.model.language.transition import Kind
from tsofence.model.pd import state as s
from tsofence.model.pd import system as pd
from tsofence.model.pd.past import FLAG, FORGETS
from tsofence.model.variants import fences
from tsofence.specs import scenario as scenarios
from tsofence.specs.invariants import CANDIDATES
from tsofence.specs.scenario import Scenario

from ..amount import ALL, spread

#: before a merge of each scenario that of some fence, of each fence that of some scenario
_WORLDS = [name for name in scenarios.names() if name not in LARGE]
SHIPPED = spread(_WORLDS, fences.ALL, min(len(_WORLDS), len(fences.ALL)))
#: which are looked at every day
DAILY = {("rolling-upgrade", "save-cas")}


def asked_of(world: Scenario, fence: str, dropped: Sequence[tuple[str, str]] = ()) -> System:
    made = world.configuration(fences.parse(fence), dropped)
    return System(made, list(world.first_states(made)), of_safety(made))


@cache
def entry_of(name: str, fence: str) -> tuple[System, Entry]:
    system = system_of(name, fence, About.STEPS)
    assert digest_of(system) in kept.shipped(), "run: make tables"
    return system, kept.from_json(kept.shipped()[digest_of(system)])


def todo_of(name: str, fence: str) -> Obligations:
    return of_entry(*entry_of(name, fence), FLAG, FORGETS, CANDIDATES)


#: so many bounds of one fence every day, before a merge of every other fence and all of one
SAMPLED = [
    *((*cell, 5) for cell in sorted(DAILY)),
    *(
        pytest.param(
            "rolling-upgrade", fence, None if ALL or fence == "yielded-flag" else 3, marks=pytest.mark.large
        )
        for fence in fences.ALL[:: 1 if ALL else 2]
    ),
]
#: of how many obligations a second solver is asked
SECOND = [
    *((*cell, 5) for cell in sorted(DAILY)),
    *(
        pytest.param("rolling-upgrade", fence, None if ALL else 6, marks=pytest.mark.large)
        for fence in fences.ALL[:: 3 if ALL else 5]
    ),
]
CELLS = [
    *sorted(DAILY),
    *(pytest.param(*cell, marks=pytest.mark.large) for cell in SHIPPED if cell not in DAILY),
]


@pytest.mark.large
def test_every_shipped_scenario_has_its_tables() -> None:
    assert {digest(each) for each in which()} == kept.shipped().keys()


@pytest.mark.parametrize(("name", "fence"), CELLS)
def test_shipped_tables_are_proved(name: str, fence: str) -> None:
    assert prove(todo_of(name, fence)).failed == ()


# --- what is wrong is noticed -----------------------------------------------------------------------------


def lowered(table: Sequence[Atom], atom: Atom) -> list[Atom]:
    """Without a threshold, or with a distance from now that is less by one."""
    about, far = atom
    less = [each for each in table if each != atom]
    return [*less, (about, far - 1)] if isinstance(about, str) and far > 1 else less


def fails(todo: Obligations, table: Sequence[Atom], order: list[Obligation]) -> bool:
    """Does some obligation fail for that table?  The one that does is asked first the next time."""
    for obligation in list(order):
        if todo.solver(obligation, table, table).check() != z3.unsat:
            order.remove(obligation)
            order.insert(0, obligation)
            return True
    return False


@pytest.mark.parametrize(("name", "fence", "many"), SAMPLED)
def test_no_bound_can_be_lowered(name: str, fence: str, many: int | None) -> None:
    todo = todo_of(name, fence)
    (table,) = todo.levels
    every = list(todo.alike)
    tried = table if many is None else random.Random(f"{name} {fence}").sample(table, many)
    assert [atom for atom in tried if not fails(todo, lowered(table, atom), every)] == []


n = Expr("bound", s.leader.sort, name="n")
#: too much forgotten: a place one unit of time or one stage too early
TOO_EARLY = {
    "a save one unit too early": ("hopeless", s.next[n] + s.window[n] <= s.timestamp + s.UNIT),
    "a save that has read the key": ("hopeless", s.stage[n] == s.STAGE.read),
    "a grant below nothing but the key": ("outgrown", s.noted_physical < s.timestamp),
    "a grant behind the clocks": ("outgrown", s.noted_physical < NOW),
}


@pytest.mark.parametrize("what", TOO_EARLY)
def test_forgetting_too_much_is_noticed(what: str) -> None:
    name, when = TOO_EARLY[what]
    system, entry = entry_of("rolling-upgrade", "save-cas")
    more = [replace(each, when=either(each.when, when)) if each.name == name else each for each in FORGETS]
    todo = of_entry(system, entry, FLAG, more, CANDIDATES)
    (table,) = todo.levels
    assert fails(todo, table, sorted(todo.alike, key=lambda each: not each.name.startswith("commit")))


# --- a second solver -----------------------------------------------------------------------------------


def answer_of_cvc5(text: str) -> str:
    """What cvc5 says of a question in SMT-LIB."""
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, f"(set-logic ALL)\n{text}", "obligation")
    told = ""
    while not (command := parser.nextCommand()).isNull():
        told += command.invoke(solver, parser.getSymbolManager())
    return told.strip()


@pytest.mark.parametrize(("name", "fence", "many"), SECOND)
def test_another_solver_agrees(name: str, fence: str, many: int | None) -> None:
    todo = todo_of(name, fence)
    every = list(todo.each())
    tried = every if many is None else random.Random(f"{name} {fence}").sample(every, many)
    for obligation, table, after in tried:
        assert answer_of_cvc5(todo.solver(obligation, table, after).to_smt2()) == "unsat", obligation.name


def test_another_solver_can_disagree() -> None:
    todo = todo_of("rolling-upgrade", "save-cas")
    (commit,) = (each for each in todo.alike if each.name == "commit of server 1")
    assert answer_of_cvc5(todo.solver(commit, (), todo.levels[0]).to_smt2()) == "sat"


# --- found anew ----------------------------------------------------------------------------------------

#: one PD, nothing fails: small enough to look for its table every day
ALONE = replace(scenarios.load("pd-failover"), pd=1, window=3, budgets={**scenarios.load("tso-pair").budgets})
ALONE = replace(ALONE, budgets={**dict.fromkeys(ALONE.budgets, 0), "pd.term": 2})


def test_a_table_is_found_and_always_the_same() -> None:
    first, again = (look_for(asked_of(ALONE, "off"), lambda _: None) for _ in range(2))
    assert first.tables
    assert (first.tables, first.forgets, first.without) == (again.tables, again.forgets, again.without)
    assert first.note == ""
    todo = of_entry(asked_of(ALONE, "off"), first, FLAG, FORGETS, CANDIDATES)
    every = list(todo.alike)
    assert all(fails(todo, lowered(todo.levels[0], atom), every) for atom in todo.levels[0])


@pytest.mark.parametrize(
    "dropped",
    [
        ("load_window", "window grows"),
        *(
            pytest.param(each, marks=pytest.mark.large)
            for each in [
                ("commit", "timestamp key is as read"),
                ("sync_begin", "leadership is granted"),
                ("grant", "memory is set"),
                ("update_in_memory", "window has room"),
            ]
        ),
    ],
    ids=lambda each: each[0],
)
def test_without_a_guard_times_are_folded_as_far_as_that_is_proved(dropped: tuple[str, str]) -> None:
    system = asked_of(ALONE, "off", [dropped])
    found = look_for(system, lambda _: None, 600)
    assert found.tables, found.note
    assert prove(of_entry(system, found, FLAG, FORGETS, CANDIDATES)).failed == ()


#: in a process of its own: which of several least tables is found depends on what z3 was asked before
ONE_RESET = """
from dataclasses import replace
from tsofence.checker.reductions.folding import look_for, of_safety
from tsofence.checker.reductions.system import System
from tsofence.model.variants import fences
from tsofence.specs.scenario import load

world = load("pd-failover")
budgets = {**dict.fromkeys({**world.budgets, **load("tso-pair").budgets}, 0), "pd.term": 2, "pd.admin": 1}
world = replace(world, pd=1, window=3, budgets=budgets, reset_by=(2,))
made = world.configuration(fences.parse("off"))
found = look_for(System(made, list(world.first_states(made)), of_safety(made)), lambda _: None, 600)
none, one = found.tables
assert all(far <= one[0][name] for name, far in none[0].items())
assert none[0] != one[0]
"""


def test_each_reset_left_makes_more_matter() -> None:
    done = subprocess.run([sys.executable, "-c", ONE_RESET], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_where_no_table_is_found_that_is_said() -> None:
    world = replace(ALONE, budgets={name: many for name, many in ALONE.budgets.items() if name != "pd.admin"})
    found = look_for(asked_of(world, "off"), lambda _: None)
    assert found.tables == ()
    assert "without a limit" in found.note


# --- kept ----------------------------------------------------------------------------------------------

SAMPLE = Entry(
    (({"timestamp": 2}, {("timestamp", "next@pd", False, True): (1, 3)}),),
    ("hopeless",),
    ("a claim (0)",),
    7,
    1.5,
    "a note",
)


@pytest.fixture
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tsofence"


def test_an_entry_comes_back(cache_home: Path) -> None:
    kept.write("a" * 64, SAMPLE)
    assert kept.read("a" * 64) == SAMPLE
    assert [file.name for file in cache_home.iterdir()] == ["a" * 64 + ".json"]


@pytest.mark.parametrize(
    "damage", ["cut", "other digest", "another threshold", "no entry", "not JSON", "deep"]
)
def test_a_damaged_entry_is_none(cache_home: Path, damage: str) -> None:
    kept.write("a" * 64, SAMPLE)
    file = cache_home / ("a" * 64 + ".json")
    text = file.read_text()
    match damage:
        case "cut":
            file.write_text(text[:-9])
        case "other digest":
            file.rename(cache_home / ("b" * 64 + ".json"))
        case "another threshold":
            file.write_text(text.replace("[1, 3]", "[1, 4]"))
        case "no entry":
            file.write_text(json.dumps({"digest": "a" * 64}))
        case "not JSON":
            file.write_bytes(b"\xff\x00")
        case "deep":
            file.write_text("[" * 100_000)
    assert kept.read("a" * 64) is None
    assert kept.read("b" * 64) is None


def test_what_cannot_be_kept_is_found_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tsofence").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept.write("a" * 64, SAMPLE)
    assert kept.read("a" * 64) is None


def test_a_kept_table_is_used_for_its_system_alone(cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[System] = []

    def look(system: System, progress: object) -> Entry:
        asked.append(system)
        return SAMPLE

    monkeypatch.setattr(folding, "look_for", look)
    monkeypatch.setattr(folding, "_found", {})
    made = ALONE.configuration(fences.parse("off"))
    first = list(ALONE.first_states(made))
    assert not derive(made, first, of_safety(made)).kept
    monkeypatch.setattr(folding, "_found", {})
    assert derive(made, first, of_safety(made)).kept
    assert len(asked) == 1
    others = [
        (replace(made, constants={**made.constants, "window": 5}), first, of_safety(made)),
        (
            replace(made, transitions=pd.transitions(fences.parse("off"), [("commit", "etcd answers")])),
            first,
            of_safety(made),
        ),
        (made, first, of_liveness()),
        (made, [made.layout().initial({("promoted", 1): 1}, made.budgets)], of_safety(made)),
    ]
    for other in others:
        derive(*other)
    assert len(asked) == 1 + len(others)


# --- how times are folded ---------------------------------------------------------------------------------


def tables(chance: random.Random, names: Sequence[str]) -> Iterator[Table]:
    while True:
        between = {
            (*pair, same, flag): tuple(sorted(chance.sample(range(1, 8), chance.randint(1, 3))))
            for pair in permutations(names, 2)
            for same in (False, True)
            for flag in (False, True)
            if chance.random() < 0.3
        }
        yield Table(FLAG, {name: chance.randint(0, 6) for name in names}, between)


def test_what_a_table_tells_apart_stays_as_it_is() -> None:
    chance = random.Random(11)
    world = scenarios.load("rolling-upgrade")
    made = world.configuration(fences.parse("off"))
    layout = made.layout()
    owners = [key for key, slot in layout.slots.items() if slot in layout.time_slots]
    kinds: list[Kind | None] = [None, *made.kinds]
    names = [place(name, kinds[number]) for name, number in owners]
    for table, _ in zip(tables(chance, sorted(set(names))), range(300), strict=False):
        past = Past(layout, made.kinds, table)
        times = [chance.choice([0, chance.randint(90, 132)]) for _ in owners]
        flag = chance.random() < 0.5
        folded = past.fold(times, flag)
        assert past.fold(folded, flag) == folded
        for at, (was, now) in enumerate(zip(times, folded, strict=True)):
            assert (was == 0) == (now == 0)
            if was >= RELATIVE_NOW or was == 0:
                assert was == now
                continue
            assert was <= now <= RELATIVE_NOW
            far = past.from_now[at]
            assert min(RELATIVE_NOW - was, far) == min(RELATIVE_NOW - now, far)
        for one, other in permutations(range(len(owners)), 2):
            if times[one] and times[other] and times[one] >= times[other]:
                was, now = times[one] - times[other], folded[one] - folded[other]
                assert 0 <= now <= was
                thresholds = past.between[flag][one][other]
                assert reached(thresholds, was) == reached(thresholds, now)

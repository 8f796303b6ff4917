"""The pages of docs/ that are made: they say what a run says, and have all that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tsofence.checker.proof.induct import Induction
from tsofence.checker.proof.prove import prove
from tsofence.checker.proof.weakest import KnownRuns, Sufficient, Weakest
from tsofence.model.pd import system
from tsofence.model.variants import fences
from tsofence.specs import liveness, properties, scenario
from tsofence.specs.assumptions import EXCLUSIVE

from .amount import ALL
from .pages import guards, lemmas, matrix, needs, objections
from .pages.page import Page
from .pages.reasons import UNKNOWN, reason
from .pages.redundant import FAULT, IDLE, IMPLIED, SAME, redundant
from .pages.statements import STATEMENTS

TABLES = Page.read(matrix.PAGE).sections
GUARDS = Page.read(guards.PAGE).sections


def rows(section: str) -> dict[str, dict[str, str]]:
    """A table of a section: by its first column, the cells by column."""
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    (_, *columns), *body = [[cell.strip() for cell in line] for line in lines]
    return {name: dict(zip(columns, cells, strict=True)) for name, *cells in body}


@pytest.mark.parametrize("place", matrix.SCENARIOS)
def test_a_table_has_all_builds_fences_and_properties(place: str) -> None:
    """What is new is missing here until `make matrix` has run."""
    table = rows(TABLES[place])
    columns = [*properties.NAMES, *scenario.load(place).liveness]
    assert list(table) == matrix.systems(place)
    assert {tuple(cells) for cells in table.values()} == {tuple(columns)}
    assert set(columns) <= {*properties.NAMES, *liveness.NAMES}
    left_out = [name for name, cells in table.items() if matrix.NOT_SEARCHED in cells.values()]
    searched = [system for each in matrix.asked(place) for system in each.systems]
    assert left_out == [name for name in table if name not in searched]


def said(command: str) -> dict[str, dict[str, str]]:
    """What a command finds, as a table says it."""
    return {row.system: row.cells for row in matrix.explored(command)}


def test_a_table_says_what_comes_out() -> None:
    table = rows(TABLES["rolling-upgrade"])
    command = "tsofence explore --scenario rolling-upgrade --fence save-cas"
    found = said(f"{command} --max-states {matrix.MOST}")
    assert {name: table[name] for name in found} == found


@pytest.mark.large
@pytest.mark.parametrize("place", ["rolling-upgrade"])
def test_tables_say_what_comes_out(place: str) -> None:
    """Each third build and fence, or all with `TSOFENCE_TRY=all`; the other tables take longer: what they say
    is looked at when they are made."""
    table, step = rows(TABLES[place]), 1 if ALL else 3
    commands = [
        replace(each, builds=each.builds[::step], fences=each.fences[::step]) for each in matrix.asked(place)
    ]
    found = {name: cells for each in commands for name, cells in said(str(each)).items()}
    assert {name: table[name] for name in found} == found
    assert len(found) == len({name for each in commands for name in each.systems})


@pytest.mark.parametrize("place", matrix.SCENARIOS)
def test_the_commands_of_a_table_stand_below_it(place: str) -> None:
    assert re.findall(r"^tsofence .*$", TABLES[place], re.MULTILINE) == list(map(str, matrix.asked(place)))


@pytest.mark.parametrize("place", matrix.SCENARIOS)
def test_a_section_that_is_read_is_told_as_it_stands(place: str) -> None:
    assert matrix.Section.read(TABLES[place]).told(place) == TABLES[place]


def test_only_rows_that_are_missing_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of all is then said of those that it was said of."""
    kept = matrix.Section.read(TABLES["rolling-upgrade"])
    gone = {name: kept.rows.pop(name) for name in ("release-8.3", "release-8.5+save-cas")}
    asked: list[str] = []

    def explored(command: str) -> list[matrix.Row]:
        asked.append(command)
        return [
            replace(gone[name], said=(), proving=2.0)
            for name in gone
            if name.split("+")[0] in command.split()
        ]

    monkeypatch.setattr(matrix, "explored", explored)
    made = matrix.section("rolling-upgrade", kept)
    assert [command.split("rolling-upgrade ")[1].split(" --max")[0] for command in asked] == [
        "--build release-8.3",
        "--build release-8.5 --fence save-cas",
    ]
    table = TABLES["rolling-upgrade"].splitlines()
    told = made.told("rolling-upgrade").splitlines()
    assert [line for line in told if line.startswith("|")] == [line for line in table if line.startswith("|")]
    (said,) = (line for line in told if line.startswith("- "))
    assert "release-8.3" not in said
    assert "release-7.5, release-8.5, nextgen" in said
    assert made.proving == kept.proving + 4.0


def test_every_guard_is_there() -> None:
    """What is new is missing here until `make guards` has run."""
    table = rows(GUARDS[guards.TABLE])
    there = {guards.spelled(guard): None for name in objections.SYSTEMS for guard in objections.guards(name)}
    assert list(table) == list(there)


def test_what_searches_noticed_is_read_off_the_page() -> None:
    """So that a build more takes minutes."""
    before = guards.noticed(Page.read(guards.PAGE))
    assert (
        before["find_own_election_key", "election key is its own"] == "`pd-failover`, off: one-live: 23 → 16"
    )
    assert {what.split(",")[0].strip("`") for what in before.values()} <= {
        *(search.place for search in objections.SEARCHES),
        *(f"recording `{name}` is refuted under {system}" for name, system in objections.REFUTED),
    }
    found = guards.Found({name: objections.guards(name) for name in objections.SYSTEMS}, {}, {}, before)
    assert before.keys() <= {*found.every}
    assert before.keys().isdisjoint(found.left())


def test_a_search_misses_a_guard() -> None:
    guard = ("commit", "no TSO primary")
    search = objections.Search("rolling-upgrade", "check-tso-primary")
    found = objections.missed(search, guard, {"steps": {"single-writer": None}, "depth": 0})
    assert found == "single-writer: holds → 8"


@pytest.mark.parametrize(
    ("place", "guard", "found"),
    [
        ("one-tso", "sync_skip:key holds what was saved last", "ready: holds → 4"),
        ("one-pd", "find_no_primary:this save checks", "availability: holds → 22"),
        ("client-asks", "client_commit:election key is mine", "leader-saves: not within 9 steps → 9"),
        (
            "transfer",
            "read_expected_primary:nobody else is expected",
            "target-wins: not within 12 steps → 12",
        ),
        ("two-reads", "find_nobody:its own value is gone", "leader-saves: 10 → 9"),
    ],
)
def test_small_searches_miss_what_no_proof_needs(place: str, guard: str, found: str) -> None:
    """Liveness, and properties that only docs/history.md asks."""
    (search,) = (each for each in objections.SEARCHES if each.place.endswith(f"/{place}.toml"))
    transition, _, label = guard.partition(":")
    assert (transition, label) in search.guards
    assert objections.missed(search, (transition, label), objections.baseline(search)) == found
    assert f"| `{guard}` " in GUARDS[guards.TABLE]
    assert f"{search.place}`, {search.system}: {found} |" in GUARDS[guards.TABLE]


@pytest.mark.parametrize(
    ("guard", "why"),
    [
        (("load_window", "etcd answers"), "Waits for a raft leader"),
        (("conflict", "a condition fails"), "Says why a save fails"),
        (("conflict", "every key is read"), "Says how far a save is"),
        (("find_own_key", "election key is mine"), "Found while a save is under way"),
        (("step_down", "lease has run out"), "Says when a server gives up"),
        (("overflow", "serving"), "Says when the memory moves on"),
        (("overflow", "window has room"), UNKNOWN),
        (("request_lost", "a transaction is in flight"), "Says how far a save is"),
        (("sync_begin", "leadership is granted"), "Says when a save is worth its while"),
        (("update_begin", "promoted"), "Says when a save is worth its while"),
        (("sync_abandon", "leadership is gone"), "Says when a save is given up"),
        (("client_skip", "key holds what was saved last"), "Says when a save is given up"),
        (("request_lost", "somebody waits for the answer"), "Says who learns"),
        (("find_nobody", "election key is absent"), "Found while a save is under way"),
        (("sync_skip", "key holds what was saved last"), UNKNOWN),
        (("campaign", "nobody else is to be primary"), "Says who may campaign"),
        (("campaign", "election key is absent"), UNKNOWN),
        (("raft_moves", "another PD is raft leader"), "Says when something changes that only elections"),
        (("commit", "timestamp key is as read"), UNKNOWN),
        (("revoke", "etcd answers"), "Waits for a raft leader, as above"),
        (("poll_registry", "has acted upon the last look"), "Looks again"),
        (("keepalive_stops", "serving"), "Says whose keep-alives may stop"),
        (("grant", "no admin reset holds the memory"), "Says that nothing is granted while an admin"),
        (("grant", "no client's sync holds the group's lock"), UNKNOWN),
        (("grant", "promoted"), UNKNOWN),
    ],
)
def test_a_reason_is_read_off_the_transitions(guard: tuple[str, str], why: str) -> None:
    steps = {each.name: each for each in system.transitions(fences.whole("off"))}
    assert reason(guard, steps).startswith(why)


@pytest.mark.parametrize(
    ("guard", "why"),
    [
        (("campaign_refused", "a condition fails"), "Says when something changes that only elections"),
        (
            ("chosen_as_primary", "no transfer is under way"),
            "Says when something changes that only elections",
        ),
        (("read_expected_primary", "nobody else is expected"), UNKNOWN),
        (("refused_by_fence", "this save checks"), "Says why a save fails, or why that of an update"),
        (("fall_back", "sends requests on"), UNKNOWN),
    ],
)
def test_a_reason_is_one_of_the_build(guard: tuple[str, str], why: str) -> None:
    steps = {each.name: each for each in system.transitions(fences.whole("pull-8780-on-master"))}
    assert reason(guard, steps).startswith(why)


def test_redundant_is_a_guard_that_refuses_nothing_new() -> None:
    made = Induction(fences.whole("off"), properties.named("key-monotone"))
    made.lemmas = ()
    asked = {
        ("clock_jump", "clock changes"),
        ("raft_moves", "another PD is raft leader"),
        ("raft_elects", "no raft leader"),
        ("sync_load", "leader"),
        ("commit", "timestamp key is as read"),
    }
    assert redundant(made, asked) == [
        ("raft_elects", "no raft leader", FAULT, "`raft_moves`"),
        ("raft_moves", "another PD is raft leader", SAME, "`raft_elects`"),
        ("clock_jump", "clock changes", IDLE, ""),
    ]


def test_redundant_is_a_guard_that_follows_from_others() -> None:
    """By what is said of states; nothing follows of itself."""
    made = Induction(fences.whole("off"), properties.named("key-monotone"))
    guard = ("stop_allocator", "in API mode")
    made.lemmas = ()
    assert redundant(made, {guard}) == []
    made = Induction(fences.whole("off"), properties.named("key-monotone"))
    meaning = "only a PD leader that may switch looks at the registry"
    made.lemmas = tuple(each for each in STATEMENTS if each.name == meaning)
    assert redundant(made, {guard}) == [(*guard, IMPLIED, "")]


def test_what_stands_above_the_sections_stays(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("# A page\n\nBy hand.\n\n## second\n\nold\n", encoding="utf-8")
    page = Page.read(path)
    page.sections |= {"second": "new", "first": "| a |"}
    page.write(path, ("first", "second", "third"))
    assert path.read_text(encoding="utf-8") == (
        "# A page\n\nBy hand.\n\n## first\n\n| a |\n\n## second\n\nnew\n"
    )


def test_lemmas_found_are_no_more_than_those_shipped() -> None:
    """Nor is any cell of the page missing, or without a proof, until `make lemmas` has run."""
    lines = Page.read(lemmas.PAGE).sections[lemmas.SECTION].splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in lines]
    assert [each[0] for each in cells] == [f"{fence}, {name}" for fence, name in lemmas.CELLS]
    for _, shipped, of_shipped, _, found, of_found, *_ in cells:
        assert int(found) <= int(shipped)
        assert int(of_found) <= int(of_shipped)


def test_a_row_says_what_comes_out() -> None:
    (line,) = (
        line
        for line in Page.read(lemmas.PAGE).sections[lemmas.SECTION].splitlines()
        if line.startswith("| off, key-monotone |")
    )
    cells = line.strip("| ").split(" | ")
    made = lemmas.row("off", "key-monotone")
    times = {3, 6, 7}
    assert [cell for at, cell in enumerate(cells) if at not in times] == [
        cell for at, cell in enumerate(made) if at not in times
    ]


# --- what each property needs ------------------------------------------------------------------------------

_CELL = re.compile(
    r"(proved|vacuous|unknown|violated \d+)"
    r"(; (proved|unknown) if [A-Z]\??(\+[A-Z]\??)*|; \*vacuous if [A-Z](\+[A-Z])*\*)*"
    r"(; nothing is known to be enough)?(; not seen to end)?"
)


def needed() -> needs.Table:
    return needs.read(Page.read(needs.PAGE))


def taken(cell: str) -> Iterator[tuple[str, list[str]]]:
    """The sets that a cell has, each with what is so under it."""
    names = {letter: name for name, letter in needs.LETTERS.items()}
    for part in cell.replace("*", "").replace("?", "").split("; "):
        became, is_set, letters = part.partition(" if ")
        if is_set:
            yield became, [names[letter] for letter in letters.split("+")]


def test_a_build_that_is_another_has_the_cells_of_that() -> None:
    assert needs.same_as("nextgen-8.5.4") == "off"
    assert needs.same_as("release-7.5") == "release-7.5"
    assert needed()["nextgen-8.5.4"] == needed()["off"]


def test_every_cell_of_what_is_needed_can_be_read() -> None:
    """And none has a set that no cluster meets, or that another of the same cell makes needless."""
    cells = [cell for row in needed().values() for cell in row.values() if cell != needs.MISSING]
    assert cells
    for cell in cells:
        assert _CELL.fullmatch(cell), cell
        sets = [frozenset(names) for _, names in taken(cell)]
        assert not any(each >= EXCLUSIVE for each in sets), cell
        assert not any(one < other for one in sets for other in sets), cell
        assert not sets or cell.startswith(("violated", "unknown")), cell


def test_what_is_needed_is_what_comes_out() -> None:
    assert needs.made("off", "key-monotone", KnownRuns()) == needed()["off"]["key-monotone"]


def test_what_is_said_to_be_enough_is() -> None:
    (became, names), *_ = taken(needed()["off"]["two-of-a-kind"])
    found = prove(fences.whole("off"), properties.named("two-of-a-kind"), assume=names)
    assert (found.verdict, found.lemmas_are) == (became, "shipped")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Weakest("off", "unique", (), {}, None, 1.0), "unknown; nothing is known to be enough"),
        (Weakest("off", "unique", (), {}, None, 1.0, interrupted=True), "unknown; not seen to end"),
        (
            Weakest("off", "unique", (Sufficient((), "proved", (), {}),), {}, None, 1.0),
            "proved",
        ),
        (
            Weakest(
                "off",
                "unique",
                (
                    Sufficient(("no-tso-servers",), "proved", (), {"no-tso-servers": None}),
                    Sufficient(("api-mode-only",), "vacuous", (), {"api-mode-only": None}),
                ),
                {},
                None,
                1.0,
                interrupted=True,
            ),
            "unknown; proved if B?; *vacuous if D*; not seen to end",
        ),
    ],
)
def test_a_cell_never_says_more_than_is_known(found: Weakest, told: str) -> None:
    assert needs.cell(found) == told
    assert _CELL.fullmatch(told)


def test_a_cell_that_takes_too_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "PATIENCE", 0.0)
    assert needs.made("off", "single-writer", KnownRuns()) == "unknown; not seen to end"

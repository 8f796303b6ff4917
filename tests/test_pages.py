"""The pages of docs/ that are made: they say what a run says, and have all that there is."""

from __future__ import annotations

import re

import pytest

from tsofence.specs import liveness, properties, scenario

from .pages import guards, matrix, objections
from .pages.page import Page

TABLES = Page.read(matrix.PAGE).sections
GUARDS = Page.read(guards.PAGE).sections


def rows(section: str) -> dict[str, dict[str, str]]:
    """A table of a section: by its first column, the cells by column."""
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    (_, *columns), *body = [[cell.strip() for cell in line] for line in lines]
    return {name: dict(zip(columns, cells, strict=True)) for name, *cells in body}


def test_every_scenario_has_its_table() -> None:
    assert tuple(TABLES) == matrix.SCENARIOS


@pytest.mark.parametrize("place", matrix.SCENARIOS)
def test_a_table_has_all_builds_fences_and_properties(place: str) -> None:
    """What is new is missing here until `make matrix` has run."""
    table = rows(TABLES[place])
    columns = [*properties.NAMES, *scenario.load(place).liveness]
    assert list(table) == matrix.systems()
    assert {tuple(cells) for cells in table.values()} == {tuple(columns)}
    assert set(columns) <= {*properties.NAMES, *liveness.NAMES}


def said(command: str) -> dict[str, dict[str, str]]:
    """What a command finds, as a table says it."""
    return {
        row.system: {name: str(cell) for name, cell in row.cells.items()} for row in matrix.explored(command)
    }


def test_a_table_says_what_comes_out() -> None:
    command = "tsofence explore --scenario rolling-upgrade --fence off --fence check-tso-primary"
    found = said(f"{command} --max-states {matrix.MOST}")
    table = rows(TABLES["rolling-upgrade"])
    assert {name: table[name] for name in found} == found


@pytest.mark.large
@pytest.mark.parametrize("place", ["rolling-upgrade", "tso-restart", "pd-failover"])
def test_tables_say_what_comes_out(place: str) -> None:
    """The others take longer: what they say is looked at when they are made."""
    found = {name: cells for command in matrix.commands(place) for name, cells in said(command).items()}
    assert rows(TABLES[place]) == found


def test_the_commands_of_a_table_stand_below_it() -> None:
    for place, section in TABLES.items():
        assert re.findall(r"^tsofence .*$", section, re.MULTILINE) == list(matrix.commands(place))


def test_every_guard_is_there() -> None:
    """What is new is missing here until `make guards` has run."""
    there = {guards.spelled(guard): None for name in objections.SYSTEMS for guard in objections.guards(name)}
    assert list(rows(GUARDS[guards.TABLE])) == list(there)

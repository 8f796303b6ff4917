"""Runs as traces in Apalache's Informal Trace Format: as ADR 015 describes it, with the values of the run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tsofence import cli
from tsofence.checker.run import Run, follow
from tsofence.traces.export.itf import itf
from tsofence.traces.runs import files

from .tlaplus import Function, values

RUNS = sorted((Path(__file__).parents[1] / "runs").rglob("*.json"))


def check_expression(given: Any) -> None:
    """An expression by ADR 015, with no more kinds of them than a run has."""
    match given:
        case bool() | str():
            return
        case {"#bigint": str(digits)}:
            assert len(given) == 1
            assert re.fullmatch(r"-?[0-9]+", digits)
        case {"#map": list(pairs)}:
            assert len(given) == 1
            for key, value in pairs:
                check_expression(key)
                check_expression(value)
        case _:
            pytest.fail(f"no expression: {given!r}")


def check_trace(trace: dict[str, Any]) -> None:
    assert set(trace) <= {"#meta", "params", "vars", "states", "loop"}
    assert trace["#meta"]["varTypes"].keys() == set(trace["vars"])  # what Apalache itself asks for
    assert len(set(trace["vars"])) == len(trace["vars"])
    for state in trace["states"]:
        assert set(state) == {"#meta", *trace["vars"]}
        for name in trace["vars"]:
            check_expression(state[name])
    if "loop" in trace:
        assert 0 <= trace["loop"] < len(trace["states"])


def expected(run: Run) -> list[dict[str, Any]]:
    """The states of a run, value by value, from the plain interpreter."""
    machine = run.machine()
    layout = machine.layout
    states = [layout.initial(run.first, {}), *(frame.after for frame in follow(run, machine))]

    def said(name: str, number: int, value: int) -> object:
        variable = layout.vocabulary.variables.get(name)
        if variable is None:
            return value
        match variable.sort.name:
            case "Node":
                return ("nobody", *run.names)[value]
            case "Bool":
                return value == 1
        return variable.sort.members[value] if variable.sort.members else value

    told = []
    for state in states:
        found: dict[str, Any] = {}
        for (name, number), slot in layout.slots.items():
            value = said(name, number, state[slot])
            if number:
                found.setdefault(name, Function())[run.names[number - 1]] = value
            else:
                found[name] = value
        told.append(found)
    return told


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_trace_is_the_run(path: Path) -> None:
    run = files.load(path)
    done = CliRunner().invoke(cli.main, ["show", str(path), "--to", "itf"])
    assert done.exit_code == 0
    trace = json.loads(done.stdout)
    check_trace(trace)
    assert trace["#meta"]["description"] == run.title
    assert trace.get("loop") == run.cycle_from
    states = values(trace)
    assert states == expected(run)
    assert [state["#meta"].get("transition") for state in trace["states"][1:]] == [
        move.transition for move in run.moves
    ]
    types = {"Int": int, "Bool": bool, "Str": str}
    for name, of in trace["#meta"]["varTypes"].items():
        for state in states:
            said = state[name].values() if of.startswith("Str -> ") else [state[name]]
            assert {type(each) for each in said} == {types[of.removeprefix("Str -> ")]}


def test_loop_ends_where_it_began_but_for_times() -> None:
    """All that differs between the first and the last state of a loop is how late it is."""
    (path, *_) = (path for path in RUNS if path.parent.name == "lassos")
    trace = json.loads(itf(files.load(path)))
    first, last = values(trace)[trace["loop"]], values(trace)[-1]
    assert last["now"] > first["now"]
    times = {name for name, of in trace["#meta"]["varTypes"].items() if of.endswith("Int")}
    assert all(first[name] == last[name] for name in trace["vars"] if name not in times)


def test_a_server_may_be_called_as_nobody_is() -> None:
    run = files.load(RUNS[0])
    trace = json.loads(itf(replace(run, names=("nobody", *run.names[1:]))))
    check_trace(trace)
    assert values(trace)[0]["leader"] == "nobody_"

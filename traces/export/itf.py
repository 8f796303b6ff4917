"""A run as a trace in Apalache's Informal Trace Format, for whatever reads that.

Source: ADR 015 of Apalache (`docs/src/adr/015adr-trace.md`).  Variables have the names and values that they
have in the exported module: servers are strings, a server's variable is a map, integers are big ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...checker.run import Move, Run, follow
from ...model.language.expr import BOOL, NODE, TIME, Sort

_DESCRIPTION = "https://apalache-mc.org/docs/adr/015adr-trace.html"


def itf(run: Run) -> str:
    """The trace as JSON.

    Raises:
        RunError: a guard refuses a step.
    """
    machine = run.machine()
    layout, variables = machine.layout, machine.layout.vocabulary.variables
    frames = list(follow(run, machine))
    states = [layout.initial(run.first, {}), *(frame.after for frame in frames)]
    sorts = {name: (variable.sort, variable.per_server) for name, variable in variables.items()}
    sorts["now"] = (TIME, False)

    def value(state: Sequence[int], name: str) -> object:
        sort, per_server = sorts[name]
        if not per_server:
            return _value(sort, state[layout.slots[name, 0]], run.names)
        of = enumerate(run.names, 1)
        return {"#map": [[who, _value(sort, state[layout.slots[name, n]], run.names)] for n, who in of]}

    meta: dict[str, Any] = {
        "format": "ITF",
        "format-description": _DESCRIPTION,
        "description": run.title,
        "fence": run.fence,
        "breaks": run.breaks,
        "constants": dict(run.constants),
        "varTypes": {name: _type(*sort) for name, sort in sorts.items()},
    }
    head: dict[str, Any] = {"#meta": meta, "vars": list(sorts)}
    if run.cycle_from is not None:
        meta["loop"] = "the last state is that at loop, but for times: all are as much later as now"
        head["loop"] = run.cycle_from
    told = (
        {"#meta": {"index": index, **_taken(moved, run)}, **{name: value(state, name) for name in sorts}}
        for index, (state, moved) in enumerate(zip(states, (None, *run.moves), strict=True))
    )
    lines = ",\n".join(f"  {json.dumps(state)}" for state in told)
    return json.dumps(head, indent=1).removesuffix("\n}") + f',\n "states": [\n{lines}\n ]\n}}\n'


def _taken(move: Move | None, run: Run) -> dict[str, Any]:
    """The step that led to a state."""
    if move is None:
        return {}
    who = {"server": run.names[move.server - 1]} if move.server else {}
    return {"transition": move.transition, **who, "inputs": dict(move.inputs)}


def _value(sort: Sort, value: int, names: Sequence[str]) -> object:
    if sort == BOOL:
        return bool(value)
    if sort == NODE:
        return names[value - 1] if value else _nobody(names)
    return sort.members[value] if sort.members else {"#bigint": str(value)}


def _nobody(names: Sequence[str]) -> str:
    """What stands for no server, which no server is called."""
    name = "nobody"
    while name in names:
        name += "_"
    return name


def _type(sort: Sort, per_server: bool) -> str:
    """A variable's type, as Apalache writes types."""
    of = "Bool" if sort == BOOL else "Str" if sort == NODE or sort.members else "Int"
    return f"Str -> {of}" if per_server else of

"""The graph of all states as a networkx graph into which nothing is copied: any code for networkx runs on it.

What `backend` has for arrays runs on them; everything else runs as networkx has it, on rows that are made
when somebody looks at them.  networkx calls this module as the backend of such graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from ...model.language.expr import BOOL, DURATION, NODE, TIME
from ...model.language.layout import RELATIVE_NOW
from ..machine.expand import Expander
from ..search.engine import Engine
from . import backend
from .arrays import Graph

NAME = "tsofence_states"

if TYPE_CHECKING:
    Whole = nx.MultiDiGraph[int]
else:
    Whole = nx.MultiDiGraph  # takes a type in its stubs only

Row = dict[int, dict[int, dict[str, Any]]]


class StateGraph(Whole):
    """Every reachable state (the nodes 0, 1, …, in the order of a breadth first search) and every step.

    ``graph.graph["first"]`` lists the states in which it begins. A node has the variables of its state: those
    of the cluster by name, those of servers by name and server; a time is its distance from now, None is
    never. An edge has ``transition``, ``server`` (None: the cluster's) and ``inputs``.  It cannot be changed;
    a copy, ``nx.MultiDiGraph(graph)``, can.
    """

    __networkx_backend__ = NAME

    def __init__(self, *data: Any, **attributes: Any) -> None:
        super().__init__(*data, **attributes)
        #: None: made by networkx of another one, and filled as any graph
        self.arrays: Graph | None = None

    @classmethod
    def of(cls, arrays: Graph, engine: Engine, names: tuple[str, ...]) -> StateGraph:
        """The graph of a finished search in arrays, whose labels are numbers of instances.

        ``names`` are the servers'.
        """
        made = cls(first=list(range(len(engine.expander.starts))))
        made.arrays = arrays
        steps = [
            {"transition": step.name, "server": (None, *names)[step.number], "inputs": dict(step.inputs)}
            for step in engine.expander.instances
        ]
        read = _Reader(engine.expander, names)
        inner: Any = made  # networkx's stubs know nothing of what its views are made of
        inner._node = _Rows(len(arrays), lambda node: read(engine.state(node)))
        inner._adj = _Rows(len(arrays), _Leaving(arrays, steps).row)
        inner._pred = _Rows(len(arrays), _Coming(arrays, steps).row)
        nx.freeze(made)
        return made

    def size(self, weight: str | None = None) -> int:
        """How many steps there are; with a weight, as networkx counts."""
        if self.arrays is None or weight is not None:
            return int(super().size(weight))
        return self.arrays.number_of_edges()


class _Rows(Mapping[int, dict[Any, Any]]):
    """By node what is made of it when somebody asks."""

    def __init__(self, many: int, row: Callable[[int], dict[Any, Any]]) -> None:
        self._many, self._row = many, row

    def __len__(self) -> int:
        return self._many

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._many))

    def __contains__(self, node: object) -> bool:
        return isinstance(node, int | np.integer) and 0 <= int(node) < self._many

    def __getitem__(self, node: int) -> dict[Any, Any]:
        if node not in self:
            raise KeyError(node)
        return self._row(int(node))


class _Leaving:
    """By node the edges that leave it."""

    def __init__(self, arrays: Graph, steps: list[dict[str, Any]]) -> None:
        self._arrays, self._steps = arrays, steps

    def row(self, node: int) -> Row:
        first, last = self._arrays.offset[node : node + 2].tolist()
        return _row(self._arrays.target[first:last].tolist(), self._arrays.label[first:last], self._steps)


class _Coming:
    """By node the edges that lead to it, which are sorted when somebody asks for the first time."""

    def __init__(self, arrays: Graph, steps: list[dict[str, Any]]) -> None:
        self._arrays, self._steps = arrays, steps

    @cached_property
    def _order(self) -> Any:
        return np.argsort(self._arrays.target, kind="stable")

    @cached_property
    def _offset(self) -> Any:
        many = np.bincount(self._arrays.target, minlength=len(self._arrays))
        return np.concatenate(([0], np.cumsum(many)))

    def row(self, node: int) -> Row:
        first, last = self._offset[node : node + 2].tolist()
        edges = self._order[first:last]
        return _row(self._arrays.leave(edges).tolist(), self._arrays.label[edges], self._steps)


def _row(others: list[int], labels: Any, steps: list[dict[str, Any]]) -> Row:
    row: Row = {}
    for other, label in zip(others, labels.tolist(), strict=True):
        between = row.setdefault(other, {})
        between[len(between)] = steps[label]
    return row


class _Reader:
    """What a state says."""

    def __init__(self, expander: Expander, names: tuple[str, ...]) -> None:
        self._layout, self._names = expander.layout, (None, *names)

    def __call__(self, state: bytes) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for (name, number), slot in self._layout.slots.items():
            value = self._meaning(slot, state[slot])
            if number:
                found.setdefault(name, {})[self._names[number]] = value
            else:
                found[name] = value
        return found

    def _meaning(self, slot: int, value: int) -> Any:
        variable = self._layout.variables[slot]
        sort = None if variable is None else variable.sort
        if sort is None:  # how much is left of a limit
            return value
        if sort is TIME:
            return value - RELATIVE_NOW if value else None
        if sort is DURATION:
            return value - RELATIVE_NOW
        if sort is BOOL:
            return bool(value)
        if sort is NODE:
            return self._names[value]
        return sort.members[value] if sort.members else value


def __getattr__(name: str) -> Callable[..., Any]:
    """An algorithm of networkx's, as networkx looks for it."""
    algorithm = nx.utils.backends._registered_algorithms.get(name)  # type: ignore[attr-defined]  # no types
    if algorithm is None:
        raise AttributeError(name)

    def run(*args: Any, **kwargs: Any) -> Any:
        arrays = args[0].arrays if args and isinstance(args[0], StateGraph) else None
        given = (arrays, *args[1:])
        fast = getattr(backend, name, None)
        if arrays is not None and fast is not None and backend.can_run(name, given, kwargs):
            return fast(*given, **kwargs)
        return algorithm.orig_func(*args, **kwargs)

    return run


def convert_to_nx(graph: StateGraph, *, name: str | None = None) -> nx.MultiDiGraph[int]:
    """A copy that networkx holds itself."""
    return nx.MultiDiGraph(graph)


backend.register(NAME, __name__)

"""Variables: their names, sorts and first values."""

from __future__ import annotations

from dataclasses import dataclass

from .expr import Expr, Sort


@dataclass(frozen=True, slots=True)
class Variable:
    """A state variable.

    ``per_server``: one value a server, else one for the cluster.  ``deadline``: a Time that is
    only ever compared with now, so how long ago it passed does not matter.
    """

    name: str
    sort: Sort
    per_server: bool
    initial: int
    deadline: bool = False


class PerServer:
    """A variable with one value a server: ``role[n]``."""

    def __init__(self, name: str, sort: Sort) -> None:
        self._name = name
        self._sort = sort

    def __getitem__(self, owner: Expr) -> Expr:
        return Expr("field", self._sort, (owner,), name=self._name)


class Vocabulary:
    """The variables of a system, in the order in which they were declared."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}

    def _declare(self, variable: Variable) -> None:
        if variable.name in self.variables:
            raise ValueError(f"variable {variable.name!r} is declared twice")
        self.variables[variable.name] = variable

    def shared(self, name: str, sort: Sort, initial: int = 0) -> Expr:
        """One value for the cluster."""
        self._declare(Variable(name, sort, False, initial))
        return Expr("var", sort, name=name)

    def per_server(self, name: str, sort: Sort, initial: int = 0, *, deadline: bool = False) -> PerServer:
        """One value a server."""
        self._declare(Variable(name, sort, True, initial, deadline))
        return PerServer(name, sort)

"""Variables: their names, sorts and first values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .expr import NODE, Expr, Sort, SortError


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


@dataclass(frozen=True, slots=True)
class Fact:
    """A value a server that never changes: that of a constant, of all servers, of a kind or its own.

    ``default``: the constant that it is where it is not given; empty: it has to be.
    """

    sort: Sort
    constant: str
    default: str = ""


class PerServer:
    """A variable with one value a server: ``role[n]``."""

    def __init__(self, name: str, sort: Sort) -> None:
        self._name = name
        self._sort = sort

    def __getitem__(self, owner: Expr) -> Expr:
        if getattr(owner, "sort", None) is not NODE:
            raise SortError(f"{self._name}[…] needs a server, such as SELF or n, not {owner!r}")
        return Expr("field", self._sort, (owner,), name=self._name)

    def __repr__(self) -> str:
        return f"{self._name} (of no server)"


class Vocabulary:
    """The variables of a system, in the order in which they were declared, and the facts about its servers.

    A fact is a value a server that never changes.
    """

    def __init__(
        self, variables: Iterable[Variable] = (), facts: Mapping[str, Fact] = MappingProxyType({})
    ) -> None:
        self.variables: dict[str, Variable] = {}
        self.facts: dict[str, Fact] = dict(facts)
        for variable in variables:
            self._declare(variable)

    def _declare(self, variable: Variable) -> None:
        if variable.name in self.variables or variable.name in self.facts:
            raise ValueError(f"variable {variable.name!r} is declared twice")
        self.variables[variable.name] = variable

    def extended(self, more: Iterable[Variable]) -> Vocabulary:
        """This one and more variables.

        Raises:
            ValueError: one of them is there already.
        """
        return Vocabulary((*self.variables.values(), *more), self.facts)

    def fact(self, name: str, sort: Sort, constant: str = "", default: str = "") -> PerServer:
        """One value a server, which never changes; ``constant``: the name under which it is given.

        Where it is not, it is the constant ``default``."""
        self.facts[name] = Fact(sort, constant or name, default)
        return PerServer(name, sort)

    def shared(self, name: str, sort: Sort, initial: int = 0) -> Expr:
        """One value for the cluster."""
        self._declare(Variable(name, sort, False, initial))
        return Expr("var", sort, name=name)

    def per_server(self, name: str, sort: Sort, initial: int = 0, *, deadline: bool = False) -> PerServer:
        """One value a server."""
        self._declare(Variable(name, sort, True, initial, deadline))
        return PerServer(name, sort)

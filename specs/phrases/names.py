"""What may be named in a condition over the states of a system: everything that the model itself names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...model.language.expr import Expr, Sort
from ...model.language.transition import SELF, Transition
from ...model.language.vocabulary import Vocabulary
from ...model.pd import state as s
from ..properties import PROPERTIES

#: words with a meaning of their own
WORDS = (
    "and",
    "or",
    "not",
    "implies",
    "any",
    "all",
    "exists",
    "forall",
    "in",
    "true",
    "false",
    "none",
    "now",
)
#: kinds of servers, which quantifiers may speak of
KINDS = ("pd", "tso")

_CONSTANTS = {each.name: each for each in vars(s).values() if isinstance(each, Expr) and each.op == "param"}


@dataclass(frozen=True, slots=True)
class Names:
    """The words of one system.

    ``servers``: names of the servers 1, 2, …; ``of_cluster`` and ``of_server``: variables, facts, constants
    and definitions by name, the latter said of `SELF`.
    """

    servers: tuple[str, ...]
    of_cluster: Mapping[str, Expr]
    of_server: Mapping[str, Expr]

    def members(self, name: str) -> tuple[Expr, ...]:
        """The variables of a server that may have that value of an enumeration."""
        fields = (each for each in self.of_server.values() if each.op == "field")
        return tuple(each for each in fields if name in each.sort.members)

    def is_taken(self, name: str) -> bool:
        """Does the word mean something?"""
        known = (WORDS, KINDS, self.servers, self.of_cluster, self.of_server)
        return any(name in each for each in known) or bool(self.members(name))


def names(vocabulary: Vocabulary, transitions: Sequence[Transition], servers: Sequence[str]) -> Names:
    """The words of a system whose servers are called so."""
    of_cluster = {
        each.name: Expr("var", each.sort, name=each.name)
        for each in vocabulary.variables.values()
        if not each.per_server
    }
    sorts: dict[str, Sort] = {name: fact.sort for name, fact in vocabulary.facts.items()}
    sorts |= {each.name: each.sort for each in vocabulary.variables.values() if each.per_server}
    of_server = {name: Expr("field", sort, (SELF,), name=name) for name, sort in sorts.items()}
    defined = _definitions(transitions)
    return Names(tuple(servers), {**_CONSTANTS, **of_cluster}, {**defined, **of_server})


def _definitions(transitions: Iterable[Transition]) -> dict[str, Expr]:
    """What the steps and the properties say of one server under a name, as this system means it."""
    found: dict[str, Expr] = {}
    for said in _all_said(transitions):
        for part in said.walk():
            match part.args:
                case (meaning, owner) if part.op == "define" and part.name not in found:
                    template = said_of(part, owner.name, SELF) if owner.op == "bound" else None
                    if template is not None and _of_states(meaning, owner.name):
                        found[part.name] = template
    return found


def _all_said(transitions: Iterable[Transition]) -> Iterator[Expr]:
    for each in transitions:
        yield from (*each.step.guard.values(), *each.step.effect.values())
        for prop in PROPERTIES:
            yield from (
                said for judge in (prop.broken_by, prop.tested_by) if (said := judge(each)) is not None
            )


def _of_states(expr: Expr, owner: str) -> bool:
    """Does it look at nothing but a state and one server?"""
    parts = list(expr.walk())
    bound = {owner, *(part.name for part in parts if part.op in ("exists", "forall"))}
    return all(part.op != "input" and (part.op != "bound" or part.name in bound) for part in parts)


def said_of(expr: Expr, name: str, server: Expr) -> Expr:
    """What is said of the bound server ``name``, said of another one."""
    if expr.op == "bound":
        return server if expr.name == name else expr
    if expr.op in ("exists", "forall"):
        if expr.name == name:
            return expr
        if server.op == "bound" and expr.name == server.name:  # which it must not capture
            other = replace(server, name=expr.name + "_")
            expr = replace(expr, name=other.name, args=(said_of(expr.args[0], expr.name, other),))
    if not expr.args:
        return expr
    return replace(expr, args=tuple(said_of(arg, name, server) for arg in expr.args))

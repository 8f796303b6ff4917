"""Whether what somebody's code says speaks of what there is: its variables, constants, inputs and servers.

An expression is made without knowing the system that it is said of, so a name of nothing would show only
where a search or a proof first asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .expr import Expr
from .transition import SELF, Transition
from .vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Nothing:
    """What there is not, in which guard or effect, within which named meaning (empty: none)."""

    what: str
    of: tuple[str, str, str]
    within: str


def of_nothing(
    transition: Transition, vocabulary: Vocabulary, constants: Collection[str]
) -> Iterator[Nothing]:
    """All that a transition speaks of and that there is not."""
    inputs = {each.name for each in transition.rule.inputs}
    per_server = (each.name for each in vocabulary.variables.values() if each.per_server)
    of_servers = {*vocabulary.facts, *per_server}

    def unknown(expr: Expr, servers: Collection[str]) -> str | None:
        variable = vocabulary.variables.get(expr.name)
        match expr.op:
            case "var" if variable is None or variable.per_server:
                return f"a variable {expr.name!r} of the cluster, which there is not"
            case "field" if expr.name not in of_servers:
                return f"a variable {expr.name!r} of a server, which there is not"
            case "param" if expr.name not in constants:
                return f"a constant {expr.name!r}, which there is not"
            case "input" if expr.name not in inputs:
                return f"an input {expr.name!r}, which {transition.name} has not"
            case "bound" if expr.name not in servers:
                return f"a server {expr.name!r}, which nothing introduces"
        return None

    def within(expr: Expr, servers: frozenset[str], name: str, of: tuple[str, str, str]) -> Iterator[Nothing]:
        what = unknown(expr, servers)
        if what is not None:
            yield Nothing(what, of, name)
        if expr.op in ("exists", "forall"):
            servers |= {expr.name}
        meant = expr.name if expr.op == "define" and expr.value else name
        for number, arg in enumerate(expr.args):
            yield from within(arg, servers, name if number else meant, of)

    said = [("guard", label, expr) for label, expr in transition.step.guard.items()]
    said += [("effect", label, expr) for label, expr in transition.step.effect.items()]
    for kind, label, expr in said:
        yield from within(expr, frozenset((SELF.name,)), "", (kind, transition.name, label))

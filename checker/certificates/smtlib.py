"""Expressions as SMT-LIB 2, for people and for any solver.

Nothing here is shared with what `proof` asks of z3: servers are a sort of which nothing is known, "for every
server" is a quantifier, and a state is read by name, so that a lemma is written once and holds of the state
before a step or after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...model.language.expr import BOOL, NODE, Expr, Sort
from ...model.language.transition import SELF

#: what a symbol of SMT-LIB may be without bars
_PLAIN = re.compile(r"[A-Za-z~!@$%^&*_+=<>.?/-][A-Za-z0-9~!@$%^&*_+=<>.?/-]*")
_TOKEN = re.compile(r"\s*(?:([()])|(\|[^|\\]*\||[^\s()|;\"\\]+))")
#: the two states of a step, and the server that takes it
BEFORE, AFTER, ACTOR, NOBODY = "before", "after", "acting-server", "nobody"
#: the state that a lemma is said of
STATE = "s"
#: how the names of what is known of one step only begin
_OF_A_STEP = ("before", "after", "acting-server", "input.")

_OPERATORS = {
    "not": "not",
    "and": "and",
    "or": "or",
    "ite": "ite",
    "==": "=",
    "<": "<",
    "<=": "<=",
    "+": "+",
    "-": "-",
}

#: what is said of nothing
_OF_NONE = {"and": "true", "or": "false"}

#: how a variable, or a fact, of a server or of the cluster is read
Read = Callable[[str, str | None], str]


def symbol(name: str) -> str:
    """A name as SMT-LIB has it; what it has no room for is replaced."""
    return name if _PLAIN.fullmatch(name) else "|" + name.replace("\\", "/").replace("|", "/") + "|"


def sort_name(sort: Sort) -> str:
    """The sort of that name in the text."""
    if sort.members:
        return symbol(f"sort.{sort.name}")
    return "Node" if sort == NODE else "Bool" if sort == BOOL else "Int"


def comment(text: str) -> str:
    """A line that no solver reads."""
    return "; " + " ".join(text.split())


def combined(operator: str, claims: Sequence[str]) -> str:
    """By ``and`` or ``or``, which take two at least."""
    if len(claims) < 2:
        return claims[0] if claims else _OF_NONE[operator]
    return f"({operator} {' '.join(claims)})"


@dataclass(frozen=True, slots=True)
class Words:
    """How expressions are written. ``read`` gives the text of a variable; ``bound`` that of bound servers."""

    read: Read
    bound: Mapping[str, str]
    servers: tuple[str, ...] = ()

    def of(self, expr: Expr) -> str:
        """The expression.

        Raises:
            IndexError: it names a server by number where servers have none.
        """
        match expr.op:
            case "literal":
                return self._literal(expr)
            case "now" | "var":
                return self.read(expr.name, None)
            case "param":
                return symbol(f"constant.{expr.name}")
            case "input":
                return symbol(f"input.{expr.name}")
            case "bound":
                return self.bound[expr.name]
            case "field":
                return self.read(expr.name, self.of(expr.args[0]))
            case "define":
                return self.of(expr.args[0])
            case "forall" | "exists":
                name = symbol(f"?{expr.name}")
                body = replace(self, bound={**self.bound, expr.name: name}).of(expr.args[0])
                joined = "=>" if expr.op == "forall" else "and"
                return f"({expr.op} (({name} Node)) ({joined} (distinct {name} {NOBODY}) {body}))"
        args = [*map(self.of, expr.args)]
        if expr.op in _OF_NONE:
            return combined(expr.op, args)
        return f"({_OPERATORS[expr.op]} {' '.join(args)})"

    def _literal(self, expr: Expr) -> str:
        if expr.sort == NODE:
            return self.servers[expr.value - 1] if expr.value else NOBODY
        if expr.sort.members:
            return symbol(f"{expr.sort.name}.{expr.sort.members[expr.value]}")
        if expr.sort == BOOL:
            return "true" if expr.value else "false"
        return str(expr.value) if expr.value >= 0 else f"(- {-expr.value})"


def said_before(facts: Iterable[str], servers: tuple[str, ...]) -> Words:
    """What is said of the state before a step: in guards, effects and properties."""
    return Words(_reader(facts, lambda name: f"before.{name}", ()), {SELF.name: ACTOR}, servers)


def said_of_state(facts: Iterable[str], servers: tuple[str, ...]) -> Words:
    """What is said of whichever state: lemmas."""
    return Words(_reader(facts, lambda name: f"state.{name}", (STATE,)), {}, servers)


def _reader(facts: Iterable[str], called: Callable[[str], str], given: tuple[str, ...]) -> Read:
    never_change = frozenset(facts)

    def read(name: str, owner: str | None) -> str:
        fact = name in never_change
        args = (*(() if fact else given), *(() if owner is None else (owner,)))
        of = symbol(f"server.{name}" if fact else called(name))
        return f"({' '.join((of, *args))})" if args else of

    return read


def sorts(exprs: Iterable[Expr], more: Iterable[Sort]) -> Iterator[Sort]:
    """The enumerations that occur, each once."""
    found = {part.sort: None for expr in exprs for part in expr.walk()} | dict.fromkeys(more)
    yield from sorted((sort for sort in found if sort.members), key=lambda sort: sort.name)


def is_claim(text: str) -> bool:
    """Is this one expression, which speaks of a state and of constants only?  A lemma that knew the step, or
    closed a parenthesis too many, would prove anything."""
    depth, at = 0, 0
    text = text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return False
        at = token.end()
        bracket, name = token.groups()
        depth += {"(": 1, ")": -1}.get(bracket, 0)
        if name is not None and name.strip("|").startswith(_OF_A_STEP):
            return False
        if depth < 0 or (depth == 0 and at < len(text)):
            return False
    return depth == 0 and bool(text)

"""Lemmas as a file in Python: written as they were found, in the form in which one's own are read."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence

from ..model.language import expr as language
from ..model.language.expr import BOOL, NODE, TIME, Expr, Sort
from .lemmas import Lemma

_INFIX = ("==", "<", "<=", "+", "-")
_CALLED = {"and": "both", "or": "either", "not": "negate", "ite": "ite"}


def as_python(lemmas: Sequence[Lemma], title: str) -> str:
    """A file that `own.lemmas` reads."""
    said = _Words([lemma.claim for lemma in lemmas])
    body = [
        "\n        ".join(("    Lemma(", f"{each.name!r},", f"{each.meaning!r},", f"{said.of(each.claim)},"))
        + "\n    ),"
        for each in lemmas
    ]
    lines = [
        f'"""{_one_line(title)}"""',
        "",
        f"from tsofence.model.language.expr import {', '.join(sorted(said.used))}",
        "from tsofence.model.language.vocabulary import PerServer",
        "from tsofence.specs.lemmas import Lemma",
        "",
        *said.declared.values(),
        "",
        "LEMMAS = (",
        *body,
        ")",
    ]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


class _Words:
    """Expressions as Python; ``used`` of the language, and what is ``declared`` before them."""

    def __init__(self, claims: Sequence[Expr]) -> None:
        self.used = {"Expr"}
        self.declared: dict[tuple[str, str], str] = {}
        self._taken = {"PerServer", "Lemma", "LEMMAS", *dir(language), *keyword.kwlist}
        self._taken |= {
            part.name for claim in claims for part in claim.walk() if part.op in ("bound", "forall")
        }
        self._called: dict[tuple[str, str], str] = {}

    def of(self, expr: Expr) -> str:
        """The expression."""
        match expr.op:
            case "literal":
                return self._literal(expr)
            case "now":
                return self._from("NOW")
            case "bound":
                return expr.name
            case "define":
                return self.of(expr.args[0])
            case "field":
                made = f"PerServer({expr.name!r}, {self._sort(expr.sort)})"
                return f"{self._named('field', expr.name, made)}[{self.of(expr.args[0])}]"
            case "var" | "param":
                made = f"Expr({expr.op!r}, {self._sort(expr.sort)}, name={expr.name!r})"
                return self._named(expr.op, expr.name, made)
            case "forall" | "exists":
                return f"{self._from(expr.op)}(lambda {expr.name}: {self.of(expr.args[0])}, {expr.name!r})"
            case op if op in _INFIX:
                return f"({f' {op} '.join(map(self.of, expr.args))})"
        return f"{self._from(_CALLED[expr.op])}({', '.join(map(self.of, expr.args))})"

    def _literal(self, expr: Expr) -> str:
        if expr.sort.members:
            return f"{self._sort(expr.sort)}.{expr.sort.members[expr.value]}"
        if expr.sort == BOOL:
            return self._from("TRUE" if expr.value else "FALSE")
        if not expr.value and expr.sort in (NODE, TIME):
            return self._from("NOBODY" if expr.sort == NODE else "ZERO")
        return f"Expr('literal', {self._sort(expr.sort)}, value={expr.value})"

    def _sort(self, sort: Sort) -> str:
        if not sort.members:
            return self._from(sort.name.upper())
        self._from("Sort")
        return self._named("sort", sort.name, f"Sort({sort.name!r}, {sort.members!r})")

    def _from(self, name: str) -> str:
        self.used.add(name)
        return name

    def _named(self, kind: str, name: str, made: str) -> str:
        """A name in the file for something that is declared once; PD's own, if that is free."""
        if (kind, name) not in self._called:
            free = next(each for each in _names(name) if each.isidentifier() and each not in self._taken)
            self._taken.add(free)
            self._called[kind, name] = free
            self.declared[kind, name] = f"{free} = {made}"
        return self._called[kind, name]


def _names(name: str) -> Iterator[str]:
    yield name
    number = 1
    while True:
        yield f"{name}_{number}" if name.isidentifier() else f"name_{number}"
        number += 1

"""Expressions as TLA+: the same words, so that whoever knows the one knows the other.

Named expressions become operators, each written once; servers are strings, `Nobody` is none; a server's
variable is a function.  An acting server's and inputs' names are parameters of whoever writes the action.

TLC takes each disjunct of an action as a step of its own, in named operators too, and so would count a
step twice whose guard holds for two reasons.  A disjunction that is a condition is therefore written
``Holds(a \\/ b)``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count

from .expr import BOOL, NODE, Expr, Sort

WIDTH = 96
#: TLC has no larger integers
MOST = (1 << 31) - 1

#: how tightly operators bind; an operand that binds less needs parentheses
_LOOSE, _IMPLIES, _JUNCTION, _NOT, _RELATION, _SUM, _ATOM = range(7)

_KEYWORDS = """
ACTION ASSUME ASSUMPTION AXIOM BOOLEAN BY CASE CHOOSE CONSTANT CONSTANTS COROLLARY DEF DEFINE DEFS DOMAIN ELSE
ENABLED EXCEPT EXTENDS FALSE HAVE HIDE IF IN INSTANCE LAMBDA LEMMA LET LOCAL MODULE NEW OBVIOUS OMITTED ONLY
OTHER PICK PROOF PROPOSITION PROVE QED RECURSIVE STATE STRING SUBSET SUFFICES TAKE TEMPORAL THEN THEOREM TRUE
UNCHANGED UNION USE VARIABLE VARIABLES WITH WITNESS Int Nat
"""
#: what every exported module defines
_DEFINED = (
    "Holds Init Next Spec Server PD TSO Nobody Start Ticks TypeOK Unlimited KindOf CanStrike Strikes vars"
)
_RESERVED = frozenset((_KEYWORDS + _DEFINED).split())


class NotTla(ValueError):
    """Something that the export does not write down; one line that says what."""


class Names:
    """Identifiers, none twice: TLA+ knows no scopes in which a name may mean something else."""

    def __init__(self) -> None:
        self._taken = set(_RESERVED)
        self._given: dict[tuple[str, str], str] = {}

    def of(self, kind: str, name: str) -> str:
        """The identifier of that thing, always the same: its own name where that is one, and free."""
        if (kind, name) not in self._given:
            self._given[kind, name] = self.fresh(name)
        return self._given[kind, name]

    def fresh(self, name: str) -> str:
        """An identifier like that, which nothing else has."""
        clean = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
        if not any(c.isalpha() for c in clean) or clean.startswith(("WF_", "SF_")):
            clean = f"x_{clean}"
        found, number = clean, 1
        while found in self._taken:
            number += 1
            found = f"{clean}_{number}"
        self._taken.add(found)
        return found


def reserved(name: str) -> bool:
    """Does it mean something already?"""
    return name in _RESERVED


def camel(name: str) -> str:
    """``update_in_memory`` as `UpdateInMemory`, the way in which operators are written."""
    parts = "".join(c if c.isalnum() else " " for c in name).split()
    return "".join(part[0].upper() + part[1:] for part in parts)


def quoted(text: str) -> str:
    """A string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def comment(text: str) -> str:
    """A text that stands behind ``\\*``: on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def literal(sort: Sort, value: int, servers: tuple[str, ...]) -> str:
    """A value of a sort, from the integer that stands for it everywhere else.

    Raises:
        NotTla: an integer that TLC cannot hold.
    """
    if sort == NODE:
        return quoted(servers[value - 1]) if value else "Nobody"
    if sort.members:
        return quoted(sort.members[value])
    if sort == BOOL:
        return "TRUE" if value else "FALSE"
    if abs(value) > MOST:
        raise NotTla(f"the number {value}: TLC's integers end at {MOST}")
    return str(value)


def simplified(expr: Expr, kinds: Mapping[str, bool]) -> Expr:
    """The expression with what is known of servers' kinds worked out.

    ``kinds`` says of bound servers, by name, whether each is a TSO server; under an empty name, of all.
    """
    if expr.op == "field" and expr.name == "is_tso":
        known = kinds.get(expr.args[0].name, kinds.get(""))
        return expr if known is None else Expr("literal", BOOL, value=int(known))
    if not expr.args or expr.op == "define":
        return expr
    if expr.op == "ite":
        return _chosen(expr, kinds)
    args = tuple(simplified(arg, kinds) for arg in expr.args)
    match expr.op:
        case "not" if args[0].op == "literal":
            return Expr("literal", BOOL, value=1 - args[0].value)
        case "not" if args[0].op == "not":
            return args[0].args[0]
        case "+" | "-" if all(arg.op == "literal" for arg in args):
            left, right = (arg.value for arg in args)
            return Expr("literal", expr.sort, value=left + right if expr.op == "+" else left - right)
        case "and" | "or":
            neutral = int(expr.op == "and")
            kept: list[Expr] = []
            for arg in args:
                kept += arg.args if arg.op == expr.op else [arg]
            if any(arg.op == "literal" and arg.value != neutral for arg in kept):
                return Expr("literal", BOOL, value=1 - neutral)
            kept = [arg for arg in kept if arg.op != "literal"]
            if len(kept) < 2:
                return kept[0] if kept else Expr("literal", BOOL, value=neutral)
            return replace(expr, args=tuple(kept))
    return replace(expr, args=args)


def _chosen(expr: Expr, kinds: Mapping[str, bool]) -> Expr:
    """A choice; within it is known what it is between, if that is a server's kind."""
    asked = expr.args[0]
    condition = simplified(asked, kinds)
    if condition.op == "literal":
        return simplified(expr.args[1] if condition.value else expr.args[2], kinds)
    of_kind = asked.op == "field" and asked.name == "is_tso"
    then, other = (
        simplified(arg, {**kinds, asked.args[0].name: is_tso} if of_kind else kinds)
        for arg, is_tso in zip(expr.args[1:], (True, False), strict=True)
    )
    return replace(expr, args=(condition, then, other))


def branches(expr: Expr) -> bool:
    """Would TLC take the condition, standing in an action, for a choice between steps?"""
    match expr.op:
        case "or":
            return expr.args[0].op != "not"  # written as an implication
        case "exists":
            return True
        case "and" | "forall":
            return any(map(branches, expr.args))
        case "ite":
            return any(map(branches, expr.args[1:]))
    return False  # operators see to it themselves


@dataclass(frozen=True, slots=True)
class Operator:
    """A named expression, written down: its name, its parameters and the lines of what it means."""

    name: str
    parameters: tuple[str, ...]
    meaning: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The definition."""
        head = self.name + (f"({', '.join(self.parameters)})" if self.parameters else "") + " =="
        if len(self.meaning) == 1 and len(head) + len(self.meaning[0]) < WIDTH:
            yield f"{head} {self.meaning[0]}"
            return
        yield head
        yield from (f"  {line}" for line in self.meaning)


@dataclass(frozen=True, eq=False, slots=True)
class Writer:
    """Writes expressions of one system.

    ``servers``: their names; ``fact``: how a fact about a server is written, ``{}`` being the server (None:
    it is no fact); ``parameter``: how a constant is; ``kept``: by variable, the operator that is read in its
    place; ``at``: the variable that ``@`` stands for, of the acting server.
    """

    names: Names
    servers: tuple[str, ...]
    fact: Callable[[str], str | None]
    parameter: Callable[[Expr], str]
    operators: dict[tuple[str, tuple[str, ...]], Operator] = field(default_factory=dict)
    bound: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    at: str = ""

    def lines(self, expr: Expr, width: int = WIDTH, *, condition: bool = False) -> list[str]:
        """The expression on one line, or on several that belong under each other.

        ``condition``: it stands where TLC would take a disjunction for a choice.
        """
        if condition and branches(expr) and expr.op in ("or", "exists"):
            inner = self.lines(expr, width - 7)
            return joined("Holds(", inner, ")")
        flat = self.flat(expr, condition=condition)
        if len(flat) <= width:
            return [flat]
        match expr.op:
            case "or" if expr.args[0].op == "not":
                premise, conclusion = _as_implication(expr)
                before = self.lines(premise, width - 3)
                before[-1] += " =>"
                return [*before, *(f"  {line}" for line in self.lines(conclusion, width - 2))]
            case "and" | "or":
                arguments, bullet = expr.args, "/\\ " if expr.op == "and" else "\\/ "
                return [
                    line
                    for arg in arguments
                    for line in joined(
                        bullet, self.lines(arg, width - 3, condition=condition and expr.op == "and")
                    )
                ]
            case "ite":
                words = ("IF   ", "THEN ", "ELSE ")
                return [
                    line
                    for word, arg in zip(words, expr.args, strict=True)
                    for line in joined(word, self.lines(arg, width - 5))
                ]
            case "not":
                return joined("~(", self.lines(expr.args[0], width - 3), ")")
            case "exists" | "forall":
                head, within = self._quantified(expr)
                return [head, *(f"  {line}" for line in within.lines(expr.args[0], width - 2))]
        return [flat]

    def value(self, expr: Expr, width: int) -> list[str]:
        """The expression as the right side of an equation."""
        loose = expr.op in ("and", "or", "not", "==", "<", "<=", "exists", "forall")
        return joined("(", self.lines(expr, width - 2), ")") if loose else self.lines(expr, width)

    def flat(self, expr: Expr, above: int = _LOOSE, *, condition: bool = False) -> str:
        """The expression on one line, in parentheses where it binds less than that."""
        if condition and branches(expr) and expr.op in ("or", "exists"):
            return f"Holds({self.flat(expr)})"
        text, binds = self._written(expr, condition=condition)
        return f"({text})" if binds < above else text

    def _written(self, expr: Expr, *, condition: bool) -> tuple[str, int]:
        match expr.op:
            case "literal":
                text = literal(expr.sort, expr.value, self.servers)
                return text, _SUM if text.startswith("-") else _ATOM
            case "now":
                return self.names.of("variable", "now"), _ATOM
            case "param":
                return self.parameter(expr), _ATOM
            case "input":
                return self.whose(f"input {expr.name}"), _ATOM
            case "bound":
                return self.whose(expr.name), _ATOM
            case "var":
                if expr.name in self.kept:
                    return self.kept[expr.name], _ATOM
                return "@" if expr.name == self.at else self.names.of("variable", expr.name), _ATOM
            case "field":
                return self._field(expr)
            case "define":
                return self._called(expr), _ATOM
            case "exists" | "forall":
                head, within = self._quantified(expr)
                return f"{head} {within.flat(expr.args[0])}", _LOOSE
            case "ite":
                c, t, e = (self.flat(arg) for arg in expr.args)
                return f"IF {c} THEN {t} ELSE {e}", _LOOSE
            case "not":
                return self._denied(expr.args[0])
            case "or" if expr.args[0].op == "not":
                premise, conclusion = _as_implication(expr)
                return f"{self.flat(premise, _JUNCTION)} => {self.flat(conclusion, _JUNCTION)}", _IMPLIES
            case "and" | "or":
                sign = " /\\ " if expr.op == "and" else " \\/ "
                inner = condition and expr.op == "and"
                return sign.join(self.flat(arg, _NOT, condition=inner) for arg in expr.args), _JUNCTION
            case "==" | "<" | "<=":
                return self._related("=" if expr.op == "==" else expr.op, expr)
            case "+" | "-":
                left, right = expr.args
                return f"{self.flat(left, _SUM)} {expr.op} {self.flat(right, _ATOM)}", _SUM
        raise NotTla(f"the expression {expr}")

    def where_it_is(self, name: str) -> Writer:
        """The writer of what becomes of an acting server's variable, which is ``@`` there."""
        return replace(self, at=name)

    def whose(self, name: str) -> str:
        """How a bound server, or an input (``input NAME``), is called here."""
        kind, _, own = name.rpartition(" ")
        return self.bound.get(name) or self.names.of(kind or "bound", own)

    def _related(self, sign: str, expr: Expr) -> tuple[str, int]:
        left, right = (self.flat(arg, _SUM) for arg in expr.args)
        return f"{left} {sign} {right}", _RELATION

    def _denied(self, expr: Expr) -> tuple[str, int]:
        signs = {"==": "#", "<": ">=", "<=": ">"}
        if expr.op in signs:
            return self._related(signs[expr.op], expr)
        if expr.op == "field" and " \\in " in (self.fact(expr.name) or ""):
            text, _ = self._field(expr)
            return text.replace(" \\in ", " \\notin "), _RELATION
        return f"~{self.flat(expr, _ATOM)}", _NOT

    def _field(self, expr: Expr) -> tuple[str, int]:
        owner = expr.args[0]
        if owner.op != "bound" and not (owner.op == "literal" and owner.value):
            raise NotTla(f"{expr}: it is read of a server that is itself read from the state")
        whose = self.flat(owner, _ATOM)
        fact = self.fact(expr.name)
        if fact is not None:
            text = fact.format(whose)
            return text, _RELATION if " \\in " in text else _ATOM
        if expr.name in self.kept:
            return f"{self.kept[expr.name]}({whose})", _ATOM
        if expr.name == self.at and owner.name == "n" and owner.op == "bound":
            return "@", _ATOM
        return f"{self.names.of('variable', expr.name)}[{whose}]", _ATOM

    def _quantified(self, expr: Expr) -> tuple[str, Writer]:
        name = self.names.of("bound", expr.name)
        sign = "\\E" if expr.op == "exists" else "\\A"
        within = replace(self, bound={**self.bound, expr.name: name})
        return f"{sign} {name} \\in Server :", within

    def _called(self, expr: Expr) -> str:
        meaning, *said_of = expr.args
        meaning = simplified(meaning, {})
        servers = [each.name for each in said_of if each.op == "bound"]
        parameters: dict[str, str] = {}  # whoever it is said of, the operator says it of its own
        for each in dict.fromkeys((*servers, *_free(meaning))):
            parameters[each] = self._parameter(each, meaning, parameters.values())
        within = replace(self, bound=parameters, at="")
        body = tuple(within.lines(meaning, WIDTH - 2, condition=meaning.sort == BOOL))
        key = expr.name, body
        if key not in self.operators:
            name = self.names.fresh(camel(expr.name))
            self.operators[key] = Operator(name, tuple(parameters.values()), body)
        name = self.operators[key].name
        return f"{name}({', '.join(map(self.whose, parameters))})" if parameters else name

    def _parameter(self, of: str, meaning: Expr, others: Collection[str]) -> str:
        """A name for it that the meaning gives to nothing else."""
        if " " in of:
            return self.whose(of)
        inner = {part.name for part in meaning.walk() if part.op in ("exists", "forall")}
        numbered = (f"n{number}" for number in count(1))
        candidates = (name for name in chain(("n", "m"), numbered) if name not in inner)
        return next(name for name in map(self.whose_own, candidates) if name not in others)

    def whose_own(self, name: str) -> str:
        """A bound server's name where nobody has given it another."""
        return self.names.of("bound", name)


def _as_implication(expr: Expr) -> tuple[Expr, Expr]:
    """A disjunction that begins with what is denied: if that, then the rest."""
    *before, last = expr.args
    many = next((index for index, arg in enumerate(before) if arg.op != "not"), len(before))
    premises, rest = tuple(arg.args[0] for arg in before[:many]), (*before[many:], last)
    return (
        premises[0] if many == 1 else Expr("and", BOOL, premises),
        rest[0] if len(rest) == 1 else replace(expr, args=rest),
    )


def _free(expr: Expr, bound: frozenset[str] = frozenset()) -> Iterator[str]:
    """The servers and inputs (``input NAME``) that an expression leaves open."""
    if expr.op == "bound" and expr.name not in bound:
        yield expr.name
    elif expr.op == "input":
        yield f"input {expr.name}"
    within = bound | {expr.name} if expr.op in ("exists", "forall") else bound
    for arg in expr.args:
        yield from _free(arg, within)


def joined(before: str, lines: list[str], after: str = "") -> list[str]:
    """The lines with something before the first, the others under it, and something behind the last."""
    indented = [before + lines[0], *(" " * len(before) + line for line in lines[1:])]
    indented[-1] += after
    return indented

"""The expression language in which the whole system is written.

An expression is data: a typed tree that every interpreter (Python source, z3) walks.  It is not a
Python truth value, so ``x == y and x < y`` or ``if x == y`` raise instead of silently dropping half
of the condition, and adding two points in time is refused where it is written.

Sorts: ``BOOL``, ``INT`` (a count), ``TIME`` (a point in time), ``DURATION`` (a distance between two
points), ``NODE`` (a server, or none) and enumerations.  ``TIME - TIME`` is a ``DURATION``,
``TIME + DURATION`` is a ``TIME``; nothing else mixes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from operator import is_
from typing import NoReturn


class SortError(TypeError):
    """An expression mixes sorts that have nothing to do with each other."""


@dataclass(frozen=True, slots=True)
class Sort:
    """What kind of value an expression has; ``members`` names the values of an enumeration."""

    name: str
    members: tuple[str, ...] = ()

    def __getattr__(self, member: str) -> Expr:
        """The literal for a member of an enumeration: ``ROLE.leader``."""
        if member.startswith("_") or member not in self.members:
            raise AttributeError(f"{self.name} has no member {member!r}; it has {', '.join(self.members)}")
        return Expr("literal", self, value=self.members.index(member))

    def __str__(self) -> str:
        return self.name


BOOL = Sort("Bool")
INT = Sort("Int")
TIME = Sort("Time")
DURATION = Sort("Duration")
NODE = Sort("Node")

#: result sort of ``left op right``; what is not listed is refused
_ARITHMETIC = {
    ("+", TIME, DURATION): TIME,
    ("-", TIME, DURATION): TIME,
    ("-", TIME, TIME): DURATION,
    ("+", DURATION, DURATION): DURATION,
    ("-", DURATION, DURATION): DURATION,
    ("+", INT, INT): INT,
    ("-", INT, INT): INT,
}
_ORDERED = (INT, TIME, DURATION)


@dataclass(frozen=True, eq=False, slots=True)
class Expr:
    """One node of an expression tree.

    ``op`` is ``literal`` (``value``), ``now``, ``param``, ``var``, ``input`` (each by ``name``),
    ``field`` (``name`` of ``args[0]``), ``bound`` (a quantified node), ``exists``/``forall``
    (``name`` bound in ``args[0]``), ``define`` (``args[0]`` under a ``name``, said of servers: ``args[1:]``;
    ``value``: is it what a variant means by that name?), or an operator over ``args``.
    """

    op: str
    sort: Sort
    args: tuple[Expr, ...] = ()
    name: str = ""
    value: int = 0

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"an expression has no truth value of its own: {self}; "
            "write both(a, b), either(a, b), negate(a) or ite(c, a, b) instead of and, or, not, if"
        )

    # Comparisons build expressions; expressions are therefore never used as dictionary keys.
    __hash__ = None  # type: ignore[assignment]  # hashing would need a truth value of ==

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]  # builds an expression
        return _compare("==", self, other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]  # builds an expression
        return negate(_compare("==", self, other))

    def __lt__(self, other: object) -> Expr:
        return _compare("<", self, other)

    def __le__(self, other: object) -> Expr:
        return _compare("<=", self, other)

    def __gt__(self, other: object) -> Expr:
        return _compare("<", _lift(other, self.sort), self)

    def __ge__(self, other: object) -> Expr:
        return _compare("<=", _lift(other, self.sort), self)

    def __add__(self, other: object) -> Expr:
        return _arithmetic("+", self, other)

    def __sub__(self, other: object) -> Expr:
        return _arithmetic("-", self, other)

    def walk(self) -> Iterator[Expr]:
        """This expression and every one below it."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    def __str__(self) -> str:
        match self.op:
            case "literal" if self.sort.members:
                return self.sort.members[self.value]
            case "literal" if self.sort is BOOL:
                return "true" if self.value else "false"
            case "literal" if self.sort is NODE:
                return f"server {self.value}" if self.value else "none"
            case "literal":
                return str(self.value)
            case "now" | "param" | "var" | "input" | "bound":
                return self.name
            case "field":
                return f"{self.name}[{self.args[0]}]"
            case "exists" | "forall":
                return f"{self.op} {self.name}: {self.args[0]}"
            case "define":
                return f"{self.name}[{', '.join(map(str, self.args[1:]))}]"
            case "not":
                return f"not ({self.args[0]})"
            case "ite":
                return f"({self.args[1]} if {self.args[0]} else {self.args[2]})"
            case op:
                return "(" + f" {op} ".join(map(str, self.args)) + ")"


def _lift(value: object, sort: Sort) -> Expr:
    """A plain ``bool`` or ``int`` written beside an expression of that sort."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool) and sort == BOOL:
        return Expr("literal", BOOL, value=int(value))
    if isinstance(value, int) and not isinstance(value, bool) and sort in (INT, DURATION):
        return Expr("literal", sort, value=value)
    raise SortError(f"{value!r} is not a {sort}")


def _compare(op: str, left: Expr, other: object) -> Expr:
    right = _lift(other, left.sort)
    if left.sort != right.sort:
        raise SortError(f"cannot compare {left.sort} with {right.sort}: {left} {op} {right}")
    if op != "==" and left.sort not in _ORDERED:
        raise SortError(f"{left.sort} has no order: {left} {op} {right}")
    return Expr(op, BOOL, (left, right))


def _arithmetic(op: str, left: Expr, other: object) -> Expr:
    # A number beside a point in time is a distance from it.
    right = _lift(other, DURATION if left.sort == TIME else left.sort)
    sort = _ARITHMETIC.get((op, left.sort, right.sort))
    if sort is None:
        raise SortError(
            f"{left.sort} {op} {right.sort} means nothing: {left} {op} {right}; "
            "add a Duration to a Time, or take the difference of two Times"
        )
    return Expr(op, sort, (left, right))


def _expect(sort: Sort, *exprs: Expr) -> None:
    for expr in exprs:
        if not isinstance(expr, Expr):
            raise SortError(
                f"expected a condition or a value, got {expr!r}; a server's variable is written name[n]"
            )
        if expr.sort != sort:
            raise SortError(f"expected {sort}, got {expr.sort}: {expr}")


TRUE = _lift(True, BOOL)
FALSE = _lift(False, BOOL)
#: PD's zero time: nothing was ever saved.  Older than every real reading.
ZERO = Expr("literal", TIME, value=0)
#: no server: an absent key
NOBODY = Expr("literal", NODE, value=0)
#: the true time, which no server knows
NOW = Expr("now", TIME, name="now")


def server(number: int) -> Expr:
    """Server ``number`` (1, 2, …) as a literal."""
    return Expr("literal", NODE, value=number)


def parameter(name: str, sort: Sort) -> Expr:
    """A constant of the scenario, such as the save interval."""
    return Expr("param", sort, name=name)


def chosen(name: str, sort: Sort) -> Expr:
    """An input of a transition: the environment chooses it."""
    return Expr("input", sort, name=name)


def condition(said: object, of: str) -> Expr:
    """What somebody's code says ``of`` something, if it is a condition.

    Raises:
        SortError: it is none.
    """
    if isinstance(said, Expr) and said.sort == BOOL:
        return said
    kind = f"a {said.sort}" if isinstance(said, Expr) else repr(said)
    raise SortError(f"{of}: expected a condition, such as TRUE or both(a, b), not {kind}")


def both(*conditions: Expr) -> Expr:
    """All of them."""
    _expect(BOOL, *conditions)
    return conditions[0] if len(conditions) == 1 else Expr("and", BOOL, conditions)


def either(*conditions: Expr) -> Expr:
    """At least one of them."""
    _expect(BOOL, *conditions)
    return conditions[0] if len(conditions) == 1 else Expr("or", BOOL, conditions)


def negate(condition: Expr) -> Expr:
    """Not."""
    _expect(BOOL, condition)
    return condition.args[0] if condition.op == "not" else Expr("not", BOOL, (condition,))


def implies(premise: Expr, conclusion: Expr) -> Expr:
    """If the premise then the conclusion."""
    return either(negate(premise), conclusion)


def ite(condition: Expr, then: Expr, other: Expr | int | bool) -> Expr:
    """``then`` where the condition is true, else ``other``."""
    _expect(BOOL, condition)
    otherwise = _lift(other, then.sort)
    if then.sort != otherwise.sort:
        raise SortError(f"both branches need one sort, got {then.sort} and {otherwise.sort}")
    return Expr("ite", then.sort, (condition, then, otherwise))


def _quantify(op: str, body: Callable[[Expr], Expr], name: str) -> Expr:
    inner = body(Expr("bound", NODE, name=name))
    _expect(BOOL, inner)
    return Expr(op, BOOL, (inner,), name=name)


def exists(body: Callable[[Expr], Expr], name: str = "m") -> Expr:
    """Some server satisfies ``body``; nested quantifiers need different names."""
    return _quantify("exists", body, name)


def forall(body: Callable[[Expr], Expr], name: str = "m") -> Expr:
    """Every server satisfies ``body``; nested quantifiers need different names."""
    return _quantify("forall", body, name)


def named(name: str, meaning: Expr, *servers: Expr) -> Expr:
    """``meaning`` under a name that messages and differences use; a variant may change what it means."""
    return Expr("define", meaning.sort, (meaning, *servers), name)


def unless_said(name: str, meaning: Expr, *servers: Expr) -> Expr:
    """``meaning``, but for variants that say something else by that name: to them it is like `named`.

    Once that is `settled`, nothing tells any more that there was a name.
    """
    return Expr("unless_said", meaning.sort, (meaning, *servers), name)


def definition(meaning: Callable[[Expr], Expr]) -> Callable[[Expr], Expr]:
    """A function from a server to an expression that keeps the function's name."""

    @wraps(meaning)
    def define(n: Expr) -> Expr:
        return named(meaning.__name__, meaning(n), n)

    return define


def same(one: Expr, other: Expr) -> bool:
    """Whether two expressions are written alike."""
    if one is other:
        return True
    here, there = ((each.op, each.sort, each.name, each.value, len(each.args)) for each in (one, other))
    return here == there and all(map(same, one.args, other.args))


#: by name: what was meant and the servers it is said of, to what is meant now
Meanings = Mapping[str, Callable[..., Expr]]


def settled(expr: Expr, meanings: Meanings) -> Expr:
    """The expression with these meanings for what stands in it unless somebody says otherwise."""
    args = tuple(settled(arg, meanings) for arg in expr.args)
    if expr.op == "unless_said":
        meant = meanings[expr.name](*args) if expr.name in meanings else args[0]
        _expect(expr.sort, meant)
        return meant
    return expr if all(map(is_, args, expr.args)) else replace(expr, args=args)


def redefined(expr: Expr, meanings: Meanings) -> Expr:
    """The expression with other meanings for some names; a new meaning may use the old one.

    What has been given its meaning keeps it: to do so again changes nothing.
    """
    if not meanings or not expr.args or (expr.op == "define" and expr.value):
        return expr
    args = tuple(redefined(arg, meanings) for arg in expr.args)
    if expr.op == "define" and expr.name in meanings:
        # where the new meaning uses the name itself, that is what it meant
        within = {**meanings, expr.name: lambda before, *servers: before}
        meant = redefined(meanings[expr.name](*args), within)
        _expect(expr.sort, meant)
        return replace(expr, args=(meant, *args[1:]), value=1)
    if all(map(is_, args, expr.args)):
        return expr  # most of a system keeps its meaning, and each command makes many systems
    return replace(expr, args=args)

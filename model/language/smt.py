"""Expressions as z3 terms: time unbounded, servers known only by what is said of them.

A `World` fixes the sorts and the constants, a `View` is one state of it.  Fields are functions of a
server; quantifiers range over the view's ``universe``, a finite list of server terms, so that no
quantifier is left to a heuristic and every model is a finite system.  Why nothing is lost by that:

- What is said of every server is used of those in the universe only: less to prove with, never more.
- What is said to exist needs a constant of its own in the universe (`existing` counts them).  If there
  is such a server, let the constant be it; if there is none, none of the universe is one.  So the
  finite reading agrees with the statement whichever way round it is used: in a guard, in a lemma that
  is to fail, in a condition within an effect.  Otherwise it would have to be one of those named already.
- That there is one *for every* server would take a constant for every constant, without end: refused.
- Where a variable gives a server of a server (`View.closed`), a model may lead out of the universe: then it
  is of no finite system, and shows nothing.  What is refuted stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import z3

from .expr import BOOL, NODE, TIME, Expr, Sort
from .vocabulary import Vocabulary

#: a z3 term; z3 has no types of its own to speak of
Term = Any


class Unsaid(ValueError):
    """What somebody says is not to be said of so many servers, or of any number of them."""


def _member(name: str, member: str) -> str:
    """A value of an enumeration, as z3 knows it."""
    return f"{name}.{member}"


#: a sort and its values, by name and members: z3 makes them once
_Enumerations = dict[tuple[str, tuple[str, ...]], tuple[Any, tuple[Term, ...]]]
#: those of all that have no context of their own
_ENUMERATIONS: _Enumerations = {}


class World:
    """Sorts, constants and servers: any number of them, or exactly ``nodes``.

    ``context``: where z3 has its terms; None: where all are that have none of their own.  Which of many
    states z3 shows depends on all that it was told in a context before.
    """

    def __init__(self, nodes: int | None = None, context: z3.Context | None = None) -> None:
        self.nodes = nodes
        self.context = context or z3.main_ctx()
        #: those that were asked for: making them again takes longer than most questions about them
        self._known: dict[tuple[str, Sort], Term] = {}
        self._enumerations = _ENUMERATIONS if context is None else {}
        if nodes is None:
            self.node_sort = z3.DeclareSort("Node", self.context)
            self.nobody: Term = z3.Const("nobody", self.node_sort)
            #: every server there is, if their number is known
            self.servers: tuple[Term, ...] = ()
        else:
            members = ("none", *(f"server{number}" for number in range(1, nodes + 1)))
            self.node_sort, values = self._enumeration(f"Node{nodes}", members)
            self.nobody, self.servers = values[0], values[1:]

    def _enumeration(self, name: str, members: tuple[str, ...]) -> tuple[Any, tuple[Term, ...]]:
        key = name, members
        if key not in self._enumerations:
            sort, values = z3.EnumSort(name, [_member(name, member) for member in members], self.context)
            self._enumerations[key] = sort, tuple(values)
        return self._enumerations[key]

    def sort(self, sort: Sort) -> Any:
        """The z3 sort."""
        if sort == NODE:
            return self.node_sort
        if sort.members:
            return self._enumeration(sort.name, sort.members)[0]
        return z3.BoolSort(self.context) if sort == BOOL else z3.IntSort(self.context)

    def literal(self, sort: Sort, value: int) -> Term:
        """A value of a sort, from the integer that stands for it everywhere else.

        Raises:
            Unsaid: a server by number where servers have none, or not so many.
        """
        if sort == NODE and value > len(self.servers):
            raise Unsaid(f"names server {value}, of {self.nodes or 'any number of'} servers")
        if sort == NODE:
            return self.servers[value - 1] if value else self.nobody
        if sort.members:
            return self._enumeration(sort.name, sort.members)[1][value]
        return z3.BoolVal(bool(value), self.context) if sort == BOOL else z3.IntVal(value, self.context)

    def constant(self, name: str, sort: Sort) -> Term:
        """An unknown value."""
        if (name, sort) not in self._known:
            self._known[name, sort] = z3.Const(name, self.sort(sort))
        return self._known[name, sort]

    def parameter(self, expr: Expr) -> Term:
        """A constant of the scenario."""
        return self.constant(f"param {expr.name}", expr.sort)

    def view(self, vocabulary: Vocabulary) -> View:
        """A state of which nothing is known."""
        variables = vocabulary.variables.values()
        sorts = {name: fact.sort for name, fact in vocabulary.facts.items()}
        sorts |= {v.name: v.sort for v in variables if v.per_server}
        fields = {name: z3.Function(name, self.node_sort, self.sort(sort)) for name, sort in sorts.items()}
        shared = {v.name: self.constant(v.name, v.sort) for v in variables if not v.per_server}
        now = self.constant("now", TIME)
        return View(self, {**shared, "now": now}, _remembered(lambda name, owner: fields[name](owner)))


def _remembered(read: Callable[[str, Term], Term]) -> Callable[[str, Term], Term]:
    """The same, each term made once: most of the time of a large question goes into making terms."""
    known: dict[tuple[str, int], tuple[Term, Term]] = {}

    def again(name: str, owner: Term) -> Term:
        key = name, owner.get_id()
        if key not in known:
            known[key] = (
                read(name, owner),
                owner,
            )  # an owner that is forgotten would leave its number to another
        return known[key][0]

    return again


def _made(make: Callable[..., Any], of: type[Term]) -> Callable[..., Term]:
    """A term by z3's own call: sorts are those of `Expr`, which fit already, and most of the time of a large
    question went into asking whether they do."""
    return lambda context, *args: of(make(context.ref(), *(arg.ast for arg in args)), context)


def _of_many(make: Callable[..., Any], of: type[Term]) -> Callable[..., Term]:
    """The same of a call that takes as many as there are."""

    def made(context: z3.Context, *args: Term) -> Term:
        asts = (z3.Ast * len(args))(*(arg.ast for arg in args))
        return of(make(context.ref(), len(args), asts), context)

    return made


_and, _or = _of_many(z3.Z3_mk_and, z3.BoolRef), _of_many(z3.Z3_mk_or, z3.BoolRef)
_implies = _made(z3.Z3_mk_implies, z3.BoolRef)
_equal = _made(z3.Z3_mk_eq, z3.BoolRef)
_differ = _of_many(z3.Z3_mk_distinct, z3.BoolRef)
_not = _made(z3.Z3_mk_not, z3.BoolRef)


_OPERATORS: dict[str, Callable[..., Term]] = {
    "not": _not,
    "and": _and,
    "or": _or,
    "ite": lambda _, *args: z3.If(*args),
    "==": _equal,
    "<": _made(z3.Z3_mk_lt, z3.BoolRef),
    "<=": _made(z3.Z3_mk_le, z3.BoolRef),
    "+": _of_many(z3.Z3_mk_add, z3.ArithRef),
    "-": _of_many(z3.Z3_mk_sub, z3.ArithRef),
}


@dataclass(frozen=True, slots=True)
class View:
    """One state: ``shared`` variables and now by name, ``read`` for a server's.

    ``inputs`` makes a term of an input; without it an input is a constant of its name.
    """

    world: World
    shared: Mapping[str, Term]
    read: Callable[[str, Term], Term]
    universe: tuple[Term, ...] = ()
    bound: Mapping[str, Term] = field(default_factory=dict)
    inputs: Callable[[Expr], Term] | None = None

    def binding(self, name: str, owner: Term) -> View:
        """The same with a bound server known."""
        return replace(self, bound={**self.bound, name: owner})

    def of(self, expr: Expr) -> Term:
        """The value of an expression in this state."""
        context = self.world.context
        match expr.op:
            case "literal":
                return self.world.literal(expr.sort, expr.value)
            case "now" | "var":
                return self.shared[expr.name]
            case "param":
                return self.world.parameter(expr)
            case "input":
                if self.inputs is not None:
                    return self.inputs(expr)
                return self.world.constant(f"input {expr.name}", expr.sort)
            case "bound":
                return self.bound[expr.name]
            case "field":
                return self.read(expr.name, self.of(expr.args[0]))
            case "define":
                return self.of(expr.args[0])
            case "forall":
                return _and(context, *(_implies(context, *each) for each in self._each(expr)))
            case "exists":
                return _or(context, *(_and(context, *each) for each in self._each(expr)))
        return _OPERATORS[expr.op](context, *map(self.of, expr.args))

    def _each(self, expr: Expr) -> Iterator[tuple[Term, Term]]:
        for owner in self.universe:
            is_there = _differ(self.world.context, owner, self.world.nobody)
            yield is_there, self.binding(expr.name, owner).of(expr.args[0])

    def reaching(self, pointers: Sequence[str]) -> tuple[Term, ...]:
        """The universe, and the servers to which these variables of its servers lead."""
        return (*self.universe, *(self.read(name, owner) for name in pointers for owner in self.universe))

    def closed(self, pointers: Sequence[str]) -> Term:
        """That these variables lead to nobody out of the universe."""
        there = (self.world.nobody, *self.universe)
        led = (self.read(name, owner) for name in pointers for owner in self.universe)
        return z3.And([z3.Or([target == owner for owner in there]) for target in led])

    def after(self, effect: Mapping[str, Expr], actor: Term) -> View:
        """The state after a step of ``actor`` (bound in this view): what is not listed stays."""
        changed = {name: self.of(value) for name, value in effect.items()}
        shared = {name: changed.get(name, value) for name, value in self.shared.items()}

        def read(name: str, owner: Term) -> Term:
            before = self.read(name, owner)
            if name not in changed:
                return before
            # Most often the reader is the actor itself, seen without a solver.
            return changed[name] if z3.eq(owner, actor) else z3.If(owner == actor, changed[name], before)

        return replace(self, shared=shared, read=_remembered(read))


def names(literals: Iterable[Term]) -> frozenset[str]:
    """Of constants, as an unsatisfiable core has them."""
    return frozenset(each.decl().name() for each in literals)


def number(value: Term, sort: Sort) -> int:
    """The integer that stands for a value of a sort (not of NODE) everywhere else."""
    if sort.members:
        return [_member(sort.name, member) for member in sort.members].index(value.decl().name())
    return int(z3.is_true(value)) if sort == BOOL else int(value.as_long())


def existing(expr: Expr, stated: Collection[bool] = (True,), every: Collection[bool] = ()) -> int:
    """How many servers an expression says there are, beyond those it names.

    ``stated``: whether it is taken to be true (True), false (False: then a ``forall`` says that one exists),
    or either; ``every``: in which of these cases it is said of every server.

    Raises:
        Unsaid: it says that there is a server for every server.
    """
    match expr.op:
        case "exists" | "forall":
            exists = {case for case in stated if case == (expr.op == "exists")}
            if exists & set(every):
                raise Unsaid(f"says of every server that there is another for it: {expr}")
            inner = existing(expr.args[0], stated, {*every, *stated} - exists)
            return bool(exists) + inner
        case "define":
            return existing(expr.args[0], stated, every)
        case "not":
            return existing(expr.args[0], {not case for case in stated}, {not case for case in every})
        case "and" | "or":
            return sum(existing(arg, stated, every) for arg in expr.args)
    # What stands within a term or a comparison may turn out either way.
    either = (True, False)
    return sum(existing(arg, either, either if every else ()) for arg in expr.args)


def spoken_of(claim: Expr) -> int:
    """Of how many servers a claim is said: the ``forall`` with which it begins."""
    return 1 + spoken_of(claim.args[0]) if claim.op == "forall" else 0


def negated(view: View, claim: Expr, witnesses: Sequence[Term]) -> Term:
    """That a claim fails: the servers over which it says ``forall`` first are the witnesses.

    Raises:
        ValueError: it speaks of more servers than there are witnesses.
    """
    context = view.world.context
    there: list[Term] = []
    while claim.op == "forall":
        if len(there) == len(witnesses):
            raise ValueError(f"speaks of more servers than the {len(witnesses)} that may fail it: {claim}")
        witness = witnesses[len(there)]
        there.append(_differ(context, witness, view.world.nobody))
        view, claim = view.binding(claim.name, witness), claim.args[0]
    return _and(context, *there, _not(context, view.of(claim)))

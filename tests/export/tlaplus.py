"""The part of TLA+ that exports are written in, evaluated from tree-sitter's parse of the text.

It knows nothing of tsofence: what it finds is what the text says.  Next states are enumerated as TLC does
it: each disjunct of an action, in operators too, is a step of its own.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import tree_sitter_tlaplus
from tree_sitter import Language, Node, Parser

State = dict[str, Any]
#: bound names, a state and the next one (as far as it is known) to a value
Value = Callable[[State, State, State], Any]
#: the same to all next states that there may be
Steps = Callable[[State, State, State], Iterator[State]]

with warnings.catch_warnings():  # the grammar hands over a pointer as older releases took it
    warnings.simplefilter("ignore", DeprecationWarning)
    _PARSER = Parser(Language(tree_sitter_tlaplus.language()))

_INFIX: dict[str, Callable[[Any, Any], Any]] = {
    "cup": lambda a, b: a | b,
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "leq": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "geq": lambda a, b: a >= b,
    "plus": lambda a, b: a + b,
    "minus": lambda a, b: a - b,
    "in": lambda a, b: a in b,
    "notin": lambda a, b: a not in b,
    "dots_2": lambda a, b: range(a, b + 1),
}


class Function(dict[Any, Any]):
    """A function, which is a value like any other."""

    def __hash__(self) -> int:  # type: ignore[override]  # a dictionary has none
        return hash(frozenset(self.items()))


@dataclass(frozen=True)
class Functions:
    """The set of all functions from one set to another."""

    domain: frozenset[Any]
    codomain: Any

    def __contains__(self, value: object) -> bool:
        return (
            isinstance(value, Function)
            and value.keys() == self.domain
            and all(v in self.codomain for v in value.values())
        )

    def __iter__(self) -> Iterator[Function]:
        for values in product(self.codomain, repeat=len(self.domain)):
            yield Function(zip(self.domain, values, strict=True))


@dataclass(frozen=True)
class Integers:
    """All integers from there on."""

    least: float

    def __contains__(self, value: object) -> bool:
        return type(value) is int and value >= self.least


def parse(text: str) -> Node:
    """The syntax tree of a module.

    Raises:
        SyntaxError: with the place of what is no TLA+.
    """
    root = _PARSER.parse(text.encode()).root_node
    for node in _wrong(root):
        raise SyntaxError(f"line {node.start_point[0] + 1}: {text.splitlines()[node.start_point[0]]}")
    return root


def _wrong(node: Node) -> Iterator[Node]:
    if node.type == "ERROR" or node.is_missing:
        yield node
    elif node.has_error:
        for child in node.children:
            yield from _wrong(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _parts(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type != "comment"]


def _all(node: Node, name: str) -> list[Node]:
    return [child for child in node.children_by_field_name(name) if child.is_named]


def _of(node: Node, name: str) -> Node:
    return _all(node, name)[0]


@dataclass
class Found:
    """What a search found: distinct states, states generated, levels, and the steps to each violation."""

    states: int
    generated: int
    depth: int
    violated: dict[str, int] = field(default_factory=dict)


class Model:
    """A module with a configuration of TLC."""

    def __init__(self, module: str, configuration: str) -> None:
        self.variables: list[str] = []
        self._operators: dict[str, tuple[list[str], Node]] = {}
        self._values: dict[str, Value] = {}
        self._constants: dict[str, Any] = {}
        self._root = parse(module)
        self._define(self._root)
        said = [line.partition("\\*")[0].strip() for line in configuration.splitlines()]
        for line in said:
            if name := re.fullmatch(r"(\w+) = (.+)", line):
                node = parse(f"---- MODULE M ----\nV == {name[2]}\n====")
                (definition,) = (n for n in _parts(_parts(node)[0]) if n.type == "operator_definition")
                self._constants[name[1]] = self._value(_of(definition, "definition"))({}, {}, {})
        self.properties = [line.split()[1] for line in said if line.startswith("PROPERTY ")]
        self.invariants = [line.split()[1] for line in said if line.startswith("INVARIANT ")]
        self.view = next((line.split()[1] for line in said if line.startswith("VIEW ")), "vars")

    def _define(self, node: Node) -> None:
        for child in _parts(node):
            match child.type:
                case "module":
                    self._define(child)
                case "variable_declaration":
                    self.variables += map(_text, _parts(child))
                case "operator_definition":
                    names = [_text(each) for each in _all(child, "parameter")]
                    assert _text(_of(child, "name")) not in self._operators
                    self._operators[_text(_of(child, "name"))] = names, _of(child, "definition")

    # --- values -----------------------------------------------------------------------------------

    def _operator(self, name: str) -> Value:
        if name not in self._values:
            self._values[name] = self._value(self._operators[name][1])
        return self._values[name]

    def _value(self, node: Node) -> Value:
        parts = _parts(node)
        match node.type:
            case "string":
                text = re.sub(r"\\(.)", r"\1", _text(node)[1:-1])
                return lambda e, s, t: text
            case "nat_number":
                number = int(_text(node))
                return lambda e, s, t: number
            case "boolean":
                truth = _text(node) == "TRUE"
                return lambda e, s, t: truth
            case "boolean_set":
                return lambda e, s, t: frozenset({False, True})
            case "nat_number_set":
                return lambda e, s, t: Integers(0)
            case "int_number_set":
                return lambda e, s, t: Integers(float("-inf"))
            case "identifier_ref":
                return self._name(_text(node))
            case "prev_func_val":
                return lambda e, s, t: e["@"]
            case "parentheses":
                return self._value(parts[0])
            case "if_then_else":
                test, then, other = (self._value(_of(node, each)) for each in ("if", "then", "else"))
                return lambda e, s, t: then(e, s, t) if test(e, s, t) else other(e, s, t)
            case "conj_list":
                every = [self._value(_parts(item)[1]) for item in parts]
                return lambda e, s, t: all(each(e, s, t) for each in every)
            case "disj_list":
                every = [self._value(_parts(item)[1]) for item in parts]
                return lambda e, s, t: any(each(e, s, t) for each in every)
            case "tuple_literal":
                every = [self._value(each) for each in parts[1:-1]]
                return lambda e, s, t: tuple(each(e, s, t) for each in every)
            case "finite_set_literal":
                every = [self._value(each) for each in parts]
                return lambda e, s, t: frozenset(each(e, s, t) for each in every)
            case "record_literal":
                fields = [
                    (_text(name), self._value(of)) for name, of in zip(parts[::3], parts[2::3], strict=True)
                ]
                return lambda e, s, t: Function((name, of(e, s, t)) for name, of in fields)
            case "set_of_functions":
                domain, codomain = self._value(parts[0]), self._value(parts[2])
                return lambda e, s, t: Functions(domain(e, s, t), codomain(e, s, t))
            case "function_evaluation":
                function, *arguments = map(self._value, parts)
                (argument,) = arguments
                return lambda e, s, t: function(e, s, t)[argument(e, s, t)]
            case "function_literal":
                return self._function(parts)
            case "bounded_quantification":
                choices, body = self._choices(node), self._value(_of(node, "expression"))
                how = any if _of(node, "quantifier").type == "exists" else all
                return lambda e, s, t: how(body(chosen, s, t) for chosen in choices(e, s, t))
            case "except":
                return self._except(node)
            case "bound_op":
                return self._call(node)
            case "bound_prefix_op" | "bound_postfix_op" | "bound_infix_op":
                return self._applied(node)
        raise NotImplementedError(f"{node.type}: {_text(node)}")

    def _name(self, name: str) -> Value:
        if name in self.variables:
            return lambda e, s, t: s[name]
        if name in self._operators:
            return lambda e, s, t: self._operator(name)({}, s, t)
        if name in self._constants:
            return lambda e, s, t: self._constants[name]
        return lambda e, s, t: e[name]

    def _function(self, parts: list[Node]) -> Value:
        *bounds, _, body = parts
        names = [_text(_of(bound, "intro")) for bound in bounds]
        sets, of = [self._value(_of(bound, "set")) for bound in bounds], self._value(body)

        def value(e: State, s: State, t: State) -> Function:
            made = Function()
            for keys in product(*(each(e, s, t) for each in sets)):
                made[keys if len(keys) > 1 else keys[0]] = of(
                    {**e, **dict(zip(names, keys, strict=True))}, s, t
                )
            return made

        return value

    def _choices(self, node: Node) -> Callable[[State, State, State], Iterator[State]]:
        bounds = _all(node, "bound")
        names = [_text(_of(bound, "intro")) for bound in bounds]
        sets = [self._value(_of(bound, "set")) for bound in bounds]

        def choices(e: State, s: State, t: State) -> Iterator[State]:
            for values in product(*(each(e, s, t) for each in sets)):
                yield {**e, **dict(zip(names, values, strict=True))}

        return choices

    def _except(self, node: Node) -> Value:
        (update,) = (each for each in _parts(node) if each.type == "except_update")
        path = [self._value(_parts(each)[0]) for each in _parts(_of(update, "update_specifier"))]
        old, new = self._value(_of(node, "expr_to_update")), self._value(_of(update, "new_val"))

        def put(function: Function, keys: list[Any], e: State, s: State, t: State) -> Function:
            assert keys[0] in function
            before = function[keys[0]]
            after = put(before, keys[1:], e, s, t) if keys[1:] else new({**e, "@": before}, s, t)
            return Function({**function, keys[0]: after})

        return lambda e, s, t: put(old(e, s, t), [key(e, s, t) for key in path], e, s, t)

    def _call(self, node: Node) -> Value:
        name = _text(_of(node, "name"))
        names, arguments = self._operators[name][0], self._arguments(node)
        return lambda e, s, t: self._operator(name)(
            {n: of(e, s, t) for n, of in zip(names, arguments, strict=True)}, s, t
        )

    def _arguments(self, node: Node) -> list[Value]:
        return [self._value(each) for each in _all(node, "parameter")]

    def _applied(self, node: Node) -> Value:
        sign = _of(node, "symbol").type
        if sign == "prime":
            name = _text(_of(node, "lhs"))
            return lambda e, s, t: t[name]
        if sign == "always":
            action, variables = map(self._value, _parts(_of(node, "rhs")))
            return lambda e, s, t: variables(e, s, t) == variables(e, t, t) or action(e, s, t)
        right = self._value(_of(node, "rhs"))
        match sign:
            case "lnot":
                return lambda e, s, t: not right(e, s, t)
            case "negative":
                return lambda e, s, t: -right(e, s, t)
            case "unchanged":
                return lambda e, s, t: right(e, s, t) == right(e, t, t)
        left = self._value(_of(node, "lhs"))
        match sign:
            case "land":
                return lambda e, s, t: left(e, s, t) and right(e, s, t)
            case "lor":
                return lambda e, s, t: left(e, s, t) or right(e, s, t)
            case "implies":
                return lambda e, s, t: not left(e, s, t) or right(e, s, t)
        how = _INFIX[sign]
        return lambda e, s, t: how(left(e, s, t), right(e, s, t))

    # --- steps ------------------------------------------------------------------------------------

    def _steps(self, node: Node, *, first: bool = False) -> Steps:
        """The next states that an action allows; ``first``: the states that a predicate allows."""
        parts = _parts(node)
        sign = _of(node, "symbol").type if node.type == "bound_infix_op" else ""
        match node.type:
            case "parentheses":
                return self._steps(parts[0], first=first)
            case "conj_list":
                return _one_by_one([self._steps(_parts(item)[1], first=first) for item in parts])
            case "disj_list":
                return _either([self._steps(_parts(item)[1], first=first) for item in parts])
            case "bound_infix_op" if sign in ("land", "lor"):
                both = [self._steps(_of(node, side), first=first) for side in ("lhs", "rhs")]
                return _one_by_one(both) if sign == "land" else _either(both)
            case "bounded_quantification" if _of(node, "quantifier").type == "exists":
                choices, body = self._choices(node), self._steps(_of(node, "expression"), first=first)
                return lambda e, s, t: (found for chosen in choices(e, s, t) for found in body(chosen, s, t))
            case "bound_op" if _text(_of(node, "name")) in self._operators:
                names, meaning = self._operators[_text(_of(node, "name"))]
                arguments, inner = self._arguments(node), self._steps(meaning, first=first)
                return lambda e, s, t: inner(
                    {n: of(e, s, t) for n, of in zip(names, arguments, strict=True)}, s, t
                )
            case "identifier_ref" if _text(node) in self._operators:
                return self._steps(self._operators[_text(node)][1], first=first)
            case "bound_infix_op" if sign in ("eq", "in"):
                left, right = _of(node, "lhs"), self._value(_of(node, "rhs"))
                name = _text(left).removesuffix("'")
                if (name in self.variables) and (first or left.type == "bound_postfix_op"):
                    return _assigned(name, right if sign == "in" else lambda e, s, t: (right(e, s, t),))
            case "bound_prefix_op" if _of(node, "symbol").type == "unchanged":
                names = self._leaves(_of(node, "rhs"))
                return lambda e, s, t: iter([{**t, **{name: s[name] for name in names}}])
        holds = self._value(node)
        return lambda e, s, t: iter([t] if holds(e, s, t) else [])

    def _leaves(self, node: Node) -> list[str]:
        """The variables of a tuple of variables and such tuples."""
        if node.type == "identifier_ref":
            name = _text(node)
            return [name] if name in self.variables else self._leaves(self._operators[name][1])
        return [name for each in _parts(node)[1:-1] for name in self._leaves(each)]

    def search(self) -> Found:
        """Every state, breadth first, as TLC does it with one worker."""
        begins, goes_on = (
            self._steps(self._operators["Init"][1], first=True),
            self._steps(self._operators["Next"][1]),
        )
        view = self._operator(self.view)
        rules = {name: self._operator(name) for name in self.properties}
        types = [self._operator(name) for name in self.invariants]
        found = Found(0, 0, 0)
        seen: set[Any] = set()

        def new(states: Iterator[State]) -> Iterator[State]:
            for state in states:
                assert state.keys() == set(self.variables), set(self.variables) ^ state.keys()
                found.generated += 1
                key = view({}, state, state)
                if key not in seen:
                    seen.add(key)
                    assert all(holds({}, state, state) for holds in types)
                    yield state

        def checked(state: State) -> Iterator[State]:
            for after in goes_on({}, state, {}):
                for name in [name for name, holds in rules.items() if not holds({}, state, after)]:
                    found.violated[name] = found.depth
                    del rules[name]
                yield after

        level = list(new(begins({}, {}, {})))
        while level:
            found.depth += 1
            level = [after for state in level for after in new(checked(state))]
        found.states = len(seen)
        return found


def _one_by_one(steps: list[Steps]) -> Steps:
    first, *others = steps
    if not others:
        return first
    then = _one_by_one(others)
    return lambda e, s, t: (found for between in first(e, s, t) for found in then(e, s, between))


def _either(steps: list[Steps]) -> Steps:
    return lambda e, s, t: (found for each in steps for found in each(e, s, t))


def _assigned(name: str, values: Value) -> Steps:
    def steps(e: State, s: State, t: State) -> Iterator[State]:
        for value in values(e, s or t, t):
            if name not in t:
                yield {**t, name: value}
            elif t[name] == value:
                yield t

    return steps


def values(trace: Mapping[str, Any]) -> list[State]:
    """The states of a trace in Apalache's format, as values."""

    def value(given: Any) -> Any:
        match given:
            case {"#bigint": str(digits)}:
                return int(digits)
            case {"#map": list(pairs)}:
                return Function((value(key), value(of)) for key, of in pairs)
        return given

    return [{name: value(state[name]) for name in trace["vars"]} for state in trace["states"]]

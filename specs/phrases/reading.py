"""What somebody typed as a condition over states: read with a grammar, in the names that the model has.

Nothing of it is ever run, and whatever is wrong with it is one line that says where.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from typing import NoReturn

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from ...model.language.expr import (
    BOOL,
    DURATION,
    FALSE,
    INT,
    NODE,
    NOW,
    TIME,
    TRUE,
    Expr,
    Sort,
    SortError,
    both,
    either,
    implies,
    negate,
    server,
)
from ...model.language.transition import SELF
from .names import KINDS, Names, said_of

#: of a condition: letters, brackets and the like inside each other, quantifiers inside each other
MAX_LETTERS, MAX_DEPTH, MAX_QUANTIFIERS = 1_000, 100, 3
_FEW = 12

_GRAMMAR = r"""
?start: implication
?implication: disjunction | disjunction "implies" implication -> implies
?disjunction: conjunction | conjunction ("or" conjunction)+ -> or_
?conjunction: negation | negation ("and" negation)+ -> and_
?negation: comparison | "not" negation -> not_ | QUANTIFIER NAME ["in" NAME] ":" implication -> quantified
?comparison: sum | sum (COMPARE sum)+ -> compared
?sum: part | sum SIGN part -> sum
?part: NUMBER -> number | SIGN NUMBER -> number | _name | "(" implication ")"
     | _name "." NAME -> of | NAME "[" _name "]" -> said | NAME "(" _name ")" -> said
_name: NAME | QUOTED
QUANTIFIER.2: /(any|all|exists|forall)\b/
COMPARE: "==" | "!=" | "<=" | ">=" | "<" | ">"
SIGN: "+" | "-"
NUMBER: /[0-9]+/
NAME: /[A-Za-z_][A-Za-z_0-9]*/
QUOTED: /"[^"]*"/
%ignore /[ \t\n]+/
"""
#: of other languages
_INSTEAD = {"=": "==", "&": "and", "|": "or", "!": "not, or !=", "'": 'double quotes, as in "pd-0"'}
_EXAMPLE = "a condition such as pd1.role == leader and primary != none"
_PLAIN = {"true": TRUE, "false": FALSE, "now": NOW}

_Node = Tree[Token] | Token


class PhraseError(ValueError):
    """What was typed is no condition over states; the message is one line and says in which column."""


@cache
def _grammar() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def read(text: str, names: Names) -> Expr:
    """The condition that was typed, in the words of a system.

    Raises:
        PhraseError: it is none.
    """
    if len(text) > MAX_LETTERS:
        raise PhraseError(
            f"expected a condition of at most {MAX_LETTERS} letters, got {len(text)}; shorten it"
        )
    try:
        tree = _grammar().parse(text)
    except UnexpectedInput as error:
        raise PhraseError(_unexpected(error, text)) from None
    _bounded(tree)
    return _Reading(names).condition(tree)


def _unexpected(error: UnexpectedInput, text: str) -> str:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return f"column {len(text) + 1}: expected more, {_EXAMPLE}"
    at: int = error.pos_in_stream  # type: ignore[assignment]  # lark declares it as None
    odd = text[at]
    hint = f"write {_INSTEAD[odd]}" if odd in _INSTEAD else f"expected {_EXAMPLE}"
    return f"column {at + 1}: {text[at : at + 12]!r} does not belong there; {hint}"


def _bounded(tree: _Node) -> None:
    """That it is not nested too deeply for what walks it.

    Raises:
        PhraseError: it is.
    """
    if isinstance(tree, Token):
        return
    depth: dict[int, int] = {}
    quantifiers: dict[int, int] = {}
    for part in tree.iter_subtrees():  # from the leaves up
        inner = [id(each) for each in part.children if isinstance(each, Tree)]
        depth[id(part)] = 1 + max((depth[each] for each in inner), default=0)
        nested = max((quantifiers[each] for each in inner), default=0)
        quantifiers[id(part)] = nested + (part.data == "quantified")
        if depth[id(part)] > MAX_DEPTH:
            _fail(part, f"expected at most {MAX_DEPTH} brackets, negations and the like inside each other")
        if quantifiers[id(part)] > MAX_QUANTIFIERS:
            _fail(part, f"expected at most {MAX_QUANTIFIERS} of any and all inside each other")


def _column(node: _Node) -> int:
    at = node.column if isinstance(node, Token) else node.meta.column
    return at or 1


def _fail(node: _Node, message: str) -> NoReturn:
    raise PhraseError(f"column {_column(node)}: {message}")


class _Reading:
    def __init__(self, names: Names) -> None:
        self._names = names
        #: the servers that quantifiers speak of, by the names that they were given
        self._bound: dict[str, Expr] = {}

    # --- conditions ----------------------------------------------------------------------------------

    def condition(self, node: _Node) -> Expr:
        """A part that has to be true or false."""
        found = self._value(node, BOOL)
        if found.sort is not BOOL:
            example = f"; compare it, as in … == {found.sort.members[0]}" if found.sort.members else ""
            _fail(node, f"expected a condition, not a {found.sort}{example}")
        return found

    def _junction(self, node: Tree[Token]) -> Expr:
        parts = [self.condition(each) for each in node.children]
        return both(*parts) if node.data == "and_" else either(*parts)

    def _quantified(self, node: Tree[Token]) -> Expr:
        quantifier, name, *kinds, body = node.children
        if self._names.is_taken(str(name)) or name in self._bound:
            _fail(name, f"{str(name)!r} means something already; choose another name for the servers")
        for kind in kinds:
            if kind not in KINDS:
                _fail(kind, f"expected {' or '.join(KINDS)} after in, not {str(kind)!r}")
        # the acting server of transitions has a name that nobody may take
        own = f"{name}_" if name == SELF.name else str(name)
        one = Expr("bound", NODE, name=own)
        self._bound[str(name)] = one
        said = self.condition(body)
        del self._bound[str(name)]
        some = quantifier in ("any", "exists")
        for kind in kinds:
            is_tso = said_of(self._names.of_server["is_tso"], SELF.name, one)
            of_kind = is_tso if kind == "tso" else negate(is_tso)
            said = both(of_kind, said) if some else implies(of_kind, said)
        return Expr("exists" if some else "forall", BOOL, (said,), name=own)

    def _compared(self, node: Tree[Token]) -> Expr:
        sides, signs = node.children[::2], node.children[1::2]
        found = []
        for left, sign, right in zip(sides, signs, sides[1:], strict=False):
            found.append(self._comparison(left, str(sign), right))
        return both(*found)

    def _comparison(self, left: _Node, sign: str, right: _Node) -> Expr:
        # a word that stands alone means what the other side may be; a number is what it is compared with
        if self._waits(left) and not (self._waits(right) and not self._open(left)):
            other = self._value(right, None)
            one = self._value(left, other.sort)
        else:
            one = self._value(left, None)
            other = self._value(right, one.sort)
        try:
            match sign:
                case "==":
                    return one == other
                case "!=":
                    return one != other
                case "<":
                    return one < other
                case "<=":
                    return one <= other
                case ">":
                    return one > other
            return one >= other
        except SortError:
            _fail(left, self._unlike(one.sort, sign, other.sort))

    def _unlike(self, one: Sort, sign: str, other: Sort) -> str:
        if one == other:
            return f"expected == or != between {one}s, which have no order, not {sign}"
        return f"expected two of a kind to compare, not a {one} with a {other}"

    # --- values --------------------------------------------------------------------------------------

    def _waits(self, node: _Node) -> bool:
        """Does it depend on the other side what it is?"""
        return isinstance(node, Token) or self._open(node)

    def _open(self, node: _Node) -> bool:
        """Can only the other side say what it is?"""
        if isinstance(node, Tree):
            return node.data == "number"
        name = str(node)
        return name not in _PLAIN and name not in self._names.of_cluster and self._server(node) is None

    def _value(self, node: _Node, like: Sort | None) -> Expr:
        """A value; ``like``: of which sort it is expected to be."""
        if isinstance(node, Token):
            return self._word(node, like)
        match node.data:
            case "number":
                return self._number(node, like)
            case "not_":
                return negate(self.condition(node.children[0]))
            case "and_" | "or_":
                return self._junction(node)
            case "implies":
                premise, conclusion = map(self.condition, node.children)
                return implies(premise, conclusion)
            case "quantified":
                return self._quantified(node)
            case "compared":
                return self._compared(node)
            case "sum":
                return self._sum(node, like)
            case "of":
                return self._of(node.children[0], node.children[1])
        return self._of(node.children[1], node.children[0])  # said: serving(pd1), role[pd1]

    def _word(self, node: Token, like: Sort | None) -> Expr:
        name = str(node)
        if like is not None and name in like.members:
            return Expr("literal", like, value=like.members.index(name))
        if name == "none" and like in (NODE, TIME):
            return Expr("literal", like)
        found = {**self._names.of_cluster, **_PLAIN}.get(name, self._server(node))
        if found is not None:
            return found
        if name in self._names.of_server:
            _fail(node, f"{name!r} is of a server: write {self._example()}.{name}, or any s: s.{name}")
        if like is not None and like.members:
            raise self._unknown(node, f"a {like}", like.members)
        if name == "none" or self._names.members(name):
            _fail(node, f"{name!r} is a value: write what has it, such as {self._example()}.role == leader")
        raise self._unknown(
            node, "a variable or a server", [*self._servers(), *self._names.of_cluster, "now"]
        )

    def _number(self, node: Tree[Token], like: Sort | None) -> Expr:
        *sign, digits = map(str, node.children)
        if len(digits) > 9:
            _fail(node, "expected a number of at most 9 digits")
        if like is TIME:
            _fail(node, "a point in time is no number: compare it with another one, or with now - 3, or none")
        value = -int(digits) if sign == ["-"] else int(digits)
        return Expr("literal", DURATION if like is DURATION else INT, value=value)

    def _sum(self, node: Tree[Token], like: Sort | None) -> Expr:
        left, sign, right = node.children
        if self._open(left):
            # `1 + x` is what x is
            other = self._value(right, like)
            one = self._value(left, other.sort)
        else:
            one = self._value(left, like)
            other = self._value(right, DURATION if one.sort is TIME and self._open(right) else one.sort)
        try:
            return one + other if sign == "+" else one - other
        except SortError:
            _fail(node, f"a {one.sort} {sign} a {other.sort} means nothing")

    # --- servers -------------------------------------------------------------------------------------

    def _servers(self) -> tuple[str, ...]:
        return (*self._names.servers, *self._bound)

    def _example(self) -> str:
        return self._names.servers[0]

    def _server(self, node: Token) -> Expr | None:
        """The server of that name."""
        name = str(node)
        if node.type == "QUOTED":
            name = name[1:-1]
        elif name in self._bound:
            return self._bound[name]
        return server(self._names.servers.index(name) + 1) if name in self._names.servers else None

    def _of(self, whose: _Node, what: _Node) -> Expr:
        """Something of a server."""
        if not isinstance(whose, Token) or not isinstance(what, Token):
            _fail(whose, "expected the name of a server")
        name, owner = str(what), self._server(whose)
        if owner is None:
            key = self._names.of_cluster.get(str(whose))
            if key is not None and key.sort is NODE:
                _fail(whose, f"{whose} may be nobody: write any s: {whose} == s and s.{name}")
            raise self._unknown(whose, "a server", self._servers())
        said = self._names.of_server.get(name)
        if said is not None:
            return said_of(said, SELF.name, owner)
        having = self._names.members(name)
        if len(having) == 1:  # pd1.leader
            value = having[0].sort.members.index(name)
            return replace(having[0], args=(owner,)) == Expr("literal", having[0].sort, value=value)
        if having:
            ways = [f"{whose}.{each.name} == {name}" for each in having]
            _fail(what, f"{name!r} may be several things: write {' or '.join(ways)}")
        if self._names.of_cluster.get(name, TRUE).sort is NODE:
            _fail(what, f"{name!r} is no variable of a server: write {name} == {whose}")
        values = [value for each in self._names.of_server.values() for value in each.sort.members]
        raise self._unknown(what, "a variable of a server", [*self._names.of_server, *values])

    def _unknown(self, node: _Node, what: str, there: Iterable[str]) -> PhraseError:
        known: Sequence[str] = list(there)
        near = get_close_matches(str(node), known, 1)
        few = f"{', '.join(known[:_FEW])}{', …' if len(known) > _FEW else ''}"
        hint = f"did you mean {near[0]}?" if near else f"there are {few}"
        return PhraseError(f"column {_column(node)}: expected {what}, not {str(node)!r}; {hint}")

"""Conditions over states as people type them: what is read, what is refused and how, and printed again."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsofence.checker.reductions.candidates import alike
from tsofence.model.language.expr import (
    BOOL,
    DURATION,
    INT,
    NODE,
    NOW,
    TIME,
    Expr,
    both,
    either,
    exists,
    forall,
    negate,
    server,
)
from tsofence.model.language.transition import SELF
from tsofence.model.variants import fences
from tsofence.specs import scenario
from tsofence.specs.phrases.names import Names, names, said_of
from tsofence.specs.phrases.reading import MAX_LETTERS, PhraseError, read
from tsofence.specs.phrases.spelling import spelled

from .worlds import TINY

EXAMPLE = "a condition such as pd1.role == leader and primary != none"
TAKEN = "means something already; choose another name for the servers"
NESTED = "inside each other"
#: of what conditions are made, and what is near it
PIECES = (
    'pd1 tso1 role leader . == < ( ) [ ] any all s : in tso and or not implies none now 3 - serving "pd1"'
)


@cache
def words(*servers: str) -> Names:
    made = scenario.parse(TINY, "tiny", "tiny.toml").configuration(fences.parse("check-tso-primary"))
    return names(made.vocabulary, made.transitions, servers or ("pd1", "tso1"))


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        (
            "pd1.leader and tso1.serving and pd1.physical > tso1.physical",
            "pd1.role == leader and tso1.serving and tso1.physical < pd1.physical",
        ),
        ("any s: serving(s)", "any s: s.serving"),
        ("exists s: role[s] == leader", "any s: s.role == leader"),
        ("any s in tso: s.serving", "any s: s.is_tso and s.serving"),
        ("all s in pd: s.lease == kept", "all s: s.is_tso or s.lease == kept"),
        ("pd1.promoted implies noted", "not pd1.promoted or noted"),
        ("leader == pd1.role", "leader == pd1.role"),
        ("leader == pd1", "leader == pd1"),
        ("pd1 == leader", "pd1 == leader"),
        ("none != primary", "none != primary"),
        ("timestamp == none or pd1.job == none", "timestamp == none or pd1.job == none"),
        ("now - 2 <= pd1.physical < now + 3", "now - 2 <= pd1.physical and pd1.physical < now + 3"),
        ("1 < pd1.logical", "1 < pd1.logical"),
        ("-1 <= pd1.skew", "-1 <= pd1.skew"),
        ("timestamp - pd1.physical > 2", "2 < timestamp - pd1.physical"),
        ("not (pd1.serving or noted)", "not (pd1.serving or noted)"),
        ("((pd1.serving))", "pd1.serving"),
        ("any n: n.asked_by_library", "any n_: n_.asked_by_library"),
        (
            "pd1.new_window <= timestamp and pd1.window > guard",
            "pd1.new_window <= timestamp and guard < pd1.window",
        ),
        # what a quantifier is about goes on to the end
        ("noted and any s: s.serving or noted", "noted and (any s: s.serving or noted)"),
    ],
)
def test_what_is_typed_is_printed_so_that_it_may_be_typed_again(typed: str, printed: str) -> None:
    found = read(typed, words())
    assert spelled(found, words()) == printed
    assert alike(read(printed, words()), found)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("pd1.roel == leader", "column 5: expected a variable of a server, not 'roel'; did you mean role?"),
        ("pd1.leadr", "column 5: expected a variable of a server, not 'leadr'; did you mean leader?"),
        ("pd1.role == leeder", "column 13: expected a Role, not 'leeder'; did you mean leader?"),
        ("pd2.role == leader", "column 1: expected a server, not 'pd2'; did you mean pd1?"),
        ("pd1.role = leader", "column 10: '= leader' does not belong there; write =="),
        ("pd1.serving && noted", "column 13: '&& noted' does not belong there; write and"),
        ("pd1.role", "column 1: expected a condition, not a Role; compare it, as in … == follower"),
        ("role == leader", "column 1: 'role' is of a server: write pd1.role, or any s: s.role"),
        (
            "pd1.read",
            "column 5: 'read' may be several things: write pd1.stage == read or pd1.client_stage == read",
        ),
        ("tso1.primary", "column 6: 'primary' is no variable of a server: write primary == tso1"),
        ("primary.serving", "column 1: primary may be nobody: write any s: primary == s and s.serving"),
        (
            "pd1.physical > 3",
            "column 16: a point in time is no number: compare it with another one, or with now - 3, or none",
        ),
        ("pd1.physical > pd1.logical", "column 1: expected two of a kind to compare, not a Time with a Int"),
        ("leader < primary", "column 1: expected == or != between Nodes, which have no order, not <"),
        ("timestamp + timestamp == now", "column 1: a Time + a Time means nothing"),
        ("any leader: noted", f"column 5: 'leader' {TAKEN}"),
        ("any s: any s: noted", f"column 12: 's' {TAKEN}"),
        ("any s in pds: noted", "column 10: expected pd or tso after in, not 'pds'"),
        ("any a: any b: any c: any d: noted", f"column 1: expected at most 3 of any and all {NESTED}"),
        (
            "not " * 150 + "noted",
            f"column 197: expected at most 100 brackets, negations and the like {NESTED}",
        ),
        ("(" * 400, f"column 401: expected more, {EXAMPLE}"),
        ("", f"column 1: expected more, {EXAMPLE}"),
        ("noted and", f"column 10: expected more, {EXAMPLE}"),
        ("x" * (MAX_LETTERS + 1), "expected a condition of at most 1000 letters, got 1001; shorten it"),
        ("pd1.logical > 99999999999", "column 15: expected a number of at most 9 digits"),
        ("none", "column 1: 'none' is a value: write what has it, such as pd1.role == leader"),
        (
            "__import__('os')",
            """column 12: "'os')" does not belong there; write double quotes, as in "pd-0\"""",
        ),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where(typed: str, told: str) -> None:
    with pytest.raises(PhraseError) as error:
        read(typed, words())
    assert str(error.value) == told


@settings(max_examples=100)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(PIECES.split()),
            max_size=20,
        ).map(" ".join),
    )
)
def test_whatever_is_typed_is_read_or_refused_in_one_line(typed: str) -> None:
    found, told = None, ""
    try:
        found = read(typed, words())
    except PhraseError as error:
        told = str(error)
    assert "\n" not in told
    assert found is None or alike(read(spelled(found, words()), words()), found)


def test_servers_with_other_names_stand_in_quotes() -> None:
    of = words("pd-0", "leader", "10.0.1.5:2379")
    typed = '"pd-0".serving and primary == "10.0.1.5:2379" and "leader".role == leader'
    assert spelled(read(typed, of), of) == typed


def test_what_is_said_of_a_server_is_not_captured_by_what_it_says_of_others() -> None:
    elsewhere = exists(lambda m: both(Expr("==", BOOL, (m, SELF)), Expr("var", BOOL, name="noted")), "m")
    found = said_of(elsewhere, SELF.name, Expr("bound", NODE, name="m"))
    assert str(found) == "exists m_: ((m_ == m) and noted)"


_SERVERS = st.sampled_from([server(1), server(2)])


@st.composite
def owners(draw: st.DrawFn, bound: tuple[str, ...]) -> Expr:
    found: Expr = draw(st.one_of(_SERVERS, *(st.just(Expr("bound", NODE, name=name)) for name in bound)))
    return found


@st.composite
def values(draw: st.DrawFn, bound: tuple[str, ...]) -> tuple[Expr, Expr]:
    """Two values that may be compared."""
    of_server, of_cluster = words().of_server, words().of_cluster
    left = draw(st.sampled_from([*of_server.values(), *of_cluster.values(), NOW]))
    left = said_of(left, SELF.name, draw(owners(bound)))
    sort = left.sort
    alike_ones = [each for each in (*of_server.values(), *of_cluster.values()) if each.sort == sort]
    right = said_of(draw(st.sampled_from(alike_ones or [left])), SELF.name, draw(owners(bound)))
    if sort.members:
        right = Expr("literal", sort, value=draw(st.integers(0, len(sort.members) - 1)))
    elif sort is NODE:
        right = draw(st.one_of(owners(bound), st.just(Expr("literal", NODE)), st.just(right)))
    elif sort in (INT, DURATION) and draw(st.booleans()):
        right = Expr("literal", sort, value=draw(st.integers(-9, 99)))
    elif sort is TIME and draw(st.booleans()):
        right = draw(st.sampled_from([NOW + 2, NOW - 3, right - 1, Expr("literal", TIME)]))
    return (left, right) if draw(st.booleans()) else (right, left)


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3, bound: tuple[str, ...] = ()) -> Expr:
    """Conditions as the parser makes them: no double negation, no junction of one."""
    kind = draw(st.integers(0, 6)) if depth else 0
    inner = conditions(depth=depth - 1, bound=bound)
    if kind <= 1:
        left, right = draw(values(bound))
        if left.sort is BOOL and draw(st.booleans()):
            return left
        return left < right if left.sort in (TIME, INT, DURATION) and draw(st.booleans()) else left == right
    if kind == 2:
        return negate(draw(inner))
    if kind <= 4:
        parts = draw(st.lists(inner, min_size=2, max_size=3))
        return both(*parts) if kind == 3 else either(*parts)
    name = f"s{len(bound)}"
    said = draw(conditions(depth=depth - 1, bound=(*bound, name)))
    return (exists if kind == 5 else forall)(lambda _: said, name)


@settings(max_examples=100)
@given(conditions())
def test_the_printed_form_is_read_as_the_same_condition(condition: Expr) -> None:
    text = spelled(condition, words())
    if len(text) <= MAX_LETTERS:
        assert alike(read(text, words()), condition), text

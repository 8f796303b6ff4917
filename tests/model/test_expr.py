"""Expressions refuse what means nothing, where it is written."""

from __future__ import annotations

import pytest

from tsofence.model.language import expr as e
from tsofence.model.language.expr import SortError
from tsofence.model.language.transition import SELF, Step
from tsofence.model.pd import state as s


def test_has_no_truth_value() -> None:
    condition = s.leader == e.NOBODY
    with pytest.raises(TypeError, match="no truth value"):
        bool(condition)
    with pytest.raises(TypeError, match="both"):
        _ = condition and s.noted  # type: ignore[redundant-expr,unreachable]  # the mistake to catch
    with pytest.raises(TypeError, match="negate"):
        _ = not condition
    with pytest.raises(TypeError, match="no truth value"):
        _ = e.ZERO < s.timestamp < e.NOW
    with pytest.raises(TypeError):
        hash(condition)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda: s.timestamp + s.noted_physical, "Time \\+ Time means nothing.*add a Duration"),
        (lambda: s.GUARD - s.timestamp, "Duration - Time means nothing"),
        (lambda: s.LIMIT + s.GUARD, "Int \\+ Duration means nothing"),
        (lambda: s.timestamp < s.GUARD, "cannot compare Time with Duration"),
        (lambda: s.leader == s.noted, "cannot compare Node with Bool"),
        (lambda: s.leader < s.primary, "Node has no order"),
        (lambda: s.role[SELF] == s.JOB.none, "cannot compare Role with Job"),
        (lambda: s.timestamp == 0, "0 is not a Time"),
        (lambda: s.LIMIT == True, "True is not a Int"),  # noqa: E712  # an expression, not a truth
        (lambda: e.both(s.noted, s.timestamp), "expected Bool, got Time"),
        (lambda: e.ite(s.noted, s.timestamp, s.GUARD), "both branches need one sort"),
        (lambda: e.forall(lambda m: s.physical[m]), "expected Bool, got Time"),
        (lambda: Step({"a guard": s.timestamp}, {}), "guard 'a guard' is a Time"),
    ],
)
def test_refuses_mixed_sorts(write: object, says: str) -> None:
    assert callable(write)
    with pytest.raises(SortError, match=says):
        write()


def test_an_enumeration_knows_its_members() -> None:
    assert str(s.ROLE.leader) == "leader"
    with pytest.raises(AttributeError, match="Role has no member 'boss'; it has follower, leader"):
        _ = s.ROLE.boss


@pytest.mark.parametrize(
    ("expr", "sort", "text"),
    [
        (e.NOW - s.timestamp, e.DURATION, "(now - timestamp)"),
        (s.timestamp + 3, e.TIME, "(timestamp + 3)"),
        (s.GUARD < s.clock(SELF) - s.physical[SELF], e.BOOL, "(guard < ((now + skew[n]) - physical[n]))"),
        (s.timestamp > s.noted_physical, e.BOOL, "(noted_physical < timestamp)"),
        (s.timestamp >= s.noted_physical, e.BOOL, "(noted_physical <= timestamp)"),
        (s.leader != e.server(2), e.BOOL, "not ((leader == server 2))"),
        (e.negate(s.leader != e.NOBODY), e.BOOL, "(leader == none)"),
        (e.implies(s.noted, e.FALSE), e.BOOL, "(not (noted) or false)"),
        (e.ite(s.noted, s.timestamp, e.ZERO), e.TIME, "(timestamp if noted else 0)"),
        (e.exists(lambda m: s.leader == m), e.BOOL, "exists m: (leader == m)"),
    ],
)
def test_reads_as_written(expr: e.Expr, sort: e.Sort, text: str) -> None:
    assert (expr.sort, str(expr)) == (sort, text)


def test_walks_over_all_of_it() -> None:
    names = {part.name for part in s.serving(SELF).walk() if part.op == "field"}
    assert names == {"role", "lease", "lease_end"}

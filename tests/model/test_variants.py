"""Variants: what they change, where they do not fit, and that every fence is one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tsofence.model.behaviours import known as behaviours
from tsofence.model.behaviours import stale_delete
from tsofence.model.builds import known as builds
from tsofence.model.language.expr import (
    BOOL,
    FALSE,
    TIME,
    TRUE,
    Expr,
    SortError,
    both,
    named,
    negate,
    redefined,
    server,
)
from tsofence.model.language.python import Machine
from tsofence.model.language.transition import SELF, Kind, Step, transition
from tsofence.model.language.variant import Variant, VariantError
from tsofence.model.pd import save, system
from tsofence.model.pd import state as s
from tsofence.model.pd.state import CLIENTS, OWN
from tsofence.model.variants import fences
from tsofence.specs.scenario import load

ROOT = Path(__file__).resolve().parents[2]


def mine() -> Variant:
    return Variant("mine", "what I want")


def steps(variant: Variant) -> dict[str, Step]:
    return {each.name: each.step for each in system.transitions(variant)}


def test_off_changes_nothing() -> None:
    assert [each.rule for each in system.transitions(fences.parse("off"))] == list(system.RULES)
    for each in system.transitions(fences.parse("off")):
        assert {label: str(guard) for label, guard in each.step.guard.items()} == {
            label: str(guard) for label, guard in each.rule.step.guard.items()
        }


def test_a_guard_is_added_replaced_or_taken_away() -> None:
    variant = mine()
    variant.guard("commit", "it is allowed", TRUE)
    variant.guard("commit", "etcd answers", FALSE)
    variant.no_guard("commit", "election key is mine")
    guards = steps(variant)["commit"].guard
    assert "election key is mine" not in guards
    assert str(guards["it is allowed"]) == "true"
    assert str(guards["etcd answers"]) == "false"
    assert list(guards)[-1] == "it is allowed"


def test_an_effect_is_replaced_or_added() -> None:
    variant = mine()
    late = variant.per_server("late", BOOL)
    variant.effect("commit", {"timestamp": s.timestamp, "late": TRUE})
    effect = steps(variant)["commit"].effect
    assert (str(effect["timestamp"]), str(effect["late"])) == ("timestamp", "true")
    assert "physical" in effect
    assert str(late[SELF]) == "late[n]"
    assert "late" in system.vocabulary(variant).variables
    assert "late" not in system.vocabulary(fences.parse("off")).variables


def test_a_step_is_added_where_it_belongs_or_left_out() -> None:
    variant = mine()
    variant.no_step("revoke_lost")

    @variant.step(Kind.PD, after="campaign", budget="stop")
    def waits(n: Expr) -> Step:
        """It waits."""
        return Step({"is in API mode": s.api[n]}, {})

    found = system.transitions(variant)
    names = [each.name for each in found]
    assert names[:2] == ["campaign", "waits"]
    assert "revoke_lost" not in names
    assert (found[1].rule.meaning, found[1].rule.kind, found[1].rule.budget) == ("It waits.", Kind.PD, "stop")


def test_a_name_means_something_else_wherever_it_is_used() -> None:
    variant = mine()
    variant.define("serving", lambda before, n: both(before, s.primary == n))
    changed = steps(variant)
    guard = changed["grant"].guard["serving"]
    assert str(guard) == "serving[n]"
    assert "primary == n" in str(guard.args[0])
    # in the words of a property, too
    grant = next(each for each in system.transitions(variant) if each.name == "grant")
    assert "primary == n" in str(grant.means(s.able_to_grant(SELF)).args[0].args[2].args[0])
    # and only under that variant
    assert "primary == n" not in str(steps(fences.parse("off"))["grant"].guard["serving"].args[0])


def test_whoever_evaluates_under_a_variant_means_what_it_means() -> None:
    """Also what is not said of a step: liveness, lemmas, what may be forgotten."""
    variant = mine()
    variant.define("serving", lambda before, n: negate(before))
    for each, serves in ((fences.parse("off"), False), (variant, True)):
        configuration = load("rolling-upgrade").configuration(each)
        machine = Machine(configuration, choose=True)
        state = machine.layout.initial({}, configuration.budgets)
        said = s.serving(server(1))
        assert bool(machine.value(state, said)) is serves
        # and it is not meant twice
        assert bool(machine.value(state, machine.instances[0].transition.means(said))) is serves


def test_several_variants_may_add_to_what_a_name_means() -> None:
    first, second = mine(), Variant("yours", "")
    for variant, key in ((first, s.leader), (second, s.primary)):
        variant.also("conditions_hold", lambda n, key=key: key == n)
    conflict = steps(first.joined(second))["conflict"].guard["a condition fails"]
    assert {"(leader == n)", "(primary == n)"} <= {str(part) for part in conflict.walk()}


def test_a_new_meaning_may_use_the_old_one_and_other_names() -> None:
    inner, outer = named("inner", s.api[SELF], SELF), named("outer", TRUE, SELF)
    said = redefined(
        both(outer, inner),
        {"inner": lambda before, n: both(before, s.promoted[n]), "outer": lambda before, n: inner},
    )
    first, second = said.args
    assert first.args[0].args[0].op == "and"
    assert second.args[0].op == "and"


def test_a_new_meaning_that_uses_its_own_name_means_the_old_one() -> None:
    variant = mine()
    variant.define("serving", lambda before, n: both(negate(s.serving(n)), s.able_to_grant(n)))
    configuration = load("rolling-upgrade").configuration(variant)
    machine = Machine(configuration, choose=True)
    state = machine.layout.initial({("initialised", 1): 1, ("promoted", 1): 1}, configuration.budgets)
    # able to grant, but for serving; which it is not, in the old meaning, that both use
    assert not machine.value(state, s.serving(server(1)))
    assert str(steps(variant)["grant"].guard["serving"].args[0]).count("serving[n]") == 1


def test_what_etcd_compares_is_compared_in_each_place() -> None:
    variant = mine()
    save.compare(variant, "nobody leads", lambda n, slot: s.leader == s.primary, slots=[OWN])
    changed = steps(variant)
    for name in ("commit", "commit_answer_lost"):
        assert "nobody leads" in changed[name].guard
        assert "nobody leads" not in changed[CLIENTS.prefix + name].guard
    condition = changed["conflict"].guard["a condition fails"]
    assert "(leader == primary)" in {str(part) for part in condition.walk()}


def adrift(n: Expr) -> Step:
    return Step({}, {"timestmp": s.timestamp})


def unlike(n: Expr) -> Step:
    return Step({}, {"timestamp": TRUE})


def changes_a_fact(n: Expr) -> Step:
    return Step({}, {"is_tso": TRUE})


@pytest.mark.parametrize("wrong", [s.api, True, None])
def test_what_is_no_expression_is_refused(wrong: Any) -> None:
    with pytest.raises(SortError, match=r"name\[n\]"):
        both(TRUE, wrong)
    with pytest.raises(SortError, match="needs a server"):
        s.api[wrong]


@pytest.mark.parametrize(
    ("say", "told"),
    [
        (lambda v: v.guard("comit", "x", TRUE), "no transition 'comit'; there are: campaign, "),
        (lambda v: v.no_guard("commit", "x"), "no guard of commit 'x'; there are: every key is read, "),
        (lambda v: v.effect("commit", {"x": TRUE}), "no variable 'x'; there are: leader, "),
        (lambda v: v.effect("commit", {"leader": TRUE}), "leader is a Node, not a Bool"),
        (lambda v: v.define("x", lambda before, n: before), "no definition 'x'; there are: serving, "),
        (lambda v: v.also("x", lambda n: TRUE), "no definition 'x'; there are: serving, "),
        (lambda v: v.no_step("x"), "no transition 'x'; there are: campaign, "),
        (lambda v: v.add(system.RULES[0]), "there is a transition 'campaign' already"),
        (lambda v: v.add(transition()(adrift)), "no variable 'timestmp'; there are: leader, "),
        (lambda v: v.add(transition()(unlike)), "timestamp is a Time, not a Bool"),
        (lambda v: v.add(transition()(changes_a_fact)), "no variable 'is_tso'; there are: "),
        (lambda v: v.step("pd")(adrift), "needs a Kind, and a function that returns a Step"),
        (lambda v: v.step()(lambda n: None), "needs a Kind, and a function that returns a Step"),
        (lambda v: v.effect("commit", {"timestamp": s.seen}), "timestamp becomes no value"),
        (lambda v: v.define("serving", lambda before, n: s.leader), "expected Bool, got Node"),
        (lambda v: v.per_server("leader", BOOL), "there is a variable 'leader' already"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named_with_its_line(say, told: str) -> None:  # type: ignore[no-untyped-def]  # lambdas
    variant = mine()
    say(variant)
    with pytest.raises((ValueError, SortError), match=re.escape(told)) as caught:
        system.transitions(variant)
    assert "expected" in told or re.match(r"test_variants\.py:\d+: ", str(caught.value))


def test_a_step_has_to_stand_after_one_that_is_there() -> None:
    variant = mine()
    variant.step(after="x")(lambda n: Step({}, {}))
    with pytest.raises(VariantError, match="no transition 'x'"):
        system.transitions(variant)


def test_nothing_is_said_twice() -> None:
    variant = mine()
    variant.guard("commit", "x", TRUE)
    with pytest.raises(VariantError, match="guard 'x' of commit is changed twice"):
        variant.guard("commit", "x", FALSE)


def test_variants_that_touch_the_same_are_refused_with_both_names() -> None:
    first, second = mine(), Variant("yours", "")
    first.effect("commit", {"seen": s.timestamp})
    second.effect("commit", {"seen": s.timestamp})
    with pytest.raises(VariantError, match=r"both change effect .seen. of commit"):
        first.joined(second)


def test_what_servers_may_do_anyhow_is_named_as_that() -> None:
    """Nobody has asked for it: that both exclude each other would say little."""

    def changing(**made: Sequence[Variant]) -> Variant:
        variant = Variant("mine", "", **made)  # type: ignore[arg-type]  # `builds_on` and `lacks`
        variant.effect("crash", {"found_own": TRUE})
        return variant

    late = stale_delete.behaviour
    with pytest.raises(VariantError, match=r"^mine changes effect 'found_own' of crash, .*stale-delete: "):
        behaviours.behaving(changing())
    behaving = behaviours.behaving(changing(builds_on=[late], lacks=[late]))
    assert str(steps(behaving)["crash"].effect["found_own"]) == "true"


@pytest.mark.parametrize("pair", list(combinations(fences.SHIPPED, 2)), ids="+".join)
def test_fences_fit_or_exclude_each_other(pair: tuple[str, str]) -> None:
    """Two checks exclude each other; the other fences go with each and with one another."""
    checks = {"check-tso-primary", "first-save-only", "hook", "yielded-flag", "etcd-transfer", "dynamic-8780"}
    if "off" in pair or checks.issuperset(pair):
        with pytest.raises(ValueError, match=r"cannot be joined|exclude each other"):
            fences.parse("+".join(pair))
    else:
        joined = fences.parse("+".join(pair))
        assert joined.parts == pair
        # whichever comes first
        other = fences.parse("+".join(reversed(pair)))
        assert {each.name for each in system.transitions(joined)} == {
            each.name for each in system.transitions(other)
        }


def test_one_that_builds_on_another_may_change_it() -> None:
    base = mine()
    base.guard("commit", "x", TRUE)
    variant = Variant("more", "", builds_on=[base])
    variant.guard("commit", "x", FALSE)
    assert str(steps(variant)["commit"].guard["x"]) == "false"
    assert str(steps(base)["commit"].guard["x"]) == "true"


def test_each_fence_says_what_it_means_and_where_that_is_from() -> None:
    for fence in fences.SHIPPED.values():
        assert fence.meaning
        assert fence.source


def test_nothing_else_decides_by_the_name_of_a_fence() -> None:
    """What a fence changes stands in its module; lemmas name the fences for which they are."""
    allowed = {"specs/lemmas.py"}
    names = [f'"{name}"' for name in fences.SHIPPED if name != "off"]
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("model", "checker", "specs", "traces")
        for path in (ROOT / folder).rglob("*.py")
        if "variants" not in path.parts and str(path.relative_to(ROOT)) not in allowed
        for name in names
        if name in path.read_text(encoding="utf-8")
    ]
    # a field of a line in PD's log
    assert {each.partition(":")[0] for each in found} == {"traces/sources/saying.py"}


def test_a_variable_of_a_variant_is_not_one_of_another() -> None:
    assert "yielded" in system.vocabulary(fences.parse("etcd-transfer")).variables
    assert "yielded" not in system.vocabulary(fences.parse("save-cas")).variables


def test_a_constant_of_its_own() -> None:
    variant = mine()
    patience = variant.constant("patience", TIME, 3)
    assert (str(patience), variant.constants["patience"][1]) == ("patience", 3)
    assert fences.parse("wait-out").constants["margin"][1] == 1


def test_shipped_rules_are_those_of_all_systems() -> None:
    names = (*(fences.of_build(build, fences.NONE) for build in builds.SHIPPED), *fences.SHIPPED)
    made = {each.name: each.rule for name in names for each in system.transitions(fences.whole(name))}
    assert [*fences.shipped_rules().items()] == [*made.items()]

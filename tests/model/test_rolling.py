"""A rolling upgrade: each server takes the steps of its own build, before it is started anew and after."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from tsofence.checker.search.explore import explore
from tsofence.model.language.instance import Instance
from tsofence.model.language.python import Machine
from tsofence.model.language.rolling import UPGRADED
from tsofence.model.language.variant import Variant
from tsofence.model.variants import fences
from tsofence.specs.properties import named
from tsofence.specs.scenario import Scenario, load, parse

from ..worlds import TINY

PAIRS = [
    ("release-6.5", "release-7.5"),
    ("release-7.5", "check-tso-primary"),
    ("release-8.5", "master-2026-08"),
    ("master-2026-08", "check-tso-primary"),
    ("release-8.5", "pull-8780"),
]
BUSY = replace(
    load("tso-pair"),
    budgets={
        f"{kind}.{fault}": 3
        for kind in ("pd", "tso")
        for fault in ("term", "stop", "crash", "keepalive", "lost", "raft_move", "admin", "client_sync")
    }
    | {"pd.stale_failure": 2, "pd.stale_delete": 2, "pd.mode": 2},
)


def rolling(old: str, new: str) -> str:
    name = "pull-10473-base+check-tso-primary" if new == "check-tso-primary" else new
    return f"{old}..{name}"


def machine(name: str) -> Machine:
    configuration = BUSY.configuration(fences.parse(name))
    return Machine(replace(configuration, relative=False, folding=None), choose=True)


def key(each: Instance) -> tuple[str, int, tuple[tuple[str, int], ...]]:
    return each.name, each.number, tuple(sorted(each.inputs.items()))


def met(there: Machine, chance: random.Random) -> Iterator[tuple[int, ...]]:
    """States on random runs."""
    for _ in range(8):
        state = there.layout.initial({("now", 0): 100}, BUSY.budgets)
        for _ in range(100):
            yield state
            can = [i for i in range(len(there.instances)) if not there.refused(state, i)]
            names = sorted({there.instances[i].name for i in can})
            name = chance.choice(names)
            state = there.apply(state, chance.choice([i for i in can if there.instances[i].name == name]))


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_each_server_is_of_its_own_build(old: str, new: str) -> None:
    """What a server can do, and what comes of it, is what it is in a cluster of that build alone."""
    both, of = machine(rolling(old, new)), (machine(old), machine(new))
    index = [{key(each): i for i, each in enumerate(one.instances)} for one in of]
    slots = [[both.layout.slots[name] for name in one.layout.slots] for one in of]
    compared: Counter[tuple[bool, bool]] = Counter()
    for state in met(both, random.Random(f"{old} {new}")):
        theirs = [tuple(state[slot] for slot in places) for places in slots]
        for i, each in enumerate(both.instances):
            if not each.number or each.name == "restart_upgraded":
                continue
            build = state[both.layout.slots[UPGRADED.name, each.number]]
            alone = index[build].get(key(each))
            can = not both.refused(state, i)
            assert can is (alone is not None and not of[build].refused(theirs[build], alone)), key(each)
            if can and alone is not None:
                after = both.apply(state, i)
                assert tuple(after[slot] for slot in slots[build]) == of[build].apply(theirs[build], alone)
            compared[bool(build), can] += 1
    assert min(compared[build, can] for build in (False, True) for can in (False, True)) > 200


@cache
def tiny(crash: int) -> Scenario:
    return parse(TINY + f"crash = {crash}\n", "tiny", "a test")


def test_while_nobody_is_started_anew_it_is_the_old_build() -> None:
    asked = [named("unique"), named("real-time")]
    found = [explore(tiny(0), name, asked) for name in ("release-8.5", "release-8.5..master-2026-08")]
    assert found[0].states == found[1].states
    assert [each.steps for each in found[0].findings] == [each.steps for each in found[1].findings]


def test_from_a_build_to_itself_nothing_is_found_that_it_has_not() -> None:
    asked = [named(name) for name in ("unique", "window", "key-monotone")]
    found = [explore(tiny(1), name, asked) for name in ("release-8.5", "release-8.5..release-8.5")]
    assert [each.steps for each in found[0].findings] == [each.steps for each in found[1].findings]
    assert found[0].states < found[1].states


def test_a_guard_of_it_can_be_left_out() -> None:
    name = "release-8.5..master-2026-08"
    fences.systems([name], [], [], [("restart_upgraded", "it is of the old build")])
    with pytest.raises(ValueError, match="has no guard 'nothing'"):
        fences.systems([name], [], [], [("restart_upgraded", "nothing")])


def test_a_name_of_ones_own_is_none_of_an_upgrade() -> None:
    with pytest.raises(ValueError, match=r"of its own for the fence, not 'a\.\.b'"):
        fences.add(Variant("a..b", "looks like two builds"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("release-8.5..", "unknown build ''"),
        ("..release-8.5", "unknown build ''"),
        ("release-8.5..off", "unknown build 'off'"),
        ("release-6.5..release-7.5..release-8.5", "from one build to another"),
        ("release-8.5..master-2026-08+bogus", "unknown fence 'bogus'"),
    ],
)
def test_two_builds_are_needed(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fences.whole(name)

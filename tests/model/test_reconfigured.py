"""Servers that are started with other settings: each has those of its last start, nothing else changes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tsofence.model.language.instance import belonging
from tsofence.model.language.python import Machine
from tsofence.model.language.reconfigured import CONFIGURED, becomings, later, named
from tsofence.model.language.transition import SELF, Kind
from tsofence.model.pd import system
from tsofence.model.pd.state import window
from tsofence.model.variants import fences
from tsofence.specs.scenario import load

#: what servers 1 and 2 have at first, and then
WINDOWS = ((3, 5, 4), (3,))
BUSY = replace(
    load("tso-pair"),
    budgets={f"{kind}.{fault}": 3 for kind in ("pd", "tso") for fault in ("term", "crash", "keepalive")},
)


def machine(name: str, constants: dict[str, int]) -> Machine:
    made = BUSY.configuration(fences.parse(name))
    constants = {**made.constants, **constants}
    variant = fences.configured(fences.parse(name), constants)
    vocabulary, steps = system.vocabulary(variant), system.transitions(variant)
    made = replace(made, constants=constants, vocabulary=vocabulary, transitions=steps)
    return Machine(replace(made, relative=False, folding=None), choose=True)


@pytest.mark.parametrize("name", ["off", "release-6.5..release-8.5"])
def test_each_server_has_the_settings_of_its_last_start(name: str) -> None:
    other = machine(name, becomings("window", WINDOWS))
    plain = [machine(name, {"1.window": each}) for each in WINDOWS[0]]
    index = {(i.name, i.number, *i.inputs.items()): n for n, i in enumerate(plain[0].instances)}
    slot = other.layout.slots[CONFIGURED.name, 1]
    places = [other.layout.slots[place] for place in plain[0].layout.slots]
    chance, met, started = random.Random(name), set(), 0
    for _ in range(4):
        state = other.layout.initial({("now", 0): 100}, BUSY.budgets)
        for _ in range(80):
            if state[slot] >= len(WINDOWS[0]):
                break
            theirs, alone = tuple(state[place] for place in places), plain[state[slot]]
            met.add(state[slot])
            assert [other.value(state, window[SELF], n) for n in (1, 2)] == [WINDOWS[0][state[slot]], 3]
            for n, each in enumerate(other.instances):
                can = not other.refused(state, n)
                key = (each.name.removesuffix("_reconfigured"), each.number, *each.inputs.items())
                assert can is (not alone.refused(theirs, index[key]))
                if not can:
                    continue
                after = other.apply(state, n)
                assert tuple(after[place] for place in places) == alone.apply(theirs, index[key])
                anew = each.number == 1 and each.name.endswith("_reconfigured")
                assert after[slot] == state[slot] + anew
                started += anew
            able = [n for n in range(len(other.instances)) if not other.refused(state, n)]
            names = sorted({other.instances[n].name for n in able})
            chosen = chance.choice(names)
            state = other.apply(state, chance.choice([n for n in able if other.instances[n].name == chosen]))
    assert met == {0, 1, 2}
    assert started > 10


def test_where_nothing_changes_it_is_the_variant_itself() -> None:
    off = fences.parse("off")
    assert fences.configured(off, {"window": 3, "2.window": 5}) is off


def test_what_a_constant_becomes() -> None:
    fact = system.vocabulary(fences.parse("off")).facts["window"]
    constants = {"window": 3, **becomings("window", WINDOWS)}
    assert constants == {"window": 3, "1.window.1": 5, "1.window.2": 4}
    assert (belonging(constants, fact, Kind.PD, 1), *later(constants, fact, 1)) == WINDOWS[0]
    assert later(constants, fact, 2) == ()


def test_every_start_may_change_them() -> None:
    variant = fences.configured(fences.parse("release-6.5..release-8.5"), {"1.window.1": 5})
    assert {each.name for each in system.rules(variant)} >= {*map(named, fences.STARTS)}

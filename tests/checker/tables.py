"""Scenarios as a search has them: with a table by which their times are folded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations, product

from tsofence.checker.reductions.folding import derive, of_safety
from tsofence.checker.reductions.merging import prove
from tsofence.model.language.expr import TIME
from tsofence.model.language.instance import Configuration
from tsofence.model.language.past import Table, place
from tsofence.model.pd.past import FLAG, FORGETS
from tsofence.model.variants import fences
from tsofence.specs.scenario import Scenario


def folded(world: Scenario, fence: str, dropped: Sequence[tuple[str, str]] = ()) -> Configuration:
    """What a search for violations searches."""
    made = world.configuration(fences.parse(fence), dropped)
    made = prove(made).of(made)
    return derive(made, list(world.first_states(made)), of_safety(made)).of(made)


def any_table(configuration: Configuration, chance: random.Random) -> Table:
    """A table that says anything: who folds by it folds alike, whatever it is worth."""
    kinds = dict.fromkeys(configuration.kinds)
    names = [
        place(each.name, kind)
        for each in configuration.vocabulary.variables.values()
        if each.sort is TIME and not each.deadline
        for kind in (kinds if each.per_server else [None])
    ]
    between = {
        (above, below, same, flag): tuple(sorted(chance.sample(range(1, 8), chance.randint(1, 3))))
        for (above, below), same, flag in product(permutations(names, 2), (False, True), (False, True))
        if chance.random() < 0.3
    }
    return Table(FLAG, {name: chance.randint(1, 6) for name in names}, between, FORGETS)


def anyhow(world: Scenario, fence: str) -> Configuration:
    """What could be searched, with some table."""
    made = world.configuration(fences.parse(fence))
    return replace(made, folding=any_table(made, random.Random(fence)))

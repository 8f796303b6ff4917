"""A system searched by the plain interpreter: absolute times up to a bound, nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tsofence.model.language.expr import Expr
from tsofence.model.language.fold import fold
from tsofence.model.language.instance import Configuration, Instance
from tsofence.model.language.layout import State
from tsofence.model.language.python import Machine, source
from tsofence.model.language.transition import SELF
from tsofence.model.language.variant import Variant
from tsofence.model.variants import fences
from tsofence.specs.properties import PROPERTIES, Property
from tsofence.specs.scenario import Scenario

from .tlaplus import Found

START = 1000


def search(world: Scenario, fence: str | Variant, ticks: int) -> Found:
    """Every state, breadth first; violations by the name of the property."""
    variant = fences.parse(fence) if isinstance(fence, str) else fence
    configuration = replace(world.configuration(variant), relative=False)
    machine = Machine(configuration, choose=True)
    place = machine.layout.slots["now", 0]
    first: set[State] = set()
    for given in world.first_states(configuration):
        values = list(given)
        values[place] = START
        first.add(tuple(values))
    steps = [
        (
            index,
            instance,
            _compiled(list(instance.tests.values()), machine),
            {
                p.name: _compiled(said, machine)
                for p in PROPERTIES
                if (said := _broken(p, instance, configuration))
            },
        )
        for index, instance in enumerate(machine.instances)
    ]
    found = Found(0, len(first), 0)
    seen, level = set(first), list(first)
    while level:
        found.depth += 1
        states, level = level, []
        for state in states:
            for index, instance, allowed, broken in steps:
                if not allowed(state):
                    continue
                after = machine.apply(state, index, instance.inputs)
                if after[place] > START + ticks:
                    continue
                found.generated += 1
                for name, breaks in broken.items():
                    if name not in found.violated and breaks(state):
                        found.violated[name] = found.depth
                if after not in seen:
                    seen.add(after)
                    level.append(after)
    found.states = len(seen)
    return found


def _broken(prop: Property, instance: Instance, configuration: Configuration) -> list[Expr]:
    said = prop.broken_by(instance.transition)
    if said is None:
        return []
    return [fold(said, configuration.known.choosing(instance.inputs).acting(SELF.name, instance.number))]


def _compiled(conditions: list[Expr], machine: Machine) -> Callable[[State], bool]:
    text = [source(each, machine.layout, lambda slot: f"s[{slot}]") for each in conditions]
    made: Callable[[State], bool] = eval(f"lambda s: bool({' and '.join(text) or True})")  # the model's
    return made

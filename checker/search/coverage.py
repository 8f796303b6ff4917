"""What a search exercised: which steps never happened, which guards never refused, which limits were met."""

from __future__ import annotations

from dataclasses import replace

from ...model.language.instance import BUDGET_LEFT, Instance
from ...model.pd.allocator import DEMAND_LEFT
from ..machine.expand import Expander, Watch


def both(watch: Watch, other: Watch) -> Watch:
    """What two searches of the same system noted, but for what is numbered as only one of them does."""
    return replace(
        watch,
        fired=[max(pair) for pair in zip(watch.fired, other.fired, strict=True)],
        refused=[max(pair) for pair in zip(watch.refused, other.refused, strict=True)],
        tested=[max(pair) for pair in zip(watch.tested, other.tested, strict=True)],
    )


def who(instance: Instance, expander: Expander) -> str:
    """A transition as reports name it: what a PD does is not what a TSO server does."""
    if not instance.number:
        return instance.name
    return f"{instance.name}@{expander.configuration.kinds[instance.number - 1].name.lower()}"


def never_fired(expander: Expander, watch: Watch) -> tuple[str, ...]:
    fired = {who(expander.instances[i], expander) for i, count in enumerate(watch.fired) if count}
    every = dict.fromkeys(who(instance, expander) for instance in expander.instances)
    return tuple(name for name in every if name not in fired)


def never_refused(expander: Expander, watch: Watch) -> tuple[str, ...]:
    """Guards that nothing ever ran into: without them this search would have been the same.

    Merging leaves out states in which one might refuse.
    """
    refused, every = set(), {}
    for number, stands_for in enumerate(expander.guards):
        for index, label in stands_for:
            name = f"{who(expander.instances[index], expander)}: {label}"
            every[name] = True
            if watch.refused[number]:
                refused.add(name)
    return tuple(name for name in every if name not in refused)


def spent(expander: Expander, watch: Watch) -> tuple[str, ...]:
    """The limits of the scenario that stopped a step which nothing else refused."""
    limits = expander.configuration.budgets
    spent = {
        expander.instances[index].spends
        for number, stands_for in enumerate(expander.guards)
        for index, label in stands_for
        if label == BUDGET_LEFT and watch.refused[number]
    }
    found = [f"{name} = {limits[name]}" for name in sorted(filter(None, spent))]
    if any(
        watch.refused[number]
        for number, stands_for in enumerate(expander.guards)
        if any(label == DEMAND_LEFT for _, label in stands_for)
    ):
        found.append(f"clients.ahead = {expander.configuration.constants['ahead']}")
    return tuple(found)

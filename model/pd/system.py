"""PDs in service mode and in API mode and TSO servers, put together."""

from __future__ import annotations

from collections.abc import Iterable

from ..language.transition import Rule, Transition
from ..variants.fence import Fence
from . import allocator, election, save, state, switching

#: every rule of the system, in the order in which reports list them
RULES: tuple[Rule, ...] = (*election.RULES, *switching.RULES, *allocator.RULES, *save.RULES)

VOCABULARY = state.VOCABULARY


def transitions(fence: Fence, dropped: Iterable[tuple[str, str]] = ()) -> tuple[Transition, ...]:
    """The system under a fence.

    ``dropped`` lists guards (transition, label) to leave out: that is how a `holds` is shown to
    depend on them.

    Raises:
        KeyError: a guard to drop that does not exist.
    """
    found = {rule.name: made for rule in RULES if (made := rule.under(fence)) is not None}
    for name, label in dropped:
        found[name] = found[name].without(label)
    return tuple(found.values())

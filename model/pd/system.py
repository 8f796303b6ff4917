"""PDs in service mode and in API mode and TSO servers, put together."""

from __future__ import annotations

from collections.abc import Iterable

from ..language.transition import Rule, Transition
from ..language.variant import Variant
from ..language.vocabulary import Vocabulary
from . import allocator, election, save, state, switching

#: every rule of the system, in the order in which reports list them
RULES: tuple[Rule, ...] = (*election.RULES, *switching.RULES, *allocator.RULES, *save.RULES)


def vocabulary(variant: Variant) -> Vocabulary:
    """The variables of the system and of the variant."""
    return variant.vocabulary(state.VOCABULARY)


def rules(variant: Variant) -> tuple[Rule, ...]:
    """The rules of `transitions`, in their order, sooner."""
    return variant.rules(RULES, vocabulary(variant))


def transitions(
    variant: Variant, dropped: Iterable[tuple[str, str]] = (), whole: Variant | None = None
) -> tuple[Transition, ...]:
    """The system with what a variant changes.

    ``dropped`` lists guards (transition, label) to leave out: that is how a `holds` is shown to
    depend on them.  ``whole``: the variant with what its servers may do under any fault; a guard of that
    is there to be left out, though the variant has no such step.

    Raises:
        VariantError: the variant speaks of what is not there.
        KeyError: a guard to drop that does not exist.
    """
    if dropped and whole is not None:
        dropped = tuple(dropped)
        whole.system(RULES, vocabulary(whole), dropped)
        here = {made.name: made.step.guard for made in variant.system(RULES, vocabulary(variant))}
        dropped = [(name, label) for name, label in dropped if label in here.get(name, ())]
    return variant.system(RULES, vocabulary(variant), dropped)

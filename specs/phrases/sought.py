"""A condition over states as what a search looks for: it is asked of every state that the search comes to.

A property is a statement about steps. Time may always go on, so a state that is sought is one from which time
goes on; that step leads nowhere new, is never one of a save, and so no step that is taken at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...model.language.expr import TRUE, Expr
from ...model.language.transition import Transition
from ...model.pd.election import tick
from ..properties import Property

#: under which a search knows it
FIND = "find"


class SoughtError(ValueError):
    """A system of which states cannot be asked; the message is one line."""


class Sought(Property):
    """A state in which ``condition`` holds; ``text``: as it may be typed."""

    __slots__ = ("condition",)
    condition: Expr

    def __init__(self, condition: Expr, text: str) -> None:
        super().__init__(
            FIND,
            text,
            broken_by=lambda transition: condition if transition.name == tick.name else None,
            tested_by=lambda transition: TRUE if transition.name == tick.name else None,
        )
        object.__setattr__(self, "condition", condition)


def may_be_asked(transitions: Sequence[Transition]) -> None:
    """That time may go on in every state.

    Raises:
        SoughtError: something else than that it goes forward refuses it.
    """
    passing = [each.step.guard.keys() for each in transitions if each.name == tick.name]
    if passing != [tick.step.guard.keys()]:
        raise SoughtError(
            f"{tick.name}: a build or fence of your own that lets time stand still; only a system in which "
            "time may always pass can be asked for states"
        )

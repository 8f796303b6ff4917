"""Where each variable stands in a state, and how a relative state forgets what no step can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from .expr import DURATION, TIME
from .vocabulary import Variable, Vocabulary

#: "now" in a state whose times are relative: there is room for the past below and the future above
RELATIVE_NOW = 128

State = Sequence[int]


class Layout:
    """Where each variable stands in a state.

    A state is a sequence of integers: shared variables, then each server's, then what is left of
    the budgets.  Relative states hold every Time as ``RELATIVE_NOW`` plus its distance from now (0
    is ZERO, which never moves) and every Duration shifted by ``RELATIVE_NOW``, so that a state fits
    into bytes; absolute states hold now itself in their last place.
    """

    def __init__(
        self, vocabulary: Vocabulary, servers: int, budgets: Sequence[str] = (), *, relative: bool
    ) -> None:
        self.vocabulary = vocabulary
        self.servers = servers
        self.relative = relative
        self.slots: dict[tuple[str, int], int] = {}
        self.variables: list[Variable | None] = []
        for variable in vocabulary.variables.values():
            if not variable.per_server:
                self._add(variable.name, 0, variable)
        for number in range(1, servers + 1):
            for variable in vocabulary.variables.values():
                if variable.per_server:
                    self._add(variable.name, number, variable)
        for budget in budgets:
            self._add(f"left {budget}", 0, None)
        if not relative:
            self._add("now", 0, None)

    def _add(self, name: str, number: int, variable: Variable | None) -> None:
        self.slots[name, number] = len(self.variables)
        self.variables.append(variable)

    def __len__(self) -> int:
        return len(self.variables)

    @cached_property
    def time_slots(self) -> tuple[int, ...]:
        """The places of ordinary times."""
        return tuple(
            i for i, v in enumerate(self.variables) if v is not None and v.sort is TIME and not v.deadline
        )

    @cached_property
    def deadline_slots(self) -> tuple[int, ...]:
        """The places of deadlines."""
        return tuple(i for i, v in enumerate(self.variables) if v is not None and v.deadline)

    def offset(self, slot: int) -> int:
        """What is added to the meaning of a value to store it."""
        variable = self.variables[slot]
        return RELATIVE_NOW if self.relative and variable is not None and variable.sort is DURATION else 0

    def initial(self, given: Mapping[tuple[str, int], int], budgets: Mapping[str, int]) -> tuple[int, ...]:
        """A first state: declared first values, but for those given by (name, server)."""
        values = []
        for (name, number), slot in self.slots.items():
            variable = self.variables[slot]
            if variable is None:
                value = given.get((name, number), budgets.get(name.removeprefix("left "), 0))
            else:
                value = given.get((name, number), variable.initial)
            values.append(value + self.offset(slot))
        return tuple(values)

    def read(self, state: State, name: str, number: int = 0) -> int:
        """The meaning of one variable (a Time of a relative state: its stored value)."""
        slot = self.slots[name, number]
        return state[slot] - self.offset(slot)

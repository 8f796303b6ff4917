"""The guards of all steps as a tree: steps whose first guards are the same share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...model.language.expr import Expr
from ...model.language.instance import Instance


@dataclass(slots=True)
class Test:
    """A guard, and what is tried only where it holds: further tests, and steps by instance."""

    condition: Expr
    number: int
    inner: list[Test | int] = field(default_factory=list)


class Trie:
    """``top``: what every state is put to; ``guards``: by number of a test, the (instance, label) of each
    guard that it stands for."""

    def __init__(self, instances: Sequence[Instance]) -> None:
        self.top: list[Test | int] = []
        self.guards: list[list[tuple[int, str]]] = []
        for index, instance in enumerate(instances):
            self._insert(index, instance)

    def _insert(self, index: int, instance: Instance) -> None:
        level = self.top
        for label, condition in instance.tests.items():
            test = self._shared(level, condition)
            self.guards[test.number].append((index, label))
            level = test.inner
        level.append(index)

    def _shared(self, level: list[Test | int], condition: Expr) -> Test:
        for test in level:
            if isinstance(test, Test) and str(test.condition) == str(condition):
                return test
        test = Test(condition, len(self.guards))
        self.guards.append([])
        level.append(test)
        return test

"""A configuration compiled to one Python function that expands states.

Each transition becomes nested tests; transitions whose first guards are the same text share them.
The function also counts what fired and what refused, and finds the first step that breaks each
property.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..model.fold import fold
from ..model.instance import Configuration, Instance
from ..model.past import forgets
from ..model.python import BUDGET_LEFT, effects, folding, passes, source
from ..model.transition import SELF
from ..specs.properties import Property

#: the step that broke a property: index of the state before it, index of the instance
Hit = tuple[int, int]


@dataclass(slots=True)
class Watch:
    """What a search notes while it goes.

    ``fired`` counts steps by instance; ``refused`` marks (by guard of the trie, see `Expander.guards`)
    that it alone stopped a step; ``hits`` and ``tested`` are by property; ``cut`` counts, by instance,
    steps that led out of what a state can hold.
    """

    fired: list[int]
    refused: list[int]
    hits: dict[int, Hit]
    tested: list[int]
    cut: list[int]


@dataclass(slots=True)
class _Test:
    """A node of the trie: a guard's source, what it guards, and the instances that stand behind it."""

    text: str
    number: int
    inner: list[_Test | int] = field(default_factory=list)


#: expand(states, seen, parent, via, edges, watch, first): the states found anew are appended
ExpandFunction = Callable[..., None]


class Expander:
    """The compiled form of a configuration and the properties asked for."""

    def __init__(self, configuration: Configuration, properties: Sequence[Property]) -> None:
        self.configuration = configuration
        self.layout = configuration.layout()
        self.instances: tuple[Instance, ...] = tuple(configuration.instances(choose=True))
        self.properties = tuple(properties)
        #: by number of the trie's test: (instance, label) of each guard that it stands for
        self.guards: list[list[tuple[int, str]]] = []
        self.source = self._write()
        past, forget = folding(configuration, self.layout)
        scope: dict[str, object] = {"forget": forget}
        if past is not None:
            scope["go_on"] = past.go_on
        # The source is made of the model's own words and of integers, never of input text.
        exec(self.source, scope)  # noqa: S102
        self.expand: ExpandFunction = scope["expand"]  # type: ignore[assignment]  # made just above

    def watch(self) -> Watch:
        """A fresh one."""
        return Watch(
            [0] * len(self.instances),
            [0] * len(self.guards),
            {},
            [0] * len(self.properties),
            [0] * len(self.instances),
        )

    def _write(self) -> str:
        trie: list[_Test | int] = []
        for index, instance in enumerate(self.instances):
            self._insert(trie, index, self._tests(instance))
        unpack = ", ".join(f"v{i}" for i in range(len(self.layout)))
        lines = [
            "def expand(states, seen, parent, via, found, edges, watch, first):",
            "    fired, refused, hits = watch.fired, watch.refused, watch.hits",
            "    tested, cut = watch.tested, watch.cut",
            "    for at, s in enumerate(states, first):",
            f"        {unpack}, = s",
        ]
        self._block(trie, lines, "        ")
        return "\n".join(lines)

    def _tests(self, instance: Instance) -> list[tuple[str, str]]:
        tests = [(label, source(guard, self.layout, _place)) for label, guard in instance.guard.items()]
        if instance.spends is not None:
            left = _place(self.layout.slots["left " + instance.spends, 0])
            tests.append((BUDGET_LEFT, left))
        return tests

    def _insert(self, level: list[_Test | int], index: int, tests: list[tuple[str, str]]) -> None:
        for label, text in tests:
            last = next((t for t in level if isinstance(t, _Test) and t.text == text), None)
            if last is None:
                last = _Test(text, len(self.guards))
                self.guards.append([])
                level.append(last)
            self.guards[last.number].append((index, label))
            level = last.inner
        level.append(index)

    def _block(self, level: list[_Test | int], lines: list[str], indent: str) -> None:
        for test in level:
            if isinstance(test, _Test):
                lines.append(f"{indent}if {test.text}:")
                self._block(test.inner, lines, indent + " ")
                lines.append(f"{indent}else: refused[{test.number}] = 1")
            else:
                self._step(test, lines, indent)

    def _step(self, index: int, lines: list[str], indent: str) -> None:
        instance = self.instances[index]
        lines.append(f"{indent}fired[{index}] += 1")
        known = self.configuration.known.choosing(instance.inputs)
        if instance.number:
            known = known.acting(SELF.name, instance.number)
        for number, prop in enumerate(self.properties):
            for judge, action, done in (
                (prop.tested_by, f"tested[{number}] += 1", ""),
                (prop.broken_by, f"hits[{number}] = (at, {index})", f" and {number} not in hits"),
            ):
                condition = judge(instance.transition)
                if condition is None:
                    continue
                text = source(fold(condition, known), self.layout, _place)
                if text != "0":
                    lines.append(f"{indent}if {text}{done}: {action}")
        lines += [
            f"{indent}try: t = bytes({self._after(instance)})",
            f"{indent}except ValueError: cut[{index}] += 1",
            f"{indent}else:",
            f"{indent} to = seen.get(t)",
            f"{indent} if to is None:",
            f"{indent}  to = seen[t] = len(seen)",
            f"{indent}  found.append(t); parent.append(at); via.append({index})",
            f"{indent} if edges is not None: edges.append((at, to, {index}))",
        ]

    def _after(self, instance: Instance) -> str:
        changes = effects(instance, self.layout, _place)
        values = ", ".join(changes.get(slot, _place(slot)) for slot in range(len(self.layout)))
        by = passes(instance)
        if by:
            return f"forget(go_on([{values}], {by}))"
        changed = {name for name, _ in instance.effect}
        return f"forget([{values}])" if changed & self._remembered else f"({values},)"

    @cached_property
    def _remembered(self) -> set[str]:
        """The variables on which it depends what a state may forget."""
        fence, intact = self.configuration.fence, self.configuration.intact
        conditions = [] if fence is None else [found for _, found, _ in forgets(fence, intact=intact)]
        return {
            expr.name for condition in conditions for expr in condition.walk() if expr.op in ("var", "field")
        }


def _place(slot: int) -> str:
    return f"v{slot}"

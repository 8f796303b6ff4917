"""A configuration compiled to one Python function that expands states.

Each transition becomes nested tests; transitions whose first guards are the same text share them.
The function also counts what fired and what refused, and finds the first step that breaks each
property.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..model.expr import Expr
from ..model.fold import fold
from ..model.instance import Configuration, Instance
from ..model.python import effects, folding, forgotten, passes, source
from ..model.transition import SELF, Transition
from ..specs.properties import Property
from .trie import Test, Trie

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


#: expand(states, seen, parent, via, edges, watch, first): the states found anew are appended
ExpandFunction = Callable[..., None]


class Expander:
    """The compiled form of a configuration and the properties asked for."""

    def __init__(self, configuration: Configuration, properties: Sequence[Property]) -> None:
        self.configuration = configuration
        self.layout = configuration.layout()
        self.instances: tuple[Instance, ...] = tuple(configuration.instances(choose=True))
        self.properties = tuple(properties)
        self.trie = Trie(self.instances)
        self.guards = self.trie.guards
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
        unpack = ", ".join(f"v{i}" for i in range(len(self.layout)))
        lines = [
            "def expand(states, seen, parent, via, found, edges, watch, first):",
            "    fired, refused, hits = watch.fired, watch.refused, watch.hits",
            "    tested, cut = watch.tested, watch.cut",
            "    for at, s in enumerate(states, first):",
            f"        {unpack}, = s",
        ]
        self._block(self.trie.top, lines, "        ")
        return "\n".join(lines)

    def _block(self, level: list[Test | int], lines: list[str], indent: str) -> None:
        for test in level:
            if isinstance(test, Test):
                lines.append(f"{indent}if {source(test.condition, self.layout, _place)}:")
                self._block(test.inner, lines, indent + " ")
                lines.append(f"{indent}else: refused[{test.number}] = 1")
            else:
                self._step(test, lines, indent)

    def _step(self, index: int, lines: list[str], indent: str) -> None:
        instance = self.instances[index]
        lines.append(f"{indent}fired[{index}] += 1")
        for number, prop in enumerate(self.properties):
            for judge, action, done in (
                (prop.tested_by, f"tested[{number}] += 1", ""),
                (prop.broken_by, f"hits[{number}] = (at, {index})", f" and {number} not in hits"),
            ):
                condition = self.judged(judge, instance)
                if condition is not None:
                    lines.append(f"{indent}if {source(condition, self.layout, _place)}{done}: {action}")
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
        return f"forget([{values}])" if self.may_forget(instance) else f"({values},)"

    def judged(self, judge: Callable[[Transition], Expr | None], instance: Instance) -> Expr | None:
        """What a property says of that step, folded; None: nothing, whatever the state."""
        condition = judge(instance.transition)
        if condition is None:
            return None
        known = self.configuration.known.choosing(instance.inputs)
        if instance.number:
            known = known.acting(SELF.name, instance.number)
        folded = fold(condition, known)
        return None if folded.op == "literal" and not folded.value else folded

    def may_forget(self, instance: Instance) -> bool:
        """Can the step change what a state may forget?"""
        return any(name in self._remembered for name, _ in instance.effect)

    @cached_property
    def _remembered(self) -> set[str]:
        """The variables on which it depends what a state may forget."""
        return {
            expr.name
            for condition, _ in forgotten(self.configuration, self.layout)
            for expr in condition.walk()
            if expr.op in ("var", "field")
        }


def _place(slot: int) -> str:
    return f"v{slot}"

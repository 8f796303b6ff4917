"""A configuration compiled to one Python function that expands states.

Each transition becomes nested tests; transitions whose first guards are the same text share them.
The function also counts what fired and what refused, and finds the first step that breaks each
property.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ...model.language.expr import TIME, Expr
from ...model.language.fold import fold
from ...model.language.instance import FOLDING, Configuration, Instance
from ...model.language.layout import State
from ...model.language.python import Machine, effects, folding, forgotten, merged, passes, settling, source
from ...model.language.transition import SELF, Transition
from ...specs.properties import Property
from ..reductions.symmetry import Least, checked, images
from .packing import Packing
from .ranges import Ranges
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


#: expand(states, seen, parent, found, edges, watch, first): the states found anew are appended
ExpandFunction = Callable[..., None]


class Expander:
    """The compiled form of a configuration, its first states, and the properties asked for; ``said``: what
    else is said of states, with words for what says it.

    ``starts``: the first states, as the search holds states; ``equals``: servers that it may exchange, and
    ``symmetry``: why these; ``merged``: the instances that it takes at once, and when.
    """

    def __init__(
        self,
        configuration: Configuration,
        properties: Sequence[Property],
        first: Sequence[State],
        said: Iterable[tuple[str, Expr]] = (),
    ) -> None:
        self.configuration = configuration
        self.layout = configuration.layout()
        self.instances: tuple[Instance, ...] = tuple(configuration.instances(choose=True))
        self.properties = tuple(properties)
        self.trie = Trie(self.instances)
        self.guards = self.trie.guards
        self.merged = merged(configuration, self.instances)
        self.equals, self.symmetry = checked(configuration, [*self._said(), *said])
        self.first = [bytes(state) for state in first]
        self._settle = settling(configuration, self.layout, self.instances)
        self.starts = list(dict.fromkeys(map(self.settled, self.first)))
        self.source = self._write()
        past, _ = folding(configuration, self.layout)
        scope: dict[str, object] = {"settle": self._settle, "least": self._least}
        if past is not None:
            scope["go_on"] = past.go_on
        # The source is made of the model's own words and of integers, never of input text.
        exec(self.source, scope)  # noqa: S102
        self.expand: ExpandFunction = scope["expand"]  # type: ignore[assignment]  # made just above

    def _said(self) -> Iterator[tuple[str, Expr]]:
        """Everything that the steps and the properties say, and that is asked after each step."""
        for transition in {instance.name: instance.transition for instance in self.instances}.values():
            for expr in (*transition.step.guard.values(), *transition.step.effect.values()):
                yield transition.name, expr
            for prop in self.properties:
                for judge in (prop.broken_by, prop.tested_by):
                    condition = judge(transition)
                    if condition is not None:
                        yield prop.name, condition
        for merge in self.configuration.merges:
            yield f"{merge.transition} at once", merge.when
        table = self.configuration.folding
        for forget in () if table is None else table.forgets:
            yield f"{forget.name} forgotten", forget.when

    @cached_property
    def machine(self) -> Machine:
        """The plain interpreter of single steps, which leaves nothing out."""
        return Machine(replace(self.configuration, reductions=frozenset()), choose=True)

    @cached_property
    def ranges(self) -> Ranges:
        """Which values each place can hold, in every state that the search may come to."""
        zeroed = {slot for _, slots in forgotten(self.configuration, self.layout) for slot in slots}
        first = list(images(self.layout, self.equals, self.first))
        emptied = [[0 if slot in zeroed else v for slot, v in enumerate(state)] for state in first]
        return Ranges(self.layout, self.instances, [*first, *emptied])

    @cached_property
    def packing(self) -> Packing:
        """How states are packed; of equal servers, what belongs together stands together."""
        units = [
            tuple(self.layout.slots[name, number] for number in orbit)
            for orbit in self.equals
            for name, number in self.layout.slots
            if number == orbit[0]
        ]
        return Packing(self.ranges.of_slot, units)

    @cached_property
    def _least(self) -> Callable[[Sequence[int]], bytes]:
        return Least(self.layout, self.equals, self.packing.order) if self.equals else bytes

    def settled(self, state: State) -> bytes:
        """A state as the search holds it."""
        return self._least(self._settle([*state], self.watch().fired))

    def renamed(self, state: State) -> list[int]:
        """What each server (0: none) is called once that state is settled."""
        servers = self.layout.servers
        if not self.equals:
            return list(range(servers + 1))
        settled = self._settle([*state], self.watch().fired)
        return Least(self.layout, self.equals, self.packing.order).renamed(settled, servers)

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
            "def expand(states, seen, parent, found, edges, watch, first):",
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
            f"{indent}try: t = {self._after(instance)}",
            f"{indent}except ValueError: cut[{index}] += 1",
            f"{indent}else:",
            f"{indent} to = seen.get(t)",
            f"{indent} if to is None:",
            f"{indent}  to = seen[t] = len(seen)",
            f"{indent}  found.append(t); parent.append(at)",
            f"{indent} if edges is not None: edges.append((at, to, {index}))",
        ]

    def _after(self, instance: Instance) -> str:
        changes = effects(instance, self.layout, _place)
        values = ", ".join(changes.get(slot, _place(slot)) for slot in range(len(self.layout)))
        by = passes(instance)
        if by:
            return f"least(settle(go_on([{values}], {by}), fired))"
        # what does not fit into a state is noticed first
        return (
            f"least(settle(bytearray(({values},)), fired))"
            if self.unsettles(instance)
            else f"least(({values},))"
        )

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

    def unsettles(self, instance: Instance) -> bool:
        """Can there be something to settle after the step?"""
        return any(name in self._unsettling for name, _ in instance.effect)

    @cached_property
    def _unsettling(self) -> set[str]:
        """The variables on which it depends what is taken at once, forgotten and folded."""
        conditions = [condition for condition, _ in forgotten(self.configuration, self.layout)]
        conditions += [when for _, when in self.merged]
        found = {expr.name for when in conditions for expr in when.walk() if expr.op in ("var", "field")}
        if FOLDING in self.configuration.reductions:
            variables = self.layout.vocabulary.variables.values()
            found |= {variable.name for variable in variables if variable.sort is TIME} | {"noted"}
        return found


def _place(slot: int) -> str:
    return f"v{slot}"

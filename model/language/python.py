"""The plain interpreter: transitions as Python functions over tuples of integers.

It is the reference that every other interpreter of the model is checked against, and it serves
small graphs, replay and every counterexample that is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

from .expr import Expr, both
from .fold import fold
from .instance import FOLDING, MERGING, Configuration, Instance
from .layout import RELATIVE_NOW, Layout, State
from .past import Past
from .transition import SELF


def source(expr: Expr, layout: Layout, place: Callable[[int], str]) -> str:
    """A folded expression as Python source; ``place`` names the variable of a slot."""
    match expr.op:
        case "literal":
            return str(expr.value)
        case "now":
            return place(layout.slots["now", 0])
        case "input":
            return f"inputs[{expr.name!r}]"
        case "var" | "field":
            slot = layout.slots[expr.name, expr.args[0].value if expr.args else 0]
            offset = layout.offset(slot)
            return f"({place(slot)}-{offset})" if offset else place(slot)
    args = [source(arg, layout, place) for arg in expr.args]
    match expr.op:
        case "not":
            return f"(not {args[0]})"
        case "ite":
            return f"({args[1]} if {args[0]} else {args[2]})"
        case "and" | "or" | "==" | "<" | "<=" | "+" | "-":
            return "(" + f" {expr.op} ".join(args) + ")"
    raise ValueError(f"cannot interpret {expr.op!r} in {expr}")


#: whether it is so in a state, these inputs chosen
Condition = Callable[[State, Mapping[str, int]], bool]
_Refused = Callable[[State, Mapping[str, int]], tuple[int, ...]]
_Effect = Callable[[State, Mapping[str, int]], list[int]]


class Machine:
    """Single steps of a configuration, by the plain interpreter."""

    def __init__(self, configuration: Configuration, *, choose: bool = False) -> None:
        self.configuration = configuration
        self.layout = configuration.layout()
        self.instances = tuple(configuration.instances(choose=choose))
        #: the first instance of each transition of each server
        self._places: dict[tuple[str, int], int] = {}
        for index, instance in enumerate(self.instances):
            self._places.setdefault((instance.name, instance.number), index)
        self._compiled = cache(self._compile)
        self._past, self._forget = folding(configuration, self.layout)

    def find(self, name: str, number: int) -> int:
        """The index of a transition of one server (0: of the cluster).

        Raises:
            KeyError: this configuration has no such step.
        """
        if (name, number) not in self._places:
            raise KeyError(f"no transition {name!r} of server {number} here")
        return self._places[name, number]

    def refused(self, state: State, index: int, inputs: Mapping[str, int] | None = None) -> tuple[str, ...]:
        """The labels of the guards that refuse the step; empty: it can happen."""
        labels = list(self.instances[index].tests)
        return tuple(labels[i] for i in self._compiled(index)[0](state, inputs or {}))

    def apply(self, state: State, index: int, inputs: Mapping[str, int] | None = None) -> tuple[int, ...]:
        """The state after the step, whatever its guards say."""
        instance = self.instances[index]
        values = self._compiled(index)[1](state, inputs or {})
        if self._past is not None:
            by = passes(instance)
            if by:
                values = self._past.go_on(values, by)
            self._forget(values)
        return tuple(values)

    def value(
        self, state: State, expr: Expr, number: int = 0, inputs: Mapping[str, int] | None = None
    ) -> int:
        """The value of an expression in a state; ``number`` is the acting server, if it speaks of one."""
        known = self.configuration.known.choosing(inputs or {}).acting(SELF.name, number)
        now = None if self.layout.relative else state[self.layout.slots["now", 0]]
        read = partial(self.layout.read, state)
        return fold(expr, replace(known, now=known.now if now is None else now, state=read)).value

    def condition(self, expr: Expr, number: int = 0) -> Condition:
        """The same, made once for an expression that is asked of many states."""
        folded = fold(expr, self.configuration.known.acting(SELF.name, number))
        functions: dict[str, Condition] = {}
        # The source is made of this module's own words and of integers, never of input text.
        exec(f"def holds(s, inputs): return bool({source(folded, self.layout, _place)})", functions)  # noqa: S102
        return functions["holds"]

    def _compile(self, index: int) -> tuple[_Refused, _Effect]:
        instance, layout = self.instances[index], self.layout
        guards = [source(condition, layout, _place) for condition in instance.tests.values()]
        tests = ", ".join(f"{i} if not {guard} else -1" for i, guard in enumerate(guards))
        changes = effects(instance, layout, _place)
        body = [
            "def refused(s, inputs):",
            f"    return tuple(i for i in ({tests}{',' if guards else ''}) if i >= 0)",
            "def effect(s, inputs):",
            "    after = list(s)",
            *(f"    after[{slot}] = {value}" for slot, value in changes.items()),
            "    return after",
        ]
        functions: dict[str, Callable[..., object]] = {}
        # The source is made of this module's own words and of integers, never of input text.
        exec("\n".join(body), functions)  # noqa: S102
        return functions["refused"], functions["effect"]  # type: ignore[return-value]  # made just above


def passes(instance: Instance) -> int:
    """How much time passes in a step of a relative state."""
    later = instance.effect.get(("now", 0))
    return 0 if later is None else later.value - RELATIVE_NOW


_Forget = Callable[[list[int]], list[int]]


def folding(configuration: Configuration, layout: Layout) -> tuple[Past | None, _Forget]:
    """How a relative state is folded: by the passing of time (None: it has no times), and by what it may
    forget at any time."""
    if not layout.relative or not (layout.time_slots or layout.deadline_slots):
        return None, lambda values: values
    lines = ["def forget(s):"]
    for condition, slots in forgotten(configuration, layout):
        targets = " = ".join(_place(slot) for slot in slots)
        lines.append(f"    if {source(condition, layout, _place)}: {targets} = 0")
    lines.append("    return s")
    functions: dict[str, _Forget] = {}
    # The source is made of this module's own words and of integers, never of input text.
    exec("\n".join(lines), functions)  # noqa: S102
    return Past(layout, configuration.kinds, configuration.folding), functions["forget"]


def forgotten(configuration: Configuration, layout: Layout) -> list[tuple[Expr, list[int]]]:
    """When (folded) which places go back to 0, in the order in which they do."""
    table = configuration.folding
    found = [
        (
            fold(forget.when, configuration.known.acting("n", number)),
            [layout.slots[name, number] for name in forget.variables],
        )
        for forget in (() if table is None else table.forgets)
        for number in (range(1, layout.servers + 1) if forget.per_server else [0])
    ]
    return [(when, slots) for when, slots in found if when.op != "literal" or when.value]


def merged(configuration: Configuration, instances: Sequence[Instance]) -> list[tuple[int, Expr]]:
    """The instances that are taken at once, and when (folded, guards included), in the order to try them."""
    if MERGING not in configuration.reductions:
        return []
    found = []
    for merge in configuration.merges:
        for index, instance in enumerate(instances):
            if instance.name == merge.transition:
                also = fold(merge.when, configuration.known.acting(SELF.name, instance.number))
                found.append((index, fold(both(*instance.tests.values(), also), configuration.known)))
    return [(index, when) for index, when in found if when.op != "literal" or when.value]


def settling(
    configuration: Configuration, layout: Layout, instances: Sequence[Instance]
) -> Callable[[list[int], list[int]], list[int]]:
    """What becomes of a relative state right after a step: ``settle(values, fired)``.

    The steps of `merged` are taken, and counted in ``fired``; what no step can tell is forgotten; times are
    folded.
    """
    past, forget = folding(configuration, layout)
    lines = ["def merge(s, fired):"]
    for index, when in merged(configuration, instances):
        changes = effects(instances[index], layout, _place)
        targets = ", ".join(map(_place, changes))
        lines.append(f"    if {source(when, layout, _place)}:")
        lines.append(f"        {targets} = {', '.join(changes.values())}; fired[{index}] += 1")
    lines.append("    return s")
    functions: dict[str, Callable[[list[int], list[int]], list[int]]] = {}
    # The source is made of this module's own words and of integers, never of input text.
    exec("\n".join(lines), functions)  # noqa: S102
    merge = functions["merge"]
    if past is None or FOLDING not in configuration.reductions:
        return lambda values, fired: forget(merge(values, fired))
    go_on = past.go_on
    return lambda values, fired: go_on(forget(merge(values, fired)), 0)


def _place(slot: int) -> str:
    return f"s[{slot}]"


def effects(instance: Instance, layout: Layout, place: Callable[[int], str]) -> dict[int, str]:
    """What each changed slot becomes, as Python source."""
    changes: dict[int, str] = {}
    for slot, value in instance.changes(layout).items():
        offset = layout.offset(slot)
        text = source(value, layout, place)
        changes[slot] = f"{text}+{offset}" if offset else text
    return changes

"""The system about which something is proved: literal servers, and the steps that its configuration can take.

Whatever no step ever changes is known, so that a fault which the scenario rules out costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ...model.language.expr import DURATION, INT, TIME, Expr, Sort
from ...model.language.fold import fold
from ...model.language.instance import Configuration, Instance
from ...model.language.layout import State
from ...model.language.past import Forget, place
from ...model.language.transition import SELF, Transition, speaks_of_self

#: a variable and its server (0: the cluster's)
Key = tuple[str, int]

#: what a property says of a step, over `SELF`; None: nothing
Judge = Callable[[Transition], Expr | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search asks of states (``states``: by name; over `SELF`, it is asked of every server) and of
    steps."""

    judges: Sequence[tuple[str, Judge]] = ()
    states: Sequence[tuple[str, Expr]] = ()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Something that one server (0: the cluster) may forget, folded."""

    name: str
    number: int
    when: Expr
    keys: tuple[Key, ...]


class System:
    """The steps of a configuration and what is asked of them, folded."""

    def __init__(self, configuration: Configuration, first: Sequence[State], asked: Asked) -> None:
        self.layout = configuration.layout()
        # in words of absolute time: what a step says of now is not worked out
        self.configuration = replace(configuration, relative=False)
        self.first = list(first)
        self.instances = tuple(self.configuration.instances(choose=False))
        self.asked = asked
        self._known = self.configuration.known

    @cached_property
    def constant(self) -> Mapping[Key, int]:
        """What is the same in every state, as every first state has it."""
        found = {}
        for key in self.layout.slots:
            if key[0].startswith("left "):
                continue
            values = {self.layout.read(state, *key) for state in self.first}
            # a time that is known would be known relative to now
            if len(values) == 1 and (self.sort(key) is not TIME or not any(values)):
                found[key] = values.pop()
        changed = True
        while changed:
            changed = False
            for instance in self.instances:
                for key, value in instance.effect.items():
                    if key in found and not _stays(value, key, found):
                        del found[key]
                        changed = True
        return found

    @cached_property
    def times(self) -> tuple[Key, ...]:
        """The ordinary times that ever change."""
        return tuple(self._varying(deadline=False))

    @cached_property
    def deadlines(self) -> tuple[Key, ...]:
        """The deadlines that are ever set."""
        return tuple(self._varying(deadline=True))

    def _varying(self, *, deadline: bool) -> Iterator[Key]:
        for key, slot in self.layout.slots.items():
            variable = self.layout.variables[slot]
            is_time = variable is not None and variable.sort is TIME and variable.deadline is deadline
            if is_time and key not in self.constant:
                yield key

    def name(self, key: Key) -> str:
        """The place of a table to which a variable belongs."""
        variable, number = key
        return place(variable, self.configuration.kinds[number - 1] if number else None)

    def folded(self, expr: Expr, number: int = 0) -> Expr:
        """An expression over these servers, where ``number`` acts."""
        known = self._known.acting(SELF.name, number) if number else self._known
        return fold(expr, known)

    def judged(self, instance: Instance) -> Iterator[tuple[str, Expr]]:
        """What is asked of a step."""
        for name, judge in self.asked.judges:
            condition = judge(instance.transition)
            if condition is not None:
                yield name, self.folded(condition, instance.number)

    def conditions(self) -> Iterator[tuple[str, Expr]]:
        """What is asked of a state."""
        for name, condition in self.asked.states:
            folded = self.folded(condition)
            if speaks_of_self(folded):
                for number in range(1, self.layout.servers + 1):
                    yield f"{name} of server {number}", self.folded(condition, number)
            else:
                yield name, folded

    def forgotten(self, forgets: Sequence[Forget]) -> list[Forgotten]:
        """When which variables are forgotten, in the order in which that is looked at."""
        known, slots = self._known, self.layout.slots
        return [
            Forgotten(
                forget.name,
                number,
                fold(forget.when, known.acting("n", number)),
                tuple((name, number) for name in forget.variables),
            )
            for forget in forgets
            for number in (range(1, self.layout.servers + 1) if forget.per_server else [0])
            if all((name, number) in slots for name in forget.variables)
            and any((name, number) not in self.constant for name in forget.variables)
        ]

    def text(self, forgets: Sequence[Forget], claims: Sequence[tuple[str, Expr]]) -> Iterator[str]:
        """All on which it depends what can be proved of this system, given these candidates."""
        yield repr([kind.name for kind in self.configuration.kinds])
        yield repr(list(self.layout.slots))
        yield repr(sorted(set(map(tuple, self.first))))
        for instance in self.instances:
            choices = [
                (each.name, self.configuration.choices(instance.transition, each.name))
                for each in instance.transition.rule.inputs
            ]
            yield repr((instance.name, instance.number, choices))
            yield from (f"{label}: {spelled(guard)}" for label, guard in instance.guard.items())
            yield from (f"{key}: {spelled(value)}" for key, value in instance.effect.items())
            yield from (f"{name}: {spelled(condition)}" for name, condition in self.judged(instance))
        yield from (f"{name}: {spelled(condition)}" for name, condition in self.conditions())
        for forgotten in self.forgotten(forgets):
            yield f"{forgotten.name} {forgotten.keys}: {spelled(forgotten.when)}"
        for name, claim in claims:
            yield f"{name}: {spelled(self.folded(claim))}"

    def spends(self, instance: Instance) -> bool:
        """Does the step move a time as far as somebody chooses, as often as the scenario allows?

        Each of them may tell times apart that are further apart than the last one could.
        """
        moved = [value for (name, number), value in instance.effect.items() if (name, number) in self.times]
        said = [expr for value in moved for expr in value.walk()]
        return any(expr.op == "input" and expr.sort is DURATION for expr in said)

    @cached_property
    def most_spent(self) -> int | None:
        """How often such steps may happen in all; None: without a limit."""
        budgets = {instance.spends for instance in self.instances if self.spends(instance)}
        if None in budgets:
            return None
        return sum(self.configuration.budgets[budget] for budget in budgets if budget is not None)

    def sort(self, key: Key) -> Sort:
        """Of a variable; what is left of a budget is a number."""
        variable = self.layout.variables[self.layout.slots[key]]
        return INT if variable is None else variable.sort


def spelled(expr: Expr) -> str:
    """An expression in a form that no other has."""
    if expr.op == "define":
        return spelled(expr.args[0])
    args = " ".join(map(spelled, expr.args))
    return f"({expr.op} {expr.sort.name} {expr.name} {expr.value} {args})"


def _stays(value: Expr, key: Key, constant: Mapping[Key, int]) -> bool:
    match value.op:
        case "define":
            return _stays(value.args[0], key, constant)
        case "literal":
            return value.value == constant[key]
        case "var" | "field":
            read = value.name, value.args[0].value if value.args else 0
            return read == key or (read in constant and constant[read] == constant[key])
        case "ite":
            return all(_stays(arg, key, constant) for arg in value.args[1:])
    return False

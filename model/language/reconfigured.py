"""Servers whose settings change where they are started anew.

What is constant of a server, as a fact, is so from one start to the next: ``2.window`` is that of server 2 at
first, ``2.window.1`` after it has been started with other settings once, ``2.window.2`` after twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import TypeVar

from .expr import INT, Expr, ite
from .transition import SELF, Rule, Step, Transition
from .variant import Variant, without
from .vocabulary import Fact, PerServer, Variable, Vocabulary

#: how often the server has been started with other settings
CONFIGURED = Variable("configured", INT, per_server=True, initial=0)
configured = PerServer(CONFIGURED.name, INT)

_SUFFIX = "_reconfigured"
_Made = TypeVar("_Made", Rule, Transition)


def later(constants: Mapping[str, int], fact: Fact, number: int) -> tuple[int, ...]:
    """What a fact about a server becomes each time that it is started with other settings."""
    return tuple(_later(constants, f"{number}.{fact.constant}"))


def _later(constants: Mapping[str, int], name: str) -> Iterator[int]:
    for times in count(1):
        if f"{name}.{times}" not in constants:
            return
        yield constants[f"{name}.{times}"]


def becomings(name: str, values: Iterable[Iterable[int]]) -> dict[str, int]:
    """The same the other way round: of each server what a constant is at first, then what it becomes."""
    return {
        f"{number}.{name}.{times}": value
        for number, (_, *others) in enumerate(values, 1)
        for times, value in enumerate(others, 1)
    }


def follows(values: Iterable[Expr], server: Expr) -> Expr:
    """The one of these that a server has, which has the first of them at first."""
    first, *others = values
    for times, value in enumerate(others, 1):
        first = ite(configured[server] < times, first, value)
    return first


def named(start: str) -> str:
    """The step of that start with other settings."""
    return start + _SUFFIX


def reconfigured(variant: Variant, constants: Mapping[str, int], starts: Collection[str]) -> Variant:
    """The variant whose servers' settings change as the constants say; itself if none do."""
    changes = any(name.count(".") > 1 for name in constants)
    return Reconfigured(variant, starts) if changes else variant


class Reconfigured(Variant):
    """Servers of a variant, which may be started with other settings.

    ``starts``: the steps in which a process starts; after each is listed one in which its settings change.
    """

    def __init__(self, of: Variant, starts: Collection[str]) -> None:
        super().__init__(of.name, of.meaning, source=of.source)
        self.lacks = of.lacks
        self._as_it_is, self._starts = of, starts

    @property
    def changes(self) -> bool:
        return True

    @property
    def constants(self) -> dict[str, tuple[Expr, int]]:
        return self._as_it_is.constants

    def vocabulary(self, of: Vocabulary) -> Vocabulary:
        return self._as_it_is.vocabulary(of).extended((CONFIGURED,))

    def rules(self, of: Iterable[Rule], vocabulary: Vocabulary) -> tuple[Rule, ...]:
        return tuple(self._with_starts(self._as_it_is.rules(of, vocabulary), _anew))

    def system(
        self, rules: Iterable[Rule], vocabulary: Vocabulary, dropped: Iterable[tuple[str, str]] = ()
    ) -> tuple[Transition, ...]:
        def start(made: Transition) -> Transition:
            step = Step(made.step.guard, {**made.step.effect, CONFIGURED.name: configured[SELF] + 1})
            return replace(made, rule=_anew(made.rule), step=step)

        made = self._with_starts(self._as_it_is.system(rules, vocabulary), start)
        return without({each.name: each for each in made}, dropped)

    def _with_starts(self, made: Iterable[_Made], anew: Callable[[_Made], _Made]) -> Iterator[_Made]:
        for each in made:
            yield each
            if each.name in self._starts:
                yield anew(each)


def _anew(start: Rule) -> Rule:
    meaning = f"{start.meaning.removesuffix('.')}, with other settings than before."
    return replace(start, name=named(start.name), meaning=meaning)

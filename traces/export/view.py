"""Folding as a VIEW: what TLC compares of two states, instead of their absolute times.

States are alike as `checker.reductions.relation` has it, of which it is proved that no step can tell them
apart: both first forget what they may; then all but times agree, what lies ahead of now, what lies behind it
as far as the table says, and which of the table's distances are reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...model.language.expr import TIME
from ...model.language.past import Pair, Table
from ...model.language.tla import WIDTH, Writer, camel, literal, simplified
from ...model.language.transition import Kind
from ...model.language.vocabulary import Variable
from .system import System

_EVERYTHING = 1_000_000


class View:
    """The lines of a view, and how it is called."""

    def __init__(self, system: System, table: Table) -> None:
        self._system, self._table = system, table
        self._variables = system.configuration.vocabulary.variables
        self._kinds = system.configuration.kind_names
        self.name = system.names.fresh("Folded")
        self._seen, self._until, self._reaches = map(system.names.fresh, ("Seen", "Until", "Reaches"))
        self._writer: Writer = system.writer

    def lines(self) -> Iterator[str]:
        """The definitions; to be asked for when all others are written."""
        self._writer = replace(self._system.writer, operators=dict(self._system.writer.operators))
        now = self._system.variable("now")
        yield "\\* Two states are one if nothing that may happen can tell them apart: tsofence has"
        yield "\\* proved that of this system with the constants that its configuration gives, and of no"
        yield "\\* other. With it time needs no bound."
        yield ""
        yield from self._forgets()
        yield "\\* How far ahead a time is, or how long ago as far as that matters."
        yield f"{self._seen}(time, far) =="
        yield f'  IF time = 0 THEN "never" ELSE IF {now} - time > far THEN -far ELSE time - {now}'
        yield f"{self._until}(deadline) == IF deadline > {now} THEN deadline - {now} ELSE 0"
        yield f"{self._reaches}(upper, lower, far) == upper # 0 /\\ lower # 0 /\\ upper - lower >= far"
        yield ""
        yield f"{self.name} =="
        parts = [*self._others(), *self._times(), *self._distances()]
        for index, part in enumerate(parts):
            first, last = index == 0, index == len(parts) - 1
            yield f"  {'<<' if first else '  '}{part}{'>>' if last else ','}"

    def _forgets(self) -> Iterator[str]:
        """What may be forgotten, and what is left of variables of which that is so."""
        system = self._system
        for forget in self._table.forgets:
            variables = [name for name in forget.variables if name in system.changing]
            if not variables:
                continue
            known = set(self._writer.operators)
            meaning = self._writer.lines(simplified(forget.when, system.kinds_known(Kind.ANY)), WIDTH - 2)
            for key, operator in self._writer.operators.items():
                if key not in known:
                    yield from (*operator.lines(), "")
            of = f"({system.n})" if forget.per_server else ""
            condition = system.names.fresh(camel(forget.name)) + of
            yield f"{condition} =="
            yield from (f"  {line}" for line in meaning)
            kept = dict(self._writer.kept)
            for name in variables:
                kept[name] = system.names.fresh("Kept" + camel(name))
                nothing = literal(self._variables[name].sort, 0, system.servers)
                still = self._read(name, system.n)
                yield f"{kept[name]}{of} == IF {condition} THEN {nothing} ELSE {still}"
            self._writer = replace(self._writer, kept=kept)
            yield ""

    def _read(self, name: str, owner: str) -> str:
        """A variable, of a server if it is a server's, as far as it is kept."""
        per_server = self._variables[name].per_server
        if name in self._writer.kept:
            return self._writer.kept[name] + (f"({owner})" if per_server else "")
        return self._system.variable(name) + (f"[{owner}]" if per_server else "")

    def _changing(self) -> list[Variable]:
        return [v for v in self._variables.values() if v.name in self._system.changing]

    def _others(self) -> Iterator[str]:
        """All but times."""
        n = self._system.n
        for variable in self._changing():
            if variable.sort is TIME:
                continue
            if variable.name in self._writer.kept and variable.per_server:
                yield f"[{n} \\in Server |-> {self._read(variable.name, n)}]"
            elif variable.name in self._writer.kept:
                yield self._read(variable.name, n)
            else:
                yield self._system.variable(variable.name)
        if self._system.budgets:
            yield self._system.left

    def _times(self) -> Iterator[str]:
        n = self._system.n
        for variable in self._changing():
            if variable.sort is not TIME:
                continue
            value = self._read(variable.name, n)
            if variable.deadline:
                shown = f"{self._until}({value})"
            elif variable.per_server:
                far = [
                    self._table.from_now.get(f"{variable.name}@{kind}", _EVERYTHING) for kind in self._kinds
                ]
                apart = f"IF {n} \\in TSO THEN {far[-1]} ELSE {far[0]}"
                shown = f"{self._seen}({value}, {far[0] if len(set(far)) == 1 else apart})"
            else:
                shown = f"{self._seen}({value}, {self._table.from_now.get(variable.name, _EVERYTHING)})"
            yield f"[{n} \\in Server |-> {shown}]" if variable.per_server else shown

    def _distances(self) -> Iterator[str]:
        """Which distances are reached: each threshold of each pair, in one breath for all servers."""
        told: dict[tuple[str, str, bool, int, frozenset[bool]], set[tuple[str, str]]] = {}
        for (upper, lower, same), thresholds in _by_flag(self._table).items():
            (above, kind), (below, other) = (place.partition("@")[::2] for place in (upper, lower))
            if above in self._system.changing and below in self._system.changing:
                for far, flags in thresholds.items():
                    told.setdefault((above, below, same, far, flags), set()).add((kind, other))
        for (above, below, same, far, flags), kinds in told.items():
            for of in self._together(kinds, same):
                yield self._distance(above, below, same, far, flags, of)

    def _together(self, kinds: set[tuple[str, str]], same: bool) -> list[tuple[str, str]]:
        """The sets over which a pair of servers goes: all servers at once, if it is said of all."""
        firsts, seconds = ({each[i] for each in kinds} for i in (0, 1))
        every = set(self._kinds)
        all_of = [names if names != every else {"Server"} for names in (firsts, seconds)]
        whole = {(k, k) for k in firsts} if same else {(k, j) for k in firsts for j in seconds}
        if kinds == whole and all(len(names) == 1 for names in all_of):
            return [(next(iter(all_of[0])), next(iter(all_of[1])))]
        return sorted(kinds)

    def _distance(
        self, above: str, below: str, same: bool, far: int, flags: frozenset[bool], of: tuple[str, str]
    ) -> str:
        system, n = self._system, self._system.n
        m = system.names.of("bound", "m")
        sets = [{"pd": "PD", "tso": "TSO"}.get(kind, kind) for kind in of]
        second = n if same or not sets[0] else m
        text = f"{self._reaches}({self._read(above, n)}, {self._read(below, second)}, {far})"
        apart = not same and sets[0] and sets[1] and not (sets[0] != sets[1] and "Server" not in sets)
        if apart:
            text = f"{n} # {m} /\\ {text}"
        if len(flags) == 1 and self._table.flag is not None:
            flag = self._read(self._table.flag, n)
            text = f"{flag if True in flags else f'~{flag}'} /\\ {text}"
        owners = [f"{name} \\in {each}" for name, each in ((n, sets[0]), (second, sets[1])) if each]
        owners = list(dict.fromkeys(owners))
        return f"[{', '.join(owners)} |-> {text}]" if owners else text


def _by_flag(table: Table) -> Mapping[tuple[str, str, bool], dict[int, frozenset[bool]]]:
    """By pair of places: the thresholds, and with which flags each counts."""
    found: dict[tuple[str, str, bool], dict[int, frozenset[bool]]] = {}
    for pair, thresholds in table.between.items():
        upper, lower, same, flag = _parts(pair)
        for far in thresholds:
            flags = found.setdefault((upper, lower, same), {})
            flags[far] = flags.get(far, frozenset()) | {flag}
    return found


def _parts(pair: Pair) -> tuple[str, str, bool, bool]:
    return pair

"""A system as it is written down: what each thing is called, what changes, what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from ...model.language.expr import BOOL, INT, Expr, Sort
from ...model.language.instance import Configuration, belonging
from ...model.language.tla import Names, Writer, camel, literal, quoted, simplified
from ...model.language.transition import SELF, Kind, Transition
from ...model.language.vocabulary import Fact, Variable
from .words import CONSTANTS, GROUPS, OTHERS

#: the true time at which a behaviour starts: far enough from PD's zero time
START = 1000

_ACTING = {Kind.ANY: "Server", Kind.PD: "PD", Kind.TSO: "TSO"}


@dataclass(frozen=True, slots=True)
class Constant:
    """A CONSTANT of the module: its name, its value in a configuration of TLC, what it is."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Action:
    """A transition that can happen here, with what is known of its server's kind worked out."""

    transition: Transition
    name: str
    guard: dict[str, Expr]
    effect: dict[str, Expr]
    #: the fault that it spends
    spends: str | None
    #: how its parameters are called, and out of what each is chosen
    choices: dict[str, str]

    @property
    def called(self) -> str:
        """The action with its parameters."""
        return self.name + (f"({', '.join(self.choices)})" if self.choices else "")


class System:
    """A configuration as it is written down.

    ``servers``: their names; ``skew``: the bound within which clocks are apart from the beginning.  Constants
    are those that what is written speaks of.

    Raises:
        NotTla: something that cannot be.
    """

    def __init__(self, configuration: Configuration, servers: Sequence[str], skew: int) -> None:
        self.configuration, self.servers, self.skew = configuration, tuple(servers), skew
        self.names = Names()
        variables = configuration.vocabulary.variables
        for name in (*variables, "now"):
            self.names.of("variable", name)
        self.n = self.names.of("bound", SELF.name)
        #: the variable of what is left of faults, which a variant's own may not be mistaken for
        self.left = self.names.fresh("left")
        self._constants: dict[str, Constant] = {}
        #: facts that are not the same of all servers: operator to the lines of what it means
        self.facts_apart: dict[str, str] = {}
        #: choices that no configuration of TLC can hold
        self.choices_apart: dict[str, str] = {}
        self.writer = Writer(self.names, self.servers, cache(self._fact), self._parameter)
        possible = {instance.name for instance in configuration.instances(choose=True)}
        self.actions = tuple(self._action(t) for t in configuration.transitions if t.name in possible)
        self.left_out = tuple(t.name for t in configuration.transitions if t.name not in possible)
        self.budgets = self._budgets()

    # --- constants --------------------------------------------------------------------------------

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Those of the scenario."""
        return tuple(self._constants.values())

    def constant(self, name: str, value: str, meaning: str, key: str = "") -> str:
        """The name of a constant, told once."""
        key = key or name
        if key not in self._constants:
            self._constants[key] = Constant(self.names.fresh(name), value, meaning)
        return self._constants[key].name

    def _parameter(self, expr: Expr) -> str:
        return self._scenario_constant(expr.name, expr.sort)

    def _scenario_constant(self, name: str, sort: Sort) -> str:
        owner, _, own = name.rpartition(".")
        called, meaning = CONSTANTS.get(own, (camel(own), "of the variant"))
        whose = self.servers[int(owner) - 1] if owner.isdigit() else owner
        value = literal(sort, self.configuration.constants[name], self.servers)
        if whose:
            meaning += f", of {whose}" if owner.isdigit() else f", of {whose.upper()} servers"
        return self.constant(camel(whose) + called, value, meaning, f"constant {name}")

    def _fact(self, name: str) -> str | None:
        """How a fact about a server is written; None: it is no fact."""
        fact = self.configuration.vocabulary.facts.get(name)
        if fact is None:
            return None
        if fact.sort is BOOL:
            return "{} \\in TSO"
        chosen = [
            self._scenario_constant(_chosen(self.configuration, fact, kind, number), fact.sort)
            for number, kind in enumerate(self.configuration.kinds, 1)
        ]
        return chosen[0] if len(set(chosen)) == 1 else self._fact_apart(name, chosen)

    def _fact_apart(self, name: str, chosen: Sequence[str]) -> str:
        operator = self.names.fresh(camel(name) + "Of")
        of_kind = {
            kind: {c for c, k in zip(chosen, self.configuration.kinds, strict=True) if k is kind}
            for kind in Kind
        }
        if all(len(each) < 2 for each in of_kind.values()):
            (of_pd,), (of_tso,) = of_kind[Kind.PD], of_kind[Kind.TSO]
            meaning = f"IF {self.n} \\in TSO THEN {of_tso} ELSE {of_pd}"
        else:
            meaning = chosen[-1]
            for server, each in reversed(list(zip(self.servers[:-1], chosen[:-1], strict=True))):
                meaning = f"IF {self.n} = {quoted(server)} THEN {each} ELSE {meaning}"
        self.facts_apart[f"{operator}({self.n})"] = meaning
        return operator + "({})"

    # --- actions ----------------------------------------------------------------------------------

    def kinds_known(self, kind: Kind) -> dict[str, bool]:
        """Which servers are known to be TSO servers, or not to be, in a transition of that kind."""
        known = {SELF.name: kind is Kind.TSO} if kind in (Kind.PD, Kind.TSO) else {}
        if len(set(self.configuration.kinds)) == 1:
            known[""] = self.configuration.kinds[0] is Kind.TSO
        return known

    def _action(self, transition: Transition) -> Action:
        rule, step = transition.rule, transition.step
        known = self.kinds_known(rule.kind)
        guard = {label: simplified(condition, known) for label, condition in step.guard.items()}
        effect = {name: simplified(value, known) for name, value in step.effect.items()}
        choices = {self.n: _ACTING[rule.kind]} if rule.kind is not Kind.CLUSTER else {}
        for each in rule.inputs:
            choices[self.names.of("input", each.name)] = self._choices(transition, each)
        spends = rule.budget
        if not any(
            self.configuration.budget_of(transition, number) in self.configuration.budgets
            for number in self.configuration.numbers(rule.kind)
        ):
            spends = None
        return Action(
            transition,
            self.names.of("action", camel(transition.name)),
            {label: each for label, each in guard.items() if not (each.op == "literal" and each.value)},
            {name: value for name, value in effect.items() if not _is_itself(value, name)},
            spends,
            choices,
        )

    def _choices(self, transition: Transition, chosen: Expr) -> str:
        values = self.configuration.choices(transition, chosen.name)
        if chosen.sort == BOOL and set(values) == {0, 1}:
            return "BOOLEAN"
        own = f"{transition.name}.{chosen.name}"
        key = own if own in self.configuration.domains else chosen.name
        text = "{" + ", ".join(literal(chosen.sort, value, self.servers) for value in values) + "}"
        name = camel(key) + "Choices"
        if min(values) >= 0:
            return self.constant(name, text, f"what {key.replace('.', ': ')} may be", f"choices {key}")
        if key not in self.choices_apart:
            self.choices_apart[key] = f"{self.names.fresh(name)} == {text}"
        return self.choices_apart[key].partition(" ")[0]

    def _budgets(self) -> dict[str, dict[str, str]]:
        """By fault and kind of server: how often, as a constant; `Unlimited` where there is no limit."""
        found: dict[str, dict[str, str]] = {}
        for action in self.actions:
            fault = action.spends
            if fault is None:
                continue
            for number in self.configuration.numbers(action.transition.rule.kind):
                kind = self.configuration.kinds[number - 1].name.lower()
                limit = self.configuration.budgets.get(f"{kind}.{fault}")
                found.setdefault(fault, {})[kind] = (
                    "Unlimited"
                    if limit is None
                    else self.constant(
                        f"Max{camel(kind)}{camel(fault)}",
                        literal(INT, limit, self.servers),
                        f"how often {fault} may strike, over all {kind.upper()} servers",
                    )
                )
        return found

    # --- variables --------------------------------------------------------------------------------

    @cached_property
    def changing(self) -> frozenset[str]:
        """Those that do vary: an action gives them another value, or there are several first ones."""
        variables = self.configuration.vocabulary.variables
        changed = {
            name
            for action in self.actions
            for name, value in action.effect.items()
            if name in variables and not _stays(value, name, variables[name].initial)
        }
        return frozenset(changed | ({"skew"} if self.skew else set()))

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """The variables that change, by group."""
        known = {name for group in GROUPS.values() for name in group}
        others = [name for name in self.configuration.vocabulary.variables if name not in known]
        found = {
            group: [name for name in names if name in self.changing]
            for group, names in {**GROUPS, OTHERS: others}.items()
        }
        return {group: names for group, names in found.items() if names}

    @property
    def fixed(self) -> Iterator[Variable]:
        """The variables that stay as they are in this scenario."""
        return (v for v in self.configuration.vocabulary.variables.values() if v.name not in self.changing)

    def variable(self, name: str) -> str:
        """What it is called."""
        return self.names.of("variable", name)

    def initial(self, variable: Variable) -> str:
        """Its first value."""
        if variable.name == "api":
            modes = self.configuration.api
            servers = [quoted(name) for name, mode in zip(self.servers, modes, strict=True) if mode]
            if servers:
                return f"[{self.n} \\in Server |-> {self.n} \\in {{{', '.join(servers)}}}]"
        value = literal(variable.sort, variable.initial, self.servers)
        return f"[{self.n} \\in Server |-> {value}]" if variable.per_server else value


def _chosen(configuration: Configuration, fact: Fact, kind: Kind, number: int) -> str:
    """The constant that a fact about a server is: see `belonging`."""
    names = list(configuration.constants)
    return names[belonging({name: index for index, name in enumerate(names)}, fact, kind, number)]


def _stays(value: Expr, name: str, initial: int) -> bool:
    """Is what becomes of a variable its first value, if it had that?"""
    if value.op == "ite":
        return all(_stays(each, name, initial) for each in value.args[1:])
    return _is_itself(value, name) or (value.op == "literal" and value.value == initial)


def _is_itself(expr: Expr, name: str) -> bool:
    if expr.name != name or expr.op not in ("var", "field"):
        return False
    return not expr.args or (expr.args[0].op == SELF.op and expr.args[0].name == SELF.name)

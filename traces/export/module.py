"""A system as the text of a TLA+ module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from ...model.language.expr import BOOL, DURATION, INT, NODE, TIME, Expr, negate
from ...model.language.instance import BUDGET_LEFT
from ...model.language.tla import WIDTH, comment, joined, quoted, simplified
from ...model.language.transition import Kind
from ...model.language.vocabulary import Variable
from ...model.pd.state import SKEW
from ...specs.properties import Property
from .system import START, Action, System
from .view import View
from .words import GROUPS

#: where labels stand
_LABELS = 56
#: among the names of variables: what is left of budgets
_BUDGETS = ""


def module(
    system: System, name: str, about: Sequence[str], properties: Mapping[str, Property], view: View | None
) -> str:
    """The module of that name.  ``about``: what is said first; ``properties``: by the name of the formula."""
    actions = [list(_action(system, action)) for action in system.actions]
    formulas = [list(_property(system, formula, prop)) for formula, prop in properties.items()]
    body: list[str] = []
    for title, lines in (
        ("What stays as it is in this scenario", _fixed(system)),
        ("What the actions speak of", _definitions(system)),
        ("How it begins", _init(system)),
        ("What may happen", _spaced(actions)),
        ("The system", _next(system)),
        ("What must hold", _spaced([list(_types(system)), *formulas])),
        ("Optional: behaviours of any length, by a VIEW", [] if view is None else view.lines()),
    ):
        shown = list(lines)
        if shown:
            body += ["", "-" * WIDTH, f"\\* {title}", "", *shown]
    # what is said first is written last: which constants are spoken of is known now
    head = [
        f" MODULE {name} ".center(WIDTH, "-"),
        *(line for paragraph in about for line in _comment(paragraph)),
        "",
        "EXTENDS Integers",
        "",
        *_constants(system),
        "",
        *_variables(system),
    ]
    return "\n".join(line.rstrip() for line in [*head, *body, "=" * WIDTH, ""])


def _comment(text: str) -> Iterator[str]:
    """A text as comments on lines of their own."""
    yield from (f"\\* {line}" for line in wrap(comment(text), WIDTH - 3))


def _spaced(blocks: Iterable[Sequence[str]]) -> Iterator[str]:
    for index, block in enumerate(blocks):
        if index:
            yield ""
        yield from block


def _told(names: Sequence[tuple[str, str]], last: bool = True) -> Iterator[str]:
    """Names in a list, with what they are."""
    wide = max(len(name) for name, _ in names) + 2
    for index, (name, meaning) in enumerate(names):
        comma = "" if last and index == len(names) - 1 else ","
        yield f"  {name + comma:{wide}} \\* {comment(meaning)}"


def _constants(system: System) -> Iterator[str]:
    yield "CONSTANTS"
    yield from _told(
        [
            ("PD", "the PDs"),
            ("TSO", "the TSO servers"),
            *((each.name, each.meaning) for each in system.constants),
            ("Ticks", "how far time goes: no bound of PD's, but TLC needs one"),
        ]
    )
    yield ""
    yield "Server == PD \\cup TSO"
    yield 'Nobody == "nobody"'
    yield f"Start == {START}  \\* times are absolute; 0 is none, older than any"


def _variables(system: System) -> Iterator[str]:
    """Every variable, by group, with what it is."""
    meanings = {name: meaning for group in GROUPS.values() for name, meaning in group.items()}
    told = [
        (system.variable(name), meanings.get(name, "of the variant"))
        for names in system.groups.values()
        for name in names
    ]
    if system.budgets:
        told.append((system.left, "by fault and kind of server: how often it may still strike"))
    told.append((system.variable("now"), "the true time, which no server knows"))
    yield "VARIABLES"
    yield from _told(told)
    yield ""
    for group, names in system.groups.items():
        if len(names) > 1:
            yield f"{system.names.of('group', group)} == <<{', '.join(map(system.variable, names))}>>"
    yield from _filled("vars == <<", _all_groups(system), ">>")


def _all_groups(system: System) -> list[str]:
    return [
        *(
            system.names.of("group", group) if len(names) > 1 else system.variable(names[0])
            for group, names in system.groups.items()
        ),
        *([system.left] if system.budgets else []),
        system.variable("now"),
    ]


def _fixed(system: System) -> Iterator[str]:
    """Variables that no action here changes, and actions that cannot happen here."""
    for variable in system.fixed:
        yield f"{system.variable(variable.name)} == {system.initial(variable)}"
    if system.left_out:
        yield ""
        yield from _comment("Left out, since the scenario allows none of them: " + ", ".join(system.left_out))


def _definitions(system: System) -> Iterator[str]:
    n = system.n
    yield "\\* One condition, not a choice: of disjuncts in an action TLC makes a step each."
    yield "Holds(condition) == condition = TRUE"
    if system.budgets:
        left = system.left
        yield ""
        yield "\\* Faults: the scenario says how often each may strike."
        yield "Unlimited == -1"
        yield f'KindOf({n}) == IF {n} \\in TSO THEN "tso" ELSE "pd"'
        yield f"CanStrike(fault, {n}) == {left}[fault][KindOf({n})] # 0"
        yield f"Strikes(fault, {n}) =="
        yield f"  {left}' = [{left} EXCEPT ![fault][KindOf({n})] = IF @ = Unlimited THEN @ ELSE @ - 1]"
    if system.facts_apart or system.choices_apart:
        yield ""
        yield from (f"{operator} == {meaning}" for operator, meaning in system.facts_apart.items())
        yield from system.choices_apart.values()
    for operator in system.writer.operators.values():
        yield ""
        yield from operator.lines()


def _init(system: System) -> Iterator[str]:
    yield "Init =="
    variables = system.configuration.vocabulary.variables
    for names in system.groups.values():
        for name in names:
            if name == "skew" and system.skew:
                bound = system.writer.parameter(SKEW)
                yield f"  /\\ {system.variable(name)} \\in [Server -> (-{bound})..{bound}]"
            else:
                yield f"  /\\ {system.variable(name)} = {system.initial(variables[name])}"
    if system.budgets:
        faults = [
            f"{fault} |-> [{', '.join(f'{kind} |-> {most}' for kind, most in kinds.items())}]"
            for fault, kinds in system.budgets.items()
        ]
        left = f"  /\\ {system.left} = ["
        yield left + f",\n{' ' * len(left)}".join(faults) + "]"
    yield f"  /\\ {system.variable('now')} = Start"


def _action(system: System, action: Action) -> Iterator[str]:
    writer, n = system.writer, system.n
    yield from _comment(action.transition.rule.meaning)
    yield f"{action.called} =="
    for label, condition in action.guard.items():
        lines = joined("  /\\ ", writer.lines(condition, WIDTH - 5, condition=True))
        yield from _labelled(lines, label)
    changed: set[str] = set()
    if action.spends is not None:
        fault = quoted(action.spends)
        yield from _labelled([f"  /\\ CanStrike({fault}, {n})"], BUDGET_LEFT)
    for name, value in action.effect.items():
        if name != "now" and name not in system.changing:
            continue
        changed.add(name)
        yield from _changed(system, name, value)
    if action.spends is not None:
        changed.add(_BUDGETS)
        yield f"  /\\ Strikes({quoted(action.spends)}, {n})"
    if "now" in changed:
        yield from _labelled([f"  /\\ {system.variable('now')}' <= Start + Ticks"], "the bound for TLC")
    unchanged = _unchanged(system, changed)
    if unchanged:
        yield from _filled("  /\\ UNCHANGED <<", unchanged, ">>")


def _labelled(lines: Sequence[str], label: str) -> Iterator[str]:
    """A conjunct with its label behind it, or above it where there is no room."""
    first, *others = lines
    beside = f"{first:{_LABELS}}  \\* {comment(label)}"
    if len(beside) <= WIDTH + 8:
        yield beside
    else:
        yield f"  \\* {comment(label)}:"
        yield first
    yield from others


def _changed(system: System, name: str, value: Expr) -> Iterator[str]:
    variable = system.configuration.vocabulary.variables.get(name)
    called = system.variable(name)
    if variable is None or not variable.per_server:
        before, after, write = f"  /\\ {called}' = ", "", system.writer.value
    else:
        before, after = f"  /\\ {called}' = [{called} EXCEPT ![{system.n}] = ", "]"
        write = system.writer.where_it_is(name).lines
    lines = write(value, WIDTH - len(before) - len(after))
    if len(lines) > 1:  # under the name, for room
        yield before.rstrip()
        before = " " * 7
        lines = write(value, WIDTH - len(before) - len(after))
    for index, line in enumerate(lines):
        end = after if index == len(lines) - 1 else ""
        yield (before if index == 0 else " " * len(before)) + line + end


def _unchanged(system: System, changed: set[str]) -> list[str]:
    found = []
    for group, names in system.groups.items():
        still = [name for name in names if name not in changed]
        if len(still) == len(names) > 1:
            found.append(system.names.of("group", group))
        else:
            found += map(system.variable, still)
    if system.budgets and _BUDGETS not in changed:
        found.append(system.left)
    if "now" not in changed:
        found.append(system.variable("now"))
    return found


def _filled(before: str, words: Sequence[str], after: str) -> Iterator[str]:
    """Words in lines that are not too long."""
    line, start = before, " " * len(before)
    for index, word in enumerate(words):
        text = word + (after if index == len(words) - 1 else ",")
        if len(line) + len(text) > WIDTH and line.strip() != before.strip():
            yield line.rstrip()
            line = start
        line += text + " "
    yield line.rstrip()


def _next(system: System) -> Iterator[str]:
    yield "Next =="
    for who in ("Server", "PD", "TSO", None):
        actions = [action for action in system.actions if action.choices.get(system.n) == who]
        if who is not None and actions:
            yield f"  \\/ \\E {system.n} \\in {who} :"
        for action in actions:
            inputs = [f"{name} \\in {of}" for name, of in action.choices.items() if name != system.n]
            before = "  \\/ " if who is None else "       \\/ "
            if inputs:
                yield f"{before}\\E {', '.join(inputs)} :"
                yield f"{' ' * len(before)}  {action.called}"
            else:
                yield before + action.called
    yield ""
    yield "Spec == Init /\\ [][Next]_vars"


def _types(system: System) -> Iterator[str]:
    variables = system.configuration.vocabulary.variables
    yield "TypeOK =="
    for names in system.groups.values():
        for name in names:
            variable = variables[name]
            of = f"[Server -> {_type(variable)}]" if variable.per_server else _type(variable)
            yield f"  /\\ {system.variable(name)} \\in {of}"
    yield f"  /\\ {system.variable('now')} \\in Start..(Start + Ticks)"


def _type(variable: Variable) -> str:
    sort = variable.sort
    if sort.members:
        return "{" + ", ".join(map(quoted, sort.members)) + "}"
    if sort == NODE:
        return "Server \\cup {Nobody}"
    return {BOOL: "BOOLEAN", TIME: "Nat", INT: "Int", DURATION: "Int"}[sort]


#: what is chosen, and what then holds, to the actions of which that is said
_Said = dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]]


def stated(system: System, prop: Property) -> _Said:
    """What a property says of actions; nothing, if none can break it."""
    said: _Said = {}
    for action in system.actions:
        broken = prop.broken_by(action.transition)
        if broken is None:
            continue
        kept = simplified(negate(broken), system.kinds_known(action.transition.rule.kind))
        if kept.op == "literal" and kept.value:
            continue
        chosen = tuple(f"{name} \\in {of}" for name, of in action.choices.items())
        said.setdefault((chosen, tuple(system.writer.lines(kept, WIDTH - 8))), []).append(action.called)
    return said


def _property(system: System, formula: str, prop: Property) -> Iterator[str]:
    """An action property: of no step that may break it, it is so."""
    said = stated(system, prop)
    yield from _comment(f"{prop.name}: {prop.meaning}")
    if not said:
        yield "\\* (no step of this system can break it)"
        return
    yield f"{formula} =="
    parts = []
    for (chosen, lines), actions in said.items():
        part = [f"\\A {', '.join(chosen)} :"] if chosen else []
        indent = "  " if chosen else ""
        either = " \\/ ".join(actions)
        if len(either) < WIDTH - 20:
            part.append(f"{indent}{either if len(actions) == 1 else f'({either})'} =>")
        else:
            bullets = [f"\\/ {action}" for action in actions]
            part += [f"{indent}{'(' if not i else ' '}{bullet}" for i, bullet in enumerate(bullets)]
            part[-1] += ") =>"
        part += [f"{indent}  {line}" for line in lines]
        parts.append(part)
    for index, part in enumerate(parts):
        bullet = ("  [][" if index == 0 else "     ") + ("" if len(parts) == 1 else "/\\ ")
        yield from joined(bullet, part, "]_vars" if index == len(parts) - 1 else "")


def configuration(
    system: System, about: Sequence[str], properties: Iterable[str], ticks: int, view: str | None
) -> str:
    """A configuration of TLC for the module."""
    lines = [
        *(f"\\* {line}".rstrip() for line in about),
        "SPECIFICATION Spec",
        *([f"VIEW {view}"] if view else []),
        "\\* a step that time's bound forbids is no deadlock",
        "CHECK_DEADLOCK FALSE",
        "INVARIANT TypeOK",
        *(f"PROPERTY {formula}" for formula in properties),
        "CONSTANTS",
        f"  PD = {_set(system, Kind.PD)}",
        f"  TSO = {_set(system, Kind.TSO)}",
        *(f"  {each.name} = {each.value}" for each in system.constants),
        f"  Ticks = {ticks}",
        "",
    ]
    return "\n".join(lines)


def _set(system: System, kind: Kind) -> str:
    servers = [
        quoted(s) for s, k in zip(system.servers, system.configuration.kinds, strict=True) if k is kind
    ]
    return "{" + ", ".join(servers) + "}"

"""Runs as files: what `--runs` writes, and `show` and `replay` read.

| field | meaning |
|---|---|
| `format`, `version` | what the file is; `format` comes first, so that the first bytes tell |
| `title` | in a few words, where the run comes from |
| `build` | the build of PD; missing: the default one |
| `fence`, `dropped` | the system: fence, and guards left out as (transition, label) |
| `servers` | name to `pd` or `tso`, in order: server 1, 2, … |
| `constants` | the parameters of the system, in the unit of the run's times |
| `first` | what differs from a cluster that was never used: a value, or one by server; `now`: the true time |
| `reachable` | false: the first state is any state that some lemmas allow, not one that a cluster starts in |
| `breaks` | the property that the last step breaks, or null |
| `cycle_from` | where the moves that repeat forever begin, counted from 0; missing or null: nothing repeats |
| `moves` | the steps: transition, server (none: the cluster's) and inputs (none: it has none) |

Values are whole numbers as in a state: a server is its number, none is 0, an enumeration counts from 0.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from msgspec import UNSET

from ...checker.run import Move, Run, RunError, follow, repeats
from ...model.builds import known as builds
from ...model.language.expr import BOOL, DURATION, NODE, Sort
from ...model.language.transition import Kind, Rule
from ...model.language.variant import Variant
from ...model.language.vocabulary import Vocabulary
from ...model.pd import state, system
from ...model.variants import fences
from ...specs import liveness, properties
from ..sources.observation import BadInput
from ..sources.packing import open_bounded
from ..sources.servers import MAX_SERVERS
from .document import FORMAT, VERSION, RunFile, Taken

MAX_BYTES = 16 << 20  # JSON takes up to 40 times its size in memory
MAX_MOVES = 100_000
MAX_TEXT = 500
MAX_CHANGES = 64  # of a server's settings
MAX_NUMBER = 1 << 63  # nanoseconds since 1970 stay below

_START = re.compile(rb'\s*\{\s*"format"\s*:\s*"' + re.escape(FORMAT.encode()) + rb'"')
_KINDS = {"pd": Kind.PD, "tso": Kind.TSO}
#: the constants that belong to a server: also given as ``pd.window`` or, of one server, ``pd2.window``
_OWN = tuple(fact.constant for fact in state.VOCABULARY.facts.values() if fact.sort is DURATION)
_OPTIONAL = tuple(fact.constant for fact in state.VOCABULARY.facts.values() if fact.default)
#: every constant that a run has
CONSTANTS = (
    "window",
    "guard",
    "unit",
    "lease",
    "limit",
    "margin",
    "skew_bound",
    "max_reset",
    "ahead",
    "dynamic",
    "registry",
)
#: those that a run can do without, and what they are then: PDs in service mode, clients that may ask for all
_MISSING = {state.DYNAMIC.name: 0, state.REGISTRY.name: 0, state.AHEAD.name: MAX_NUMBER}
_NEEDED = tuple(name for name in CONSTANTS if name not in _MISSING)
#: what runs under any build and fence that comes with tsofence are made of
_SHIPPED = fences.shipped_rules()
_AGAIN = "mend the file, or have the run found again"


def recognise(head: bytes) -> bool:
    """Whether a file that begins like this is a run file."""
    return _START.match(head) is not None


def is_run(path: Path) -> bool:
    """Is it a file, and one that begins like a run?"""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return recognise(file.read(4096))


def dumps(run: Run) -> str:
    """The run as JSON, one line a move.

    Raises:
        ValueError: two servers have one name.
    """
    head = document(run).plain()
    moves = ",\n".join(f"    {json.dumps(move)}" for move in head.pop("moves"))
    return json.dumps(head, indent=2).removesuffix("\n}") + f',\n  "moves": [\n{moves}\n  ]\n}}\n'


def document(run: Run) -> RunFile:
    """What a file of the run holds.

    Raises:
        ValueError: two servers have one name.
    """
    if len(set(run.names)) < len(run.names):
        raise ValueError(f"servers need different names: {', '.join(run.names)}")
    first: dict[str, Any] = {}
    for (name, number), value in run.first.items():
        if number:
            first.setdefault(name, {})[run.names[number - 1]] = value
        else:
            first[name] = value
    build, fence = fences.parted(run.fence)
    return RunFile(
        format=FORMAT,
        version=VERSION,
        title=run.title,
        build=UNSET if build == builds.DEFAULT else build,
        fence=fence,
        dropped=[list(guard) for guard in run.dropped],
        servers={name: kind.name.lower() for name, kind in zip(run.names, run.kinds, strict=True)},
        constants={_named(name, run.names): value for name, value in run.constants.items()},
        first=first,
        reachable=run.reachable,
        breaks=run.breaks,
        cycle_from=UNSET if run.cycle_from is None else run.cycle_from,
        moves=[_move(move, run.names) for move in run.moves],
    )


def _named(constant: str, names: Sequence[str]) -> str:
    """A constant as a file has it: one of a server by that server's name."""
    owner, _, name = constant.partition(".")
    return f"{names[int(owner) - 1]}.{name}" if owner.isdecimal() else constant


def _move(move: Move, names: tuple[str, ...]) -> Taken:
    return Taken(
        transition=move.transition,
        server=names[move.server - 1] if move.server else UNSET,
        inputs=dict(move.inputs) or UNSET,
    )


def load(path: Path | str) -> Run:
    """A run from a file, one that its own transitions allow.

    Raises:
        BadInput: the file cannot be read, is no run file, or tells what cannot happen.
    """
    try:
        with open_bounded(Path(path)) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(str(path), None, "a run file that can be read", f"check the path ({reason})") from None
    return checked(parse(content, str(path)), str(path))


def checked(run: Run, file: str) -> Run:
    """The run, if its own transitions allow it.

    Raises:
        BadInput: they do not; ``file`` is what the message calls it.
    """
    try:
        check(run)
    except RunError as error:
        expected = f"a run that its own transitions allow, but {error}"
        raise BadInput(file, None, expected, "have the run found again by this version") from None
    return run


def check(run: Run) -> None:
    """Take every step, and once more what repeats.

    Raises:
        RunError: a transition refuses its step, or what is said to repeat does not.
    """
    for _ in follow(run):
        pass
    if run.cycle_from is not None:
        repeats(run)


def parse(content: bytes, file: str) -> Run:
    """A run from the content of a file, whether or not its steps can happen.

    Raises:
        BadInput: the content is no run file; ``file`` is what the message calls it.
    """
    try:
        return _run(_document(content))
    except _Wrong as wrong:
        raise BadInput(file, wrong.line, wrong.expected, wrong.what_to_do) from None


class _Wrong(Exception):
    """The content is not what was expected there."""

    def __init__(self, expected: str, what_to_do: str = _AGAIN, line: int | None = None) -> None:
        super().__init__(expected)
        self.expected, self.what_to_do, self.line = expected, what_to_do, line


def _quoted(value: object) -> str:
    """A value as a message may repeat it: on one line, short and free of control characters."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return ascii(value[:60])
    return json.dumps(value)[:60]


def _unlike(place: str, expected: str, value: object) -> NoReturn:
    raise _Wrong(f"{place} to be {expected}, not {_quoted(value)}")


def _document(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise _Wrong(f"a run file of at most {MAX_BYTES >> 20} MiB", "cut the run into shorter ones")
    try:
        found = json.loads(content.decode(), object_pairs_hook=_no_key_twice)
    except json.JSONDecodeError as error:
        raise _Wrong(f"JSON ({error.msg}, column {error.colno})", line=error.lineno) from None
    except (ValueError, RecursionError):  # not UTF-8, an integer of thousands of digits, nested too deeply
        raise _Wrong("JSON in UTF-8, with numbers and nesting within reason") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _Wrong(
            f'a run file ("format": "{FORMAT}")', "name a file that --runs wrote; recordings go to replay"
        )
    if found.get("version") != VERSION or isinstance(found["version"], bool):
        _unlike("version", f"{VERSION}", found.get("version"))
    return found


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Wrong(
            f"each key once, but {_quoted(next(key for key in keys if keys.count(key) > 1))} is twice"
        )
    return found


def _run(document: dict[str, Any]) -> Run:
    fields = _fields(
        document,
        "the file",
        ("format", "version", "title", "fence", "servers", "constants", "first", "moves"),
        {"build": builds.DEFAULT, "dropped": [], "reachable": True, "breaks": None, "cycle_from": None},
    )
    build = _text(fields["build"], "build")
    try:
        fences.build(build)
    except ValueError as error:
        raise _Wrong("build to be one that there is", str(error)) from None
    fence = fences.of_build(build, _text(fields["fence"], "fence"))
    dropped = tuple(_guards(fields["dropped"]))
    variant = _system(fence, dropped)
    rules = {**_SHIPPED, **{each.name: each.rule for each in system.transitions(variant)}}
    servers = _servers(fields["servers"])
    names = tuple(servers)
    constants = _constants(fields["constants"], variant, names)
    variant = fences.configured(variant, constants)
    rules |= {each.name: each.rule for each in system.transitions(variant)}
    if not isinstance(fields["reachable"], bool):
        _unlike("reachable", "true or false", fields["reachable"])
    moves = _list(fields["moves"], "moves", MAX_MOVES)
    if fields["cycle_from"] is not None:
        if not moves:
            _unlike("cycle_from", "null, for there are no moves that repeat", fields["cycle_from"])
        _whole(fields["cycle_from"], "cycle_from", 0, len(moves) - 1)
    if fields["breaks"] is not None:
        _known(fields["breaks"], "breaks", "a property", (*properties.known(), *liveness.known()))
        # the last step of a run that ends breaks safety; only one that repeats breaks liveness
        if fields["cycle_from"] is None:
            _known(fields["breaks"], "breaks", "a property of safety, for the run ends", properties.known())
        else:
            _known(fields["breaks"], "breaks", "one of liveness, for the run repeats", liveness.known())
    numbers = {name: number for number, name in enumerate(names, 1)}
    return Run(
        title=_text(fields["title"], "title"),
        fence=fence,
        kinds=tuple(servers.values()),
        names=names,
        constants=constants,
        first=dict(_first(fields["first"], system.vocabulary(variant), numbers)),
        moves=tuple(
            _read_move(move, f"step {number}", rules, numbers, servers)
            for number, move in enumerate(moves, 1)
        ),
        breaks=fields["breaks"],
        dropped=dropped,
        reachable=fields["reachable"],
        cycle_from=fields["cycle_from"],
    )


def _object(value: object, place: str, known: Collection[str]) -> dict[str, Any]:
    """An object without a key that is unknown."""
    if not isinstance(value, dict):
        _unlike(place, "an object", value)
    for key in value:
        if key not in known:
            raise _Wrong(f"{place} to hold {', '.join(known) or 'nothing'}, not {_quoted(key)}")
    return value


def _fields(
    value: object, place: str, needed: Collection[str], optional: Mapping[str, Any]
) -> dict[str, Any]:
    """An object with every key that is needed, and the others as given or as they are when missing."""
    found = _object(value, place, [*needed, *optional])
    for key in needed:
        if key not in found:
            raise _Wrong(f"{place} to hold {key!r}")
    return {**optional, **found}


def _text(value: object, place: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        _unlike(place, f"a text of at most {MAX_TEXT} characters", value)
    return value


def _whole(value: object, place: str, least: int = -MAX_NUMBER, most: int = MAX_NUMBER) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        _unlike(place, f"a whole number from {least} to {most}", value)
    return value


def _list(value: object, place: str, most: int) -> list[Any]:
    if not isinstance(value, list):
        _unlike(place, "a list", value)
    if len(value) > most:
        raise _Wrong(f"{place} to be at most {most}, not {len(value)}")
    return value


def _known(value: object, place: str, what: str, known: Collection[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise _Wrong(f"{place} to be {what}, not {_quoted(value)}", f"choose from {', '.join(known)}")
    return value


def _of_sort(value: object, sort: Sort, place: str, servers: int) -> int:
    """A value of a variable or an input."""
    if sort is BOOL:
        return _whole(value, place, 0, 1)
    if sort.members:
        return _whole(value, place, 0, len(sort.members) - 1)
    if sort is NODE:
        return _whole(value, place, 0, servers)
    return _whole(value, place) if sort is DURATION else _whole(value, place, 0)


def _guards(value: object) -> Iterator[tuple[str, str]]:
    for pair in _list(value, "dropped", 1000):
        match pair:
            case [str(transition), str(label)]:
                yield transition, label
            case _:
                _unlike("each of dropped", "[transition, guard]", pair)


def _system(fence: str, dropped: tuple[tuple[str, str], ...]) -> Variant:
    try:
        found = fences.whole(fence)
    except ValueError as error:
        raise _Wrong("fence to be one of this version", str(error)) from None
    transitions = {made.name: made for made in system.transitions(found)}
    for name, label in dropped:
        _known(name, "dropped", f"a transition under {fence}", transitions)
        _known(label, "dropped", f"a guard of {name}", transitions[name].step.guard)
    return found


def _constants(value: object, variant: Variant, names: tuple[str, ...]) -> dict[str, int]:
    """The constants, those of a server under its number."""
    numbers = {"pd": "pd", "tso": "tso", **{name: str(number) for number, name in enumerate(names, 1)}}
    own = {f"{who}.{name}": f"{number}.{name}" for who, number in numbers.items() for name in _OWN}
    own |= {
        f"{who}.{times}": f"{number}.{times}"
        for who, number in own.items()
        if number[0].isdecimal()
        for times in range(1, MAX_CHANGES + 1)
    }
    optional = (
        {} if not isinstance(value, dict) else {key: value[key] for key in value if key in (*own, *_OPTIONAL)}
    )
    theirs = {name: default for name, (_, default) in variant.constants.items()}
    found = _fields(value, "constants", _NEEDED, {**_MISSING, **theirs, **optional})
    order = (*(name for name in CONSTANTS if name in found), *found)
    return {own.get(name, name): _whole(found[name], f"constants: {name}", 0) for name in order}


def _servers(value: object) -> dict[str, Kind]:
    if not isinstance(value, dict) or not 1 <= len(value) <= MAX_SERVERS:
        _unlike("servers", f"an object of 1 to {MAX_SERVERS} names", value)
    return {
        _text(name, "a server's name"): _KINDS[_known(kind, "servers", "a kind of server", _KINDS)]
        for name, kind in value.items()
    }


def _first(
    value: object, vocabulary: Vocabulary, numbers: Mapping[str, int]
) -> Iterator[tuple[tuple[str, int], int]]:
    for name, given in _object(value, "first", ["now", *vocabulary.variables]).items():
        place = f"first: {name}"
        variable = vocabulary.variables.get(name)
        if variable is None:
            yield (name, 0), _whole(given, place, 0)
        elif not variable.per_server:
            yield (name, 0), _of_sort(given, variable.sort, place, len(numbers))
        else:
            for server, each in _object(given, place, numbers).items():
                yield (name, numbers[server]), _of_sort(each, variable.sort, place, len(numbers))


def _read_move(
    value: object,
    place: str,
    rules: Mapping[str, Rule],
    numbers: Mapping[str, int],
    servers: Mapping[str, Kind],
) -> Move:
    fields = _fields(value, place, ("transition",), {"server": None, "inputs": {}})
    rule = rules[_known(fields["transition"], place, "a transition", rules)]
    server = 0
    if rule.kind is not Kind.CLUSTER:
        able = [name for name, kind in servers.items() if rule.kind in (Kind.ANY, kind)]
        server = numbers[_known(fields["server"], f"{place}: server", rule.kind.value, able)]
    elif fields["server"] is not None:
        _unlike(f"{place}: server", f"left out, for {rule.name} is {rule.kind.value}", fields["server"])
    sorts = {chosen.name: chosen.sort for chosen in rule.inputs}
    inputs = _fields(fields["inputs"], f"{place}: inputs", tuple(sorts), {})
    return Move(
        rule.name,
        server,
        {
            name: _of_sort(inputs[name], sort, f"{place}: {name}", len(numbers))
            for name, sort in sorts.items()
        },
    )

"""Scenarios: which servers there are, how large the constants are, how often each fault may strike.

A scenario is a TOML file; every key is listed in `_SHAPE` with what it means.  What a scenario does
not allow is not explored: its `holds` speak of this scenario only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

from ..model.behaviours import known as behaviours
from ..model.language.choice import no_such
from ..model.language.instance import Configuration
from ..model.language.transition import Kind
from ..model.language.variant import Variant
from ..model.pd import system
from ..model.variants import fences
from ..model.variants.own import SUFFIX
from . import liveness

#: the faults of a server: how often in one run, over all servers of that kind together
FAULTS = {
    "term": "elections won",
    "stop": "asked to stop (SIGTERM); may start again",
    "crash": "killed; may start again",
    "keepalive": "keep-alives of its lease stop, as they do when the process is paused",
    "lost": "an answer of etcd, a request to it, or a revoke is lost",
    "jump": "its clock is set, within the bound on skew",
    "raft_move": "the raft leader moves to it",
    "admin": "an admin resets its timestamp forward",
    "mode": "it starts again in the other mode: service or API",
    "reclaim": "it misses a PD leader for long and moves the raft leader to itself",
    "client_sync": "a client's request makes it sync, beside what its campaign does",
    "transfer": "an admin chooses it as the next primary",
    "lapse": "the lease of its registry key runs out although it is alive",
    "fallback": "a request that it could not send on to a TSO server makes it sync, beside its poll",
    "stale_delete": "it deletes its own election key late, when another may hold it",
    "two_reads": "it resigns between two reads of its own value: its save goes on as nobody's",
    "stale_failure": "an update of an earlier term fails, and clears the memory of the present one",
    "late_sync": "after its updates failed it syncs once more, and does not lead any more",
    "follower_proxy": "library clients begin to ask PDs that do not lead, too",
    "client_mode": "library clients learn late who hands out timestamps, and ask TSO servers themselves",
    "discovery": "it cannot read the registry of TSO servers",
    "frequent_elections": "campaigning too often, it hands the raft leadership to another",
    "priority": "an admin gives it the highest priority as leader",
}
_PD_ONLY = frozenset(
    {
        "raft_move",
        "mode",
        "reclaim",
        "fallback",
        "late_sync",
        "follower_proxy",
        "client_mode",
        "discovery",
        "frequent_elections",
        "priority",
    }
)
_TSO_ONLY = frozenset({"client_sync", "transfer", "lapse"})

#: what belongs to a server: given in [time] for all, in [time.pd] and [time.tso] for those of a kind
OWN = ("window", "update_interval", "lease")

#: the number of a fault that has no limit
ANY = "any"

DEFAULT = "rolling-upgrade"

#: of a file: those that come with tsofence have one, and TOML of many keys takes long to read
MAX_BYTES = 32 << 10


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message is one line: file, what was expected, what to do."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario; times in units of the physical part.

    ``own``: what else belongs to servers, or to those of a kind: by ``update_interval``, ``pd.window``, …
    ``api``: how many of the PDs, the last ones, start in API mode; ``dynamic``: may those hand out
    timestamps while no TSO server is registered; ``skew``: bound on every server's clock skew; all
    combinations within it are first states.
    ``liveness``: the liveness properties that it is there for, asked beside those of safety.
    ``fences``: those that are asked for where the command line names none.
    ``margin``: what the fence wait-out adds for skew.  ``reset_by``: how far an admin resets.
    ``ahead``: how far ahead of its clock clients may drive a server's updates.
    """

    name: str
    description: str
    pd: int
    tso: int
    api: int
    dynamic: bool
    window: int
    guard: int
    lease: int
    skew: int
    margin: int
    reset_by: tuple[int, ...]
    counts: tuple[int, ...]
    limit: int
    ahead: int
    budgets: Mapping[str, int]
    own: Mapping[str, int] = field(default_factory=dict)
    liveness: tuple[str, ...] = ()
    fences: tuple[str, ...] = ()

    @property
    def server_names(self) -> tuple[str, ...]:
        """pd1, pd2, …, tso1, tso2, …"""
        many = {"pd": self.pd, "tso": self.tso}
        return tuple(f"{kind}{number}" for kind in many for number in range(1, many[kind] + 1))

    @property
    def modes(self) -> tuple[int, ...]:
        """By server: does it start in API mode?"""
        return (0,) * (self.pd - self.api) + (1,) * self.api + (0,) * self.tso

    def allows(self, fault: str) -> bool:
        """May some server suffer that fault?"""
        return any(self.budgets.get(f"{kind}.{fault}") != 0 for kind in ("pd", "tso"))

    def configuration(self, fence: Variant, dropped: Iterable[tuple[str, str]] = ()) -> Configuration:
        """The system of this scenario under a fence, ready to explore, with what its faults may lead to.

        Raises:
            KeyError: a guard to drop that does not exist.
        """
        whole, fence = behaviours.behaving(fence), behaviours.behaving(fence, self.allows)
        skews = tuple(range(-self.skew, self.skew + 1))
        dropped = tuple(dropped)
        return Configuration(
            system.vocabulary(fence),
            system.transitions(fence, dropped, whole),
            (Kind.PD,) * self.pd + (Kind.TSO,) * self.tso,
            {
                **{name: value for name, (_, value) in fence.constants.items()},
                "window": self.window,
                "guard": self.guard,
                "unit": 1,
                "lease": self.lease,
                "limit": self.limit,
                "margin": self.margin,
                "skew_bound": self.skew,
                "max_reset": max(self.reset_by, default=0) + 1,
                "ahead": self.ahead,
                "dynamic": int(self.dynamic),
                "registry": int(self.api > 0 or self.budgets.get("pd.mode") != 0),
                **self.own,
            },
            relative=True,
            api=self.modes,
            budgets=self.budgets,
            domains={
                "count": self.counts,
                "note": (0, 1),
                "pick": tuple(range(1, max(self.counts) + 1)),
                "tick.by": (1,),
                "clock_jump.by": skews,
                "by": self.reset_by,
            },
        )

    def first_states(self, configuration: Configuration) -> Iterator[tuple[int, ...]]:
        """A cluster that was never used, with every combination of clock skews."""
        layout = configuration.layout()
        servers = range(1, self.pd + self.tso + 1)
        for skews in product(range(-self.skew, self.skew + 1), repeat=len(servers)):
            given = {("skew", number): skew for number, skew in zip(servers, skews, strict=True)}
            given |= {("api", number): mode for number, mode in enumerate(self.modes, 1)}
            yield layout.initial(given, self.budgets)


def names() -> tuple[str, ...]:
    """The scenarios that come with tsofence."""
    files = resources.files(__package__).joinpath("scenarios").iterdir()
    found = sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))
    return tuple(sorted(found, key=lambda name: name != DEFAULT))


def load(name: str) -> Scenario:
    """A scenario by name, or from a file that ends in ``.toml``.

    Raises:
        ScenarioError: no such scenario or file, or a file that says something else than a scenario.
    """
    if name.endswith(".toml"):
        try:
            text = _read(Path(name))
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ScenarioError(f"{name}: cannot be read ({why}); give a scenario file or a name") from None
        return parse(text, Path(name).stem, name)
    return parse(text_of(name), name, f"{name}.toml")


def text_of(name: str) -> str:
    """The file of a scenario that comes with tsofence.

    Raises:
        ScenarioError: there is none of that name.
    """
    if name not in names():
        raise ScenarioError(
            f"{no_such('scenario', name, names(), 'tsofence list scenarios')}; your own is a .toml file"
        )
    return resources.files(__package__).joinpath("scenarios", f"{name}.toml").read_text(encoding="utf-8")


def _read(path: Path) -> str:
    """The text of a file that is one: a device or a pipe may go on forever."""
    if not path.is_file():
        path.stat()  # says what is wrong with the path
        raise OSError("it is not a file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1).decode()


#: section -> key -> (least value, greatest value, value when missing; None: it must be there)
_SHAPE: dict[str, dict[str, tuple[int, int, int | None]]] = {
    "servers": {"pd": (0, 4, None), "api": (0, 4, 0), "tso": (0, 4, None), "dynamic": (0, 1, 0)},
    "time": {
        "window": (1, 12, None),
        "guard": (1, 4, 1),
        "update_interval": (1, 12, -1),
        "lease": (1, 12, 3),
        "skew": (0, 3, 0),
        "margin": (0, 24, -1),
    },
    **{f"time.{kind}": dict.fromkeys(OWN, (1, 12, -1)) for kind in ("pd", "tso")},
    "clients": {"limit": (2, 200, 2), "ahead": (1, 24, -1)},
    "faults.pd": {fault: (0, 9, 0) for fault in FAULTS if fault not in _TSO_ONLY},
    "faults.tso": {fault: (0, 9, 0) for fault in FAULTS if fault not in _PD_ONLY},
}
_LISTS = {("clients", "counts"): (1,), ("time", "reset_by"): (2,)}


def parse(text: str, name: str, file: str) -> Scenario:
    """A scenario from TOML text.

    Raises:
        ScenarioError: with the file, and the line of a syntax error.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise ScenarioError(f"{file}: expected a scenario of at most {MAX_BYTES >> 10} KiB; shorten it")
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{file}: not TOML: {error}; mend that line") from None
    except (ValueError, RecursionError):  # an integer of thousands of digits, or nested too deeply
        raise ScenarioError(
            f"{file}: expected TOML with numbers and nesting within reason; mend it"
        ) from None
    description = given.pop("description", "")
    if not isinstance(description, str):
        raise ScenarioError(f"{file}: description: expected a text")
    under = _fences(given.pop("fences", []), file)
    asked = given.pop("liveness", [])
    if not isinstance(asked, list) or not set(map(str, asked)) <= set(liveness.known()):
        raise ScenarioError(f"{file}: liveness: expected a list of names from {', '.join(liveness.known())}")
    sections = _sections(given, file)
    unlimited = {
        f"{kind}.{fault}"
        for kind in ("pd", "tso")
        for fault in _SHAPE[f"faults.{kind}"]
        if sections[f"faults.{kind}"].get(fault) == ANY and sections[f"faults.{kind}"].pop(fault)
    }
    values = {
        (section, key): _number(sections[section], section, key, bounds, file)
        for section, keys in _SHAPE.items()
        for key, bounds in keys.items()
    }
    lists = {
        (section, key): _numbers(sections[section].pop(key, default), f"{section}.{key}", file)
        for (section, key), default in _LISTS.items()
    }
    for section, left in sections.items():
        for key in left:
            known = ", ".join([*_SHAPE[section], *(k for s, k in _LISTS if s == section)])
            raise ScenarioError(f"{file}: unknown key {section}.{key:.60}; [{section}] may hold {known}")
    servers = values["servers", "pd"] + values["servers", "tso"]
    if not 1 <= servers <= 6:
        raise ScenarioError(f"{file}: servers: expected 1 to 6 in all, got {servers}")
    if values["servers", "api"] > values["servers", "pd"]:
        raise ScenarioError(f"{file}: servers.api: expected at most servers.pd, of which they are part")
    counts = lists["clients", "counts"]
    if max(counts) >= values["clients", "limit"]:
        raise ScenarioError(f"{file}: clients.limit: expected more than the largest of clients.counts")
    own = {
        f"{kind}.{each}": value
        for kind in ("pd", "tso")
        for each in OWN
        if (value := values[f"time.{kind}", each]) > 0
    }
    if (often := values["time", "update_interval"]) > 0:
        own["update_interval"] = often
    window = max([values["time", "window"], *(own.get(f"{kind}.window", 0) for kind in ("pd", "tso"))])
    skew, guard = values["time", "skew"], values["time", "guard"]
    margin, ahead = values["time", "margin"], values["clients", "ahead"]
    return Scenario(
        name,
        description,
        values["servers", "pd"],
        values["servers", "tso"],
        values["servers", "api"],
        bool(values["servers", "dynamic"]),
        values["time", "window"],
        guard,
        values["time", "lease"],
        skew,
        2 * skew + guard if margin < 0 else margin,
        lists["time", "reset_by"],
        counts,
        values["clients", "limit"],
        2 * window if ahead < 0 else ahead,
        {
            f"{kind}.{fault}": values.get((f"faults.{kind}", fault), 0)
            for kind in ("pd", "tso")
            for fault in FAULTS
            if f"{kind}.{fault}" not in unlimited
        },
        own,
        tuple(dict.fromkeys(asked)),
        under,
    )


def _fences(value: object, file: str) -> tuple[str, ...]:
    """The fences by name.  A file of somebody's own is code: it has to lie beside the scenario."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ScenarioError(f"{file}: fences: expected a list of names or files such as './mine.py'")
    return tuple(dict.fromkeys(_fence(name, file) for name in value))


def _fence(asked: str, file: str) -> str:
    parts = []
    for part in asked.split("+"):
        if part.endswith(SUFFIX) and Path(part).name != part.removeprefix("./"):
            raise ScenarioError(f"{file}: fences: expected a file beside the scenario, got {_quoted(part)}")
        parts.append(str(Path(file).parent / part) if part.endswith(SUFFIX) else part)
    try:
        name = fences.take("+".join(parts))
        fences.parse(name)
    except ValueError as error:
        raise ScenarioError(f"{file}: fences: {error}") from None
    return name


def _sections(given: dict[str, Any], file: str) -> dict[str, dict[str, Any]]:
    faults = given.pop("faults", {})
    if not isinstance(faults, dict):
        raise ScenarioError(f"{file}: faults: expected the sections [faults.pd] and [faults.tso]")
    given |= {f"faults.{kind}": section for kind, section in faults.items()}
    match given.get("time"):
        case dict(common):
            of_kinds = {kind: common[kind] for kind in ("pd", "tso") if kind in common}
            given["time"] = {key: value for key, value in common.items() if key not in of_kinds}
            given |= {f"time.{kind}": section for kind, section in of_kinds.items()}
    for section, content in given.items():
        if section not in _SHAPE or not isinstance(content, dict):
            raise ScenarioError(
                f"{file}: unknown {section[:60]!r}; a scenario has the sections {', '.join(_SHAPE)}"
            )
    return {section: dict(given.get(section, {})) for section in _SHAPE}


def _number(
    section: dict[str, Any], name: str, key: str, bounds: tuple[int, int, int | None], file: str
) -> int:
    least, most, missing = bounds
    if key not in section:
        if missing is None:
            raise ScenarioError(f"{file}: {name}.{key} is missing; expected a whole number")
        return missing
    value = section.pop(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ScenarioError(
            f"{file}: {name}.{key}: expected a whole number from {least} to {most}, got {_quoted(value)}"
        )
    return value


def _numbers(value: object, key: str, file: str) -> tuple[int, ...]:
    ok = isinstance(value, list | tuple) and value and all(type(v) is int and 1 <= v <= 12 for v in value)
    if not ok or not isinstance(value, list | tuple):
        raise ScenarioError(
            f"{file}: {key}: expected a list of whole numbers from 1 to 12, got {_quoted(value)}"
        )
    return tuple(dict.fromkeys(value))


def _quoted(value: object) -> str:
    """A value as a message repeats it: not at any length."""
    match value:
        case dict():
            return "a section"
        case list():
            return f"a list of {len(value)}"
        case int() if abs(value) >= 1 << 64:
            return "a number of many digits"
    return ascii(value)[:60]

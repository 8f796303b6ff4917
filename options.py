"""The options of the commands: what may be given, how it is checked, and what several commands share."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from .checker.search.explore import ENGINES
from .checker.search.reached import sought as as_sought
from .library.asked import systems as systems_of
from .model.builds import known as builds
from .model.language.variant import VariantError
from .model.pd import system
from .model.variants import fences
from .specs import assumptions, candidates, liveness, own, properties, ranks, scenario
from .specs.lemmas import Lemma
from .specs.phrases.reading import PhraseError
from .specs.phrases.sought import SoughtError
from .traces.explain.replay import DEFAULT_FENCES
from .traces.runs import files as run_files
from .traces.sources.settings import duration_ns
from .traces.stepping.start import Start, of_run, of_scenario
from .traces.tell.outlet import Outlet

#: more than any machine has; what is larger is no number that a search can be given
_MOST_GIB = 1 << 20
_NS_PER_S = 1_000_000_000
_OFTENEST_NS = 100_000_000
_ALL_PROPERTIES = (*properties.NAMES, *liveness.NAMES)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Named(click.ParamType[str]):
    """A name out of a list that the shell can complete; what the name means is checked later."""

    name = "name"

    def __init__(
        self,
        names: Callable[[], Iterable[str]],
        check: Callable[[str], object],
        take: Callable[[str], str] = str,
    ) -> None:
        self._names = names
        self._check = check
        self._take = take

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            name = self._take(str(value))
            self._check(name)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return name

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]


class Duration(click.ParamType[int]):
    """A time as PD's configuration writes it: 3s, 50ms; in nanoseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = duration_ns(str(value))
        if not found:
            self.fail(f"expected a time such as 3s or 50ms, got {value!r}", param, ctx)
        return found


class Many(click.ParamType[int]):
    """How many, or all: no more than anybody reads, or memory holds."""

    MOST = 1_000_000

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        many = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
        many = self.MOST if text == "all" else many
        if not 0 < many <= self.MOST:
            self.fail(f"expected all, or a number from 1 to {self.MOST:,}, got {value!r}", param, ctx)
        return many


class Memory(click.ParamType[int]):
    """An amount of memory in GiB; in bytes."""

    name = "gib"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            gib = float(value)
        except ValueError:
            gib = math.nan
        if not 0 < gib <= _MOST_GIB:  # nan is neither
            self.fail(f"expected a number of GiB above 0, up to {_MOST_GIB}, got {value!r}", param, ctx)
        return max(1, int(gib * (1 << 30)))


class Address(click.ParamType[tuple[str, int]]):
    """Where to listen: a port of this machine, or of the network with that address."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        address, _, port = str(value).rpartition(":")
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
            self.fail(f"expected a port such as 9105, or 0.0.0.0:9105, got {value!r}", param, ctx)
        return address.strip("[]") or "127.0.0.1", int(port)


class Place(click.Path):
    """A path; an empty one, which a shell makes of a variable that is not set, is not this folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("expected a path, got an empty text", param, ctx)
        return super().convert(value, param, ctx)


class Guard(click.ParamType[tuple[str, str]]):
    """A guard to leave out, ``TRANSITION:GUARD``; what there is, only a fence can tell."""

    name = "guard"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        transition, colon, label = str(value).partition(":")
        if not colon or not transition or not label:
            self.fail(
                f"expected TRANSITION:GUARD, such as 'commit:no TSO primary', got {value!r}", param, ctx
            )
        return transition, label.strip()


BUILD = Named(lambda: builds.SHIPPED, fences.build, functools.partial(fences.take, what="build"))
FENCE = Named(lambda: fences.SHIPPED, fences.parse, fences.take)
SAFETY = Named(lambda: properties.NAMES, properties.named, own.take)
PROVABLE = Named(lambda: (*properties.NAMES, *ranks.NAMES), ranks.provable, own.take)
PROPERTY = Named(lambda: _ALL_PROPERTIES, own.known, own.take)
ASSUMPTION = Named(lambda: [each.name for each in assumptions.ASSUMPTIONS], assumptions.assumption)
SCENARIO = Named(scenario.names, scenario.load)

scenario_of = click.option(
    "--scenario",
    "place",
    type=SCENARIO,
    default=scenario.DEFAULT,
    metavar="NAME|FILE.toml",
    show_default=True,
)

fence = click.option(
    "--fence",
    "chosen",
    type=FENCE,
    multiple=True,
    metavar="NAME|FILE.py",
    help="Join several with +; a file is one of your own (docs/own-fence.md). Repeatable; default: "
    f"{' and '.join(DEFAULT_FENCES)}.",
)

build = click.option(
    "--build",
    "builds",
    type=BUILD,
    multiple=True,
    metavar="NAME|FILE.py",
    help="Which PD it is (tsofence list builds), with the fences put on it; a file is one of your own "
    f"(docs/own-fence.md). Repeatable; default: {builds.DEFAULT}.",
)


#: the fence of a module, where nothing else is asked for
EXPORTED = "check-tso-primary"


def one_system(default: str) -> Decorator:
    """A build and a fence: one of each is enough. ``default``: the fence where none is named, in words."""

    def both(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, kind, text in (
            ("--fence", FENCE, f"Join several with +.  [default: {default}]"),
            ("--build", BUILD, f"Which PD it is (tsofence list builds).  [default: {builds.DEFAULT}]"),
        ):
            into = "chosen" if kind is FENCE else "builds"
            option = click.option(name, into, type=kind, multiple=True, metavar="NAME|FILE.py", help=text)
            command = option(command)
        return command

    return both


def taken_from(name: str, kind: Named, metavar: str, text: str) -> Decorator:
    """An option that only says in which file something of one's own is."""
    return click.option(name, type=kind, multiple=True, expose_value=False, metavar=metavar, help=text)


drop = click.option(
    "--drop",
    "dropped",
    type=Guard(),
    multiple=True,
    metavar="TRANSITION:GUARD",
    help="Leave a guard out, to see what depends on it. Repeatable.",
)


def property_of(kind: Named, default: str = "all") -> Decorator:
    """What is to be judged."""
    return click.option(
        "--property",
        "asked",
        type=kind,
        multiple=True,
        metavar="NAME|FILE.py:NAME",
        help=f"Repeatable; default: {default}.",
    )


def writable(ctx: click.Context, param: click.Parameter, to: str | None) -> str | None:
    """Said before the work, not after it."""
    if to in (None, "-"):
        return to
    file = Path(to)
    if not to or file.is_dir() or not file.absolute().parent.is_dir():
        raise click.BadParameter(f"{to!r}: expected a file in a folder that exists; make the folder first")
    if not os.access(file if file.exists() else file.absolute().parent, os.W_OK):
        raise click.BadParameter(f"{to}: expected a file that may be written; check its permissions")
    return to


def lemmas(ctx: click.Context, param: click.Parameter, path: str | None) -> tuple[Lemma, ...] | None:
    """The lemmas in a file of one's own."""
    if path is None:
        return None
    try:
        return own.lemmas(path)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def said_of(names: Iterable[str], given: Iterable[Lemma]) -> None:
    """Whether lemmas speak of what these systems have.

    Raises:
        click.BadParameter: one does not.
    """
    for name in names:
        vocabulary = system.vocabulary(fences.whole(name))
        for lemma in given:
            if not candidates.is_said_in(vocabulary, lemma.claim):
                raise click.BadParameter(
                    f"lemma {lemma.name!r} speaks of a variable that {name} has not; leave it out",
                    param_hint="--lemmas",
                )


def empty(ctx: click.Context, param: click.Parameter, folder: Path | None) -> Path | None:
    """A folder with nothing in it: what lies there would be read with what is written."""
    if folder is not None and folder.is_dir() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder}: expected an empty folder, or a new one; name another")
    return folder


def _folder(ctx: click.Context, param: click.Parameter, folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _installed(ctx: click.Context, param: click.Parameter, engine: str) -> str:
    if engine == "cluster" and find_spec("ray") is None:
        raise click.BadParameter("needs Ray: pip install '.[cluster]' in a clone of tsofence")
    return engine


engine = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    callback=_installed,
    help="plain Python; machine code of the same steps, in this process or on a Ray cluster (RAY_ADDRESS, or "
    "one here); auto: machine code once there are many states.",
)


def outlet(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the result goes; the command gets an `Outlet` of that name."""
    return click.option(
        "--runs",
        type=Place(file_okay=False, path_type=Path),
        metavar="DIR",
        callback=_folder,
        help="Write each run found as a file that show and replay read.",
    )(outlet_without_runs(command))


def outlet_without_runs(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that finds no runs."""

    @functools.wraps(command)
    def with_outlet(
        *, json_to: str | None, quiet: bool, no_progress: bool, runs: Path | None = None, **given: Any
    ) -> Any:
        return command(outlet=Outlet(json_to=json_to, runs=runs, quiet=quiet, live=not no_progress), **given)

    made: Callable[..., Any] = with_outlet
    for option in (
        click.option(
            "--json",
            "json_to",
            metavar="FILE|-",
            callback=writable,
            help="Write the result as JSON; - is stdout, and tables then go to stderr.",
        ),
        click.option("--quiet", is_flag=True, help="No tables and no runs, only the exit status."),
        click.option("--no-progress", is_flag=True, help="No progress while it works."),
    ):
        made = option(made)
    return made


def _line_of(file: Path) -> str:
    """A secret in a file, without the end of its line."""
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"{file}: expected a password in UTF-8; check the file") from None


def _sampling(ctx: click.Context, param: click.Parameter, every_ns: int | None) -> float | None:
    """In seconds; more often would be a load."""
    if every_ns is None:
        return None
    if not all(map(find_spec, ("grpc", "google", "google.protobuf"))):
        raise click.BadParameter("needs grpcio: pip install '.[samples]' in a clone of tsofence")
    if every_ns < _OFTENEST_NS:
        raise click.BadParameter(f"expected at least {_OFTENEST_NS // 1_000_000}ms; ask less often")
    return every_ns / _NS_PER_S


def cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """A cluster that runs, what it wants to see, and its logs; the command gets an `Order` of that name."""

    @functools.wraps(command)
    def with_order(
        *,
        pd: tuple[str, ...],
        logs: tuple[Path, ...],
        cacert: Path | None,
        cert: Path | None,
        key: Path | None,
        user: str | None,
        password_file: Path | None,
        patience: int,
        lasting: int | None,
        sampled: float | None,
        **given: Any,
    ) -> Any:
        from .traces.live.collect import Order
        from .traces.live.gateway import Access

        if (user is None) != (password_file is None):
            raise click.UsageError("--user and --password-file are given together, or neither")
        password = "" if password_file is None else _line_of(password_file)
        order = Order(
            pd,
            Access(cacert, cert, key, user, password),
            logs,
            patience / _NS_PER_S,
            None if lasting is None else lasting / _NS_PER_S,
            sampled,
        )
        return command(order=order, **given)

    file = Place(exists=True, dir_okay=False, path_type=Path)
    made: Callable[..., Any] = with_order
    for option in (
        click.option(
            "--for",
            "lasting",
            type=Duration(),
            metavar="TIME",
            help="Stop after that long, such as 10m.  [default: at Ctrl-C]",
        ),
        click.option(
            "--sample",
            "sampled",
            type=Duration(),
            metavar="TIME",
            callback=_sampling,
            help="Ask each --pd, and each registered TSO server, for a timestamp that often, such as 1s.",
        ),
        click.option(
            "--patience",
            type=Duration(),
            default="5m",
            metavar="TIME",
            show_default=True,
            help="Stop, with status 3, when nothing was heard of any endpoint for that long.",
        ),
        click.option("--password-file", type=file, metavar="FILE", help="The password of --user."),
        click.option("--user", metavar="NAME", help="A user of etcd who may read all keys, if it has users."),
        click.option("--key", type=file, metavar="FILE", help="The key of --cert (PEM)."),
        click.option("--cert", type=file, metavar="FILE", help="The client's certificate (PEM)."),
        click.option("--cacert", type=file, metavar="FILE", help="The CA's certificates (PEM), for https."),
        click.option(
            "--log",
            "logs",
            type=file,
            multiple=True,
            metavar="FILE",
            help="The log of a PD or TSO server, followed through rotation.  Repeatable.",
        ),
        click.option(
            "--pd",
            multiple=True,
            required=True,
            metavar="URL",
            help="A client URL of PD; several, and the others are asked where one does not answer.",
        ),
    ):
        made = option(made)
    return made


def systems(
    builds_asked: Sequence[str],
    fences_asked: Sequence[str],
    default: Sequence[str],
    dropped: Iterable[tuple[str, str]],
) -> list[str]:
    """The names of all builds with all fences; a build with none, if no fence is asked for.

    Raises:
        click.BadParameter: a build and a fence that exclude each other, or a guard to drop that there is not.
    """
    try:
        return systems_of(builds_asked, fences_asked, default, dropped)
    except VariantError as error:
        raise click.BadParameter(str(error), param_hint="--build") from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--drop") from None


def start(
    what: str, builds_asked: Sequence[str], chosen: Sequence[str], dropped: tuple[tuple[str, str], ...]
) -> Start:
    """Where stepping begins: a run's first state, or a scenario's under one build and fence.

    Raises:
        click.BadParameter: two of them, or others than the run's own.
        BadInput: a run that cannot be used.
        ScenarioError: no such scenario.
    """
    if what.endswith(".json"):
        run = run_files.load(what)
        build, fence = fences.parted(run.fence)
        # one's own is named to say in which file it is, as for show
        if dropped or not {*builds_asked} <= {build} or not {*chosen} <= {fence, *fence.split("+")}:
            raise click.BadParameter(
                f"a run says itself what it is of: {build}, {fence}; leave them out",
                param_hint="--build, --fence, --drop",
            )
        return of_run(run)
    if len(builds_asked) > 1 or len(chosen) > 1:
        raise click.BadParameter("expected one: one system is stepped through", param_hint="--build, --fence")
    (name,) = systems(builds_asked, chosen, [fences.NONE], dropped)
    return of_scenario(scenario.load(what), name, dropped)


def sought(
    text: str, world: scenario.Scenario, names: Iterable[str], dropped: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """By system, the state that somebody wants found, as it may be typed.

    Raises:
        click.BadParameter: it is none, or the system cannot be asked.
    """
    found = {}
    for name in names:
        try:
            found[name] = as_sought(text, world, name, dropped).meaning
        except (PhraseError, SoughtError) as error:
            raise click.BadParameter(str(error), param_hint="--find") from None
    return found

"""Which systems: the build, the fence and the scenario, what is asked of them, and what is left out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from ...model.builds import known as builds
from ...model.language.variant import VariantError
from ...model.variants import fences
from ...specs import assumptions, liveness, own, properties, ranks, scenario
from .kinds import Guard, Named

_ALL_PROPERTIES = (*properties.NAMES, *liveness.NAMES)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


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
    f"{' and '.join(fences.DEFAULTS)}.",
)

build = click.option(
    "--build",
    "builds",
    type=BUILD,
    multiple=True,
    metavar="NAME|FILE.py",
    help="Which PD it is (tsofence list builds), with the fences put on it; A..B: an upgrade from A to B, "
    "server by server, with the fences put on B; a file is one of your own "
    f"(docs/own-fence.md). Repeatable; default: {builds.DEFAULT}.",
)


_WHICH = "Which PD it is (tsofence list builds; A..B: an upgrade)"

#: the fence of a module, where nothing else is asked for
EXPORTED = "check-tso-primary"


def one_system(default: str) -> Decorator:
    """A build and a fence: one of each is enough. ``default``: the fence where none is named, in words."""

    def both(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, kind, text in (
            ("--fence", FENCE, f"Join several with +.  [default: {default}]"),
            ("--build", BUILD, f"{_WHICH}.  [default: {builds.DEFAULT}]"),
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


def named(
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
        return fences.systems(builds_asked, fences_asked, default, dropped)
    except VariantError as error:
        raise click.BadParameter(str(error), param_hint="--build") from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--drop") from None

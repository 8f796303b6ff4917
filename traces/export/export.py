"""A system as a TLA+ module, with configurations for TLC."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ... import __version__
from ...checker.reductions import merging
from ...checker.reductions.folding import derive, of_safety
from ...model.language.tla import NotTla, camel, reserved
from ...model.variants import fences
from ...specs import properties
from ...specs.properties import Property
from ...specs.scenario import Scenario
from .module import configuration, module, stated
from .system import System
from .view import View

#: with a view, time needs no bound
_LONG = 1_000_000
_NAME = re.compile(r"(?!WF_|SF_)[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Exported:
    """The module, its configuration with bounded time, and the one with the view (empty: there is none)."""

    module: str
    bounded: str
    folded: str


def named(name: str) -> str:
    """A name that a module may have.

    Raises:
        NotTla: TLA+ takes no such name.
    """
    if not _NAME.fullmatch(name) or reserved(name):
        raise NotTla(
            f"a module called {name[:60]!r}: give the file a name of letters, digits and _, as in Upgrade.tla"
        )
    return name


def export(
    world: Scenario,
    fence: str,
    asked: Sequence[str],
    *,
    dropped: Sequence[tuple[str, str]] = (),
    ticks: int,
    name: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Exported:
    """The scenario under a fence, whose ``asked`` properties (none: all of safety) become formulas.

    ``ticks``: how far time goes where it is bounded; ``name``: the module's; ``progress`` is told how far
    proving is what a view needs.

    Raises:
        NotTla: something that TLA+ or TLC does not take; one line that says what.
        ValueError: unknown fence or property.
        KeyError: a guard to drop that does not exist.
        KeyboardInterrupt: Ctrl-C while what a view needs was proved.
    """
    name = named(camel(world.name) if name is None else name)
    judged = [properties.named(each) for each in asked or properties.NAMES]
    made = world.configuration(fences.parse(fence), dropped)
    made = merging.prove(made, judged, progress=progress).of(made)
    folding = derive(made, list(world.first_states(made)), of_safety(made, judged), progress=progress)
    made = folding.of(made)
    system = System(made, world.server_names, world.skew)
    formulas: Mapping[str, Property] = {system.names.fresh(camel(prop.name)): prop for prop in judged}
    view = View(system, made.folding) if folding.proved and made.folding is not None else None
    about = _about(world, fence, dropped, name)
    text = module(system, name, about, formulas, view)
    told = [formula for formula, prop in formulas.items() if stated(system, prop)]
    return Exported(
        text,
        configuration(system, [f"time goes {ticks} units at most", _how(name, "")], told, ticks, None),
        ""
        if view is None
        else configuration(
            system,
            ["time goes on forever: states are compared by the view", _how(name, "_folded")],
            told,
            _LONG,
            view.name,
        ),
    )


def written(
    world: Scenario,
    fence: str,
    asked: Sequence[str],
    *,
    dropped: Sequence[tuple[str, str]],
    ticks: int,
    target: str | None,
    progress: Callable[[str], None] | None,
) -> dict[str | None, str]:
    """The files of an export: the text of each; under None what goes to stdout, if there is no ``target``.

    Raises:
        UsageError: something that TLA+ or TLC does not take.
        KeyboardInterrupt: Ctrl-C while what a view needs was proved.
    """
    file = None if target in (None, "-") else Path(target or "")
    try:
        if file is not None and file.suffix != ".tla":
            raise NotTla(f"a module in a file {file.name[:60]!r}: its name has to end in .tla")
        stem = None if file is None else file.stem
        made = export(world, fence, asked, dropped=dropped, ticks=ticks, name=stem, progress=progress)
    except NotTla as error:
        raise click.UsageError(f"cannot be exported: {error}") from None
    if file is None:
        return {None: made.module}
    found: dict[str | None, str] = {str(file): made.module, str(file.with_suffix(".cfg")): made.bounded}
    if made.folded:
        found[str(file.with_name(f"{file.stem}_folded.cfg"))] = made.folded
    return found


def _about(world: Scenario, fence: str, dropped: Sequence[tuple[str, str]], name: str) -> list[str]:
    build, put_on_it = fences.parted(fence)
    return [
        f"PD's timestamp oracle in the scenario {world.name}: {world.description}",
        f"Build {build}, fence {put_on_it}: {fences.parse(fence).meaning}",
        *(f"Without the guard {label!r} of {transition}." for transition, label in dropped),
        f"Written by tsofence {__version__}. Actions are its transitions; a comment names the guard.",
        _how(name, ""),
    ]


def _how(name: str, which: str) -> str:
    return f"java -jar tla2tools.jar -config {name}{which}.cfg {name}.tla"

"""list: the names there are."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from ..specs import scenario
from ..traces.output.terminal import Terminal
from ..traces.output.writing import put
from ..traces.tell import schemas
from ..traces.tell.examples import examples
from ..traces.tell.listing import LISTS, listing

#: what `list` prints one of, by its name
_PRINTED: dict[str, Callable[[str], str]] = {
    "scenario": scenario.text_of,
    "schema": lambda name: json.dumps(schemas.schema(name), indent=2),
}


def _names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    there = {"scenario": scenario.names(), "schema": tuple(schemas.MEANINGS)}
    return [name for name in there.get(ctx.params.get("what", ""), ()) if name.startswith(incomplete)]


@click.command("list", epilog=examples("list"))
@click.argument("what", type=click.Choice([*LISTS, *_PRINTED]), required=False)
@click.argument("name", required=False, shell_complete=_names)
def command(what: str | None, name: str | None) -> int:
    """Say which names there are, and what they mean; or print one.

    With a NAME a scenario (TOML, to be changed and given to --scenario) or a JSON Schema is printed.
    """
    if what in _PRINTED:
        if name is None:
            raise click.UsageError(f"list {what} needs a name: tsofence list {what}s says which there are")
        try:
            put(_PRINTED[what](name), None)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return 0
    if name is not None:
        raise click.UsageError(f"only {' and '.join(_PRINTED)} take a name: leave out {name!r}")
    Terminal().print(listing([what] if what else LISTS))
    return 0

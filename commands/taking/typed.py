"""What a user typed, to be typed again: files of one's own and times are there as they were spelled."""

from __future__ import annotations

import click

_WORDS = "tsofence.typed"


class Typed(click.Command):
    """A command that can say what it was given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)


def typed(*names: str) -> list[str]:
    """The words of the command that runs which give these parameters, by their names in it; none where a
    function was called."""
    ctx = click.get_current_context(silent=True)
    if ctx is None or _WORDS not in ctx.meta:
        return []
    given, _, order = ctx.command.make_parser(ctx).parse_args(args=list(ctx.meta[_WORDS]))
    words: list[str] = []
    for param in sorted(dict.fromkeys(order), key=lambda each: isinstance(each, click.Option)):
        if param.name in names:
            value = given[param.name]
            several = value if isinstance(value, list | tuple) else [value]
            for each in several:
                words += _of(param, each)
    return words


def _of(param: click.Parameter, value: object) -> list[str]:
    option = [max(param.opts, key=len)] if isinstance(param, click.Option) else []
    # a switch has no word beside its name; an argument that is not given is none
    return [*option, value] if isinstance(value, str) else option

"""What an option may be given: kinds of values, each with its one line for what it is not."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from ...traces.sources.settings import duration_ns

#: more than any machine has; what is larger is no number that a search can be given
_MOST_GIB = 1 << 20


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

"""A cluster that runs, for the commands that look at one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from .kinds import Duration, Place

_NS_PER_S = 1_000_000_000
_OFTENEST_NS = 100_000_000


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
        from ...traces.live.collect import Order
        from ...traces.live.gateway import Access

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

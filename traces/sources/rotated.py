"""Pieces of one log: a server's file that was rotated, each a file of its own, given in any order.

A piece is called as its log, with the time at which it ended: `pd.log`, `pd-2026-03-11T07-18-15.190.log`
(lumberjack, which PD and TiDB write their logs with), `pd.log.1`, `pd.log-20260311` (logrotate), each also
packed.  Only one of them has the server's configuration, so only that one is sure of the server's name: the
others take it from there.  Lines are ordered by their times, whatever the order of the files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath

from .observation import Service
from .pdlog import Log

_ROTATED = re.compile(
    r"[-._]20\d\d-?\d\d-?\d\d(?:[-T_]\d\d-?\d\d(?:-?\d\d(?:\.\d{3})?)?)?$|\.(?:\d{1,3}|log|gz|zst|xz|bz2)$"
)


def base(file: str) -> tuple[str, str]:
    """The folder, and the name without what rotation and packing add."""
    name = PurePath(file).name
    while (cut := _ROTATED.sub("", name)) != name:
        name = cut
    return str(PurePath(file).parent), name


def named_alike(logs: Iterable[Log]) -> list[Log]:
    """The logs, those whose server only the file's name tells called as another piece of the same log says.

    Pieces of a log that tell of two servers are left as they are.
    """
    pieces: defaultdict[tuple[str, str], list[Log]] = defaultdict(list)
    every = list(logs)
    for log in every:
        if log.file:
            pieces[base(log.file)].append(log)
    told: dict[int, Log] = {}
    for parts in pieces.values():
        names = {log.server for log in parts if log.server and log.sure}
        services = {log.service for log in parts} - {Service.UNKNOWN}
        if len(parts) > 1 and len(names) == 1 and len(services) <= 1:
            (name,), service = names, next(iter(services), Service.UNKNOWN)
            told |= {id(log): _called(log, name, service) for log in parts if not log.sure}
    return [told.get(id(log), log) for log in every]


def _called(log: Log, name: str, service: Service) -> Log:
    """The log as that server's."""
    found = service if log.service is Service.UNKNOWN else log.service
    return replace(
        log,
        events=[
            replace(event, server=name, service=found if event.service is Service.UNKNOWN else event.service)
            for event in log.events
        ],
        starts=[replace(start, server=name) for start in log.starts],
        versions=[replace(version, server=name) for version in log.versions],
        service=found,
        server=name,
    )

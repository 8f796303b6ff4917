"""What people call TSO servers: by the names of the cluster, where files tell them, and not by addresses.

etcd, logs and clients have a TSO server's address in common; its name stands in its configuration (`TSO
service config`) and, as later releases write it, in the registry (`mcs/discovery`: `name`). The file of a log
that is sure of its server's address may be called after it, or the address have a host's name. Where nothing
names a server it gets a number. A name means one address only, and nothing else that a trace tells of is
called so: two servers never become one by it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

from .observation import Key, KeyEvent, Service
from .pdlog import Log
from .rotated import base
from .servers import address
from .trace import Trace

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
#: a file that is called after one of several servers has a number in its name
_OF_ONE = re.compile(r"(?:tso-)?(?P<name>(?=.*\d)[A-Za-z0-9][A-Za-z0-9._-]{0,62})")


def names(keys: Sequence[KeyEvent], logs: Sequence[Log]) -> dict[str, str]:
    """The name of each TSO server, by the address that etcd and logs have of it."""
    of_logs = {(event.server, event.service) for log in logs for event in log.events}
    of_logs |= {(start.server, start.service) for log in logs for start in log.starts}
    urls = dict.fromkeys(
        [event.server for event in keys if event.server and event.key is not Key.LEADER]
        + sorted(server for server, service in of_logs if service is Service.TSO)
    )
    leaders = {event.server for event in keys if event.key is Key.LEADER}
    others = {*(server for server, _ in of_logs), *leaders}
    told: defaultdict[str, list[str]] = defaultdict(list)
    for url, name in (*_configured(logs), *_registered(keys), *_filed(logs), *_hosts(urls)):
        told[url].append(name)
    wanted = {url: told[url][0] for url in urls if told[url]}
    often = Counter(wanted.values())
    found: dict[str, str] = {}
    for url in urls:
        if "://" not in url or url in leaders:  # of whom it is then, no name can tell
            continue
        name = wanted.get(url, "")
        if name and often[name] > 1:
            name = f"{name}@{url.partition('://')[2]}"
        if not name:
            name = _number(len(found), {*others, *wanted.values(), *found.values()})
        if name not in others and name not in found.values():
            found[url] = name
    return found


def _number(given: int, taken: Collection[str | None]) -> str:
    number = given + 1
    while f"tso{number}" in taken:
        number += 1
    return f"tso{number}"


def _configured(logs: Iterable[Log]) -> Iterator[tuple[str, str]]:
    for log in logs:
        for start in reversed(log.starts):
            if start.service is Service.TSO and _NAME.fullmatch(start.name):
                yield start.server, start.name


def _registered(keys: Iterable[KeyEvent]) -> Iterator[tuple[str, str]]:
    for event in keys:
        if event.key is Key.REGISTRY and event.server and event.text:
            with suppress(ValueError, RecursionError):
                entry = json.loads(event.text)
                name = entry.get("name") if isinstance(entry, dict) else None
                if isinstance(name, str) and _NAME.fullmatch(name):
                    yield event.server, name


def _filed(logs: Iterable[Log]) -> Iterator[tuple[str, str]]:
    for log in logs:
        if log.sure and log.file and log.service is Service.TSO:
            found = _OF_ONE.fullmatch(base(log.file)[1])
            if found:
                yield log.server, found["name"]


def _hosts(urls: Iterable[str]) -> Iterator[tuple[str, str]]:
    """A host's own name, where an address has one."""
    for url in urls:
        with suppress(ValueError):
            host = urlsplit(url).hostname or ""
            name = host.partition(".")[0]
            if _NAME.fullmatch(name) and not host.startswith("localhost") and not name.isdigit():
                yield url, name


class Places:
    """Which server is at which address, where a trace tells of one only."""

    def __init__(self, trace: Trace) -> None:
        at: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for event in trace.keys:
            for url in event.urls if event.server else ():
                at[url][event.server or ""] = None
        for start in trace.starts:
            for url in (*start.urls, *start.listens) if start.server else ():
                at[url][start.server] = None
        for name, url in trace.addresses.items():
            at[url][name] = None
        for name, urls in trace.members.items():
            for url in urls:
                at[url][name] = None
        self._at = {url: next(iter(names)) for url, names in at.items() if len(names) == 1}
        self._named = {address(url): name for url, name in self._at.items()}

    def of(self, endpoint: str) -> str:
        """The server at an address; else the address without what all have."""
        return self._named.get(address(endpoint)) or endpoint.rpartition("://")[2] or endpoint

    def by_server(self) -> dict[str, list[str]]:
        """The addresses of each server."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for url, name in self._at.items():
            found[name].append(url)
        return dict(found)


def of_key(event: KeyEvent, named: Mapping[str, str]) -> KeyEvent:
    """The event, its server called by name; its addresses stay in ``urls``."""
    url = event.url
    if event.key is Key.LEADER or url is None or url not in named:
        return event
    return replace(event, url=named[url], urls=event.urls or (url,))


def of_log(log: Log, named: Mapping[str, str]) -> Log:
    """The log, its server called by name."""
    servers = {each.server for each in log.events} | {each.server for each in log.starts} | {log.server}
    if not servers & named.keys():
        return log
    return replace(
        log,
        events=[replace(each, server=named.get(each.server, each.server)) for each in log.events],
        starts=[replace(each, server=named.get(each.server, each.server)) for each in log.starts],
        versions=[replace(each, server=named.get(each.server, each.server)) for each in log.versions],
        server=named.get(log.server, log.server),
    )

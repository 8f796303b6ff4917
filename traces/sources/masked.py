"""Logs in which somebody has masked addresses before they were handed on: `x.x.x.x:3379`, `http://***`.

A TSO server is known by its address alone, which etcd has as it is.  Which server a masked log is of, its
elections tell, whose revisions or leases etcd shows; else it is the one that no other log is of, if there is
one.  A log of which nothing tells that is nobody's.  What lines say of others by masked addresses is dropped.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from .naming import of_log
from .observation import Key, KeyEvent, LogEvent, LogStep, Service
from .pdlog import Log
from .rotated import base
from .settings import ServerStart

_PART = r"(?:\d{1,3}|[xX*]{1,3})"
_END = r"(?=[:/,\s\"'\\-]|$)"
#: where a host has no characters that hosts have, or parts that are x alone
_MASKED = re.compile(
    rf"(?:://|^)(?!(?:\d{{1,3}}\.){{3}}\d{{1,3}}{_END})"
    rf"(?:(?:{_PART}\.){{3}}{_PART}{_END}|[xX]{{3,}}{_END}|[^/:\s\"\\,]{{0,60}}[*?<>#…]"
    r"|\[?(?i:masked|redacted|hidden|removed|anonymi[sz]ed|ip)\]?(?=[:/,\s\"'\\]|$))"
)
#: what is said of a log that is nobody's
SAID = "addresses are masked, and nothing tells of which server it is: it is not used"
#: steps whose text names servers
_NAMING = (LogStep.FOLLOWING, LogStep.TRANSFER, LogStep.SAVE_ATTEMPT, LogStep.KEY_OF_ANOTHER)


def is_masked(text: str) -> bool:
    """Whether an address, or one in a text, has no host any more."""
    return _MASKED.search(text) is not None


def unmasked(logs: Sequence[Log], keys: Sequence[KeyEvent]) -> tuple[list[Log], set[str]]:
    """The logs, those of masked servers as of the servers that etcd has; and the files that are nobody's."""
    found = [_without_others(log) for log in logs]
    masked: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, log in enumerate(found):
        if log.server and log.service is Service.TSO and is_masked(log.server):
            masked[base(log.file) if log.file else ("", str(number))].append(number)
    if not masked:
        return found, set()
    known = [event.server for event in keys if event.server and event.key in (Key.PRIMARY, Key.REGISTRY)]
    left = {*known} - {log.server for log in logs}
    whose = {of: _elected([found[each] for each in numbers], keys) for of, numbers in masked.items()}
    left -= {*whose.values()}
    others = [of for of, server in whose.items() if not server]
    if len(others) == len(left) == 1:
        whose[others[0]] = left.pop()
    nobodys: set[str] = set()
    for of, numbers in masked.items():
        for number in numbers:
            log = found[number]
            if server := whose[of]:
                found[number] = of_log(log, {log.server: server})
            elif known or len(masked) > 1:
                nobodys |= {event.where.file for event in log.events}
                found[number] = replace(log, events=[], starts=[], sure=False)
    return found, nobodys


def _elected(logs: Sequence[Log], keys: Sequence[KeyEvent]) -> str:
    """The server that was elected where these logs tell of it; empty: nothing tells, or several were."""
    held = {event.revision: event for event in keys if event.key is Key.PRIMARY and event.put}
    granted = {event.lease: event for event in held.values() if event.lease}
    won = {
        event.server
        for log in logs
        for line in log.events
        for event in (
            held.get(line.revision or 0) if line.step is LogStep.ELECTED else None,
            granted.get(line.lease or 0),
        )
        if event is not None and event.server
    }
    return won.pop() if len(won) == 1 else ""


def _without_others(log: Log) -> Log:
    """The log without what its lines say of others by masked addresses."""

    def line(event: LogEvent) -> LogEvent:
        names = event.step in _NAMING and any(map(is_masked, re.split(r"\s*->\s*|\s+", event.text)))
        return replace(event, text="") if names else event

    def start(each: ServerStart) -> ServerStart:
        urls, listens = (
            tuple(url for url in urls if not is_masked(url)) for urls in (each.urls, each.listens)
        )
        return replace(each, urls=urls, listens=listens)

    return replace(log, events=[*map(line, log.events)], starts=[*map(start, log.starts)])

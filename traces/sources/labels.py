"""Whose a log line is, by what a store keeps beside it: columns of a table, keys of a document.

| what | its names |
|---|---|
| pod | `pod`, `pod_name`, `podName`, `kubernetes.pod.name`, `resource.labels.pod_name`, `_pod_name_` |
| stream | `logStreamName` |
| host | `host`, `hostname`, `host.name`, `_HOSTNAME`, `node`, `Computer`, `_sourceHost` |
| instance | `instance` |
| container | `container`, `container_name`, `kubernetes.container.name` |

Of a name only letters count, capitals or not.  A pod or a stream says it alone; else all that there is, for a
host may run many containers, and many hosts a container of one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from .observation import MAX_NAME

_ALONE = ("pod", "podname", "logstreamname")
_HOSTS = ("host", "hostname", "node", "computer", "sourcehost")
_TOGETHER = (_HOSTS, ("instance",), ("container", "containername"))
_KNOWN = frozenset((*_ALONE, *(name for names in _TOGETHER for name in names)))
_NO_LETTER = re.compile(r"[^a-z]")
_PARTS = re.compile(r"[.:]")


def whose(told: Mapping[str, str]) -> str:
    """Whose it is by what is told under these names; empty: nothing of it says so."""
    found: dict[str, str] = {}
    for name, value in told.items():
        if value and (known := called(name[-MAX_NAME:])):  # what is remembered stays small
            found.setdefault(known, value)
    alone = next((found[name] for name in _ALONE if name in found), "")
    each = (next((found[name] for name in names if name in found), "") for names in _TOGETHER)
    return alone or "/".join(filter(None, each))


@lru_cache(maxsize=1 << 10)
def called(name: str) -> str:
    """What a name means, by its last part or its last two (`host.name`); empty: nothing of this."""
    parts = _PARTS.split(name.lower())
    spelt = (_NO_LETTER.sub("", "".join(parts[-many:])) for many in (1, 2))
    return next((each for each in spelt if each in _KNOWN), "")

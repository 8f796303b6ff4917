"""Keyspace groups: each has a primary, a timestamp key and an allocator of its own.

Group 0 is the default one, and the only one that PDs hand out timestamps for.

| what | group 0 | another one |
|---|---|---|
| election key | `/ms/{id}/tso/00000/primary` | `/ms/{id}/tso/keyspace_groups/election/{group}/primary` |
| timestamp key | `/pd/{id}/timestamp` | `/ms/{id}/tso/{group}/gta/timestamp` |
| in logs | nothing, or as others | `keyspace-group-id`, `group-id`; a key, a purpose, a participant's name |

Sources: `pkg/utils/keypath`, `pkg/tso`, `pkg/mcs/tso`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

#: the default group, and the last one
DEFAULT, LAST = 0, 99_999

_IDS = ("keyspace-group-id", "group-id")
_KEYS = ("leader-key", "ts-window-key", "primary-path")
_NAMES = ("name", "campaign-tso-primary-name", "server-name")
_KEY = re.compile(r"/ms/\d{1,20}/tso/(?:keyspace_groups/election/)?(\d{5})/.*")
_PARTICIPANT = re.compile(r"[a-z]+://.*-(\d{5})")
_PURPOSE = re.compile(r".* (\d{5})")


def told(fields: Mapping[str, str]) -> int | None:
    """The group that the fields of a log line name, `None` if none."""
    for name in _IDS:
        if (text := fields.get(name, "")) and len(text) <= 5 and text.isascii() and text.isdigit():
            return int(text)
    for pattern, names in ((_KEY, _KEYS), (_PARTICIPANT, _NAMES), (_PURPOSE, ("purpose",))):
        for name in names:
            if found := pattern.fullmatch(fields.get(name, "")):
                return int(found[1])
    return None


@cache
def paths(group: int) -> re.Pattern[str]:
    """The paths of a group's keys; their parts say which key and whose registry entry it is.

    The PD leader's and the registry are those of all groups.
    """
    primary = r"primary(?:/expected_primary)?"
    if group == DEFAULT:
        pd_keys, ms_keys = "leader|timestamp", rf"00000/(?P<ms_key>{primary})"
    else:
        pd_keys = "leader"
        ms_keys = (
            rf"(?:keyspace_groups/election/{group:05d}/(?P<ms_key>{primary})"
            rf"|{group:05d}/gta/(?P<ms_timestamp>timestamp))"
        )
    return re.compile(
        rf"/(?:pd/(?P<pd>\d{{1,20}})/(?P<pd_key>{pd_keys})"
        rf"|ms/(?P<ms>\d{{1,20}})/tso/(?:{ms_keys}|registry/(?P<address>.{{1,500}})))"
    )

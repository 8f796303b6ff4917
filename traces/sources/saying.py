"""What the fields of a log line add to the step that its message tells of: values, keys, revisions."""

import json
import re
from dataclasses import replace

from . import groups
from .etcd import key_of
from .observation import (
    LOGICAL_BITS,
    MAX_LEASE_S,
    MAX_NAME,
    MAX_NS,
    MAX_TEXT,
    NS_PER_MS,
    Key,
    LogEvent,
    LogStep,
    Refusal,
)
from .zap import time_ns

_GROUP = re.compile(r"-\d{5}$")  # a TSO participant's name is its URL and its keyspace group
#: fields that name the server that writes the line, whatever its message
_OWN_NAMES = (
    "campaign-leader-name",
    "campaign-pd-leader-name",
    "campaign-tso-primary-name",
    "leader-name",
    "old-pd-leader-name",
    "tso-primary-name",
)
_OWN_NAME = re.compile(rf"\[(?:{'|'.join(_OWN_NAMES)})=")
#: those that do so in the lines that are read
_NAMES = (*_OWN_NAMES, "server-name", "name")
#: whom a server follows: a PD by its name, a TSO server by its address and keyspace group
_FOLLOWED = ("pd-leader", "leader", "tso-primary")
_PD = re.compile(r'name:"([^"]+)"')
_TSO = re.compile(r'name:"[^"]*-(\d{5})".*listen_urls:"([^"]+)"')
_REASONS = (
    ("tso microservice primary exists", Refusal.FENCE),
    ("is less than or equal to the previous one", Refusal.NOT_GREATER),
    ("is not leader", Refusal.LEADERSHIP),
    ("ErrEtcdTxnConflict", Refusal.CONFLICT),
    ("timestamp in memory has not been initialized", Refusal.NO_MEMORY),
)
_PURPOSES = {
    "leader election": Key.LEADER,
    "pd leader election": Key.LEADER,  # to 6.6
    "keyspace group primary election": Key.PRIMARY,
    "tso expected primary": Key.EXPECTED_PRIMARY,
}
_NUMBER = re.compile(r" \d{5}$")  # of the keyspace group, in a purpose since June 2026
#: what an allocator does: it names its keyspace group, or that is group 0
_OF_ALLOCATORS = frozenset(
    {
        LogStep.SYNC_START,
        LogStep.WINDOW_LOADED,
        LogStep.CLOCK_BEHIND,
        LogStep.SYNC_SAVED,
        LogStep.SYNC_SKIPPED,
        LogStep.SAVE_ATTEMPT,
        LogStep.WINDOW_SAVED,
        LogStep.STALE_FAILURE,
        LogStep.RESET,
        LogStep.ALLOCATOR_CLOSED,
        LogStep.CLOCK_OFFSET,
        LogStep.LOGICAL_LOW,
        LogStep.ADMIN_RESET,
        None,  # a save that is refused
    }
)


def with_fields(event: LogEvent, fields: dict[str, str], group: int) -> LogEvent | None:
    """The event with what its line gives; `None` when the line does not tell of the step after all."""
    event = replace(
        event,
        text=fields.get("error", "")[:MAX_TEXT] or event.text,
        key=key_of(fields.get("leader-key", ""), group)
        or _PURPOSES.get(_NUMBER.sub("", fields.get("purpose", ""))),
        revision=integer(fields.get("revision")),
        last_ns=time_ns(fields.get("last", "")),
        last_saved_ns=time_ns(fields.get("last-saved", "")),
        save_ns=time_ns(fields.get("save", "")),
        next_ns=time_ns(fields.get("next", "")),
    )
    match event.step:
        case LogStep.ELECTED:
            revision = _elected_at(fields.get("resp", ""))
            return None if revision is None else replace(event, revision=revision)
        case LogStep.LEASE_GRANTED:
            lease_s = integer(fields.get("lease-timeout"))
            return replace(
                event,
                lease=integer(fields.get("lease-id")),
                lease_s=lease_s if lease_s is None or lease_s < MAX_LEASE_S else None,
            )
        case LogStep.WINDOW_LOADED:
            return replace(event, last_ns=time_ns(fields.get("ts-window", "")))
        case LogStep.SAVE_ATTEMPT | LogStep.KEY_OF_ANOTHER:
            fenced = {"true": True, "false": False}.get(fields.get("check-tso-primary", ""))
            own = fields.get("expected-leader-value", "")[:MAX_TEXT]
            return replace(event, text=own, save_ns=time_ns(fields.get("ts", "")), fenced=fenced)
        case LogStep.CLOCK_OFFSET:
            return replace(
                event,
                last_ns=time_ns(fields.get("prev-physical", "")),
                next_ns=time_ns(fields.get("now", "")),
            )
        case LogStep.ADMIN_RESET:
            timestamp = integer(fields.get("new-ts"))
            return replace(
                event,
                next_ns=None if timestamp is None else _time((timestamp >> LOGICAL_BITS) * NS_PER_MS),
            )
        case LogStep.BEYOND_LIMIT if "attempted_ts" in fields:
            limit = fields.get("max_allowed", "") or fields.get("limit", "")
            told = f"{event.text}: {fields['attempted_ts']} exceeds the limit {limit}"
            return replace(event, text=f"{told}, source={fields.get('source', '')}"[:MAX_TEXT])
        case LogStep.FOLLOWING:
            return replace(event, text=_followed(fields, group))
        case LogStep.TRANSFER:
            return replace(event, text=f"{fields.get('from', '')} -> {fields.get('to', '')}"[:MAX_TEXT])
        case _:
            return event


def names_itself(line: str) -> bool:
    """Whether a line of any message names the server that writes it."""
    return "-name=" in line and _OWN_NAME.search(line) is not None


def named(fields: dict[str, str], step: LogStep | None, *, read: bool = True) -> str:
    """The server's name, from lines that give it beside the message; ``read``: one of `words.py`."""
    names = _NAMES if read else _OWN_NAMES
    name = next((fields[each] for each in names if fields.get(each)), "")
    if not name and step is LogStep.TRANSFER:
        name = fields.get("from", "")  # who resigns, or makes way
    return _GROUP.sub("", name) if len(name) <= MAX_NAME else ""


def concerns(group: int, step: LogStep | None, fields: dict[str, str]) -> bool:
    """Whether a line may concern a keyspace group."""
    if step in (LogStep.SERVER_START, LogStep.SERVER_EXIT):
        return True
    told = groups.told(fields)
    return told == group if told is not None else group == groups.DEFAULT or step not in _OF_ALLOCATORS


def refusal(error: str) -> Refusal:
    """Why a save was refused, by the error."""
    return next((reason for sign, reason in _REASONS if sign in error), Refusal.OTHER)


def _followed(fields: dict[str, str], group: int) -> str:
    """Whom the server follows: the name of a PD, the address of a TSO server that leads the group."""
    value = next((fields[each] for each in _FOLLOWED if fields.get(each)), "")[:MAX_TEXT]
    if found := _TSO.search(value):
        return found[2] if int(found[1]) == group else ""
    found = _PD.search(value) if "tso-primary" not in fields else None
    return found[1] if found else ""


def _elected_at(resp: str) -> int | None:
    """The revision of an election transaction that succeeded."""
    try:
        answer = json.loads(resp)
        revision = answer["header"]["revision"] if answer["succeeded"] is True else None
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return revision if type(revision) is int and revision > 0 else None


def integer(text: str | None) -> int | None:
    return int(text) if text and len(text) < 20 and text.isascii() and text.isdigit() else None


def _time(ns: int) -> int | None:
    return ns if 0 <= ns < MAX_NS else None

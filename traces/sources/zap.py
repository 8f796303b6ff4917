"""Lines of zap's console encoder: `[time] [LEVEL] [file.go:line] ["message"] [field=value]...`

Times carry their offset from UTC. A field's name and value stand in quotes where they need it, as in JSON.
"""

import json
import re
from datetime import UTC, datetime, timedelta

from .observation import MAX_NS

_TIME = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d"
# Possessive, and no key or bare value goes on past a bracket: so no text is looked at again and again.
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_HEAD = re.compile(
    rf"\[({_TIME})\] \[[A-Z]+\] (?:(?:\[[\w.-]+\] )?\[[^\]\"= ]*:\d+\] )?\[({_QUOTED}|[^\]\"=]*)\]"
)
_FIELD = re.compile(rf"\[({_QUOTED}|[^\[\]\"=]++)=({_QUOTED}|[^\[\]\"]*+)\]")
#: what may follow: fields to the end of the line, or the line is damaged, as where a part of a log is missing
_FIELDS = re.compile(rf"(?: \[(?:(?:{_QUOTED}|[^\[\]\"=]++)=(?:{_QUOTED}|[^\[\]\"]*+))?\])*+\s*")
_OBJECT = re.compile(rf"=(?=\"{{)({_QUOTED})\]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def head(text: str) -> re.Match[str] | None:
    """The beginning of a line, up to its message; group 1 is the time, 2 the message. None: it is no line."""
    return _HEAD.match(text)


def damaged(begun: re.Match[str]) -> bool:
    """Whether what follows the beginning of a line is anything but fields."""
    line, begin = begun.string, begun.end()
    return _FIELDS.fullmatch(line, begin) is None or not _whole_objects(line, begin)


def message(begun: re.Match[str]) -> str:
    """What the line says."""
    return _unquote(begun[2])


def fields(begun: re.Match[str]) -> dict[str, str]:
    """What follows a line's message."""
    return {_unquote(found[1]): _unquote(found[2]) for found in _FIELD.finditer(begun.string, begun.end())}


def time_ns(text: str) -> int | None:
    """A zap time, `2026/11/23 07:09:28.483 +00:00`, in Unix nanoseconds.

    `None` for Go's zero time, in whatever offset it is shown, and for what is no time since 1970.
    """
    try:
        moment = datetime.fromisoformat(text.replace("/", "-").replace(" ", "T", 1).replace(" ", ""))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    ns = (moment - _EPOCH) // _MICROSECOND * 1000
    return ns if 0 <= ns < MAX_NS else None


def _whole_objects(line: str, begin: int) -> bool:
    """Whether what begins as an object in a line's fields ends as one, and is JSON if its first key is."""
    return '="{' not in line or all(
        found[1].endswith('}"') and (not found[1].startswith('"{\\"') or _is_json(found[1]))
        for found in _OBJECT.finditer(line, begin)
    )


def _is_json(quoted: str) -> bool:
    try:
        json.loads(json.loads(quoted))
    except (ValueError, RecursionError):
        return False
    return True


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text)).encode(errors="replace").decode()
    except ValueError:
        return text[1:-1]

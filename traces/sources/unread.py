"""What a file may be that is in none of the forms that are read.

What it says is missing then, so that nothing is said to hold which it could have decided.  A description, a
picture, a page of notes is none of these, though it lies beside a recording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from .trace import Unread

#: what etcdctl writes without `-w json`: plain, with `--hex`, with `-w fields`
_ETCDCTL = re.compile(
    rb"(?:PUT|DELETE)\s*$|/(?:pd|ms)/\d{5}|\\x2f(?:\\x70\\x64|\\x6d\\x73)\\x2f(?:\\x3\d){5}"
    rb'|"(?:ClusterID|ModRevision)" :'
)
#: of lines, where one such is enough
_FIRST = 3
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF")
_DATED = re.compile(rb"\b20\d\d[-/.]\d\d[-/.]\d\d[T ]\d\d:\d\d:\d\d")
_NUMBER = re.compile(rb"(?<![\w.-])\d{13,19}(?![\w-])")
_WATCH_KEYS = {"kv", "kvs", "events", "Events", "header", "Header"}
_LOG_KEYS = {"msg", "message", "level"}
_CALL_KEYS = {"physical", "logical", "tso", "ts", "timestamp"}
#: which milliseconds since 1970 a timestamp may have
_SINCE, _UNTIL = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (2015, 2040))
#: of the lines of a file that is made of them
_MANY = 0.5


def unread_kind(lines: Sequence[bytes | None]) -> Unread | None:
    """What a file may be that begins with these lines (None: too long); None: nothing of the kind."""
    told = [line for line in lines if line is None or line.strip()]
    if not told:
        return None
    first = told[0]
    if any(line is not None and _ETCDCTL.match(line) for line in told[:_FIRST]):
        return Unread.WATCH
    if first is None or b"\0" in first or _is_no_text(told):
        picture = first is not None and first.startswith(_PICTURES)
        return None if picture else Unread.ANYTHING
    texts = [line for line in told if line is not None]
    documents = [_document(line) for line in texts]
    whole = _document(b"\n".join(texts))
    if isinstance(whole, dict) or texts[0].strip() == b"{":
        # one document, on however many lines, is a description, unless it is a state of etcd
        return Unread.WATCH if any(b'"kvs"' in line for line in texts) else None
    if isinstance(whole, list):
        documents = whole
        texts = [json.dumps(each).encode() for each in documents]
    if _mostly(isinstance(each, dict) and bool(_WATCH_KEYS & each.keys()) for each in documents):
        return Unread.WATCH
    if _mostly(isinstance(each, dict) and bool(_LOG_KEYS & each.keys()) for each in documents):
        return Unread.LOG
    if _mostly(isinstance(each, dict) and bool(_CALL_KEYS & each.keys()) for each in documents):
        return Unread.CALLS
    if _mostly(any(map(_is_timestamp, _NUMBER.findall(line))) for line in texts[1:] or texts):
        return Unread.CALLS
    if _mostly(_DATED.search(line, 0, 200) is not None for line in texts):
        return Unread.LOG
    return None


def _is_no_text(lines: Sequence[bytes | None]) -> bool:
    try:
        b"\n".join(line for line in lines if line is not None).decode()
    except UnicodeDecodeError:
        return True
    return False


def _document(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mostly(answers: Iterable[bool]) -> bool:
    """Whether this is so of most of them."""
    every = list(answers)
    return sum(every) >= _MANY * len(every) > 0


def _is_timestamp(digits: bytes) -> bool:
    """Whether a number may be a timestamp in ms, or one with its logical part."""
    number = int(digits)
    return any(_SINCE <= ms < _UNTIL for ms in (number, number >> 18))

"""What others put around a server's log line, taken off again: containers, kubectl, journald, grep.

| who | what a line looks like | whose line it is |
|---|---|---|
| CRI (containerd) | `2026-11-23T07:09:26.689Z stdout F [2026/11/23 …`; `P`: it goes on in the next | |
| docker, json-file | `{"log":"[2026/11/23 …\\n","stream":"stdout",…}`; no `\\n`: it goes on | |
| journald, JSON | `{"MESSAGE":"[2026/11/23 …","_HOSTNAME":"pd-0", …}` | `_HOSTNAME` |
| log stores, JSON | a text anywhere in `{"_source":{"message":"[2026/11/23 …"}}`, one or many | pod, host … |
| log stores, CSV | `2026-11-23T07:09:26.689Z,"[2026/11/23 … [""…""] …",pd-0` | |
| logcli | `2026-11-23T07:09:26Z {pod="pd-0"} [2026/11/23 …` | pod |
| aws logs tail | `2026-11-23T07:09:26+00:00 pd/pd-0/8a7f [2026/11/23 …` | stream |
| journald, syslog | `Nov 23 07:09:26 pd-0 pd-server[812]: [2026/11/23 …`, or with another time | host |
| syslog, RFC 5424 | `<14>1 2026-11-23T07:09:26.689Z pd-0 pd-server 812 - - [2026/11/23 …` | host |
| kubectl `--timestamps`, CI | `2026-11-23T07:09:26.689Z [2026/11/23 …`, `[07:09 AM] [2026/11/23 …` | |
| `gh run view --log` | `job\tstep\t2026-11-23T07:09:26.689Z [2026/11/23 …` | |
| kubectl `--prefix` | `[pod/basic-pd-0/pd] [2026/11/23 …` | pod and container |
| stern | `basic-pd-0 pd [2026/11/23 …`, with its namespace before it | pod and container |
| docker compose | `pd-0  \\| [2026/11/23 …` | service |
| grep | `pd-0.log:812:[2026/11/23 …` (`-` around a match) | file |
| mail, lists, code | `> [2026/11/23 …`, `- [2026/11/23 …`, `    [2026/11/23 …`, `  12  [2026/11/23 …` | |

They may stand before one another (a grep in what kubectl wrote).  PD's own JSON lines (`log.format = "json"`)
become text lines.  Colours are dropped; typographic quotes, as mail and chat make them, and HTML's become
plain ones; between brackets one space is left, and a time or a level in another spelling becomes zap's.
What has none of these forms stays as it is: half a line before a whole one is no prefix, but damage.

A line that is broken where a screen ended, and none before it was longer, is put together with what follows.
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from . import fallbacks, labels, words, zap
from .lines import MAX_LINE, Tally
from .observation import MAX_NAME

#: bytes before which a log line has to begin, and how many forms may stand there
_ROOM, _FORMS_BEFORE = 1000, 16
_LINE = re.compile(rb"\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d\] \[[A-Z]+\] ")
#: the same with ISO's spellings of a time, finer than it is written, and a level in small letters
_LOOSE = re.compile(
    rb"\[(\d{4})[/-](\d\d)[/-](\d\d)[ T](\d\d:\d\d:\d\d\.\d{3})\d{0,6} ?(?:Z|([+-]\d\d):?(\d\d))\]"
    rb" \[([A-Za-z]+)\] "
)
_SPACES = re.compile(rb"\](?:[ \t]|\xc2\xa0)+\[")
_COLOUR = re.compile(
    rb"(?:\x1b|\^\[)\[[0-9;?]{0,20}[A-Za-z]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|\x1b\([A-Z0-9]"
)
_HTML_QUOTE = re.compile(rb"&(?:quot|#34|#x22);")
_FIELD = re.compile(rb"\[[\w.-]{1,100}=")
_CURLY = re.compile(b"\xe2\x80[\x9c\x9d]")
_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_CRI = re.compile(rb"%s (?:stdout|stderr) ([FP])(?: |$)" % _ISO)
_CLOCK = rb"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: [AaPp][Mm])?"
_UNIT = rb"(?P<of>[\w.-]{1,253}) [\w@.-]{1,100}(?:\[\d{1,10}\])?: "
_POD = rb"[a-z0-9][a-z0-9.]{0,250}-[a-z0-9.-]{1,250}"
_FORMS = tuple(
    map(
        re.compile,
        (
            rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? " + _UNIT,
            rb"(?:[A-Z][a-z]{2} )?" + _ISO + rb"(?: [A-Z]{3,4})? " + _UNIT,
            rb"(?:\d{9,10}\.\d{1,9}|\[ {0,10}\d{1,10}\.\d{1,9}\]) " + _UNIT,
            rb"<\d{1,3}>1 " + _ISO + rb" (?P<of>[\w.-]{1,253}) (?:[^\s\[]{1,100} ){3}(?:-|\[[^\]]{1,500}\]) ",
            rb"<\d{1,3}>(?=[A-Z])",
            rb"[>*-] |[ \t]+",
            _ISO + rb"[ \t]+",
            rb"\[(?:%s|%s)\][ \t]+" % (_ISO, _CLOCK),
            _CLOCK + rb"[ \t]+",
            rb"\d{1,10}[ \t]+",
            rb"[ \t]{0,8}MESSAGE=",
            rb"\{(?:[^{}]{0,300}?\b(?:pod|instance|host)=\"(?P<of>[^\"]{1,253})\")?[^{}]{0,300}\}[ \t]+",
            rb"[^\t\[\]\"=]{1,200}\t(?=[^\t\[\]\"=]{1,200}\t|\d)",
            rb"\[(?P<of>pod/[\w./-]{1,400})\] ",
            rb"(?P<of>[\w.-]{1,253}) +\| ",
            rb"(?P<of>[^\s\[\]\"=:]{1,400})(?P<mark>[:-])\d{1,10}(?P=mark)",
            rb"(?P<of>[^\s\[\]\"=:][^\t\[\]\"=:]{0,399}\.[a-z]\w{0,7}):\d{1,10}:",
            rb"\d{1,10}[:-]",
            rb"(?P<of>[^\s\[\]\"=:]{1,400}):",
            rb"(?:[a-z0-9-]{1,63} )?(?P<of>" + _POD + rb" [a-z0-9-]{1,100}) ",
            rb"(?P<of>[\w.-]{1,200}/[\w./-]{1,300}) ",
        ),
    )
)


#: of a document, how far into it lines are looked for
_DEPTH = 6
#: of a line, its time
_TIME = len("[2026/11/23 07:09:28.483")
#: how many parts a line may be broken into, and by how much a part may be shorter that ends between words
_PARTS, _WORD = 60, 40

_Part = tuple[str, bytes, bool]


@dataclass(frozen=True, slots=True)
class Line:
    """A line as its server wrote it (None: it is too long), and whose it is, if what was around it tells.

    `moved`: how many lines further on it was written.
    """

    number: int
    content: bytes | None
    of: str = ""
    moved: int = 0


def unwrapped(lines: Iterable[tuple[int, bytes | None]], tally: Tally) -> Iterator[Line]:
    """The lines of servers.  One that was taken apart is put together, with the number of its last part."""
    return _unbroken(_unwrapped(lines, tally))


def _unwrapped(lines: Iterable[tuple[int, bytes | None]], tally: Tally) -> Iterator[Line]:
    begun, since, last = b"", 0, Line(0, b"")
    for number, raw in lines:
        if raw is None or _is_plain(raw):
            yield Line(number, raw)
            continue
        for of, line, goes_on in _taken_off(raw):
            if begun and _LINE.match(line):  # what was before it was all of it
                yield replace(last, content=begun)
                begun, since = b"", 0
            if not begun and not goes_on:
                yield Line(number, line, of)
                continue
            begun, since, last = begun + line, since or number, Line(number, None, of)
            if len(begun) > MAX_LINE:
                yield Line(number, None)
                begun, since = b"", 0
            elif not goes_on:
                yield replace(last, content=begun)
                begun, since = b"", 0
    if begun and _is_whole(begun):
        yield replace(last, content=begun)
    elif begun:
        tally.skip(since, "a log line of which the rest is missing")


def _unbroken(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, those that a screen broke put together, with the number of their first part."""
    parts: list[Line] = []
    longest, indent = 0, _WORD
    for line in lines:
        content = (line.content or b"").strip()
        if parts and content and _LINE.match(content) is None and _goes_on(parts, content, longest, indent):
            parts.append(line)
            indent = min(indent, _blanks(line.content or b""))
            continue
        yield from _together(parts, indent)
        parts = [line]
        longest = max(longest, len(content))
    yield from _together(parts, indent)


def _blanks(text: bytes) -> int:
    """How many stand before it."""
    return len(text) - len(text.lstrip())


def _goes_on(parts: list[Line], content: bytes, longest: int, indent: int) -> bool:
    """Whether a line may be the next part of one that is broken."""
    first = parts[0].content or b""
    if _LINE.match(first) is None or len(first) < longest - _WORD or len(content) > len(first) + _WORD:
        return False
    if len(parts) == _PARTS or (len(parts) > 1 and len(parts[-1].content or b"") < len(first) - _WORD):
        return False
    whole = any(map(_is_whole, _joined(parts, indent) if len(parts) > 1 else (first,)))
    return not whole or _FIELD.match(content) is not None


def _together(parts: list[Line], indent: int) -> Iterable[Line]:
    """The line that these are parts of, or if they make none, each of them."""
    if len(parts) < 2:
        return parts
    whole = [*filter(_is_whole, _joined(parts, indent))]
    if not whole:
        return parts
    return [replace(parts[0], content=next(filter(_is_protocol, whole), whole[0]))]


def _is_protocol(line: bytes) -> bool:
    """Whether a line is one of those that are read."""
    head = zap.head(line.decode(errors="replace"))
    message = zap.message(head) if head else ""
    return fallbacks.SIGN in message or (head is not None and words.step_of(message, head.string) is not None)


def _joined(parts: list[Line], indent: int) -> Iterator[bytes]:
    """What the parts may be together: broken at a width, and all but the first indented, or between words."""
    first, *others = (part.content or b"" for part in parts)
    texts = [first, *(text[indent:] for text in others)]
    at_a_width = b"".join(texts)
    words = b" ".join(text.strip() for text in texts).replace(b"- ", b"-")
    one_width = len({*map(len, texts[:-1])}) == 1
    yield from (at_a_width, words) if one_width else (words, at_a_width)


def _is_whole(line: bytes) -> bool:
    head = zap.head(line.decode(errors="replace"))
    return head is not None and not zap.damaged(head)


def unwrap(raw: bytes) -> bytes:
    """One line, as its server wrote it; of many in one document the first."""
    return whose(raw)[1]


def whose(raw: bytes) -> tuple[str, bytes]:
    """Whose line it is, if what is around it tells, and the line."""
    return ("", raw) if _is_plain(raw) else _taken_off(raw)[0][:2]


def _is_plain(raw: bytes) -> bool:
    """Whether a line is as its server wrote it, as nearly all are: that is looked at for each."""
    return (
        _LINE.match(raw) is not None
        and b"\x1b" not in raw
        and b"]  [" not in raw
        and b"]\t" not in raw
        and not (b"&" in raw and _HTML_QUOTE.search(raw))
        and (raw.isascii() or not (b"\xe2\x80" in raw or b"\xc2\xa0" in raw))
    )


def _taken_off(raw: bytes) -> list[_Part]:
    """Whose line it is, the line, and whether it goes on in the next one; each that is in a document."""
    line, goes_on = raw, False
    if b"\x1b" in line or b"^[[" in line:
        line = _COLOUR.sub(b"", line)
    if line[:1] == b"{":
        return _of_json(line)
    if cri := _CRI.match(line):
        line, goes_on = line[cri.end() :], cri[1] == b"P"
    line = _as_zap(line)
    of = ""
    if begins := _LINE.search(line, 0, _ROOM):
        whose = _before(line, begins.start())
        if whose is None:
            return [_of_row(line) or ("", raw, False)]
        of, line = whose, line[begins.start() :]
    elif (begin := line.find(b'{"', 0, _ROOM)) >= 0 and (whose := _before(line, begin)) is not None:
        return [(whose or of, each, goes_on) for of, each, goes_on in _of_json(line[begin:])]
    if b'"' not in line:
        line = _CURLY.sub(b'"', line)
    return [(of, line, goes_on)]


def _before(line: bytes, end: int) -> str | None:
    """Whose line it is by what stands before it, up to ``end``; None: that has none of the forms."""
    of: list[bytes | None] = []
    at = 0
    while at < end:
        if len(of) == _FORMS_BEFORE:
            return None
        found = next(filter(None, (form.match(line, at) for form in _FORMS)), None)
        if found is None or found.end() > end:
            return None
        of.append(found.groupdict().get("of"))
        at = found.end()
    return "/".join(name.decode(errors="replace") for name in of if name)


def _of_row(line: bytes) -> _Part | None:
    """The log line that is a cell of a table's row."""
    for delimiter in ",;\t":
        try:
            cells = next(csv.reader([line.decode(errors="surrogateescape")], delimiter=delimiter), [])
        except csv.Error:
            continue
        for cell in cells:
            told = cell.strip().encode(errors="surrogateescape")
            if _LINE.match(told) and told != line and _is_whole(told):
                return "", told, False
    return None


def _as_zap(line: bytes) -> bytes:
    """A line as zap spells it, with whatever is before it."""
    if b'"' not in line and _HTML_QUOTE.search(line):
        line = html.unescape(line.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    line = _SPACES.sub(b"] [", line)
    if _LINE.search(line, 0, _ROOM) or not (found := _LOOSE.search(line, 0, _ROOM)):
        return line
    year, month, day, time, hours, minutes, level = found.groups()
    zone = b"%s:%s" % (hours or b"+00", minutes or b"00")
    begun = b"[%s/%s/%s %s %s] [%s] " % (year, month, day, time, zone, level.upper())
    return line[: found.start()] + begun + line[found.end() :]


def _of_json(raw: bytes) -> list[_Part]:
    """The same of a document in JSON."""
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError):
        return [("", raw, False)]
    if not isinstance(given, dict):
        return [("", raw, False)]
    text = given.get("log")
    if isinstance(text, str) and isinstance(given.get("stream"), str):
        goes_on = not text.endswith("\n") and given.get("_p") != "F"  # fluent-bit's `_p`, of CRI's
        return [(_labelled(given), unwrap(text.removesuffix("\n").encode(errors="replace")), goes_on)]
    if all(isinstance(given.get(key), str) for key in ("level", "time", "message")):
        line = unwrap(given["message"].encode(errors="replace"))
        if not _LINE.match(line):
            return [(_labelled(given), _as_text(given).encode(errors="replace"), False)]
    found = [*_lines_in(given)]
    if len(found) > 1 and found[0][1][:_TIME] > found[-1][1][:_TIME]:  # stores give the newest first
        found.reverse()
    return found or [("", raw, False)]


def _lines_in(given: Any, of: str = "", depth: int = 0) -> Iterator[_Part]:
    """The log lines that are texts in a document, whatever their keys, and whose they are."""
    if isinstance(given, str):
        line = unwrap(given.rstrip("\r\n").encode(errors="replace"))
        if _LINE.match(line):
            yield of, line, False
    elif depth < _DEPTH and isinstance(given, dict):
        of = _labelled(given) or of
        message = given.get("MESSAGE")
        if isinstance(message, list):  # journald's, of a text with colours: each byte as a number
            given = {**given, "MESSAGE": _of_bytes(message)}
        for each in given.values():
            yield from _lines_in(each, of, depth + 1)
    elif depth < _DEPTH and isinstance(given, list):
        for each in given:
            yield from _lines_in(each, of, depth + 1)


def _of_bytes(numbers: list[Any]) -> str:
    try:
        return bytes(numbers).decode(errors="replace")
    except (TypeError, ValueError):
        return ""


def _labelled(given: dict[str, Any]) -> str:
    """Whose line it is, by what a log store says of its stream."""
    return labels.whose(dict(_texts_in(given)))[:MAX_NAME]


def _texts_in(given: dict[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The texts of a document, by dotted names, its own before those of what is in it."""
    yield from ((before + key, each) for key, each in given.items() if isinstance(each, str))
    if depth < _DEPTH:
        for key, each in given.items():
            if isinstance(each, dict):
                yield from _texts_in(each, f"{before}{key}."[-MAX_NAME:], depth + 1)


def _as_text(given: dict[str, Any]) -> str:
    """A line that PD wrote in JSON, as it writes text."""
    level, time, caller, message = (given.get(key, "") for key in ("level", "time", "caller", "message"))
    fields = {key: value for key, value in given.items() if key not in ("level", "time", "caller", "message")}
    head = f"[{time}] [{level.upper()}] [{caller}] [{json.dumps(message, ensure_ascii=False)}]"
    return head + "".join(f" [{_word(key)}={_word(value)}]" for key, value in fields.items())


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if re.fullmatch(r"[^\s\"=\[\]]+", text) else json.dumps(text, ensure_ascii=False)

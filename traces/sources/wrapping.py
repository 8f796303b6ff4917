"""What others put around a server's log line, taken off again: containers, kubectl, journald, grep.

| who | what a line looks like | whose line it is |
|---|---|---|
| CRI (containerd) | `2026-11-23T07:09:26.689Z stdout F [2026/11/23 …`; `P`: it goes on in the next | |
| docker, json-file | `{"log":"[2026/11/23 …\\n","stream":"stdout",…}`; no `\\n`: it goes on | |
| journald, JSON | `{"MESSAGE":"[2026/11/23 …","_HOSTNAME":"pd-0", …}` | `_HOSTNAME` |
| Loki, Grafana, JSON | `{"line":"[2026/11/23 …","labels":{"pod":"pd-0"}}`, `fields` | pod, instance, host |
| journald, syslog | `Nov 23 07:09:26 pd-0 pd-server[812]: [2026/11/23 …`, or with an ISO time | host |
| syslog, RFC 5424 | `<14>1 2026-11-23T07:09:26.689Z pd-0 pd-server 812 - - [2026/11/23 …` | host |
| kubectl `--timestamps`, CI | `2026-11-23T07:09:26.689Z [2026/11/23 …` | |
| kubectl `--prefix` | `[pod/basic-pd-0/pd] [2026/11/23 …` | pod and container |
| stern | `basic-pd-0 pd [2026/11/23 …` | pod and container |
| docker compose | `pd-0  \\| [2026/11/23 …` | service |
| grep | `pd-0.log:812:[2026/11/23 …` (`-` around a match) | file |
| mail, lists, code | `> [2026/11/23 …`, `- [2026/11/23 …`, `    [2026/11/23 …` | |

They may stand before one another (a grep in what kubectl wrote).  PD's own JSON lines (`log.format = "json"`)
become text lines.  Colours are dropped; typographic quotes, as mail and chat make them, and HTML's become
plain ones; between brackets one space is left, and a time or a level in another spelling becomes zap's.
What has none of these forms stays as it is: half a line before a whole one is no prefix, but damage.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .lines import MAX_LINE, Tally
from .observation import MAX_NAME

#: bytes before which a log line has to begin
_ROOM = 1000
_LINE = re.compile(rb"\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d\] \[[A-Z]+\] ")
#: the same with ISO's spellings of a time, finer than it is written, and a level in small letters
_LOOSE = re.compile(
    rb"\[(\d{4})[/-](\d\d)[/-](\d\d)[ T](\d\d:\d\d:\d\d\.\d{3})\d{0,6} ?(?:Z|([+-]\d\d):?(\d\d))\]"
    rb" \[([A-Za-z]+)\] "
)
_SPACES = re.compile(rb"\](?:[ \t]|\xc2\xa0)+\[")
_COLOUR = re.compile(rb"\x1b\[[0-9;]{0,20}[A-Za-z]")
_CURLY = re.compile(b"\xe2\x80[\x9c\x9d]")
_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_CRI = re.compile(rb"%s (?:stdout|stderr) ([FP])(?: |$)" % _ISO)
_UNIT = rb"(?P<of>[\w.-]{1,253}) [\w@.-]{1,100}(?:\[\d{1,10}\])?: "
_FORMS = tuple(
    map(
        re.compile,
        (
            rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d " + _UNIT,
            _ISO + rb" " + _UNIT,
            rb"<\d{1,3}>1 " + _ISO + rb" (?P<of>[\w.-]{1,253}) (?:[^\s\[]{1,100} ){3}(?:-|\[[^\]]{1,500}\]) ",
            rb"<\d{1,3}>(?=[A-Z])",
            rb"[>*-] |[ \t]+",
            _ISO + rb"[ \t]+",
            rb"\[(?P<of>pod/[\w./-]{1,400})\] ",
            rb"(?P<of>[\w.-]{1,253}) +\| ",
            rb"(?P<of>[^\s\[\]\"=:]{1,400})(?P<mark>[:-])\d{1,10}(?P=mark)",
            rb"\d{1,10}[:-]",
            rb"(?P<of>[^\s\[\]\"=:]{1,400}):",
            rb"(?P<of>[a-z0-9][a-z0-9.]{0,250}-[a-z0-9.-]{1,250} [a-z0-9-]{1,100}) ",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as its server wrote it (None: it is too long), and whose it is, if what was around it tells."""

    number: int
    content: bytes | None
    of: str = ""


def unwrapped(lines: Iterable[tuple[int, bytes | None]], tally: Tally) -> Iterator[Line]:
    """The lines of servers.  One that was taken apart is put together, with the number of its last part."""
    begun, since = b"", 0
    for number, raw in lines:
        if raw is None or _is_plain(raw):
            yield Line(number, raw)
            continue
        of, line, goes_on = _taken_off(raw)
        if begun or goes_on:
            begun, since = begun + line, since or number
            if len(begun) > MAX_LINE:
                yield Line(number, None)
                begun, since = b"", 0
            elif not goes_on:
                yield Line(number, begun, of)
                begun, since = b"", 0
            continue
        yield Line(number, line, of)
    if begun:
        tally.skip(since, "a log line of which the rest is missing")


def unwrap(raw: bytes) -> bytes:
    """One line, as its server wrote it."""
    return whose(raw)[1]


def whose(raw: bytes) -> tuple[str, bytes]:
    """Whose line it is, if what is around it tells, and the line."""
    return ("", raw) if _is_plain(raw) else _taken_off(raw)[:2]


def _is_plain(raw: bytes) -> bool:
    """Whether a line is as its server wrote it, as nearly all are: that is looked at for each."""
    return (
        _LINE.match(raw) is not None
        and b"\x1b" not in raw
        and b"]  [" not in raw
        and b"]\t" not in raw
        and b"&quot;" not in raw
        and (raw.isascii() or not (b"\xe2\x80" in raw or b"\xc2\xa0" in raw))
    )


def _taken_off(raw: bytes) -> tuple[str, bytes, bool]:
    """Whose line it is, the line, and whether it goes on in the next one."""
    line, of, goes_on = raw, [], False
    if b"\x1b" in line:
        line = _COLOUR.sub(b"", line)
    if line[:1] == b"{":
        return _of_json(line)
    if cri := _CRI.match(line):
        line, goes_on = line[cri.end() :], cri[1] == b"P"
    line = _as_zap(line)
    if begins := _LINE.search(line, 0, _ROOM):
        at = 0
        while at < begins.start():
            found = next(filter(None, (form.match(line, at) for form in _FORMS)), None)
            if found is None or found.end() > begins.start():
                return "", raw, False
            of.append(found.groupdict().get("of"))
            at = found.end()
        line = line[at:]
    if b'"' not in line:
        line = _CURLY.sub(b'"', line)
    return "/".join(name.decode(errors="replace") for name in of if name), line, goes_on


def _as_zap(line: bytes) -> bytes:
    """A line as zap spells it, with whatever is before it."""
    if b'"' not in line and b"&quot;" in line:
        line = html.unescape(line.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    line = _SPACES.sub(b"] [", line)
    if _LINE.search(line, 0, _ROOM) or not (found := _LOOSE.search(line, 0, _ROOM)):
        return line
    year, month, day, time, hours, minutes, level = found.groups()
    zone = b"%s:%s" % (hours or b"+00", minutes or b"00")
    begun = b"[%s/%s/%s %s %s] [%s] " % (year, month, day, time, zone, level.upper())
    return line[: found.start()] + begun + line[found.end() :]


def _of_json(raw: bytes) -> tuple[str, bytes, bool]:
    """The same of a line in JSON."""
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError):
        return "", raw, False
    if not isinstance(given, dict):
        return "", raw, False
    host = given.get("_HOSTNAME")
    of = host[:MAX_NAME] if isinstance(host, str) else ""
    for key in ("log", "MESSAGE", "message", "line"):
        text = given.get(key)
        if not isinstance(text, str):
            continue
        if key == "log" and isinstance(given.get("stream"), str):
            return of, unwrap(text.removesuffix("\n").encode(errors="replace")), not text.endswith("\n")
        line = unwrap(text.encode(errors="replace"))
        if _LINE.match(line):
            return of or _labelled(given), line, False
    if all(isinstance(given.get(key), str) for key in ("level", "time", "message")):
        return of, _as_text(given).encode(errors="replace"), False
    return "", raw, False


def _labelled(given: dict[str, Any]) -> str:
    """Whose line it is, by what a log store says of its stream."""
    labels = next((each for key in ("labels", "fields") if isinstance(each := given.get(key), dict)), {})
    names = (labels.get(label) for label in ("pod", "instance", "host"))
    return next((name[:MAX_NAME] for name in names if isinstance(name, str)), "")


def _as_text(given: dict[str, Any]) -> str:
    """A line that PD wrote in JSON, as it writes text."""
    level, time, caller, message = (given.get(key, "") for key in ("level", "time", "caller", "message"))
    fields = {key: value for key, value in given.items() if key not in ("level", "time", "caller", "message")}
    head = f"[{time}] [{level.upper()}] [{caller}] [{json.dumps(message, ensure_ascii=False)}]"
    return head + "".join(f" [{_word(key)}={_word(value)}]" for key, value in fields.items())


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if re.fullmatch(r"[^\s\"=\[\]]+", text) else json.dumps(text, ensure_ascii=False)

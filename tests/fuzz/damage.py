"""Damage done to files: of bytes, of lines, of what JSON and base64 hold, of the encoding, of gzip.

An operation takes a file's content, a number that says where and how, and bytes of no meaning. Each is total:
whatever content it gets, it gives content.
"""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Operation = Callable[[bytes, int, bytes], bytes]

_NUMBER = re.compile(rb"-?\d+")
_BASE64 = re.compile(rb'"([A-Za-z0-9+/]{8,}={0,2})"')
_NUMBERS = (
    b"0",
    b"-1",
    b"1e308",
    b"1" * 19,
    b"9" * 20,
    b"9" * 400,
    b"NaN",
    b"1_0",
    b"0x1f",
    b"007",
    b"\xd9\xa3",
)
_HOSTILE = "[/bold]x[red]\x1b[2J\x9b31m\u202e\x07\rfake\nunique   holds\u2028\x00"
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1 << 62, 1 << 63, 1 << 64, 10**30, 0.5, 1e308, float("nan"), float("inf")),
    *(
        "",
        "0",
        "x" * 600,
        "7" * 30,
        _HOSTILE,
        "\ud800",
        "\x00",
        "%s{0}",
        [],
        {},
        [[]],
        {"": {}},
        [None] * 300,
    ),
)
#: no line of any file that is read, whatever stands before and behind it
_UNREADABLE = (
    b"",
    b"\x00",
    b"%%%",
    b"\xff\xfe",
    b"{",
    b"[1, 2",
    b'"x"',
    b"null",
    b"{" * 3000,
    b"nonsense " * 50,
)


def _at(content: bytes, number: int) -> int:
    return number % (len(content) + 1)


def _flip(content: bytes, number: int, _: bytes) -> bytes:
    if not content:
        return content
    at, bit = divmod(number % (8 * len(content)), 8)
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def _overwrite(content: bytes, number: int, noise: bytes) -> bytes:
    at = _at(content, number)
    return content[:at] + noise + content[at + len(noise) :]


def _insert(content: bytes, number: int, noise: bytes) -> bytes:
    at = _at(content, number)
    return content[:at] + noise + content[at:]


def _cut_end(content: bytes, number: int, _: bytes) -> bytes:
    return content[: _at(content, number)]


def _cut_beginning(content: bytes, number: int, _: bytes) -> bytes:
    return content[_at(content, number) :]


def _splice(content: bytes, number: int, _: bytes) -> bytes:
    """Two pieces of one file after each other: what is between them is lost or stands there twice."""
    return content[: _at(content, number)] + content[_at(content, number // 7919) :]


def _lines(change: Callable[[list[bytes], int, bytes], object]) -> Operation:
    def operation(content: bytes, number: int, noise: bytes) -> bytes:
        lines = content.split(b"\n")
        change(lines, number % len(lines), noise)
        return b"\n".join(lines)

    return operation


def _move_line(lines: list[bytes], at: int, noise: bytes) -> None:
    lines.insert(len(noise) % len(lines), lines.pop(at))


def _spread_noise(lines: list[bytes], at: int, noise: bytes) -> None:
    lines[at] = noise.join(lines[at][start : start + 40] for start in range(0, len(lines[at]), 40))


def _number(content: bytes, number: int, _: bytes) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    which, other = found[number % len(found)], _NUMBERS[number // 31 % len(_NUMBERS)]
    return content[: which.start()] + other + content[which.end() :]


def _inside_base64(content: bytes, number: int, noise: bytes) -> bytes:
    """A changed value of a key, or a changed key, in base64 that is as it should be."""
    found = list(_BASE64.finditer(content))
    if not found:
        return content
    which = found[number % len(found)]
    try:
        value = b64decode(which[1])
    except ValueError:
        return content
    changed = BYTES[number // 31 % len(BYTES)](value, number // 977, noise)
    return content[: which.start(1)] + b64encode(changed) + content[which.end(1) :]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) of a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _changed_json(text: bytes, number: int, keep: int) -> bytes | None:
    try:
        document = json.loads(text)
        places = list(_places(document))
    except (ValueError, RecursionError):
        return None
    if not places:
        return None
    container, key = places[number % len(places)]
    value = _VALUES[number // 31 % len(_VALUES)]
    match keep:
        case 0:
            del container[key]
        case 1 if isinstance(container, dict):
            container[str(value)[:600]] = container.pop(key)
        case 2:
            container[key] = [container[key]]
        case _:
            container[key] = value
    return json.dumps(document).encode()


def _json(content: bytes, number: int, noise: bytes) -> bytes:
    """Another value, name or type somewhere in a document, or in a line that is one."""
    if (whole := _changed_json(content, number, len(noise) % 8)) is not None:
        return whole
    lines = content.split(b"\n")
    at = number % len(lines)
    lines[at] = _changed_json(lines[at], number // 31, len(noise) % 8) or lines[at]
    return b"\n".join(lines)


def _nest(content: bytes, number: int, noise: bytes) -> bytes:
    opening = (b"[", b'{"a":', b"{", b"(", b"[a=")[number % 5]
    return _insert(content, number // 5, opening * (20_000 if noise else 200))


def _encode(content: bytes, number: int, _: bytes) -> bytes:
    to = ("utf-16", "utf-32", "utf-8-sig", "utf-7", "cp500")[number % 5]
    return content.decode("latin-1").encode(to, errors="replace")


def _pack(content: bytes, number: int, _: bytes) -> bytes:
    return gzip.compress(content, number % 10, mtime=0)


BYTES: tuple[Operation, ...] = (_flip, _overwrite, _insert, _cut_end, _cut_beginning, _splice)
_OPERATIONS: tuple[Operation, ...] = (
    *BYTES,
    _lines(lambda lines, at, _: lines.pop(at)),
    _lines(lambda lines, at, _: lines.insert(at, lines[at])),
    _lines(lambda lines, at, noise: lines.insert(at, noise)),
    _lines(_move_line),
    _lines(_spread_noise),
    *(_number, _inside_base64, _json, _json, _json, _nest, _encode, _pack),
)

_NOISE = st.one_of(
    st.binary(max_size=40), st.sampled_from([_HOSTILE.encode(), b"\x00" * 30, b'"', b"}", b"\\"])
)
_WHERE = st.integers(0, (1 << 40) - 1)


def _applied(content: bytes, operations: list[tuple[Operation, int, bytes]]) -> bytes:
    for operation, number, noise in operations:
        content = operation(content, number, noise)[: 1 << 20]
    return content


def _unreadable(content: bytes, where: list[tuple[int, bytes]], instead: bool) -> bytes:
    lines = content.splitlines()
    for number, line in where:
        at = number % len(lines)
        lines[at : at + instead] = [line]
    return b"\n".join([*lines, b""])


_SEVERAL = st.lists(st.tuples(st.sampled_from(_OPERATIONS), _WHERE, _NOISE), min_size=1, max_size=4)
_LINES = st.lists(st.tuples(_WHERE, st.sampled_from(_UNREADABLE)), min_size=1, max_size=4)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of these files after a few operations."""
    return st.builds(_applied, st.sampled_from(seeds), _SEVERAL)


def one_damaged(files: Mapping[str, Sequence[bytes]]) -> st.SearchStrategy[tuple[str, bytes]]:
    """The name of one of these files, and one of its contents after a few operations."""
    return st.sampled_from(sorted(files)).flatmap(lambda name: st.tuples(st.just(name), damaged(files[name])))


def one_with_unreadable_lines(files: Mapping[str, bytes]) -> st.SearchStrategy[tuple[str, bytes]]:
    """The name of one of these files, and its lines with some that nobody can read among them.

    They stand between the others, or in the place of some.
    """
    return st.sampled_from(sorted(files)).flatmap(
        lambda name: st.tuples(
            st.just(name), st.builds(_unreadable, st.just(files[name]), _LINES, st.booleans())
        )
    )

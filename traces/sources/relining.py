"""JSON as `jq` prints it, indented or in an array: each document on one line, that on which it begins.

Documents of an array that stand on one line get lines of their own. What is no JSON, or is cut off, comes out
as it is.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from io import BufferedReader

#: how a file begins whose documents stand on several lines, or are in an array
BEGIN = re.compile(rb"\s*(?:\{\s*\n|\[\s*\{)")
#: as much as shows that
PEEK = 64
_BETWEEN = re.compile(r"[\s,\[\]]*")
_STEP = 1 << 16
_MOST = 8 << 20


def documents(file: BufferedReader) -> Iterator[bytes]:
    """The text of a file with a document a line."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    scan = json.JSONDecoder().raw_decode
    text, owed, begun = "", 0, False
    while True:
        piece = file.read(max(_STEP, len(text)))
        text += decoder.decode(piece, final=not piece)
        at = 0
        while (begin := _skip(text, at)) < len(text):
            try:
                _, end = scan(text, begin)
            except (ValueError, RecursionError):
                break
            owed += text.count("\n", at, begin)
            yield b"\n" * max(owed, int(begun)) + _one_line(text[begin:end])
            owed, begun, at = text.count("\n", begin, end), True, end
        text = text[at:]
        if not piece or len(text) > _MOST:
            yield b"\n" * owed + (text.encode() if text.strip(" \t\r\n,]") or not begun else b"\n")
            break
    while piece := file.read1(_STEP):
        yield decoder.decode(piece).encode()


def _skip(text: str, at: int) -> int:
    between = _BETWEEN.match(text, at)
    return between.end() if between else at


def _one_line(document: str) -> bytes:
    return document.replace("\n", " ").replace("\r", " ").encode()

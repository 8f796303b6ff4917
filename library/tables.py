"""Results as notebooks show them: whatever they quote is text, never markup."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from pathlib import Path

from ..traces.output.terminal import clean

_COLOURS = {"violated": "#b3261e", "does": "#b3261e", "unknown": "#8a5300", "vacuous": "#666666"}


def path(given: str | os.PathLike[str]) -> Path:
    """A path; an empty text, which a variable that is not set is, is none.

    Raises:
        ValueError: it is empty.
    """
    if not os.fspath(given):
        raise ValueError("expected a path, got an empty text")
    return Path(given)


def matrix(cells: Iterable[tuple[str, str, str]]) -> str:
    """A table of (row, column, what stands there)."""
    found = {(row, column): text for row, column, text in cells}
    rows, columns = (list(dict.fromkeys(key[at] for key in found)) for at in (0, 1))
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(
        f"<tr><th>{_text(row)}</th>{''.join(_cell(found.get((row, column), '')) for column in columns)}</tr>"
        for row in rows
    )
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    colour = _COLOURS.get(text.partition(" ")[0])
    style = f' style="color: {colour}"' if colour else ""
    return f"<td{style}>{_text(text)}</td>"


def _text(text: str) -> str:
    return escape(clean(text))


def frame(page: str) -> str:
    """A whole page in a cell of a notebook, which it cannot reach out of."""
    return (
        f'<iframe srcdoc="{escape(page)}" sandbox="allow-scripts" title="a run, step by step" '
        'style="border: 0; width: 100%; height: 40em"></iframe>'
    )

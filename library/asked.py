"""What is asked for, as names: builds with fences, files and fences of one's own among them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Literal

from ..model.language.variant import Variant
from ..model.variants import fences
from ..specs import own

#: a name, a Python file that has it (``./mine.py``), or the thing itself
Named = str | os.PathLike[str] | Variant


def texts(given: str | Iterable[str]) -> tuple[str, ...]:
    """One, several or none."""
    return (given,) if isinstance(given, str) else tuple(given)


def named(given: Named | Iterable[Named]) -> tuple[Named, ...]:
    """One, several or none."""
    return (given,) if isinstance(given, str | os.PathLike | Variant) else tuple(given)


def variants(given: Iterable[Named], what: Literal["fence", "build"]) -> tuple[str, ...]:
    """The names of these fences or builds, which are known from then on.

    Raises:
        ValueError: a file or a fence that cannot be used; the message is one line.
    """
    return tuple(
        fences.add(each, what) if isinstance(each, Variant) else fences.take(os.fspath(each), what)
        for each in given
    )


def properties(given: str | Iterable[str], default: Sequence[str]) -> tuple[str, ...]:
    """The properties asked for, by name; ``./mine.py:NAME`` is one of one's own.

    Raises:
        ValueError: there is none of that name; the message lists what there is.
    """
    asked = tuple(own.take(each) for each in texts(given))
    for name in asked:
        own.known(name)
    return tuple(dict.fromkeys(asked or default))

"""What is asked for, as names: builds with fences, files and fences of one's own among them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Literal

from ..model.builds import known as builds
from ..model.language.variant import Variant, VariantError
from ..model.pd import system
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


def systems(
    of_builds: Sequence[str],
    of_fences: Sequence[str],
    default: Sequence[str],
    dropped: Iterable[tuple[str, str]],
) -> list[str]:
    """The names of all builds with all fences; a build with none, if no fence is asked for.

    Raises:
        VariantError: a build and a fence that exclude each other.
        ValueError: an unknown name, or a guard to drop that there is not.
    """
    for build in of_builds:
        fences.build(build)
    under = of_fences or ([fences.NONE] if of_builds else default)
    names = [fences.of_build(build, fence) for build in of_builds or [builds.DEFAULT] for fence in under]
    for name in names:
        try:
            system.transitions(fences.whole(name), dropped)
        except VariantError as error:
            raise VariantError(f"{name}: {error}") from None
        except KeyError as error:
            raise ValueError(f"under {name}: {error.args[0]}") from None
    return list(dict.fromkeys(names))

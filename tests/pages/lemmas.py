"""docs/lemmas.md: the lemmas that come with tsofence beside those that are found, with none of them given.

`python -m tests.pages.lemmas`: the table made again.  What stands above it is written by hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tsofence.checker.proof import houdini
from tsofence.checker.proof.induct import Induction
from tsofence.model.variants import fences
from tsofence.specs.assumptions import assumption
from tsofence.specs.lemmas import Lemma, enough
from tsofence.specs.properties import named

from .page import Page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "lemmas.md"
SECTION = "Shipped and found"

#: each with the assumptions under which it is proved
CELLS = (
    ("off", "key-monotone"),
    ("off", "window"),
    ("save-cas", "unique"),
    (fences.ALL[-1], "unique"),
    (fences.ALL[-1], "real-time"),
    ("check-tso-primary", "single-writer"),
    ("check-tso-primary", "unique"),
    ("check-tso-primary", "session"),
    ("dynamic-8780", "unique"),
    ("save-cas", "real-time"),
    ("off", "one-live"),
    ("off", "two-of-a-kind"),
)
_COLUMNS = (
    "fence, property",
    "shipped",
    "obligations",
    "s",
    "found",
    "obligations",
    "s",
    "to find them, s",
    "not needed",
    "new",
)


def row(fence_name: str, name: str) -> tuple[str, ...]:
    """What comes with tsofence for a cell, what is found, and how they differ."""
    fence, prop = fences.whole(fence_name), named(name)
    assumed = [assumption(each) for each in enough(fence, name)]
    shipped = Induction(fence, prop, assumed)
    began = time.process_time()
    found = houdini.find(fence, prop, assumed) or ()
    searched = time.process_time() - began
    ours = Induction(fence, prop, assumed, given=found)
    return (
        f"{fence_name}, {name}",
        *_proved(shipped),
        *_proved(ours),
        f"{searched:.0f}",
        _names(shipped.lemmas, found),
        _names(found, shipped.lemmas),
    )


def _proved(induction: Induction) -> tuple[str, str, str]:
    """How many lemmas and obligations, and how long they took."""
    began = time.process_time()
    if not all(each.obligation.result == "proved" for each in induction.decide()):
        return str(len(induction.lemmas)), "not proved", ""
    return str(len(induction.lemmas)), str(len(induction)), f"{time.process_time() - began:.1f}"


def _names(these: Sequence[Lemma], those: Sequence[Lemma]) -> str:
    there = {lemma.name for lemma in those}
    return "; ".join(lemma.name for lemma in these if lemma.name not in there) or "none"


def _lines() -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|" + "---|" * len(_COLUMNS)
    for cell in CELLS:
        yield f"| {' | '.join(row(*cell))} |"


if __name__ == "__main__":
    page = Page.read(PAGE)
    page.sections[SECTION] = "\n".join(_lines())
    page.write(PAGE, [SECTION])

"""What is known of PD's bugs is told once: by `traces/questions/bugs.py` and by docs/history.md alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tsofence.model.builds import known as builds
from tsofence.traces.questions.bugs import BUGS, Bug, known_bugs
from tsofence.traces.questions.terms import terms
from tsofence.traces.sources.builds import recognise
from tsofence.traces.sources.reading import read

_PAGE = Path(__file__).parents[2] / "docs" / "history.md"
_EVERY = 999


def _rows() -> dict[int, dict[str, str]]:
    """The table of the page, by the first issue of each row."""
    lines = [
        [cell.strip() for cell in line.strip()[1:-1].split("|")]
        for line in _PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    columns, *rows = lines
    found = (dict(zip(columns, row, strict=True)) for row in rows)
    return {int(re.findall(r"\d+", row["issue"])[0]): row for row in found}


def _version(number: tuple[int, int, int], *, without: int) -> str:
    """A release; its line alone, where its last number says no more than that."""
    return ".".join(map(str, number[:2] if number[2] == without else number))


def _spelled(bug: Bug) -> str:
    """The releases that have it, as the page spells them."""
    told = []
    for low, high in bug.releases:
        last = _version(high, without=_EVERY)
        first = last if low == high else _version(low, without=0)
        told.append(first if first == last else f"{first} to {last}")
    return ", ".join(told)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: str(bug.issue))
def test_the_page_and_the_answers_name_the_same_releases(bug: Bug) -> None:
    row = _rows()[bug.issue]
    assert row["releases that have it"] == _spelled(bug)
    shown_in = {name for name in builds.SHIPPED if name in re.split(r"[;, ]+", row["before"])}
    assert shown_in <= set(bug.builds)


def test_what_the_page_has_beside_these_is_in_no_release_that_is_asked_about() -> None:
    """Those were mended before 4.0, or before anything was released."""
    left = {issue: row["releases that have it"] for issue, row in _rows().items()}
    for bug in BUGS:
        del left[bug.issue]
    assert set(left.values()) <= {"none", "candidates of 5.0", "up to 3.0.9", ""}


def test_how_releases_are_spelled() -> None:
    bug = Bug(
        1, "", (((5, 0, 0), (5, 0, 6)), ((6, 0, 0), (6, 0, 999)), ((7, 1, 0), (8, 5, 999)), ((9, 0, 0),) * 2)
    )
    assert _spelled(bug) == "5.0 to 5.0.6, 6.0, 7.1 to 8.5, 9.0.0"


def test_a_build_some_commits_after_a_release_has_what_its_build_has() -> None:
    """9.0.0 itself has it not: `v9.0.0-beta.2.pre-200-gc67277a89` is the base of pull 10473."""
    trace = read([Path(__file__).parents[1] / "live" / "recorded" / "pr-ready-without-memory"])
    found = known_bugs(trace, terms(trace), recognise(trace.versions))
    assert (found.verdict, "11086" in found.text) == ("yes", True), found
